"""Growing samples between the sample that a search used and all rows."""

import time
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.engines import AbstractEngine, engine_for
from gaussmix.core.engines.recorded import Arrays
from gaussmix.core.mixture import Mixture
from gaussmix.core.random_streams import random_stream
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.compiled_rows import CompiledRows
from gaussmix.fitting.coreset import GROWTH, MOST_ROWS, sizes_of_samples
from gaussmix.fitting.multistart import SHORT, Multistart
from gaussmix.fitting.recorded_fits import MixtureFormat, remembered
from gaussmix.fitting.runs import Run, ranked
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.stopping import RemainingGain
from gaussmix.fitting.surrogate import SurrogateAccelerator

MANY_ROWS = 1_000_000
"""Minimum number of rows whose passes take so long that runs on a sample pay; usual acceleration has more passes."""

_AHEAD = 0.02  # nats for each parameter; the optima of a sample and of all rows differ by half a nat for each
_LARGE, _ROWS_PER_PARAMETER, _QUICK = 16, 20, 8  # all rows to a sample, its rows, iterations: larger ones do not help
_MOST_PAIRS = 16_000_000  # rows times components of a sample in which moves are tried: 128 MB of responsibilities
_FEW_ROWS = 100_000  # whose passes take little of the time of a fit
_LEVEL = 1 << 32  # number of the first random stream, apart from those of starts


@dataclass(frozen=True, eq=False)
class Ladder:
    """Growing samples of the rows of an engine, each of them a part of the next.

    Attributes
    ----------
    engine : AbstractEngine
        All rows.
    searched : WeightedRows
        The sample that was searched.
    largest : WeightedRows
        The largest sample (`gaussmix.fitting.coreset`); it may be the same.
    seed : int
        Seed of the search.
    """

    engine: AbstractEngine
    searched: WeightedRows
    largest: WeightedRows
    seed: int

    def sizes(self) -> list[int]:
        """Return the sizes of samples larger than the one that was searched, in ascending order."""
        return sizes_of_samples(self.engine.n_rows, self.searched.n_rows)

    def sample(self, size: int) -> WeightedRows:
        """Return a sample, always the same one for a size: one of each block of consecutive draws of the largest."""
        return draw_rows(self.largest, size, random_stream(self.seed, _LEVEL + size))


