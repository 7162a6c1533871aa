"""One refit that starts from a fitted mixture."""

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.refit import FitFailedError, refit


def test_a_component_that_a_penalty_alone_holds_up_has_failed():
    rows = np.concatenate([np.random.default_rng(0).normal(0, 1, (60, 2)), np.full((4, 2), 9.0)])
    start = Mixture.from_parameters([0.9, 0.1], [[0, 0], [9, 9]], [np.eye(2), np.eye(2)])
    for strength in (1e-10, 1e-6):
        update = MaximumLikelihood(prior=Prior.chen_tan(strength, 1e-3 * np.eye(2)))
        with pytest.raises(FitFailedError, match="collapsed"):
            refit(WeightedRows(rows), update, start)
