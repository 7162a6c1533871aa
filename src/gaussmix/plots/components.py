"""Drawing of rows, component ellipses, centers and density shades."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gaussmix.core.background import NOISE
from gaussmix.core.mixture import Mixture
from gaussmix.core.student import drops_of_tails, squares_of_drops
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.plots.drawing import Inks, color_of, words_on
from gaussmix.plots.geometry import radius_holding, view_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHADES = (0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
"""Masses at the edges of the shades; for a normal distribution their densities are about a geometric series."""

LEAST_WEIGHT = 1e-3
"""Smallest weight of components that are drawn; estimators may return empty components."""

Range = tuple[float, float]

_TICK = 0.025  # length as a share of the axes


def drawn_components(mixture: Mixture) -> list[int]:
    least = min(LEAST_WEIGHT, 0.1 / mixture.n_components)
    return [int(component) for component in np.flatnonzero(mixture.weights >= least)]


def views_of(mixture: Mixture, rows: FloatArray) -> list[Range]:
    """Return the range of each feature that covers the rows and 99 % of each component."""
    reach = radius_holding(0.99) * np.sqrt(mixture.covariance.variances())
    drawn = drawn_components(mixture)
    ends = np.concatenate([rows, (mixture.means - reach)[drawn], (mixture.means + reach)[drawn]])
    return [view_range(values, 0.02) for values in ends.T]


def radii_of(masses: Sequence[float], name: str = "masses") -> list[float]:
    """Return the radii of ellipses that contain these shares of a component; raise ValueError for invalid shares."""
    for mass in masses:
        if not 0 < mass < 1:
            raise ValueError(f"{name} must be above 0 and below 1; got {mass}")
    return [radius_holding(mass) for mass in masses]


def radii_of_each(mixture: Mixture, masses: Sequence[float], name: str = "masses") -> list[list[float]]:
    """Return the radii of `radii_of` for each component; those of t distributions are longer."""
    radii, degrees = radii_of(masses, name), mixture.degrees_of_freedom
    if degrees is None:
        return [radii] * mixture.n_components
    tails, d = 1 - np.asarray(masses, dtype=np.float64), mixture.n_features
    return [np.sqrt(squares_of_drops(drops_of_tails(tails, nu, d), nu, d)).tolist() for nu in degrees.tolist()]


def draw_rows(
    axes: "Axes",
    rows: FloatArray,
    labels: IntArray,
    certainty: FloatArray,
    n_components: int,
    inks: Inks,
    largest: float = 22,
) -> None:
    """Draw points in the colors of components, noise in gray; less certain rows are fainter.

    A row without one of its two coordinates is a tick on the margin.
    """
    from matplotlib.colors import to_rgb

    palette = np.array([to_rgb(color_of(component, inks)) for component in (*range(n_components), NOISE)])
    least = 1 / (n_components + (labels == NOISE).any())
    sureness = (certainty - least) / (1 - least) if least < 1 else certainty
    colors = np.column_stack([palette[labels], 0.15 + 0.7 * sureness])
    axes.scatter(rows[:, 0], rows[:, 1], c=colors, s=size_of_points(len(rows), largest), linewidths=0, zorder=2)
    draw_incomplete_rows(axes, rows, colors)


def draw_incomplete_rows(axes: "Axes", rows: FloatArray, colors: FloatArray) -> None:
    """Draw rows (n, 2) without one of their coordinates as ticks on the margin, in colors (n, any)."""
    only_x, only_y = (np.isnan(rows[:, 1 - axis]) & ~np.isnan(rows[:, axis]) for axis in (0, 1))
    look: dict[str, Any] = {"linewidths": 1.0, "zorder": 2}
    if only_x.any():
        look_x = look | {"colors": colors[only_x], "transform": axes.get_xaxis_transform()}
        axes.vlines(rows[only_x, 0], 0, _TICK, **look_x)
    if only_y.any():
        look_y = look | {"colors": colors[only_y], "transform": axes.get_yaxis_transform()}
        axes.hlines(rows[only_y, 1], 0, _TICK, **look_y)


def size_of_points(n_rows: int, largest: float = 22) -> float:
    return float(np.clip(9000 / max(n_rows, 1), min(5, largest / 4), largest))


def draw_ellipses(
    axes: "Axes", ellipses: FloatArray, components: Sequence[int], inks: Inks, width: float = 1.4
) -> None:
    """Draw curves (k, masses, points, 2) of some components, the innermost in bold, with a halo."""
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import Normal, withStroke

    colors = [color_of(component, inks) for component in components]
    for number in range(ellipses.shape[1]):
        bold = width + (0.4 if number == 0 else 0)
        halo = [withStroke(linewidth=bold + 1.6, foreground=inks.paper, alpha=0.7), Normal()]
        lines = LineCollection(list(ellipses[components, number]), colors=colors, linewidths=bold, zorder=4)
        lines.set_path_effects(halo)
        axes.add_collection(lines, autolim=False)


def draw_lines(axes: "Axes", lines: Sequence[FloatArray], **look: Any) -> None:
    from matplotlib.collections import LineCollection

    axes.add_collection(LineCollection(lines, **look), autolim=False)


def draw_center(axes: "Axes", component: int, center: FloatArray, inks: Inks, size: float = 13) -> None:
    """Draw a disc in the color of the component with its number, ``size`` points wide."""
    (x, y), color = center, color_of(component, inks)
    axes.plot(x, y, marker="o", markersize=size, color=color, markeredgecolor=inks.paper, markeredgewidth=1.2, zorder=5)
    axes.text(
        x, y, str(component), color=words_on(color), fontsize=0.62 * size, fontweight="bold",
        ha="center", va="center_baseline", zorder=5, clip_on=True,
    )  # fmt: skip


def draw_shades(
    axes: "Axes", x: FloatArray, y: FloatArray, log_density: FloatArray, levels: FloatArray, inks: Inks
) -> None:
    """Draw shades of gray with the contours at the levels of `SHADES` as edges."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    shades = LinearSegmentedColormap.from_list("density", [inks.paper, inks.bars, inks.line])
    edges = np.unique(levels)
    colors = [to_hex(shades(share)) for share in np.linspace(0.15, 0.9, len(edges))]
    axes.contourf(x, y, log_density, levels=[*edges, np.inf], colors=colors, zorder=0)


def share_text(mass: float) -> str:
    return f"{100 * mass:g} %"


def fineness(mixture: Mixture, views: Sequence[Range], least: int, most: int, cells: float = 6e6) -> int:
    """Return the number of grid lines that resolve the thinnest component; ``cells`` limits cells times components."""
    ranges = np.array([high - low for low, high in views])
    covariances = mixture.covariance.dense()[drawn_components(mixture)]
    thinnest = max(np.linalg.eigvalsh(covariances / ranges / ranges[:, None]).min(), 1e-16)  # rounding may give 0
    most = min(most, int(np.sqrt(cells / mixture.n_components)))
    return int(np.clip(3 / np.sqrt(thinnest), min(least, most), most))
