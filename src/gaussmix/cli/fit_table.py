"""``gaussmix fit``."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from gaussmix.cli.console import command, notes, shown_progress
from gaussmix.cli.options import Components, CovarianceType, CovarianceTypeOption, Init, SeedOption, Starts, TablePath
from gaussmix.cli.outputs import check_output, complete_file
from gaussmix.cli.summary import facts, fit_facts, mixture_summary, print_apart
from gaussmix.report import FitRecord, inspect_fit
from gaussmix.tables import Table, column_names, read_table
from gaussmix.typing import Rows


@command
def fit(
    table: TablePath,
    components: Components,
    covariance_type: CovarianceTypeOption = CovarianceType.FULL,
    n_init: Starts = 1,
    max_iter: Annotated[int, typer.Option(min=0, help="Iterations at most.")] = 100,
    tol: Annotated[float, typer.Option(min=0, help="Stop when the mean log-likelihood changes by less.")] = 1e-3,
    reg_covar: Annotated[float, typer.Option(min=0, help="Added to every variance.")] = 1e-6,
    init: Annotated[Init, typer.Option(help="How to start.")] = Init.KMEANS,
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
            tol=tol,
            reg_covar=reg_covar,
            max_iter=max_iter,
            n_init=n_init,
            init_params=init.value,
            random_state=seed,
            callback=callback,
        ).fit(chosen.rows, sample_weight=row_weights)
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
