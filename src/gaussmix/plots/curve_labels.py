"""Small labels on curves."""

from typing import TYPE_CHECKING, Self

import numpy as np

from gaussmix.core.typing import BoolArray, FloatArray
from gaussmix.plots.drawing import inks_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NEAR = 0.02  # least distance of a label from other curves, as a share of the axes


class CurveLabels:
    """Labels on curves, each at the point farthest from what it must not cover; set the axes limits before."""

    def __init__(self, axes: "Axes") -> None:
        self._axes = axes
        self._taken = np.empty((0, 2))

    def copy(self) -> Self:
        """Return a copy that avoids the same points; later labels of one are not avoided by the other."""
        copied = type(self)(self._axes)
        copied._taken = self._taken
        return copied

    def avoid(self, points: FloatArray) -> None:
        """Keep labels away from points (m, 2) in data units."""
        self._taken = np.concatenate([self._taken, self._placed(points)])

    def write(self, text: str, curve: FloatArray, color: str, size: float = 8, enough: float = np.inf) -> bool:
        """Write at the first point with room ``enough``, else at the one with most room; return whether it had room."""
        from matplotlib.patheffects import withStroke

        inches = self._axes.transAxes + self._axes.figure.dpi_scale_trans.inverted()
        half = np.array([0.32 * size * len(text), 0.6 * size]) / 72 / np.ptp(inches.transform([(0, 0), (1, 1)]), axis=0)
        room = np.where(self._inside(curve, half), self.room(curve), 0.0)
        if room.size == 0 or room.max() < _NEAR:
            return False
        x, y = curve[int(np.minimum(room, enough).argmax())]
        paper = inks_of(self._axes).paper
        self._axes.text(
            x, y, text, color=color, fontsize=size, ha="center", va="center", zorder=7, clip_on=True,
            path_effects=[withStroke(linewidth=3.5, foreground=paper)],
            bbox={"facecolor": paper, "edgecolor": "none", "pad": 0.2},
        )  # fmt: skip
        middle = self._placed(np.array([[x, y]]))
        across = half * [1, 0]
        self._taken = np.concatenate([self._taken, middle - across, middle, middle + across])
        return True

    def room(self, curve: FloatArray) -> FloatArray:
        """Return the distance of each point of a curve from what labels avoid, (m,); 0 outside the axes."""
        places, inside = self._placed(curve), self._inside(curve)
        if not len(self._taken):
            return np.where(inside, 1.0, 0.0)
        from scipy.spatial import KDTree

        return np.where(inside, KDTree(self._taken).query(places)[0], 0.0)

    def _inside(self, curve: FloatArray, half: FloatArray | float = 0.0) -> BoolArray:
        """Return whether labels of this size at the points are within the axes, (m,)."""
        places = self._placed(curve)
        return np.asarray(((places > half) & (places < 1 - half)).all(axis=1))

    def _placed(self, points: FloatArray) -> FloatArray:
        """Return the points in axes coordinates."""
        transform = self._axes.transData + self._axes.transAxes.inverted()
        return np.asarray(transform.transform(points))
