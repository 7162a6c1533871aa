"""Pages of the documentation whose examples run."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)


def run_page(name):
    """Run the examples of a page, compare what they print with the texts below them, and return the number of texts."""
    names, printed, shown = {}, StringIO(), 0
    for language, text in BLOCK.findall((DOCS / f"{name}.md").read_text(encoding="utf-8")):
        if language == "python":
            printed = StringIO()
            with redirect_stdout(printed):
                exec(compile(text, f"{name}.md", "exec"), names)
        else:
            assert printed.getvalue() == text
            shown += 1
    return shown
