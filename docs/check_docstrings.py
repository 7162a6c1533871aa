"""Check that the reference has every public name, and that each name in it says what it takes and what it returns.

``make lint`` runs it. Public is what the packages below export, and what ``docs/api.md`` lists; of a class, its public
methods too. numpydoc judges the docstrings.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

PACKAGES = ("", "components.merging", "convert", "core.covariance", "core.engines", "datasets", "diagnostics")
PACKAGES += ("estimators", "html_report", "imaging", "inference", "plots", "selection")

NOT_ASKED = {
    "GL01": "a docstring begins on the line of its quotes",
    "GL02": "and one of one line ends there",
    "ES01": "a sentence may say all",
    "SA01": "the tables of the reference have the neighbors side by side",
    "EX01": "asked of what `gaussmix` itself exports, below",
    "SS05": "a summary may begin with a noun, which it takes for a verb in the third person",
}

OVERRIDDEN = ("GL08", "PR01", "RT01")
"""Not asked of a method where a base class has said it."""

_DESCRIPTORS = (property, cached_property, classmethod, staticmethod)

ENTRY = re.compile(r"^   ([a-z_]+\.)*\w+$", re.MULTILINE)


def listed_names() -> list[str]:
    """The names in the tables of the reference, with the package's before them."""
    text = (Path(__file__).parent / "api.md").read_text(encoding="utf-8")
    return [f"gaussmix.{match.group().strip()}" for match in ENTRY.finditer(text)]


def exported_names() -> Iterator[str]:
    """Classes and functions in the ``__all__`` of the packages."""
    for package in PACKAGES:
        module = f"gaussmix.{package}".rstrip(".")
        for name in importlib.import_module(module).__all__:
            if callable(getattr(importlib.import_module(module), name)):
                yield f"{module}.{name}"


def found(name: str) -> Any:
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(module), last)


def public_members(owner_name: str) -> Iterator[tuple[str, bool]]:
    """What a class defines itself and does not call private, and whether it is documented by what it overrides."""
    owner = found(owner_name)
    for name, member in vars(owner).items():
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, _DESCRIPTORS)):
            bases = (vars(base).get(name) for base in owner.__mro__[1:])
            yield f"{owner_name}.{name}", any(_own_docstring(overridden) for overridden in bases if overridden)


def _own_docstring(member: Any) -> str | None:
    return getattr(member, "__func__", member).__doc__


def faults_of(name: str, not_asked: Collection[str]) -> Iterator[str]:
    """What numpydoc finds, but for codes that are not asked of this name."""
    for code, fault in validate(name)["errors"]:
        if code not in NOT_ASKED and code not in not_asked:
            yield f"{name}: {code} {fault}"


def faults_of_class(name: str) -> Iterator[str]:
    """Parameters of a frozen record are its attributes; exceptions are for the package to make."""
    target = found(name)
    text = NumpyDocString(inspect.getdoc(target) or "")
    yield from faults_of(name, ("PR01",))
    said = [entry for section in ("Parameters", "Attributes") for entry in text[section]]
    yield from (f"{name}: attribute {entry.name} has no description" for entry in text["Attributes"] if not entry.desc)
    if "__init__" in vars(target) and not issubclass(target, Exception):
        taken = {parameter for parameter in inspect.signature(target).parameters if not parameter.startswith("_")}
        missing = taken - {part.strip() for entry in said for part in entry.name.split(",")}
        yield from (f"{name}: parameter {parameter} is not documented" for parameter in sorted(missing))
    for member, is_documented in public_members(name):
        yield from faults_of(member, OVERRIDDEN if is_documented else ())


def main() -> int:
    listed = listed_names()
    public = [found(name) for name in listed]
    faults = [f"{name}: not in docs/api.md" for name in exported_names() if found(name) not in public]
    for name, target in zip(listed, public, strict=True):
        is_class = inspect.isclass(target)
        faults.extend(faults_of_class(name) if is_class else faults_of(name, ()))
        is_error = is_class and issubclass(target, Exception)
        if name.count(".") == 1 and not is_error and ">>>" not in (target.__doc__ or ""):
            faults.append(f"{name}: no example")
    print(*sorted(faults), sep="\n", end="\n" if faults else "")
    print(f"{len(listed)} public names; faults of their docstrings: {len(faults)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
