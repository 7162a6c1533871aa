"""Check the sizes of files and functions in ``src``; ``make lint`` runs it.

* A file has at most 450 lines.
* A function has at most 80 lines of code: its signature and its body without docstring, comments and blank lines.
* A function has at most 9 parameters, ``self`` and ``cls`` not counted. Two kinds of functions may have more:

  - public functions and constructors of public classes, if at most 9 of their parameters can be passed by position.
    Public is what ``docs/api.md`` lists, where ``check_docstrings.py`` requires that every parameter is documented;
  - a command, ``cli/NAME.py::NAME``: its parameters are options with a help text.

ALLOWED has the exceptions, by path or path::function; it is empty. An entry that is no longer needed is a fault.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Collection, Iterator
from pathlib import Path

MOST_LINES, MOST_CODE, MOST_PARAMETERS = 450, 80, 9

ALLOWED: set[str] = set()

ROOT = Path(__file__).resolve().parents[1]
ENTRY = re.compile(r"^   (?:[a-z_]+\.)*(\w+)$", re.MULTILINE)
NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions_of(tree: ast.AST, owners: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Function]]:
    """The functions and methods of a module with the names of what encloses them; their own name is the last one."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield (*owners, node.name), node
        if isinstance(node, Function | ast.ClassDef):
            yield from functions_of(node, (*owners, node.name))
        else:
            yield from functions_of(node, owners)


def lines_with_code(source: str) -> set[int]:
    """The numbers of the lines that hold more than a comment."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NOT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines


def length_of(function: Function, code: set[int]) -> int:
    """The lines of code of a function."""
    lines = set(range(function.lineno, (function.end_lineno or function.lineno) + 1)) & code
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(lines)


def positional_and_keyword(function: Function) -> tuple[int, int]:
    """How many parameters may be passed by position, and how many by keyword alone."""
    given = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    return len(given) - (given[:1] in (["self"], ["cls"])), len(function.args.kwonlyargs)


def is_called_by_keyword(path: str, names: tuple[str, ...], function: Function, public: set[str]) -> bool:
    """Whether a function may have more parameters than the limit."""
    if path.endswith(f"/cli/{names[-1]}.py"):
        return True
    called = names[-2] if names[-1] == "__init__" and len(names) > 1 else names[-1]
    return called in public and positional_and_keyword(function)[0] <= MOST_PARAMETERS


def excesses(path: str, source: str, public: set[str]) -> Iterator[tuple[str, str]]:
    """(place, what exceeds a limit there) in one file."""
    n_lines = len(source.splitlines())
    if n_lines > MOST_LINES:
        yield path, f"{n_lines} lines; the limit is {MOST_LINES}"
    code = lines_with_code(source)
    for names, function in functions_of(ast.parse(source)):
        place = f"{path}::{'.'.join(names)}"
        if (length := length_of(function, code)) > MOST_CODE:
            yield place, f"{length} lines of code; the limit is {MOST_CODE}"
        n_parameters = sum(positional_and_keyword(function))
        if n_parameters > MOST_PARAMETERS and not is_called_by_keyword(path, names, function, public):
            yield place, f"{n_parameters} parameters; the limit is {MOST_PARAMETERS}"


def main(root: Path = ROOT, allowed: Collection[str] = ALLOWED) -> int:
    public = set(ENTRY.findall((root / "docs" / "api.md").read_text(encoding="utf-8")))
    found = [
        excess
        for path in sorted((root / "src").rglob("*.py"))
        for excess in excesses(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"), public)
    ]
    faults = [f"{place}: {fault}" for place, fault in found if place not in allowed]
    within = set(allowed) - {place for place, _ in found}
    faults += [f"{place}: within the limits; remove it from ALLOWED" for place in within]
    print(*sorted(faults), sep="\n", end="\n" if faults else "")
    print(f"sizes beyond the limits: {len(faults)}; exceptions: {len(allowed)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
