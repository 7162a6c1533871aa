"""The examples of the pages run, and print what the pages say they print."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)


PAGES = {"choosing": 0, "comparing": 1, "criteria": 0, "merging": 1, "standard-errors": 0, "sureness": 0}
"""Page -> how many texts it shows that its examples print."""


@pytest.mark.parametrize("name", PAGES)
def test_examples_run_and_print_what_the_page_says(name):
    names, printed, shown = {}, StringIO(), 0
    for language, text in BLOCK.findall((DOCS / f"{name}.md").read_text(encoding="utf-8")):
        if language == "python":
            printed = StringIO()
            with redirect_stdout(printed):
                exec(compile(text, f"{name}.md", "exec"), names)
        else:
            assert printed.getvalue() == text
            shown += 1
    assert shown == PAGES[name]
