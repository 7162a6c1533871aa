"""The order of runs."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from gaussmix.fitting.degeneracy import Soundness
from gaussmix.fitting.em import Fit
from gaussmix.fitting.runs import SAME, Run, first_ranked, ranked


@dataclass(frozen=True, eq=False)
class KnownRun(Run):
    """A run with a given objective and number of lost components."""

    value: float
    lost: int

    @property
    def fit(self) -> Fit:
        raise NotImplementedError

    @property
    def objective(self) -> float:
        return self.value

    @property
    def n_lost(self) -> int:
        return self.lost


def random_runs(seed):
    """Runs of which some are unsound, some have lost components, and some have the same optimum."""
    rng = np.random.default_rng(seed)
    runs = []
    for value in rng.choice(rng.normal(size=4), size=rng.integers(1, 7)) + rng.choice([0.0, 0.5 * SAME, 2 * SAME]):
        soundness, is_unsound = Soundness.of_sound(3), rng.random() < 0.4
        if is_unsound:
            groups, surplus = np.full(3, rng.random() < 0.5), np.array([rng.choice([0.0, 1.0]), 0.0, 0.0])
            soundness = replace(soundness, few=np.array([True, False, False]), groups=groups, surplus=surplus)
        runs.append(KnownRun(soundness, float(value), int(rng.random() < 0.2), n_starts=int(rng.integers(1, 4))))
    return runs


@pytest.mark.parametrize("seed", range(60))
def test_the_first_run_is_that_of_the_whole_order(seed):
    runs = random_runs(seed)
    (best,), expected = first_ranked(runs), ranked(runs)[0]
    assert (best.rank, best.n_starts) == (expected.rank, expected.n_starts)
    assert all(run.least_rank <= run.rank for run in runs)


def test_no_run_is_the_first_of_none():
    assert first_ranked([]) == []
