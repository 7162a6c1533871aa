"""The mixture of a pipeline in the units of the pipeline's input."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gaussmix.core.affine import mapped, rescaled
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_input import mixture_of

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_UNDERSTOOD = "StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler and PCA that keeps all components"


def mixture_in_units(pipeline: "Pipeline") -> Mixture:
    """Return the mixture of a fitted pipeline in the units of the rows that the pipeline takes.

    Its log densities are those of the pipeline plus the log determinant of the steps before the mixture; labels and
    responsibilities are the same.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted. The last step has a mixture, of gaussmix or of scikit-learn. The others are ``StandardScaler``,
        ``MinMaxScaler``, ``MaxAbsScaler``, ``RobustScaler``, ``PCA`` that keeps all components, or ``"passthrough"``.
        ``make_pipeline(scaler, gm)`` joins objects that were fitted separately.

    Returns
    -------
    Mixture
        Mixture with the same structure where the steps keep its constraint, else with a more general one.

    Raises
    ------
    TypeError
        If a step is another transformer, or the last one is a regressor, whose mixture has the targets, too.
    ValueError
        If a step has no inverse, because it leaves out components or clips values.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.convert import mixture_in_units
    >>> from gaussmix.datasets import load_old_faithful
    >>> pipeline = make_pipeline(StandardScaler(), GaussianMixture(2, random_state=0)).fit(load_old_faithful()[0])
    >>> mixture_in_units(pipeline).means.round(1)
    array([[ 4.3, 80. ],
           [ 2. , 54.5]])
    """
    from sklearn.pipeline import Pipeline

    if not isinstance(pipeline, Pipeline):
        raise TypeError(f"pipeline must be a Pipeline of scikit-learn, got {type(pipeline).__name__}")
    *steps, (_, last) = pipeline.steps
    mixture = mixture_of(last)
    if mixture.n_features > getattr(last, "n_features_in_", mixture.n_features):
        raise TypeError(
            f"the mixture of {type(last).__name__} has targets beside the rows of the pipeline: use "
            "mixture_.rescaled(center, scale) with numbers for these, too"
        )
    mixture = replace(mixture, feature_names=None)
    for name, step in reversed(steps):
        if step is not None and step != "passthrough":
            mixture = _before(mixture, step, name)
    first = next((step for _, step in pipeline.steps if step is not None and step != "passthrough"), last)
    names = getattr(first, "feature_names_in_", None)
    names = None if names is None else tuple(map(str, names))
    return replace(mixture, feature_names=names)


def _before(mixture: Mixture, step: Any, name: str) -> Mixture:
    """Return the mixture of the rows before a step."""
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(step)
    match step:
        case StandardScaler():
            return rescaled(mixture, step.mean_ if step.with_mean else 0.0, _or(step.scale_, 1.0))
        case RobustScaler():
            return rescaled(mixture, _or(step.center_, 0.0), _or(step.scale_, 1.0))
        case MaxAbsScaler():
            return rescaled(mixture, 0.0, step.scale_)
        case MinMaxScaler():
            if step.clip:
                raise ValueError(f"step {name!r} clips values, which has no inverse: use MinMaxScaler(clip=False)")
            return rescaled(mixture, -step.min_ / step.scale_, 1 / step.scale_)
        case PCA():
            kept, d = step.components_.shape
            if kept < d:
                raise ValueError(
                    f"step {name!r} keeps {kept} of {d} components, which has no inverse: keep all of them"
                )
            deviations = np.sqrt(step.explained_variance_) if step.whiten else np.ones(kept)
            return mapped(mixture, deviations[:, None] * step.components_, step.mean_)
        case _:
            raise TypeError(f"step {name!r} is a {type(step).__name__}: only {_UNDERSTOOD} can be undone")


def _or(values: Any, default: float) -> Any:
    """Return the numbers of a scaler, or what an option has left out."""
    return default if values is None else values
