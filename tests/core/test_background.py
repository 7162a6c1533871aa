"""Uniform noise beside components: densities, probabilities, labels, draws, maps of the features, incomplete rows."""

import copy
import math
import pickle

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gaussmix import Mixture, compare_mixtures, merge_components, trace_em
from gaussmix.components.distances import mixture_wasserstein, total_variation
from gaussmix.convert import to_matlab, to_onnx, to_sklearn
from gaussmix.core.affine import mapped
from gaussmix.core.background import Background
from gaussmix.core.covariance import STRUCTURES
from gaussmix.core.engines import IncompleteEngine, NativeEngine, StackedEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.testing import random_mixture, with_noise


@pytest.fixture
def noisy():
    return with_noise(random_mixture(STRUCTURES["full"], 3, 3, np.random.default_rng(0)))


@pytest.fixture
def rows(noisy):
    return noisy.sample(400, 1)[0]


def log_terms(mixture, rows):
    """Log weight times density of every component and of the noise, from SciPy."""
    covariances = mixture.covariance.covariances
    terms = [
        np.log(weight) + multivariate_normal.logpdf(rows, mean, covariance)
        for weight, mean, covariance in zip(mixture.weights, mixture.means, covariances, strict=True)
    ]
    noise = math.log(mixture.background.weight) - math.log(abs(np.linalg.det(mixture.background.edges)))
    return np.stack([*terms, np.full(len(rows), noise)], axis=1)


def test_density_probabilities_and_labels(noisy, rows):
    terms = log_terms(noisy, rows)
    total = logsumexp(terms, axis=1)
    np.testing.assert_allclose(noisy.log_density(rows), total, rtol=1e-12)
    np.testing.assert_allclose(noisy.responsibilities(rows), np.exp(terms - total[:, None]), rtol=0, atol=1e-13)
    expected = terms.argmax(axis=1)
    np.testing.assert_array_equal(noisy.labels(rows), np.where(expected == 3, -1, expected))
    assert (noisy.labels(rows) == -1).any()


@pytest.mark.parametrize("far", [1e3, 1e140, -1e100])
def test_a_row_far_from_everything_is_noise(noisy, far):
    row = np.full((1, 3), far)
    np.testing.assert_array_equal(noisy.labels(row), [-1])
    np.testing.assert_array_equal(noisy.responsibilities(row), [[0, 0, 0, 1]])


def test_draws_have_the_weights_and_fill_the_region(noisy):
    rows, labels = noisy.sample(20_000, 0)
    share = (labels == -1).mean()
    assert abs(share - noisy.background.weight) < 4 * math.sqrt(0.2 * 0.8 / 20_000)
    inside = np.linalg.solve(noisy.background.edges, (rows[labels == -1] - noisy.background.center).T)
    assert np.abs(inside).max() <= 0.5
    np.testing.assert_allclose(inside.mean(axis=1), 0, atol=0.02)
    np.testing.assert_allclose(inside.var(axis=1), 1 / 12, rtol=0.05)


def test_the_components_alone(noisy, rows):
    alone = noisy.without_noise()
    assert alone.background is None
    assert alone.weights.sum() == pytest.approx(1)
    expected = logsumexp(log_terms(noisy, rows)[:, :3], axis=1) - math.log(noisy.weights.sum())
    np.testing.assert_allclose(alone.log_density(rows), expected, rtol=1e-12)
    assert alone.without_noise() is alone


def test_count_of_parameters(noisy):
    assert noisy.n_parameters == noisy.without_noise().n_parameters + 1 + 2 * 2 * 3  # the weight, and 2 for each bound


def test_copies_and_other_orders_keep_the_noise(noisy, rows):
    expected = noisy.log_density(rows)
    kept = (pickle.loads(pickle.dumps(noisy)), copy.deepcopy(noisy), noisy.reordered([2, 0, 1]), noisy.take([0, 1, 2]))
    for other in (*kept, noisy.promote_to(STRUCTURES["VVV"])):
        np.testing.assert_allclose(other.log_density(rows), expected, rtol=1e-13)
        assert not other.background.edges.flags.writeable
    with pytest.raises(ValueError, match="without_noise"):
        Mixture.concatenate([noisy, noisy])


