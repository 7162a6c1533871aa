"""``gaussmix classify``."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import RenderableType
from rich.text import Text

from gaussmix.cli.console import command, print_text
from gaussmix.cli.options import (
    HeaderFlag,
    NoHeaderFlag,
    SeedOption,
    TablePath,
    header_given,
    options_given,
)
from gaussmix.cli.outputs import check_output
from gaussmix.cli.summary import new_table, print_apart
from gaussmix.cli.table_input import ColumnsOption, WeightsOption, as_frame, read_rows
from gaussmix.core.text import Entry, counted, entry_grid, printable
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.tables import column_names, read_labels


@command
def classify(
    table: TablePath,
    label: Annotated[
        str,
        typer.Option("--label", "-l", metavar="COLUMN", help="Column of classes; an empty cell or -1 is none."),
    ],
    components: Annotated[
        int | None,
        typer.Option("--components", "-k", min=1, help="Components of each class; chosen if not given."),
    ] = None,
    covariance_type: Annotated[
        str | None, typer.Option(metavar="STRUCTURE", help="Covariance structure, EII to VVV; chosen if not given.")
    ] = None,
    selection: Annotated[
        str | None, typer.Option(metavar="cv|bic", help="What chooses: held-out rows (cv, the default) or BIC.")
    ] = None,
    seed: SeedOption = 0,
    columns: ColumnsOption = None,
    weights: WeightsOption = None,
    header: HeaderFlag = False,
    no_header: NoHeaderFlag = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the model to this file (JSON).")] = None,
) -> None:
    """Fit a classifier to a table with classes, cross-validate it and write the model."""
    check_output(output, table)
    names, _ = column_names(table, header=header_given(header, no_header))
    labels = read_labels(table, label, header=header_given(header, no_header))
    if columns is None:
        quoted = (name.replace('"', '""') for name in names if name not in (label, weights))
        columns = ",".join(f'"{name}"' for name in quoted)
    rows = read_rows(table, columns, weights, header_given(header, no_header), allow_missing=False)
    from gaussmix.estimators import GaussianMixtureClassifier

    options: dict[str, Any] = options_given(
        n_components=components, covariance_type=covariance_type, selection=selection
    )
    classifier = GaussianMixtureClassifier(random_state=seed, calibrate=True, **options)
    classifier.fit(as_frame(rows), labels, sample_weight=rows.weights)
    report = classifier.report()
    table_of_rows = report.confusion()
    n_known = sum(value is not None and value != -1 for value in labels)
    entries = [
        Entry(
            "rows",
            f"{rows.n_rows:,}, {n_known:,} with a label, {counted(len(classifier.classes_), 'class')}",
        )
    ]
    parts: list[RenderableType] = []
    if table_of_rows is not None:
        parts.append(_confusion(table_of_rows, classifier.classes_))
    try:
        if output is not None:
            model = classifier.classifier_
            replace(model, mixture=replace(model.mixture, feature_names=rows.names)).save(output)
            entries.append(Entry("model", str(output)))
    finally:  # the fit is done: it is shown even if it cannot be written
        print_text(f"{report}\n\n")  # its lines are not wrapped
        print_apart(*parts, entry_grid(entries))


def _confusion(counts: FloatArray, classes: Rows) -> RenderableType:
    """Return the numbers of held-out rows by true and predicted class."""
    table = new_table("true class", *(f"predicted {printable(str(label))}" for label in classes))
    for name, line in zip(classes, counts, strict=True):
        table.add_row(Text(printable(str(name))), *(f"{count:g}" for count in np.round(line, 6)))
    return table
