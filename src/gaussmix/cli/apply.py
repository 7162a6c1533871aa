"""``gaussmix predict``, ``gaussmix score`` and ``gaussmix sample``."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from gaussmix.cli.console import PROGRESS_AFTER, command, notes, print_text
from gaussmix.cli.kept_columns import JoinFlag, KeepOption, joined
from gaussmix.cli.options import HeaderFlag, MemoryLimit, ModelPath, NoHeaderFlag, TablePath, flag, header_given
from gaussmix.cli.outputs import check_output
from gaussmix.cli.summary import print_apart
from gaussmix.cli.table_input import limit_given, read_features
from gaussmix.core.classifier_file import has_classes
from gaussmix.core.file_pages import pieces, rows_of_piece
from gaussmix.core.mixture import Mixture
from gaussmix.core.progress import progress_bar
from gaussmix.core.text import Entry, entry_grid
from gaussmix.core.typing import Rows
from gaussmix.tables import size_in_memory, table_as_csv, write_parts, write_table

_ROWS_OF_PART = 1 << 18

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
    memory_limit: MemoryLimit = None,
    output: TableOutput = None,
) -> None:
    """Print the most probable component of each row, -1 for noise, or its class with a model of `classify`.

    The CSV column is `label`. A model of `fit --trim` has no record of what is trimmed, so all rows are labeled.
    """
    check_output(output, model, table, table=True)
    mixture, named = Mixture.load(model), header_given(header, no_header)
    is_classifier, limit = has_classes(model), limit_given(memory_limit)
    rows = read_features(mixture, table, header=named, allow_missing=not is_classifier, limit=limit)
    columns_of = _classes_by(model, proba=proba) if is_classifier else _labels_by(mixture, proba=proba)
    if size_in_memory(table) <= limit:
        _write(joined(columns_of(rows), table, keep, join, output, named), output)
        return
    if keep is not None or join:
        raise ValueError(f"{table} is read in pieces: leave out --keep and --join, or give a greater --memory-limit")
    _write_parts(columns_of, rows, output)


@command
def score(
    model: ModelPath,
    table: TablePath,
    keep: KeepOption = None,
    join: JoinFlag = False,
    header: HeaderFlag = False,
    no_header: NoHeaderFlag = False,
    memory_limit: MemoryLimit = None,
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
    rows = read_features(mixture, table, header=named, limit=limit_given(memory_limit))
    log_density = mixture.log_density(rows)
    empty = sum(int(np.isnan(piece).all(axis=1).sum()) for _, piece in pieces(rows, rows_of_piece(rows)))
    total = math.fsum(log_density)
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


def _labels_by(mixture: Mixture, *, proba: bool) -> Callable[[Rows], dict[str, Rows]]:
    """Return a function that returns the columns of the result for some rows."""
    names = [*(f"p{component}" for component in range(mixture.n_components)), "p_noise"]

    def columns_of(rows: Rows) -> dict[str, Rows]:
        shares = mixture.responsibilities(rows).T if proba else ()
        return {"label": mixture.labels(rows), **dict(zip(names, shares, strict=False))}

    return columns_of


def _classes_by(model: Path, *, proba: bool) -> Callable[[Rows], dict[str, Rows]]:
    """Return the same function for a model of classes."""
    from gaussmix.classification import MixtureClassifier

    classifier = MixtureClassifier.load(model)

    def columns_of(rows: Rows) -> dict[str, Rows]:
        shares = classifier.predict_proba(rows)
        columns: dict[str, Rows] = {"label": classifier.classes[shares.argmax(axis=1)]}
        if proba:
            columns |= {f"p_{label}": line for label, line in zip(classifier.classes, shares.T, strict=True)}
        return columns

    return columns_of


def _write_parts(columns_of: Callable[[Rows], dict[str, Rows]], rows: Rows, output: Path | None) -> None:
    """Print or write the results of rows in a file in pieces."""
    names = list(columns_of(rows[:1]))
    with progress_bar("Labeling rows", len(rows), after=PROGRESS_AFTER, console=notes()) as update:

        def results_of_parts() -> Iterator[list[Rows]]:
            for part, piece in pieces(rows, _ROWS_OF_PART):
                yield list(columns_of(piece).values())
                update(advance=part.stop - part.start)

        if output is not None:
            write_parts(output, names, len(rows), results_of_parts())
            return
        for at, columns in enumerate(results_of_parts()):
            text = table_as_csv(dict(zip(names, columns, strict=True)))
            print_text(text if at == 0 else text.partition("\n")[2])


def _write(columns: dict[str, Any], output: Path | None) -> None:
    if output is None:
        print_text(table_as_csv(columns))
        return
    write_table(output, columns)
