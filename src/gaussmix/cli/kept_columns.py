"""Columns of the input that a command writes beside its results."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from gaussmix.cli.options import flag
from gaussmix.tables import read_any_columns, require_numbers

KeepOption = Annotated[
    str | None,
    typer.Option("--keep", metavar="A,B,C", help="Write these columns of the table, of any type, before the results."),
]
JoinFlag = Annotated[bool, flag("--join", help="Write all columns of the table before the results.")]


def joined(
    results: dict[str, Any], table: Path, keep: str | None, join: bool, output: Path | None, header: bool | None = None
) -> dict[str, Any]:
    """Return columns of a table and then the results.

    Parameters
    ----------
    results : dict
        Name -> (n,) array, for the rows of the table.
    table : Path
        The input.
    keep : str, or None
        Value of ``--keep``.
    join : bool
        Whether ``--join`` is given.
    output : Path, or None
        File that will be written; None for the terminal.
    header : bool, optional
        Whether the first line of a CSV file has the names.

    Raises
    ------
    ValueError
        If the table lacks a column, has one with the name of a result, or has text for a .npy file.
    """
    chosen = chosen_columns(keep, join)
    if chosen is None and not join:
        return results
    suffix = ".csv" if output is None else output.suffix.lower()
    kept = read_any_columns(table, chosen, as_text=suffix == ".csv", header=header)
    _require_new(results, kept, table, join)
    if suffix == ".npy":
        kept = {name: require_numbers(name, column) for name, column in kept.items()}
    return kept | results


def chosen_columns(keep: str | None, join: bool) -> list[str] | None:
    """Return the names in ``--keep``; None if it is not given.

    Raises
    ------
    ValueError
        If both options are given, or if a name is repeated.
    """
    if keep is None:
        return None
    if join:
        raise ValueError("--keep and --join exclude each other: --join keeps all columns")
    names = [name.strip() for name in next(csv.reader([keep]), [])]
    if len(set(names)) < len(names):
        raise ValueError(f"--keep names a column twice: {keep}")
    return names


def _require_new(results: Iterable[str], kept: Iterable[str], table: Path, join: bool) -> None:
    taken = [name for name in results if name in set(kept)]
    if taken:
        remedy = "choose others with --keep" if join else "leave it out of --keep"
        raise ValueError(f"{table} has a column {taken[0]!r}, the name of a result: rename it, or {remedy}")
