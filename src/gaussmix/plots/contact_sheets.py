"""Contact sheet of pictures and their segments."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.typing import Rows
from gaussmix.plots.drawing import GAP, HEAD, LABEL, MARGIN, WIDTH, name_axes, new_figure, show_picture, write_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PAIRS = 48
"""Greatest number of pictures on a sheet."""

_NEAR = 0.06  # inches between a picture and its segments
_TALLEST = 6.0  # inches
_SHAPE = 0.9  # intended height of a sheet divided by its width
_MOST_COLUMNS = 4


@underflow_to_zero
def contact_sheet(
    names: Sequence[str],
    pictures: Sequence[Rows],
    segments: Sequence[Rows],
    aspects: Sequence[float],
    *,
    title: str,
    subtitle: str = "",
) -> "Figure":
    """Draw the first `MOST_PAIRS` pictures beside their segments, with their names.

    Parameters
    ----------
    names : sequence of str
        Name of each picture.
    pictures, segments : sequences of (height, width, 3 or 4) arrays of uint8
        Display colors.
    aspects : sequence of float
        Height of the pixels of each picture divided by their width.
    title, subtitle : str
        Text above the pictures.

    Returns
    -------
    matplotlib.figure.Figure
        Figure for `write_figure`.
    """
    n = min(len(names), MOST_PAIRS)
    tallness = [aspect * picture.shape[0] / picture.shape[1] for aspect, picture in zip(aspects, pictures, strict=True)]
    plans = [_plan(tallness[:n], columns) for columns in range(1, min(n, _MOST_COLUMNS) + 1)]
    width, heights = min(plans, key=lambda plan: abs(np.log(_height(plan[1]) / (_SHAPE * WIDTH))))
    columns = -(-n // len(heights))
    height = _height(heights)
    figure = new_figure(WIDTH, height)
    top = HEAD - LABEL
    for line, line_height in enumerate(heights):
        for place, item in enumerate(range(line * columns, min((line + 1) * columns, n))):
            shown_width = min(width, line_height / tallness[item])
            for side, pixels in enumerate((pictures[item], segments[item])):
                left = MARGIN + place * (2 * width + _NEAR + GAP) + side * (shown_width + _NEAR)
                shown_height = shown_width * tallness[item]
                bottom = 1 - (top + LABEL + shown_height) / height
                axes = figure.add_axes((left / WIDTH, bottom, shown_width / WIDTH, shown_height / height))
                show_picture(axes, pixels, aspect="auto")
                if side == 0:
                    name_axes(axes, _shortened(names[item], 2 * shown_width))
        top += LABEL + line_height
    more = f"; the first {n} of {len(names)}" if n < len(names) else ""
    write_title(figure, title, f"{subtitle}{more}", left=MARGIN / WIDTH)
    return figure


def _plan(tallness: Sequence[float], columns: int) -> tuple[float, list[float]]:
    """Return the width of a picture and the heights of the rows, in inches."""
    width = ((WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns - _NEAR) / 2
    lines = [tallness[first : first + columns] for first in range(0, len(tallness), columns)]
    return width, [min(width * max(line), _TALLEST) for line in lines]


def _height(heights: Sequence[float]) -> float:
    return HEAD - LABEL + sum(heights) + len(heights) * LABEL + MARGIN


def _shortened(name: str, width: float) -> str:
    most = max(8, int(width * 12))
    return name if len(name) <= most else f"{name[: most - 8]}…{name[-7:]}"
