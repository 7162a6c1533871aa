"""The segments that the user sees: classes with names and colors, merged or hidden."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_LONGEST_NAME = 80


@dataclass(frozen=True)
class Segment:
    """One or several classes that are shown as one.

    Attributes
    ----------
    classes : tuple of int
        Numbers of the classes.
    name : str
        Name that the user gave; empty: the name follows from the number.
    color : str
        Color that the user gave, as ``#rrggbb``; empty: the color follows from the picture.
    hidden : bool
        Whether the segment is not shown.
    """

    classes: tuple[int, ...]
    name: str = ""
    color: str = ""
    hidden: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the segment as the page sends it."""
        return {"classes": list(self.classes), "name": self.name, "color": self.color, "hidden": self.hidden}


def new_segments(n_classes: int) -> list[Segment]:
    """Return a segment for each class."""
    return [Segment((number,)) for number in range(n_classes)]


def read_segments(values: Any, n_classes: int) -> list[Segment]:
    """Return the segments that the page sent.

    Raises
    ------
    ValueError
        If they are not a partition of the classes, or a name or color is not valid.
    """
    try:
        segments = [
            Segment(tuple(map(int, each["classes"])), str(each["name"]), str(each["color"]), bool(each["hidden"]))
            for each in values
        ]
    except (TypeError, KeyError, ValueError):
        raise ValueError("Segments must be a list of objects with classes, name, color and hidden") from None
    if sorted(number for segment in segments for number in segment.classes) != list(range(n_classes)):
        raise ValueError(f"Each class from 0 to {n_classes - 1} must belong to one segment")
    for segment in segments:
        if not segment.classes:
            raise ValueError("A segment has no class")
        if len(segment.name) > _LONGEST_NAME:
            raise ValueError(f"The name of a segment must have at most {_LONGEST_NAME} characters")
        if segment.color and not re.fullmatch("#[0-9a-f]{6}", segment.color):
            raise ValueError(f"A color must be written as #rrggbb; got {segment.color!r}")
    return segments


def groups_of(segments: Sequence[Segment]) -> tuple[tuple[int, ...], ...]:
    """Return the classes of each segment."""
    return tuple(segment.classes for segment in segments)
