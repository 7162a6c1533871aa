"""Figures of a model: one feature, two features, or all pairs of features."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.text import counted
from gaussmix.core.typing import ArrayLike
from gaussmix.plots.drawing import DARK, LIGHT, Inks, as_written, new_figure, write_title
from gaussmix.plots.histogram import HistogramDisplay
from gaussmix.plots.mixture import MixtureDisplay
from gaussmix.plots.pairs import PairsDisplay

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TITLED = 1.0  # inches for the title above the axes


@underflow_to_zero
def model_figure(
    mixture: Mixture,
    X: ArrayLike | None = None,
    *,
    features: Sequence[int | str] | None = None,
    title: str | None = None,
    dark: bool = False,
) -> "Figure":
    """Draw one feature as `HistogramDisplay`, two as `scatter_figure`, and more as `PairsDisplay`.

    Parameters
    ----------
    mixture : Mixture
        Mixture with any number of features.
    X : (n, d) array-like, optional
        Rows with all features of the mixture.
    features : positions or names, optional
        Features to show; by default all.
    title : str, optional
        Title; by default the numbers of components and rows.
    dark : bool, default=False
        Whether the background is dark.

    Returns
    -------
    matplotlib.figure.Figure
        Figure independent of pyplot, for `write_figure`.
    """
    chosen = list(range(mixture.n_features)) if features is None else list(features)
    if len(chosen) == 2:
        return scatter_figure(mixture, X, features=chosen, title=title, dark=dark)
    n = len(chosen)
    figure = _paper(7.2, 4.6, dark) if n == 1 else _paper(1.2 + 1.8 * n, 1.0 + 1.6 * n + _TITLED, dark)
    from matplotlib import rc_context

    width, height = figure.get_size_inches()
    figure.set_layout_engine("constrained", rect=(0.01, 0.01, 0.98, 0.99 - _TITLED / height))
    if n == 1:
        HistogramDisplay.from_estimator(mixture, X, feature=chosen[0], ax=figure.add_subplot(facecolor="none"))
        subtitle = "Bars: rows. Curves: components, and their sum (dashed)."
    else:
        with rc_context({"axes.facecolor": "none"}):  # transparent
            PairsDisplay.from_estimator(mixture, X, features=chosen, figure=figure)
        subtitle = "Ellipses contain 95 % of each component. Above the diagonal: the density of the mixture."
    write_title(figure, title or _default_title(mixture, X), subtitle, left=0.25 / width)
    return figure


@underflow_to_zero
def scatter_figure(
    mixture: Mixture,
    X: ArrayLike | None = None,
    *,
    features: Sequence[int | str] = (0, 1),
    title: str | None = None,
    labels: tuple[str, str] | None = None,
    dark: bool = False,
) -> "Figure":
    """Draw two features as a `MixtureDisplay` with a `HistogramDisplay` on two sides.

    Parameters
    ----------
    mixture : Mixture
        Mixture with two or more features.
    X : (n, d) array-like, optional
        Rows with all features of the mixture.
    features : two positions or names, default=(0, 1)
        Features to show.
    title : str, optional
        Title; by default the numbers of components and rows.
    labels : two str, optional
        Labels of the axes; by default the names of the features.
    dark : bool, default=False
        Whether the background is dark.

    Returns
    -------
    matplotlib.figure.Figure
        Figure for `write_figure`.
    """
    figure = _paper(8.4, 7.4, dark)
    grid = figure.add_gridspec(
        2, 2, width_ratios=(5, 1), height_ratios=(1, 5), wspace=0.03, hspace=0.03,
        left=0.095, right=0.975, bottom=0.085, top=0.875,
    )  # fmt: skip
    main = figure.add_subplot(grid[1, 0], facecolor="none")
    display = MixtureDisplay.from_estimator(mixture, X, features=features, ax=main)
    for number, (position, place) in enumerate(zip(mixture.positions(features), (grid[0, 0], grid[1, 1]), strict=True)):
        margin = figure.add_subplot(place, facecolor="none")
        HistogramDisplay.from_estimator(mixture, X, feature=position, ax=margin, upright=number == 1, numbers=False)
        (margin.set_ylim if number else margin.set_xlim)(display.view[number])
        margin.set_axis_off()
    for name, axis in zip(labels or display.names, (main.xaxis, main.yaxis), strict=True):
        axis.set_label_text(as_written(name), fontsize=11.5)
    write_title(
        figure,
        title or _default_title(mixture, X),
        "Ellipses contain shares of each component, gray lines shares of the mixture. Dashed: decision boundaries.",
        left=0.095,
    )
    return figure


def _paper(width: float, height: float, dark: bool) -> "Figure":
    inks: Inks = DARK if dark else LIGHT
    figure = new_figure(width, height)
    figure.set_facecolor(inks.paper)
    return figure


def _default_title(mixture: Mixture, X: ArrayLike | None) -> str:
    rows = [] if X is None else [counted(len(np.asarray(X)), "row")]
    return ", ".join([counted(mixture.n_components, "component"), *rows])
