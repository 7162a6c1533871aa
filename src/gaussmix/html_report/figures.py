"""The pictures of the page: figures of `gaussmix.plots` as PNG within the file."""

from collections.abc import Callable
from typing import Any

from gaussmix.core.text import counted
from gaussmix.html_report.elements import Markup, picture
from gaussmix.html_report.model_and_rows import ModelAndRows
from gaussmix.html_report.row_scores import CERTAINTIES, RowScores
from gaussmix.plots import CriterionDisplay, HistogramDisplay, MixtureDisplay, PairsDisplay, ResponsibilityDisplay
from gaussmix.plots.output import png_of
from gaussmix.selection.rendering import CRITERION_NAMES

MOST_PAIRED = 4
"""Of more features, those are shown in pairs that tell components apart most."""

_PIXELS = 96  # CSS pixels in an inch


def of_mixture(subject: ModelAndRows) -> Markup:
    """The mixture and the rows, in all features or in those that tell components apart most."""
    mixture, rows, names = subject.mixture, subject.rows.positive().values, subject.names
    what = counted(mixture.n_components, "component")
    if mixture.n_features == 1:
        return _drawn(
            lambda figure: HistogramDisplay.from_estimator(mixture, rows, ax=figure.add_subplot()),
            (8.0, 4.4),
            f"Histogram of {names[0]} with the density of the mixture and of its {what}",
            "Bars: the rows. Curves: each component, and their sum.",
        )
    if mixture.n_features == 2:
        return _drawn(
            lambda figure: MixtureDisplay.from_estimator(mixture, rows, ax=figure.add_subplot()),
            (8.0, 6.4),
            f"Scatter plot of {names[1]} over {names[0]} with {what}, their ellipses, density and boundaries",
            "A row has the color of its most probable component, and is the fainter the less sure that is. Ellipses "
            "and shades hold the shares written on them, of their component and of the mixture; on dashed lines two "
            "components are equally probable.",
        )
    shown = subject.most_separate(MOST_PAIRED)
    size = 2.4 * len(shown)
    caption = "Below the diagonal rows, and ellipses that hold 95 % of each component; above it the density."
    if len(shown) < mixture.n_features:
        caption = f"The {len(shown)} of {mixture.n_features} features that tell the components apart most. {caption}"
    return _drawn(
        lambda figure: PairsDisplay.from_estimator(mixture, rows, features=shown, figure=figure),
        (size, 0.9 * size),
        f"All pairs of {', '.join(names[at] for at in shown)}: rows, ellipses of {what}; on the diagonal histograms",
        caption,
    )


def of_certainty(subject: ModelAndRows, seen: RowScores) -> Markup:
    """The responsibilities of all rows."""
    mixture, rows, threshold = subject.mixture, subject.rows.positive().values, CERTAINTIES[1]
    return _drawn(
        lambda figure: ResponsibilityDisplay.from_estimator(
            mixture, rows, threshold=threshold, ax=figure.add_subplot()
        ),
        (9.0, 2.8),
        f"Responsibilities of {seen.n_rows:,} rows, sorted by their most probable component and by its probability",
        "Rows side by side, by component, the surest first; the probabilities of the components are stacked. Marked "
        f"below: rows whose most probable component has less than {threshold:.0%}.",
    )


def of_criterion(search: Any) -> Markup:
    """The criterion by number of components and structure."""
    name = CRITERION_NAMES[search.results_.criterion]
    return _drawn(
        lambda figure: CriterionDisplay.from_estimator(search, ax=figure.add_subplot()),
        (8.0, 4.8),
        f"{name} over the number of components, a line for each structure: {search.reason_}",
        "Lower is better. The numbers are in the last table.",
    )


def _drawn(draw: Callable[[Any], object], size: tuple[float, float], alt: str, caption: str) -> Markup:
    """A figure of a size in inches."""
    width, height = size
    return picture(png_of(draw, width, height), alt, caption, width * _PIXELS, height * _PIXELS)
