"""Figures as files, and as bytes for pages that hold their pictures themselves."""

import io
from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING

from gaussmix.plots.drawing import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_figure(path: str | PathLike[str], figure: "Figure") -> None:
    """Write a figure in the format of the path's suffix, 150 dots per inch.

    Parameters
    ----------
    path : str or path
        Ends with .png, .pdf, .svg or what else matplotlib writes.
    figure : matplotlib.figure.Figure
        Any.
    """
    figure.savefig(path, dpi=150)


def png_of(draw: "Callable[[Figure], object]", width: float, height: float, dpi: float = 192) -> bytes:
    """A figure that ``draw`` fills, as a PNG of ``dpi`` dots per inch; pyplot never hears of it."""
    figure = new_figure(width, height)
    figure.set_layout_engine("constrained")
    draw(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
