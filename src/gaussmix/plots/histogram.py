"""`HistogramDisplay`: a histogram of one feature, the densities of the components, and their sum."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_input import mixture_of, rows_of
from gaussmix.core.typing import ArrayLike, FloatArray, IntArray, Rows
from gaussmix.plots.components import Range, drawn_components, views_of
from gaussmix.plots.curve_labels import CurveLabels
from gaussmix.plots.drawing import as_written, color_of, draw_densities, new_axes, quiet_axes
from gaussmix.plots.geometry import marginal_densities, view_range
from gaussmix.plots.inputs import feature_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_FEWEST_BARS, _MOST_BARS, _POINTS = 10, 64, 512
_NARROW, _SPIKE_POINTS = 0.5, 41  # grid steps below which a standard deviation is that of a spike; its points
_EVERY_HALF = 2.0**52  # float64 has half-integers below this


@dataclass(kw_only=True, eq=False)
class HistogramDisplay:
    """Histogram of one feature, with the densities of the components.

    Build it with `from_estimator`.

    Parameters
    ----------
    mixture : Mixture
        Mixture of the feature shown.
    name : str
        Name of the feature.
    view : two floats
        Range of values.
    edges : (b + 1,) array
        Edges of the bars.
    heights : (b,) array
        Heights of the bars, as a density with area 1; empty without rows.
    grid : (m,) array
        Values of the feature.
    densities : (k, m) array
        Density of each component times its weight, per unit of the feature.
    spikes : (s,) array of int
        Components too narrow for the grid, such as collapsed ones. Each is drawn as a line at its mean, over the whole
        height; the sum does not contain it.
    noise : (512,) array, or None
        Density of the noise on the grid; None without noise.

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
    >>> from gaussmix.plots import HistogramDisplay
    >>> eruptions, _ = load_old_faithful()
    >>> gm = GaussianMixture(2, random_state=0).fit(eruptions)
    >>> display = HistogramDisplay.from_estimator(gm, eruptions, feature=1)
    >>> display.densities.shape
    (2, 512)
    >>> plt.close()
    """

    mixture: Mixture
    name: str
    view: Range
    edges: FloatArray
    heights: FloatArray
    grid: FloatArray
    densities: FloatArray
    spikes: IntArray
    noise: FloatArray | None = None
    ax_: "Axes" = field(init=False, repr=False)
    figure_: "Figure | SubFigure" = field(init=False, repr=False)

    @classmethod
    @underflow_to_zero
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike | None = None,
        *,
        feature: int | str = 0,
        ax: "Axes | None" = None,
        **shown: Any,
    ) -> "HistogramDisplay":
        """Compute and draw the display.

        Parameters
        ----------
        model : Mixture or fitted estimator
            A model of gaussmix or scikit-learn.
        X : (n, d) array-like or table, optional
            Rows with all features of the model; all of them are counted.
        feature : int or str, default=0
            The position or name of the feature.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on.
        **shown
            Arguments of `plot`.

        Returns
        -------
        HistogramDisplay
            The drawn display; its attributes are the numbers shown.
        """
        whole = mixture_of(model)
        [position] = whole.positions([feature])
        given = None if X is None else rows_of(whole, X)
        return histogram_of(whole, given, position).plot(ax, **shown)

    @underflow_to_zero
    def plot(
        self, ax: "Axes | None" = None, *, upright: bool = False, root: bool = False, numbers: bool = True
    ) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new pyplot figure.
        upright : bool, default=False
            Whether the feature is on the vertical axis.
        root : bool, default=False
            Whether the density has a square-root scale, on which small values remain visible (Tukey's rootogram).
        numbers : bool, default=True
            Whether to write the number of each component beside its density, if there is room.

        Returns
        -------
        HistogramDisplay
            This display.
        """
        ax = new_axes(6.4, 3.6) if ax is None else ax
        inks = quiet_axes(ax)
        if root:
            (ax.set_xscale if upright else ax.set_yscale)("function", functions=(np.sqrt, np.square))
        if len(self.heights):
            ax.stairs(
                self.heights, self.edges, fill=True, color=inks.bars, zorder=1,
                orientation="horizontal" if upright else "vertical",
            )  # fmt: skip
        shown = self.densities.copy()
        shown[self.spikes] = 0.0
        if shown.any():
            draw_densities(ax, self.grid, shown, upright)
        total = shown.sum(axis=0) if self.noise is None else shown.sum(axis=0) + self.noise
        if (len(self.densities) > 1 or self.noise is not None) and shown.any():
            sum_line = (total, self.grid) if upright else (self.grid, total)
            ax.plot(*sum_line, color=inks.ink, linewidth=1.0, linestyle=(0, (4, 2)), zorder=4)
        highest = max(total.max(), self.heights.max(initial=0)) or 1.0
        self._set_limits(ax, upright, highest)
        curves = self._curves(shown, highest)
        for component in self.spikes:
            line = curves[component][:, ::-1] if upright else curves[component]
            ax.plot(*line.T, color=color_of(component, inks), linewidth=1.7, zorder=3)
        (ax.set_ylabel if upright else ax.set_xlabel)(as_written(self.name), color=inks.ink)
        if numbers and len(self.densities) > 1:
            labels = CurveLabels(ax)
            for component in drawn_components(self.mixture):
                curve = curves[component]
                labels.write(str(component), curve[:, ::-1] if upright else curve, color_of(component, inks), 9, 0.06)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _curves(self, shown: FloatArray, highest: float) -> list[FloatArray]:
        """Return the points (p, 2) where the label of each component may be: near its top, or on its spike."""
        curves = []
        for density in shown:
            top = np.argsort(-density)[: np.count_nonzero(density > 0.8 * density.max())]
            curves.append(np.column_stack([self.grid[top], density[top]]))
        for component in self.spikes:
            heights = highest * np.linspace(1.06, 0.0, _SPIKE_POINTS)
            curves[component] = np.column_stack([np.full(_SPIKE_POINTS, self.mixture.means[component, 0]), heights])
        return curves

    def _set_limits(self, ax: "Axes", upright: bool, highest: float) -> None:
        """Set the limits; the density begins at 0 and has no ticks."""
        along, across, sides = (ax.yaxis, ax.xaxis, ("bottom", "top")) if upright else (ax.xaxis, ax.yaxis, ("left",))
        limits = (ax.set_xlim, ax.set_ylim) if upright else (ax.set_ylim, ax.set_xlim)
        limits[0](0, 1.06 * highest)
        if ax.get_autoscaley_on() if upright else ax.get_autoscalex_on():
            limits[1](self.view)
        across.set_ticks([])
        for side in (*sides, "right", "top"):
            ax.spines[side].set_visible(False)
        if self.view == (-0.5, 255.5):
            along.set_ticks([0, 64, 128, 192, 255])
            if not upright:
                ax.get_xticklabels()[0].set_horizontalalignment("left")
                ax.get_xticklabels()[-1].set_horizontalalignment("right")


