"""The pictures of the page: figures of `gaussmix.plots` as PNG within the file."""

from typing import Any

from gaussmix.page.html import Markup, picture
from gaussmix.page.rows_seen import CERTAINTIES, RowsSeen
from gaussmix.page.subject import Subject
from gaussmix.plots import MixtureDisplay
from gaussmix.plots.inline import png_of

try:
    from gaussmix.plots import CriterionDisplay, HistogramDisplay, PairsDisplay, ResponsibilityDisplay
except ImportError:
    HistogramDisplay = PairsDisplay = CriterionDisplay = ResponsibilityDisplay = None

MOST_PAIRED = 4
"""Of more features, those are shown in pairs that tell components apart most."""

_PIXELS = 96  # CSS pixels in an inch


def of_mixture(subject: Subject) -> Markup:
    """The mixture and the rows, in all features or in those that tell components apart most."""
    mixture, rows, names = subject.mixture, subject.rows, subject.names
    what = f"{mixture.n_components} components"
    match mixture.n_features:
        case 1:
            png = png_of(
                lambda figure: HistogramDisplay.from_estimator(mixture, rows, ax=figure.add_subplot()), 8.0, 4.4
            )
            alt = f"Histogram of {names[0]} with the density of the mixture and of its {what}"
            return picture(
                png, alt, "Bars: the rows. Curves: each component, and their sum.", 8.0 * _PIXELS, 4.4 * _PIXELS
            )
        case 2:
            png = png_of(lambda figure: MixtureDisplay.from_estimator(mixture, rows, ax=figure.add_subplot()), 8.0, 6.4)
            alt = f"Scatter plot of {names[1]} over {names[0]} with {what}, their ellipses, density and boundaries"
            caption = (
                "A row has the color of its most probable component, and is the fainter the less sure that is. "
                "Ellipses and shades hold the shares written on them, of their component and of the mixture; on dashed "
                "lines two components are equally probable."
            )
            return picture(png, alt, caption, 8.0 * _PIXELS, 6.4 * _PIXELS)
    shown = subject.most_separate(MOST_PAIRED)
    size = 2.4 * len(shown)
    png = png_of(
        lambda figure: PairsDisplay.from_estimator(mixture, rows, features=shown, figure=figure), size, 0.9 * size
    )
    listed = ", ".join(names[at] for at in shown)
    alt = f"All pairs of the features {listed}: rows, and ellipses of {what}; on the diagonal their histograms"
    caption = "Below the diagonal rows, and ellipses that hold 95 % of each component; above it the density."
    if len(shown) < mixture.n_features:
        caption = f"The {len(shown)} of {mixture.n_features} features that tell the components apart most. {caption}"
    return picture(png, alt, caption, size * _PIXELS, 0.9 * size * _PIXELS)


def of_certainty(subject: Subject, seen: RowsSeen) -> Markup:
    """The responsibilities of all rows."""
    threshold = CERTAINTIES[1]
    png = png_of(
        lambda figure: ResponsibilityDisplay.from_estimator(
            subject.mixture, subject.rows, threshold=threshold, ax=figure.add_subplot()
        ),
        9.0,
        3.6,
    )
    alt = f"The responsibilities of {seen.n_rows:,} rows, sorted by their most probable component and by certainty"
    caption = (
        "Rows side by side, by component, the surest first; the probabilities of the components are stacked. "
        f"Marked below: rows of no component by {threshold:.0%}."
    )
    return picture(png, alt, caption, 9.0 * _PIXELS, 3.6 * _PIXELS)


def of_criterion(search: Any) -> Markup:
    """The criterion by number of components and structure."""
    png = png_of(lambda figure: CriterionDisplay.from_estimator(search, ax=figure.add_subplot()), 8.0, 4.8)
    table = search.results_
    alt = f"{table.criterion.upper()} over the number of components, a line for each structure; {search.reason_}"
    return picture(
        png, alt, "Lower is better. What the numbers are is in the table below.", 8.0 * _PIXELS, 4.8 * _PIXELS
    )
