"""Model files of classifiers: what is written is read, and each fault has its message."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from gaussmix import Mixture, MixtureClassifier, ModelFileError

MIXTURE = Mixture.from_parameters([0.2, 0.3, 0.5], [[0.0], [1.0], [4.0]], [1.0, 2.0, 0.5], covariance_type="spherical")
CLASSES = {"text": ["high", "low"], "numbers": [-3, 7], "truth": [False, True], "floats": [1.0, 2.0]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.json"


@pytest.mark.parametrize("name", CLASSES)
def test_what_is_written_is_read(path, name):
    written = MixtureClassifier(MIXTURE, [0, 0, 1], CLASSES[name], 1.7)
    written.save(path)
    read = MixtureClassifier.load(path)
    X = np.linspace(-3, 6, 50)[:, None]
    assert read.classes.tolist() == CLASSES[name]
    assert_array_equal(read.predict_proba(X), written.predict_proba(X))
    assert_array_equal(Mixture.load(path).log_density(X), MIXTURE.log_density(X))


def test_features_that_matter_are_kept(path):
    wide = Mixture.from_parameters([0.5, 0.5], [[0, 5], [2, 5]], [[1, 1], [1, 1]], covariance_type="diag")
    written = MixtureClassifier(wide, [0, 1], ["a", "b"], features=(0,))
    written.save(path)
    assert MixtureClassifier.load(path).features == (0,)
    assert_array_equal(written.predict_proba([[0.3, 9.0]]), written.predict_proba([[0.3, -9.0]]))


def test_a_mixture_is_not_taken_for_a_classifier(path):
    MIXTURE.save(path)
    with pytest.raises(ModelFileError, match=r"have no classes; gaussmix\.load reads it"):
        MixtureClassifier.load(path)


def test_classes_that_json_does_not_hold_are_refused(path):
    with pytest.raises(ValueError, match=r"text or whole numbers; got 0\.5"):
        MixtureClassifier(MIXTURE, [0, 0, 1], [0.5, 1.5]).save(path)


FAULTS = {
    "classes": ("a", "not a list of different texts"),
    "component_classes": ([0, 0, 0], "each position from 0 to 1"),
    "temperature": (0, "temperature is 0.0, not a positive number"),
    "class_features": ([3], "not a list of positions below 1"),
    "weights": ([0.2, 0.3], "weights does not have the shape"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named(path, name):
    MixtureClassifier(MIXTURE, [0, 0, 1], ["a", "b"]).save(path)
    value, message = FAULTS[name]
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(ModelFileError, match=message):
        MixtureClassifier.load(path)


INVALID = {
    "component_classes": ({"component_classes": [0, 1]}, r"component_classes must have the shape \(3,\)"),
    "missing class": ({"component_classes": [0, 0, 0]}, "each position from 0 to 1"),
    "temperature": ({"temperature": -1.0}, "temperature must be a positive number"),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_parameters_are_named(name):
    options, message = INVALID[name]
    given = {"component_classes": [0, 0, 1], "classes": ["a", "b"]} | options
    with pytest.raises(ValueError, match=message):
        MixtureClassifier(MIXTURE, **given)


def test_probabilities_are_those_of_bayes_rule():
    classifier = MixtureClassifier(MIXTURE, [0, 0, 1], ["a", "b"])
    X = np.linspace(-2, 5, 30)[:, None]
    shares = MIXTURE.responsibilities(X)
    np.testing.assert_allclose(classifier.predict_proba(X)[:, 1], shares[:, 2], rtol=1e-12)
    np.testing.assert_allclose(classifier.priors, [0.5, 0.5])
    assert classifier.class_mixture("a").n_components == 2
    with pytest.raises(ValueError, match="there is no class 'c'"):
        classifier.class_mixture("c")
