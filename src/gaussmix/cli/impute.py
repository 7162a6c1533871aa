"""``gaussmix impute``."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from gaussmix.cli.console import command, notes, print_text
from gaussmix.cli.options import (
    HeaderFlag,
    ModelName,
    ModelOption,
    NoHeaderFlag,
    SeedOption,
    TablePath,
    flag,
    header_given,
)
from gaussmix.cli.outputs import check_output
from gaussmix.cli.table_input import ColumnsOption, as_frame, read_features, read_rows
from gaussmix.core.mixture import Mixture
from gaussmix.core.text import counted, join_words
from gaussmix.core.typing import FloatArray
from gaussmix.diagnostics.columns import is_ordered
from gaussmix.tables import read_any_columns, require_numbers, table_as_csv, write_table

_SHOWN = 8


@command
def impute(
    table: TablePath,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="MODEL", help="Use this model instead of a fit to the table.")
    ] = None,
    components: Annotated[
        int | None,
        typer.Option(
            "--components", "-k", min=1, metavar="NUMBER", help="Number of components; chosen by BIC if not given."
        ),
    ] = None,
    covariance_type: ModelOption = ModelName.FULL,
    draw: Annotated[
        bool, flag("--draw", help="Draw missing values from their distribution instead of taking its mean.")
    ] = False,
    seed: SeedOption = 0,
    columns: ColumnsOption = None,
    header: HeaderFlag = False,
    no_header: NoHeaderFlag = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write to this .csv, .parquet or .npy file instead of the terminal."),
    ] = None,
) -> None:
    """Fill in the empty cells of columns of numbers; all columns and all other cells stay as they are."""
    check_output(output, table, *([] if model is None else [model]), table=True)
    named = header_given(header, no_header)
    mixture, rows, names = _fitted(table, model, components, covariance_type.value, seed, columns, named)
    filled = mixture.impute(rows, "draw" if draw else "mean", random_state=seed)
    holes = np.isnan(rows)
    suffix = ".csv" if output is None else output.suffix.lower()
    kept = read_any_columns(table, None, as_text=suffix == ".csv", header=named)
    for at, name in enumerate(names):
        kept[name] = _filled(kept[name], filled[:, at], holes[:, at])
    if suffix == ".npy":
        kept = {name: require_numbers(name, column) for name, column in kept.items()}
    if output is None:
        print_text(table_as_csv(kept))
    else:
        write_table(output, kept)
    said = [f"{name} ({n:,})" for name, n in zip(names, holes.sum(axis=0), strict=True) if n]
    cells = counted(int(holes.sum()), "cell")
    notes().print(f"Filled {cells}: {join_words(said, _SHOWN)}" if said else "No cell was empty")


def _fitted(
    table: Path,
    model: Path | None,
    components: int | None,
    covariance_type: str,
    seed: int,
    columns: str | None,
    header: bool | None,
) -> tuple[Mixture, FloatArray, tuple[str, ...]]:
    """Return a mixture, its features of the rows with NaN for empty cells, and the names of these columns."""
    if model is not None:
        if columns is not None or components is not None:
            raise ValueError("--model has its own columns and components: leave out --columns and --components")
        mixture = Mixture.load(model)
        if mixture.background is not None:
            raise ValueError(f"{model} has uniform noise, for which impute is not defined: fit a model without --noise")
        if mixture.feature_names is None:
            names = tuple(read_any_columns(table, None, as_text=True, header=header))
        else:
            names = mixture.feature_names
        return mixture, np.asarray(read_features(mixture, table, header=header), dtype=np.float64), names
    if columns is None:
        chosen = _columns_of_numbers(table, header)
        columns = ",".join(f'"{name}"' if "," in name else name for name in chosen)
    rows = read_rows(table, columns, None, header)
    from gaussmix.estimators import GaussianMixtureImputer

    imputer = GaussianMixtureImputer(
        "auto" if components is None else components, covariance_type=covariance_type, random_state=seed
    )
    mixture = imputer.fit(as_frame(rows)).mixture_
    assert rows.names is not None
    return mixture, np.asarray(rows.values, dtype=np.float64), rows.names


def _columns_of_numbers(table: Path, header: bool | None) -> list[str]:
    """Return the names of the columns of numbers, without those that number the rows."""
    found = []
    for name, column in read_any_columns(table, None, as_text=False, header=header).items():
        if name and column.dtype.kind in "iuf":
            values = require_numbers(name, column)
            if not np.isnan(values).all() and not (np.isfinite(values).all() and is_ordered(values)):
                found.append(name)
    if not found:
        raise ValueError(f"{table} has no column of numbers; name one with --columns")
    return found


def _filled(column: Any, values: FloatArray, holes: np.ndarray) -> Any:
    """Return a column, which may be text, with numbers in its holes."""
    if not holes.any():
        return column
    if isinstance(column, np.ndarray):
        return np.where(holes, values, column)
    if column.dtype.kind in "biuf":
        numbers = require_numbers("", column)
        return np.where(holes, values, numbers)
    texts = np.asarray(column, dtype=object).copy()
    texts[holes] = [repr(float(value)) for value in values[holes]]
    return texts
