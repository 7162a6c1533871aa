"""Colors, axes, pictures and densities shared by all figures.

Whole figures are independent of pyplot. A display draws on given axes, and by default on those of a new pyplot figure,
as scikit-learn's displays do. Components have the colors of Okabe and Ito (Color Universal Design, 2008), which can be
distinguished with any color vision; after eight colors they repeat.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gaussmix.core.background import NOISE
from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.typing import FloatArray, Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#F0E442")

INK, QUIET, LINE, BARS = "#1a1a1a", "#5f6368", "#c8ccd0", "#dfe2e5"
WIDTH, MARGIN, GAP, HEAD, LABEL, HISTOGRAM, FOOT = 12.0, 0.4, 0.25, 1.3, 0.42, 2.1, 0.5  # inches

_LIGHT_PAPER, _BRIGHT = 0.4, 0.5  # luminances above which a background has dark inks, and a color has black text
_SHOWN_PIXELS = 1200  # pixels along the longer side of a picture in a figure


@dataclass(frozen=True)
class Inks:
    """Colors of text, secondary text, lines, bars and the background."""

    ink: str
    quiet: str
    line: str
    bars: str
    paper: str


LIGHT = Inks(INK, QUIET, LINE, BARS, "#ffffff")
DARK = Inks("#f1f3f4", "#b4b9be", "#5f6368", "#4a4e53", "#16181a")


def inks_of(axes: "Axes") -> Inks:
    """Return the inks for the background of the axes, which is dark in a dark style."""
    from matplotlib.colors import to_rgba

    paper = axes.get_facecolor()
    return _inks_on(paper if to_rgba(paper)[3] > 0 or axes.figure is None else axes.figure.get_facecolor())


def _inks_on(paper: Any) -> Inks:
    return LIGHT if _luminance(paper) > _LIGHT_PAPER else DARK


def _luminance(color: Any) -> float:
    """Return the luminance of a color (ITU-R BT.709)."""
    from matplotlib.colors import to_rgb

    return float(np.dot((0.2126, 0.7152, 0.0722), to_rgb(color)))


def new_axes(width: float = 6.4, height: float = 4.8) -> "Axes":
    """Return axes of a new pyplot figure, which ``plt.show()`` and notebooks show."""
    return shown_figure(width, height).add_subplot()


def shown_figure(width: float, height: float) -> "Figure":
    """Return a new pyplot figure."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingDependencyError("matplotlib", "plots", "Drawing figures") from error
    return plt.figure(figsize=(width, height), layout="constrained")


def quiet_axes(axes: "Axes") -> Inks:
    """Draw light ticks, and spines only on the left and at the bottom; return the inks."""
    inks = inks_of(axes)
    axes.tick_params(colors=inks.quiet, labelcolor=inks.quiet, labelsize=10, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(inks.line)
    for words in (axes.xaxis.label, axes.yaxis.label, axes.title):
        words.set_color(inks.ink)
    return inks


def new_figure(width: float, height: float) -> "Figure":
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("matplotlib", "plots", "Drawing figures") from error
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def write_title(figure: "Figure", title: str, subtitle: str, left: float) -> None:
    height, inks = figure.get_size_inches()[1], _inks_on(figure.get_facecolor())
    figure.text(left, 1 - 0.42 / height, as_written(title), color=inks.ink, fontsize=16, fontweight="bold", va="center")
    figure.text(left, 1 - 0.75 / height, subtitle, color=inks.quiet, fontsize=10, va="center")


def axes_in_line(figure: "Figure", top: float, height: float, places: int) -> list["Axes"]:
    """Return axes side by side across the figure; ``top`` and ``height`` are in inches."""
    whole_width, whole_height = figure.get_size_inches()
    width = (whole_width - 2 * MARGIN - (places - 1) * GAP) / places
    line = []
    for place in range(places):
        left = MARGIN + place * (width + GAP)
        box = (left / whole_width, 1 - (top + height) / whole_height, width / whole_width, height / whole_height)
        axes = figure.add_axes(box)
        axes.tick_params(colors=QUIET, labelsize=9.5, length=3)
        for spine in axes.spines.values():
            spine.set_color(LINE)
        line.append(axes)
    return line


def name_axes(axes: "Axes", text: str, indent: float = 0) -> None:
    """Write a name above axes, ``indent`` points from their left edge."""
    axes.annotate(
        as_written(text), (0, 1), xycoords="axes fraction", xytext=(indent, 6), textcoords="offset points",
        color=INK, fontsize=11,
    )  # fmt: skip


def shown_step(pixels: Rows) -> int:
    """Return the step at which rows and columns of a picture are shown."""
    return max(1, -(-max(pixels.shape[:2]) // _SHOWN_PIXELS))


def show_picture(axes: "Axes", pixels: Rows, **options: Any) -> None:
    step = shown_step(pixels)
    gray = {"cmap": "gray", "vmin": 0, "vmax": 255} if pixels.ndim == 2 else {}
    axes.imshow(pixels[::step, ::step], interpolation="antialiased", **{**gray, **options})
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_densities(axes: "Axes", grid: FloatArray, densities: FloatArray, upright: bool = False) -> None:
    from matplotlib.collections import PolyCollection

    inks = inks_of(axes)
    colors = [color_of(component, inks) for component in range(len(densities))]
    curves = []
    for density, color in zip(densities, colors, strict=True):
        seen = density > 1e-4 * densities.max()  # tails would cover each other
        curve = np.column_stack([grid, density])[seen]
        curves.append(np.concatenate([[[grid[seen][0], 0.0]], curve, [[grid[seen][-1], 0.0]]]) if seen.any() else curve)
        line = np.column_stack([grid, np.where(seen, density, np.nan)])
        axes.plot(*(line[:, ::-1] if upright else line).T, color=color, linewidth=1.7, zorder=3)
    areas = [curve[:, ::-1] if upright else curve for curve in curves]
    axes.add_collection(PolyCollection(areas, facecolors=colors, alpha=0.22, linewidths=0, zorder=2), autolim=False)


def words_on(color: str) -> str:
    """Return black or white, whichever is readable on the color."""
    return "black" if _luminance(color) > _BRIGHT else "white"


def as_written(name: str) -> str:
    """Escape a name so that matplotlib does not parse it as a formula."""
    return name.replace("$", r"\$")


def color_of(component: int, inks: Inks = LIGHT) -> str:
    """Return the color of a component, gray for noise; on a dark background black becomes white and blue brighter."""
    if component == NOISE:
        return inks.quiet
    color = PALETTE[component % len(PALETTE)]
    return {"#000000": inks.ink, "#0072B2": "#2f8ad0"}.get(color, color) if inks is DARK else color
