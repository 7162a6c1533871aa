"""The command line, end to end: what it prints, what it writes, and one clear sentence when the input is wrong."""

import io
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from helpers.command_line import fails, run, succeeds
from rich.console import Console

import gaussmix
from gaussmix import GaussianMixture, Mixture
from gaussmix.cli.console import fit_progress
from gaussmix.cli.options import CovarianceType, Init, ModelName
from gaussmix.core.covariance import COVARIANCES, STRUCTURES
from gaussmix.fitting.em import Progress
from gaussmix.fitting.initialization import METHODS
from gaussmix.selection.model_names import ONE_COLUMN
from gaussmix.tables import write_table

CHOOSE = ["--columns", "length"]


# predict, score, sample


def test_predict_prints_labels_and_probabilities_in_row_order(model, table, rows):
    mixture = Mixture.load(model)
    frame = pd.read_csv(io.StringIO(succeeds("predict", model, table, "--proba").stdout))
    assert list(frame.columns) == ["label", "p0", "p1", "p2"]
    np.testing.assert_array_equal(frame["label"], mixture.labels(rows))
    np.testing.assert_array_equal(frame[["p0", "p1", "p2"]], mixture.responsibilities(rows))


def test_fit_then_predict_gives_the_labels_that_python_gives(table, rows, tmp_path):
    succeeds("fit", table, "-k", 3, "--columns", "width,length", "-o", tmp_path / "m.json")
    succeeds("predict", tmp_path / "m.json", table, "-o", tmp_path / "labels.csv")
    expected = GaussianMixture(3, random_state=0).fit_predict(rows[:, ::-1])
    np.testing.assert_array_equal(pd.read_csv(tmp_path / "labels.csv")["label"], expected)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy"])
def test_predict_agrees_for_every_format_in_and_out(suffix, model, rows, tmp_path):
    path, out = tmp_path / f"table{suffix}", tmp_path / f"out{suffix}"
    write_table(path, {"length": rows[:, 0], "width": rows[:, 1]})
    assert succeeds("predict", model, path, "-o", out).stdout == ""
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".npy": np.load}[suffix]
    np.testing.assert_array_equal(np.ravel(read(out)), Mixture.load(model).labels(rows))


def test_columns_chosen_by_position_are_chosen_again(rows, tmp_path):
    wide = np.column_stack([rows[:, 1], np.zeros(120), rows[:, 0]])
    np.save(tmp_path / "wide.npy", wide)
    succeeds("fit", tmp_path / "wide.npy", "-k", 3, "--columns", "2,0", "-o", tmp_path / "m.json")
    frame = pd.read_csv(io.StringIO(succeeds("predict", tmp_path / "m.json", tmp_path / "wide.npy").stdout))
    np.testing.assert_array_equal(frame["label"], GaussianMixture(3, random_state=0).fit_predict(rows))


def test_score_prints_likelihood_and_bic_and_writes_densities(model, table, rows, tmp_path):
    joined = " ".join(succeeds("score", model, table, "-o", tmp_path / "d.csv").stdout.split())
    density = Mixture.load(model).log_density(rows)
    estimator = GaussianMixture(3, random_state=0).fit(rows)
    assert f"log-likelihood {density.sum():.4f} ({density.mean():.6f} per row)" in joined
    assert f"BIC {estimator.bic(rows):.3f} (lower is better)" in joined
    np.testing.assert_array_equal(pd.read_csv(tmp_path / "d.csv")["log_density"], density)


def test_sample_draws_the_rows_of_its_seed(model, tmp_path):
    expected, labels = Mixture.load(model).sample(50, 3)
    frame = pd.read_csv(io.StringIO(succeeds("sample", model, "-n", 50, "--seed", 3, "--labels").stdout))
    assert list(frame.columns) == ["length", "width", "label"]
    np.testing.assert_array_equal(frame[["length", "width"]], expected)
    np.testing.assert_array_equal(frame["label"], labels)
    for suffix in (".npy", ".parquet"):
        succeeds("sample", model, "-n", 50, "--seed", 3, "-o", tmp_path / f"sample{suffix}")
    np.testing.assert_array_equal(np.load(tmp_path / "sample.npy"), expected)
    np.testing.assert_array_equal(pd.read_parquet(tmp_path / "sample.parquet"), expected)


def test_sample_without_a_seed_differs_from_call_to_call(model):
    assert succeeds("sample", model, "-n", 3).stdout != succeeds("sample", model, "-n", 3).stdout


