"""What conversion to float64 would drop or change is refused wherever rows, weights or parameters are taken."""

import datetime

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from gaussmix import (
    GaussianMixture,
    GaussianMixtureIC,
    Mixture,
    bootstrap,
    cross_validated_log_likelihood,
    merge_components,
    standard_errors,
    trace_em,
)
from gaussmix.core.number_checks import as_numbers, check_numbers, first_inexact, require_unmasked
from gaussmix.diagnostics import inspect_rows
from gaussmix.imaging import metrics
from gaussmix.plots import HistogramDisplay
from gaussmix.selection.criteria import entropy

ROWS = np.random.default_rng(0).normal(size=(60, 2)) + 6 * (np.arange(60) < 30)[:, None]
FITTED = GaussianMixture(2, random_state=0).fit(ROWS)
NAMED = Mixture.from_parameters([1.0], [[0.0, 0.0]], [1.0], covariance_type="spherical", feature_names=["a", "q"])
DAYS = pd.date_range("2020", periods=60)
HOLE = np.zeros((60, 2), dtype=bool)
HOLE[3, 1] = True

TAKERS = {
    "fit": lambda rows: GaussianMixture(2).fit(rows),
    "fit_predict": lambda rows: GaussianMixture(2).fit_predict(rows),
    "search": lambda rows: GaussianMixtureIC([1], covariance_types=["EII"]).fit(rows),
    "inspect_rows": inspect_rows,
    "labels": NAMED.labels,
    "log_density": NAMED.log_density,
    "trace": lambda rows: trace_em(rows, NAMED),
    "bootstrap": lambda rows: bootstrap(NAMED, rows, n_draws=2, random_state=0),
    "cross-validation": lambda rows: cross_validated_log_likelihood(NAMED, rows),
    "display": lambda rows: HistogramDisplay.from_estimator(NAMED, rows),
}
FITTED_TAKERS = {
    "predict": FITTED.predict,
    "predict_proba": FITTED.predict_proba,
    "score": FITTED.score,
    "bic": FITTED.bic,
    "report": FITTED.report,
    "standard errors": lambda rows: standard_errors(FITTED, rows),
}


@pytest.mark.parametrize("take", [*TAKERS.values(), *FITTED_TAKERS.values()], ids=[*TAKERS, *FITTED_TAKERS])
@pytest.mark.parametrize("as_list", [False, True])
def test_masked_values_of_rows_are_missing_values(take, as_list):
    masked, filled = np.ma.masked_array(ROWS, HOLE), np.where(HOLE, np.nan, ROWS)
    given = [list(masked) if as_list else masked, list(filled) if as_list else filled]
    results = []
    for rows in given:
        try:
            results.append(str(take(rows)))
        except ValueError as error:
            results.append(str(error))
    assert results[0] == results[1]


@pytest.mark.parametrize("mask", [np.ma.nomask, np.zeros((60, 2), dtype=bool)])
def test_masked_arrays_without_masked_cells_are_arrays(mask):
    rows = np.ma.masked_array(ROWS, mask)
    assert GaussianMixture(2, random_state=0).fit(rows).lower_bound_ == FITTED.lower_bound_
    np.testing.assert_array_equal(FITTED.predict_proba(rows), FITTED.predict_proba(ROWS))
    np.testing.assert_array_equal(FITTED.mixture_.labels(rows), FITTED.predict(ROWS))
    assert str(inspect_rows(rows)) == str(inspect_rows(ROWS))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: FITTED.score(ROWS, sample_weight=np.ma.masked_array(np.ones(60), HOLE[:, 1])),
            "sample_weight .* row 3",
        ),
        (
            lambda: GaussianMixture(2, init_params=np.ma.masked_equal(np.arange(60) % 2, 1)).fit(ROWS),
            "init_params .* 1:",
        ),
        (
            lambda: GaussianMixture(2, init_params=np.ma.masked_array(ROWS**2, HOLE)).fit(ROWS),
            "init_params .* row 3, col",
        ),
        (
            lambda: GaussianMixture(2, weights_init=np.ma.masked_equal([0.5, 0.4], 0.4)).fit(ROWS),
            "weights_init .* row 1",
        ),
        (lambda: GaussianMixture(2, means_init=np.ma.masked_less(ROWS[:2], 99)).fit(ROWS), "means_init .* row 0, col"),
        (
            lambda: Mixture.from_parameters([1.0], np.ma.masked_equal([[1.0, 2.0]], 2.0), [[1.0, 1.0]]),
            "means .* column 1",
        ),
        (lambda: entropy(np.ma.masked_equal([[0.5, 0.5], [1.0, 0.0]], 1.0)), "responsibilities .* row 1, column 0"),
        (
            lambda: merge_components(FITTED.mixture_, responsibilities=np.ma.masked_array(np.full((60, 2), 0.5), HOLE)),
            "responsibilities .* row 3",
        ),
        (lambda: metrics.dice(np.ma.masked_equal(np.eye(4, dtype=int), 0), np.eye(4, dtype=int)), "labels .* column 1"),
        (lambda: metrics.dice(np.eye(4, dtype=int), np.ma.masked_equal(np.eye(4, dtype=int), 1)), "truth .* column 0"),
        (
            lambda: metrics.covering(np.eye(3, dtype=int), [np.ma.masked_equal(np.eye(3, dtype=int), 1)]),
            "truths is mask",
        ),
    ],
)
def test_masked_weights_labels_and_parameters_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


