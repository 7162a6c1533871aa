"""The pictures of the page: figures of `gaussmix.plots` as PNG within the file."""

import io
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.page.html import Markup, picture
from gaussmix.page.subject import Subject
from gaussmix.plots import scatter_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHARPNESS = 2  # dots per CSS pixel


def mixture_picture(subject: Subject) -> Markup:
    figure = scatter_figure(subject.mixture, subject.rows, title="Hi")
    return _shown(figure, "alt", "caption")


def _shown(figure: "Figure", alt: str, caption: object) -> Markup:
    width, height = figure.get_size_inches() * 96
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=96 * _SHARPNESS)
    return picture(buffer.getvalue(), alt, caption, float(width), float(height))
