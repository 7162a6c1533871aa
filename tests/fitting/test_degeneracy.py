"""Components that chance explains are found; components of true mixtures are left alone."""

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.core.covariance import COVARIANCES
from gaussmix.core.engines import NativeEngine
from gaussmix.fitting.degeneracy import examine, find_lost, rounding_variances
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import MeanChange

NAMES = ("empty", "collapsed", "few", "spurious")


def troubles(soundness, component):
    return {name for name in NAMES if getattr(soundness, name)[component]}


def mixture_of(variances, covariance_type, means=None):
    """Two components: one of unit variance, one with the given variances."""
    variances = np.array([np.ones(len(variances)), variances])
    means = np.zeros_like(variances) if means is None else means
    covariances = {
        "full": variances[:, :, None] * np.eye(variances.shape[1]),
        "diag": variances,
        "spherical": variances.prod(axis=1) ** (1 / variances.shape[1]),
        "tied": np.diag(variances[1]),
    }[covariance_type]
    return lambda weight: Mixture.from_parameters(
        [1 - weight, weight], means, covariances, covariance_type=covariance_type
    )


# what, structure, variances of the second component, its mean, its count of 1000 rows, the troubles
CASES = [
    ("sound", "full", [0.5, 2.0], [0, 0], 300, set()),
    ("a dense spot", "full", [1e-6, 1e-6], [0, 0], 30, set()),
    ("three rows at a spot", "full", [1e-6, 1e-6], [0, 0], 3, {"spurious"}),
    ("fewer than three rows at a spot", "full", [1e-6, 1e-6], [0, 0], 2.5, {"few", "spurious"}),
    ("four rows at a spot: too many for chance", "full", [1e-8, 1e-8], [0, 0], 4.5, set()),
    ("four rows at a wide spot", "full", [1e-3, 1e-3], [0, 0], 4.5, {"spurious"}),
    ("the same, far from all others", "full", [1e-3, 1e-3], [20, 0], 4.5, set()),
    ("five rows on a line", "full", [1e-6, 1.0], [0, 0], 5, {"spurious"}),
    ("forty rows on a line", "full", [1e-6, 1.0], [0, 0], 40, set()),
    ("wide: no matter how few", "full", [0.3, 1.0], [0, 0], 5, set()),
    ("flat to rounding", "full", [1e-10, 1.0], [0, 0], 300, {"collapsed"}),
    ("without rows", "full", [1.0, 1.0], [0, 0], 0, {"empty", "few"}),
    ("two rows share a value", "diag", [1e-6, 1.0], [0, 0], 3, {"spurious"}),
    ("two rows", "diag", [1e-6, 1.0], [0, 0], 2, {"few", "spurious"}),
    ("a column that hardly varies there", "diag", [1e-6, 1.0], [0, 0], 40, set()),
    ("two rows in a ball", "spherical", [1e-4, 1e-4], [0, 0], 2.5, {"spurious"}),
    ("one row", "spherical", [1e-4, 1e-4], [20, 0], 1.5, {"few"}),
    ("many rows in a ball", "spherical", [1e-4, 1e-4], [0, 0], 40, set()),
    ("one covariance for all", "tied", [1e-6, 1.0], [0, 0], 2, set()),
]


@pytest.mark.parametrize(("covariance_type", "variances", "mean", "count", "expected"), [case[1:] for case in CASES],
                         ids=[f"{case[1]}: {case[0]}" for case in CASES])  # fmt: skip
def test_what_is_wrong_with_a_component(covariance_type, variances, mean, count, expected):
    means = np.array([[0.0, 0.0], mean])
    mixture = mixture_of(variances, covariance_type, means)(count / 1000)
    soundness = examine(mixture, np.array([1000.0 - count, count]), 1000.0)
    assert troubles(soundness, 1) == expected
    assert troubles(soundness, 0) == set()
    assert soundness.n_unsound == bool(expected)
    assert soundness.unsound.tolist() == [False, bool(expected)]


@pytest.mark.parametrize("covariance_type", COVARIANCES)
def test_units_and_offset_do_not_matter(covariance_type):
    rng = np.random.default_rng(0)
    for count in (4, 8, 30):
        variances = 10.0 ** rng.uniform(-5, 0, 3)
        plain = mixture_of(variances, covariance_type, rng.normal(size=(2, 3)))(count / 500)
        scale = np.full(3, 1e6) if covariance_type == "spherical" else np.array([1e-9, 1.0, 1e7])
        units = {"full": np.outer(scale, scale), "tied": np.outer(scale, scale), "diag": scale**2, "spherical": 1e12}
        moved = Mixture.from_parameters(
            plain.weights,
            plain.means * scale + scale,
            plain.covariance.covariances * units[covariance_type],
            covariance_type=covariance_type,
        )
        counts = np.array([500.0 - count, count])
        one, other = examine(plain, counts, 500.0), examine(moved, counts, 500.0)
        for name in NAMES:
            assert np.array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("covariance_type", COVARIANCES)
