"""``gaussmix outliers``: what it prints and writes, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from helpers.command_line import fails, succeeds

from gaussmix import Mixture
from gaussmix.cli.outliers import Control
from gaussmix.diagnostics.outliers import CONTROLS

MIXTURE = Mixture.from_parameters(
    [0.5, 0.5], [[0.0, 0.0], [9.0, 9.0]], np.ones(2), covariance_type="spherical", feature_names=["length", "width"]
)


@pytest.fixture
def model(tmp_path):
    MIXTURE.save(tmp_path / "model.json")
    return tmp_path / "model.json"


@pytest.fixture
def table(tmp_path):
    rows = np.concatenate([MIXTURE.sample(200, 0)[0], [[0.0, 9.0], [9.5, 30.0]]])
    pd.DataFrame({"name": "x", "length": rows[:, 0], "width": rows[:, 1]}).to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


@pytest.fixture
def held_out(tmp_path):
    rows = MIXTURE.sample(999, 1)[0]
    pd.DataFrame({"length": rows[:, 0], "width": rows[:, 1]}).to_csv(tmp_path / "held_out.csv", index=False)
    return tmp_path / "held_out.csv"


def test_controls_are_those_of_the_package():
    assert tuple(Control) == CONTROLS


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_flagged_rows_are_explained_in_print_and_in_the_file(model, table, tmp_path, suffix):
    output = tmp_path / f"flagged{suffix}"
    printed = succeeds("outliers", model, table, "--control", "fdr", "--alpha", 1e-3, "-o", output).stdout
    lines = dict(line.split("  ", 1) for line in printed.splitlines() if "  " in line.strip())
    assert lines["flagged"].strip() == "2"
    assert lines["false flags expected"].strip() == "at most 0.001 of the flagged rows"
    assert "width 30 (expected 9, +21.0 sd)" in printed
    written = pd.read_csv(output, keep_default_na=False) if suffix == ".csv" else pd.read_parquet(output)
    assert list(written) == ["p_value", "outlier", "explanation"]
    assert list(np.flatnonzero(written["outlier"])) == [200, 201]
    rows = pd.read_csv(table)[["length", "width"]]
    expected = MIXTURE.log_density_distribution().cdf(MIXTURE.log_density(rows))
    np.testing.assert_array_equal(written["p_value"], expected)
    assert written.loc[201, "explanation"].startswith("width 30")
    assert set(written.loc[:199, "explanation"]) == {""}


def test_held_out_rows_give_the_p_values(model, table, held_out, tmp_path):
    output = tmp_path / "flagged.csv"
    printed = succeeds("outliers", model, table, "--calibration", held_out, "--alpha", 0.01, "-o", output).stdout
    assert "999 held-out rows" in printed
    assert "about 2.02 if all rows are ordinary" in printed
    written = pd.read_csv(output)
    assert written["p_value"].min() == 1 / 1000
    np.testing.assert_array_equal(written["outlier"], written["p_value"] <= 0.01)


def test_held_out_rows_must_be_enough_for_a_flag(model, table, held_out):
    few = held_out.with_name("few.csv")
    pd.read_csv(held_out).head(5).to_csv(few, index=False)
    message = (
        "calibration has 5 rows, so no p-value is below 0.17 and nothing can be flagged at alpha=0.05: use at least 19"
    )
    assert message in " ".join(fails("outliers", model, table, "--calibration", few).split())


def test_columns_of_the_table_are_kept(model, table, tmp_path):
    succeeds("outliers", model, table, "--keep", "name", "-o", tmp_path / "kept.csv")
    assert "name" in pd.read_csv(tmp_path / "kept.csv")
    succeeds("outliers", model, table, "--join", "-o", tmp_path / "joined.csv")
    assert {"name", "length", "width", "p_value", "outlier", "explanation"} <= set(pd.read_csv(tmp_path / "joined.csv"))
    assert "--keep and --join need --output" in fails("outliers", model, table, "--join")


def test_nothing_flagged_is_said(model, table):
    assert "No row is flagged." in succeeds("outliers", model, table, "--alpha", 1e-200).stdout


def test_wrong_options_are_refused(model, table, tmp_path):
    assert "alpha must be above 0 and below 1" in fails("outliers", model, table, "--alpha", 0)
    assert "use .csv or .parquet" in fails("outliers", model, table, "-o", tmp_path / "flagged.npy")
    assert "is an input" in fails("outliers", model, table, "-o", table)
    pd.DataFrame({"length": [1.0, np.nan], "width": [1.0, 2.0]}).to_csv(tmp_path / "missing.csv", index=False)
    assert "missing" in fails("outliers", model, tmp_path / "missing.csv")
    pd.DataFrame({"length": [1.0]}).to_csv(tmp_path / "narrow.csv", index=False)
    assert "narrow.csv" in fails("outliers", model, table, "--calibration", tmp_path / "narrow.csv")
