"""The examples of the pages run, and print what the pages say they print."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"```(python|text)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("name", ["comparing", "merging"])
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
    assert shown == 1
