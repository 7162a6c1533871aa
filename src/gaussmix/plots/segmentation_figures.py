"""Figure of a picture and its segments."""

from typing import TYPE_CHECKING

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import Rows
from gaussmix.plots.drawing import (
    FOOT,
    GAP,
    HEAD,
    HISTOGRAM,
    LABEL,
    MARGIN,
    QUIET,
    WIDTH,
    axes_in_line,
    color_of,
    name_axes,
    new_figure,
    show_picture,
    write_title,
)
from gaussmix.plots.histogram import draw_channel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_MAPS = 12
"""Greatest number of probability maps in a figure."""


@underflow_to_zero
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
    """Draw a picture with its segments, probability maps, and histograms of channels with component densities.

    Parameters
    ----------
    image, segments : (height, width), (height, width, 3) or (height, width, 4) arrays of uint8
        The picture, and the picture with each pixel in the mean color of its segment.
    maps : (k, height, width) array of uint8
        255 times the probability of each component; the first `MOST_MAPS` are shown.
    mixture : Mixture
        Mixture of the channels.
    X : (n, channels) array
        Pixels of the histograms.
    colors : (k, 3) array of uint8
        Mean color of each component.
    title : str, optional
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Figure for `write_figure`.
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
        draw_channel(axes, mixture, X, feature)
        name_axes(axes, names[feature].capitalize())
    which = "each component" if n_shown == mixture.n_components else f"the first {n_shown} components"
    write_title(
        figure,
        title or f"{mixture.n_components} segments",
        f"Middle: the probability of {which} (white: 0). Bottom: pixels by channel, component densities and their sum "
        "(dashed); square-root scale.",
        left=MARGIN / WIDTH,
    )
    return figure


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
