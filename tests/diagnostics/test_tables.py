"""Tables with words, dates and missing cells: a line for each such column, the rest examined in complete rows."""

import datetime

import numpy as np
import pandas as pd
import pytest

from gaussmix.diagnostics import inspect_rows

N = 300
SOUND = pd.DataFrame(np.random.default_rng(0).normal(size=(N, 3)), columns=list("abc"))
DAYS = pd.date_range("2019-01-01", periods=N)


def entries(report):
    return [(entry.label, entry.text) for entry in report.entries()]


def gaps(column, *rows, value=np.nan):
    changed = SOUND[column].copy()
    changed.iloc[list(rows)] = value
    return changed


OTHERS = {
    "words": ([f"c{row}" for row in range(N)], "words", "z has words, such as 'c0' (a different one in each row)"),
    "few words": (["north", "south", None] * 100, "words", "(2 different), missing in 100 rows (33.3%)"),
    "categories": (pd.Categorical(["x", "y"] * 150), "words", "z has words, such as 'x' (2 different)"),
    "numbers and words": ([1.0, "one"] * 150, "words", "z has words, such as '1.0' (2 different)"),
    "strings": (pd.array(["u", "v", pd.NA] * 100, dtype="string"), "words", "(2 different), missing in 100 rows"),
    "dates": (DAYS, "dates", "z has dates, such as '2019-01-01"),
    "dates with gaps": (DAYS.where(np.arange(N) > 2), "dates", "missing in 3 rows (1.0%)"),
    "objects of dates": ([datetime.date(2020, 5, 6)] * N, "dates", "z has dates, such as '2020-05-06' (1 different)"),
    "durations": (pd.to_timedelta(np.arange(N), unit="h"), "durations", "z has durations"),
    "no date": (pd.to_datetime([None] * N), "dates", "z has no values"),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("at", [0, 2])
def test_a_column_without_numbers_has_a_line_and_the_others_are_examined(name, at):
    values, label, text = OTHERS[name]
    table = SOUND.copy()
    table.insert(at, "z", values)
    report = inspect_rows(table)
    [said] = [found for kind, found in entries(report) if kind == label]
    assert text in said
    plain = inspect_rows(SOUND)
    assert report.facts["rows"]["n_features"] == 3
    assert report.facts["rows"]["condition"] == plain.facts["rows"]["condition"]
    assert report.facts["advice"][0] == "Leave out z."


MISSING = {
    "NaN": (gaps("b", 3, 4, 5), "b is missing in 3 rows (1.0%)", [3, 4, 5]),
    "NA": (pd.array([None, 2, *range(N - 2)], dtype="Int64"), "b is missing in 1 row (0.3%)", [0]),
    "None": ([None, *SOUND["b"][1:]], "b is missing in 1 row (0.3%)", [0]),
    "infinity": (gaps("b", 7, value=-np.inf), "b is infinite in 1 row (0.3%)", [7]),
    "all of one row": (gaps("b", 299), "b is missing in 1 row (0.3%)", [299]),
    "both": (
        gaps("b", 7, value=np.inf).where(np.arange(N) != 9),
        "b is missing in 1 row (0.3%) and infinite in",
        [7, 9],
    ),
}


@pytest.mark.parametrize("name", MISSING)
def test_rows_with_missing_cells_are_left_out_and_counted(name):
    values, text, rows = MISSING[name]
    report = inspect_rows(SOUND.assign(b=values))
    said = dict(entries(report))
    assert said["missing"].startswith(text)
    assert said["rows"].startswith(f"{N - len(rows)} complete of {N} with 3 columns")
    left = inspect_rows(SOUND.assign(b=values).drop(index=rows).astype(float)).facts["rows"]
    same = ("n_rows", "condition", "spreads", "n_distinct", "collinear")
    assert {key: report.facts["rows"][key] for key in same} == {key: left[key] for key in same}


def test_rows_of_the_report_are_those_of_the_table():
    table = SOUND.assign(a=gaps("a", 0, 1, 2))
    table.loc[200, "c"] = 900.0
    report = inspect_rows(table)
    assert report.facts["rows"]["outliers"]["worst_row"] == 200
    assert "Check row 200: it is far from all others." in report.facts["advice"]
    weights = np.where(np.arange(N) == 200, 0.0, 1.0)
    assert inspect_rows(table, weights).facts["rows"]["total_weight"] == N - 4


def test_a_column_without_any_number_is_left_out():
    for column, nothing in (("a", np.nan), ("b", None), ("c", pd.NA)):
        report = inspect_rows(SOUND.assign(**{column: nothing}))
        assert dict(entries(report))["missing"] == f"{column} is missing in 300 rows (100.0%); it is left out here"
        assert report.facts["rows"]["n_features"] == 2
        assert report.facts["rows"]["n_rows"] == N


def test_arrays_may_have_missing_numbers():
    for row in (0, 7, 299):
        values = SOUND.to_numpy().copy()
        values[row, 1] = np.nan
        report = inspect_rows(values)
        assert dict(entries(report))["missing"] == "x1 is missing in 1 row (0.3%)"
        assert report.facts["rows"]["n_rows"] == N - 1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"k": ["u", "v"], "d": DAYS[:2]}), "X has no column of numbers: k has words and d has dates"),
        (pd.DataFrame({"k": ["u", "v"]}), "X has no column of numbers: k has words"),
        (pd.DataFrame({"a": [np.nan] * 3, "b": [np.inf] * 3}), "X has no finite number in a and b"),
    ],
)
def test_a_table_without_numbers_is_refused(table, message):
    with pytest.raises(ValueError, match=message):
        inspect_rows(table)


@pytest.mark.parametrize("others", [{}, {"k": ["u", "v", "w"]}, {"d": DAYS[:3]}, {"b": [1.0, np.nan, 2.0]}])
def test_integers_that_floats_cannot_hold_are_refused(others):
    with pytest.raises(ValueError, match="'z'"):
        inspect_rows(pd.DataFrame({"a": [1.0, 2.0, 4.0], "z": [2**60 + 1, 1, 2], **others}))


def test_arrays_of_dates_are_refused():
    with pytest.raises(ValueError, match="date"):
        inspect_rows(np.array(DAYS)[:, None])


def test_masked_values_are_missing():
    rows = np.random.default_rng(0).normal(size=(40, 3))
    masked = np.ma.masked_greater(rows, 1.5)
    assert str(inspect_rows(masked)) == str(inspect_rows(masked.filled(np.nan)))


def test_a_sound_table_has_no_line_about_columns():
    labels = {label for label, _ in entries(inspect_rows(SOUND))}
    assert labels == {"rows", "unusual"}
