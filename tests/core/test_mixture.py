"""`Mixture`: known numbers in, SciPy's numbers out."""

import copy
import dataclasses
import pickle
from operator import attrgetter

import numpy as np
import pandas as pd
import pytest
from helpers.datasets import COVARIANCE_TYPES
from scipy import stats
from scipy.special import logsumexp

from gaussmix import Mixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.testing import random_mixture


def scipy_scores(mixture, rows):
    dense = mixture.covariance.dense()
    normals = [stats.multivariate_normal(mixture.means[k], dense[k]) for k in range(mixture.n_components)]
    return np.stack(
        [np.log(mixture.weights[k]) + normal.logpdf(rows).reshape(len(rows)) for k, normal in enumerate(normals)],
        axis=1,
    )


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (3, 2), (4, 6), (2, 20)])
def test_log_density_and_responsibilities_are_scipys(covariance_type, n_components, n_features):
    rng = np.random.default_rng(n_features)
    mixture = random_mixture(covariance_class(covariance_type), n_components, n_features, rng)
    rows = mixture.sample(200, rng)[0]
    scores = scipy_scores(mixture, rows)
    log_density = logsumexp(scores, axis=1)
    np.testing.assert_allclose(mixture.log_density(rows), log_density, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        mixture.responsibilities(rows), np.exp(scores - log_density[:, None]), rtol=0, atol=1e-12
    )
    np.testing.assert_array_equal(mixture.labels(rows), scores.argmax(axis=1))


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (3, 2), (15, 9)])
def test_mixture_is_readable_when_printed(covariance_type, n_components, n_features):
    mixture = random_mixture(covariance_class(covariance_type), n_components, n_features, np.random.default_rng(0))
    name = mixture.covariance_type
    assert repr(mixture) == (f"Mixture(n_components={n_components}, n_features={n_features}, covariance_type={name!r})")
    text = str(mixture)
    assert "array" not in text
    assert max(map(len, text.splitlines())) < 100
    for component in range(min(n_components, 12)):
        _, rest = text.split(f"component {component}, weight {mixture.weights[component]:.4g}\n")
        line = rest.splitlines()[1].split()
        assert line[:2] == ["x0", f"{mixture.means[component, 0]:.5g}"]
        is_shared = mixture.covariance.form == "tied" and n_components > 1
        assert is_shared or line[2] == f"{mixture.covariance.variances()[component, 0]:.4g}"
    assert ("... 3 more components" in text) == (n_components == 15)
    assert ("... 3 more features\n" in text) == (n_features == 9)