def test_the_reference_can_be_given(covariance_type):
    mixture = mixture_of([1.0, 1.0], covariance_type)(0.5)
    counts = np.array([500.0, 500.0])
    assert not examine(mixture, counts, 1000.0).unsound.any()
    assert not examine(mixture, counts, 1000.0, np.eye(2)).unsound.any()
    assert examine(mixture, counts, 1000.0, 1e5 * np.eye(2)).collapsed.all()


def test_one_component_is_always_sound():
    mixture = Mixture.from_parameters([1.0], [[0.0, 0.0]], [[[1e-8, 0.0], [0.0, 1.0]]])
    assert not examine(mixture, np.array([50.0]), 50.0).unsound.any()


def _fit(rows, mixture):
    return fit_em(NativeEngine(rows), MaximumLikelihood(), mixture, MeanChange(1e-9), max_iter=1000)


@pytest.mark.parametrize("extra", [1, 2, 3])
def test_an_optimum_on_nearly_collinear_rows_is_spurious(extra):
    found = thin = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = rng.standard_normal((100, 2))
        first, second = rows[rng.choice(100, 2, replace=False)]
        normal = np.array([second[1] - first[1], first[0] - second[0]]) / np.linalg.norm(second - first)
        near = rows[np.argsort(np.abs((rows - first) @ normal))[: 2 + extra]]
        covariances = [np.cov(rows.T), np.cov(near.T) + 1e-12 * np.eye(2)]
        start = Mixture.from_parameters([0.95, 0.05], [rows.mean(axis=0), near.mean(axis=0)], covariances)
        fit = _fit(rows, start)
        if np.linalg.det(fit.mixture.covariance.dense()[1]) < 1e-3:
            thin += 1
            found += examine(fit.mixture, fit.moments.counts, 100.0).unsound[1]
    assert thin >= 15
    assert found == thin


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
@pytest.mark.parametrize("spread", [1e-3, 1e-2])
def test_a_true_tight_cluster_is_sound(covariance_type, spread):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        start = mixture_of([spread**2, spread**2, spread**2], covariance_type, rng.normal(size=(2, 3)))(30 / 1000)
        rows = np.concatenate([
            mean + start.covariance.color(rng.standard_normal((count, 3)), component)
            for component, (mean, count) in enumerate(zip(start.means, (970, 30), strict=True))
        ])  # fmt: skip
        fit = _fit(rows, start)
        assert not examine(fit.mixture, fit.moments.counts, 1000.0).unsound.any()


def test_a_component_on_rows_that_rounding_made_equal_has_collapsed():
    rng = np.random.default_rng(0)
    rows = np.stack([rng.normal(size=400), np.round(rng.normal(0, 3, 400))], axis=1)
    np.testing.assert_allclose(rounding_variances(rows)[1], 1 / 12)
    assert rounding_variances(rows)[0] < 1e-8
    for variance, collapsed in ((1e-4, True), (0.3, False)):
        covariances = np.array([np.diag([1.0, 9.0]), np.diag([0.5, variance])])
        mixture = Mixture.from_parameters([0.9, 0.1], [[0.0, 0.0], [1.0, 2.0]], covariances)
        counts = np.array([360.0, 40.0])
        assert examine(mixture, counts, 400, rounding=rounding_variances(rows)).collapsed.tolist() == [False, collapsed]
        assert not examine(mixture, counts, 400).collapsed.any()


def test_only_columns_with_a_common_step_were_rounded():
    rng = np.random.default_rng(0)
    steps = np.array([0.1, 1.0, 0.25, 2.54, 1e-3])
    rounded = np.round(rng.normal(50, 20, (12, 5)) / steps) * steps
    np.testing.assert_allclose(rounding_variances(rounded), steps**2 / 12, rtol=1e-6)
    assert (rounding_variances(rng.normal(50, 20, (12, 5))) == 0).all()
    assert (rounding_variances(rng.standard_cauchy(size=(500, 2))) == 0).all()
    assert (rounding_variances(np.ones((5, 2))) == 0).all()


def test_columns_that_follow_from_others_are_no_collapse_below_rounding():
    # two measurements of one thing, in steps of 0.1: they differ by less than rounding in both components
    thin = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-6]])
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [8.0, 8.0]], [thin, 2 * thin])
    counts, rounding = np.array([50.0, 50.0]), np.full(2, 0.01 / 12)
    assert not examine(mixture, counts, 100, rounding=rounding).unsound.any()
    own = Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [8.0, 8.0]], [thin, np.eye(2)])
    assert examine(own, counts, 100, rounding=rounding).collapsed.tolist() == [True, False]


def test_components_without_rows_and_repeated_ones_are_lost():
    means = np.array([[0.0, 0.0], [5.0, 0.0], [5.0, 1e-6], [5.0, 0.0], [5.0, 0.1]])
    covariances = np.tile(np.eye(2), (5, 1, 1))
    covariances[3] = [[1.0, 0.5], [0.5, 1.0]]
    mixture = Mixture.from_parameters([0.2] * 5, means, covariances)
    assert find_lost(mixture, np.full(5, 20.0)).tolist() == [False, False, True, False, False]
    assert find_lost(mixture, np.array([0.4, 20.0, 0.0, 20.0, 0.6])).tolist() == [True, False, True, False, False]
