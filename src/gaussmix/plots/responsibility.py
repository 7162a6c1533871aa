"""`ResponsibilityDisplay`: the responsibilities of all rows, with doubtful rows marked."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from gaussmix.core.background import NOISE
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_input import mixture_of, rows_of
from gaussmix.core.typing import ArrayLike, FloatArray, IntArray
from gaussmix.plots.drawing import Inks, color_of, new_axes, quiet_axes, words_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MOST_BINS = 1_000
"""Greatest number of rows drawn one by one; more rows are averaged in bins."""

_PIECE = 1 << 16  # rows whose responsibilities are in memory at a time
_SEEN = 1e-3  # smallest height of a drawn band


class ResponsibilityDisplay:
    """Responsibilities of rows, as stacked bands.

    Rows are side by side, grouped by their most probable component and sorted by its responsibility. The
    responsibilities of a row are stacked, with the most probable component at the bottom. Rows whose largest
    responsibility is below a threshold are doubtful and are marked by a bar below.

    Parameters
    ----------
    bands : (m, k) array-like
        Mean responsibilities of m bins of the sorted rows; few rows have one bin each.
    edges : (m + 1,) array-like of int
        First row of each bin, in the sorted order, followed by the number of rows.
    counts : (k,) array-like of int
        Number of rows of each component; with noise, which is last, (k + 1,).
    doubtful : (q,) array-like of int
        Positions of the doubtful rows, least certain first.
    doubtful_counts : (k,) array-like of int
        Number of doubtful rows of each component.
    threshold : float
        Largest responsibility below which a row is doubtful.
    has_noise : bool
        Whether the last counts and bands are those of noise, which is gray.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes of the plot.
    figure_ : matplotlib.figure.Figure
        Figure of these axes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.datasets import load_old_faithful
    >>> from gaussmix.plots import ResponsibilityDisplay
    >>> eruptions, _ = load_old_faithful()
    >>> gm = GaussianMixture(2, random_state=0).fit(eruptions)
    >>> display = ResponsibilityDisplay.from_estimator(gm, eruptions)
    >>> display.n_rows, display.n_doubtful
    (272, 1)
    >>> plt.close()
    """

    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        *,
        bands: ArrayLike,
        edges: ArrayLike,
        counts: ArrayLike,
        doubtful: ArrayLike,
        doubtful_counts: ArrayLike,
        threshold: float,
        has_noise: bool = False,
    ) -> None:
        self.bands: FloatArray = np.asarray(bands, dtype=np.float64)
        self.edges: IntArray = np.asarray(edges)
        self.counts: IntArray = np.asarray(counts)
        self.doubtful: IntArray = np.asarray(doubtful)
        self.doubtful_counts: IntArray = np.asarray(doubtful_counts)
        self.threshold = float(threshold)
        self.has_noise = bool(has_noise)

    @classmethod
    @underflow_to_zero
    def from_estimator(
        cls, model: Any, X: ArrayLike, *, threshold: float = 0.8, ax: "Axes | None" = None, **shown: Any
    ) -> Self:
        """Draw the responsibilities of all rows.

        Parameters
        ----------
        model : Mixture or fitted estimator
            A model of gaussmix or scikit-learn.
        X : (n, d) array-like
            Rows with all features of the mixture.
        threshold : float, default=0.8
            Largest responsibility below which a row is doubtful.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new figure.
        **shown
            Arguments of `plot`.

        Returns
        -------
        ResponsibilityDisplay
            The drawn display.
        """
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be from 0 to 1; got {threshold}")
        mixture = mixture_of(model)
        rows = rows_of(mixture, X)
        k, n = mixture.whitened().n_scores, len(rows)
        labels, certainty = np.empty(n, dtype=np.int64), np.empty(n)
        for where, responsibilities in _in_pieces(mixture, rows):
            labels[where] = responsibilities.argmax(axis=1)
            certainty[where] = responsibilities.max(axis=1)
        order = np.lexsort((-certainty, labels))
        counts = np.bincount(labels, minlength=k)
        edges = _edges(counts)
        bins = np.empty(n, dtype=np.int64)
        bins[order] = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
        sums = np.zeros((k, len(edges) - 1))
        for where, responsibilities in _in_pieces(mixture, rows):
            for component in range(k):
                sums[component] += np.bincount(bins[where], responsibilities[:, component], len(edges) - 1)
        doubtful = np.flatnonzero(certainty < threshold)
        display = cls(
            has_noise=mixture.background is not None,
            bands=(sums / np.diff(edges)).T,
            edges=edges,
            counts=counts,
            doubtful=doubtful[np.argsort(certainty[doubtful], kind="stable")],
            doubtful_counts=np.bincount(labels[doubtful], minlength=k),
            threshold=threshold,
        )
        return display.plot(ax, **shown)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.counts.sum())

    @property
    def n_doubtful(self) -> int:
        """Number of doubtful rows."""
        return len(self.doubtful)

    @underflow_to_zero
    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the bands.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        ResponsibilityDisplay
            This display.
        """
        axes = new_axes() if ax is None else ax
        inks = quiet_axes(axes)
        self.ax_, self.figure_ = axes, axes.figure
        ends = np.cumsum(self.counts)
        for component, (begin, end) in enumerate(zip(ends - self.counts, ends, strict=True)):
            if begin == end:
                continue
            self._draw_block(component, int(begin), int(end), inks)
            if n_doubtful := int(self.doubtful_counts[component]):
                axes.plot(
                    [end - n_doubtful, end], [-0.022, -0.022], color=inks.ink, linewidth=4, solid_capstyle="butt",
                    clip_on=False, label="doubtful",
                )  # fmt: skip
            if end - begin >= 0.02 * self.n_rows:
                axes.annotate(
                    self._name_of(component), ((begin + end) / 2, 0.08), ha="center", va="center", fontsize=11,
                    color=words_on(self._color_of(component, inks)), fontweight="bold",
                )  # fmt: skip
        for end in ends[:-1]:
            axes.axvline(end, color=inks.paper, linewidth=1.0)
        axes.axhline(self.threshold, color=inks.ink, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set_xlim(0, max(self.n_rows, 1))
        axes.set_ylim(-0.045, 1)
        axes.set_yticks(sorted({0.0, 0.5, 1.0, self.threshold}))
        axes.spines["bottom"].set_visible(False)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("rows by component, most certain first", color=inks.ink)
        axes.set_ylabel("responsibility", color=inks.ink)
        share = 100 * self.n_doubtful / max(self.n_rows, 1)
        axes.set_title(
            f"bars: {self.n_doubtful:,} of {self.n_rows:,} rows ({share:.2g} %) below {self.threshold:g}",
            loc="left", fontsize=10, color=inks.quiet,
        )  # fmt: skip
        return self

    def _is_noise(self, component: int) -> bool:
        return self.has_noise and component == len(self.counts) - 1

    def _color_of(self, component: int, inks: Inks) -> str:
        return color_of(NOISE if self._is_noise(component) else component, inks)

    def _name_of(self, component: int) -> str:
        return "noise" if self._is_noise(component) else str(component)

    def _draw_block(self, component: int, begin: int, end: int, inks: Inks) -> None:
        """Draw the bands of the rows of a component, its own at the bottom."""
        from matplotlib.patches import StepPatch

        first, last = np.searchsorted(self.edges, [begin, end])
        bands, edges = self.bands[first:last], self.edges[first : last + 1]
        base = np.zeros(len(bands))
        for other in [component, *(at for at in range(bands.shape[1]) if at != component)]:
            top = base + bands[:, other]
            if bands[:, other].max() > _SEEN:
                band = StepPatch(
                    top, edges, baseline=base, fill=True, color=self._color_of(other, inks), linewidth=0,  # type: ignore[arg-type]
                    label=f"component {self._name_of(other)} in {self._name_of(component)}",
                )  # fmt: skip
                self.ax_.add_artist(band)  # add_patch would update the limits, which is slow
            base = top


def _in_pieces(mixture: Mixture, rows: npt.NDArray[Any]) -> Iterator[tuple[slice, FloatArray]]:
    """Yield slices of the rows and their responsibilities."""
    for begin in range(0, len(rows), _PIECE):
        where = slice(begin, begin + _PIECE)
        yield where, mixture.responsibilities(rows[where])


def _edges(counts: IntArray) -> IntArray:
    """Return the edges (m + 1,) of bins of sorted rows of about equal size, each with rows of one component."""
    n = int(counts.sum())
    edges = [0]
    for count in counts.tolist():
        n_bins = count if n <= MOST_BINS else -(-count * MOST_BINS // n)
        edges += (edges[-1] + np.linspace(0, count, n_bins + 1).round().astype(int)[1:]).tolist()
    return np.array(edges)
