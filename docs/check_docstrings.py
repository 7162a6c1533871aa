"""Check that the reference has every public name, and that each name in it says what it takes and what it returns.

``make lint`` runs it. Public is what the packages below export, and what ``docs/api.md`` lists; of a class, its public
methods too. numpydoc judges the docstrings.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

PACKAGES = ("", "covariance", "datasets", "engines", "estimators", "imaging", "inference", "merging", "plots", "report")
PACKAGES += ("selection",)

NOT_ASKED = {
    "GL01": "a docstring begins on the line of its quotes",
    "GL02": "and one of one line ends there",
    "ES01": "a sentence may say all",
    "SA01": "the tables of the reference have the neighbors side by side",
    "EX01": "asked of what `gaussmix` itself exports, below",
    "SS05": "a summary may begin with a noun, which it takes for a verb in the third person",
}

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


def public_members(name: str) -> Iterator[str]:
    """What a class defines itself and does not call private; what it overrides has its base's docstring."""
    owner = found(name)
    for last, member in vars(owner).items():
        is_code = inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod)
        inherits = not _own_docstring(member) and any(hasattr(base, last) for base in owner.__mro__[1:])
        if is_code and not last.startswith("_") and not inherits:
            yield f"{name}.{last}"


def _own_docstring(member: Any) -> str | None:
    return getattr(member, "__func__", member).__doc__


def faults_of(name: str, is_method: bool) -> Iterator[str]:
    for code, fault in validate(name)["errors"]:
        if code in NOT_ASKED or (code == "PR01" and not is_method and not _undocumented_parameters(name)):
            continue
        yield f"{name}: {code} {fault}"


def _undocumented_parameters(name: str) -> set[str]:
    """Parameters of a class are attributes too in a frozen record; private ones are nobody's business."""
    target = found(name)
    text = NumpyDocString(inspect.getdoc(target) or "")
    said = {part.strip() for section in ("Parameters", "Attributes") for line in text[section] for part in line[0].split(",")}
    return {taken for taken in inspect.signature(target).parameters if not taken.startswith("_")} - said


def main() -> int:
    listed = listed_names()
    public = [found(name) for name in listed]
    faults = [f"{name}: not in docs/api.md" for name in exported_names() if found(name) not in public]
    for name in listed:
        faults.extend(faults_of(name, is_method=not inspect.isclass(found(name))))
        if inspect.isclass(found(name)):
            for member in public_members(name):
                faults.extend(faults_of(member, is_method=True))
        elif name.count(".") == 1 and ">>>" not in (found(name).__doc__ or ""):
            faults.append(f"{name}: no example")
    print(*sorted(faults), sep="\n", end="\n" if faults else "")
    print(f"{len(listed)} public names; faults of their docstrings: {len(faults)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
