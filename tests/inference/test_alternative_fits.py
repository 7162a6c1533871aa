"""Fits with one component more, for the likelihood ratio test."""

import numpy as np
import pytest
from helpers.datasets import TABLES

from gaussmix import GaussianMixture
from gaussmix.datasets import load_old_faithful
from gaussmix.fitting.degeneracy import examine, rounding_variances
from gaussmix.fitting.refit import stream
from gaussmix.inference.alternative_fits import fit_one_more
from gaussmix.inference.refitting import Fitted

ROWS, K = TABLES["blobs"]


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "VEE"])
def test_one_component_more_is_found_where_a_search_finds_it(covariance_type):
    for k in (1, 2):
        gm = GaussianMixture(k, covariance_type=covariance_type, random_state=0).fit(ROWS)
        more = GaussianMixture(k + 1, covariance_type=covariance_type, random_state=0).fit(ROWS)
        fitted = Fitted.of(gm, ROWS, None)
        found = fit_one_more(fitted.rows, fitted.reduced, fitted.update, stream(0, 0))
        assert found.log_likelihood >= more.score(ROWS) * len(ROWS) - 1e-2
        assert found.mixture.n_components == k + 1


def test_one_component_more_is_sound():
    for seed in range(6):
        rows = np.random.default_rng(seed).normal(size=(40, 2))
        null = GaussianMixture(1).fit(rows)
        fitted = Fitted.of(null, rows, None)
        found = fit_one_more(fitted.rows, fitted.reduced, fitted.update, stream(seed, 0))
        assert not examine(found.mixture, 40 * found.mixture.weights, 40.0).n_unsound


def test_one_component_more_is_no_accident_of_rounding():
    """Waiting times are whole minutes: in some few rows they agree, and the durations nearly do."""
    rows, _ = load_old_faithful()
    fitted = Fitted.of(GaussianMixture(3, random_state=0).fit(rows), rows, None)
    for draw in (30, 35, 37, 39):
        found = fit_one_more(fitted.rows, fitted.reduced, fitted.update, stream(0, draw)).mixture
        assert not examine(found, 272 * found.weights, 272.0, rounding=rounding_variances(fitted.rows.values)).n_unsound
