"""One pass over several mixtures of the same rows."""

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine, StackedEngine


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_a_stack_of_mixtures_passes_as_each_of_them_would(covariance_type):
    rng = np.random.default_rng(7)
    rows, structure = rng.normal(size=(200, 3)), covariance_class(covariance_type)
    engine = NativeEngine(rows)
    mixtures = [
        Mixture(
            rng.dirichlet([2.0, 2.0]), rng.normal(size=(2, 3)), structure.identity(2, 3).inflated(np.full((2, 3), v))
        )
        for v in (0.5, 1.0, 3.0)
    ]
    roots = np.concatenate([mixture.covariance.roots for mixture in mixtures])
    stack = Mixture(
        np.concatenate([mixture.weights for mixture in mixtures]) / 3,
        np.concatenate([mixture.means for mixture in mixtures]),
        structure(roots, 6, 3),
    )
    stacked = StackedEngine(engine, 3)
    together = stacked.accumulate(stack.whitened())
    alone = [engine.accumulate(mixture.whitened()) for mixture in mixtures]
    for name in ("counts", "shifts", "scatter"):
        expected = np.concatenate([getattr(moments, name) for moments in alone])
        np.testing.assert_allclose(getattr(together, name), expected, rtol=1e-12, atol=1e-12)
    for part, moments in zip(stacked.passes[0], alone, strict=True):
        assert part.log_likelihood == pytest.approx(moments.log_likelihood, rel=1e-13)


def test_tied_mixtures_cannot_be_stacked():
    tied = Mixture.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[1.0]], covariance_type="tied")
    with pytest.raises(ValueError, match="cannot be stacked"):
        StackedEngine(NativeEngine(np.zeros((3, 1))), 2).accumulate(tied.whitened())
