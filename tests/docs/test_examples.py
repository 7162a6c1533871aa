"""The pages of the gallery: each has its place, says what it is, and states no number that it does not compute.

`make docs` runs them; here they are read.
"""

import ast
import re
import warnings
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PAGES = sorted(EXAMPLES.glob("*/*.py"))
page = pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.stem}")

specification = spec_from_file_location("gallery", ROOT / "docs" / "extensions" / "gallery.py")
gallery = module_from_spec(specification)
specification.loader.exec_module(gallery)

MATH = re.compile(r"^\.\. math::.*\n(?:[ ]+.*\n|\n(?=[ \n]))*", re.MULTILINE)
LITERAL = re.compile(r"``[^`]+``|:\w+(?::\w+)?:`[^`]*`")
CITATION = re.compile(r"\([^()]*\b(?:1[89]|20)\d\d\b[^()]*\)")
NAMES = "chapter|section|figure|equation|table|theorem|page|version|recommendation"
PLACE = re.compile(rf"\b(?:{NAMES})s?\s+\S*\d\S*(?:(?:,|\s+and|\s+to)\s+\S*\d\S*)*", re.IGNORECASE)
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e-?\d+)?(?: ?%)?")


def prose_of(source: str) -> str:
    """The docstring and the comments that begin with ``# %%``, without formulas, code and references."""
    blocks = re.findall(r"^# %%(.*(?:\n#.*)*)", source, re.MULTILINE)
    words = [re.sub(r"^# ?", "", block, flags=re.MULTILINE) for block in blocks]
    text = "\n\n".join([ast.get_docstring(ast.parse(source)) or "", *words]) + "\n"
    for pattern in (MATH, LITERAL, CITATION, PLACE):
        text = pattern.sub(" ", text)
    return text


def numbers_of(source: str) -> set[float]:
    """The numbers in the code, in their own units and in percent."""
    values = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    numbers = {float(value) for value in values if isinstance(value, int | float)}
    return numbers | {round(100 * number, 9) for number in numbers}


def stray_numbers(source: str) -> list[str]:
    """The numbers in the prose that are nowhere in the code."""
    known = numbers_of(source)
    stated = NUMBER.findall(prose_of(source))
    return [number for number in stated if float(number.rstrip(" %,").replace(",", "")) not in known]


def test_every_page_has_its_place():
    listed = {f"{section}/{name}" for section, names in gallery.PAGES.items() for name in names}
    assert listed == {f"{path.parent.name}/{path.stem}" for path in PAGES}
    assert set(EXAMPLES.rglob("*.py")) == set(PAGES)


def test_pages_come_in_reading_order_and_new_ones_last():
    order = gallery.ReadingOrder(str(EXAMPLES / "dangers"))
    names = ["another.py", "too_many_components.py", "label_switching.py", "singularity.py"]
    assert sorted(names, key=order) == names[::-1]


def test_a_warning_of_a_page_is_an_error_and_of_no_one_else(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gallery.watch_page({}, "page.py", when="before")
        with pytest.raises(UserWarning, match="look"):
            warnings.warn("look", stacklevel=1)
        gallery.watch_page({}, "page.py", when="after")
        warnings.warn("nobody looks", stacklevel=1)
    assert capsys.readouterr().out == "   0.0 s  page.py\n"


@pytest.mark.parametrize("folder", sorted({path.parent for path in PAGES}), ids=lambda folder: folder.name)
def test_every_section_has_a_title(folder):
    title, underline, *_ = (folder / "GALLERY_HEADER.rst").read_text("utf-8").splitlines()
    assert len(underline) == len(title)


@page
def test_page_begins_with_a_title_and_what_it_is_about(path):
    title, underline, blank, lead = ast.get_docstring(ast.parse(path.read_text("utf-8"))).splitlines()[:4]
    assert underline == "=" * len(title)
    assert (blank, bool(lead.strip())) == ("", True)


@page
def test_page_prints_what_it_finds_and_draws_it(path):
    source = path.read_text("utf-8")
    names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    assert "print" in names
    assert any(name == "plt" or name.endswith(("Display", "Animation")) for name in names)


@page
def test_page_states_no_number_that_it_does_not_compute(path):
    assert stray_numbers(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("words", "stray"),
    [
        ("The error is 3.7 nats.", ["3.7"]),
        ("Of 1,250 rows 20 % are doubtful.", ["20 %"]),
        ("The 5th pass, and 12.", ["5", "12"]),
        ("To 1e-8, not to 1e-9.", ["1e-9"]),
        ("It holds 95 %, as asked.", []),
        ("It reaches the top (Bishop 2006, equations 9.42 and 9.43), see figures 9-16 and 9-17.", []),
        ("With ``k=7`` and :math:`x_3`\n\n.. math::\n\n   y = 8 x\n\nthere is no end.", []),
        ("With\n\n.. math:: y = 8 x\n\nthere are 6.", ["6"]),
    ],
)
def test_stray_numbers_are_seen(words, stray):
    commented = words.replace("\n", "\n# ")
    assert stray_numbers(f'"""\nTitle\n=====\n\nLead.\n"""\n\n# %%\n# {commented}\n\nx = [1250, 0.95, 1e-8]\n') == stray
