"""Warm starts: they continue in the columns that the fit uses, and never end below the fit that they continue."""

import warnings

import numpy as np
import pytest
from helpers.datasets import blobs
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from gaussmix import GaussianMixture, StudentMixture
from gaussmix.core.covariance import MODELS

K = 3
ROWS = blobs()
ONE_START = {"init_params": "kmeans", "tol": 1e-3, "max_iter": 100, "reg_covar": 1e-6, "acceleration": "none"}

RNG = np.random.default_rng(0)
CLUSTERS = np.r_[RNG.standard_normal((80, 3)), RNG.standard_normal((80, 3)) * [1, 2, 0.5] + 5]
SEVENS = np.full(160, 7.0)
REDUNDANT = {
    "last column constant": np.c_[CLUSTERS, SEVENS],
    "first column constant": np.c_[SEVENS, CLUSTERS],
    "sum of columns": np.c_[CLUSTERS, CLUSTERS[:, 0] + CLUSTERS[:, 1]],
}
quietly = pytest.mark.filterwarnings(
    "ignore::gaussmix.DegenerateDataWarning", "ignore::gaussmix.DegenerateComponentWarning"
)


@quietly
@pytest.mark.parametrize("name", REDUNDANT)
@pytest.mark.parametrize("letters", MODELS)
def test_a_fit_without_redundant_columns_is_continued(letters, name):
    model = GaussianMixture(2, covariance_type=letters, random_state=0, warm_start=True).fit(REDUNDANT[name])
    before, covariances = model.lower_bound_, model.covariances_
    model.fit(REDUNDANT[name])
    assert_allclose(model.lower_bound_, before, atol=1e-6)
    assert_allclose(model.covariances_, covariances, rtol=1e-3, atol=1e-6)


@quietly
@pytest.mark.parametrize(
    "model",
    [
        StudentMixture(2, covariance_type="VEE"),
        GaussianMixture(2, covariance_type="factor", n_factors=1),
        GaussianMixture(2, covariance_type="EVV", noise="uniform"),
        GaussianMixture(2, covariance_type="VEV", trim=0.05),
        GaussianMixture(2, covariance_type="EEV", reg_covar="inverse-wishart"),
    ],
    ids=str,
)
def test_other_fits_without_redundant_columns_are_continued(model):
    rows = REDUNDANT["first column constant"]
    before = model.set_params(random_state=0, warm_start=True).fit(rows).lower_bound_
    assert_allclose(model.fit(rows).lower_bound_, before, atol=1e-6)


VARYING = np.c_[CLUSTERS, RNG.standard_normal(160)]


@quietly
@pytest.mark.parametrize("letters", ["VVV", "EEE", "VVI", "VEI", "VEE", "EVE", "VEV", "EVV"])
def test_a_column_that_has_become_constant_is_left_out(letters):
    model = GaussianMixture(2, covariance_type=letters, random_state=0, warm_start=True).fit(VARYING)
    constant = REDUNDANT["last column constant"]
    fresh = GaussianMixture(2, covariance_type=letters, random_state=0).fit(constant)
    assert_allclose(model.fit(constant).lower_bound_, fresh.lower_bound_, atol=1e-5)


@quietly
@pytest.mark.parametrize("letters", ["VVV", "EEE", "VVI", "VEI", "VEE", "EVE", "VEV", "EVV"])
def test_a_column_that_was_constant_may_vary(letters):
    constant = REDUNDANT["last column constant"]
    model = GaussianMixture(2, covariance_type=letters, random_state=0, warm_start=True).fit(constant)
    before = model.score(VARYING)
    assert model.fit(VARYING).lower_bound_ > before
    assert model.mixture_.covariance.letters == letters


@quietly
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("letters", ["VVV", "VVI", "VII", "VEE"])
@pytest.mark.parametrize("options", [{}, {"noise": "uniform"}, {"trim": 0.1}, {"init_params": "kmeans"}], ids=str)
@pytest.mark.parametrize("n_rows", [7, 12])
def test_a_warm_start_never_ends_lower(seed, letters, options, n_rows):
    rows = np.random.default_rng(seed).standard_normal((n_rows, 2)).round(1)
    model = GaussianMixture(3, covariance_type=letters, random_state=0, warm_start=True, **options).fit(rows)
    objective, log_likelihood = model.fit_result_.fit.objective, model.lower_bound_
    model.fit(rows)
    assert model.fit_result_.fit.objective > objective - 1e-8
    assert model.lower_bound_ > log_likelihood - 1e-4 / n_rows  # the penalty of a collapsed component may shrink


def test_warm_start_goes_on():
    settings = ONE_START | {"init_params": "random", "tol": 0, "random_state": 0}
    whole = GaussianMixture(K, **(settings | {"max_iter": 4}))
    parts = GaussianMixture(K, **(settings | {"max_iter": 2}), warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        whole.fit(ROWS)
        parts.fit(ROWS).fit(ROWS)
    np.testing.assert_array_equal(parts.means_, whole.means_)
    with pytest.raises(
        ValueError, match=r"warm_start continues from \('full', 3, 3\), this fit asks for \('full', 3, 2\)"
    ):
        parts.fit(ROWS[:, :2])
    with pytest.raises(ValueError, match="'diag', 3, 3"):
        parts.set_params(covariance_type="diag").fit(ROWS)


def test_warm_start_on_other_data_does_not_converge_at_once():
    gm = GaussianMixture(K, random_state=0, warm_start=True, **ONE_START).fit(ROWS)
    other = blobs(seed=11)
    gm.fit(other)
    assert gm.n_iter_ > 2
    assert (
        gm.lower_bound_
        > GaussianMixture(K, random_state=0, init_params="kmeans", max_iter=0).fit(other).lower_bound_ - 1
    )
