"""``gaussmix predict``, ``gaussmix score`` and ``gaussmix sample``."""

import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from gaussmix.cli.console import command, print_text
from gaussmix.cli.kept_columns import JoinFlag, KeepOption, joined
from gaussmix.cli.options import HeaderFlag, ModelPath, NoHeaderFlag, TablePath, flag, header_given
from gaussmix.cli.outputs import check_output
from gaussmix.cli.summary import print_apart
from gaussmix.cli.table_input import read_features
from gaussmix.core.classifier_file import has_classes
from gaussmix.core.mixture import Mixture
from gaussmix.core.text import Entry, entry_grid
from gaussmix.core.typing import Rows
from gaussmix.tables import table_as_csv, write_table

TableOutput = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Write to this .csv, .parquet or .npy file instead of the terminal."),
]


@command
def predict(
    model: ModelPath,
    table: TablePath,
    proba: Annotated[
        bool, flag("--proba", help="Add columns p0, p1, ... with the probability of each component, or p_CLASS.")
    ] = False,
    keep: KeepOption = None,
    join: JoinFlag = False,
    header: HeaderFlag = False,
    no_header: NoHeaderFlag = False,
    output: TableOutput = None,
) -> None:
    """Print the most probable component of each row, -1 for noise, or its class with a model of `classify`.

    The CSV column is `label`.
    """
    check_output(output, model, table, table=True)
    mixture, named = Mixture.load(model), header_given(header, no_header)
    is_classifier = has_classes(model)
    rows = read_features(mixture, table, header=named, allow_missing=not is_classifier)
    if is_classifier:
        _write(joined(_classes(model, rows, proba=proba), table, keep, join, output, named), output)
        return
    columns: dict[str, Rows] = {"label": mixture.labels(rows)}
    if proba:
        names = [*(f"p{component}" for component in range(mixture.n_components)), "p_noise"]
        columns |= dict(zip(names, mixture.responsibilities(rows).T, strict=False))
    _write(joined(columns, table, keep, join, output, named), output)


@command
def score(
    model: ModelPath,
    table: TablePath,
    keep: KeepOption = None,
    join: JoinFlag = False,
    header: HeaderFlag = False,
    no_header: NoHeaderFlag = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the log density of each row to this file (column `log_density`)."),
    ] = None,
) -> None:
    """Print the log-likelihood and the BIC of a model for a table."""
    check_output(output, model, table, table=True)
    if output is None and (keep is not None or join):
        raise ValueError("--keep and --join need --output: the columns are written beside the log densities")
    mixture, named = Mixture.load(model), header_given(header, no_header)
    rows = read_features(mixture, table, header=named)
    log_density = mixture.log_density(rows)
    total, empty = math.fsum(log_density), int(np.isnan(rows).all(axis=1).sum())
    n = len(rows) - empty
    if not n:
        raise ValueError(f"{table} has no value in the columns of the model: there is nothing to score")
    bic = -2 * total + mixture.n_parameters * math.log(n)
    lines = [
        Entry("rows", f"{len(rows):,}" + (f" ({empty:,} without any value, not counted)" if empty else "")),
        Entry("log-likelihood", f"{total:.4f} ({total / n:.6f} per row)"),
        Entry("BIC", f"{bic:.3f} (lower is better)"),
    ]
    print_apart(entry_grid(lines))
    if output is not None:
        _write(joined({"log_density": log_density}, table, keep, join, output, named), output)


@command
def sample(
    model: ModelPath,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of rows.")] = 1,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Seed; the same seed gives the same rows.")
    ] = None,
    labels: Annotated[bool, flag("--labels", help="Add a column `label` with the component of each row.")] = False,
    output: TableOutput = None,
) -> None:
    """Draw rows from a model."""
    check_output(output, model, table=True)
    mixture = Mixture.load(model)
    if labels and "label" in mixture.names:
        raise ValueError(f"{model} has a feature named 'label'; omit --labels")
    rows, drawn = mixture.sample(n, seed)
    columns: dict[str, Rows] = dict(zip(mixture.names, rows.T, strict=True))
    if labels:
        columns["label"] = drawn
    _write(columns, output)


def _classes(model: Path, rows: Rows, *, proba: bool) -> dict[str, Rows]:
    from gaussmix.classification import MixtureClassifier

    classifier = MixtureClassifier.load(model)
    shares = classifier.predict_proba(rows)
    columns: dict[str, Rows] = {"label": classifier.classes[shares.argmax(axis=1)]}
    if proba:
        columns |= {f"p_{label}": line for label, line in zip(classifier.classes, shares.T, strict=True)}
    return columns


def _write(columns: dict[str, Any], output: Path | None) -> None:
    if output is None:
        print_text(table_as_csv(columns))
        return
    write_table(output, columns)
