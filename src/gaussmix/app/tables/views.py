"""Numbers of the plots: ranges, ellipses, contours and histograms, as `gaussmix.plots` computes them."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray
from gaussmix.plots.components import drawn_components, fineness
from gaussmix.plots.geometry import ellipse, mass_levels, radius_holding, view_range
from gaussmix.plots.histogram import histogram_of
from gaussmix.plots.level_curves import density_contours

ELLIPSES = (0.5, 0.95)
"""Shares of a component that its ellipses contain."""

CONTOURS = (0.2, 0.5, 0.8, 0.95, 0.99)
"""Masses of the regions of highest density within the contours."""

_ROOM = 0.1  # share of the range of a feature that its axis has on both sides, for ellipses
_ELLIPSE_POINTS = 73
_LEVEL_POINTS = 1 << 12  # for each component: levels within about a percent of their mass
_FINE, _COARSE = (60, 110), (40, 70)  # lines of the grid in each direction, for one pair and for several


def view_of(mixture: Mixture, rows: FloatArray, features: Sequence[int], *, contours: bool) -> dict[str, Any]:
    """Return what is drawn of a mixture in some features.

    Parameters
    ----------
    mixture : Mixture
        The mixture of all features.
    rows : (n, d) array
        All rows; histograms count them.
    features : sequence of int
        Positions of the features that are shown.
    contours : bool
        Whether the contours of the density are wanted.

    Returns
    -------
    dict
        "components" that are drawn, "weights", "margins" with the histogram and the densities of each feature, and
        "pairs" with the centers, the ellipses and the contours of each pair.
    """
    drawn = drawn_components(mixture)
    sizes = _FINE if len(features) == 2 else _COARSE
    pairs = [_pair(mixture, rows, x, y, drawn, sizes if contours else None) for x, y in combinations(features, 2)]
    return {
        "components": drawn,
        "weights": mixture.weights,
        "margins": [_margin(mixture, rows, feature) for feature in features],
        "pairs": pairs,
    }


def ranges_of(rows: FloatArray) -> list[tuple[float, float]]:
    """Return the range of the axis of each feature, which does not depend on the model."""
    return [view_range(column, _ROOM) for column in rows.T]


def _pair(
    mixture: Mixture, rows: FloatArray, x: int, y: int, drawn: list[int], sizes: tuple[int, int] | None
) -> dict[str, Any]:
    pair = mixture.marginal([x, y])
    covariances = pair.covariance.dense()
    radii = [radius_holding(mass) for mass in ELLIPSES]
    ellipses = [
        [ellipse(pair.means[component], covariances[component], radius, _ELLIPSE_POINTS) for radius in radii]
        for component in drawn
    ]
    found: dict[str, Any] = {"x": x, "y": y, "centers": pair.means[drawn], "ellipses": ellipses, "contours": []}
    if sizes is not None:
        views = [view_range(rows[:, feature], _ROOM) for feature in (x, y)]
        n_lines = fineness(pair, views, *sizes)
        grid_x, grid_y = (np.linspace(*view, n_lines) for view in views)
        levels = mass_levels(pair, CONTOURS, n_points=_LEVEL_POINTS)
        found["contours"] = density_contours(pair, grid_x, grid_y, levels)
    return found


def _margin(mixture: Mixture, rows: FloatArray, feature: int) -> dict[str, Any]:
    shown = histogram_of(mixture, rows, feature)
    densities = shown.densities.copy()
    densities[shown.spikes] = 0.0
    return {
        "feature": feature,
        "edges": shown.edges,
        "heights": shown.heights,
        "grid": shown.grid,
        "densities": densities,
        "spikes": [[component, shown.mixture.means[component, 0]] for component in shown.spikes.tolist()],
    }
