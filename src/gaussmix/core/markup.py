"""HTML elements; everything that is not markup is escaped."""

import html
from collections.abc import Iterable

_VOID = frozenset({"br", "img", "meta"})


class Markup(str):
    """Text that is HTML and is not escaped."""

    __slots__ = ()


def escaped(value: object) -> Markup:
    """Return markup unchanged, and anything else as escaped text."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))


def joined(parts: Iterable[object], separator: str = "") -> Markup:
    """Return the parts in sequence, escaped unless they are markup."""
    return Markup(html.escape(separator).join(escaped(part) for part in parts))


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """Return an element; ``class_`` stands for class, ``aria_label`` for aria-label, and None omits an attribute."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>" if name in _VOID else f"<{name}{written}>{joined(children)}</{name}>")