# errors


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "table.csv is empty."),
        ("a,b\n", "table.csv has no rows."),
        (
            "a,b\n1,2\n3,four\n5,6\n",
            "column 'b' has 'four' in row 1 (line 3) instead of a number; choose columns with --col",
        ),
        (
            "a,b\n1,2\n3,inf\n5,6\n",
            "has infinite values in 1 of 3 rows: infinity for 'b' in row 1 (line 3); leave these cells empty if",
        ),
        ("a,b\n1,2\n3,4\n", "table.csv has 2 rows; 3 components need at least 3."),
        ("a,b\n1,2\n3,4\n5,6,7\n", "table.csv is not a CSV table: expected 2 fields in line 4, saw 3."),
    ],
)
def test_fit_refuses_bad_tables_in_one_sentence(content, message, tmp_path):
    (tmp_path / "table.csv").write_text(content)
    assert message in fails("fit", tmp_path / "table.csv", "-k", 3, "-o", tmp_path / "m.json")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "none.npy"])
def test_fit_of_a_missing_file_says_so(name, tmp_path):
    assert fails("fit", tmp_path / name, "-k", 2) == f"Error: {tmp_path / name} does not exist."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--columns", "length,depth"], "has no column 'depth'; its columns are 'length', 'name', 'width' and 'w'."),
        (["--columns", "length,length"], "--columns names a column twice"),
        (
            ["--columns", "length,w", "--weights", "w"],
            "'w' cannot be both a feature (--columns) and the weights (--weights)",
        ),
        (["--columns", "length", "--weights", "v"], "has no column 'v'"),
        (["--columns", "width", "--weights", "length"], "column 'length' has the weight -"),
        (["--columns", ""], "has no columns besides the weights"),
    ],
)
def test_fit_refuses_wrong_columns_in_one_sentence(options, message, table):
    assert message in fails("fit", table, "-k", 2, *options)


def test_outputs_that_cannot_be_written_are_refused_before_the_work(table, model, tmp_path):
    choose = ["--columns", "length"]
    assert "does not exist" in fails("fit", table, "-k", 2, *choose, "-o", tmp_path / "none" / "m.json")
    assert "is a folder; give a file name" in fails("fit", table, "-k", 2, *choose, "-o", tmp_path)
    assert "is an input; write the output to another file" in fails("fit", table, "-k", 2, *choose, "-o", table)
    assert "is an input" in fails("predict", model, table, "-o", table)
    assert "must end in .csv, .parquet or .npy" in fails("predict", model, table, "-o", tmp_path / "labels.txt")
    assert "does not exist" in fails("demo", "-o", tmp_path / "none" / "out")


def test_damaged_models_are_refused_in_one_sentence(model, table, tmp_path):
    damaged = tmp_path / "damaged.json"
    damaged.write_text(model.read_text()[:200])
    for command in (["predict", damaged, table], ["score", damaged, table], ["sample", damaged]):
        assert "damaged.json is not a gaussmix model: it is not JSON" in fails(*command)
    assert "is not a gaussmix model" in fails("predict", table, table)
    assert fails("sample", tmp_path / "none.json") == f"Error: {tmp_path / 'none.json'} does not exist."


def test_predict_names_the_columns_that_are_missing(model, tmp_path):
    (tmp_path / "other.csv").write_text("length,depth\n1,2\n")
    line = fails("predict", model, tmp_path / "other.csv")
    assert "other.csv has no column 'width'; its columns are 'length' and 'depth'." in line
    np.save(tmp_path / "three.npy", np.zeros((2, 3)))
    assert "three.npy has 3 columns; the model has 2 features." in fails("predict", model, tmp_path / "three.npy")


def test_sample_with_labels_does_not_hide_a_feature_named_label(tmp_path):
    Mixture.from_parameters([1.0], [[0.0]], [[[1.0]]], feature_names=["label"]).save(tmp_path / "m.json")
    assert "has a feature named 'label'" in fails("sample", tmp_path / "m.json", "--labels")


