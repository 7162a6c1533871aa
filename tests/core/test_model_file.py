"""Model files: exact, readable, and nothing in them is trusted."""

import json

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES

import gaussmix
from gaussmix import Mixture, ModelFileError
from gaussmix.core.covariance import covariance_class
from gaussmix.testing import random_mixture


@pytest.fixture
def mixture():
    return random_mixture(covariance_class("full"), 3, 2, np.random.default_rng(0))


@pytest.fixture
def document(mixture, tmp_path):
    mixture.save(tmp_path / "good.json")
    return json.loads((tmp_path / "good.json").read_text())


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_round_trip_is_exact(covariance_type, tmp_path):
    rng = np.random.default_rng(1)
    base = random_mixture(covariance_class(covariance_type), 3, 4, rng)
    before = Mixture(base.weights, base.means * 1e-300 / 3, base.covariance, ("a", "é", "c d", ""))
    before.save(tmp_path / "model.json")
    after = gaussmix.load(tmp_path / "model.json")
    assert after.covariance_type == covariance_type
    assert after.feature_names == before.feature_names
    for name in ("weights", "means"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    np.testing.assert_array_equal(after.covariance.roots, before.covariance.roots)
    rows = rng.standard_normal((100, 4))
    np.testing.assert_array_equal(after.log_density(rows), before.log_density(rows))


def test_another_reader_needs_only_the_documented_numbers(document, mixture):
    np.testing.assert_array_equal(document["covariances"], mixture.covariance.covariances)
    assert document["format"] == "gaussmix mixture"
    assert document["version"] == 1
    assert (document["n_components"], document["n_features"]) == (3, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "something"}, "does not say"),
        ({"version": 2}, "version is 2, this gaussmix reads version 1"),
        ({"covariance_type": "round"}, "covariance_type must be one of"),
        ({"covariance_type": ["full"]}, "covariance_type must be one of"),
        ({"n_components": 0}, "n_components is 0"),
        ({"n_components": True}, "n_components is True"),
        ({"n_components": 10**9}, "weights does not have the shape"),
        ({"n_features": 2.0}, "n_features is 2.0"),
        ({"weights": [0.5, 0.5]}, "weights does not have the shape"),
        ({"weights": [0.5, 0.5, "x"]}, "weights has 'x' where a number belongs"),
        ({"weights": [0.5, 0.5, 0.5]}, "sum one"),
        ({"weights": [1.5, -0.5, 0.0]}, "nonnegative"),
        ({"weights": None}, "weights does not have the shape"),
        ({"means": [[0, 0], [0, 0], [0, True]]}, "where a number belongs"),
        ({"means": [[0, 0], [0, 0], [0, 1e999]]}, "Infinity|too large"),
        ({"means": [[0, 0], [0, 0], [0, 10**400]]}, "means has a number too large"),
        ({"roots": [[[1, 0.5], [0, 1]]] * 3}, "not lower triangular"),
        ({"roots": [[[1, 0], [0, 0]]] * 3}, "positive diagonal"),
        ({"covariances": [[[2, 0], [0, 1]]] * 3}, "do not agree with its roots"),
        ({"feature_names": ["a"]}, "feature_names is not a list of 2 names"),
        ({"feature_names": [1, 2]}, "feature_names is not a list of 2 names"),
    ],
)
def test_a_changed_file_is_refused_with_the_reason(document, change, message, tmp_path):
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(document | change))
    with pytest.raises(ModelFileError, match=message) as error:
        Mixture.load(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"\x93NUMPY\x01\x00", "not text"),
        (b"[1, 2, 3]", "does not say"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "nested too deeply|not JSON"),
        (b'{"format": NaN}', "contains NaN"),
        (b'{"n_components": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_anything_else_is_refused(content, message, tmp_path):
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=message):
        Mixture.load(path)


def test_a_truncated_file_is_refused(mixture, tmp_path):
    path = tmp_path / "model.json"
    mixture.save(path)
    whole = path.read_bytes()
    for size in range(0, len(whole) - 2, 37):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelFileError):
            Mixture.load(path)


def test_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Mixture.load(tmp_path / "nothing.json")


def test_a_failed_save_keeps_the_old_file(mixture, tmp_path):
    path = tmp_path / "model.json"
    mixture.save(path)
    before = path.read_bytes()
    broken = Mixture(mixture.weights, np.full((3, 2), np.nan), mixture.covariance)
    with pytest.raises(ValueError, match="not JSON compliant"):
        broken.save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.json"]
