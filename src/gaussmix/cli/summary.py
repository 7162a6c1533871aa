"""Summaries of mixtures and segmentations as tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gaussmix.cli.console import results
from gaussmix.cli.table_input import as_frame
from gaussmix.core.component_means import format_means
from gaussmix.core.covariance import display_name
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.text import Entry, counted, printable
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.imaging import Segmentation

if TYPE_CHECKING:
    from gaussmix.estimators import GaussianMixture
    from gaussmix.fitting.search_result import TruncationReport

_CELL = 18  # characters of a mean with its standard deviation
_MOST_LINES = 60
_COLOR, _PAINTED = "mean color", "painted"  # not wrapped


def mixture_summary(mixture: Mixture, width: int | None = None) -> RenderableType:
    """Return weights, means and standard deviations of the components.

    Components are rows. If the features do not fit in the width, features are rows; if the components do not fit
    either, there are several tables, each with some of the features. At most 60 features are shown.
    """
    k, d = mixture.n_components, mixture.n_features
    cells = format_means(mixture)
    fits = max(1, ((width or results().width) - 20) // _CELL)
    shown = min(d, _MOST_LINES)
    weights = [f"{weight:.4f}" for weight in mixture.weights]
    tables = []
    if d > fits and k <= fits:
        table = new_table("", *(f"component {component}" for component in range(k)))
        table.add_row("weight", *weights, end_section=True)
        for feature in range(shown):
            table.add_row(Text(printable(mixture.names[feature])), *(line[feature] for line in cells))
        tables.append(table)
    else:
        for first in range(0, shown, fits):
            some = slice(first, min(first + fits, shown))
            table = new_table("component", "weight", *map(printable, mixture.names[some]))
            for component, line in enumerate(cells):
                table.add_row(str(component), weights[component], *line[some])
            tables.append(table)
    note = "" if shown == d else f" (the first {shown} of {d} columns)"
    if mixture.background is not None:
        note += f"; uniform noise has the weight {mixture.background.weight:.4f}"
    shown_as = "mean ± standard deviation" if mixture.degrees_of_freedom is None else "center ± root of the scale"
    return Group(*tables, Text(f"{shown_as}{note}", style="dim"))


def fit_summary(estimator: "GaussianMixture", rows: WeightedRows) -> list[Entry]:
    """Return the likelihood, the criteria and the stop reason of a fit to these rows."""
    weight = "" if rows.weights is None else f" (total weight {rows.total:g})"
    per_row, mixture = estimator.lower_bound_, estimator.mixture_
    trimmed, truncation = estimator.fit_result_.trimmed, estimator.fit_result_.truncation
    kept = rows.informative().total - (0 if trimmed is None else trimmed.weight)
    n_unsound, degrees = estimator.fit_result_.soundness.n_unsound, mixture.degrees_of_freedom
    tails = [] if degrees is None else [", ".join(f"{value:.4g}" for value in degrees) + " of freedom"]
    doubt = f"{n_unsound} of {counted(mixture.n_components, 'component')}: collapsed, empty, short of rows or spurious"
    return [
        *([Entry("doubtful", f"{doubt}; likelihood and criteria are not valid", flagged=True)] if n_unsound else []),
        Entry("rows", f"{rows.n_rows:,}{weight}"),
        Entry("covariances", display_name(mixture.covariance_type, mixture.n_features)),
        *(Entry("degrees", text) for text in tails),
        *([] if trimmed is None else [Entry("trimmed", f"{trimmed.weight:g} (share {trimmed.rule.share:g})")]),
        *([] if truncation is None else [Entry("truncation", _truncation(truncation, mixture.n_components))]),
        Entry("log-likelihood", f"{per_row * kept:.4f} ({per_row:.6f} per row)"),
        Entry("BIC", f"{estimator.bic(as_frame(rows), rows.weights):.3f} (lower is better)"),
        Entry("AIC", f"{estimator.aic(as_frame(rows), rows.weights):.3f} (lower is better)"),
        Entry("iterations", str(estimator.n_iter_)),
        Entry("why it stopped", estimator.stop_reason_),
    ]


def _truncation(truncation: "TruncationReport", n_components: int) -> str:
    """Return how many components each row kept, and what that lost."""
    if truncation.n_candidates >= n_components:
        return "all components in the end"
    return f"{truncation.n_candidates} of {n_components:,} components for each row; {truncation.lost:.1e} lost"


def segments_summary(
    segmentation: Segmentation, *, fractions: bool = False, painted: Rows | None = None
) -> RenderableType:
    """Return the pixel share and mean color of each class, and its volume for volumes in space.

    With fractions, shares and volumes are also computed from the sums of the fractions. ``painted`` has the colors in
    which known pixels of the first classes were painted.
    """
    picture, counts = segmentation.picture, [("", segmentation.counts)]
    if fractions:
        counts.append(
            (" by fractions", segmentation.fractions.reshape(-1, segmentation.n_classes).sum(axis=0, dtype=float))
        )
    columns = {
        f"share of pixels{by}": [f"{100 * share:.1f} %" for share in sizes / sizes.sum()] for by, sizes in counts
    }
    if picture.affine is not None:
        voxel = abs(float(np.linalg.det(picture.affine[:3, :3]))) / 1000
        columns |= {f"volume{by}": [f"{voxel * size:,.1f} ml" for size in sizes] for by, sizes in counts}
    table = new_table("segment", *([] if painted is None else [_PAINTED]), *columns, _COLOR)
    for segment, color in enumerate(segmentation.colors):
        seeds = [] if painted is None else [_swatch(painted[segment]) if segment < len(painted) else Text("-")]
        table.add_row(str(segment), *seeds, *(cells[segment] for cells in columns.values()), _swatch(color))
    return table


def files_summary(names: Sequence[str], shares: Sequence[FloatArray], colors: Sequence[Rows]) -> RenderableType:
    """Return the pixel share of each segment in each file, with its mean color."""
    k = max(len(share) for share in shares)
    table = new_table("% of pixels in segment", *map(str, range(k)))
    for name, line, palette in zip(names, shares, colors, strict=True):
        cells = [
            Text.assemble(("  ", f"on {_code(color)}"), f"{100 * share:5.1f}")
            for share, color in zip(line, palette, strict=True)
        ]
        table.add_row(Text(printable(name)), *cells)
    return table


def _swatch(color: Rows) -> Text:
    return Text.assemble(("      ", f"on {_code(color)}"), f" {_code(color)}")


def _code(color: Rows) -> str:
    return f"#{color[0]:02x}{color[1]:02x}{color[2]:02x}"


def print_apart(*parts: RenderableType) -> None:
    """Print the parts, separated by empty lines."""
    console = results()
    for number, part in enumerate(parts):
        if number:
            console.print()
        console.print(part)


def new_table(*columns: str) -> Table:
    """Return an empty table; all columns but the first are right-aligned."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, name in enumerate(columns):
        table.add_column(
            Text(name), justify="right" if position else "left", overflow="fold", no_wrap=name in (_COLOR, _PAINTED)
        )
    return table
