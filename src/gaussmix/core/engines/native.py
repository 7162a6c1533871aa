"""The engine for rows in memory, with compiled passes (cpp/pass/pass.hpp)."""

import atexit
import os
import time
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.cached_values import cached_property
from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.coresets import CoresetDraws, coreset_sums, drawn_rows
from gaussmix.core.engines.factor_lengths import FactorLengths
from gaussmix.core.engines.factor_pass import accumulate_factors, score_factor_rows
from gaussmix.core.engines.pass_sums import SEGMENT_ROWS, PassSums
from gaussmix.core.file_pages import FilePages, pieces, rows_of_piece, tell_pass
from gaussmix.core.moments import Moments
from gaussmix.core.processors import processor_share
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.rows import KEPT_TYPES, WeightedRows
from gaussmix.core.student import log_constants, slope_centers
from gaussmix.core.typing import FloatArray, Random, Rows, Want
from gaussmix.core.whitened import CommonBasis, WhitenedMixture

_CONVERTED_BYTES = 8 << 20  # other layouts are copied to float64 in pieces of this size
_COLUMN_ROWS = 4096  # rows that are transposed at a time
_ROUGH_ROWS = 10_000  # with fewer, a pass is not most of the cost
_ROUGH_REACH = 1e4  # single precision then resolves less than a thousandth of a standard deviation
FLOPS_PER_CALL = 1e10  # of the first call, well under a second; Python handles Ctrl-C between calls
QUICK_CALL = 0.25  # seconds: after faster calls, the pieces get larger to reduce the overhead per call

# Sizes for which transforming the rows once, about the center of the means, is faster than one triangle per component
# (benchmarks/shared_axes.py). The summation takes the same time either way, and the sums are transformed back.
_LEAST_TURNED, _LEAST_TURNED_PAIRS = (3, 5), 32  # components and features, and their product
_LEAST_SUMMED, _MOST_SUMMED, _MOST_SUMS = (8, 16), 96, 300_000  # components and features; features; k d^2
_LEAST_ROWS = 256  # for each feature
_MOST_APART = 1e3  # standard deviations: means farther from the center would cost more than three digits

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_native.after_fork)
atexit.register(_native.before_exit)
if share := processor_share():
    _native.limit_processors(share)


def _use_instruction_set_of_environment() -> None:
    """Select the instruction set of GAUSSMIX_ISA; raise an ImportError if it is not available."""
    wanted = os.environ.get("GAUSSMIX_ISA")
    if not wanted:
        return
    available = _native.instruction_sets()
    if wanted not in available:
        raise ImportError(
            f"GAUSSMIX_ISA={wanted} is not an instruction set that this processor has and gaussmix was compiled for: "
            f"choose one of {', '.join(available)}, or unset it to use the fastest"
        )
    _native.select_instruction_set(wanted)


_use_instruction_set_of_environment()


