"""Figures of mixtures: of rows, and of pictures."""

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gaussmix.mixture import Mixture
from gaussmix.plots.drawing import (
    BARS,
    FOOT,
    GAP,
    HEAD,
    HISTOGRAM,
    INK,
    LABEL,
    LINE,
    MARGIN,
    QUIET,
    WIDTH,
    axes_in_line,
    color_of,
    draw_channel,
    draw_densities,
    name_axes,
    new_figure,
    show_picture,
    write_title,
)
from gaussmix.plots.geometry import density_surface, ellipse, marginal_densities, radius_holding, view_range
from gaussmix.typing import FloatArray, Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_MAPS = 12
"""A figure shows no more probability maps than this."""


def scatter_figure(
    mixture: Mixture,
    X: npt.ArrayLike,
    *,
    features: Sequence[int | str] = (0, 1),
    title: str | None = None,
    labels: tuple[str, str] | None = None,
) -> "Figure":
    """Two features of rows and of the mixture: scatter, ellipses, density contours and both margins.

    Points have the colors of the components, mixed by their responsibilities. Each component has an ellipse that
    holds half of it and one that holds 95 %.

    Parameters
    ----------
    mixture : Mixture
    X : (n, d) array-like
        Rows of all features of the mixture.
    features : two positions or names, default=(0, 1)
    title : str, optional
    labels : two str, optional
        For the axes; the names of the features otherwise.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = np.asarray(X, dtype=np.float64)
    shown = mixture.marginal(features)
    if shown.n_features != 2:
        raise ValueError(f"features must be two, got {list(features)}")
    columns = [_position(mixture, feature) for feature in features]
    x, y = rows[:, columns[0]], rows[:, columns[1]]
    names = labels or shown.feature_names or tuple(f"feature {column}" for column in columns)

    figure = new_figure(8.4, 7.4)
    grid = figure.add_gridspec(
        2, 2, width_ratios=(5, 1), height_ratios=(1, 5), wspace=0.03, hspace=0.03,
        left=0.095, right=0.975, bottom=0.085, top=0.875,
    )  # fmt: skip
    main = figure.add_subplot(grid[1, 0])
    top = figure.add_subplot(grid[0, 0], sharex=main)
    side = figure.add_subplot(grid[1, 1], sharey=main)
    _draw_scatter(main, shown, x, y, mixture.responsibilities(rows))
    main.set_xlabel(names[0], color=INK, fontsize=11.5, labelpad=8)
    main.set_ylabel(names[1], color=INK, fontsize=11.5, labelpad=8)
    _draw_margin(top, shown, 0, x, main.get_xlim())
    _draw_margin(side, shown, 1, y, main.get_ylim(), upright=True)
    write_title(
        figure,
        title or f"{mixture.n_components} components, {len(rows):,} rows",
        "Ellipses hold 50 % and 95 % of each component; shading is the mixture's density.",
        left=0.095,
    )
    return figure


def segmentation_figure(
    image: Rows,
    segments: Rows,
    maps: Rows,
    mixture: Mixture,
    X: Rows,
    colors: Rows,
    *,
    title: str | None = None,
) -> "Figure":
    """A picture, its segments, the probability maps, and the histogram of each channel with the components' densities.

    Parameters
    ----------
    image, segments : (height, width), (height, width, 3) or (height, width, 4) arrays of uint8
        The picture, and the picture in the mean colors of its segments.
    maps : (k, height, width) array of uint8
        255 times the probability of each component; the first `MOST_MAPS` are shown.
    mixture : Mixture
        Of the channels.
    X : (n, channels) array
        The pixels that the histograms count.
    colors : (k, 3) array of uint8
        The mean color of each component.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
    """
    n_shown = min(mixture.n_components, MOST_MAPS)
    n_lines = -(-n_shown // 6)
    per_line = max(3, -(-n_shown // n_lines))
    tallness = image.shape[0] / image.shape[1]
    content = WIDTH - 2 * MARGIN
    picture_height = min((content - GAP) / 2 * tallness, 6.0)
    map_height = min((content - (per_line - 1) * GAP) / per_line * tallness, 4.0)
    map_line = LABEL + map_height
    figure = new_figure(WIDTH, HEAD + picture_height + n_lines * map_line + LABEL + HISTOGRAM + 0.15 + FOOT)

    top = HEAD
    for axes, pixels, name in zip(
        axes_in_line(figure, top, picture_height, 2),
        (image, segments),
        ("Picture", "Segments, each in its mean color"),
        strict=True,
    ):
        show_picture(axes, pixels)
        name_axes(axes, name)
    top += picture_height
    for first in range(0, n_shown, per_line):
        numbers = range(first, min(first + per_line, n_shown))
        places = axes_in_line(figure, top + LABEL, map_height, per_line)
        for axes, number in zip(places, numbers, strict=False):
            _draw_map(axes, maps[number], number, mixture.weights[number], colors[number])
        for axes in places[len(numbers) :]:
            axes.remove()
        top += map_line
    top += LABEL + 0.15
    names = mixture.feature_names or tuple(f"channel {number}" for number in range(mixture.n_features))
    for feature, axes in enumerate(axes_in_line(figure, top, HISTOGRAM, mixture.n_features)):
        draw_channel(axes, mixture, feature, X[:, feature])
        name_axes(axes, names[feature].capitalize())
    which = "each component" if n_shown == mixture.n_components else f"the first {n_shown} components"
    write_title(
        figure,
        title or f"{mixture.n_components} segments",
        f"Middle: the probability of {which}, white is 0. Bottom: pixels by channel, component densities, their sum "
        "(dashed); square-root scale.",
        left=MARGIN / WIDTH,
    )
    return figure


def write_figure(path: str | PathLike[str], figure: "Figure") -> None:
    """Write a figure in the format of the path's suffix, 150 dots per inch."""
    figure.savefig(path, dpi=150)


