"""The package as a whole: light to import, typed, one version."""

import ast
import pydoc
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import gaussmix
import gaussmix.core.environment
import gaussmix.imaging
import gaussmix.inference
import gaussmix.plots


@pytest.mark.slow
def test_import_is_light():
    code = "import sys, gaussmix; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "gaussmix" in modules
    others = {"matplotlib", "pandas", "torch", "dask", "PIL", "sklearn", "pyarrow", "polars", "typer", "starlette"}
    assert not others & set(modules)


def test_public_names_are_there():
    for name in gaussmix.__all__:
        assert getattr(gaussmix, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'GaussianMixtures'"):
        gaussmix.GaussianMixtures  # noqa: B018


@pytest.mark.parametrize("module", [gaussmix, gaussmix.plots, gaussmix.inference, gaussmix.imaging])
def test_help_shows_short_types(module):
    for public in filter(callable, (getattr(module, name) for name in module.__all__)):
        text = pydoc.render_doc(public, renderer=pydoc.plaintext)
        assert "_NestedSequence" not in text
        assert "numpy.dtype[" not in text


def test_version_is_that_of_the_metadata():
    assert gaussmix.__version__ == version("gaussmix")


def test_versions_are_printed(capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(gaussmix.core.environment, "OPTIONAL", ("pandas", "absent-thing"))
    gaussmix.show_versions()
    printed = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert printed["gaussmix"] == version("gaussmix")
    assert printed["instructions"] == gaussmix.core._native.selected_instruction_set()
    assert printed["numpy"] == version("numpy")
    assert printed["pandas"] == version("pandas")
    assert printed["absent-thing"] == "not installed"
    assert "OMP_NUM_THREADS=2" in printed["environment"]
    assert re.match(r"(GCC|.*[Cc]lang|.*LLVM).* \d+\.\d+.*, C\+\+ \d+", printed["compiled by"])


TYPED = """\
from gaussmix import Mixture, load
from gaussmix.core import _native

reveal_type(load("model.json").means)
reveal_type(_native.instruction_sets())
Mixture("weights")
"""


@pytest.mark.slow
def test_a_type_checker_sees_the_types(tmp_path, monkeypatch):
    mypy = pytest.importorskip("mypy.api")
    monkeypatch.chdir(tmp_path)  # away from the settings of the package
    Path("program.py").write_text(TYPED)
    said, errors, _ = mypy.run(["--strict", "--cache-dir", "cache", "program.py"])
    assert errors == ""
    notes = re.findall(r"program.py:(\d+): (?:note: Revealed type is|error:) \"?([^\n]*)", said)
    assert {int(line) for line, _ in notes} == {4, 5, 6}, said
    assert "ndarray" in notes[0][1]
    assert "list[" in notes[1][1]


def test_stubs_describe_the_compiled_module():
    from gaussmix.core import _native

    stub = ast.parse((Path(gaussmix.__file__).parent / "core" / "_native.pyi").read_text())
    described = {}
    for node in stub.body:
        for function in node.body if isinstance(node, ast.ClassDef) else [node]:
            is_property = "property" in [ast.unparse(each) for each in getattr(function, "decorator_list", [])]
            if isinstance(function, ast.FunctionDef) and not is_property:  # properties have no signature
                described[node.name, function.name] = [a.arg for a in function.args.args if a.arg != "self"]
    compiled = {}
    for name, thing in vars(_native).items():
        for member, function in vars(thing).items() if isinstance(thing, type) else [(name, thing)]:
            if hasattr(function, "__nb_signature__"):
                signature = re.sub(r"\[[^()]*?\]", "", function.__nb_signature__[0][0])
                arguments = re.search(r"\((.*)\) ->", signature).group(1)
                compiled[name, member] = [part.split(":")[0].strip() for part in arguments.split(",") if ":" in part]
    assert described == compiled
