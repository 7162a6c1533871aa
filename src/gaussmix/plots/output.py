"""Output of figures as files and as bytes."""

import io
from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.output_files import complete_file
from gaussmix.plots.drawing import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@underflow_to_zero
def write_figure(path: str | PathLike[str], figure: "Figure") -> None:
    """Write a figure in the format of the path's suffix, with 150 dots per inch.

    Parameters
    ----------
    path : str or path
        Path that ends with .png, .pdf, .svg or another format of matplotlib.
    figure : matplotlib.figure.Figure
        Figure to write.
    """
    with complete_file(path) as partial:
        figure.savefig(partial, dpi=150)


def png_of(draw: "Callable[[Figure], object]", width: float, height: float, dpi: float = 192) -> bytes:
    """Return a figure drawn by ``draw`` as PNG with ``dpi`` dots per inch, without pyplot."""
    figure = new_figure(width, height)
    figure.set_layout_engine("constrained")
    draw(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
