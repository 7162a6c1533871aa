"""Animation of EM as a GIF or an HTML page."""

import base64
import io
import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from os import PathLike, fspath
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.model_input import rows_of
from gaussmix.core.output_files import complete_file
from gaussmix.core.typing import ArrayLike
from gaussmix.diagnostics.em_trace import EMTrace
from gaussmix.plots.components import (
    draw_center,
    draw_ellipses,
    draw_rows,
    drawn_components,
    radii_of_each,
    size_of_points,
)
from gaussmix.plots.drawing import as_written, new_axes, new_figure, quiet_axes
from gaussmix.plots.geometry import ellipse, view_range
from gaussmix.plots.inputs import chosen_rows, feature_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 1_000
"""Greatest number of rows in a frame; of more rows a random sample is drawn."""

MASSES = (0.5, 0.95)
"""Shares of a component that its two ellipses contain."""

_SIZE, _DPI = (6.0, 5.0), 100  # inches
_PER_SECOND = 2  # frames
_HELD = 4  # duration of the last frame, in frames
_COLORS = 128  # number of colors of a frame in an HTML page


class EMAnimation:
    """Animation of EM in two features, with a frame for each E-step and each M-step.

    In the E-step, rows get the color of their most probable component; less certain rows are fainter. The M-step moves
    the components. Ellipses contain 50 % and 95 % of each component.

    Parameters
    ----------
    trace : EMTrace
        Result of `gaussmix.trace_em`.
    X : (n, d) array-like
        The rows of the trace; at most 1,000 of them, chosen at random, are drawn.
    features : two positions or names, optional
        Features to show; by default the first two.

    Attributes
    ----------
    trace : EMTrace
        The trace.
    rows : (r, 2) array
        Values of the two features for the drawn rows.
    responsibilities : (m, r, k) array
        Responsibilities of these rows after each E-step, given all features.
    names : list of two str
        Names of the features.
    n_frames : int
        Number of frames: 2 m + 1 for m passes, for the start and the E-step and M-step of each pass.

    Examples
    --------
    >>> from gaussmix import Mixture, trace_em
    >>> from gaussmix.datasets import load_old_faithful
    >>> from gaussmix.plots import EMAnimation
    >>> X, _ = load_old_faithful()
    >>> means, variances = [[2.0, 80.0], [4.5, 60.0]], [[1.0, 50.0], [1.0, 50.0]]
    >>> start = Mixture.from_parameters([0.5, 0.5], means, variances, covariance_type="diag")
    >>> animation = EMAnimation(trace_em(X, start, n_iter=3), X)
    >>> animation.n_frames
    7
    >>> animation.title(6)
    'Pass 3, M-step: log-likelihood -4.326'
    """

    @underflow_to_zero
    def __init__(self, trace: EMTrace, X: ArrayLike, *, features: Sequence[int | str] = (0, 1)) -> None:
        start = trace.mixtures[0]
        if start.n_features == 1:
            raise ValueError("the mixture has one feature; the animation requires at least two")
        rows = rows_of(start, X)
        rows = np.asarray(rows[chosen_rows(len(rows), MOST_ROWS)], dtype=np.float64)
        positions = start.positions(features)
        if len(positions) != 2:
            raise ValueError(f"features must be two positions or names; got {list(features)}")
        self.trace = trace
        self.rows = rows[:, positions]
        self.responsibilities = np.stack([mixture.responsibilities(rows) for mixture in trace.mixtures[:-1]])
        self.names = feature_names(start, positions)
        self.n_frames = 2 * trace.n_iter + 1
        self._shown = [mixture.marginal(positions) for mixture in trace.mixtures]
        self._view = [view_range(column) for column in self.rows.T]

    def title(self, frame: int) -> str:
        """Return the title of a frame.

        Parameters
        ----------
        frame : int
            Number of the frame, as for `draw`.

        Returns
        -------
        str
            Title with the step and the log-likelihood of its mixture, in nats per row.
        """
        step = f"Pass {(frame + 1) // 2}, {'E' if frame % 2 else 'M'}-step" if frame else "Start"
        return f"{step}: log-likelihood {self.trace.log_likelihood[frame // 2]:.3f}"

    @underflow_to_zero
    def draw(self, frame: int, ax: "Axes | None" = None) -> "Axes":
        """Draw a frame.

        Parameters
        ----------
        frame : int
            Number of the frame: 0 is the start, 2 t - 1 the E-step and 2 t the M-step of pass t.
        ax : matplotlib Axes, optional
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        matplotlib Axes
            Axes of the frame.
        """
        if not 0 <= frame < self.n_frames:
            raise ValueError(f"frame must be 0 to {self.n_frames - 1}, got {frame}")
        ax = new_axes(*_SIZE) if ax is None else ax
        inks = quiet_axes(ax)
        ax.set(xlim=self._view[0], ylim=self._view[1])
        ax.set_xlabel(as_written(self.names[0]), color=inks.ink)
        ax.set_ylabel(as_written(self.names[1]), color=inks.ink)
        ax.set_title(self.title(frame), loc="left", color=inks.ink, fontsize=11)
        mixture = self._shown[frame // 2]
        if frame == 0:
            size = size_of_points(len(self.rows))
            ax.scatter(self.rows[:, 0], self.rows[:, 1], color=inks.quiet, alpha=0.6, s=size, linewidths=0, zorder=2)
        else:
            responsibilities = self.responsibilities[(frame - 1) // 2]
            labels, certainty = responsibilities.argmax(axis=1), responsibilities.max(axis=1)
            draw_rows(ax, self.rows, labels, certainty, mixture.n_components, inks)
        shapes = zip(mixture.means, mixture.covariance.dense(), radii_of_each(mixture, MASSES), strict=True)
        ellipses = np.array([[ellipse(mean, matrix, radius) for radius in radii] for mean, matrix, radii in shapes])
        drawn = drawn_components(mixture)
        draw_ellipses(ax, ellipses, drawn, inks)
        for component in drawn:
            draw_center(ax, component, mixture.means[component], inks)
        return ax

    @underflow_to_zero
    def save(self, path: str | PathLike[str]) -> None:
        """Write the animation to a file.

        Parameters
        ----------
        path : str or path
            Path that ends in ``.gif``, or in ``.html`` for a self-contained page with buttons.
        """
        kind = Path(path).suffix.lower()
        if kind == ".gif":
            with complete_file(path) as partial:
                self._write_gif(fspath(partial))
        elif kind == ".html":
            page = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>EM</title></head><body>\n'
            with complete_file(path) as partial:
                partial.write_text(f"{page}{self._repr_html_()}</body></html>\n", encoding="utf-8")
        else:
            raise ValueError(f"path must end in .gif or .html, got {fspath(path)!r}")

    def _repr_html_(self) -> str:
        """Return a player with buttons, for notebooks."""
        frames = [base64.b64encode(picture).decode("ascii") for picture in self._pictures()]
        return Template(files(__package__).joinpath("player.html").read_text("utf-8")).substitute(
            width=round(_SIZE[0] * _DPI),
            first=frames[0],
            last=len(frames) - 1,
            frames=json.dumps(frames),
            milliseconds=1000 // _PER_SECOND,
            alt=f"EM in {self.trace.n_iter} passes",
        )

    def _figures(self) -> Iterator["Figure"]:
        """Yield the same figure for each frame."""
        figure = new_figure(*_SIZE)
        figure.set_dpi(_DPI)
        axes = figure.add_subplot()
        figure.set_facecolor(axes.get_facecolor())  # of the style, which may be dark
        for frame in range(self.n_frames):
            axes.clear()
            self.draw(frame, axes)
            if frame == 0:
                figure.tight_layout()
            yield figure

    def _pictures(self) -> Iterator[bytes]:
        """Yield the frames as PNG files with few colors, which are a third of the size."""
        from PIL import Image

        size = round(_DPI * _SIZE[0]), round(_DPI * _SIZE[1])
        for figure in self._figures():
            raw, png = io.BytesIO(), io.BytesIO()
            figure.savefig(raw, format="rgba", dpi=_DPI)
            pixels = Image.frombytes("RGBA", size, raw.getvalue()).convert("RGB")
            pixels.quantize(_COLORS, dither=Image.Dither.NONE).save(png, format="png", optimize=True)
            yield png.getvalue()

    def _write_gif(self, path: str) -> None:
        from matplotlib.animation import PillowWriter

        writer = PillowWriter(fps=_PER_SECOND)
        figures = self._figures()
        figure = next(figures)
        with writer.saving(figure, path, _DPI):
            writer.grab_frame()
            for _ in figures:
                writer.grab_frame()
            for _ in range(_HELD - 1):
                writer.grab_frame()
