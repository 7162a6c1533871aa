"""The check of sizes finds each kind of excess, and none within the limits."""

from textwrap import dedent

import check_sizes
import pytest


def function(n_lines=2, parameters="", name="f", indent=""):
    """Source of a function of so many lines of code, half as many comments, and a docstring of 100 lines."""
    docstring = '    """Docstring.\n' + "\n" * 98 + '    """\n'
    body = "".join(f"    x = {at}\n" + ("    # comment\n\n" if at % 2 else "") for at in range(n_lines - 1))
    source = f"def {name}({parameters}):\n{docstring}{body}"
    return "".join(indent + line if line.strip() else line for line in source.splitlines(keepends=True))


def arguments(n, *, positional=9):
    names = [f"p{at}" for at in range(n)]
    return ", ".join([*names[:positional], *(["*"] if n > positional else []), *names[positional:]])


def places(path, source, public=()):
    return [place for place, _ in check_sizes.excesses(path, source, set(public))]


@pytest.mark.parametrize(("n_lines", "found"), [(450, []), (451, ["src/a.py"])])
def test_files_are_measured(n_lines, found):
    assert places("src/a.py", "x = 1\n" * n_lines) == found


@pytest.mark.parametrize(("n_lines", "found"), [(80, []), (81, ["src/a.py::f"])])
def test_docstrings_comments_and_blank_lines_are_not_code(n_lines, found):
    assert places("src/a.py", function(n_lines)) == found


def test_methods_and_functions_within_functions_are_measured():
    assert places("src/a.py", "class A:\n" + function(90, "self", indent="    ")) == ["src/a.py::A.f"]
    assert places("src/a.py", "def g():\n" + function(90, indent="    ")) == ["src/a.py::g", "src/a.py::g.f"]


@pytest.mark.parametrize(
    ("path", "parameters", "public", "found"),
    [
        ("src/a.py", arguments(9), [], []),
        ("src/a.py", arguments(10), [], ["src/a.py::f"]),
        ("src/a.py", arguments(10), ["f"], []),
        ("src/a.py", arguments(10, positional=10), ["f"], ["src/a.py::f"]),
        ("src/gaussmix/cli/f.py", arguments(20, positional=20), [], []),
        ("src/gaussmix/cli/other.py", arguments(20, positional=20), [], ["src/gaussmix/cli/other.py::f"]),
    ],
)
def test_only_functions_that_users_call_by_keyword_have_more_parameters(path, parameters, public, found):
    assert places(path, function(2, parameters), public) == found


def test_only_constructors_of_public_classes_have_more_parameters():
    source = "class A:\n" + function(2, f"self, {arguments(10)}", "__init__", "    ")
    assert places("src/a.py", source, ["A"]) == []
    assert places("src/a.py", source) == ["src/a.py::A.__init__"]


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "api.md").write_text(".. autosummary::\n\n   part.listed\n")
    (tmp_path / "src").mkdir()
    return tmp_path


def test_exceptions_must_be_needed(repository, capsys):
    (repository / "src" / "a.py").write_text(function(2, arguments(10)) + "\n\n" + function(2, arguments(10), "listed"))
    assert check_sizes.main(repository, ()) == 1
    assert check_sizes.main(repository, ["src/a.py::f"]) == 0
    assert check_sizes.main(repository, ["src/a.py::f", "src/b.py"]) == 1
    assert capsys.readouterr().out == dedent("""\
        src/a.py::f: 10 parameters; the limit is 9
        sizes beyond the limits: 1; exceptions: 0
        sizes beyond the limits: 0; exceptions: 1
        src/b.py: within the limits; remove it from ALLOWED
        sizes beyond the limits: 1; exceptions: 2
        """)
