"""Values in requests: each is checked, and errors name it."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

_LABELS = {"n_components": "Components", "n_iter": "Passes", "seed": "Seed"}  # of fields of the page


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body of a request; raise ValueError if there is none."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ValueError("The request must have a JSON object")
    return body


def whole(given: Mapping[str, Any], name: str, default: int, least: int, greatest: int) -> int:
    """Return a whole number; raise ValueError if it is not within its limits."""
    value = given.get(name, default)
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if isinstance(value, bool) or number != (value if isinstance(value, float) else number):
        number = least - 1
    if not least <= number <= greatest:
        label = _LABELS.get(name, name)
        raise ValueError(f"{label} must be a whole number from {least} to {greatest}; got {str(value)[:20]!r}")
    return number


def text(given: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a text; raise ValueError if it is missing."""
    value = given.get(name, default)
    if not isinstance(value, str):
        raise ValueError(f"{name} is missing")
    return value


def texts(given: Mapping[str, Any], name: str) -> list[str]:
    """Return a list of texts; raise ValueError if it is missing."""
    value = given.get(name)
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise ValueError(f"{name} must be a list of texts")
    return value


def wholes(given: Mapping[str, Any], name: str, least: int, greatest: int) -> tuple[int, ...]:
    """Return whole numbers from a list, or from a text with commas; none if nothing is given."""
    value = given.get(name, [])
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list):
        raise ValueError(f"{name} must be a list of whole numbers")
    return tuple(whole({name: part}, name, least, least, greatest) for part in parts)


def header_of(given: Mapping[str, Any]) -> bool | None:
    """Return whether the first line has the names: "names", "row" or "auto"."""
    said = text(given, "header", "auto")
    if said not in ("auto", "names", "row"):
        raise ValueError(f"header must be auto, names or row; got {said[:20]!r}")
    return None if said == "auto" else said == "names"


def share(given: Mapping[str, Any], name: str) -> float:
    """Return a number above 0 and below 1."""
    try:
        value = float(given[name])
    except (KeyError, TypeError, ValueError):
        value = 0.0
    if not 0 < value < 1:
        raise ValueError(f"{name} must be above 0 and below 1; got {str(given.get(name))[:20]!r}")
    return value
