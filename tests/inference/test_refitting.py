"""Draws of rows and the refits to them."""

import numpy as np
import pytest
from helpers.datasets import TABLES, blobs, read_only

from gaussmix import GaussianMixture, bootstrap, cross_validated_log_likelihood, stability
from gaussmix.core.engines import NativeEngine
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.refit import refit, stream
from gaussmix.fitting.stopping import RemainingGain
from gaussmix.inference.refitting import Fitted

ROWS, K = TABLES["blobs"]
NORMAL = read_only(np.random.default_rng(5).normal(3.0, 2.0, (400, 1)))
ONE = GaussianMixture(1).fit(NORMAL)
# two of three clusters hardly differ: resampling makes components wander
CLOSE = blobs(300, 2, 3, separation=1.0, seed=1)


@pytest.mark.parametrize("kind", ["resampled", "reweighted"])
def test_rows_are_drawn_by_their_weights(kind):
    weights = np.array([0.0, 1.0, 1.0, 10.0, 28.0])
    rows = np.arange(5.0)[:, None]
    fitted = Fitted.of(ONE, rows, weights)
    sums = np.zeros(5)
    for draw in range(400):
        drawn = getattr(fitted, kind)(stream(0, draw))
        assert drawn.total == pytest.approx(40)
        np.add.at(sums, drawn.values[:, 0].astype(int), drawn.weights)
    # five standard errors of a binomial count; that of a Dirichlet share is less
    assert (abs(sums / 400 - weights) <= 5 * np.sqrt(weights * (1 - weights / 40) / 400)).all()


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "VEV"])
def test_quick_refits_end_where_the_loop_ends(covariance_type):
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(CLOSE)
    fitted = Fitted.of(gm, CLOSE, None)
    for draw in range(5):
        rows = fitted.resampled(stream(0, draw))
        found = refit(rows, fitted.update, fitted.reduced)
        engine, accelerator = NativeEngine.of(rows), Accelerator(fitted.update)
        fit = fit_em(engine, fitted.update, fitted.reduced, RemainingGain(1e-4), max_iter=9999, accelerator=accelerator)
        assert found.log_likelihood == pytest.approx(fit.moments.log_likelihood, abs=0.01)
        assert engine.accumulate(found.mixture.whitened()).log_likelihood == pytest.approx(found.log_likelihood)


@pytest.mark.parametrize("reg_covar", [1e-3, "chen-tan", "inverse-wishart"])
def test_refits_have_the_penalty_of_the_fit(reg_covar):
    gm = GaussianMixture(K, reg_covar=reg_covar, random_state=0).fit(ROWS)
    rows = Fitted.of(gm, ROWS, None).resampled(stream(0, 0))
    draw = bootstrap(gm, ROWS, n_draws=2, random_state=0)
    again = GaussianMixture(
        K, reg_covar=reg_covar, weights_init=gm.weights_, means_init=gm.means_, precisions_init=gm.precisions_
    ).fit(rows.values, sample_weight=rows.weights)
    loose = 1e-2 if reg_covar == "chen-tan" else 2e-3  # chen-tan and its kin look at the rows, which are others
    np.testing.assert_allclose(draw.covariances[0], again.covariances_, rtol=loose, atol=loose)


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        (-1, "random_state must be from 0 to"),
        (2**64, "random_state must be from 0 to"),
        ("seed", "random_state must be an int, .* got 'seed'"),
        (1.5, "random_state must be an int, .* got 1.5"),
    ],
)
@pytest.mark.parametrize("take", [bootstrap, stability, cross_validated_log_likelihood])
def test_seeds_that_cannot_be_are_refused(take, seed, message):
    with pytest.raises(ValueError, match=message):
        take(GaussianMixture(K, random_state=0).fit(ROWS), ROWS, random_state=seed)


def test_large_seeds_are_seeds():
    fitted = GaussianMixture(K, random_state=0).fit(ROWS)
    draws = [bootstrap(fitted, ROWS, n_draws=2, random_state=seed).means for seed in (2**64 - 1, 2**64 - 1, 2**63)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
