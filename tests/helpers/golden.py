"""Texts that users read, compared as a whole with the files in tests/golden.

With ``UPDATE_GOLDEN=1`` in the environment the files are written instead; the difference is for a person to read.
"""

import os
import re
from difflib import unified_diff
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "golden"

_VARYING = {
    r"\bin \S+ seconds": "in N seconds",
    r"\b\d+ iterations?\b": "N iterations",
    r"^(iterations +)\d+": r"\1N",
}
"""What depends on the machine."""


def assert_golden(name, text):
    """The text is that of the file, apart from spaces at the ends of lines and from numbers that vary."""
    for pattern, replacement in _VARYING.items():
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    path = FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = path.read_text(encoding="utf-8").splitlines()
    assert lines == expected, "\n".join(unified_diff(expected, lines, "expected", "found", lineterm=""))
