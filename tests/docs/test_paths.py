"""Every file, folder and dotted name that a document mentions exists."""

import importlib
import re
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from gaussmix.core.errors import MissingDependencyError

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "cpp", "tests", "benchmarks", "docs", "examples", "findings", ".ci")
GENERATED = {"__pycache__", "_build", "auto_examples", "reference", "results"}
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs").glob("*.rst")),
    *sorted(path for folder in ("cpp", "src", "tests", "benchmarks") for path in (ROOT / folder).rglob("README.md")),
]
OLD = re.compile(r"`[^`]+`(?= → )")
"""A name that has changed."""

ADDRESS = re.compile(r"\b\w+://\S+")
EXAMPLE = re.compile(r"^```[\s\S]*?^```|^ +gaussmix .*$", re.MULTILINE)
"""Code and commands, which may name a user's files."""

PAGE = re.compile(r"^auto_examples/(\w+/\w+)\.rst$|^auto_examples/index\.rst$")
"""A page of the gallery, which is made from a script."""

FILE = re.compile(r"(?<![\w/.*-])(?:[\w*-]+/)*[\w*.-]+\.(?:py|pyi|cpp|hpp|R|md|rst|toml|css)\b(?![\w/])")
FOLDER = re.compile(r"(?<![\w/.<{-])(?:[a-z_]\w*/)+(?![\w*/{])")
DOTTED = re.compile(r"(?<![\w/.-])gaussmix(?:\.\w+)+")
IMPORT = re.compile(r"from (gaussmix[\w.]*) import (\w+(?:, \w+)*)")


@cache
def known_paths() -> list[str]:
    """The files and folders of the repository, from its root."""
    paths = [path for path in ROOT.iterdir() if path.is_file() or path.name in FOLDERS]
    paths += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    relative = [path.relative_to(ROOT) for path in paths]
    return [path.as_posix() for path in relative if not GENERATED & set(path.parts)]


def exists(path: str) -> bool:
    """Whether a file or folder of the repository has this name, or ends in this path."""
    wanted = path.removeprefix("./").rstrip("/")
    return any(fnmatch(known, wanted) or fnmatch(known, f"*/{wanted}") for known in known_paths())


def can_be_imported(name: str) -> bool:
    """Whether a dotted name is that of a module, or of something in one."""
    parts = name.split(".")
    for n_modules in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:n_modules]))
        except MissingDependencyError:  # of a module that exists
            return True
        except ModuleNotFoundError:
            continue
        for part in parts[n_modules:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def missing(text: str) -> list[str]:
    """The paths and names in a document that do not exist."""
    text = ADDRESS.sub("", OLD.sub("", text))
    paths = {*FILE.findall(text), *FOLDER.findall(EXAMPLE.sub("", text))}
    paths = {PAGE.sub(lambda page: f"examples/{page[1] or '*/*'}.py", path) for path in paths}
    names = set(DOTTED.findall(text))
    for module, imported in IMPORT.findall(text):
        names.update(f"{module}.{name}" for name in imported.split(", "))
    lost = {path for path in paths if not exists(path)}
    return sorted(lost | {name for name in names if not can_be_imported(name)})


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documents_name_what_exists(path):
    assert missing(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A criterion goes into `selection/criteria.py`, not `selection/scoring.py`.", ["selection/scoring.py"]),
        ("See tests/core/ and nowhere/at_all/.", ["nowhere/at_all/"]),
        ("The forms are `form_*.hpp`; there is no `shape_*.hpp`.", ["shape_*.hpp"]),
        ("`gaussmix.fitting.em.fit_em` and `gaussmix.em.fit_em`", ["gaussmix.em.fit_em"]),
        ("from gaussmix import Mixture, Mixtures", ["gaussmix.Mixtures"]),
        ("https://example.org/nowhere/page.md", []),
        ("`gaussmix.page` → `gaussmix.html_report`", []),
    ],
)
def test_missing_names_are_found(text, expected):
    assert missing(text) == expected
