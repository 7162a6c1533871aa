"""Mixtures as ONNX graphs."""

import json
from typing import Any, Literal

import numpy as np

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_input import fitted_model, mixture_of
from gaussmix.core.student import refuse_degrees
from gaussmix.core.typing import FloatArray, Form
from gaussmix.core.whitened import WhitenedMixture

OPSET, IR_VERSION = 18, 8
"""Versions of the operators and of the file format; onnxruntime reads them from version 1.14 on."""


_OTHER_PREDICTIONS = ("component_classes_", "target_names_", "offset_")  # classifier, regressor, outlier detector


def to_onnx(model: Any, dtype: Literal["float64", "float32"] = "float64") -> Any:
    """Convert a mixture to an ONNX model.

    The input is ``X`` (n, d), the outputs are ``label`` (n,), ``probabilities`` (n, k) and ``log_density`` (n,).
    Means are subtracted before anything is squared, so offsets cost no digits.

    Parameters
    ----------
    model : Mixture or fitted estimator
        The outputs are those of ``predict``, ``predict_proba`` and ``score_samples``, for `BayesianGaussianMixture`
        too. Of scikit-learn's estimators only ``GaussianMixture`` is accepted. Classifiers, regressors and outlier
        detectors predict something else than components: convert their ``mixture_``.
    dtype : {"float64", "float32"}, default="float64"
        Type of the input, of the arithmetic and of the outputs. Use "float32" only where the runtime has no other type,
        as on many accelerators: rows between components can change their label.

    Returns
    -------
    onnx.ModelProto
        The model; ``onnx.save(result, path)`` writes it. Names of features are in its metadata, as a JSON list.

    Raises
    ------
    MissingDependencyError
        If onnx is not installed.
    TypeError
        If the model is a ``BayesianGaussianMixture`` of scikit-learn: convert it with `from_sklearn` first, whose
        labels differ for some rows. Also if it is a classifier, a regressor or an outlier detector.
    ValueError
        If ``dtype`` is neither of the two types, or if a number of the model is beyond the range of "float32".

    Notes
    -----
    The graph does not know missing values: a row with NaN has the log density NaN.
    A row that is more than 1e153 standard deviations from every mean (1e18 in "float32") has no density: its
    ``log_density`` is ``-inf``, its label is 0 and its probabilities are NaN.
    """
    onnx = _import_onnx()
    if dtype not in ("float64", "float32"):
        raise ValueError(f"dtype must be 'float64' or 'float32', got {dtype!r}")
    mixture, whitened = _scores_of(model)
    whitened = whitened.as_full()
    kind = onnx.TensorProto.DOUBLE if dtype == "float64" else onnx.TensorProto.FLOAT
    arrays = _constants(whitened, np.dtype(dtype))
    info, k, d = onnx.helper.make_tensor_value_info, mixture.n_components, mixture.n_features
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(*parts, **attributes) for *parts, attributes in _nodes(whitened.form)],
        "gaussian_mixture",
        [info("X", kind, ["n", d])],
        [
            info("label", onnx.TensorProto.INT64, ["n"]),
            info("probabilities", kind, ["n", k]),
            info("log_density", kind, ["n"]),
        ],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    result = onnx.helper.make_model(
        graph,
        producer_name="gaussmix",
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.helper.set_model_props(result, {"feature_names": json.dumps(list(mixture.names))})
    onnx.checker.check_model(result)
    return result


def _scores_of(model: Any) -> tuple[Mixture, WhitenedMixture]:
    """Return the mixture of a model, and the scores by which it predicts."""
    fitted = fitted_model(model)
    mixture = mixture_of(fitted)
    mixture.refuse_noise("to_onnx")
    refuse_degrees(mixture.degrees_of_freedom, "to_onnx")
    if any(hasattr(fitted, name) for name in _OTHER_PREDICTIONS):
        raise TypeError(
            f"labels of the graph are components, which {type(fitted).__name__} does not predict: pass its mixture_"
        )
    if hasattr(fitted, "posterior_"):
        return mixture, fitted.posterior_.whitened()
    if hasattr(fitted, "degrees_of_freedom_"):
        raise TypeError(
            "scikit-learn's BayesianGaussianMixture predicts by expectations: convert it with from_sklearn first"
        )
    return mixture, mixture.whitened()


def _constants(whitened: WhitenedMixture, dtype: np.dtype[Any]) -> dict[str, FloatArray]:
    """Return the arrays of the graph."""
    factors = whitened.factors
    if FORMS[whitened.form].is_diagonal:
        factors = factors.reshape(whitened.n_components, 1, -1)
    arrays = {
        "offsets": whitened.offsets[:, None],
        "means": whitened.means[:, None, :],
        "factors": factors,
        "half": np.array(-0.5),
        "least": np.array(np.finfo(dtype).min),
    }
    with np.errstate(over="ignore"):
        converted = {name: np.ascontiguousarray(array, dtype=dtype) for name, array in arrays.items()}
    for name in ("means", "factors"):
        if not np.isfinite(converted[name]).all():
            raise ValueError(f"{name} are beyond the range of float32: use dtype='float64'")
    return converted | {"first": np.array([0]), "last": np.array([-1])}


def _nodes(form: Form) -> list[tuple[Any, ...]]:
    """Return the operators in order, each with its name, inputs, outputs and attributes.

    Scores have the shape (k, n). The greatest score is at least the least finite number, so that rows without density
    have the log density ``-inf``.
    """
    whiten = "Mul" if FORMS[form].is_diagonal else "MatMul"
    kept: dict[str, Any] = {"keepdims": 1}
    return [
        ("Unsqueeze", ["X", "first"], ["rows"], {}),
        ("Sub", ["rows", "means"], ["deviations"], {}),
        (whiten, ["deviations", "factors"], ["whitened"], {}),
        ("Mul", ["whitened", "whitened"], ["squares"], {}),
        ("ReduceSum", ["squares", "last"], ["distances"], {"keepdims": 0}),
        ("Mul", ["distances", "half"], ["exponents"], {}),
        ("Add", ["exponents", "offsets"], ["scores"], {}),
        ("ArgMax", ["scores"], ["label"], {"axis": 0, "keepdims": 0}),
        ("ReduceMax", ["scores", "first"], ["greatest"], kept),
        ("Max", ["greatest", "least"], ["peak"], {}),
        ("Sub", ["scores", "peak"], ["lower"], {}),
        ("Exp", ["lower"], ["relative"], {}),
        ("ReduceSum", ["relative", "first"], ["sum"], kept),
        ("Div", ["relative", "sum"], ["shares"], {}),
        ("Transpose", ["shares"], ["probabilities"], {"perm": [1, 0]}),
        ("Log", ["sum"], ["log_sum"], {}),
        ("Add", ["peak", "log_sum"], ["log_densities"], {}),
        ("Squeeze", ["log_densities", "first"], ["log_density"], {}),
    ]


def _import_onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise MissingDependencyError("onnx", "onnx", "Writing ONNX models") from error
    return onnx
