"""`--keep` and `--join`: columns of the table, of any type, beside the results."""

import gzip
import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from helpers.command_line import fails, succeeds

from gaussmix import Mixture


@pytest.fixture
def model(tmp_path):
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [5.0, 5.0]], [1.0, 1.0], covariance_type="spherical")
    mixture = Mixture(mixture.weights, mixture.means, mixture.covariance, ("a", "b"))
    mixture.save(tmp_path / "model.json")
    return tmp_path / "model.json"


CSV = """code,a,comment,b,count,day
007,0.10,"x, y",0,1,2020-01-01
008,5.25,NA,5,,2020-01-02
012,4.75,"a ""b"" c",5,3,2020-01-03
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(CSV)
    return path


@pytest.mark.parametrize(("keep", "columns"), [("code", [0]), ("comment,code", [2, 0]), ("day, count", [5, 4])])
def test_kept_columns_precede_the_results_as_they_are_in_the_table(keep, columns, model, table):
    out = succeeds("predict", model, table, "--keep", keep).stdout
    given, got = (pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False) for text in (CSV, out))
    assert list(got.columns) == [given.columns[at] for at in columns] + ["label"]
    for at in columns:
        assert list(got[given.columns[at]]) == list(given[given.columns[at]])
    assert list(got["label"]) == ["0", "1", "1"]


def test_all_columns_are_joined(model, table):
    lines = succeeds("predict", model, table, "--join", "--proba").stdout.splitlines()
    assert lines[0] == "code,a,comment,b,count,day,label,p0,p1"
    assert all(line.startswith(before) for line, before in zip(lines[1:], CSV.splitlines()[1:], strict=True))


def test_log_densities_are_joined_to_the_table(model, table, tmp_path):
    succeeds("score", model, table, "--keep", "code", "-o", tmp_path / "scores.csv")
    got = pd.read_csv(tmp_path / "scores.csv", dtype={"code": str})
    assert list(got["code"]) == ["007", "008", "012"]
    rows = pd.read_csv(table)[["a", "b"]]
    np.testing.assert_allclose(got["log_density"], Mixture.load(model).log_density(rows), rtol=1e-15)


def test_parquet_columns_keep_their_types(model, tmp_path):
    frame = pd.DataFrame(
        {
            "id": pd.array([2**60 + 1, None, 3], dtype="Int64"),
            "a": [0.0, 5.0, 5.0],
            "b": [0.0, 5.0, 5.0],
            "day": pd.date_range("2020-01-01", periods=3),
            "kind": pd.Categorical(["u", "v", "u"]),
            "yes": [True, False, True],
            "text": ["x", "y", None],
            "price": [Decimal("1.10"), Decimal("2.20"), None],
            "list": [[1], [2, 3], []],
            "lasts": pd.to_timedelta([1, 2, None], unit="s"),
        }
    )
    frame.to_parquet(tmp_path / "table.parquet")
    succeeds("predict", model, tmp_path / "table.parquet", "--join", "-o", tmp_path / "out.parquet")
    got = pd.read_parquet(tmp_path / "out.parquet", dtype_backend="numpy_nullable")
    assert list(got.columns) == [*frame.columns, "label"]
    assert got["id"].iloc[0] == 2**60 + 1
    assert got["id"].isna().tolist() == [False, True, False]
    assert list(got["day"]) == list(frame["day"])
    assert list(got["kind"]) == list(frame["kind"])
    assert got["yes"].dtype == "boolean"
    assert got["price"].tolist()[:2] == frame["price"].tolist()[:2]
    assert [list(cell) for cell in got["list"]] == frame["list"].tolist()
    assert got["lasts"].isna().tolist() == [False, False, True]
    assert list(pd.read_parquet(tmp_path / "out.parquet")["text"])[:2] == ["x", "y"]


def test_the_index_of_a_data_frame_is_a_column(model, tmp_path):
    frame = pd.DataFrame({"a": [0.0, 5.0], "b": [0.0, 5.0]}, index=pd.Index(["x7", "x8"], name="sample"))
    frame.to_parquet(tmp_path / "table.parquet")
    out = succeeds("predict", model, tmp_path / "table.parquet", "--keep", "sample").stdout
    assert out == "sample,label\nx7,0\nx8,1\n"


@pytest.mark.parametrize("suffix", [".parquet", ".npy"])
def test_numbers_of_a_csv_file_become_numbers_and_identifiers_do_not(suffix, model, table, tmp_path):
    path = tmp_path / f"out{suffix}"
    if suffix == ".npy":
        succeeds("predict", model, table, "--keep", "count,a", "-o", path)
        np.testing.assert_array_equal(np.load(path), [[1, 0.1, 0], [np.nan, 5.25, 1], [3, 4.75, 1]])
        return
    succeeds("predict", model, table, "--join", "-o", path)
    got = pd.read_parquet(path, dtype_backend="numpy_nullable")
    assert list(got["code"]) == ["007", "008", "012"]
    assert str(got["count"].dtype) == "Int64"
    assert got["a"].tolist() == [0.1, 5.25, 4.75]
    assert got["comment"].tolist() == ["x, y", "NA", 'a "b" c']


def test_other_tables(model, tmp_path):
    (tmp_path / "commas.csv").write_text("id;a;b;note\n01;0,5;0;x\n02;5,5;5;1,5 or 2\n")
    out = succeeds("predict", model, tmp_path / "commas.csv", "--join").stdout
    assert out == 'id,a,b,note,label\n01,0.5,0,x,0\n02,5.5,5,"1,5 or 2",1\n'
    with gzip.open(tmp_path / "table.csv.gz", "wt") as file:
        file.write(CSV)
    out = succeeds("predict", model, tmp_path / "table.csv.gz", "--keep", "code").stdout
    assert out == "code,label\n007,0\n008,1\n012,1\n"
    (tmp_path / "bare.dat").write_text("0.50 0\n5.50 5\n")
    assert succeeds("predict", model, tmp_path / "bare.dat", "--keep", "0").stdout == "0,label\n0.50,0\n5.50,1\n"
    np.save(tmp_path / "table.npy", [[0.5, 0.0], [5.5, 5.0]])
    assert succeeds("predict", model, tmp_path / "table.npy", "--join").stdout == "0,1,label\n0.5,0.0,0\n5.5,5.0,1\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--keep", "nobody"], "has no column 'nobody'; its columns are 'code', 'a', 'comment', 'b',"),
        (["--keep", "code,code"], "--keep names a column twice: code,code"),
        (["--keep", "code", "--join"], "--keep and --join exclude each other: --join keeps all columns"),
        (["--keep", "code", "-o", "out.npy"], "column 'code' is not numbers, and .npy files hold nothing else"),
    ],
)
def test_impossible_columns_are_refused(options, message, model, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in fails("predict", model, table, *options)
    assert not (tmp_path / "out.npy").exists()


def test_a_column_with_the_name_of_a_result_is_refused(model, table, tmp_path):
    succeeds("predict", model, table, "--join", "-o", tmp_path / "labeled.csv")
    message = fails("predict", model, tmp_path / "labeled.csv", "--join")
    assert "has a column 'label', the name of a result: rename it, or choose others with --keep" in message
    assert "leave it out of --keep" in fails("predict", model, tmp_path / "labeled.csv", "--keep", "label")
    succeeds("predict", model, tmp_path / "labeled.csv", "--keep", "code")
    assert "--keep and --join need --output" in fails("score", model, table, "--join")