class NativeEngine(AbstractEngine):
    """Rows in memory, with compiled passes.

    C-contiguous rows of float64, float32, uint8 or uint16 are read in place; any other array is converted piece by
    piece. Sums are in float64. Pieces end at block boundaries, so the results are bit-identical for every layout and
    every number of threads.

    Parameters
    ----------
    rows : (n, d) array of numbers
        Finite numbers.
    row_weights : (n,) array, optional
        Nonnegative weights; a weight of 2 counts as two equal rows.
    """

    _incomplete = False  # whether rows may have missing values or measurement errors
    _lengths: FactorLengths | None = None  # of the latest pass for factor covariances
    _errors: FloatArray | None = None  # of each row, as the compiled code reads them (cpp/pass/pass.hpp)

    def __init__(self, rows: Rows, row_weights: FloatArray | None = None) -> None:
        self._rows = WeightedRows(rows, row_weights)
        self.weight = self._rows.total
        self.n_rows, self.n_features = rows.shape
        kept = rows.dtype.type in KEPT_TYPES and rows.dtype.isnative
        self._in_place = kept and rows.flags.c_contiguous
        self.rough_helps = row_weights is None and rough_pass_helps(rows.dtype, len(rows))

    @property
    def values(self) -> Rows:
        """The rows, (n, d)."""
        return self._rows.values

    @classmethod
    def of(cls, rows: WeightedRows) -> Self:
        """Return an engine for rows with weights.

        Parameters
        ----------
        rows : WeightedRows
            Finite numbers.

        Returns
        -------
        NativeEngine
            The engine; it does not copy the rows.
        """
        return cls(rows.values, rows.weights)

    def reweighted(self, row_weights: FloatArray) -> Self:
        """Return an engine for the same rows with other weights.

        Parameters
        ----------
        row_weights : (n,) array
            Nonnegative weights.

        Returns
        -------
        NativeEngine
            The engine; it does not copy the rows.
        """
        other = copy(self)
        other._rows = replace(self._rows, weights=row_weights)
        other.weight, other.rough_helps = other._rows.total, False
        return other

    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        if mixture.form == "factor":
            moments, self._lengths = accumulate_factors(self._exact_rows, mixture, log_prior, self._lengths)
            return moments
        rough = rough and self.rough_helps and mixture.degrees_of_freedom is None
        plan = plan_pass(mixture, self.n_rows, self.greatest if rough else None)
        sums, begun = PassSums(mixture), None
        for part, rows in self._pieces(mixture.form, mixture.n_components):
            ends = part.stop % SEGMENT_ROWS == 0 or part.stop == self.n_rows
            if part.start % SEGMENT_ROWS == 0 and ends:
                self._add(sums, part, rows, mixture, log_prior, plan, segment_rows=SEGMENT_ROWS)
                continue
            begun = PassSums(mixture) if begun is None else begun
            self._add(begun, part, rows, mixture, log_prior, plan)
            if ends:
                sums.flat += begun.flat
                begun = None
        return sums.moments(plan.common, self.weight)

    def segment_sums(
        self, mixture: WhitenedMixture, plan: "PassPlan", log_prior: FloatArray | None = None
    ) -> FloatArray:
        """Return the sums of each segment of `SEGMENT_ROWS` rows, for a pass over these and other rows.

        Parameters
        ----------
        mixture : WhitenedMixture
            Mixture that scores the rows.
        plan : PassPlan
            Plan for all rows of the pass.
        log_prior : (n, n_scores) array, optional
            As of `accumulate`.

        Returns
        -------
        (s, size) array
            Sums that `PassSums.add_in_order` adds. If all parts of the rows but the last end at multiples of
            `SEGMENT_ROWS`, the total has the bits of a pass over all of them.
        """
        segments = []
        for start in range(0, self.n_rows, SEGMENT_ROWS):
            part, sums = slice(start, min(start + SEGMENT_ROWS, self.n_rows)), PassSums(mixture)
            rows = self._rows.values[part]
            rows = rows if self._in_place else np.ascontiguousarray(rows, dtype=np.float64)
            self._add(sums, part, rows, mixture, log_prior, plan)
            segments.append(sums.flat)
        return np.stack(segments)

    def _add(
        self,
        sums: PassSums,
        part: slice,
        rows: Rows,
        mixture: WhitenedMixture,
        log_prior: FloatArray | None,
        plan: "PassPlan",
        segment_rows: int = 0,
    ) -> None:
        """Add the sums of some of the rows."""
        weights = self._rows.weights
        _native.accumulate(
            rows,
            None if weights is None else weights[part],
            _piece_of(log_prior, part),
            *_lowered(mixture, plan.common),
            **sums.arrays,
            rough=plan.rough,
            incomplete=self._incomplete,
            noise=None if self._errors is None else self._errors[part],
            background=_packed_background(mixture),
            tails=self._tails(mixture),
            segment_rows=segment_rows,
        )

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        if mixture.form == "factor":
            return score_factor_rows(self._exact_rows, mixture, want, log_prior)
        shape = (self.n_rows, mixture.n_scores) if want in ("responsibilities", "scores") else (self.n_rows,)
        result: Rows = np.empty(shape, dtype=np.int64 if want == "labels" else np.float64)
        background, tails = _packed_background(mixture), self._tails(mixture)
        common = _basis_for(mixture, self.n_rows, sums=False)
        for part, rows in self._pieces(mixture.form, mixture.n_components):
            _native.score_rows(
                rows,
                _piece_of(log_prior, part),
                *_lowered(mixture, common),
                log_density=result[part] if want == "log_density" else None,
                responsibilities=result[part] if want == "responsibilities" else None,
                labels=result[part] if want == "labels" else None,
                scores=result[part] if want == "scores" else None,
                incomplete=self._incomplete,
                noise=None if self._errors is None else self._errors[part],
                background=background,
                tails=tails,
            )
        return result

    def sample_rows(self, limit: int, rng: Random, center: WhitenedMixture | None = None) -> WeightedRows:
        if center is None:
            return draw_rows(self._rows, limit, rng)
        score = partial(score_segment, mixture=center)
        return drawn_rows(self._rows, score, CoresetDraws.of(coreset_sums(self._rows, score), limit, rng))

    @property
    def _exact_rows(self) -> WeightedRows:
        """The rows, if none has missing values or measurement errors."""
        if self._incomplete:
            raise ValueError(
                "factor covariances are for complete rows without measurement errors: fill in missing values, or use "
                "another covariance_type"
            )
        return self._rows

    def _tails(self, mixture: WhitenedMixture) -> FloatArray | None:
        """Return the numbers of t distributions (cpp/pass/pass.hpp); those of fewer features for incomplete rows."""
        degrees = mixture.degrees_of_freedom
        if degrees is None:
            return None
        if self._errors is not None:
            raise ValueError(
                "t distributions of rows with measurement errors have no closed form: leave out noise_covariance, or "
                "use a mixture of normal distributions"
            )
        k, d = mixture.means.shape
        tails = np.zeros((k, 3 + 2 * (d + 1)))
        tails[:, 0], tails[:, 1], tails[:, 2] = mixture.offsets, 1 / degrees, 0.5 * degrees
        whole = log_constants(degrees, d)
        for observed in range(d + 1) if self._incomplete else [d]:
            tails[:, 3 + observed] = log_constants(degrees, observed) - whole
            tails[:, 4 + d + observed] = slope_centers(degrees, observed)
        return tails

    @cached_property
    def _pages(self) -> FilePages | None:
        """Pages of the file from which the rows are mapped, if they are."""
        return FilePages.of(self._rows.values)

    @cached_property
    def greatest(self) -> FloatArray:
        """The greatest absolute value (d,) of each feature, by columns, because NumPy is slow across short rows."""
        values = self._rows.values
        if values.dtype.kind == "u":
            return np.full(self.n_features, float(np.iinfo(values.dtype).max))
        greatest = np.zeros(self.n_features, dtype=values.dtype)
        for _, piece in pieces(values, _COLUMN_ROWS):
            columns = np.ascontiguousarray(piece.T)
            np.maximum(greatest, np.maximum(columns.max(axis=1), -columns.min(axis=1)), out=greatest)
        return greatest.astype(np.float64)

    def _pieces(self, form: str, n_components: int) -> Iterator[tuple[slice, Rows]]:
        """Yield the rows in order, in pieces that the compiled code can read and that end at block boundaries.

        A piece is a part of a segment, or whole segments. Pieces grow while calls are fast; the sums do not depend on
        the pieces. The next piece of a mapped file is read while the compiled code works on this one, and its
        memory is given back afterwards.
        """
        work_per_row = n_components * (100 + 4 * self.n_features * (self.n_features if form == "full" else 1))
        if self._incomplete:  # each row may need a decomposition
            work_per_row *= self.n_features
        is_quick = self.n_rows <= SEGMENT_ROWS and self.n_rows * work_per_row <= FLOPS_PER_CALL
        if is_quick and self._in_place and self._pages is None:
            yield slice(0, self.n_rows), self._rows.values
            return
        block = _native.block_rows(form, n_components, self.n_features, self._incomplete)
        most = block + self.n_rows if self._in_place else _CONVERTED_BYTES // (8 * self.n_features)
        if self._pages is not None:
            most = min(most, rows_of_piece(self._rows.values))
        most_blocks = max(1, most // block)
        step = block * min(most_blocks, max(1, int(FLOPS_PER_CALL / (work_per_row * block))))
        start = 0
        while start < self.n_rows:
            begun = start % SEGMENT_ROWS
            size = min(step, SEGMENT_ROWS - begun) if begun or step < SEGMENT_ROWS else step - step % SEGMENT_ROWS
            part = slice(start, min(start + size, self.n_rows))
            rows = self._rows.values[part]
            began = time.perf_counter()
            if self._pages is not None:
                self._pages.read_ahead(self._rows.values[part.stop : part.stop + 2 * step])
            yield part, rows if self._in_place else np.ascontiguousarray(rows, dtype=np.float64)
            if time.perf_counter() - began < QUICK_CALL:
                step = min(2 * step, block * most_blocks)
            if self._pages is not None:
                self._pages.release(rows)
                tell_pass(part.stop, self.n_rows)
            start = part.stop


def score_segment(rows: Rows, mixture: WhitenedMixture) -> FloatArray:
    """Return the log densities (m,) of rows (m, d)."""
    return NativeEngine(rows).score_rows(mixture, "log_density")


@dataclass(frozen=True, eq=False)
class PassPlan:
    """Decisions about a pass, which must be the same for all rows.

    Attributes
    ----------
    common : CommonBasis or None
        Basis in which the rows are summed.
    rough : bool
        Whether single precision is enough.
    """

    common: CommonBasis | None
    rough: bool


def plan_pass(mixture: WhitenedMixture, n_rows: int, greatest: FloatArray | None) -> PassPlan:
    """Plan a pass.

    Parameters
    ----------
    mixture : WhitenedMixture
        Mixture that scores the rows.
    n_rows : int
        Number of rows of the pass.
    greatest : (d,) array, optional
        The greatest absolute value of each feature, if a rough pass is wanted and possible.

    Returns
    -------
    PassPlan
        The plan.
    """
    common = _basis_for(mixture, n_rows, sums=True)
    return PassPlan(common, greatest is not None and _reach(greatest, mixture, common) <= _ROUGH_REACH)


def rough_pass_helps(dtype: np.dtype[Any], n_rows: int) -> bool:
    """Return whether rough passes over rows of weight one are faster, given the type and the number of the rows."""
    return dtype.type in KEPT_TYPES and dtype.isnative and dtype.itemsize < 8 and n_rows >= _ROUGH_ROWS


def _basis_for(mixture: WhitenedMixture, n_rows: int, *, sums: bool) -> CommonBasis | None:
    """Return the common basis of the factors if using it is accurate and faster, else None."""
    common = mixture.common
    if common is None or not turning_is_quicker(n_rows, *mixture.means.shape, sums=sums):
        return None
    turned = (mixture.means - mixture.means.mean(axis=0)) @ common.basis
    apart = np.abs(turned).max(axis=0) * common.scales.max(axis=0)
    return common if apart.max() <= _MOST_APART else None


def turning_is_quicker(n: int, k: int, d: int, *, sums: bool) -> bool:
    """Return whether a pass over (n, d) rows that are transformed once is faster than a triangle per component."""
    if k < _LEAST_TURNED[0] or d < _LEAST_TURNED[1] or k * d < _LEAST_TURNED_PAIRS:
        return False
    if not sums:
        return True
    small = d <= _MOST_SUMMED and k * d * d <= _MOST_SUMS
    return small and k >= _LEAST_SUMMED[0] and d >= _LEAST_SUMMED[1] and n >= _LEAST_ROWS * d


def _lowered(
    mixture: WhitenedMixture, common: CommonBasis | None
) -> tuple[str, FloatArray, FloatArray, FloatArray, FloatArray | None]:
    """Return form, offsets, means, factors and basis for the compiled pass."""
    offsets = mixture.offsets
    if mixture.degrees_of_freedom is not None:  # `_tails` has the offsets
        offsets = np.zeros(len(offsets))
    if common is None:
        return mixture.form, offsets, mixture.means, mixture.factors, None
    return common.form, offsets, mixture.means, common.scales, common.basis


def _packed_background(mixture: WhitenedMixture) -> FloatArray | None:
    return None if mixture.background is None else mixture.background.packed()


def _reach(greatest: FloatArray, mixture: WhitenedMixture, common: CommonBasis | None) -> float:
    """Return a bound on the terms of the sums that form whitened rows, over all rows and components."""
    if common is not None:  # rows are transformed about the center of the means
        turned = (greatest + np.abs(mixture.means).max(axis=0)) @ np.abs(common.basis)
        return float((turned * common.scales.max(axis=0)).max())
    reach = greatest + np.abs(mixture.means)
    factors = np.abs(mixture.factors)
    match mixture.form:
        case "full":
            return float(np.einsum("ki,kij->kj", reach, factors).max())
        case "tied":
            return float((reach @ factors).max())
        case "diagonal":
            return float((reach * factors).max())
        case _:  # spherical
            return float((reach * factors[:, None]).max())


def _piece_of(log_prior: FloatArray | None, part: slice) -> FloatArray | None:
    return None if log_prior is None else np.ascontiguousarray(log_prior[part], dtype=np.float64)
