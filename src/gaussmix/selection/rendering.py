"""Rendering of the table of models as text, HTML and for terminals: components in rows, models in columns."""

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.core.covariance import display_name
from gaussmix.core.markup import element, joined
from gaussmix.core.notebook import table_html
from gaussmix.core.text import join_words

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gaussmix.selection.table import SelectionTable

CRITERION_NAMES = {
    "bic": "BIC",
    "icl": "ICL",
    "aic": "AIC",
    "aicc": "AICc",
    "cv": "held-out deviance",
}
"""Names of the criteria in sentences."""

BEST, DOUBTFUL, FAILED = "*", "?", "x"
"""Marks of cells in the table."""

_STYLES = {BEST: "font-weight:bold", DOUBTFUL: "font-style:italic", FAILED: "opacity:0.6"}
_WIDTH = 100
_CELL = 8


def as_text(table: "SelectionTable", width: int = _WIDTH) -> str:
    """Return plain text, in several parts if the models do not fit side by side."""
    ks, types, cells = grid(table)
    cell = _CELL if table.noise is None else max(_CELL, *(len(name) + 2 for name in types))
    margin = max(2, *(len(str(k)) for k in ks)) + 1
    blocks = []
    for part in parts(len(types), max(1, (width - margin) // cell)):
        lines = ["K".rjust(margin - 1) + " " + "".join(f"{types[at]} ".rjust(cell) for at in part)]
        lines += [
            f"{k}".rjust(margin - 1) + " " + "".join("".join(cells[line][at]).rjust(cell) for at in part)
            for line, k in enumerate(ks)
        ]
        blocks.append("\n".join(line.rstrip() for line in lines))
    return "\n\n".join([title(table), *blocks, legend(table)])


def as_html(table: "SelectionTable") -> str:
    """Return HTML for notebooks."""
    ks, types, cells = grid(table)
    lines = [
        [
            f"{k}",
            *(
                element("span", f"{text}{mark.strip()}", style=_STYLES.get(mark), title=why or None)
                for (text, mark), why in zip(cells[line], _troubles(table, k, types), strict=True)
            ),
        ]
        for line, k in enumerate(ks)
    ]
    caption = joined([title(table), element("br"), legend(table)])
    return table_html(caption, ["K", *types], lines, left=())


def as_rich(table: "SelectionTable", width: int = _WIDTH) -> "RenderableType":
    """Return the table for a terminal."""
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
    """Divide 0 to n - 1 into parts of nearly equal length, none longer than ``most``."""
    n_parts = math.ceil(n / most)
    ends = [round(n * part / n_parts) for part in range(n_parts + 1)]
    return [range(begin, end) for begin, end in itertools.pairwise(ends)]


def title(table: "SelectionTable") -> str:
    """Return the title of the table."""
    name = CRITERION_NAMES[table.criterion]
    return f"{name} relative to {table.name_of(table.best)}, {table.value[table.best]:.2f} (lower is better)"


def legend(table: "SelectionTable") -> str:
    """Return the meaning of the marks in the table."""
    marks = [f"{BEST} best"]
    if (table.status == "doubtful").any():
        marks.append(f"{DOUBTFUL} doubtful (not chosen if there is a sound model)")
    if (table.status == "failed").any():
        marks.append(f"{FAILED} no fit")
    return "; ".join(["K components", ", ".join(marks), *_other_names(table)])


def _other_names(table: "SelectionTable") -> list[str]:
    """Return the second names of models in the table that have two, as one text."""
    shown = dict.fromkeys(str(name) for name in table.covariance_type)
    second = {name: display_name(name, table.n_features) for name in shown}
    texts = [full for name, full in second.items() if full != name]
    return [f"two names: {join_words(texts)}"] if texts else []


def grid(table: "SelectionTable") -> tuple[list[int], list[str], list[list[tuple[str, str]]]]:
    """Return the numbers of components, the models, and for each pair a number and a mark."""
    ks = sorted(set(table.n_components.tolist()))
    names = table.models
    types = list(dict.fromkeys(names))
    lines = {(k, name): line for line, (k, name) in enumerate(zip(table.n_components.tolist(), names, strict=True))}
    difference = table.difference
    cells = [
        [_cell(table, difference, lines[k, name]) if (k, name) in lines else ("", " ") for name in types] for k in ks
    ]
    return ks, types, cells


def _cell(table: "SelectionTable", difference: np.ndarray, line: int) -> tuple[str, str]:
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


def _troubles(table: "SelectionTable", k: int, types: list[str]) -> list[str]:
    troubles = {
        name: why
        for of, name, why in zip(table.n_components.tolist(), table.models, table.trouble.tolist(), strict=True)
        if of == k
    }
    return [troubles.get(name, "") for name in types]
