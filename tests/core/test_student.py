"""t distributions: functions, densities and passes against SciPy and exact arithmetic."""

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal, multivariate_t

from gaussmix import Mixture
from gaussmix.core.covariance import STRUCTURES
from gaussmix.core.engines import IncompleteEngine, NativeEngine
from gaussmix.core.forms import FORMS
from gaussmix.core.rows import WeightedRows
from gaussmix.core.student import (
    degrees_of_surplus,
    draw_scales,
    information,
    log_constants,
    slope_centers,
    surplus,
)
from gaussmix.testing.random_models import random_mixture

DEGREES = [0.3, 1.0, 2.5, 7.0, 31.9, 32.1, 299.0, 1e4, 1e8, 1e12]


def heavy(structure, k, d, seed=0, degrees=(1.0, 3.0, 25.0, np.inf)):
    rng = np.random.default_rng(seed)
    plain = random_mixture(STRUCTURES[structure], k, d, rng)
    mixture = plain.with_components(plain.weights, plain.means, plain.covariance, np.resize(degrees, k))
    return mixture, mixture.sample(90, rng)[0]


def exact_surplus(nu):
    return mpmath.log(nu / 2) - mpmath.digamma(nu / 2)


@pytest.mark.parametrize("nu", DEGREES)
@pytest.mark.parametrize("d", [1, 2, 5, 40])
def test_functions_are_accurate_up_to_the_normal_limit(nu, d):
    with mpmath.workdps(50):
        exact = mpmath.mpf(nu)
        constant = (
            mpmath.loggamma((exact + d) / 2) - mpmath.loggamma(exact / 2) - mpmath.mpf(d) / 2 * mpmath.log(exact / 2)
        )
        center = exact**2 / 2 * (mpmath.log1p(d / exact) + exact_surplus(exact) - exact_surplus(exact + d))
        assert_allclose(log_constants(np.array([nu]), d), [float(constant)], rtol=0, atol=2e-14 * max(d, 1))
        assert_allclose(surplus(np.array([nu])), [float(exact_surplus(exact))], rtol=1e-13)
        assert_allclose(slope_centers(np.array([nu]), d), [float(center)], rtol=1e-12)


def test_the_limit_is_exact():
    infinite = np.array([np.inf])
    for found, expected in ((log_constants(infinite, 3), 0), (surplus(infinite), 0), (slope_centers(infinite, 3), 1.5)):
        assert found == expected


@pytest.mark.parametrize("nu", DEGREES)
def test_surplus_is_inverted(nu):
    assert_allclose(degrees_of_surplus(surplus(np.array([nu]))), [nu], rtol=1e-12)
    assert np.isinf(degrees_of_surplus(np.array([0.0, -1.0]))).all()


@pytest.mark.parametrize(("nu", "d"), [(3.0, 1), (5.0, 2), (20.0, 4), (np.inf, 3)])
def test_information_is_the_variance_of_the_efficient_score(nu, d):
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((400_000, d)) / np.sqrt(draw_scales(nu, 400_000, rng))[:, None]
    square = (rows**2).sum(axis=1)
    if np.isinf(nu):
        slope, scale = 0.25 * (d - square) ** 2 - d / 2, 0.5 * (square - d)
    else:
        u = (nu + d) / (nu + square)
        slope = 0.5 * nu**2 * (u - 1 + np.log1p(square / nu)) - slope_centers(np.array([nu]), d)
        scale = 0.5 * (u * square - d)
    efficient = slope - scale * (scale @ slope) / (scale @ scale)
    assert abs(slope.mean()) < 5 * slope.std() / np.sqrt(len(slope))
    assert_allclose(efficient.var(), information(np.array([nu]), d)[0], rtol=0.05)


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical", "VEE", "EVI"])
@pytest.mark.parametrize(("k", "d"), [(1, 1), (3, 4), (4, 9)])
def test_density_is_that_of_scipy(structure, k, d):
    mixture, rows = heavy(structure, k, d)
    dense = mixture.covariance.dense()
    expected = np.zeros(len(rows))
    for component, nu in enumerate(mixture.degrees_of_freedom):
        mean, matrix = mixture.means[component], dense[component]
        known = multivariate_normal(mean, matrix) if np.isinf(nu) else multivariate_t(mean, matrix, df=nu)
        expected += mixture.weights[component] * known.pdf(rows).reshape(-1)
    assert_allclose(
        mixture.log_density(rows), np.log(expected), rtol=0, atol=1e-12 * max(1, np.abs(np.log(expected)).max())
    )


def test_many_degrees_of_freedom_give_the_normal_density():
    mixture, rows = heavy("full", 3, 4, degrees=(np.inf,))
    normal = Mixture(mixture.weights, mixture.means, mixture.covariance)
    near = mixture.with_components(mixture.weights, mixture.means, mixture.covariance, np.full(3, 1e12))
    assert_allclose(mixture.log_density(rows), normal.log_density(rows), rtol=1e-14)
    assert_allclose(near.log_density(rows), normal.log_density(rows), rtol=1e-8)


