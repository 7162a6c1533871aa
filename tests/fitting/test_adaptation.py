"""Adaptation: equations 11 to 14 of Reynolds, Quatieri and Dunn (2000), and groups as single adaptations."""

import numpy as np
import pandas as pd
import pytest
from helpers.datasets import COVARIANCE_TYPES, TABLES

from gaussmix import GaussianMixture, Mixture, adapt, adapt_groups
from gaussmix.core.covariance import MODELS

ROWS, K = TABLES["blobs"]
FEW = ROWS[:40] + 0.5


def background(covariance_type="full"):
    return GaussianMixture(K, covariance_type=covariance_type, random_state=0).fit(ROWS).mixture_


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("relevance", [0.5, 16, 1000])
def test_the_equations(covariance_type, relevance):
    mixture = background(covariance_type)
    adapted = adapt(mixture, FEW, relevance, "all")
    shares = mixture.responsibilities(FEW)
    n = shares.sum(axis=0)
    a = n / (n + relevance)
    first = shares.T @ FEW / n[:, None]
    means = a[:, None] * first + (1 - a)[:, None] * mixture.means
    np.testing.assert_allclose(adapted.means, means, rtol=1e-12)
    weights = a * n / len(FEW) + (1 - a) * mixture.weights
    np.testing.assert_allclose(adapted.weights, weights / weights.sum(), rtol=1e-12)
    second = np.einsum("nk,ni,nj->kij", shares, FEW, FEW) / n[:, None, None]
    own = mixture.covariance.dense() + mixture.means[:, :, None] * mixture.means[:, None, :]
    squares = means[:, :, None] * means[:, None, :]
    dense = a[:, None, None] * second + (1 - a)[:, None, None] * own - squares
    match covariance_type:
        case "tied":
            dense = np.tile(np.average(dense, axis=0, weights=n + relevance), (K, 1, 1))
        case "diag":
            dense = dense * np.eye(3)
        case "spherical":
            dense = np.trace(dense, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)
    np.testing.assert_allclose(adapted.covariance.dense(), dense, rtol=1e-9, atol=1e-9)


def test_means_alone_keep_the_rest():
    mixture = background()
    adapted = adapt(mixture, FEW)
    assert adapted.covariance is mixture.covariance
    np.testing.assert_array_equal(adapted.weights, mixture.weights)
    np.testing.assert_array_equal(adapted.means, adapt(mixture, FEW, what="all").means)


@pytest.mark.parametrize("covariance_type", MODELS)
def test_every_structure_is_kept(covariance_type):
    mixture = background(covariance_type)
    adapted = adapt(mixture, FEW, what="all")
    covariance = adapted.covariance
    assert type(covariance) is type(mixture.covariance)
    type(covariance).from_covariances(covariance.covariances, *adapted.means.shape)  # checks the structure


@pytest.mark.parametrize("what", ["means", "all"])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "VEV"])
def test_groups_are_single_adaptations(what, covariance_type):
    mixture = background(covariance_type)
    rng = np.random.default_rng(1)
    groups = rng.choice(["b", "a", "c", "d"], len(ROWS))
    adapted = adapt_groups(mixture, ROWS, groups, 5, what)
    assert list(adapted) == ["a", "b", "c", "d"]
    for name, one in adapted.items():
        alone = adapt(mixture, ROWS[groups == name], 5, what)
        np.testing.assert_array_equal(one.means, alone.means)
        np.testing.assert_array_equal(one.weights, alone.weights)
        np.testing.assert_array_equal(one.covariance.roots, alone.covariance.roots)


def test_weights_count_rows():
    mixture = background()
    times = np.random.default_rng(0).integers(0, 4, len(FEW))
    weighted = adapt(mixture, FEW, what="all", sample_weight=times)
    repeated = adapt(mixture, np.repeat(FEW, times, axis=0), what="all")
    np.testing.assert_allclose(weighted.means, repeated.means, rtol=1e-12)
    np.testing.assert_allclose(weighted.covariance.dense(), repeated.covariance.dense(), rtol=1e-9, atol=1e-12)


def test_missing_values_are_expected():
    mixture = background()
    holes = FEW.copy()
    holes[np.random.default_rng(0).random(FEW.shape) < 0.3] = np.nan
    adapted = adapt(mixture, holes, what="all")
    assert np.isfinite(adapted.means).all()
    nothing = adapt(mixture, np.full((5, 3), np.nan), what="all")
    np.testing.assert_allclose(nothing.means, mixture.means, atol=1e-9)
    groups = np.arange(len(FEW)) % 3
    for name, one in adapt_groups(mixture, holes, groups).items():
        np.testing.assert_allclose(one.means, adapt(mixture, holes[groups == name]).means, rtol=1e-12)


def test_relevance_goes_from_the_rows_to_the_model():
    mixture = background()
    np.testing.assert_allclose(adapt(mixture, FEW, 1e12, "all").means, mixture.means, atol=1e-9)
    shares = mixture.responsibilities(FEW)
    np.testing.assert_allclose(
        adapt(mixture, FEW, 1e-12).means, shares.T @ FEW / shares.sum(axis=0)[:, None], atol=1e-6
    )


def test_adaptation_follows_affine_maps():
    mixture = background()
    matrix, shift = np.array([[2.0, 0.3, 0], [0, 1e3, 1], [0.1, 0, 1e-3]]), np.array([1.0, -2, 3])
    moved = Mixture.from_parameters(
        mixture.weights, mixture.means @ matrix + shift, matrix.T @ mixture.covariance.dense() @ matrix
    )
    adapted, other = adapt(mixture, FEW, what="all"), adapt(moved, FEW @ matrix + shift, what="all")
    np.testing.assert_allclose(other.means, adapted.means @ matrix + shift, rtol=1e-9)
    np.testing.assert_allclose(
        other.covariance.dense(), matrix.T @ adapted.covariance.dense() @ matrix, rtol=1e-8, atol=1e-9
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"relevance": 0}, "relevance must be a finite number above 0"),
        ({"relevance": np.inf}, "relevance must be a finite number above 0"),
        ({"what": "weights"}, 'what must be "means" or "all"'),
        ({"X": [[1.0, 2.0]]}, "shape"),
        ({"X": np.full((2, 3), np.inf)}, "infinity"),
        ({"X": [[0.0, 0.0, 0.0], [1e150, 0.0, 0.0]]}, "row 1 of X|overflows"),
    ],
)
def test_bad_input_is_named(options, message):
    arguments = {"X": FEW} | options
    with pytest.raises(ValueError, match=message):
        adapt(background(), **arguments)
    with pytest.raises(ValueError, match=message):
        adapt_groups(background(), groups=np.zeros(len(arguments["X"])), **arguments)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.zeros(3), "groups must have the shape"),
        ([np.nan, *[1.0] * (len(FEW) - 1)], "groups has no value at row 0"),
        (np.array(["a"] * (len(FEW) - 1) + [None], dtype=object), f"groups has no value at row {len(FEW) - 1}"),
        (pd.array(["a", pd.NA] + ["a"] * (len(FEW) - 2), dtype="string"), "groups has no value at row 1"),
        (np.array([1, "a"] + ["b"] * (len(FEW) - 2), dtype=object), "values that cannot be sorted"),
    ],
)
def test_bad_groups_are_named(groups, message):
    with pytest.raises(ValueError, match=message):
        adapt_groups(background(), FEW, groups)
