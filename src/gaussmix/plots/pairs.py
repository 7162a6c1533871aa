"""`PairsDisplay`: all pairs of features of a mixture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_input import mixture_of, rows_of
from gaussmix.core.typing import ArrayLike, FloatArray, IntArray
from gaussmix.plots.components import (
    SHADES,
    Range,
    draw_center,
    draw_ellipses,
    draw_rows,
    draw_shades,
    drawn_components,
    fineness,
    radii_of_each,
    views_of,
)
from gaussmix.plots.drawing import Inks, as_written, color_of, quiet_axes, shown_figure
from gaussmix.plots.geometry import ellipse, mass_levels
from gaussmix.plots.histogram import HistogramDisplay, histogram_of
from gaussmix.plots.inputs import feature_names, labeled_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_FEATURES = 8
"""Greatest number of features in a display."""

MOST_NUMBERS = 12
"""Greatest number of components whose centers are numbered."""

_COARSEST, _FINEST = 80, 140  # lines of the grid in each direction


@dataclass(kw_only=True, eq=False)
class PairsDisplay:
    """Plots of all pairs of features of a mixture, and of each single feature.

    Build it with `from_estimator`. The diagonal has a `HistogramDisplay` of each feature; below it are the rows, with
    ellipses that contain a share of each component; above it is the density of each pair.

    Parameters
    ----------
    mixture : Mixture
        Mixture of the features shown.
    names : list of str
        Names of the features.
    views : list of pairs of float
        Range of each feature.
    rows : (m, d) array
        Rows to draw.
    labels : (m,) array
        Most probable component of each row, given all features.
    certainty : (m,) array
        Responsibility of that component.
    mass : float
        Share of a component that its ellipse contains.
    histograms : list of HistogramDisplay
        Histogram of each feature.

    Attributes
    ----------
    axes_ : (d, d) array of matplotlib.axes.Axes
        Axes of the plots.
    figure_ : matplotlib.figure.Figure
        Figure of these axes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.plots import PairsDisplay
    >>> iris = load_iris(as_frame=True).data
    >>> gm = GaussianMixture(3, random_state=0).fit(iris)
    >>> display = PairsDisplay.from_estimator(gm, iris)
    >>> display.axes_.shape
    (4, 4)
    >>> plt.close()
    """

    mixture: Mixture
    names: list[str]
    views: list[Range]
    rows: FloatArray
    labels: IntArray
    certainty: FloatArray
    mass: float
    histograms: list[HistogramDisplay]
    axes_: npt.NDArray[np.object_] = field(init=False, repr=False)
    figure_: "Figure" = field(init=False, repr=False)

    @classmethod
    @underflow_to_zero
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike | None = None,
        *,
        features: Sequence[int | str] | None = None,
        mass: float = 0.95,
        figure: "Figure | None" = None,
        **shown: Any,
    ) -> Self:
        """Compute and draw the display.

        Parameters
        ----------
        model : Mixture or fitted estimator
            A model of gaussmix or scikit-learn.
        X : (n, d) array-like or table, optional
            Rows with all features of the model; of many rows a sample is drawn, but histograms count all.
        features : positions or names, optional
            Two to `MOST_FEATURES` features to show; required if the model has more.
        mass : float, default=0.95
            Share of a component that its ellipse contains.
        figure : matplotlib.figure.Figure, optional
            Empty figure.
        **shown
            Arguments of `plot`.

        Returns
        -------
        PairsDisplay
            The drawn display; its attributes have the numbers.
        """
        whole = mixture_of(model)
        positions = _some(whole, features)
        mixture = whole.marginal(positions)
        given = None if X is None else rows_of(whole, X)
        rows, labels, certainty = labeled_rows(model, given)
        display = cls(
            mixture=mixture.without_noise(),
            names=feature_names(whole, positions),
            views=views_of(mixture, rows[:, positions]),
            rows=rows[:, positions],
            labels=labels,
            certainty=certainty,
            mass=mass,
            histograms=[histogram_of(whole, given, feature) for feature in positions],
        )
        return display.plot(figure, **shown)

    @underflow_to_zero
    def plot(self, figure: "Figure | None" = None, *, density: bool = True) -> Self:
        """Draw the display.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, optional
            Empty figure; by default a new pyplot figure.
        density : bool, default=True
            Whether to draw the density above the diagonal.

        Returns
        -------
        PairsDisplay
            This display.
        """
        d = self.mixture.n_features
        figure = shown_figure(1.2 + 1.8 * d, 1.0 + 1.6 * d) if figure is None else figure
        grid = figure.add_gridspec(d, d, wspace=0.06, hspace=0.06)
        self.axes_ = np.empty((d, d), dtype=object)
        for line, column in np.ndindex(d, d):
            axes = self.axes_[line, column] = figure.add_subplot(grid[line, column])
            if line == column:
                self.histograms[line].plot(axes, numbers=False)
            elif line > column:
                self._draw_rows(axes, column, line)
            elif density:
                self._draw_density(axes, column, line)
            else:
                axes.set_axis_off()
            self._finish(axes, line, column)
        figure.align_labels()
        self.figure_ = figure
        return self

    def _draw_rows(self, axes: "Axes", x: int, y: int) -> None:
        inks = quiet_axes(axes)
        pair = self.mixture.marginal([x, y])
        if len(self.rows):
            draw_rows(axes, self.rows[:, [x, y]], self.labels, self.certainty, pair.n_components, inks, largest=8)
        shapes = zip(pair.means, pair.covariance.dense(), radii_of_each(pair, [self.mass], "mass"), strict=True)
        curves = np.array([[ellipse(mean, covariance, radius)] for mean, covariance, [radius] in shapes])
        draw_ellipses(axes, curves, drawn_components(pair), inks, 1.0)
        self._draw_centers(axes, pair, inks)

    def _draw_density(self, axes: "Axes", x: int, y: int) -> None:
        inks = quiet_axes(axes)
        pair = self.mixture.marginal([x, y])
        views = (self.views[x], self.views[y])
        grid_x, grid_y = (np.linspace(*view, fineness(pair, views, _COARSEST, _FINEST)) for view in views)
        surface = pair.log_density(np.column_stack([part.ravel() for part in np.meshgrid(grid_x, grid_y)]))
        draw_shades(
            axes,
            grid_x,
            grid_y,
            surface.reshape(len(grid_y), len(grid_x)),
            mass_levels(pair, SHADES, n_points=1 << 14),
            inks,
        )
        self._draw_centers(axes, pair, inks)

    def _draw_centers(self, axes: "Axes", pair: Mixture, inks: Inks) -> None:
        drawn = drawn_components(pair)
        if len(drawn) <= MOST_NUMBERS:
            for component in drawn:
                draw_center(axes, component, pair.means[component], inks, 10)
        else:
            colors = [color_of(component, inks) for component in drawn]
            x, y = pair.means[drawn].T
            axes.scatter(x, y, s=16, color=colors, edgecolors=inks.paper, linewidths=0.6, zorder=5)

    def _finish(self, axes: "Axes", line: int, column: int) -> None:
        """Set the ranges of the features; keep names and ticks only at the edges of the matrix."""
        axes.set_xlim(self.views[column])
        if line != column:
            axes.set_ylim(self.views[line])
            axes.locator_params(axis="y", nbins=4)
        axes.locator_params(axis="x", nbins=_steps(*self.views[column]))
        inks = quiet_axes(axes) if line != column else None
        if line < len(self.names) - 1:
            axes.tick_params(labelbottom=False)
            axes.set_xlabel("")
        else:
            axes.set_xlabel(as_written(self.names[column]))
        if column > 0:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel(as_written(self.names[line]), color=inks.ink if inks else axes.xaxis.label.get_color())


def _steps(low: float, high: float) -> int:
    """Return the number of steps of an axis at which tick labels do not overlap."""
    decimals = max(0, -math.floor(math.log10((high - low) / 4)))
    length = max(len(f"{edge:.{decimals}f}") for edge in (low, high))
    return 4 if length <= 4 else 3 if length <= 6 else 2


def _some(mixture: Mixture, features: Sequence[int | str] | None) -> list[int]:
    """Return the positions of two to eight features; error messages suggest alternatives."""
    if mixture.n_features == 1:
        raise ValueError("the mixture has one feature; use HistogramDisplay")
    positions = list(range(mixture.n_features)) if features is None else mixture.positions(features)
    if len(positions) > MOST_FEATURES:
        raise ValueError(
            f"{len(positions)} features are too many for one figure: choose up to {MOST_FEATURES}, such as "
            f"features={tuple(range(4))}"
        )
    if len(positions) < 2:
        raise ValueError(f"features must be at least two; got {list(features or [])}: use HistogramDisplay for one")
    return positions
