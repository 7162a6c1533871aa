"""The engine for rows in memory, with compiled passes (cpp/pass/pass.hpp)."""

import atexit
import os
import time
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Self

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.factor_pass import accumulate_factors, score_factor_rows
from gaussmix.core.moments import Moments
from gaussmix.core.processors import processor_share
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.rows import KEPT_TYPES, WeightedRows
from gaussmix.core.student import log_constants, slope_centers
from gaussmix.core.typing import FloatArray, Random, Rows, Want
from gaussmix.core.whitened import CommonBasis, WhitenedMixture

_CONVERTED_BYTES = 8 << 20  # other layouts are copied to float64 in pieces of this size
_COLUMN_ROWS = 4096  # rows that are transposed at a time
_FEW_ROWS = 500  # up to these, one call is fast for any number of components and features
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
    _errors: FloatArray | None = None  # of each row, as the compiled code reads them (cpp/pass/pass.hpp)

    def __init__(self, rows: Rows, row_weights: FloatArray | None = None) -> None:
        self._rows = WeightedRows(rows, row_weights)
        self.weight = self._rows.total
        self.n_rows, self.n_features = rows.shape
        kept = rows.dtype.type in KEPT_TYPES and rows.dtype.isnative
        self._in_place = kept and rows.flags.c_contiguous
        self.rough_helps = kept and rows.dtype.itemsize < 8 and row_weights is None and len(rows) >= _ROUGH_ROWS

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
            return accumulate_factors(self._exact_rows, mixture, log_prior)
        common = self._basis_for(mixture, sums=True)
        rough = rough and self.rough_helps and mixture.degrees_of_freedom is None
        rough = rough and _reach(self._greatest, mixture, common) <= _ROUGH_REACH
        tails, tail_sums = self._tails(mixture), None
        if tails is not None:
            tail_sums = np.zeros((2, mixture.n_components))
        counts = np.zeros(mixture.n_components)
        shifts = np.zeros(mixture.means.shape)
        scatter = np.zeros(mixture.factors.shape)
        overlap = np.zeros((mixture.n_components, mixture.n_components)) if mixture.form == "tied" else None
        totals = np.zeros(3)
        background = _packed_background(mixture)
        weights = self._rows.weights
        for part, rows in self._pieces(mixture.form, mixture.n_components):
            _native.accumulate(
                rows,
                None if weights is None else weights[part],
                _piece_of(log_prior, part),
                *_lowered(mixture, common),
                counts,
                shifts,
                scatter,
                overlap,
                totals,
                rough,
                self._incomplete,
                None if self._errors is None else self._errors[part],
                background,
                tails,
                tail_sums,
            )
        if overlap is not None:
            scatter += _scatter_of_overlap(mixture, overlap)
        if common is not None and common.form == "diagonal":
            turns = (common.basis.T @ mixture.factors) / common.scales[:, :, None]  # U of `CommonBasis`
            shifts = (shifts[:, None, :] @ turns)[:, 0]
            scatter = turns.transpose(0, 2, 1) @ scatter @ turns
        log_likelihood, entropy, noise = map(float, totals)
        sums = (mixture.form, counts, shifts, scatter, log_likelihood, entropy, self.weight)
        scaled, slopes = (None, None) if tail_sums is None else tail_sums
        return Moments(*sums, None if background is None else noise, scaled, slopes)

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        if mixture.form == "factor":
            return score_factor_rows(self._exact_rows, mixture, want, log_prior)
        shape = (self.n_rows, mixture.n_scores) if want in ("responsibilities", "scores") else (self.n_rows,)
        result: Rows = np.empty(shape, dtype=np.int64 if want == "labels" else np.float64)
        background, tails = _packed_background(mixture), self._tails(mixture)
        common = self._basis_for(mixture, sums=False)
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

    def sample_rows(self, limit: int, rng: Random, odds: FloatArray | None = None) -> WeightedRows:
        return draw_rows(self._rows, limit, rng, odds)

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

    def _basis_for(self, mixture: WhitenedMixture, *, sums: bool) -> CommonBasis | None:
        """Return the common basis of the factors if using it is accurate and faster, else None."""
        common = mixture.common
        if common is None or not turning_is_quicker(self.n_rows, *mixture.means.shape, sums=sums):
            return None
        turned = (mixture.means - mixture.means.mean(axis=0)) @ common.basis
        apart = np.abs(turned).max(axis=0) * common.scales.max(axis=0)
        return common if apart.max() <= _MOST_APART else None

    @cached_property
    def _greatest(self) -> FloatArray:
        """The greatest absolute value (d,) of each feature, by columns, because NumPy is slow across short rows."""
        values = self._rows.values
        if values.dtype.kind == "u":
            return np.full(self.n_features, float(np.iinfo(values.dtype).max))
        greatest = np.zeros(self.n_features, dtype=values.dtype)
        for start in range(0, self.n_rows, _COLUMN_ROWS):
            columns = np.ascontiguousarray(values[start : start + _COLUMN_ROWS].T)
            np.maximum(greatest, np.maximum(columns.max(axis=1), -columns.min(axis=1)), out=greatest)
        return greatest.astype(np.float64)

    def _pieces(self, form: str, n_components: int) -> Iterator[tuple[slice, Rows]]:
        """Yield the rows in order, in pieces that the compiled code can read and that end at block boundaries.

        Pieces grow while calls are fast; the sums do not depend on the pieces.
        """
        if self._in_place and self.n_rows <= _FEW_ROWS:
            yield slice(None), self._rows.values
            return
        block = _native.block_rows(form, n_components, self.n_features, self._incomplete)
        work_per_row = n_components * (100 + 4 * self.n_features * (self.n_features if form == "full" else 1))
        if self._incomplete:  # each row may need a decomposition
            work_per_row *= self.n_features
        most = block + self.n_rows if self._in_place else _CONVERTED_BYTES // (8 * self.n_features)
        most_blocks = max(1, most // block)
        step = block * min(most_blocks, max(1, int(FLOPS_PER_CALL / (work_per_row * block))))
        start = 0
        while start < self.n_rows:
            part = slice(start, min(start + step, self.n_rows))
            rows = self._rows.values[part]
            began = time.perf_counter()
            yield part, rows if self._in_place else np.ascontiguousarray(rows, dtype=np.float64)
            if time.perf_counter() - began < QUICK_CALL:
                step = min(2 * step, block * most_blocks)
            start = part.stop


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


def _scatter_of_overlap(mixture: WhitenedMixture, overlap: FloatArray) -> FloatArray:
    """Return ``sum_kl overlap[k, l] (nu_k - nu_l)(nu_k - nu_l)'``, nu whitened means (cpp/kernels/form_tied.hpp)."""
    whitened = (mixture.means - mixture.means.mean(axis=0)) @ mixture.factors
    scatter = np.zeros(mixture.factors.shape)
    for component in np.flatnonzero(overlap.any(axis=1)):
        others = overlap[component].nonzero()[0]
        scaled = (whitened[component] - whitened[others]) * np.sqrt(overlap[component, others])[:, None]
        scatter += scaled.T @ scaled
    return scatter
