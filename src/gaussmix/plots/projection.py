"""`ProjectionDisplay`: a mixture in the two directions in which its components separate best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from gaussmix.components.projection import DiscriminantDirections, LinearProjection, discriminant_directions
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.model_input import mixture_of, rows_of
from gaussmix.core.typing import ArrayLike
from gaussmix.plots.inputs import labeled_rows
from gaussmix.plots.mixture import MixtureDisplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(kw_only=True, eq=False)
class ProjectionDisplay(MixtureDisplay):
    """Plot of a mixture of many features, projected to two directions.

    Build it with `from_estimator`. Rows have the color of their most probable component, given all features. Ellipses,
    density and decision boundaries are those of the projected mixture.

    Parameters
    ----------
    mixture : Mixture
        Mixture of the two directions shown.
    names : list of two str
        Labels of the axes.
    view : two pairs of float
        Plotted range (low, high) of each direction.
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
        Principal axes of the innermost ellipses, indexed by component, axis, end and direction.
    x, y : (l,) arrays
        Grid values of the two directions.
    log_density : (l, l) array
        Log density on the grid, in nats.
    levels : (s,) array
        Log densities at the edges of the gray regions.
    contours : dict of float to list of (points, 2) arrays
        Contours that contain each mass in `NAMED_CONTOURS`.
    boundaries : list of (points, 2) arrays
        Decision boundaries.
    projection : LinearProjection
        Directions of the plot.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes of the plot.
    figure_ : matplotlib.figure.Figure
        Figure of these axes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.plots import ProjectionDisplay
    >>> iris = load_iris(as_frame=True).data
    >>> gm = GaussianMixture(3, random_state=0).fit(iris)
    >>> display = ProjectionDisplay.from_estimator(gm, iris)
    >>> display.rows.shape
    (150, 2)
    >>> plt.close()
    """

    projection: LinearProjection

    @classmethod
    @underflow_to_zero
    def from_estimator(
        cls,
        model: Any,
        X: ArrayLike | None = None,
        *,
        projection: LinearProjection | None = None,
        directions: Sequence[int] = (0, 1),
        masses: Sequence[float] = (0.5, 0.95),
        ax: "Axes | None" = None,
        **shown: Any,
    ) -> Self:
        """Compute and draw the display.

        Parameters
        ----------
        model : Mixture or fitted estimator
            A model of gaussmix or scikit-learn with at least two features.
        X : (n, d) array-like or table, optional
            Rows with all features of the model. If there are many, a random sample of them is drawn.
        projection : LinearProjection, optional
            Directions to show, such as those of `random_projection`; by default those of `discriminant_directions`.
        directions : two int, default=(0, 1)
            Positions of the directions to show.
        masses : sequence of float, default=(0.5, 0.95)
            Shares of a component that its ellipses contain.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; limits that were set before are kept.
        **shown
            Arguments of `MixtureDisplay.plot`.

        Returns
        -------
        ProjectionDisplay
            The drawn display; the plotted numbers are its attributes.

        Raises
        ------
        ValueError
            If the model has one feature, if a direction does not exist, or if the projection has another number of
            features than the model.
        """
        whole = mixture_of(model)
        if whole.n_features == 1:
            raise ValueError("the mixture has one feature; use HistogramDisplay")
        if len(directions) != 2:
            raise ValueError(f"directions must be two positions; got {list(directions)}")
        if projection is None:
            projection = discriminant_directions(whole, n_directions=max(2, 1 + max(directions)))
        if len(projection.center) != whole.n_features:
            raise ValueError(
                f"the projection is of {len(projection.center)} features, but the model has {whole.n_features}"
            )
        positions = projection.mixture.positions(directions)
        rows, labels, certainty = labeled_rows(model, None if X is None else rows_of(whole, X))
        complete = whole.without_noise().impute(rows) if len(rows) else rows  # a direction needs all features
        shown_rows = (projection.transform(complete)[:, positions], labels, certainty)
        names = [_label(projection, at) for at in positions]
        mixture = projection.mixture.marginal(positions)
        return cls.of(mixture, names, shown_rows, masses, ax, projection=projection).plot(ax, **shown)


def _label(projection: LinearProjection, at: int) -> str:
    """Return the name of a direction, and its share of the separation if it is known."""
    name = projection.mixture.names[at]
    if isinstance(projection, DiscriminantDirections):
        return f"{name} ({projection.shares[at]:.0%} of the separation)"
    return name