COLUMNS = {
    "dates": (DAYS, "does not hold numbers but datetime64"),
    "dates with a time zone": (DAYS.tz_localize("UTC"), "does not hold numbers but Timestamp"),
    "durations": (DAYS - DAYS[0], "does not hold numbers but timedelta64"),
    "objects that are dates": ([datetime.date(2020, 1, 1)] * 60, "does not hold numbers but date"),
    "NumPy's dates as objects": (pd.Series([np.datetime64("2020-01-01")] * 60, dtype=object), "numbers but datetime64"),
    "NumPy's durations as objects": (pd.Series([np.timedelta64(3, "D")] * 60, dtype=object), "numbers but timedelta64"),
    "times of day": ([datetime.time(1)] * 60, "does not hold numbers but time"),
    "periods": (DAYS.to_period("D"), "does not hold numbers"),
    "words": (["red"] * 60, "does not hold numbers .*'red'.*select_dtypes"),
    "categories": (pd.Categorical(["u", "v"] * 30), "does not hold numbers"),
    "dictionaries": ([{}] * 60, "does not hold numbers"),
    "complex": (ROWS[:, 0] + 1j, "Complex data not supported: .* holds complex numbers"),
}


NOT_INSPECTED = {name: take for name, take in TAKERS.items() if name != "inspect_rows"}
"""`inspect_rows` describes columns of a table that are not numbers."""


@pytest.mark.parametrize("take", NOT_INSPECTED.values(), ids=NOT_INSPECTED)
@pytest.mark.parametrize("name", COLUMNS)
def test_columns_without_numbers_are_named(take, name):
    values, message = COLUMNS[name]
    with pytest.raises(ValueError, match=f"column 'q' of X.*{message.removeprefix('Complex data not supported: .* ')}"):
        take(pd.DataFrame({"a": ROWS[:, 0], "q": values}))


def test_complex_columns_are_not_inspected():
    values, message = COLUMNS["complex"]
    with pytest.raises(ValueError, match=message):
        inspect_rows(pd.DataFrame({"a": ROWS[:, 0], "q": values}))


@pytest.mark.parametrize("take", TAKERS.values(), ids=TAKERS)
def test_a_table_of_dates_alone_is_refused(take):
    with pytest.raises(
        ValueError, match=r"column 'a' of X does not hold numbers but datetime64|no column of numbers: a has dates"
    ):
        take(pd.DataFrame({"a": DAYS, "q": DAYS}))


def test_tables_of_polars_are_read_column_by_column():
    polars = pytest.importorskip("polars")
    days = [datetime.date(2020, 1, 1)] * 60
    for table in ({"a": ROWS[:, 0], "q": days}, {"q": days}, {"q": [datetime.timedelta(1)] * 60}):
        with pytest.raises(ValueError, match="column 'q' of X does not hold numbers but"):
            GaussianMixture(2).fit(polars.DataFrame(table))
    with pytest.raises(ValueError, match=r"1152921504606846976 at row 0, column 1 \('q'\)"):
        inspect_rows(polars.DataFrame({"a": ROWS[:, 0], "q": [2**60] * 60}))
    table = polars.DataFrame({"a": ROWS[:, 0], "q": list(range(60))})
    assert check_numbers(table) is table


