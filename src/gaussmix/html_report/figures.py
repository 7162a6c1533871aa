"""Figures of the report: displays of `gaussmix.plots`, embedded as PNG."""

from collections.abc import Callable
from typing import Any

from gaussmix.core.markup import Markup
from gaussmix.core.text import counted
from gaussmix.html_report.elements import picture
from gaussmix.html_report.model_and_rows import ModelAndRows
from gaussmix.html_report.row_scores import CERTAINTIES, RowScores
from gaussmix.plots import CriterionDisplay, HistogramDisplay, MixtureDisplay, PairsDisplay, ResponsibilityDisplay
from gaussmix.plots.output import png_of
from gaussmix.selection.rendering import CRITERION_NAMES

MOST_PAIRED = 4
"""Greatest number of features in a figure; of more, those that separate the components best are shown."""

_PIXELS = 96  # CSS pixels in an inch


def mixture_figure(data: ModelAndRows) -> Markup:
    """Draw the mixture and the rows in all features, or in those that separate the components best."""
    mixture, rows, names = data.mixture, data.rows.positive().values, data.names
    components = counted(mixture.n_components, "component")
    if mixture.n_features == 1:
        return _figure(
            lambda figure: HistogramDisplay.from_estimator(mixture, rows, ax=figure.add_subplot()),
            (8.0, 4.4),
            f"Histogram of {names[0]} with the density of the mixture and of its {components}",
            "Bars: rows. Curves: components and their sum.",
        )
    if mixture.n_features == 2:
        return _figure(
            lambda figure: MixtureDisplay.from_estimator(mixture, rows, ax=figure.add_subplot()),
            (8.0, 6.4),
            f"Scatter plot of {names[1]} over {names[0]} with {components}, their ellipses, density and boundaries",
            "Each row has the color of its most probable component; less certain rows are fainter. Ellipses contain "
            "the labeled share of their component, shades the labeled share of the mixture. On dashed lines, two "
            "components are equally probable.",
        )
    shown = data.separating_features(MOST_PAIRED)
    size = 2.4 * len(shown)
    caption = "Below the diagonal: rows, and ellipses that contain 95 % of each component. Above it: the density."
    if len(shown) < mixture.n_features:
        caption = f"The {len(shown)} of {mixture.n_features} features that separate the components best. {caption}"
    return _figure(
        lambda figure: PairsDisplay.from_estimator(mixture, rows, features=shown, figure=figure),
        (size, 0.9 * size),
        f"Pairs of {', '.join(names[at] for at in shown)}: rows and ellipses of {components}; histograms on the "
        "diagonal",
        caption,
    )


def certainty_figure(data: ModelAndRows, scores: RowScores) -> Markup:
    """Draw the responsibilities of all rows."""
    mixture, rows, threshold = data.mixture, data.rows.positive().values, CERTAINTIES[1]
    return _figure(
        lambda figure: ResponsibilityDisplay.from_estimator(
            mixture, rows, threshold=threshold, ax=figure.add_subplot()
        ),
        (9.0, 2.8),
        f"Responsibilities of {scores.n_rows:,} rows, sorted by their most probable component and its probability",
        "Rows are placed side by side, grouped by most probable component and sorted by its probability; the "
        "probabilities of the components are stacked. Rows whose most probable component has a probability below "
        f"{threshold:.0%} are marked below.",
    )


def criterion_figure(search: Any) -> Markup:
    """Draw the criterion by number of components and covariance structure."""
    name = CRITERION_NAMES[search.results_.criterion]
    return _figure(
        lambda figure: CriterionDisplay.from_estimator(search, ax=figure.add_subplot()),
        (8.0, 4.8),
        f"{name} by number of components, one line for each covariance structure: {search.reason_}",
        "Lower is better. The last table of this section has the numbers.",
    )


def _figure(draw: Callable[[Any], object], size: tuple[float, float], alt: str, caption: str) -> Markup:
    """Draw a figure of the given size in inches."""
    width, height = size
    return picture(png_of(draw, width, height), alt, caption, width * _PIXELS, height * _PIXELS)
