"""Results as HTML for notebooks: plain tables without colors of their own, readable on dark and light backgrounds."""

from collections.abc import Collection, Iterable, Sequence

from gaussmix.core.markup import Markup, element, joined
from gaussmix.core.text import Entry

_LEFT, _RIGHT = "text-align:left", "text-align:right"
_CAPTION = "caption-side:top;text-align:left"
_FLAG = "font-weight:bold"


def table_html(
    caption: object, columns: Sequence[object], lines: Iterable[Sequence[object]], left: Collection[int] = (0,)
) -> Markup:
    """Return a table.

    Parameters
    ----------
    caption : text or markup
        Caption above the table.
    columns : sequence
        Column headings.
    lines : iterable of sequences
        Cells of each line, text or markup.
    left : collection of int
        Positions of the left-aligned columns; the others are right-aligned.
    """

    def cells(name: str, line: Sequence[object]) -> Iterable[Markup]:
        return (element(name, cell, style=_LEFT if at in left else _RIGHT) for at, cell in enumerate(line))

    return element(
        "table",
        element("caption", caption, style=_CAPTION),
        element("thead", element("tr", *cells("th", columns))),
        element("tbody", *(element("tr", *cells("td", line)) for line in lines)),
    )


def entries_html(entries: Iterable[Entry]) -> Markup:
    """Return labeled sentences as a table; flagged ones are bold."""
    lines = (
        element(
            "tr",
            element("th", entry.label, style=_LEFT),
            element("td", entry.text, style=f"{_LEFT};{_FLAG}" if entry.flagged else _LEFT),
        )
        for entry in entries
    )
    return element("table", element("tbody", *lines))


def text_html(text: str) -> Markup:
    """Return lines of text as they are."""
    return element("pre", text)


def stacked_html(*parts: object) -> Markup:
    """Return parts one below the other."""
    return joined(element("div", part) for part in parts)
