"""``gaussmix impute``: empty cells are filled, all others stay as they are."""

import numpy as np
import pandas as pd
import pytest
from helpers.command_line import fails, succeeds

from gaussmix import GaussianMixture, Mixture

TEXT = """id,name,x,y,z
1,Ann,1.0,2.10,5
2,Bob,2.0,,6.50
3,"C, D",3.0,6.2,
4,Eve,,8.1,8.1
5,Fay,5.0,9.9,9.0
6,Gus,6.1,12.2,
7,Hal,7.0,13.9,11.0
8,Ida,7.9,16.1,12.1
9,Jon,9.0,18.2,13.0
10,Kim,10.2,19.8,14.2
"""
HOLES = [(1, 3), (2, 4), (3, 2), (5, 4)]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TEXT)
    return path


def cells(text: str) -> list[list[str]]:
    return pd.read_csv(pd.io.common.StringIO(text), dtype=str, keep_default_na=False).to_numpy().tolist()


@pytest.mark.parametrize("options", [["-k", 1], ["-k", 1, "--draw"], ["-k", 1, "--columns", "x,y,z"]])
def test_only_empty_cells_change(table, tmp_path, options):
    before, after = cells(TEXT), cells(succeeds("impute", table, *options).stdout)
    changed = [(row, column) for row in range(10) for column in range(5) if before[row][column] != after[row][column]]
    assert changed == HOLES
    assert all(np.isfinite(float(after[row][column])) for row, column in HOLES)
    assert abs(float(after[1][3]) - 4.1) < 1


def test_values_are_those_of_python(table, tmp_path):
    out, model = tmp_path / "filled.parquet", tmp_path / "model.json"
    frame = pd.read_csv(table)[["x", "y", "z"]]
    fitted = GaussianMixture(1, random_state=0).fit(frame)
    fitted.mixture_.save(model)
    succeeds("impute", table, "--model", model, "-o", out)
    filled = pd.read_parquet(out)
    assert list(filled.columns) == ["id", "name", "x", "y", "z"]
    assert filled["name"].tolist() == pd.read_csv(table)["name"].tolist()
    np.testing.assert_allclose(filled[["x", "y", "z"]].astype(float), fitted.impute(frame), rtol=1e-12)
    assert "Filled 4 cells: x (1), y (1) and z (2)" in " ".join(
        succeeds("impute", table, "--model", model, "-o", out).stderr.split()
    )


def test_a_table_of_numbers_without_names(tmp_path):
    rows = np.random.default_rng(0).normal(size=(40, 3))
    holed = rows.copy()
    holed[[3, 8], [1, 2]] = np.nan
    np.save(tmp_path / "rows.npy", holed)
    succeeds("impute", tmp_path / "rows.npy", "-k", 1, "-o", tmp_path / "filled.npy")
    filled = np.load(tmp_path / "filled.npy")
    np.testing.assert_array_equal(filled[~np.isnan(holed)], rows[~np.isnan(holed)])
    assert np.isfinite(filled).all()


def test_a_complete_table_is_written_as_it_is(table, tmp_path):
    complete = "\n".join(line for line in TEXT.splitlines() if ",," not in line and not line.endswith(",")) + "\n"
    table.write_text(complete)
    result = succeeds("impute", table, "-k", 1)
    assert cells(result.stdout) == cells(complete)
    assert "No cell was empty" in result.stderr


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("name,city\nAnn,Ulm\nBob,\n", [], "has no column of numbers; name one with --columns"),
        (TEXT, ["--columns", "x,w"], "has no column 'w'"),
        ("x,y\n1,\n2,\n3,\n", ["--columns", "x,y"], "X has no value in column 1 ('y')"),
    ],
)
def test_what_cannot_be_filled_is_named(table, text, options, message):
    table.write_text(text)
    assert message in fails("impute", table, *options)


def test_a_model_has_its_own_columns(table, tmp_path):
    Mixture.from_parameters([1.0], [[0.0, 0.0]], [[1.0, 1.0]], covariance_type="diag").save(tmp_path / "m.json")
    assert "leave out --columns and --components" in fails("impute", table, "--model", tmp_path / "m.json", "-k", 2)
    assert "has 5 columns; the model has 2 features" in fails("impute", table, "--model", tmp_path / "m.json")


@pytest.mark.parametrize("word", ["NA", "N/A", "NULL", "NaN", "null"])
def test_words_for_missing_values_are_filled(word, tmp_path):
    path, out = tmp_path / "words.csv", tmp_path / "filled.parquet"
    path.write_text(f"x,y,z\n1.5,2,a\n{word},3,b\n2.5,{word},{word}\n3.7,4,c\n5.1,6,d\n6.2,8,e\n7.9,1,f\n")
    assert "Filled 2 cells: x (1) and y (1)" in succeeds("impute", path, "-k", 1, "-o", out).stderr
    filled = pd.read_parquet(out)
    assert filled[["x", "y"]].astype(float).notna().all(axis=None)
    written = cells(succeeds("impute", path, "-k", 1).stdout)
    assert written[2][2] == word
    assert float(written[1][0]) == pytest.approx(float(filled["x"][1]))
