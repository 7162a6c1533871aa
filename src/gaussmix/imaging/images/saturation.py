"""Saturated values: the part of a class beyond the end of the range, piled up at the end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from gaussmix.core.typing import BoolArray, FloatArray, Rows
from gaussmix.imaging.images.pixels import Pixels

_MAX_SAMPLED = 1 << 18  # pixels of an image whose values are counted
_LEAST_SHARE = 0.002  # of the pixels: fewer at the end do no harm
_LEAST_PIXELS = 20  # near the end
_LEAST_VALUES = 4  # near the end: classes that are one value each have no tails
_SCALES = 24  # distances from the end at which values are counted
_HAZARD = float(np.exp(-0.5) / (2 * np.pi) ** 0.5 / ndtr(-1.0))  # density over share of a normal tail beyond 1
_ERRORS = 3.5  # standard deviations by which counts may contradict a tail


@dataclass(frozen=True, eq=False)
class Saturation:
    """Ends of the range at which the tail of a class is piled up, and how far it would go on.

    Attributes
    ----------
    lowest, highest : (channels,) arrays
        Least and greatest value of each channel.
    below, above : (channels,) arrays
        Number of saturated values over the density at the end: the scale of the tail. 0 where there is no tail.
    """

    lowest: FloatArray
    highest: FloatArray
    below: FloatArray
    above: FloatArray

    @classmethod
    def of(cls, images: Sequence[Pixels]) -> "Saturation | None":
        """Return the saturation of images of one kind; None if no channel is saturated.

        A class that goes beyond the range of the values is cut off: its tail is piled up at the end. Such a pile would
        be a class of its own, because a component on a single value has any likelihood. A pile is a tail if the numbers
        of values that follow it agree. With F(h) pixels no farther than h from the end, F is log-concave,
        ``F(0) F(2h) <= F(h)^2``, as is the distribution function of every log-concave density (Bagnoli and Bergstrom,
        Log-concave probability and its applications, Economic Theory 26 (2005), 445-469), and F rises from h to 2h at
        least half as much as up to h, because the mode is inside or near. A black ground, and anything else that is a
        class at the end of the range, fails in one of them. The tail is taken for that of a normal distribution beyond
        one standard deviation, with the density at the end of the range.
        """
        rows = np.concatenate([_thinned_rows(pixels) for pixels in images])
        below = np.array([_tail_scale(column, is_top=False) for column in rows.T])
        above = np.array([_tail_scale(column, is_top=True) for column in rows.T])
        if not (below.any() or above.any()):
            return None
        return cls(rows.min(axis=0).astype(np.float64), rows.max(axis=0).astype(np.float64), below, above)

    def is_saturated(self, rows: Rows) -> BoolArray:
        """Return whether any value of a row is saturated, for rows (n, channels)."""
        low, high = (self.below > 0) & (rows <= self.lowest), (self.above > 0) & (rows >= self.highest)
        return np.asarray((low | high).any(axis=1))

    def extended(self, rows: Rows, shares: FloatArray) -> FloatArray:
        """Return rows with their saturated values moved beyond the end.

        Parameters
        ----------
        rows : (n, channels) array
            Values, some of them saturated.
        shares : (n,) array
            Share of the tail that is nearer to the end than the value of the row; the same in all channels, because it
            is the brightness that varies.

        Returns
        -------
        (n, channels) array
            Saturated values of integers at whole numbers.
        """
        excess = -_HAZARD * (1 + ndtri(ndtr(-1.0) * (1 - shares)))[:, None]
        below, above = excess * self.below, excess * self.above
        if rows.dtype.kind == "u":
            below, above = np.floor(below + 0.5), np.floor(above + 0.5)
        moved = rows.astype(np.float64)
        moved -= np.where(rows <= self.lowest, below, 0)
        moved += np.where(rows >= self.highest, above, 0)
        return moved


def _tail_scale(values: Rows, *, is_top: bool) -> float:
    """Return the number of values at the end of a channel over the density there; 0 if they are not a tail."""
    distances = _distances(values, is_top=is_top)
    n_end = int(np.count_nonzero(distances == 0))
    if n_end < _LEAST_SHARE * len(values) or n_end == len(values):
        return 0.0
    ordered = np.sort(distances)
    # distances at which a twentieth to a half of the number at the end is reached
    ranks = (n_end * (1 + np.geomspace(1 / 20, 1 / 2, _SCALES))).astype(int)
    scales = np.unique(ordered[ranks[ranks < len(ordered)]])
    near = np.searchsorted(ordered, scales, side="right") - n_end
    scales, near = scales[near <= n_end / 2], near[near <= n_end / 2]
    if not len(scales) or near[-1] < _LEAST_PIXELS:  # the next value is as frequent as the end, or there are too few
        return 0.0
    if len(np.unique(ordered[ordered <= 2 * scales[-1]])) <= _LEAST_VALUES:
        return 0.0
    far = np.searchsorted(ordered, 2 * scales, side="right") - n_end - near
    error = _ERRORS * np.sqrt(near + far)
    rises = far - near / 2 >= -error
    is_log_concave = n_end * (far - near) - near.astype(np.float64) ** 2 <= n_end * error
    if not (rises & is_log_concave).all():
        return 0.0
    return float(n_end * scales[-1] / near[-1])


def _distances(values: Rows, *, is_top: bool) -> FloatArray:
    numbers = values.astype(np.float64)
    return numbers.max() - numbers if is_top else numbers - numbers.min()


def _thinned_rows(pixels: Pixels) -> Rows:
    return pixels.rows[:: max(1, pixels.n_visible // _MAX_SAMPLED)]
