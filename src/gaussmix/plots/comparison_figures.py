"""Figure of a comparison of segmentation methods: pictures, histograms and the fits of each start."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

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

_MOST_IN_LINE, _TALLEST = 5, 4.0  # pictures; inches
_STRIPS = 2.1  # inches


@underflow_to_zero
def comparison_figure(
    pictures: Sequence[tuple[str, Rows]],
    histograms: Sequence[tuple[Mixture, Rows]],
    starts: Sequence[str],
    log_likelihoods: Rows,
    passes: Rows,
    changed: Rows,
    changed_in_order: Rows,
    *,
    title: str,
) -> "Figure":
    """Draw named pictures, histograms of channels with component densities, and a dot for each fit of each start.

    Parameters
    ----------
    pictures : sequence of (str, array)
        Names and pictures: (height, width), (height, width, 3) or (height, width, 4) of uint8, all of one size.
    histograms : sequence of (Mixture, (n, d) array)
        Mixtures and their pixels, with a panel for each feature.
    starts : sequence of m str
        Names of the starts.
    log_likelihoods, passes : (m, s) array
        Log-likelihood in nats per pixel, and number of passes, for each seed.
    changed, changed_in_order : (m, s - 1) array
        Shares of pixels whose labels differ from those of the first seed.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Figure for `write_figure`.
    """
    n_lines = -(-len(pictures) // _MOST_IN_LINE)
    per_line = max(2, -(-len(pictures) // n_lines))
    height, width = pictures[0][1].shape[:2]
    picture_height = min((WIDTH - 2 * MARGIN - (per_line - 1) * GAP) / per_line * height / width, _TALLEST)
    line = LABEL + picture_height
    figure = new_figure(WIDTH, HEAD - LABEL + n_lines * line + 2 * (LABEL + 0.2) + HISTOGRAM + _STRIPS + 0.3 + FOOT)

    top = HEAD - LABEL
    for first in range(0, len(pictures), per_line):
        places = axes_in_line(figure, top + LABEL, picture_height, per_line)
        for axes, (name, pixels) in zip(places, pictures[first : first + per_line], strict=False):
            show_picture(axes, pixels)
            name_axes(axes, name[0].upper() + name[1:])
        for axes in places[len(pictures) - first :]:
            axes.remove()
        top += line
    top += LABEL + 0.2
    panels = [(mixture, rows, feature) for mixture, rows in histograms for feature in range(mixture.n_features)]
    for axes, (mixture, rows, feature) in zip(axes_in_line(figure, top, HISTOGRAM, len(panels)), panels, strict=True):
        draw_channel(axes, mixture, rows, feature)
        name_axes(axes, _channel_name(mixture, feature))
    top += HISTOGRAM + 0.3 + LABEL + 0.2
    likelihood, number, share = axes_in_line(figure, top, _STRIPS, 3)
    _draw_strips(likelihood, starts, log_likelihoods)
    likelihood.locator_params(axis="x", nbins=5)
    name_axes(likelihood, "Starts: log-likelihood, nats per pixel")
    number.set_xscale("log")
    _draw_strips(number, [], passes)
    number.minorticks_off()
    number.set_xticks(_round_numbers(passes), [f"{value:g}" for value in _round_numbers(passes)])
    name_axes(number, "Passes over the pixels")
    _draw_strips(share, [], 100 * changed, shift=-0.15, hollow=True)
    _draw_strips(share, [], 100 * changed_in_order, shift=0.15)
    share.set_xlim(0, 100)
    name_axes(share, "Labels that change with the seed, %")
    write_title(
        figure,
        title,
        "Classes in their mean colors. Histograms with component densities (square-root scale). Starts: a dot for each "
        "seed, hollow before sorting by brightness.",
        left=MARGIN / WIDTH,
    )
    return figure


def _draw_strips(
    axes: "Axes",
    names: Sequence[str],
    values: npt.NDArray[np.floating],
    *,
    shift: float = 0.0,
    hollow: bool = False,
) -> None:
    """Draw a line of dots for each row of values, the first at the top."""
    for place, row in enumerate(values):
        color = color_of(place)
        axes.plot(
            row, np.full(len(row), place + shift), linestyle="none", marker="o", markersize=6.5,
            color="white" if hollow else color, markeredgecolor=color if hollow else "white",
            markeredgewidth=1.2 if hollow else 0.6, alpha=0.9, clip_on=False, zorder=3,
        )  # fmt: skip
    axes.set_ylim(len(values) - 0.5, -0.8)
    axes.set_yticks([])
    for place, name in enumerate(names):
        axes.annotate(
            name, (0, place), xycoords=("axes fraction", "data"), xytext=(0, 10), textcoords="offset points",
            color=QUIET, fontsize=9,
        )  # fmt: skip
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)


def _round_numbers(values: Rows) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten within the range of the values."""
    tens = 10.0 ** np.arange(int(np.log10(values.max())) + 1)
    steps = (tens[:, None] * [1, 2, 5]).ravel()
    inside = steps[(steps >= values.min()) & (steps <= values.max())]
    return [float(step) for step in (inside if inside.size else values.max(keepdims=True).ravel()[:1])]


def _channel_name(mixture: Mixture, feature: int) -> str:
    names = ("Gray",) if mixture.n_features == 1 else ("Red", "Green", "Blue")
    return names[feature]
