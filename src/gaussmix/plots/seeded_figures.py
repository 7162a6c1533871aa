"""Figure of a picture that was segmented from known pixels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gaussmix.core.typing import Rows
from gaussmix.plots.drawing import (
    FOOT,
    GAP,
    HEAD,
    LABEL,
    LINE,
    MARGIN,
    WIDTH,
    axes_in_line,
    name_axes,
    new_figure,
    show_picture,
    write_title,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CUT_OUTS = 12
"""Greatest number of cut-outs in a figure."""

_PER_LINE = 4


def seeded_figure(
    seeded: Rows, classes: Rows, cut_outs: Sequence[Rows], names: Sequence[str], *, title: str
) -> "Figure":
    """Draw a picture with its known pixels, its classes, and the cut-out of each class.

    Parameters
    ----------
    seeded, classes : (height, width, 3 or 4) arrays of uint8
        The picture with its known pixels, and the picture tinted with the classes.
    cut_outs : sequence of (height, width, 4) arrays of uint8
        The pixels of the first classes, at most `MOST_CUT_OUTS`.
    names : sequence of str
        Names of all classes.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Figure for `write_figure`.
    """
    shown = list(zip(cut_outs, names, strict=False))
    n_lines = -(-len(shown) // _PER_LINE)
    per_line = max(2, -(-len(shown) // n_lines))
    tallness = seeded.shape[0] / seeded.shape[1]
    content = WIDTH - 2 * MARGIN
    first = min((content - GAP) / 2 * tallness, 6.0)
    height = min((content - (per_line - 1) * GAP) / per_line * tallness, 5.0)
    figure = new_figure(WIDTH, HEAD + first + n_lines * (LABEL + height) + FOOT)
    titles = ("Picture with the known pixels", "Classes in the colors of the known pixels")
    for axes, pixels, name in zip(axes_in_line(figure, HEAD, first, 2), (seeded, classes), titles, strict=True):
        show_picture(axes, pixels)
        name_axes(axes, name)
    top = HEAD + first
    for start in range(0, len(shown), per_line):
        places = axes_in_line(figure, top + LABEL, height, per_line)
        part = shown[start : start + per_line]
        for axes, (pixels, name) in zip(places, part, strict=False):
            axes.set_facecolor(LINE)
            show_picture(axes, pixels)
            name_axes(axes, name)
        for axes in places[len(part) :]:
            axes.remove()
        top += LABEL + height
    more = "" if len(shown) == len(names) else f" (the first {len(shown)} of {len(names)})"
    write_title(figure, title, f"Below: the cut-out of each class{more}.", left=MARGIN / WIDTH)
    return figure
