"""Ctrl-C: the estimator keeps the best model so far, whatever the fit was doing."""

import numpy as np
import pytest

from gaussmix import GaussianMixture


@pytest.mark.parametrize("n_rows", [3_000, 30_000])
@pytest.mark.parametrize("calls", [2, 12])
def test_interrupted_search_leaves_a_model_with_its_own_likelihood(n_rows, calls):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 2)) + 4 * rng.integers(0, 3, (n_rows, 1))

    seen = []

    def press(progress):
        seen.append(progress)
        if len(seen) == calls:
            raise KeyboardInterrupt

    gm = GaussianMixture(3, random_state=0, callback=press)
    with pytest.raises(KeyboardInterrupt):
        gm.fit(X)
    assert gm.stop_reason_.startswith("Interrupted after ")
    assert not gm.converged_
    assert gm.score(X) == pytest.approx(gm.lower_bound_, rel=1e-12)