def test_float32_rows_stay_within_1e_5_of_float64():
    rng = np.random.default_rng(1)
    mixture = random_mixture(covariance_class("full"), 3, 4, rng)
    rows = mixture.sample(500, rng)[0]
    single = rows.astype(np.float32)
    np.testing.assert_allclose(mixture.log_density(single), mixture.log_density(rows), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(mixture.log_density(single), mixture.log_density(single.astype(float)))


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_sample_has_the_moments_of_the_mixture(covariance_type):
    rng = np.random.default_rng(2)
    mixture = random_mixture(covariance_class(covariance_type), 3, 2, rng)
    n = 60_000
    rows, labels = mixture.sample(n, 0)
    assert rows.shape == (n, 2)
    dense = mixture.covariance.dense()
    for k in range(3):
        part = rows[labels == k]
        # five standard errors of a proportion, a mean and a variance
        assert abs(len(part) / n - mixture.weights[k]) < 5 * np.sqrt(mixture.weights[k] / n)
        deviation = np.sqrt(np.diag(dense[k]))
        assert (abs(part.mean(axis=0) - mixture.means[k]) < 5 * deviation / np.sqrt(len(part))).all()
        scale = np.outer(deviation, deviation)
        assert (abs(np.cov(part.T) - dense[k]) < 5 * scale * np.sqrt(2 / len(part))).all()


@pytest.mark.parametrize(("n", "needed"), [(10**15, "32 PB"), (10**14, "3.2 PB"), (10**16, "320 PB"), (2**70, "PB")])
def test_more_rows_than_memory_are_refused(n, needed):
    mixture = Mixture.from_parameters([1.0], [[0.0, 0.0]], [1.0], covariance_type="spherical")
    with pytest.raises(
        MemoryError, match=f"^{n:,} rows need .*{needed} of memory, and .* are free: draw fewer at a time$"
    ):
        mixture.sample(n)


def test_sample_is_shuffled():
    mixture = random_mixture(covariance_class("diag"), 4, 2, np.random.default_rng(3))
    labels = mixture.sample(2000, 0)[1]
    assert (np.diff(labels) < 0).sum() > 300


def test_sample_repeats_with_an_int_and_moves_on_with_a_generator():
    mixture = random_mixture(covariance_class("full"), 2, 2, np.random.default_rng(4))
    np.testing.assert_array_equal(mixture.sample(10, 7)[0], mixture.sample(10, 7)[0])
    for rng in (np.random.default_rng(7), np.random.RandomState(7)):
        assert (mixture.sample(10, rng)[0] != mixture.sample(10, rng)[0]).all()
    with pytest.raises(ValueError, match="at least one row"):
        mixture.sample(0)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_marginal_is_the_mixture_of_some_features(covariance_type):
    rng = np.random.default_rng(5)
    mixture = dataclasses.replace(
        random_mixture(covariance_class(covariance_type), 3, 4, rng), feature_names=("a", "b", "c", "d")
    )
    part = mixture.marginal(["d", 1])
    assert part.feature_names == ("d", "b")
    dense = mixture.covariance.dense()[:, [3, 1]][:, :, [3, 1]]
    rows = rng.standard_normal((50, 2))
    expected = [
        np.log(mixture.weights[k]) + stats.multivariate_normal(mixture.means[k, [3, 1]], dense[k]).logpdf(rows)
        for k in range(3)
    ]
    np.testing.assert_allclose(part.log_density(rows), logsumexp(expected, axis=0), rtol=1e-12)


@pytest.mark.parametrize("features", [[], ["z"], [4], [-5], [0, 0], ["a", 0]])
def test_marginal_of_features_that_are_not_there_is_refused(features):
    mixture = random_mixture(covariance_class("diag"), 2, 4, np.random.default_rng(0))
    named = dataclasses.replace(mixture, feature_names=("a", "b", "c", "d"))
    with pytest.raises(ValueError, match="feature"):
        named.marginal(features)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_reordered_mixture_is_the_same_density(covariance_type):
    rng = np.random.default_rng(6)
    mixture = random_mixture(covariance_class(covariance_type), 3, 2, rng)
    rows = rng.standard_normal((20, 2))
    other = mixture.reordered([2, 0, 1])
    np.testing.assert_allclose(other.log_density(rows), mixture.log_density(rows), rtol=1e-14)
    np.testing.assert_allclose(other.responsibilities(rows), mixture.responsibilities(rows)[:, [2, 0, 1]], rtol=1e-13)
    with pytest.raises(ValueError, match="permutation"):
        mixture.reordered([0, 0, 1])


@pytest.mark.parametrize("covariance_type", [*COVARIANCE_TYPES, "VVE", "EEV", "VEI"])
def test_taken_components_are_scipys_normals_with_their_share_of_the_weight(covariance_type):
    rng = np.random.default_rng(7)
    mixture = random_mixture(covariance_class(covariance_type), 4, 2, rng)
    mixture = dataclasses.replace(mixture, feature_names=("a", "b"))
    rows, some = rng.standard_normal((20, 2)), [3, 1, 3]
    scores = scipy_scores(mixture, rows)[:, some]
    part = mixture.take(some)
    assert part.covariance_type == mixture.covariance_type
    assert part.feature_names == ("a", "b")
    assert part.weights.sum() == pytest.approx(1, rel=1e-15)
    expected = logsumexp(scores, axis=1) - np.log(mixture.weights[some].sum())
    np.testing.assert_allclose(part.log_density(rows), expected, rtol=1e-12)
    given = mixture.take(np.array(some), np.array([0.5, 0.3, 0.2]))
    moved = scores - np.log(mixture.weights[some]) + np.log([0.5, 0.3, 0.2])
    np.testing.assert_allclose(given.log_density(rows), logsumexp(moved, axis=1), rtol=1e-12)


def test_taken_components_keep_their_parameters_to_the_last_bit():
    mixture = random_mixture(covariance_class("full"), 3, 2, np.random.default_rng(8))
    part = mixture.take([2, 0], mixture.weights[[2, 0]])
    for name in ("weights", "means", "covariance.roots"):
        np.testing.assert_array_equal(attrgetter(name)(part), attrgetter(name)(mixture)[[2, 0]])
        assert not attrgetter(name)(part).flags.writeable


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_concatenated_mixtures_are_the_mean_density(covariance_type):
    rng = np.random.default_rng(9)
    mixtures = [random_mixture(covariance_class(covariance_type), k, 2, rng) for k in (2, 3, 1)]
    rows = rng.standard_normal((20, 2))
    joined = Mixture.concatenate(mixtures)
    assert joined.n_components == 6
    densities = [logsumexp(scipy_scores(mixture, rows), axis=1) for mixture in mixtures]
    np.testing.assert_allclose(joined.log_density(rows), logsumexp(densities, axis=0) - np.log(3), rtol=1e-12)
    back = joined.take(range(2, 5))
    np.testing.assert_allclose(back.log_density(rows), mixtures[1].log_density(rows), rtol=1e-12)


def test_mixtures_whose_components_share_something_are_promoted_before_they_are_concatenated():
    rng = np.random.default_rng(10)
    mixtures = [random_mixture(covariance_class("tied"), 2, 2, rng) for _ in range(2)]
    with pytest.raises(ValueError, match="components of 'tied' share parameters"):
        Mixture.concatenate(mixtures)
    rows = rng.standard_normal((20, 2))
    joined = Mixture.concatenate([mixture.promote_to(covariance_class("full")) for mixture in mixtures])
    densities = [logsumexp(scipy_scores(mixture, rows), axis=1) for mixture in mixtures]
    np.testing.assert_allclose(joined.log_density(rows), logsumexp(densities, axis=0) - np.log(2), rtol=1e-12)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_promoted_mixture_is_the_same_density(covariance_type):
    rng = np.random.default_rng(11)
    mixture = random_mixture(covariance_class(covariance_type), 3, 2, rng)
    mixture = dataclasses.replace(mixture, feature_names=("a", "b"))
    promoted = mixture.promote_to(covariance_class("VVV"))
    assert (promoted.covariance_type, promoted.feature_names) == ("full", ("a", "b"))
    rows = rng.standard_normal((20, 2))
    np.testing.assert_allclose(promoted.log_density(rows), logsumexp(scipy_scores(mixture, rows), axis=1), rtol=1e-12)


@pytest.mark.parametrize("covariance_type", [*COVARIANCE_TYPES, "VVE", "VEE"])
@pytest.mark.parametrize("is_turned", [False, True])
def test_taken_components_of_what_engines_read_have_the_same_scores(covariance_type, is_turned, request):
    if is_turned:
        request.getfixturevalue("rows_always_turned")
    rng = np.random.default_rng(12)
    mixture = random_mixture(covariance_class(covariance_type), 4, 3, rng)
    rows, some = rng.standard_normal((30, 3)), [2, 0, 2]
    whitened = mixture.whitened()
    part = whitened.take(some)
    assert (part.common is None) == (whitened.common is None)
    scores = NativeEngine(rows).score_rows(part, "scores")
    np.testing.assert_allclose(scores, scipy_scores(mixture, rows)[:, some], rtol=1e-12, atol=1e-12)


def test_parameters_are_copied_and_read_only():
    weights, means = np.array([0.4, 0.6]), np.zeros((2, 2))
    mixture = Mixture.from_parameters(weights, means, np.ones((2, 2)), covariance_type="diag")
    weights[0], means[0, 0] = 9.0, 9.0
    assert mixture.weights[0] == 0.4
    assert mixture.means[0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        mixture.means[0, 0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        mixture.weights = weights


def test_copies_are_read_only_too():
    mixture = random_mixture(covariance_class("tied"), 2, 3, np.random.default_rng(0))
    for other in (pickle.loads(pickle.dumps(mixture)), copy.deepcopy(mixture)):
        for name in ("weights", "means", "covariance.roots"):
            array, same = attrgetter(name)(other), attrgetter(name)(mixture)
            assert not array.flags.writeable
            np.testing.assert_array_equal(array, same)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [0.5, 0.6]}, "normalized"),
        ({"weights": [-0.5, 1.5]}, r"range \[0, 1\], but got max value 1.50000, min value -0.50000"),
        ({"weights": [1.0]}, "shape"),
        ({"weights": ["a", "b"]}, "weights must be numbers"),
        ({"means": [0.0, 1.0]}, "means must have the shape"),
        ({"means": [[0.0], [np.nan]]}, "means must be finite"),
        ({"covariances": [[[1.0]], [[-1.0]]]}, "component 1"),
        ({"covariances": [1.0, 1.0]}, r"shape \(2, 1, 1\), got \(2,\)"),
        ({"covariance_type": "round"}, "covariance_type must be one of"),
        ({"feature_names": ["a", "b"]}, "feature_names must name 1"),
    ],
)
def test_from_parameters_says_what_is_wrong(change, message):
    good = {"weights": [0.5, 0.5], "means": [[0.0], [1.0]], "covariances": [[[1.0]], [[1.0]]]}
    Mixture.from_parameters(**good)
    with pytest.raises(ValueError, match=message):
        Mixture.from_parameters(**(good | change))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0.0, 1.0]], r"shape \(n, 1\), got \(1, 2\)"),
        ([0.0, 1.0], r"got \(2,\)"),
        ([[0.0], [1.0], [np.inf]], "infinity at row 2, column 0"),
        ([["a"]], "X must be numbers"),
    ],
)
def test_bad_rows_are_named(rows, message):
    mixture = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
    with pytest.raises(ValueError, match=message):
        mixture.log_density(rows)