def test_maps_of_the_features(noisy, rows):
    rng = np.random.default_rng(5)
    matrix, shift, scale = rng.standard_normal((3, 3)), rng.standard_normal(3), np.array([2.0, 0.1, 30.0])
    turned = mapped(noisy, matrix, shift)
    expected = noisy.log_density(rows) - np.linalg.slogdet(matrix)[1]
    np.testing.assert_allclose(turned.log_density(rows @ matrix + shift), expected, rtol=1e-10)
    np.testing.assert_allclose(turned.responsibilities(rows @ matrix + shift), noisy.responsibilities(rows), atol=1e-10)
    scaled = noisy.rescaled(shift, scale)
    expected = noisy.log_density(rows) - np.log(scale).sum()
    np.testing.assert_allclose(scaled.log_density(rows * scale + shift), expected, rtol=1e-10)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_incomplete_rows_have_the_noise_of_what_is_observed(structure):
    rng = np.random.default_rng(3)
    mixture = with_noise(random_mixture(STRUCTURES[structure], 3, 4, rng))
    rows = mixture.sample(600, 2)[0]
    rows[rng.random(rows.shape) < 0.2] = np.nan
    rows[:300, 1] = np.nan  # a large group
    rows[0] = np.nan
    lengths = mixture.background.log_lengths
    assert lengths.sum() == pytest.approx(mixture.background.log_volume)
    expected = math.log(mixture.background.weight) - (~np.isnan(rows) * lengths).sum(axis=1)
    for noise in (None, np.full(4, 0.01), 0.01 * np.eye(4)):
        found = mixture.responsibilities(rows, noise)
        density = mixture.log_density(rows, noise)
        np.testing.assert_allclose(np.log(found[:, -1]) + density, expected, rtol=1e-10)
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    assert mixture.log_density(rows)[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_sums_over_incomplete_rows_add_up(structure):
    rng = np.random.default_rng(4)
    mixture = with_noise(random_mixture(STRUCTURES[structure], 2, 3, rng))
    rows = mixture.sample(500, 2)[0]
    rows[rng.random(rows.shape) < 0.2] = np.nan
    weights = rng.uniform(0.5, 2, 500)
    moments = IncompleteEngine(WeightedRows(rows, weights)).accumulate(mixture.whitened())
    shares = weights @ mixture.responsibilities(rows)
    np.testing.assert_allclose([*moments.counts, moments.background], shares, rtol=1e-10)
    assert moments.log_likelihood == pytest.approx(weights @ mixture.log_density(rows), rel=1e-12)


def test_float_types_and_pixels_have_the_same_noise(noisy):
    pixels = np.random.default_rng(0).integers(0, 9, (5000, 3)).astype(np.uint8)
    exact = NativeEngine(pixels.astype(float)).accumulate(noisy.whitened())
    for rows in (pixels, pixels.astype(np.uint16), pixels.astype(np.float32)):
        moments = NativeEngine(rows).accumulate(noisy.whitened())
        assert moments.background == exact.background
        rough = NativeEngine(np.repeat(rows, 3, axis=0)).accumulate(noisy.whitened(), rough=True)
        assert rough.background == pytest.approx(3 * exact.background, rel=1e-5)


def test_mixtures_with_noise_are_not_stacked(noisy, rows):
    with pytest.raises(ValueError, match="background"):
        StackedEngine(NativeEngine(rows), 1).accumulate(noisy.whitened())


@pytest.mark.parametrize("lengths", [(2.0,), (1.0, 3.0), (0.5, 7.0, 1e-3)])
def test_lengths_of_a_box(lengths):
    box = Background(0.5, np.zeros(len(lengths)), np.diag(lengths))
    np.testing.assert_allclose(np.exp(box.log_lengths), lengths)
    assert box.volume == pytest.approx(math.prod(lengths))


def test_volume_that_double_precision_cannot_hold():
    assert Background(0.5, np.zeros(3), 1e150 * np.eye(3)).volume == math.inf
    assert Background(0.5, np.zeros(3), 1e-150 * np.eye(3)).volume == 0


def test_what_is_defined_for_components_alone_says_so(noisy, rows):
    refusals = [
        lambda: noisy.impute(rows), lambda: noisy.denoise(rows, np.ones(3)), lambda: noisy.condition(rows[:, :1], [0]),
        lambda: noisy.cdf(rows), noisy.modes, noisy.mode, noisy.entropy, lambda: noisy.density_level(0.5),
        noisy.log_density_distribution, lambda: noisy.marginal([0]).quantile(0.5),
        lambda: total_variation(noisy, noisy), lambda: mixture_wasserstein(noisy, noisy),
        lambda: compare_mixtures(noisy, noisy), lambda: merge_components(noisy, method="ridgeline-ratio"),
        lambda: to_sklearn(noisy), lambda: to_matlab(noisy), lambda: to_onnx(noisy), lambda: trace_em(rows, noisy),
    ]  # fmt: skip
    for call in refusals:
        with pytest.raises(ValueError, match="without_noise"):
            call()


def test_marginals_and_conditionals_have_the_noise_of_their_features(noisy, rows):
    lengths, weight = np.exp(noisy.background.log_lengths), noisy.background.weight
    marginal = noisy.marginal([2, 0])
    assert marginal.background.volume == pytest.approx(lengths[[2, 0]].prod())
    given = {1: float(rows[0, 1])}
    conditional = noisy.conditional(given)
    share = noisy.marginal([1]).responsibilities(rows[:1, 1:2])[0, -1]
    assert conditional.background.weight == pytest.approx(share)
    assert conditional.weights.sum() + share == pytest.approx(1)
    density = noisy.log_density(rows[:1]) - noisy.marginal([1]).log_density(rows[:1, 1:2])
    np.testing.assert_allclose(conditional.log_density(rows[:1, [0, 2]]), density, rtol=1e-9)
    drawn, labels = noisy.sample(50, 0, given=given)
    assert (drawn[:, 1] == given[1]).all()
    assert set(labels) <= {-1, 0, 1, 2}
    assert weight == 0.2


def test_text_names_the_noise(noisy):
    assert "uniform noise, weight 0.2" in str(noisy)
    assert "weight of the noise 0.2" in noisy._repr_html_()


def test_all_rows_may_be_noise(noisy, rows):
    nothing = noisy.with_components(np.zeros(3), noisy.means, noisy.covariance, noise_weight=1.0)
    np.testing.assert_array_equal(nothing.labels(rows), -1)
    np.testing.assert_allclose(nothing.without_noise().weights, 1 / 3)