def test_lazy_tables_of_polars_and_times_of_day_are_refused():
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"a": ROWS[:, 0], "q": [datetime.time(1)] * 60})
    with pytest.raises(ValueError, match="column 'q' of X does not hold numbers but time"):
        GaussianMixture(2).fit(table)
    for take in (*TAKERS.values(), *FITTED_TAKERS.values()):
        with pytest.raises(TypeError, match=r"X is a lazy table, and dense data is required: pass X.collect\(\)"):
            take(table.lazy())


def test_tables_of_pyarrow_have_named_columns():
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"a": ROWS[:, 0], "q": ROWS[:, 1]})
    np.testing.assert_array_equal(NAMED.log_density(table.select(["q", "a"])), NAMED.log_density(ROWS))
    np.testing.assert_array_equal(NAMED.log_density(table.to_batches()[0]), NAMED.log_density(ROWS))
    assert GaussianMixture(2, random_state=0).fit(table).mixture_.feature_names == ("a", "q")
    assert str(inspect_rows(table)) == str(inspect_rows(pd.DataFrame(ROWS, columns=["a", "q"])))
    with pytest.raises(ValueError, match="X has no column 'q'"):
        NAMED.labels(table.select(["a"]))
    wrong = {
        "column 'q' of X does not hold numbers but datetime64": arrow.array([1] * 60, arrow.timestamp("s")),
        "column 'q' of X does not hold numbers but time": arrow.array([1] * 60, arrow.time32("s")),
        "column 'q' of X does not hold numbers": arrow.array(["u"] * 60),
        r"X has \d+ at row 0, column 1 \('q'\): float64 does not hold": arrow.array([2**60] * 60),
    }
    for message, values in wrong.items():
        table = arrow.table({"a": ROWS[:, 0], "q": values})
        for take in (TAKERS["fit"], NAMED.labels):
            with pytest.raises(ValueError, match=message):
                take(table)
        if "float64" not in message:
            assert str(inspect_rows(table)) == str(inspect_rows(table.to_pandas()))


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("colnames", r"X is a table of astropy: pass X\.to_pandas\(\)"),
        ("data_vars", r"X is a dataset of xarray: pass X\.to_dataframe\(\)"),
        ("obsm", r'X is an AnnData object: pass one of its matrices, such as X\.obsm\["X_pca"\]'),
    ],
)
def test_containers_of_other_packages_are_refused_with_what_to_pass(attribute, message):
    container = type("Container", (), {attribute: property(lambda self: []), "iloc": property(lambda self: 1 / 0)})()
    with pytest.raises(TypeError, match=message):
        check_numbers(container)
    with pytest.raises(TypeError, match=message):
        GaussianMixture(1).fit(container)


@pytest.mark.parametrize("names", [["collect", "select"], ["toarray", "column_names"], ["columns", "iloc"]])
def test_columns_may_have_the_names_of_methods(names):
    table = pd.DataFrame(ROWS, columns=names)
    fitted = GaussianMixture(2, random_state=0).fit(table)
    np.testing.assert_array_equal(fitted.mixture_.labels(table[names[::-1]]), FITTED.predict(ROWS))


@pytest.mark.parametrize("take", [*TAKERS.values(), *FITTED_TAKERS.values()], ids=[*TAKERS, *FITTED_TAKERS])
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_matrices_are_refused_with_what_to_pass(take, kind):
    with pytest.raises(TypeError, match=r"X is a sparse matrix, and dense data is required: pass X.toarray\(\)"):
        take(kind(ROWS))