def test_number_of_parameters():
    mixture = random_mixture(covariance_class("full"), 3, 4, np.random.default_rng(0))
    assert mixture.n_parameters == 2 + 3 * 4 + 3 * 10


def test_columns_of_a_table_are_found_by_name():
    rng = np.random.default_rng(3)
    mixture = dataclasses.replace(
        random_mixture(covariance_class("full"), 3, 2, rng), feature_names=("width", "height")
    )
    rows = mixture.sample(50, 0)[0]
    table = pd.DataFrame({"name": "x", "height": rows[:, 1], "width": rows[:, 0]})
    for ask in (mixture.labels, mixture.log_density, mixture.responsibilities):
        np.testing.assert_array_equal(ask(table), ask(rows))
        np.testing.assert_array_equal(ask(pd.DataFrame(rows)), ask(rows))  # without names: by position
    with pytest.raises(ValueError, match="X has no column 'width', a feature of the model; its columns are"):
        mixture.labels(table[["height"]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.5,), "Invalid value for 'n_samples': 1.5"),
        (("many",), "Invalid value for 'n_samples': many"),
        ((3, "seed"), "random_state must be an int, .* got 'seed'"),
        ((3, -1), "random_state must not be negative; got -1"),
        ((3, 0.5), "random_state must be an int, .* got 0.5"),
    ],
)
def test_draws_that_cannot_be_are_refused(arguments, message):
    mixture = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
    with pytest.raises(ValueError, match=message):
        mixture.sample(*arguments)
