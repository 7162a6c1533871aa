"""Functions that build the parts of a page."""

import base64
from collections.abc import Iterable, Sequence
from importlib.resources import files

from gaussmix.core.markup import Markup, element, joined

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content security policy: the page loads nothing from outside."""

_WIDE = 6  # number of columns from which a table may need scrolling


def section(identifier: str, title: str, *children: object) -> Markup:
    """Return a section of the page with its heading."""
    heading = f"{identifier}-title"
    return element(
        "section", element("h2", title, id=heading), joined(children, "\n"), id=identifier, aria_labelledby=heading
    )


def paragraph(*children: object, quiet: bool = False) -> Markup:
    return element("p", *children, class_="quiet" if quiet else None)


def note(*children: object) -> Markup:
    """Return a box that draws attention."""
    return element("div", *children, class_="note")


def bullets(items: Iterable[object]) -> Markup:
    return element("ul", *(element("li", item) for item in items))


def definition_list(entries: Iterable[tuple[object, object]]) -> Markup:
    """Return a list of labels with texts."""
    return element("dl", *(element("div", element("dt", label), element("dd", text)) for label, text in entries))


def data_table(
    caption: object, columns: Sequence[object], lines: Iterable[Sequence[object]], *, words: Iterable[int] = ()
) -> Markup:
    """Return a table whose first column has the row headings.

    Parameters
    ----------
    caption : text or markup
        Caption of the table.
    columns : sequence
        Column headings.
    lines : iterable of sequences
        Rows of the table. A cell is text or markup, or a tuple of one of these and the name of a CSS class.
    words : iterable of int
        Positions of text columns, which are left-aligned; numbers are right-aligned.
    """
    left = {0, *words}

    def cell(position: int, content: object) -> Markup:
        value, kind = content if isinstance(content, tuple) else (content, None)
        kind = " ".join(filter(None, [kind, "words" if position in left else None])) or None
        return element("td", value, class_=kind) if position else element("th", value, scope="row", class_=kind)

    head = (
        element("th", name, scope="col", class_="words" if position in left else None)
        for position, name in enumerate(columns)
    )
    body = (element("tr", *(cell(position, value) for position, value in enumerate(line))) for line in lines)
    table = element(
        "table",
        element("caption", element("span", caption)),
        element("thead", element("tr", *head)),
        element("tbody", joined(body)),
    )
    if len(columns) < _WIDE:
        return element("div", table, class_="scroll")
    return element("div", table, class_="scroll", tabindex=0, role="region", aria_label="Table, scrollable if wide")


def picture(png: bytes, alt: str, caption: object, width: float, height: float) -> Markup:
    """Return a figure embedded in the file; width and height are maxima in CSS pixels."""
    address = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    image = element("img", src=address, alt=alt, width=round(width), height=round(height))
    return element("figure", image, element("figcaption", caption))


def page(title: str, lead: object, sections: Sequence[tuple[str, str, Markup]], foot: object) -> str:
    """Return a complete document; sections are tuples of identifier, title and content."""
    style = files("gaussmix.html_report").joinpath("page.css").read_text(encoding="utf-8")
    links = [element("li", element("a", name, href=f"#{identifier}")) for identifier, name, _ in sections]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(style)),
    )
    body = element(
        "body",
        element("a", "Skip to the contents", href="#contents", class_="skip"),
        element("header", element("h1", title), lead),
        element("nav", element("ul", *links), aria_label="Sections"),
        element(
            "main",
            *(section(identifier, name, content) for identifier, name, content in sections),
            id="contents",
            tabindex=-1,
        ),
        element("footer", foot),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"
