"""Comparison of output texts with the files in tests/golden.

With ``UPDATE_GOLDEN=1`` in the environment the files are written instead; review their differences.
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
"""Patterns of machine-dependent text, with replacements."""


def assert_golden(name, text):
    """Assert that the text equals the file, apart from trailing spaces and varying numbers."""
    for pattern, replacement in _VARYING.items():
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    path = FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = path.read_text(encoding="utf-8").splitlines()
    assert lines == expected, "\n".join(unified_diff(expected, lines, "expected", "found", lineterm=""))
