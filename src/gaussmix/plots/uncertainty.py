"""`UncertaintyDisplay`: uncertainty of the components of rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.model_input import mixture_of, rows_of
from gaussmix.core.typing import ArrayLike, FloatArray, IntArray
from gaussmix.plots.components import draw_incomplete_rows
from gaussmix.plots.drawing import as_written, color_of, new_axes, quiet_axes
from gaussmix.plots.geometry import view_range
from gaussmix.plots.inputs import feature_names, labeled_rows
from gaussmix.plots.mixture import two_positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_GRID = 200  # points along each side of the grid
_LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # uncertainties at the edges of shades
_SMALL, _LARGE = 9.0, 110.0  # areas of points in square points, for uncertainty 0 and 0.5
_FEW = 500  # points; if there are more, they are smaller


class UncertaintyDisplay:
    """Scatter plot of two features of rows, with the uncertainty (one minus the largest responsibility) as size.

    If the mixture has only these two features, the background is shaded by uncertainty. (With more features, it
    depends on the features that are not shown.)

    Parameters
    ----------
    rows : (m, 2) array-like
        Values of the two features for the drawn rows.
    uncertainty : (m,) array-like
        One minus the largest responsibility of each row.
    labels : (m,) array-like of int
        Most probable component of each row.
    names : two str
        Names of the features.
    n_rows : int, optional
        Total number of rows, if only some are drawn.
    x, y : (w,) and (h,) array-like, optional
        Grid of the background.
    surface : (h, w) array-like, optional
        Uncertainty on the grid.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes of the plot.
    figure_ : matplotlib.figure.Figure
        Figure of these axes.

    References
    ----------
    Fraley and Raftery, Model-based clustering, discriminant analysis, and density estimation, Journal of the American
    Statistical Association 97 (2002), 611-631, and the uncertainty plot of their package mclust.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.datasets import load_old_faithful
    >>> from gaussmix.plots import UncertaintyDisplay
    >>> eruptions, _ = load_old_faithful()
    >>> gm = GaussianMixture(2, random_state=0).fit(eruptions)
    >>> display = UncertaintyDisplay.from_estimator(gm, eruptions)
    >>> int((display.uncertainty > 0.2).sum())
    1
    >>> plt.close()
    """

    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        *,
        rows: ArrayLike,
        uncertainty: ArrayLike,
        labels: ArrayLike,
        names: Sequence[str],
        n_rows: int | None = None,
        x: ArrayLike | None = None,
        y: ArrayLike | None = None,
        surface: ArrayLike | None = None,
    ) -> None:
        self.rows: FloatArray = np.asarray(rows, dtype=np.float64)
        self.uncertainty: FloatArray = np.asarray(uncertainty, dtype=np.float64)
        self.labels: IntArray = np.asarray(labels)
        self.names = list(names)
        self.n_rows = len(self.rows) if n_rows is None else int(n_rows)
        self.x = None if x is None else np.asarray(x, dtype=np.float64)
        self.y = None if y is None else np.asarray(y, dtype=np.float64)
        self.surface = None if surface is None else np.asarray(surface, dtype=np.float64)

    @classmethod
    @underflow_to_zero
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike,
        *,
        features: Sequence[int | str] | None = None,
        ax: "Axes | None" = None,
        **shown: Any,
    ) -> Self:
        """Draw rows and their uncertainty; of very many rows a random sample is drawn.

        Parameters
        ----------
        model : Mixture or fitted estimator
            A model of gaussmix or scikit-learn.
        X : (n, d) array-like
            Rows with all features of the mixture.
        features : two positions or names, optional
            Features to show; required if the mixture has more than two.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new figure.
        **shown
            Arguments of `plot`.

        Returns
        -------
        UncertaintyDisplay
            The drawn display.
        """
        mixture = mixture_of(model)
        positions = two_positions(mixture, features)
        given = rows_of(mixture, X)
        rows, labels, certainty = labeled_rows(model, given)
        plane: dict[str, FloatArray] = {}
        if mixture.n_features == 2:
            x, y = (np.linspace(*view_range(values), _GRID) for values in rows[:, positions].T)
            grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
            uncertain = 1 - mixture.marginal(positions).responsibilities(grid).max(axis=1)
            plane = {"x": x, "y": y, "surface": uncertain.reshape(_GRID, _GRID)}
        display = cls(
            rows=rows[:, positions],
            uncertainty=1 - certainty,
            labels=labels,
            names=feature_names(mixture, positions),
            n_rows=len(given),
            **plane,
        )
        return display.plot(ax, **shown)

    @underflow_to_zero
    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the background and the points.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        UncertaintyDisplay
            This display.
        """
        from matplotlib.colors import LinearSegmentedColormap, to_rgb

        axes = new_axes() if ax is None else ax
        inks = quiet_axes(axes)
        self.ax_, self.figure_ = axes, axes.figure
        if self.surface is not None:
            shades = LinearSegmentedColormap.from_list("uncertainty", [inks.paper, inks.line, inks.quiet])
            axes.contourf(self.x, self.y, self.surface, levels=_LEVELS, cmap=shades, vmin=0, vmax=0.7, zorder=0)
        colors = [color_of(label, inks) for label in self.labels.tolist()]
        scale = min(1.0, max(0.3, (_FEW / max(len(self.rows), 1)) ** 0.5))
        order = np.argsort(self.uncertainty, kind="stable")  # uncertain rows on top
        axes.scatter(
            self.rows[order, 0], self.rows[order, 1], s=scale * _areas(self.uncertainty[order]), linewidths=0.4,
            c=[colors[at] for at in order.tolist()], edgecolors=inks.paper, alpha=0.9, zorder=2,
        )  # fmt: skip
        draw_incomplete_rows(axes, self.rows, np.array([to_rgb(color) for color in colors]).reshape(-1, 3))
        axes.set_xlim(view_range(self.rows[:, 0]))
        axes.set_ylim(view_range(self.rows[:, 1]))
        axes.set_xlabel(as_written(self.names[0]), color=inks.ink)
        axes.set_ylabel(as_written(self.names[1]), color=inks.ink)
        sizes = [
            axes.scatter([], [], s=scale * _areas(np.array(value)), color=inks.quiet, label=f"{value:g}")
            for value in (0.0, 0.1, 0.3, 0.5)
        ]
        key = axes.legend(
            handles=sizes, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False, fontsize=9,
            handletextpad=0.2, columnspacing=0.9, borderaxespad=0.1, labelcolor=inks.quiet,
        )  # fmt: skip
        key.set_in_layout(True)
        some = "" if self.n_rows == len(self.rows) else f"; {len(self.rows):,} of {self.n_rows:,} rows"
        axes.set_title(f"Uncertainty: 1 - largest responsibility{some}", loc="left", fontsize=10, color=inks.quiet)
        return self


def _areas(uncertainty: FloatArray) -> FloatArray:
    return np.asarray(_SMALL + (_LARGE - _SMALL) * np.minimum(2 * uncertainty, 1.2))
