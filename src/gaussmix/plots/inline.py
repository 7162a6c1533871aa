"""Figures as bytes, for pages that hold their pictures themselves."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from gaussmix.plots.drawing import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def png_of(draw: "Callable[[Figure], object]", width: float, height: float, dpi: float = 192) -> bytes:
    """A figure that ``draw`` fills, as a PNG of ``dpi`` dots per inch; pyplot never hears of it."""
    figure = new_figure(width, height)
    figure.set_layout_engine("constrained")
    draw(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
