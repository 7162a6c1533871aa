"""ONNX graphs: onnxruntime predicts what gaussmix predicts."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.mixture import BayesianGaussianMixture as TheirBayesianGaussianMixture
from sklearn.mixture import GaussianMixture as TheirGaussianMixture

from gaussmix import (
    BayesianGaussianMixture,
    GaussianMixture,
    GaussianMixtureClassifier,
    GaussianMixtureIC,
    GaussianMixtureOutlierDetector,
    GaussianMixtureRegressor,
    MissingDependencyError,
    Mixture,
)
from gaussmix.convert import from_sklearn, to_onnx
from gaussmix.core.covariance import MODELS
from gaussmix.testing import random_mixture

SIZES = ((3, 4), (1, 3), (3, 1), (4, 30))


@pytest.fixture
def run():
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")

    def run_model(model, rows):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(["label", "probabilities", "log_density"], {"X": rows})

    return run_model


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(0, 1, (150, 2)), rng.normal(3, 2, (150, 2))])


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MODELS)
def test_labels_and_densities_are_the_same(name, size, offset, run):
    drawn = random_mixture(MODELS[name], *size, np.random.default_rng(0))
    mixture = Mixture(drawn.weights, drawn.means + offset, drawn.covariance)
    rows, _ = mixture.sample(500, 1)
    labels, probabilities, log_density = run(to_onnx(mixture), rows)
    np.testing.assert_array_equal(labels, mixture.labels(rows))
    np.testing.assert_allclose(log_density, mixture.log_density(rows), rtol=1e-9)
    np.testing.assert_allclose(probabilities, mixture.responsibilities(rows), atol=1e-9)
    assert labels.dtype == np.int64
    assert probabilities.dtype == log_density.dtype == np.float64


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        GaussianMixture(2, random_state=0),
        GaussianMixtureIC([1, 2, 3], random_state=0),
        BayesianGaussianMixture(n_components=3, random_state=0),
        BayesianGaussianMixture(n_components=3, covariance_type="diag", random_state=0, init_params="kmeans"),
        TheirGaussianMixture(2, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_estimators_predict_the_same(model, rows, run):
    model.fit(rows)
    labels, probabilities, log_density = run(to_onnx(model), rows)
    np.testing.assert_array_equal(labels, model.predict(rows))
    np.testing.assert_allclose(log_density, model.score_samples(rows), rtol=1e-9)
    np.testing.assert_allclose(probabilities, model.predict_proba(rows), atol=1e-9)


def test_a_component_without_weight_has_no_rows(run):
    mixture = Mixture.from_parameters([0.0, 1.0], [[0.0], [1.0]], [1.0, 1.0], covariance_type="spherical")
    labels, probabilities, log_density = run(to_onnx(mixture), np.array([[0.0], [1.0]]))
    np.testing.assert_array_equal(labels, [1, 1])
    np.testing.assert_array_equal(probabilities, [[0.0, 1.0], [0.0, 1.0]])
    np.testing.assert_allclose(log_density, mixture.log_density([[0.0], [1.0]]), rtol=1e-12)


def test_rows_without_density(run):
    mixture = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
    _, _, log_density = run(to_onnx(mixture), np.array([[1e160], [40.0]]))
    np.testing.assert_array_equal(log_density, [-np.inf, mixture.log_density([[40.0]])[0]])


def test_single_precision_is_close_where_means_are_not_far_from_zero(rows, run):
    model = GaussianMixture(2, random_state=0).fit(rows)
    labels, probabilities, log_density = run(to_onnx(model, "float32"), rows.astype(np.float32))
    assert probabilities.dtype == np.float32
    assert (labels != model.predict(rows)).mean() < 0.01
    np.testing.assert_allclose(log_density, model.score_samples(rows), rtol=1e-5)


def test_metadata_name_the_features(rows, run):
    frame = pd.DataFrame(rows, columns=["length", "breite, mm"])
    model = to_onnx(GaussianMixture(2, random_state=0).fit(frame))
    (entry,) = model.metadata_props
    assert (entry.key, json.loads(entry.value)) == ("feature_names", ["length", "breite, mm"])


@pytest.mark.usefixtures("run")
def test_what_cannot_be_converted_is_refused(rows):
    theirs = TheirBayesianGaussianMixture(n_components=2, random_state=0).fit(rows)
    with pytest.raises(TypeError, match="from_sklearn first"):
        to_onnx(theirs)
    to_onnx(from_sklearn(theirs))
    mixture = Mixture.from_parameters([1.0], [[1e60]], [1.0], covariance_type="spherical")
    with pytest.raises(ValueError, match="dtype must be 'float64' or 'float32', got 'float16'"):
        to_onnx(mixture, "float16")
    with pytest.raises(ValueError, match="means are beyond the range of float32"):
        to_onnx(mixture, "float32")
    with pytest.raises(TypeError, match="model must be a Mixture"):
        to_onnx(rows)


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "estimator", [GaussianMixtureClassifier, GaussianMixtureRegressor, GaussianMixtureOutlierDetector]
)
def test_estimators_that_do_not_predict_components_are_refused(estimator, rows):
    fitted = estimator(n_components=1, covariance_type="full").fit(rows, np.arange(len(rows)) % 2)
    with pytest.raises(TypeError, match=f"{estimator.__name__} does not predict: pass its mixture_"):
        to_onnx(fitted)
    to_onnx(fitted.mixture_)


def test_the_error_without_onnx_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "gaussmix\[onnx\]"'):
        to_onnx(Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical"))
