"""Clear clusters are found in tables of many kinds, and no fit is below that of scikit-learn."""

import numpy as np
import pytest
from scipy.stats import special_ortho_group
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture as SklearnMixture

from gaussmix import GaussianMixture


def ladder(n, d, k, gap, directions=1):
    """Return balls in a row along the diagonal of the first columns, and their labels."""
    labels = np.arange(n) % k
    rows = np.random.default_rng([n, d, k]).normal(size=(n, d))
    rows[:, :directions] += gap * labels[:, None]
    return rows, labels


def turned(rows, labels):
    return rows @ special_ortho_group.rvs(rows.shape[1], random_state=0), labels


def in_other_units(rows, labels):
    return rows * 10.0 ** np.random.default_rng(0).permutation(np.linspace(-3, 3, rows.shape[1])), labels


def beside(columns, rows, labels):
    return np.column_stack([columns, rows]), labels


RNG = np.random.default_rng(0)
WIDE = 50 * RNG.standard_t(2, (900, 3))
TABLES = {
    "one column of 12": (5, "full", *ladder(1000, 12, 5, 8)),
    "one column of 30": (2, "full", *ladder(900, 30, 2, 8)),
    "one column of 20, tied": (3, "tied", *ladder(300, 20, 3, 10)),
    "one column of 50, diag": (3, "diag", *ladder(1000, 50, 3, 10)),
    "one column of 12, other units": (4, "full", *in_other_units(*ladder(1000, 12, 4, 8))),
    "one column of 25, other units, tied": (3, "tied", *in_other_units(*ladder(500, 25, 3, 8))),
    "one column of 10, other units, diag": (3, "diag", *in_other_units(*ladder(600, 10, 3, 7))),
    "a line in 12 columns": (5, "full", *ladder(1000, 12, 5, 5, 12)),
    "a line in 16 columns": (4, "full", *ladder(1000, 16, 4, 4, 16)),
    "a line in 6 columns, tied": (6, "tied", *ladder(600, 6, 6, 5, 6)),
    "a turned direction of 15": (5, "full", *turned(*ladder(1000, 15, 5, 8))),
    "a turned direction of 8": (3, "full", *turned(*ladder(500, 8, 3, 8))),
    "a turned direction of 10, tied": (4, "tied", *turned(*ladder(600, 10, 4, 8))),
    "50 rows each in 10 columns": (3, "full", *ladder(150, 10, 3, 10)),
    "75 rows each in 30 columns": (4, "full", *make_blobs(300, n_features=30, centers=4, random_state=0)),
    "wide columns beside, tied": (3, "tied", *beside(WIDE, *ladder(900, 1, 3, 10))),
    "wide columns beside, diag": (3, "diag", *beside(WIDE, *ladder(900, 2, 3, 10, 2))),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_clear_clusters_are_found(name):
    k, covariance_type, rows, labels = TABLES[name]
    for seed in range(3):
        gm = GaussianMixture(k, covariance_type=covariance_type, random_state=seed).fit(rows)
        assert adjusted_rand_score(labels, gm.predict(rows)) > 0.99


@pytest.mark.slow
@pytest.mark.parametrize(("load", "k"), [(load_wine, 3), (load_iris, 4), (load_breast_cancer, 2)])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_more_starts_never_lead_to_a_worse_optimum(load, k, covariance_type):
    rows = load().data[:, :12]
    for seed in range(2):
        few, more = (
            GaussianMixture(k, covariance_type=covariance_type, n_init=n, random_state=seed).fit(rows) for n in (8, 30)
        )
        assert more.lower_bound_ >= few.lower_bound_ - 1e-6 * abs(few.lower_bound_)
        assert len(more.start_log_likelihoods_) >= len(few.start_log_likelihoods_)


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("shape", [(600, 2, 4), (500, 5, 4), (400, 8, 3)])
def test_no_fit_is_below_that_of_scikit_learn(covariance_type, shape):
    n, d, k = shape
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows = rng.standard_t(6, (n, d)) + 4 * rng.normal(size=(k, d))[np.arange(n) % k]
        ours = GaussianMixture(k, covariance_type=covariance_type, random_state=seed).fit(rows)
        theirs = SklearnMixture(k, covariance_type=covariance_type, random_state=seed).fit(rows)
        assert ours.score(rows) * n >= theirs.score(rows) * n - 1e-3


@pytest.mark.parametrize("distance", [1e3, 1e5])
@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_clusters_that_are_much_closer_than_others_are_told_apart(distance, covariance_type):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        centers = np.array([[0, 0], [3.5, 0], [distance, 0], [distance, 3.5]])
        rows = centers[rng.integers(0, 4, 800)] + rng.normal(size=(800, 2))
        ours, theirs = (
            kind(4, covariance_type=covariance_type, random_state=seed).fit(rows).score(rows)
            for kind in (GaussianMixture, SklearnMixture)
        )
        assert ours > theirs - 1e-6
