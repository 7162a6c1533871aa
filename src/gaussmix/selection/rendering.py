"""The table of models as a person reads it: numbers of components down, models across, differences from the best."""

import html
import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.selection.table import SelectionTable

if TYPE_CHECKING:
    from rich.console import RenderableType

CRITERION_NAMES = {
    "bic": "BIC",
    "icl": "ICL",
    "aic": "AIC",
    "aicc": "AICc",
    "cv": "held-out deviance",
}
"""How criteria are called in sentences."""

BEST, DOUBTFUL, FAILED = "*", "?", "x"
"""Marks of cells."""

_WIDTH = 100
_CELL = 8


def as_text(table: SelectionTable, width: int = _WIDTH) -> str:
    """Plain text, in several parts where the models do not fit beside each other."""
    ks, types, cells = grid(table)
    margin = max(2, *(len(str(k)) for k in ks)) + 1
    blocks = []
    for part in parts(len(types), max(1, (width - margin) // _CELL)):
        lines = ["K".rjust(margin - 1) + " " + "".join(f"{types[at]} ".rjust(_CELL) for at in part)]
        lines += [
            f"{k}".rjust(margin - 1) + " " + "".join(_padded(*cells[line][at]) for at in part)
            for line, k in enumerate(ks)
        ]
        blocks.append("\n".join(line.rstrip() for line in lines))
    return "\n\n".join([title(table), *blocks, legend(table)])


def as_html(table: SelectionTable) -> str:
    """For notebooks."""
    ks, types, cells = grid(table)
    colors = {BEST: "background:#cfe8cf;font-weight:bold", DOUBTFUL: "color:#a60", FAILED: "color:#999"}
    head = "".join(f"<th>{html.escape(name)}</th>" for name in types)
    body = []
    for line, k in enumerate(ks):
        shown = "".join(
            f'<td style="text-align:right;{colors.get(mark, "")}" title="{html.escape(why)}">{text}{mark.strip()}</td>'
            for (text, mark), why in zip(cells[line], _reasons(table, k, types), strict=True)
        )
        body.append(f"<tr><th>{k}</th>{shown}</tr>")
    return (
        f"<table><caption>{html.escape(title(table))}<br>{html.escape(legend(table))}</caption>"
        f"<thead><tr><th>K</th>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def as_rich(table: SelectionTable, width: int = _WIDTH) -> "RenderableType":
    """For a terminal."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    styles = {BEST: "bold green", DOUBTFUL: "yellow", FAILED: "dim"}
    ks, types, cells = grid(table)
    blocks: list[RenderableType] = [Text(title(table))]
    for part in parts(len(types), max(1, (width - 4) // (_CELL + 1))):
        shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1), collapse_padding=True)
        shown.add_column("K", justify="right")
        for at in part:
            shown.add_column(f"{types[at]} ", justify="right", no_wrap=True)
        for line, k in enumerate(ks):
            marked = (cells[line][at] for at in part)
            shown.add_row(str(k), *(Text(number + mark, style=styles.get(mark, "")) for number, mark in marked))
        blocks.append(shown)
    return Group(*blocks, Text(legend(table), style="dim"))


def parts(n: int, most: int) -> list[range]:
    """0 to n - 1 in parts of nearly equal length, none longer than ``most``."""
    n_parts = math.ceil(n / most)
    ends = [round(n * part / n_parts) for part in range(n_parts + 1)]
    return [range(begin, end) for begin, end in itertools.pairwise(ends)]


def title(table: SelectionTable) -> str:
    """What the numbers are."""
    name = CRITERION_NAMES[table.criterion]
    return f"{name} above that of {table.name_of(table.best)}, {table.value[table.best]:.2f} (lower is better)"


def legend(table: SelectionTable) -> str:
    """What the marks that occur mean."""
    said = [f"{BEST} best"]
    if (table.status == "doubtful").any():
        said.append(f"{DOUBTFUL} doubtful, not chosen while a sound model is there")
    if (table.status == "failed").any():
        said.append(f"{FAILED} no fit")
    return "K components; " + ", ".join(said)


def grid(table: SelectionTable) -> tuple[list[int], list[str], list[list[tuple[str, str]]]]:
    """Numbers of components, models, and for each pair a number and a mark."""
    ks = sorted(set(table.n_components.tolist()))
    types = list(dict.fromkeys(table.covariance_type.tolist()))
    lines = {
        (k, name): line
        for line, (k, name) in enumerate(zip(table.n_components.tolist(), table.covariance_type.tolist(), strict=True))
    }
    difference = table.difference
    cells = [
        [_cell(table, difference, lines[k, name]) if (k, name) in lines else ("", " ") for name in types] for k in ks
    ]
    return ks, types, cells


def _cell(table: SelectionTable, difference: np.ndarray, line: int) -> tuple[str, str]:
    if table.status[line] == "failed":
        return "", FAILED
    number = _number(float(difference[line]))
    if line == table.best:
        return number, BEST
    return number, DOUBTFUL if table.status[line] == "doubtful" else " "


def _number(difference: float) -> str:
    if not math.isfinite(difference):
        return "-"
    return f"{round(difference, 1) + 0.0:.1f}" if abs(difference) < 9999.95 else f"{difference:.3g}"


def _padded(number: str, mark: str) -> str:
    return f"{number}{mark}".rjust(_CELL)


def _reasons(table: SelectionTable, k: int, types: list[str]) -> list[str]:
    said = {
        name: why
        for of, name, why in zip(
            table.n_components.tolist(), table.covariance_type.tolist(), table.trouble.tolist(), strict=True
        )
        if of == k
    }
    return [said.get(name, "") for name in types]
