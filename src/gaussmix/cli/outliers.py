"""``gaussmix outliers``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from gaussmix.cli.console import command, print_text
from gaussmix.cli.kept_columns import JoinFlag, KeepOption, joined
from gaussmix.cli.options import HeaderFlag, ModelPath, NoHeaderFlag, TablePath, header_given
from gaussmix.cli.outputs import check_output
from gaussmix.cli.summary import print_apart
from gaussmix.cli.table_input import read_features
from gaussmix.core.mixture import Mixture
from gaussmix.core.text import Entry, counted, entry_grid
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.diagnostics.outliers import CalibrationScores, OutlierExplanation, explain_rows, flag_rows
from gaussmix.tables import write_table


class Control(StrEnum):
    """Names of `gaussmix.diagnostics.outliers.CONTROLS`."""

    EACH = "each"
    FDR = "fdr"


@command
def outliers(
    model: ModelPath,
    table: TablePath,
    alpha: Annotated[float, typer.Option(help="Bound for false flags.")] = 0.05,
    control: Annotated[
        Control,
        typer.Option(
            help="What --alpha bounds: the probability that an ordinary row is flagged (each), or the expected share "
            "of ordinary rows among the flagged ones (fdr)."
        ),
    ] = Control.EACH,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE", help="Ordinary rows that were not used for the fit, for p-values that need no good model."
        ),
    ] = None,
    keep: KeepOption = None,
    join: JoinFlag = False,
    header: HeaderFlag = False,
    no_header: NoHeaderFlag = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write this .csv or .parquet file: `p_value`, `outlier` (1 or 0) and `explanation` for each row.",
        ),
    ] = None,
) -> None:
    """Flag rows whose density is improbably low, and say which features are unusual given the others."""
    check_output(output, model, table, *([] if calibration is None else [calibration]), table=True)
    if output is not None and output.suffix.lower() == ".npy":
        raise ValueError(f"{output} cannot hold explanations, which are text: use .csv or .parquet")
    if output is None and (keep is not None or join):
        raise ValueError("--keep and --join need --output: the columns are written beside the flags")
    flag_rows(np.empty(0), alpha, control)  # before any work
    mixture, named = Mixture.load(model), header_given(header, no_header)
    if mixture.background is not None and calibration is None:
        raise ValueError(
            f"{model} has uniform noise, for which p-values are not defined: use gaussmix predict, where the label of "
            "noise is -1, or give ordinary rows as --calibration, or fit without --noise"
        )
    rows = read_features(mixture, table, header=named, allow_missing=False)
    held_out = None
    if calibration is not None:
        held_out = read_features(mixture, calibration, header=named, allow_missing=False)
    p_values = _p_values(mixture, rows, held_out, alpha)
    flagged = flag_rows(p_values, alpha, control)
    at = np.flatnonzero(flagged)
    found = explain_rows(mixture, rows[at], at, p_values[at])
    _print_summary(found, len(rows), alpha, control, held_out)
    if output is not None:
        texts = np.full(len(rows), "", dtype=object)
        texts[found.rows] = found.reasons
        columns = {"p_value": p_values, "outlier": flagged.astype(np.int64), "explanation": texts}
        write_table(output, joined(columns, table, keep, join, output, named))


def _p_values(mixture: Mixture, rows: Rows, held_out: Rows | None, alpha: float) -> FloatArray:
    log_density = mixture.log_density(rows)
    if held_out is None:
        return mixture.log_density_distribution().cdf(log_density)
    reference = CalibrationScores.of(mixture.log_density(held_out))
    reference.require(alpha)
    return reference.cdf(log_density)


def _print_summary(found: OutlierExplanation, n_rows: int, alpha: float, control: str, held_out: Rows | None) -> None:
    false = f"about {alpha * n_rows:,.3g} if all rows are ordinary"
    if control == Control.FDR:
        false = f"at most {alpha:.3g} of the flagged rows"
    lines = [
        Entry("rows", f"{n_rows:,}"),
        Entry("flagged", f"{len(found):,}"),
        Entry("false flags expected", false),
        Entry("p-values from", "the model" if held_out is None else counted(len(held_out), "held-out row")),
    ]
    print_apart(entry_grid(lines))
    print_text(f"{found}\n")
