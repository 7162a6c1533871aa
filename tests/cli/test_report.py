"""The command ``gaussmix report``."""

import sys

import pytest
from helpers.command_line import fails, run, succeeds
from helpers.html_pages import assert_complete, named_eruptions

import gaussmix.selection.all_families
from gaussmix import Mixture
from gaussmix.html_report import write_report

pytestmark = pytest.mark.usefixtures("reports_without_pictures")


@pytest.mark.slow
def test_command_writes_the_page_that_python_writes(model_and_table, tmp_path):
    model, table, output = model_and_table
    assert "r.html" in "".join(succeeds("report", model, table, "-k", "1:2", "--seed", 3, "-o", output).stdout.split())
    write_report(
        tmp_path / "p.html",
        Mixture.load(model),
        named_eruptions(),
        n_components=(1, 2),
        random_state=3,
        title="m.json on t.csv",
    )
    assert output.read_text() == (tmp_path / "p.html").read_text()
    succeeds("report", model, table, "--weights", "count", "--no-compare", "-o", output)
    reader = assert_complete(output.read_text(encoding="utf-8"))
    assert "total weight 271" in reader.texts["header"]
    assert reader.texts["title"] == "m.json on t.csv"
    assert str(tmp_path) not in output.read_text()


@pytest.mark.parametrize("title", ["Customers of 2025", "<b>", "a & b"])
def test_title_is_that_of_the_option(title, model_and_table):
    model, table, output = model_and_table
    succeeds("report", model, table, "--no-compare", "--title", title, "-o", output)
    assert assert_complete(output.read_text(encoding="utf-8")).texts["title"] == title


def test_command_refuses_in_one_sentence(model_and_table, tmp_path):
    model, table, output = model_and_table
    assert "must end in .html" in fails("report", model, table, "-o", tmp_path / "r.txt")
    assert "does not exist" in fails("report", model, table, "-o", tmp_path / "none" / "r.html")
    assert "-k must be numbers of components" in fails("report", model, table, "-k", "x", "-o", output)
    assert "cannot be combined" in fails("report", model, table, "-k", "2", "--no-compare", "-o", output)
    assert "is not a gaussmix model" in fails("report", table, table, "-o", output)
    (tmp_path / "other.csv").write_text("length,depth\n1,2\n")
    assert "no columns 'eruptions' and 'waiting'" in fails("report", model, tmp_path / "other.csv", "-o", output)
    assert not output.exists()


def test_command_names_the_library_that_is_missing(drawn, model_and_table, monkeypatch):
    model, table, output = model_and_table
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert 'pip install "gaussmix[plots]"' in fails("report", model, table, "-o", output)
    assert not output.exists()


def test_interrupted_search_leaves_a_page_of_what_was_compared(model_and_table, monkeypatch):
    model, table, output = model_and_table

    untouched = gaussmix.selection.all_families.search_models

    def interrupted(rows, cells, **options):
        untouched(rows, set(sorted(cells)[:2]), **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(gaussmix.selection.all_families, "search_models", interrupted)
    result = run("report", model, table, "-k", "1:3", "-o", output)
    assert result.exit_code == 130
    assert result.stderr == "Interrupted: the report has the models that were compared until then.\n"
    assert_complete(output.read_text(encoding="utf-8"))
