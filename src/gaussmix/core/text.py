"""Text for messages and reports: lists in English, plurals, aligned tables, labeled lines."""

import re
import textwrap
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

_WIDTH = 100
_OBEYED = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")


def join_words(words: Iterable[object], most: int | None = None) -> str:
    """Return ``a, b and c``; with more than ``most`` words, the first ``most`` and the number of the others."""
    shown = [str(word) for word in words]
    if most is not None and len(shown) > most:
        shown[most:] = [f"{len(shown) - most} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def join_clauses(clauses: Sequence[str], most: int) -> str:
    """Return ``a; b; c``; with more than ``most`` clauses, the first ``most`` and the number of the others."""
    rest = [f"and {len(clauses) - most} more"] if len(clauses) > most else []
    return "; ".join([*clauses[:most], *rest])


def plural(noun: str, n: int) -> str:
    """Return the noun in the singular or plural that goes with the number ``n``."""
    return noun if n == 1 else f"{noun}es" if noun.endswith("s") else f"{noun}s"


def counted(n: int, noun: str) -> str:
    """Return ``1 row`` or ``2,000 rows``."""
    return f"{n:,} {plural(noun, n)}"


def printable(text: str) -> str:
    r"""Return a text with escapes such as ``\x1b`` for what a terminal would obey: all controls but tabs and line ends.

    Those are the control characters, the marks that change the direction of writing, and the bytes of file names that
    are no text.
    """
    return _OBEYED.sub(lambda found: found.group().encode("unicode_escape", "surrogatepass").decode("ascii"), text)


def default_names(n_features: int) -> tuple[str, ...]:
    """Return default names of columns, ``x0, x1, ...``, as in scikit-learn."""
    return tuple(f"x{position}" for position in range(n_features))


def align_columns(lines: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """Return a table as plain text; columns without text are left out.

    Parameters
    ----------
    lines : sequence of sequences of str
        Cells of each line; all lines have the same number.
    left : collection of int
        Positions of the left-aligned columns; the others are right-aligned.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if position in left else cell.rjust(width)
            for position, (cell, width) in enumerate(zip(line, widths, strict=True))
            if width
        ).rstrip()
        for line in lines
    )


@dataclass(frozen=True)
class Entry:
    """A line of a summary: a label, a text, and whether it needs attention."""

    label: str
    text: str
    flagged: bool = False


def format_entries(entries: Sequence[Entry]) -> str:
    """Return the entries as plain text, labels on the left, texts wrapped beside them."""
    margin = max(len(entry.label) for entry in entries) + 2
    return "\n".join(
        textwrap.fill(
            entry.text,
            _WIDTH,
            initial_indent=entry.label.ljust(margin),
            subsequent_indent=" " * margin,
            break_on_hyphens=False,
        )
        for entry in entries
    )


def entry_grid(entries: Iterable[Entry]) -> "RenderableType":
    """Return the entries for a terminal, labels on the left; flagged texts are yellow."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for entry in entries:
        grid.add_row(Text(entry.label, style="dim"), Text(entry.text, style="yellow" if entry.flagged else ""))
    return grid
