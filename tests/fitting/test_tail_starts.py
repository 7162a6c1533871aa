import warnings

import numpy as np
import pytest

from gaussmix import Mixture, StudentMixture

TRUTH = Mixture.from_parameters(
    [0.5, 0.3, 0.2], [[0, 0], [5, 1], [2, 5]], [np.eye(2), [[1, 0.7], [0.7, 1]], [[1.5, -0.5], [-0.5, 0.6]]]
)


@pytest.mark.parametrize("factor", [20.0, 100.0, 1e4])
@pytest.mark.parametrize("seed", range(2))
def test_far_outliers_do_not_become_a_component(factor, seed):
    rng = np.random.default_rng(seed)
    rows, _ = TRUTH.sample(300, rng)
    rows[rng.choice(300, 10, replace=False)] *= factor
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few rows at the outliers may be called spurious
        found = StudentMixture(3, random_state=0).fit(rows)
        best = StudentMixture(
            3,
            weights_init=TRUTH.weights,
            means_init=TRUTH.means,
            precisions_init=np.linalg.inv(TRUTH.covariance.covariances),
        ).fit(rows)
    assert found.score(rows) >= best.score(rows) - 1e-6
    apart = np.linalg.norm(found.means_[:, None] - TRUTH.means, axis=2).min(axis=0)
    assert apart.max() < 1.0