@pytest.mark.parametrize("take", ["fit", "labels", "inspect_rows"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1, 2], [3]], "X must be rows of equal length"),
        (np.zeros(60, dtype=[("a", float), ("q", float)]), r"X holds records \(\[\('a', '<f8'\)"),
        (np.zeros((60, 2), dtype="V4"), r"X holds records \(\|V4\)"),
    ],
)
def test_other_containers_are_refused_in_a_sentence(take, values, message):
    with pytest.raises(ValueError, match=message):
        TAKERS[take](values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((60, 2), np.datetime64("2020-01-01")), r"X does not hold numbers but datetime64\[D\]"),
        (np.full((60, 2), np.timedelta64(1, "s")), r"X does not hold numbers but timedelta64\[s\]"),
        ([[datetime.date(2020, 1, 1), 1.0]] * 60, "X does not hold numbers but date"),
        (ROWS + 1j, "Complex data not supported: X holds complex numbers"),
        (np.array([[1 + 2j, 1]] * 60, dtype=object), "Complex data not supported"),
        ([["a", "b"]] * 60, "X must be numbers: could not convert string to float"),
        (2**62 + np.arange(120).reshape(60, 2), "X has 4611686018427387904 at row 0, column 0: float64 does not hold"),
        (-(2**60) - np.arange(120).reshape(60, 2), "X has -1152921504606846976 at row 0, column 0"),
        (np.where(HOLE, 2**53 + 1, 5), r"X has 9007199254740993 at row 3, column 1.*beyond 2\*\*53"),
        (np.where(HOLE, np.uint64(2**63), np.uint64(5)), "X has 9223372036854775808 at row 3, column 1"),
        (np.where(HOLE, np.array(2**80, dtype=object), 5), "X has 1208925819614629174706176 at row 3, column 1"),
        ([[5, 2**54]] * 60, "X has 18014398509481984 at row 0, column 1"),
        (pd.DataFrame(np.where(HOLE, 2**53 + 1, 5), columns=["a", "q"]), r"row 3, column 1 \('q'\): float64"),
        (pd.DataFrame({"a": ROWS[:, 0], "q": pd.array([2**60 + 1] * 60, dtype="Int64")}), r"row 0, column 1 \('q'\)"),
    ],
)
@pytest.mark.parametrize("take", ["fit", "labels", "inspect_rows"])
def test_arrays_that_float64_does_not_hold_are_refused(values, message, take):
    with pytest.raises(ValueError, match=message):
        TAKERS[take](values)


@pytest.mark.parametrize(
    "values",
    [
        np.array([[2**53, -(2**53)], [0, 1]]),
        np.array([[2**31, 7], [0, 1]], dtype=np.uint32),
        np.array([[255, 7], [0, 1]], dtype=np.uint8),
        np.array([[True, False], [False, True]]),
        np.array([[1.5, None], [2, 3]], dtype=object),
        [[1, 2], [3, 4]],
        np.zeros((0, 2), dtype=np.int64),
    ],
)
def test_numbers_that_float64_holds_are_passed_on(values):
    np.testing.assert_array_equal(check_numbers(values), np.asarray(values))


def test_missing_values_of_pandas_are_missing_values():
    table = pd.DataFrame({"a": ROWS[:, 0], "q": pd.array([1, None, 2, 5, None, 7] * 10, dtype="Int64")})
    assert inspect_rows(table).facts["rows"]["missing"][0]["n_missing"] == 20
    values = table.to_numpy(np.float64, na_value=np.nan)
    np.testing.assert_array_equal(NAMED.log_density(table), NAMED.log_density(values))
    fits = [GaussianMixture(2, random_state=0).fit(rows) for rows in (table, values)]
    assert fits[0].lower_bound_ == fits[1].lower_bound_


def test_arguments_become_doubles_or_are_named():
    np.testing.assert_array_equal(as_numbers([1, 2], "means"), [1.0, 2.0])
    for values in ([1j], [np.datetime64("2020")], ["a"], [{}]):
        with pytest.raises(ValueError, match="means must be numbers"):
            as_numbers(values, "means")
    with pytest.raises(ValueError, match=r"truth is masked at \(0, 1, 0\)"):
        require_unmasked(np.ma.masked_equal([[[1], [2]]], 2), "truth")


def test_positions_of_integers_are_those_of_the_first():
    assert first_inexact(np.array([1, 2**53, 2**53 + 1])) == (2,)
    assert first_inexact(np.array([[1, -(2**60)], [2**60, 1]])) == (0, 1)
    for values in (
        np.array([2**53]),
        np.array([2.0**60]),
        np.array([2**30], dtype=np.int32),
        np.array([], dtype=np.int64),
    ):
        assert first_inexact(values) is None


@pytest.mark.parametrize(
    ("names", "columns"), [(["a", "b", "a"], "0 and 2"), (["a", "a", "a"], "0 and 1"), (["b", "c", "c"], "1 and 2")]
)
def test_columns_of_the_same_name_are_refused(names, columns):
    frame = pd.DataFrame(np.column_stack([ROWS, ROWS[:, 0]]), columns=names)
    repeated = names[int(columns[-1])]
    message = f"columns {columns} of X have the same name '{repeated}': rename one of them"
    for refused in (GaussianMixture(2).fit, GaussianMixtureIC([1]).fit, check_numbers):
        with pytest.raises(ValueError, match=message):
            refused(frame)
