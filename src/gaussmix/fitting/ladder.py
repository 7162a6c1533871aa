"""Growing samples between the sample that a search used and all rows."""

import time
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.engines import AbstractEngine, engine_for
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.em import Fit
from gaussmix.fitting.multistart import SHORT, Multistart
from gaussmix.fitting.recorded_fits import MixtureFormat, remembered_fit
from gaussmix.fitting.runs import SAME, Run
from gaussmix.fitting.stopping import RemainingGain
from gaussmix.fitting.surrogate import SurrogateAccelerator

GROWTH = 4
"""Ratio of the sizes of two samples, and of all rows to the largest sample."""

LEAST_GROWTH = 2
"""Least ratio of the first larger sample to the one that was searched."""

MOST_ROWS = 1_000_000
"""Size of the largest sample."""

_AHEAD = 0.02  # nats for each parameter; the optima of a sample and of all rows differ by half a nat for each
_LEVEL = 1 << 32  # number of the first random stream, apart from those of starts


@dataclass(frozen=True, eq=False)
class Ladder:
    """Growing samples of the rows of an engine.

    Attributes
    ----------
    engine : AbstractEngine
        All rows.
    searched : WeightedRows
        The sample that was searched.
    odds : (n,) array, or None
        Relative sampling probabilities of the rows (`gaussmix.fitting.coreset`).
    seed : int
        Seed of the search.
    """

    engine: AbstractEngine
    searched: WeightedRows
    odds: FloatArray | None
    seed: int

    def sizes(self) -> list[int]:
        """Return the sizes of samples larger than the one that was searched, in ascending order."""
        sizes, size = [], min(self.engine.n_rows // GROWTH, MOST_ROWS)
        while size >= LEAST_GROWTH * self.searched.n_rows:
            sizes.append(size)
            size //= GROWTH
        return sizes[::-1]

    def sample(self, size: int) -> WeightedRows:
        """Return a sample, always the same one for a size."""
        rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, _LEVEL + size], dtype=np.uint64)))
        return self.engine.sample_rows(size, rng, self.odds)


def climb(last: Multistart, ladder: Ladder, found: Run, second: Run | None) -> Run:
    """Improve an optimum of a sample on growing samples, and then on all rows.

    A sample is left when what is ahead there is below its sampling error. Larger samples are not used after one on
    which a component becomes degenerate. The run on all rows is accelerated by the last sample.

    Parameters
    ----------
    last : Multistart
        The search on all rows.
    ladder : Ladder
        The samples.
    found : Run
        The best optimum of the search.
    second : Run or None
        The second best optimum; it is tried on the first larger sample, or on all rows.

    Returns
    -------
    Run
        The result on all rows.
    """
    settings, mixture, sample = last.settings, found.mixture, ladder.searched
    other = None if second is None else second.mixture
    for size in ladder.sizes():
        if time.perf_counter() > settings.deadline:
            break
        larger = ladder.sample(size)
        fit = _on_sample(last, larger, mixture, other)
        soundness = examine(fit.mixture, fit.moments.counts, fit.moments.weight, last.target_root)
        if soundness.n_unsound > found.soundness.n_unsound:
            break
        mixture, other, sample = fit.mixture, None, larger
    is_normal = mixture.degrees_of_freedom is None  # sums of t distributions do not determine the step
    accelerator = _accelerator(last, ladder.engine.weight, sample) if settings.accelerate and is_normal else None
    best = last.run(mixture, settings.max_iter, rule=settings.rule, accelerator=accelerator)
    if other is not None:
        short = last.run(other, SHORT)
        if short.beats(best):
            best = last.go_on(short, settings.max_iter, rule=settings.rule)
    return best


def _on_sample(last: Multistart, sample: WeightedRows, mixture: Mixture, other: Mixture | None) -> Fit:
    """Return the fit of `_best_near`; a checkpoint may have it."""
    label = f"sample of {sample.n_rows}"
    engine = last.settings.recorded(engine_for(sample), label)
    fit = remembered_fit(
        last.settings.checkpoint,
        label,
        lambda: _best_near(last, engine, mixture, other),
        MixtureFormat.of(mixture),
        last.settings.deadline,
    )
    assert fit is not None
    return fit


def _best_near(last: Multistart, engine: AbstractEngine, mixture: Mixture, other: Mixture | None) -> Fit:
    """Return the fit from a mixture, or from another one if it is higher after a few iterations and at the end."""
    fit = _near_optimum(last, engine, mixture)
    if other is None:
        return fit
    short = last.fit(engine, other, SHORT, None)
    if short.objective <= fit.objective + SAME:
        return fit
    return max(fit, _near_optimum(last, engine, short.mixture), key=lambda each: each.objective)


def _near_optimum(last: Multistart, engine: AbstractEngine, mixture: Mixture) -> Fit:
    return last.fit(engine, mixture, last.settings.max_iter, RemainingGain(_AHEAD * mixture.n_parameters))


def _accelerator(last: Multistart, weight: float, sample: WeightedRows) -> SurrogateAccelerator:
    """Return an accelerator by a sample, whose weights are multiplied so that their sum is that of all rows."""
    scaled = replace(sample, weights=sample.explicit_weights * (weight / sample.total))
    engine = last.settings.recorded(engine_for(scaled), f"weighted sample of {sample.n_rows}")
    return SurrogateAccelerator(last.update, engine, last.settings.deadline, last.settings.checkpoint)