def test_missing_library_is_named_with_the_extra_to_install(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    line = fails("fit", table, "-k", 2)
    assert line.endswith('tables needs pandas: pip install "gaussmix[tables]"')


def test_interrupt_ends_with_130_and_one_line(table, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(GaussianMixture, "fit", interrupted)
    result = run("fit", table, "-k", 2, "--columns", "length")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Interrupted.\n")


def test_fit_goes_on_from_its_checkpoint_only(table, tmp_path):
    options = ("fit", table, "--columns", "length,width", "--checkpoint", tmp_path / "fit.checkpoint")
    succeeds(*options, "-k", 3, "-o", tmp_path / "one.json")
    assert (tmp_path / "fit.checkpoint").exists()
    succeeds(*options, "-k", 3, "-o", tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert "n_components is 3 there and 2 here" in fails(*options, "-k", 2)
    before = table.read_bytes()
    assert "table.csv" in fails("fit", table, "-k", 2, "--columns", "length", "--checkpoint", table)
    assert table.read_bytes() == before


@pytest.fixture
def ctrl_c_in_the_search(monkeypatch):
    @contextmanager
    def presses(console, **_options):
        seen = []

        def press(progress):
            seen.append(progress)
            if len(seen) == 8:
                raise KeyboardInterrupt

        yield press

    monkeypatch.setattr("gaussmix.cli.fit.fit_progress", presses)


def test_interrupted_fit_keeps_the_best_model_so_far(ctrl_c_in_the_search, table, tmp_path):
    result = run("fit", table, *CHOOSE, "-o", tmp_path / "m.json", "-k", 2)
    assert result.exit_code == 130
    assert result.stderr == "Interrupted: this is the best model so far; it has not converged.\n"
    assert "why it stopped  Interrupted after" in result.stdout
    assert Mixture.load(tmp_path / "m.json").n_components == 2


@pytest.mark.parametrize(
    "args",
    [["fit", "t.csv"], ["fit", "t.csv", "-k", "0"], ["fit", "t.csv", "-k", "2", "--covariance-type", "round"], ["x"]],
)
def test_usage_errors_exit_with_2(args):
    result = run(*args)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr


# the rest


def test_progress_is_shown_in_a_terminal_once_a_fit_lasts():
    def shown(console, after):
        with fit_progress(console, after) as callback:
            callback(Progress(start=1, n_iter=37, log_likelihood=-3.25, gain=0.1))
        return console.file.getvalue()

    terminal = {"force_terminal": True, "width": 120}
    assert "Start 2, iteration 37: mean log-likelihood -3.25" in shown(Console(file=io.StringIO(), **terminal), 0)
    assert shown(Console(file=io.StringIO(), **terminal), 1e9) == ""
    assert shown(Console(file=io.StringIO()), 0) == ""


def test_choices_are_those_of_the_package():
    assert [choice.value for choice in CovarianceType] == list(COVARIANCES)
    assert [choice.value for choice in ModelName] == [name for name in STRUCTURES if name not in ONE_COLUMN]
    assert [choice.value for choice in Init] == list(METHODS)


def test_version_is_that_of_the_package():
    assert succeeds("--version").stdout == f"gaussmix {gaussmix.__version__}\n"


@pytest.mark.parametrize("command", ["fit", "predict", "score", "sample", "plot", "segment", "demo"])
def test_help_has_an_example(command):
    assert f"Example: gaussmix {command}" in succeeds(command, "--help").stdout


@pytest.mark.slow
def test_module_runs_as_a_command():
    done = subprocess.run([sys.executable, "-m", "gaussmix", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"gaussmix {gaussmix.__version__}\n"


@pytest.mark.slow
def test_command_line_imports_no_heavy_library_before_it_is_needed():
    heavy = {"sklearn", "matplotlib", "pandas", "pyarrow", "PIL", "scipy.stats", "scipy.optimize", "scipy.ndimage"}
    code = f"import sys, gaussmix.cli; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_scores_count_rows_with_values(tmp_path):
    rows = np.random.default_rng(0).normal(size=(40, 2))
    rows[3, 0] = rows[7] = rows[9] = np.nan
    fitted = GaussianMixture(1, random_state=0).fit(rows)
    fitted.mixture_.save(tmp_path / "model.json")
    np.savetxt(tmp_path / "rows.csv", rows, delimiter=",")
    said = " ".join(succeeds("score", tmp_path / "model.json", tmp_path / "rows.csv").stdout.split())
    assert "rows 40 (2 without any value, not counted)" in said
    assert f"({fitted.score(rows):.6f} per row)" in said
    assert f"BIC {fitted.bic(rows):.3f}" in said
    np.savetxt(tmp_path / "empty.csv", np.full((3, 2), np.nan), delimiter=",")
    assert "no value in the columns of the model" in fails("score", tmp_path / "model.json", tmp_path / "empty.csv")
    summary = " ".join(succeeds("fit", tmp_path / "rows.csv", "-k", 1, "-o", tmp_path / "m.json").stdout.split())
    assert f"log-likelihood {fitted.score(rows) * 38:.4f}" in summary
