"""EM: scikit-learn's iterations to the last digits, a likelihood that never falls, an exact single step."""

import warnings

import mpmath
import numpy as np
import pytest
import sklearn.mixture
from helpers.datasets import COVARIANCE_TYPES, TABLES
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info

from gaussmix import GaussianMixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine, ReferenceEngine
from gaussmix.core.mixture import Mixture
from gaussmix.fitting.em import EMRun, fit_em
from gaussmix.fitting.initialization import draw_membership, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import MeanChange, Stop


def start_for(rows, n_components, covariance_type, seed=0, ridge=1e-6):
    structure = covariance_class(covariance_type)
    membership = draw_membership(NativeEngine(rows), n_components, "k-means++", np.random.RandomState(seed))
    return mixture_from_membership(membership, structure, MaximumLikelihood(ridge))


def parameters_of(mixture):
    return {
        "n_components": mixture.n_components,
        "covariance_type": mixture.covariance_type,
        "weights_init": mixture.weights,
        "means_init": mixture.means,
        "precisions_init": mixture.covariance.precisions,
    }


def quietly_fitted(estimator, rows, **arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(rows, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("reg_covar", [0.0, 1e-6])
@pytest.mark.parametrize("n_iter", [1, 2, 10, 50])
def test_same_iterations_as_scikit_learn(table, covariance_type, reg_covar, n_iter):
    rows, n_components = TABLES[table]
    settings = parameters_of(start_for(rows, n_components, covariance_type)) | {
        "tol": 0.0, "max_iter": n_iter, "reg_covar": reg_covar,
    }  # fmt: skip
    ours = quietly_fitted(GaussianMixture(**settings, acceleration="none"), rows)
    theirs = quietly_fitted(sklearn.mixture.GaussianMixture(**settings), rows)
    assert ours.n_iter_ == theirs.n_iter_ == n_iter
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        expected = getattr(theirs, name)
        np.testing.assert_allclose(getattr(ours, name), expected, rtol=1e-9, atol=1e-9 * abs(expected).max())
    np.testing.assert_allclose(ours.lower_bounds_[:-1], theirs.lower_bounds_[1:], rtol=1e-10)
    np.testing.assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows), rtol=0, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_same_stop_as_scikit_learn(table, covariance_type):
    rows, n_components = TABLES[table]
    settings = parameters_of(start_for(rows, n_components, covariance_type)) | {
        "tol": 1e-3, "max_iter": 1000, "reg_covar": 1e-6,
    }  # fmt: skip
    ours = GaussianMixture(**settings, acceleration="none").fit(rows)
    theirs = sklearn.mixture.GaussianMixture(**settings).fit(rows)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.converged_
    np.testing.assert_allclose(ours.means_, theirs.means_, rtol=1e-7, atol=1e-9)


# 6 tables x 4 types x 3 seeds = 72 fits
@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_log_likelihood_never_falls(table, covariance_type, seed):
    rows, n_components = TABLES[table]
    start = start_for(rows, n_components, covariance_type, seed)
    seen = []
    fit = fit_em(
        NativeEngine(rows),
        MaximumLikelihood(),
        start,
        MeanChange(0.0),
        max_iter=60,
        run=EMRun(watch=lambda progress: seen.append(progress.log_likelihood)),
    )
    assert not fit.last_step.collapsed.any(), "a repaired fit proves nothing here"
    assert len(seen) == 61
    assert seen[-1] > seen[0]
    assert (np.diff(seen) >= -1e-10 * np.abs(seen[1:])).all()


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_both_engines_fit_the_same_mixture(covariance_type):
    rows, n_components = TABLES["blobs"]
    start = start_for(rows, n_components, covariance_type)
    fits = [
        fit_em(engine(rows), MaximumLikelihood(), start, MeanChange(1e-6), max_iter=200)
        for engine in (NativeEngine, ReferenceEngine)
    ]
    assert fits[0].n_iter == fits[1].n_iter
    np.testing.assert_allclose(fits[0].mixture.means, fits[1].mixture.means, rtol=1e-9)
    np.testing.assert_allclose(
        fits[0].mixture.covariance.roots, fits[1].mixture.covariance.roots, rtol=1e-8, atol=1e-10
    )


def exact_step(rows, weights, means, covariances):
    """One EM step in mpmath's digits: Bishop (2006), equations 9.13 and 9.17 to 9.22."""
    n, d, k = len(rows), len(rows[0]), len(weights)
    points = [mpmath.matrix(list(map(mpmath.mpf, row))) for row in rows]
    centers = [mpmath.matrix(list(map(mpmath.mpf, mean))) for mean in means]
    matrices = [mpmath.matrix(covariance.tolist()) for covariance in covariances]
    inverses, dets = [m**-1 for m in matrices], [mpmath.det(m) for m in matrices]
    shares = []
    for point in points:
        terms = []
        for c in range(k):
            difference = point - centers[c]
            distance = (difference.T * inverses[c] * difference)[0]
            terms.append(
                mpmath.mpf(weights[c]) * mpmath.exp(-distance / 2) / mpmath.sqrt((2 * mpmath.pi) ** d * dets[c])
            )
        shares.append([term / sum(terms) for term in terms])
    new_weights, new_means, new_covariances = [], [], []
    for c in range(k):
        count = sum(share[c] for share in shares)
        mean = sum((share[c] * point for share, point in zip(shares, points, strict=True)), mpmath.zeros(d, 1)) / count
        scatter = mpmath.zeros(d, d)
        for share, point in zip(shares, points, strict=True):
            scatter += share[c] * (point - mean) * (point - mean).T
        new_weights.append(count / n)
        new_means.append(mean)
        new_covariances.append(scatter / count)
    return new_weights, new_means, new_covariances


def rounding_of_factors(condition):
    """What the last bits of a factor are in whitened units: the condition of the root times the rounding."""
    return np.finfo(float).eps * condition**0.5


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize("condition", [1.0, 1e4, 1e8])
@pytest.mark.parametrize(
    ("n_features", "ridge"), [(3, 0.0), (3, 0.5), (3, 1e3), (3, 1e6), (5, 0.0), (6, 0.0), (6, 0.5)]
)
@mpmath.workdps(60)
def test_one_step_against_sixty_digits(condition, offset, n_features, ridge):
    # the smallest variance is about 1, so the ridges are less, more and very much more than there was; the covariance
    # is compared in its own whitened units: 1e-12 there is 12 digits in every direction
    rng = np.random.default_rng(0)
    d, k, n = n_features, 2, 60
    tolerance = 1e-12 if d == 3 else 1e-12 + rounding_of_factors(condition)
    rotation = np.linalg.qr(rng.standard_normal((d, d)))[0]
    scales = np.sqrt(np.geomspace(condition, 1.0, d))
    rows = (
        np.r_[rng.standard_normal((n // 2, d)), rng.standard_normal((n // 2, d)) + 1.5] * scales
    ) @ rotation.T + offset
    covariances = np.stack([(rotation * scales**2 * c) @ rotation.T for c in (1.2, 0.8)])
    means = np.stack([rows[: n // 2].mean(axis=0), rows[n // 2 :].mean(axis=0)])
    mixture = Mixture.from_parameters([0.4, 0.6], means, covariances)
    exact_roots = [mpmath.matrix(root.tolist()) for root in mixture.covariance.roots]
    used = [root * root.T for root in exact_roots]
    weights, new_means, new_covariances = exact_step(
        rows, mixture.weights, mixture.means, [np.array(m.tolist(), dtype=object) for m in used]
    )
    step = MaximumLikelihood(ridge).maximize(mixture, NativeEngine(rows).accumulate(mixture.whitened()))
    for c in range(k):
        root = mpmath.cholesky(new_covariances[c] + ridge * mpmath.eye(d))
        inverse = root**-1
        assert float(abs(step.mixture.weights[c] - weights[c])) < tolerance
        error = inverse * (mpmath.matrix(step.mixture.means[c].tolist()) - new_means[c])
        # a mean at offset 1e8 is itself stored to 1e-8 of the smallest deviation
        assert max(map(abs, error)) < tolerance + 4e-16 * offset
        ours = mpmath.matrix(step.mixture.covariance.roots[c].tolist())
        whitened = inverse * ours * ours.T * inverse.T - mpmath.eye(d)
        # rounding the offset means moves the center, which the covariance feels only squared
        assert max(map(abs, whitened)) < tolerance


def fixed_point(array):
    """Whole numbers: the entries times 2^120."""
    return np.array([int(np.ldexp(number, 120)) for number in array.ravel()], dtype=object).reshape(array.shape)


def times_two_to_minus(bits, numbers):
    """Whole numbers of any length as doubles."""
    return np.array([number / 2**bits for number in numbers.ravel()], dtype=float).reshape(numbers.shape)


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize("condition", [1.0, 1e4, 1e8])
def test_one_step_of_many_features_against_whole_numbers(condition, offset):
    # one component: its mean and covariance are sums of products, exact in whole numbers; only the difference from
    # ours is rounded, and seen in whitened units
    rng = np.random.default_rng(0)
    d, n = 100, 256
    rotation = np.linalg.qr(rng.standard_normal((d, d)))[0]
    scales = np.sqrt(np.geomspace(condition, 1.0, d))
    rows = (rng.standard_normal((n, d)) * scales) @ rotation.T + offset
    mixture = Mixture.from_parameters([1.0], [rows.mean(axis=0)], [(rotation * scales**2 * 1.2) @ rotation.T])
    step = MaximumLikelihood().maximize(mixture, NativeEngine(rows).accumulate(mixture.whitened()))
    ours, whole = step.mixture, fixed_point(rows)
    sums, root = whole.sum(axis=0), fixed_point(ours.covariance.roots[0])
    excess = n * n * (root @ root.T) - (n * (whole.T @ whole) - np.outer(sums, sums))
    factor = ours.covariance.factors()[0]
    error = factor.T @ times_two_to_minus(240, excess) @ factor / n**2
    tolerance = 1e-12 + rounding_of_factors(condition)
    assert np.abs(error).max() < tolerance
    shift = times_two_to_minus(120, n * fixed_point(ours.means[0]) - sums) @ factor / n
    assert np.abs(shift).max() < tolerance + 4e-16 * offset


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("reg_covar", [0.0, 1e-6])
def test_integer_weights_are_repeated_rows(covariance_type, reg_covar):
    rows, n_components = TABLES["blobs"]
    counts = np.random.default_rng(0).integers(0, 4, len(rows))
    settings = parameters_of(start_for(rows, n_components, covariance_type)) | {
        "tol": 0.0, "max_iter": 20, "reg_covar": reg_covar, "acceleration": "none",
    }  # fmt: skip
    weighted = quietly_fitted(GaussianMixture(**settings), rows, sample_weight=counts)
    repeated = quietly_fitted(GaussianMixture(**settings), np.repeat(rows, counts, axis=0))
    for name in ("weights_", "means_", "covariances_", "lower_bound_"):
        expected = getattr(repeated, name)
        np.testing.assert_allclose(getattr(weighted, name), expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_stop_is_told():
    rows, n_components = TABLES["overlapping"]
    start = start_for(rows, n_components, "full")
    fits = {
        n: fit_em(NativeEngine(rows), MaximumLikelihood(), start, MeanChange(1e-4), max_iter=n) for n in (0, 3, 1000)
    }
    assert [fits[n].stop for n in (0, 3, 1000)] == [Stop.START, Stop.LIMIT, Stop.CONVERGED]
    assert "max_iter after 3" in fits[3].reason
    assert f"after {fits[1000].n_iter} iterations" in fits[1000].reason
    assert "tol=0.0001" in fits[1000].reason
    assert fits[0].mixture is start


def test_convergence_in_the_last_allowed_iteration_counts():
    rows, n_components = TABLES["blobs"]
    start = start_for(rows, n_components, "full")
    free = fit_em(NativeEngine(rows), MaximumLikelihood(), start, MeanChange(1e-3), max_iter=1000)
    tight = fit_em(NativeEngine(rows), MaximumLikelihood(), start, MeanChange(1e-3), max_iter=free.n_iter)
    assert tight.stop is Stop.CONVERGED


def test_likelihood_belongs_to_the_returned_mixture():
    rows, n_components = TABLES["iris"]
    fit = fit_em(
        NativeEngine(rows), MaximumLikelihood(), start_for(rows, n_components, "full"), MeanChange(0.0), max_iter=4
    )
    assert fit.trace[-1] == fit.moments.mean_log_likelihood
    assert fit.moments.log_likelihood == pytest.approx(fit.mixture.log_density(rows).sum(), rel=1e-14)


def test_row_infinitely_far_from_every_component_is_an_error_that_says_so():
    start = Mixture.from_parameters([1.0], [[0.0]], [1e-300], covariance_type="spherical")
    with pytest.raises(FloatingPointError, match="outliers"):
        fit_em(NativeEngine(np.array([[1e10], [2e10]])), MaximumLikelihood(), start, MeanChange(0.0), max_iter=1)


def test_blas_works_on_one_thread_while_many_features_are_fitted():
    def blas_threads(_progress):
        seen.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})

    seen = []
    rows = np.random.default_rng(0).standard_normal((200, 40))
    before = [pool["num_threads"] for pool in threadpool_info()]
    GaussianMixture(2, random_state=0, callback=blas_threads).fit(rows)
    assert seen
    assert all(threads == {1} for threads in seen)
    assert [pool["num_threads"] for pool in threadpool_info()] == before
