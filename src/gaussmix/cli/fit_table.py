"""``gaussmix fit``."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from gaussmix.cli.console import command, notes, run_fit, shown_progress
from gaussmix.cli.options import (
    Components,
    Init,
    ModelName,
    ModelOption,
    SeedOption,
    Starts,
    TablePath,
    TimeBudget,
    given,
)
from gaussmix.cli.outputs import check_output, complete_file
from gaussmix.cli.summary import facts, fit_facts, mixture_summary, print_apart
from gaussmix.report import FitRecord, inspect_fit
from gaussmix.tables import Table, column_names, read_table
from gaussmix.typing import Rows


@command
def fit(
    table: TablePath,
    components: Components,
    covariance_type: ModelOption = ModelName.FULL,
    n_init: Starts = None,
    max_iter: Annotated[int | None, typer.Option(min=0, help="Iterations at most; 10,000 if not given.")] = None,
    tol: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Stop when the mean log-likelihood changes by less; if not given, when the top is 1e-4 nats ahead.",
        ),
    ] = None,
    reg_covar: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|chen-tan|inverse-wishart",
            help="Added to every variance, or a penalty by name; if not given, one too weak to be seen.",
        ),
    ] = None,
    init: Annotated[Init | None, typer.Option(help="One way to start; if not given, several race.")] = None,
    time_budget: TimeBudget = None,
    seed: SeedOption = 0,
    columns: Annotated[str | None, typer.Option(metavar="A,B,C", help="The columns to use; all if not given.")] = None,
    weights: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column with the rows' weights.")] = None,
    report: Annotated[bool, typer.Option("--report", help="Say what is unusual about the rows and the fit.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the model to this file (JSON).")] = None,
) -> None:
    """Fit a mixture to a table, print a summary, write the model."""
    check_output(output, table)
    chosen, row_weights = _read(table, columns, weights)
    least = max(2, components)
    if len(chosen.rows) < least:
        raise ValueError(f"{table} has {len(chosen.rows)} rows; {components} components need at least {least}")
    from gaussmix.estimators import GaussianMixture

    with shown_progress(notes()) as callback:
        estimator = GaussianMixture(
            components,
            covariance_type=covariance_type.value,
            random_state=seed,
            callback=callback,
            **given(
                n_init=n_init,
                max_iter=max_iter,
                tol=tol,
                reg_covar=_number_or_name(reg_covar),
                init_params=init and init.value,
                time_budget=time_budget,
            ),
        )
        interrupt = run_fit(estimator, lambda: estimator.fit(chosen.rows, sample_weight=row_weights))
    mixture = estimator.mixture_
    if chosen.named or columns is not None:
        mixture = replace(mixture, feature_names=chosen.names)
    lines = fit_facts(estimator, chosen.rows, row_weights)
    if output is not None:
        with complete_file(output) as partial:
            mixture.save(partial)
        lines.append(("model", str(output)))
    said = [inspect_fit(mixture, FitRecord.of(estimator), chosen.rows, row_weights)] if report else []
    print_apart(mixture_summary(mixture), facts(lines), *said)
    if interrupt:
        raise interrupt


def _number_or_name(text: str | None) -> float | str | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _read(path: Path, columns: str | None, weights: str | None) -> tuple[Table, Rows | None]:
    """The features, and the weights of the rows."""
    if columns is not None:
        features = [name.strip() for name in next(csv.reader([columns]), [])]
        if len(set(features)) < len(features):
            raise ValueError(f"--columns names a column twice: {columns}")
        if weights in features:
            raise ValueError(f"The column {weights!r} cannot be a feature (--columns) and the weights (--weights)")
    elif weights is None:
        return read_table(path), None
    else:
        features = [name for name in column_names(path)[0] if name != weights]
    if not features:
        raise ValueError(f"{path} has no column left to fit")
    if weights is None:
        return read_table(path, features), None
    table = read_table(path, [*features, weights])
    row_weights = np.asarray(table.rows[:, -1], dtype=np.float64)
    if (row_weights < 0).any():
        row = int(np.flatnonzero(row_weights < 0)[0])
        raise ValueError(
            f"{path}: column {weights!r} has the weight {row_weights[row]:g} in row {row + 1}; use 0 or more"
        )
    return Table(np.ascontiguousarray(table.rows[:, :-1]), tuple(features), table.named), row_weights
