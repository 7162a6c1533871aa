"""Model files: exact, readable, and nothing in them is trusted."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES

import gaussmix
from gaussmix import Mixture, ModelFileError
from gaussmix.core.background import Background
from gaussmix.core.covariance import covariance_class
from gaussmix.testing import random_mixture, with_noise


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
        ({"format": "something"}, 'does not say "format": "gaussmix mixture", but "something"'),
        ({"format": "gaussmix posterior"}, 'does not say "format": "gaussmix mixture", but "gaussmix posterior"'),
        ({"version": 3}, "version is 3, this gaussmix reads version 1 and 2"),
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
    ("covariance_type", "roots", "message"),
    [
        (
            "full",
            [[[1e-200, 0], [0, 1]], [[1, 0], [0, 1]]],
            r"roots\[0\]\[0\]\[0\] is 1e-200: squares of numbers below 1e-154 underflow",
        ),
        (
            "full",
            [[[1, 0], [0, 1]], [[1e200, 0], [0, 1]]],
            r"roots\[1\]\[0\]\[0\] is 1e\+200: squares of numbers from 1e\+153 on overflow",
        ),
        ("full", [[[1, 0], [1e308, 1]], [[1, 0], [0, 1]]], r"roots\[0\]\[1\]\[0\] is 1e\+308"),
        (
            "full",
            [[[1e-150, 0], [1e150, 1e-150]], [[1, 0], [0, 1]]],
            "roots has columns so unequal that their inverse overflows",
        ),
        ("tied", [[1, 0], [0, 5e-324]], r"roots\[1\]\[1\] is 5e-324"),
        ("diag", [[1, 1e-170], [1, 1]], r"roots\[0\]\[1\] is 1e-170"),
        ("diag", [[1, 1], [1e160, 1]], r"roots\[1\]\[0\] is 1e\+160"),
        ("spherical", [1e-308, 1], r"roots\[0\] is 1e-308"),
        ("VEV", [[[1e-180, 0], [0, 1e-180]]] * 2, r"roots\[0\]\[0\]\[0\] is 1e-180"),
    ],
)
def test_roots_with_which_no_density_can_be_computed_are_refused(covariance_type, roots, message, tmp_path):
    structure, path = covariance_class(covariance_type), tmp_path / "model.json"
    random_mixture(structure, 2, 2, np.random.default_rng(0)).save(path)
    with np.errstate(all="ignore"):
        covariances = np.nan_to_num(structure(np.array(roots, dtype=float), 2, 2).covariances, posinf=1e308)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"roots": roots, "covariances": covariances.tolist()}))
    with pytest.raises(ModelFileError, match=f"model.json is not a gaussmix model: {message}"):
        Mixture.load(path)


@pytest.mark.parametrize("mean", [1e308, -1e200, 1e150])
def test_means_that_no_row_can_reach_are_refused(document, mean, tmp_path):
    document["means"][2][1] = mean
    (tmp_path / "model.json").write_text(json.dumps(document))
    with pytest.raises(ModelFileError, match=r"means\[2\]\[1\] is .*: squares of numbers from 1e\+150 on overflow"):
        Mixture.load(tmp_path / "model.json")
    with pytest.raises(ValueError, match=r"means must be below 1e\+150"):
        Mixture.from_parameters([1.0], [[mean]], [1.0], covariance_type="spherical")


@pytest.mark.parametrize("scale", [1e-150, 1e-100, 1.0, 1e100, 1e149])
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_models_in_small_and_large_units_are_saved_and_work(covariance_type, scale, tmp_path):
    rng = np.random.default_rng(0)
    before = random_mixture(covariance_class(covariance_type), 3, 2, rng)
    before = Mixture(
        before.weights, scale * before.means, type(before.covariance)(scale * before.covariance.roots, 3, 2)
    )
    before.save(tmp_path / "model.json")
    after = Mixture.load(tmp_path / "model.json")
    np.testing.assert_array_equal(after.log_density(before.means), before.log_density(before.means))
    np.testing.assert_allclose(after.responsibilities(before.means).sum(axis=1), 1.0, rtol=1e-12)


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


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_vectors_say_what_a_reader_must_compute(covariance_type, tmp_path):
    mixture = random_mixture(covariance_class(covariance_type), 3, 4, np.random.default_rng(2))
    for name in ("first.json", "second.json"):
        mixture.save(tmp_path / name)
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()
    vectors = json.loads((tmp_path / "first.json").read_text())["test_vectors"]
    rows = np.array(vectors["rows"])
    np.testing.assert_array_equal(vectors["log_densities"], mixture.log_density(rows))
    np.testing.assert_array_equal(vectors["responsibilities"], mixture.responsibilities(rows))
    np.testing.assert_array_equal(vectors["labels"], mixture.labels(rows))


def test_a_file_without_vectors_is_valid(document, mixture, tmp_path):
    del document["test_vectors"]
    (tmp_path / "old.json").write_text(json.dumps(document))
    np.testing.assert_array_equal(Mixture.load(tmp_path / "old.json").means, mixture.means)


@pytest.mark.parametrize("size", [1e149, 1e-150, 1e153])
def test_vectors_are_left_out_where_squares_overflow(size, tmp_path):
    mixture = Mixture(np.ones(1), np.zeros((1, 2)), covariance_class("diag")(np.full((1, 2), size), 1, 2))
    mixture.save(tmp_path / "model.json")
    vectors = json.loads((tmp_path / "model.json").read_text())["test_vectors"]
    assert (vectors is None) == (size > 1e150)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_round_trip_with_noise_is_exact(covariance_type, tmp_path):
    before = with_noise(random_mixture(covariance_class(covariance_type), 3, 2, np.random.default_rng(1)))
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    region = Background(before.background.weight, [1e-300, 7.0], turn @ before.background.edges)
    before = replace(before, background=region)
    before.save(tmp_path / "model.json")
    after = gaussmix.load(tmp_path / "model.json")
    for name in ("weight", "center", "edges"):
        np.testing.assert_array_equal(getattr(after.background, name), getattr(before.background, name))
    rows = before.sample(100, 0)[0]
    np.testing.assert_array_equal(after.log_density(rows), before.log_density(rows))
    document = json.loads((tmp_path / "model.json").read_text())
    assert document["version"] == 2
    assert np.shape(document["test_vectors"]["responsibilities"]) == (5, 4)


NOISE = {"weight": 0.2, "log_lengths": [0.0, 0.0], "center": [0, 0], "edges": [[1, 0], [0, 1]]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"noise": NOISE}, "its weights are not nonnegative numbers with sum one"),
        ({"noise": NOISE | {"weight": -0.2}}, "its weights are not nonnegative numbers"),
        ({"noise": [1]}, "noise is not an object"),
        ({"noise": NOISE | {"weight": "x"}}, "weight has 'x' where a number belongs"),
        ({"noise": NOISE | {"edges": [[1, 0], [1, 0]]}}, "do not span a volume"),
        ({"noise": NOISE | {"edges": [[1, 0]]}}, "edges does not have the shape"),
        ({"noise": NOISE | {"log_lengths": [0.0, 1.0]}}, "do not agree with its edges"),
        ({"noise": NOISE, "version": 1}, "it has noise, which files of version 2 have"),
    ],
)
def test_a_file_with_invalid_noise_is_refused(document, change, message, tmp_path):
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(document | {"version": 2} | change))
    with pytest.raises(ModelFileError, match=message):
        Mixture.load(path)