def exact_sums(mixture, rows):
    """Return counts, scaled counts, slopes, shifts and full scatter of a pass over rows with holes, with 40 digits."""
    (k, d), total = mixture.means.shape, [{} for _ in mixture.weights]
    roots = np.linalg.cholesky(mixture.covariance.dense())
    with mpmath.workdps(40):
        names = ("counts", "scaled_counts", "slopes", "shifts", "scatter")
        for sums in total:
            sums.update(zip(names, (0, 0, 0, mpmath.zeros(d, 1), mpmath.zeros(d, d)), strict=True))
        for row in rows:
            seen = [int(j) for j in np.flatnonzero(~np.isnan(row))]
            o, terms = len(seen), []
            for c in range(k):
                root = mpmath.matrix(roots[c].tolist())
                nu = mpmath.mpf(mixture.degrees_of_freedom[c])
                part = mpmath.matrix([[root[j, i] for i in range(d)] for j in seen])
                inverse = (part * part.T) ** -1
                apart = mpmath.matrix([mpmath.mpf(row[j]) - mpmath.mpf(mixture.means[c, j]) for j in seen])
                square = (apart.T * inverse * apart)[0]
                gain = part.T * inverse
                y, unseen = gain * apart, mpmath.eye(d) - gain * part
                log = mpmath.log(mixture.weights[c]) + mpmath.log(mpmath.det(inverse)) / 2
                if mpmath.isinf(nu):
                    log += -square / 2 - o * mpmath.log(2 * mpmath.pi) / 2
                    u, slope = mpmath.mpf(1), ((square - o) ** 2 - 2 * o) / 4
                else:
                    log += mpmath.loggamma((nu + o) / 2) - mpmath.loggamma(nu / 2) - o * mpmath.log(nu * mpmath.pi) / 2
                    log -= (nu + o) / 2 * mpmath.log1p(square / nu)
                    u = (nu + o) / (nu + square)
                    inner = surplus_terms(nu, o, square)
                    slope = -(nu**2) / 2 * inner
                terms.append((mpmath.exp(log), u, slope, y, u * y * y.T + unseen))
            density = sum(term[0] for term in terms)
            for sums, (share, u, slope, y, second) in zip(total, terms, strict=True):
                r = share / density
                for name, value in zip(names, (1, u, slope, u * y, second), strict=True):
                    sums[name] += r * value
    return {
        name: [np.array(sums[name].tolist() if hasattr(sums[name], "tolist") else sums[name], float) for sums in total]
        for name in names
    }


def surplus_terms(nu, o, square):
    """Return twice the derivative of a log density with respect to nu."""
    return (
        mpmath.digamma((nu + o) / 2)
        - mpmath.digamma(nu / 2)
        - o / nu
        - mpmath.log1p(square / nu)
        + (nu + o) * square / (nu * (nu + square))
    )


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize(("k", "d", "share"), [(3, 4, 0.0), (2, 7, 0.0), (3, 4, 0.3), (2, 7, 0.3)])
def test_sums_agree_with_exact_arithmetic(structure, k, d, share):
    mixture, rows = heavy(structure, k, d, degrees=(1.0, 4.0, np.inf))
    rng = np.random.default_rng(3)
    rows = np.where(rng.random(rows.shape) < share, np.nan, rows)
    rows = rows[~np.isnan(rows).all(axis=1)][:30]
    engine = IncompleteEngine(WeightedRows(rows)) if share else NativeEngine(rows)
    moments, exact = engine.accumulate(mixture.whitened()), exact_sums(mixture, rows)
    for name in ("counts", "scaled_counts", "slopes"):
        assert_allclose(getattr(moments, name), exact[name], rtol=0, atol=1e-12 * len(rows) * 10)
    assert_allclose(moments.shifts, np.stack(exact["shifts"])[:, :, 0], rtol=0, atol=1e-11 * len(rows))
    scatter = FORMS[moments.form].restricted(np.stack(exact["scatter"]))
    assert_allclose(moments.scatter, scatter, rtol=0, atol=1e-11 * len(rows))


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
def test_groups_of_rows_give_the_sums_of_single_rows(structure):
    mixture, _ = heavy(structure, 3, 6)
    rows = mixture.sample(4000, 5)[0]
    rows[:1500, [1, 4]] = np.nan
    rows[1500:1700, [0, 2, 3]] = np.nan
    rows[1700:1720] = np.nan
    whole = IncompleteEngine(WeightedRows(rows)).accumulate(mixture.whitened())
    parts = [IncompleteEngine(WeightedRows(part)).accumulate(mixture.whitened()) for part in np.array_split(rows, 200)]
    together = sum(parts[1:], parts[0])
    for name in ("counts", "scaled_counts", "slopes", "shifts", "scatter", "log_likelihood"):
        assert_allclose(getattr(whole, name), getattr(together, name), rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("values", [0.0, -1.0, np.nan, [3.0, 4.0, 5.0]])
def test_wrong_degrees_of_freedom_are_refused(values):
    with pytest.raises(ValueError, match="degrees_of_freedom"):
        Mixture.from_parameters(
            [0.5, 0.5], [[0.0], [1.0]], [1.0, 1.0], covariance_type="spherical", degrees_of_freedom=values
        )


def test_measurement_errors_are_refused():
    mixture, rows = heavy("full", 2, 3)
    with pytest.raises(ValueError, match="measurement errors"):
        mixture.log_density(rows, noise_covariance=np.ones(3))
