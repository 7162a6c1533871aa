"""Floating-point operations of a pass of EM, and a lower bound on its time.

A fused multiply-add counts as two operations. One row and one component need, with d features:

==============  ===========  ==========  =============================================================================
covariances     score        sums        why
==============  ===========  ==========  =============================================================================
full            d^2 + 4 d    d^2 + 4 d   a triangular factor times the difference; the lower triangle of y y'
diagonal        4 d          4 d         subtract, scale, square and add; scale, add, multiply and add
spherical       2 d          2 d         a product with the mean; a sum of rows, once the rows are scaled
tied            2 d          2 d         the same, and per row d^2 to whiten it and d^2 for the scatter
==============  ===========  ==========  =============================================================================

and an exponential, counted as 40 operations. A pair with a negligible responsibility needs its score only: the
exponential and the sums are counted for the share ``pairs`` of the other pairs, so that skipping pairs does not count
as speed. These are the operations that the mathematics needs, not those of a program: padding, logarithms, comparisons
and copies are not counted. The rows are read once; everything else can stay in the caches.
"""

from peak import PeakRates
from problems import Shape

from gaussmix.core import _native

EXPONENTIAL = 40.0


def flops_per_pair(shape: Shape, pairs: float) -> float:
    d = shape.n_features
    half = {"full": d * d + 4.0 * d, "diag": 4.0 * d, "spherical": 2.0 * d, "tied": 2.0 * d}[shape.structure]
    return half + pairs * (half + EXPONENTIAL)


def pass_flops(shape: Shape, pairs: float) -> float:
    """Return the operations of one pass over the rows."""
    per_row = 2.0 * shape.n_features**2 if shape.structure == "tied" else 0.0
    return shape.n_rows * (shape.n_components * flops_per_pair(shape, pairs) + per_row)


def pass_bytes(shape: Shape) -> float:
    return 8.0 * shape.n_rows * shape.n_features


def bound_seconds(shape: Shape, pairs: float, peak: PeakRates, threads: str = "all") -> tuple[float, str]:
    """Return the least seconds of a pass with the instruction set in use, and the limiting resource."""
    limits = peak[_native.selected_instruction_set()][threads]
    arithmetic = pass_flops(shape, pairs) / (1e9 * limits["float64"])
    reading = pass_bytes(shape) / (1e9 * limits["reading"])
    return max((arithmetic, "arithmetic"), (reading, "reading"))