def histogram_of(whole: Mixture, X: Rows | None, position: int) -> HistogramDisplay:
    """Return the display of a feature, without drawing it."""
    values = np.empty(0) if X is None else X[:, position]
    if values.dtype.kind == "f":
        values = values[~np.isnan(values)]
    mixture = whole.marginal([position])
    edges, heights = _bars(values, float(mixture.weights @ np.sqrt(mixture.covariance.variances()[:, 0])))
    bytes_ = values.dtype == np.uint8
    view = (-0.5, 255.5) if bytes_ else views_of(mixture, edges[:, None])[0]
    grid = np.linspace(*view, _POINTS)
    narrow = np.sqrt(mixture.covariance.variances()[:, 0]) < _NARROW * (grid[1] - grid[0])
    return HistogramDisplay(
        mixture=mixture,
        name=feature_names(whole, [position])[0],
        view=view,
        edges=edges,
        heights=heights,
        grid=grid,
        densities=marginal_densities(mixture, 0, grid),
        spikes=np.array([component for component in drawn_components(mixture) if narrow[component]], dtype=np.int64),
        noise=_noise_density(mixture, grid),
    )


def _noise_density(mixture: Mixture, grid: FloatArray) -> FloatArray | None:
    """Return the density of the noise of a mixture of one feature on a grid, zero outside its region."""
    noise = mixture.background
    if noise is None:
        return None
    inside = np.abs(grid - noise.center[0]) <= 0.5 * noise.volume
    return np.where(inside, noise.weight / noise.volume, 0.0)


def draw_channel(axes: "Axes", mixture: Mixture, X: Rows, feature: int) -> None:
    """Draw the histogram of a channel of pixels, on axes with the name above them."""
    display = HistogramDisplay.from_estimator(mixture, X, feature=feature, ax=axes, root=True, numbers=False)
    if X.dtype != np.uint8:
        axes.set_xlim(view_range(display.edges, 0.02))  # the mixture may extend beyond the values of pixels
    axes.set_xlabel("")


def _bars(values: Rows, deviation: float) -> tuple[FloatArray, FloatArray]:
    """Return edges and heights of bars of Scott's width (1979); edges of integer bars are between integers."""
    if not len(values):
        return np.empty(0), np.empty(0)
    values = np.asarray(values, dtype=np.float64)
    least, greatest = float(values.min()), float(values.max())
    width = 3.49 * deviation * len(values) ** (-1 / 3)
    farthest = max(abs(least), abs(greatest))
    whole = farthest < _EVERY_HALF and bool((values == np.rint(values)).all())
    length = greatest - least + (1.0 if whole else 0.0) or max(1.0, _MOST_BARS * float(np.spacing(farthest)))
    n_bars = int(np.clip(math.ceil(length / width), _FEWEST_BARS, _MOST_BARS))
    if whole:
        step = math.ceil(length / n_bars)
        edges = least - 0.5 + step * np.arange(math.ceil(length / step) + 1)
    else:
        edges = np.unique(np.linspace(least, max(greatest, least + length), n_bars + 1))  # the sum may be rounded
    counts = np.histogram(values, edges)[0]
    return np.asarray(edges), np.asarray(counts / (len(values) * np.diff(edges)))