def climb(last: Multistart, ladder: Ladder, found: Run, second: Run | None) -> Run:
    """Improve an optimum of a sample on growing samples, and then on all rows.

    A sample is left when what is ahead there is below its sampling error. Moves repair components that a sample shows
    to be degenerate, and go on wherever they promise to gain more than this error: a larger sample has enough rows of
    clusters that were too rare in a smaller one. If the moves on the last sample gained, or if there are few rows, they
    are also tried on all rows, as far as memory allows. The run on all rows, if they are many, is accelerated by the
    last sample, which is smaller than the largest one if EM converges quickly.

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
    n_rows, other, has_moved = ladder.engine.n_rows, None if second is None else second.mixture, True
    most = _MOST_PAIRS // mixture.n_components
    for size in ladder.sizes():
        if time.perf_counter() > settings.deadline:
            break
        if has_moved and sample.n_rows < most // 2 < size // 2 and _may_move(last, mixture, most):
            (mixture, _, last.n_runs, has_moved), other = _on_sample(last, ladder.sample(most), mixture, other), None
        larger = ladder.sample(size)
        (mixture, n_iter, last.n_runs, has_moved), other = _on_sample(last, larger, mixture, other), None
        sample = larger if GROWTH * size <= n_rows else sample
        is_large = size >= max(n_rows // _LARGE, _ROWS_PER_PARAMETER * mixture.n_parameters)
        if is_large and n_iter <= _QUICK:
            break
    is_moderate = n_rows <= (MOST_ROWS if has_moved else _FEW_ROWS)
    if is_moderate and _may_move(last, mixture, n_rows) and time.perf_counter() <= settings.deadline:
        every = ladder.engine.sample_rows(n_rows, np.random.default_rng(0))
        (mixture, _, last.n_runs, _), other = _on_sample(last, every, mixture, other), None
    may_propose = mixture.degrees_of_freedom is None and n_rows >= MANY_ROWS  # t: sums are not the step
    accelerator = _accelerator(last, ladder.engine.weight, sample) if settings.accelerate and may_propose else None
    best = last.run(mixture, settings.max_iter, rule=settings.rule, accelerator=accelerator)
    if other is not None:
        short = last.run(other, SHORT)
        if short.beats(best):
            best = last.go_on(short, settings.max_iter, rule=settings.rule)
    return best


def _on_sample(
    last: Multistart, sample: WeightedRows, mixture: Mixture, other: Mixture | None
) -> tuple[Mixture, int, int, bool]:
    """Return the optimum of a larger sample, its iterations, the runs so far, and whether moves have improved it.

    A checkpoint may have them.
    """
    settings, label, kind = last.settings, f"sample of {sample.n_rows}", MixtureFormat.of(mixture)

    def improve() -> tuple[Mixture, int, int, bool]:
        level = _level(last, sample, mixture, label)
        run = level.run(mixture, settings.max_iter)
        if other is not None:
            short = level.run(other, SHORT, rule=RemainingGain(0.0))
            if short.beats(run):
                run = ranked([run, level.go_on(short, settings.max_iter)])[0]
        if not run.soundness.n_unsound and level.splitter is None:
            return run.mixture, run.n_iter, level.n_runs, False
        better = level.repair(run)
        has_moved = better is not run
        return better.mixture, run.n_iter + has_moved * better.n_iter, level.n_runs, has_moved

    def write(improved: tuple[Mixture, int, int, bool]) -> Arrays | None:
        mixture, *numbers = improved
        if time.perf_counter() > settings.deadline or not kind.keeps(mixture):
            return None
        return {"numbers": np.array(numbers, dtype=np.float64), **kind.arrays_of(mixture)}

    def read(arrays: Arrays) -> tuple[Mixture, int, int, bool]:
        n_iter, n_runs, has_moved = arrays["numbers"].astype(int).tolist()
        return kind.mixture_of(arrays), n_iter, n_runs, bool(has_moved)

    return remembered(settings.checkpoint, label, improve, write, read)


def _may_move(last: Multistart, mixture: Mixture, n_rows: int) -> bool:
    """Return whether there are compiled moves for the mixture, and memory for them with so many rows."""
    can_hold = CompiledRows.can_hold(type(mixture.covariance), last.engine.n_features, last.update)
    is_plain = can_hold and last.data.incomplete is None and mixture.background is None
    return is_plain and 2 < mixture.n_components <= _MOST_PAIRS // n_rows


def _level(last: Multistart, rows: WeightedRows, mixture: Mixture, label: str) -> Multistart:
    """Return a search on a larger sample, which stops below its sampling error."""
    near = RemainingGain(_AHEAD * mixture.n_parameters)
    data = Sample.of(rows, mixture.covariance.form)
    engine = last.settings.recorded(engine_for(rows), label)
    level = replace(last, engine=engine, data=data, near=near, same=near.nats, best=None, highest=None)
    if _may_move(last, mixture, rows.n_rows):
        structure, k = type(mixture.covariance), mixture.n_components
        level.splitter = CompiledRows.of(data, structure, k, last.update, last.target_root)
    return level


def _accelerator(last: Multistart, weight: float, sample: WeightedRows) -> SurrogateAccelerator:
    """Return an accelerator by a sample, whose weights are multiplied so that their sum is that of all rows."""
    scaled = replace(sample, weights=sample.explicit_weights * (weight / sample.total))
    engine = last.settings.recorded(engine_for(scaled), f"weighted sample of {sample.n_rows}")
    return SurrogateAccelerator(last.update, engine, last.settings.deadline, last.settings.checkpoint)
