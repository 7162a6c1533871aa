"""`MixtureDisplay`: two features of a mixture, with rows, density, ellipses and decision boundaries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_input import mixture_of, rows_of
from gaussmix.core.typing import ArrayLike, FloatArray, IntArray
from gaussmix.plots.components import (
    SHADES,
    Range,
    draw_center,
    draw_ellipses,
    draw_lines,
    draw_rows,
    draw_shades,
    drawn_components,
    fineness,
    radii_of_each,
    share_text,
    views_of,
)
from gaussmix.plots.curve_labels import CurveLabels
from gaussmix.plots.drawing import Inks, as_written, color_of, new_axes, quiet_axes
from gaussmix.plots.geometry import ellipse, mass_levels, principal_axes
from gaussmix.plots.inputs import feature_names, labeled_rows
from gaussmix.plots.level_curves import decision_boundaries, density_contours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

NAMED_CONTOURS = (0.9, 0.99, 0.999)
"""Shares of the mixture inside the labeled contours, which are also edges of gray regions."""

_MOST_COMPARED = 40  # components tried for labels
_COARSEST, _FINEST = 200, 1000  # lines of the grid in each direction


@dataclass(kw_only=True, eq=False)
class MixtureDisplay:
    """Plot of two features of a mixture: rows, density, ellipses and decision boundaries.

    The display follows figure 9-16 of Geron's Hands-On Machine Learning. Build it with `from_estimator`. Rows have the
    color of their most probable component; less certain rows are fainter. Each ellipse contains the labeled share of
    its component, and each gray region the labeled share of the mixture. Dashed lines are decision boundaries: the two
    most probable components have equal probability there. Rows that are noise are gray; density and boundaries are
    those of the components alone.

    Parameters
    ----------
    mixture : Mixture
        Mixture of the two features shown.
    names : list of two str
        Names of the features.
    view : two pairs of float
        Plotted range (low, high) of each feature.
    rows : (m, 2) array
        Rows to draw.
    labels : (m,) array
        Most probable component of each row, given all features.
    certainty : (m,) array
        Responsibility of the most probable component.
    masses : tuple of float
        Shares of a component that its ellipses contain, ascending.
    ellipses : (k, len(masses), points, 2) array
        Points of the ellipses.
    axes : (k, 2, 2, 2) array
        Principal axes of the innermost ellipses, indexed by component, axis, end and feature.
    x, y : (l,) arrays
        Grid values of the two features.
    log_density : (l, l) array
        Log density on the grid, in nats.
    levels : (s,) array
        Log densities at the edges of the gray regions.
    contours : dict of float to list of (points, 2) arrays
        Contours that contain each mass in `NAMED_CONTOURS`.
    boundaries : list of (points, 2) arrays
        Decision boundaries.

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
    >>> from gaussmix.plots import MixtureDisplay
    >>> eruptions, _ = load_old_faithful()
    >>> gm = GaussianMixture(2, random_state=0).fit(eruptions)
    >>> display = MixtureDisplay.from_estimator(gm, eruptions)
    >>> len(display.boundaries), sorted(display.contours)
    (1, [0.9, 0.99, 0.999])
    >>> plt.close()
    """

    mixture: Mixture
    names: list[str]
    view: tuple[Range, Range]
    rows: FloatArray
    labels: IntArray
    certainty: FloatArray
    masses: tuple[float, ...]
    ellipses: FloatArray
    axes: FloatArray
    x: FloatArray
    y: FloatArray
    log_density: FloatArray
    levels: FloatArray
    contours: dict[float, list[FloatArray]]
    boundaries: list[FloatArray]
    ax_: "Axes" = field(init=False, repr=False)
    figure_: "Figure | SubFigure" = field(init=False, repr=False)

    @classmethod
    @underflow_to_zero
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike | None = None,
        *,
        features: Sequence[int | str] | None = None,
        masses: Sequence[float] = (0.5, 0.95),
        ax: "Axes | None" = None,
        **shown: Any,
    ) -> Self:
        """Compute and draw the display.

        Parameters
        ----------
        model : Mixture or fitted estimator
            A model of gaussmix or scikit-learn.
        X : (n, d) array-like or table, optional
            Rows with all features of the model. If there are many, a random sample of them is drawn.
        features : two positions or names, optional
            Features to show; required if the model has more than two.
        masses : sequence of float, default=(0.5, 0.95)
            Shares of a component that its ellipses contain.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; limits that were set before are kept.
        **shown
            Arguments of `plot`.

        Returns
        -------
        MixtureDisplay
            The drawn display; the plotted numbers are its attributes.

        Raises
        ------
        ValueError
            If the model has one feature, or if it has more than two and ``features`` does not name two of them.
        """
        whole = mixture_of(model)
        positions = two_positions(whole, features)
        mixture = whole.marginal(positions)
        given = None if X is None else rows_of(whole, X)
        rows, labels, certainty = labeled_rows(model, given)
        mixture = mixture.without_noise()
        shown_rows = (rows[:, positions], labels, certainty)
        return cls.of(mixture, feature_names(whole, positions), shown_rows, masses, ax).plot(ax, **shown)

    @classmethod
    def of(
        cls,
        mixture: Mixture,
        names: list[str],
        rows: tuple[FloatArray, IntArray, FloatArray],
        masses: Sequence[float],
        ax: "Axes | None",
        **more: Any,
    ) -> Self:
        """Compute the display of a mixture of two features, without drawing it.

        Parameters
        ----------
        mixture : Mixture
            Mixture of two features.
        names : list of two str
            Labels of the axes.
        rows : tuple of arrays
            Rows (m, 2) to draw, their components (m,) and the certainty of these (m,).
        masses : sequence of float
            Shares of a component that its ellipses contain.
        ax : matplotlib.axes.Axes or None
            Axes whose limits are kept.
        **more
            Attributes of a subclass.

        Returns
        -------
        MixtureDisplay
            Display of the class on which this is called.
        """
        covariances = mixture.covariance.dense()
        masses = tuple(sorted(masses))
        components = list(zip(mixture.means, covariances, radii_of_each(mixture, masses), strict=True))
        view = _fixed_view(ax, views_of(mixture, rows[0]))
        x, y = (np.linspace(*ends, fineness(mixture, view, _COARSEST, _FINEST)) for ends in view)
        grid = np.column_stack([part.ravel() for part in np.meshgrid(x, y)])
        levels = mass_levels(mixture, SHADES)
        named = [levels[SHADES.index(mass)] for mass in NAMED_CONTOURS]
        return cls(
            mixture=mixture,
            names=names,
            view=view,
            rows=rows[0],
            labels=rows[1],
            certainty=rows[2],
            masses=masses,
            ellipses=np.array(
                [[ellipse(mean, matrix, radius) for radius in radii] for mean, matrix, radii in components]
            ),
            axes=np.array([principal_axes(mean, matrix, (*radii, 1.0)[0]) for mean, matrix, radii in components]),
            x=x,
            y=y,
            log_density=mixture.log_density(grid).reshape(len(y), len(x)),
            levels=levels,
            contours=dict(zip(NAMED_CONTOURS, density_contours(mixture, x, y, named), strict=True)),
            boundaries=decision_boundaries(mixture, x, y),
            **more,
        )

    @underflow_to_zero
    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        density: bool = True,
        boundaries: bool = True,
        ellipses: bool = True,
        axes: bool = True,
        points: bool = True,
    ) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new pyplot figure.
        density : bool, default=True
            Whether to draw the density in shades of gray, with labeled contours.
        boundaries : bool, default=True
            Whether to draw the decision boundaries, as dashed lines.
        ellipses : bool, default=True
            Whether to draw the ellipses, with labels.
        axes : bool, default=True
            Whether to draw the principal axes of the innermost ellipses.
        points : bool, default=True
            Whether to draw the rows.

        Returns
        -------
        MixtureDisplay
            This display.
        """
        ax = new_axes(6.4, 5.4) if ax is None else ax
        inks = quiet_axes(ax)
        if ax.get_autoscalex_on():
            ax.set_xlim(self.view[0])
        if ax.get_autoscaley_on():
            ax.set_ylim(self.view[1])
        ax.set_xlabel(as_written(self.names[0]), color=inks.ink)
        ax.set_ylabel(as_written(self.names[1]), color=inks.ink)
        if density:
            self._draw_density(ax, inks)
        if points and len(self.rows):
            draw_rows(ax, self.rows, self.labels, self.certainty, self.mixture.n_components, inks)
        if boundaries:
            width = 1.2 if self.mixture.n_components < 10 else 0.8
            draw_lines(ax, self.boundaries, colors=inks.ink, linewidths=width, linestyles=[(0, (5, 3))], zorder=3)
        drawn = drawn_components(self.mixture)
        if axes:
            colors = [color_of(component, inks) for component in np.repeat(drawn, 2)]
            draw_lines(ax, list(self.axes[drawn].reshape(-1, 2, 2)), colors=colors, linewidths=1.0, zorder=4)
        if ellipses and self.masses:
            draw_ellipses(ax, self.ellipses, drawn, inks)
        for component in drawn:
            draw_center(ax, component, self.mixture.means[component], inks)
        self._write_masses(ax, inks, density, ellipses and bool(self.masses), self.boundaries if boundaries else [])
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_density(self, ax: "Axes", inks: Inks) -> None:
        draw_shades(ax, self.x, self.y, self.log_density, self.levels, inks)
        lines = [line for of_mass in self.contours.values() for line in of_mass]
        draw_lines(ax, lines, colors=inks.quiet, linewidths=0.5, zorder=1)

    def _write_masses(self, ax: "Axes", inks: Inks, contours: bool, ellipses: bool, lines: list[FloatArray]) -> None:
        """Label the contours, and the ellipses of the component with the most room, with their masses."""
        drawn = drawn_components(self.mixture)
        labels = CurveLabels(ax)
        labels.avoid(np.concatenate([self.mixture.means[drawn], *lines]))
        if ellipses:
            outlines = self.ellipses[:, :, ::6]
            heaviest = sorted(drawn, key=lambda component: -self.mixture.weights[component])[:_MOST_COMPARED]
            roomy = max(heaviest, key=lambda component: self._room(labels, component, drawn))
            labels.avoid(outlines[[component for component in drawn if component != roomy]].reshape(-1, 2))
            for mass, curve in zip(self.masses, self.ellipses[roomy], strict=True):
                labels.write(share_text(mass), curve, color_of(roomy, inks))
            labels.avoid(outlines[roomy].reshape(-1, 2))
        if contours:
            for mass, of_mass in self.contours.items():
                if of_mass:
                    labels.write(share_text(mass), max(of_mass, key=len), inks.quiet, 7)

    def _room(self, labels: CurveLabels, component: int, drawn: list[int]) -> float:
        """Return the greatest distance of the outermost ellipse of a component from other ellipses and labels."""
        apart = labels.copy()
        apart.avoid(self.ellipses[[other for other in drawn if other != component], -1, ::6].reshape(-1, 2))
        return float(apart.room(self.ellipses[component, -1, ::6]).max())


def two_positions(mixture: Mixture, features: Sequence[int | str] | None) -> list[int]:
    """Return the positions of the two features; raise a ValueError if there are not exactly two."""
    if mixture.n_features == 1:
        raise ValueError("the mixture has one feature; use HistogramDisplay")
    if features is None:
        if mixture.n_features > 2:
            raise ValueError(
                f"the mixture has {mixture.n_features} features, but this display shows two: choose two, such as "
                "features=(0, 1), or use PairsDisplay to show all pairs"
            )
        return [0, 1]
    positions = mixture.positions(features)
    if len(positions) != 2:
        raise ValueError(f"features must be two positions or names; got {list(features)}")
    return positions


def _fixed_view(ax: "Axes | None", views: Sequence[Range]) -> tuple[Range, Range]:
    """Return the limits of the axes if they were set, else those of the views."""
    x = views[0] if ax is None or ax.get_autoscalex_on() else ax.get_xlim()
    y = views[1] if ax is None or ax.get_autoscaley_on() else ax.get_ylim()
    return (min(x), max(x)), (min(y), max(y))
