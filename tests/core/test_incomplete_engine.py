"""Rows with missing values and measurement errors: passes against direct evaluation with SciPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gaussmix import Mixture
from gaussmix.core.covariance import STRUCTURES
from gaussmix.core.engines import IncompleteEngine, NativeEngine, engine_for
from gaussmix.core.forms import FORMS
from gaussmix.core.noise import NoiseCovariance
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.testing.random_models import random_mixture

N, D, K = 60, 5, 3


def drawn(structure: str, share: float = 0.25) -> tuple[Mixture, FloatArray]:
    """Return a mixture and rows from it; some values are missing, and row 3 has none."""
    rng = np.random.default_rng(7)
    mixture = random_mixture(STRUCTURES[structure], K, D, rng)
    rows, _ = mixture.sample(N, rng)
    rows[rng.random(rows.shape) < share] = np.nan
    rows[3] = np.nan
    return mixture, rows


def noise_of(kind: str) -> FloatArray | None:
    rng = np.random.default_rng(5)
    roots = rng.normal(size=(N, D, D)) / 2
    match kind:
        case "variances":
            return rng.random(D)
        case "covariance":
            return roots[0] @ roots[0].T
        case "variances of each row":
            return rng.random((N, D))
        case "covariances of each row":
            return roots @ roots.transpose(0, 2, 1)
    return None


def dense_noise(noise: FloatArray | None, row: int) -> FloatArray:
    if noise is None:
        return np.zeros((D, D))
    values = noise[row] if noise.shape in ((N, D), (N, D, D)) else noise
    return np.diag(values) if values.ndim == 1 else values


def by_definition(mixture: Mixture, rows: FloatArray, noise: FloatArray | None) -> tuple[FloatArray, ...]:
    """Return the log densities of the components (n, k), and conditional means and covariances of the true rows."""
    covariances = mixture.covariance.dense()
    scores, means, spreads = np.zeros((N, K)), np.zeros((N, K, D)), np.zeros((N, K, D, D))
    for n, row in enumerate(rows):
        seen = np.flatnonzero(~np.isnan(row))
        for k in range(K):
            mean, covariance = mixture.means[k], covariances[k]
            total = covariance[np.ix_(seen, seen)] + dense_noise(noise, n)[np.ix_(seen, seen)]
            scores[n, k] = np.log(mixture.weights[k])
            gain = np.zeros((D, 0))
            if len(seen):
                scores[n, k] += multivariate_normal(mean[seen], total).logpdf(row[seen])
                gain = np.linalg.solve(total, covariance[seen]).T
            means[n, k] = mean + gain @ (row[seen] - mean[seen])
            spreads[n, k] = covariance - gain @ covariance[seen]
    return scores, means, spreads


KINDS = ("none", "variances", "covariance", "variances of each row", "covariances of each row")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_expected_sums_are_those_of_the_definition(structure: str, kind: str) -> None:
    mixture, rows = drawn(structure)
    noise = noise_of(kind)
    weights = np.random.default_rng(1).integers(0, 3, N).astype(float)
    checked = None if noise is None else NoiseCovariance.checked(noise, N, D)
    engine = engine_for(WeightedRows(rows, weights, None, checked))
    assert isinstance(engine, IncompleteEngine)
    whitened = mixture.whitened()
    scores, means, spreads = by_definition(mixture, rows, noise)
    log_density = logsumexp(scores, axis=1)
    shares = np.exp(scores - log_density[:, None])
    assert_allclose(engine.score_rows(whitened, "scores"), scores, rtol=1e-12, atol=1e-12)
    assert_allclose(engine.score_rows(whitened, "log_density"), log_density, rtol=1e-12, atol=1e-12)
    assert_allclose(engine.score_rows(whitened, "responsibilities"), shares, atol=1e-12)
    assert_array_equal(engine.score_rows(whitened, "labels"), scores.argmax(axis=1))

    moments = engine.accumulate(whitened)
    weighted = weights[:, None] * shares
    factors = FORMS[whitened.form].dense(whitened.factors, K, D)
    apart = (means - mixture.means)[:, :, None] @ factors
    inside = factors.transpose(0, 2, 1) @ spreads @ factors
    scatter = np.einsum("nk,nkij->kij", weighted, apart.transpose(0, 1, 3, 2) @ apart + inside)
    assert_allclose(moments.counts, weighted.sum(axis=0), rtol=1e-12)
    assert_allclose(moments.shifts, np.einsum("nk,nki->ki", weighted, apart[:, :, 0]), atol=1e-11 * N)
    expected = {
        "full": scatter,
        "tied": scatter.sum(axis=0),
        "diagonal": np.einsum("kii->ki", scatter),
        "spherical": np.einsum("kii->k", scatter),
    }
    assert_allclose(moments.scatter, expected[whitened.form], atol=1e-11 * N)
    assert_allclose(moments.log_likelihood, weights @ log_density, rtol=1e-13)
    assert moments.weight == weights.sum()


def test_complete_exact_rows_take_the_fast_engine() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 3))
    assert isinstance(engine_for(WeightedRows(rows)), NativeEngine)


def test_a_row_without_any_value_has_the_weights_as_responsibilities() -> None:
    mixture, rows = drawn("full")
    assert_allclose(mixture.responsibilities(rows)[3], mixture.weights, rtol=1e-14)
    assert_allclose(mixture.log_density(rows)[3], 0.0, atol=1e-14)


def test_an_infinite_variance_is_a_missing_value() -> None:
    mixture, rows = drawn("full")
    filled, noise = np.nan_to_num(rows, nan=0.5), np.where(np.isnan(rows), np.inf, 0.0)
    assert_allclose(mixture.log_density(filled, noise), mixture.log_density(rows), rtol=1e-12)


def test_errors_without_variance_are_exact_rows() -> None:
    mixture, _ = drawn("full")
    rows, _ = mixture.sample(N, 0)
    assert_allclose(mixture.log_density(rows, np.zeros(D)), mixture.log_density(rows), rtol=1e-12)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (np.ones(4), "must have the shape"),
        (np.full(D, -1.0), "variance -1 at column 0"),
        (np.where(np.arange(N * D).reshape(N, D) == 17, np.nan, 1.0), "row 3, column 2"),
        (np.tile([[1.0, 2, 0, 0, 0]] * 5, (N, 1, 1)), "of row 0 is not a symmetric"),
    ],
)
def test_noise_that_is_no_covariance_is_refused(noise: FloatArray, message: str) -> None:
    mixture, rows = drawn("full")
    with pytest.raises(ValueError, match=message):
        mixture.log_density(rows, noise)
