"""``gaussmix plot``."""

import csv
from pathlib import Path
from typing import Annotated

import typer

from gaussmix.cli.console import command
from gaussmix.cli.options import HeaderFlag, ModelPath, NoHeaderFlag, flag, header_given
from gaussmix.cli.outputs import check_output
from gaussmix.cli.summary import print_apart
from gaussmix.cli.table_input import read_features
from gaussmix.core.mixture import Mixture
from gaussmix.core.text import Entry, entry_grid

SUFFIXES = (".png", ".pdf", ".svg")


@command
def plot(
    model: ModelPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="Figure to write, a .png, .pdf or .svg file.")],
    table: Annotated[
        Path | None,
        typer.Argument(metavar="TABLE", help="A .csv, .parquet or .npy table; without it, only the model is drawn."),
    ] = None,
    features: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="Features to show, by name or position; all if not given.")
    ] = None,
    header: HeaderFlag = False,
    no_header: NoHeaderFlag = False,
    dark: Annotated[bool, flag("--dark", help="Draw on a dark background.")] = False,
) -> None:
    """Draw a model and a table: one feature as a histogram, two as a scatter plot, more as a matrix of pairs."""
    check_output(output, model, *([] if table is None else [table]))
    if output.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{output} must end in .png, .pdf or .svg, the formats of figures")
    mixture = Mixture.load(model)
    shown = _features(mixture, model, features)
    rows = None if table is None else read_features(mixture, table, header=header_given(header, no_header))
    from gaussmix.plots import model_figure, write_figure

    write_figure(output, model_figure(mixture, rows, features=shown, dark=dark))
    print_apart(entry_grid([Entry("figure", str(output))]))


def _features(mixture: Mixture, model: Path, features: str | None) -> list[int]:
    """Return the positions of the features to show."""
    from gaussmix.plots.pairs import MOST_FEATURES

    if features is None:
        chosen = list(range(mixture.n_features))
    else:
        names = [name.strip() for name in next(csv.reader([features]), [])]
        known = mixture.feature_names or ()
        chosen = mixture.positions([int(name) if name.isdecimal() and name not in known else name for name in names])
    if len(chosen) > MOST_FEATURES:
        example = ",".join((mixture.feature_names or tuple(map(str, chosen)))[:3])
        raise ValueError(
            f"{model} has {mixture.n_features} features, and a figure shows up to {MOST_FEATURES}; "
            f"choose some, such as --features {example}"
        )
    return chosen