def _draw_scatter(axes: "Axes", mixture: Mixture, x: FloatArray, y: FloatArray, responsibilities: FloatArray) -> None:
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgb

    palette = np.array([to_rgb(color_of(component)) for component in range(mixture.n_components)])
    covariances = mixture.covariance.dense()
    curves = [
        [ellipse(mean, covariance, radius_holding(probability)) for probability in (0.5, 0.95)]
        for mean, covariance in zip(mixture.means, covariances, strict=True)
    ]
    outer = [
        ellipse(mean, covariance, radius_holding(0.99))
        for mean, covariance in zip(mixture.means, covariances, strict=True)
    ]
    points = np.concatenate([np.column_stack([x, y]), *outer])
    axes.set_xlim(view_range(points[:, 0], 0.02))
    axes.set_ylim(view_range(points[:, 1], 0.02))
    grid_x, grid_y = np.linspace(*axes.get_xlim(), 200), np.linspace(*axes.get_ylim(), 200)
    surface = density_surface(mixture, grid_x, grid_y)
    levels = surface.max() * np.geomspace(0.01, 1.0, 9)
    shades = LinearSegmentedColormap.from_list("density", ["#f6f7f8", "#c9ced4"])
    axes.contourf(grid_x, grid_y, surface, levels=levels, cmap=shades, norm=LogNorm(), zorder=0)
    axes.scatter(x, y, c=responsibilities @ palette, s=28, alpha=0.9, linewidths=0.6, edgecolors="white", zorder=2)
    for component, pair in enumerate(curves):
        for curve, style in zip(pair, ("-", (0, (5, 2.5))), strict=True):
            axes.plot(*curve.T, color=color_of(component), linewidth=1.8, linestyle=style, zorder=3)
        axes.plot(
            *mixture.means[component], marker="o", markersize=8, color=color_of(component), markeredgecolor="white",
            markeredgewidth=1.6, zorder=4,
        )  # fmt: skip
    axes.tick_params(colors=QUIET, labelsize=10, length=3)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(LINE)
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)


def _draw_margin(
    axes: "Axes",
    mixture: Mixture,
    feature: int,
    values: FloatArray,
    limits: tuple[float, float],
    upright: bool = False,
) -> None:
    """Histogram and densities of one feature beside the scatter."""
    grid = np.linspace(*limits, 400)
    axes.hist(values, bins=32, density=True, color=BARS, orientation="horizontal" if upright else "vertical")
    draw_densities(axes, grid, marginal_densities(mixture, feature, grid), upright)
    axes.set_axis_off()


def _draw_map(axes: "Axes", probabilities: Rows, number: int, weight: float, color: Rows) -> None:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.transforms import ScaledTranslation

    shades = LinearSegmentedColormap.from_list("probability", ["white", color_of(number)])
    show_picture(axes, probabilities, cmap=shades, vmin=0, vmax=255)
    for spine in axes.spines.values():
        spine.set(visible=True, color=color_of(number), linewidth=1.4)
    name_axes(axes, f"Segment {number}, {100 * weight:.0f} %", indent=18)
    beside = ScaledTranslation(6 / 72, 10.5 / 72, axes.figure.dpi_scale_trans)
    axes.plot(
        0, 1, marker="s", markersize=10, color=tuple(color / 255), markeredgecolor=QUIET, markeredgewidth=0.7,
        transform=axes.transAxes + beside, clip_on=False,
    )  # fmt: skip


def _position(mixture: Mixture, feature: int | str) -> int:
    if isinstance(feature, str) and mixture.feature_names is not None:
        return mixture.feature_names.index(feature)
    return int(feature)
