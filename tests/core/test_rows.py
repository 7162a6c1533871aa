"""Rows with weights are one value, and are drawn by stated rules."""

import pickle

import numpy as np
import pytest

from gaussmix.core.covariance import Full
from gaussmix.core.engines import NativeEngine, ReferenceEngine
from gaussmix.core.row_sampling import draw_rows, fixed_subsample
from gaussmix.core.rows import KEPT_TYPES, WeightedRows
from gaussmix.core.validation import as_rows, as_weighted_rows, check_sample_weight
from gaussmix.testing import random_mixture

VALUES = np.arange(12.0).reshape(6, 2)
WEIGHTS = np.array([2.0, 0.0, 1.0, 0.5, 0.0, 3.0])


def test_weights_give_the_total_and_are_ones_where_there_are_none():
    plain, weighted = WeightedRows(VALUES), WeightedRows(VALUES, WEIGHTS)
    assert plain.shape == weighted.shape == (plain.n_rows, plain.n_features) == (6, 2)
    assert (plain.total, weighted.total) == (6.0, 6.5)
    assert (plain.n_positive, weighted.n_positive) == (6, 4)
    np.testing.assert_array_equal(plain.explicit_weights, np.ones(6))
    np.testing.assert_array_equal(weighted.explicit_weights, WEIGHTS)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("where", [np.array([4, 0, 0]), np.arange(6) % 2 == 0, slice(1, 4)])
def test_some_rows_keep_their_weights_and_names(weights, where):
    some = WeightedRows(VALUES, weights, ("a", "b")).take(where)
    np.testing.assert_array_equal(some.values, VALUES[where])
    np.testing.assert_array_equal(some.explicit_weights, np.ones(some.n_rows) if weights is None else weights[where])
    assert (some.weights is None) == (weights is None)
    assert some.names == ("a", "b")


def test_rows_of_weight_zero_are_left_out():
    some = WeightedRows(VALUES, WEIGHTS, ("a", "b")).positive()
    np.testing.assert_array_equal(some.values, VALUES[[0, 2, 3, 5]])
    np.testing.assert_array_equal(some.weights, [2.0, 1.0, 0.5, 3.0])
    for rows in (WeightedRows(VALUES), WeightedRows(VALUES, WEIGHTS + 1)):
        assert rows.positive() is rows


def test_other_values_have_the_weights_and_no_names():
    rows = WeightedRows(VALUES, WEIGHTS, ("a", "b"))
    other = rows.with_values(VALUES[:, :1])
    assert (other.shape, other.names) == ((6, 1), None)
    np.testing.assert_array_equal(other.weights, WEIGHTS)
    with pytest.raises(ValueError, match=r"weights must have the shape \(5,\), got \(6,\)"):
        rows.with_values(VALUES[:5])


def test_arrays_are_read_only_and_those_of_the_caller_stay_writable():
    values, weights = VALUES.copy(), WEIGHTS.copy()
    rows = WeightedRows(values, weights)
    for array in (rows.values, rows.weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    values[0], weights[0] = 5, 7
    assert np.shares_memory(rows.values, values)
    with pytest.raises(AttributeError):
        rows.values = values


@pytest.mark.parametrize("weights", [[1, 2, 3, 4, 5, 6], np.arange(1.0, 13.0)[::2], WEIGHTS.astype("f4")])
def test_weights_become_contiguous_doubles(weights):
    rows = WeightedRows(VALUES, weights)
    assert rows.weights.dtype == np.float64
    assert rows.weights.flags.c_contiguous
    np.testing.assert_array_equal(rows.weights, weights)


def test_weights_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"weights must have the shape \(6,\), got \(5,\)"):
        WeightedRows(VALUES, WEIGHTS[:5])


def test_rows_can_be_sent_to_other_processes():
    rows = pickle.loads(pickle.dumps(WeightedRows(VALUES, WEIGHTS, ("a", "b"))))
    np.testing.assert_array_equal(rows.values, VALUES)
    assert (rows.total, rows.names) == (6.5, ("a", "b"))


# kept types


@pytest.mark.parametrize("dtype", [*KEPT_TYPES, ">f8", ">f4", ">u2", "int8", "float16", "bool"])
def test_an_engine_gives_the_same_for_every_type_that_is_kept_and_for_every_other(dtype):
    rows = np.random.default_rng(0).integers(0, 2, (50, 3)).astype(dtype)
    whitened = random_mixture(Full, 2, 3, np.random.default_rng(0)).whitened()
    ours, theirs = (engine(rows).accumulate(whitened) for engine in (NativeEngine, ReferenceEngine))
    np.testing.assert_allclose(ours.counts, theirs.counts, rtol=1e-12)
    np.testing.assert_allclose(ours.scatter, theirs.scatter, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", KEPT_TYPES)
def test_rows_of_a_kept_type_are_not_copied(dtype):
    rows = np.ones((5, 2), dtype=dtype)
    assert as_weighted_rows(rows, None, 2).values.dtype == dtype
    assert np.shares_memory(as_weighted_rows(rows, None, 2).values, rows)
    assert as_rows(rows.astype("i4"), 2).dtype == np.float64


# from what a user gives


def test_what_a_user_gives_is_checked_once():
    rows = as_weighted_rows(VALUES.tolist(), WEIGHTS.tolist(), 2)
    np.testing.assert_array_equal(rows.values, VALUES)
    assert (rows.total, rows.names) == (6.5, None)
    with pytest.raises(ValueError, match=r"shape \(n, 3\)"):
        as_weighted_rows(VALUES, None, 3)
    with pytest.raises(ValueError, match="row 1 has -1"):
        as_weighted_rows(VALUES[:2], [1.0, -1.0], 2)


def test_names_are_those_of_the_features_or_of_the_columns():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(VALUES, columns=["a", "b"])
    assert as_weighted_rows(table, None, 2).names == ("a", "b")
    rows = as_weighted_rows(table, None, 2, ("b", "a"))
    assert rows.names == ("b", "a")
    np.testing.assert_array_equal(rows.values, VALUES[:, ::-1])
    assert as_weighted_rows(VALUES, None, 2, ("b", "a")).names == ("b", "a")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 2.0], r"sample_weight.shape == \(2,\), expected \(3,\)"),
        ([1.0, np.nan, 1.0], "row 1 has nan"),
        ([1.0, 1.0, np.inf], "row 2 has inf"),
        ([-1.0, 1.0, 1.0], "row 0 has -1"),
        ([0.0, 0.0, 0.0], "zero for every row"),
        ([1e308, 1e308, 1e308], "the sum inf.*divide the weights by their mean"),
        (np.ones((3, 1)), "1D array or scalar"),
        (["a", "b", "c"], "sample_weight must be numbers"),
    ],
)
def test_wrong_weights_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        check_sample_weight(weights, 3)


def test_one_weight_is_that_of_every_row():
    np.testing.assert_array_equal(check_sample_weight(2, 3), [2.0, 2.0, 2.0])
    assert check_sample_weight(None, 3) is None


# drawing


@pytest.mark.parametrize("weighted", [False, True])
def test_all_rows_of_positive_weight_are_drawn_when_they_fit(weighted):
    rows = WeightedRows(VALUES, WEIGHTS if weighted else None, ("a", "b"))
    drawn = draw_rows(rows, 6, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn.values, rows.positive().values)
    assert drawn.total == rows.total
    assert drawn.names == ("a", "b")


@pytest.mark.parametrize("rng", [np.random.default_rng(0), np.random.RandomState(0)])
def test_one_row_is_drawn_from_each_stretch(rng):
    weights = np.arange(1000) % 2 * 1.0
    drawn = draw_rows(WeightedRows(np.arange(1000.0)[:, None], weights), 100, rng)
    np.testing.assert_array_equal(drawn.values[:, 0] // 10, np.arange(100))
    np.testing.assert_array_equal(drawn.weights, np.ones(100))
    assert len(set(drawn.values[:, 0] % 10)) > 1


@pytest.mark.parametrize("weighted", [False, True])
def test_a_fixed_subsample_is_the_same_every_time_and_says_where_its_rows_are(weighted, monkeypatch):
    monkeypatch.setattr("gaussmix.core.row_sampling.MOST", 100)
    monkeypatch.setattr("gaussmix.core.row_sampling.LEAST", 10)
    values = np.arange(2000, dtype=np.uint16).reshape(1000, 2)
    rows = WeightedRows(values, np.arange(1000) % 3 * 1.0 if weighted else None, ("a", "b"))
    some, again = fixed_subsample(rows), fixed_subsample(rows)
    assert (some.rows.n_rows, some.complete, some.rows.names) == (100, False, ("a", "b"))
    assert some.rows.values.dtype == np.float64
    np.testing.assert_array_equal(some.positions, again.positions)
    np.testing.assert_array_equal(some.rows.values, values[some.positions])
    np.testing.assert_array_equal(some.rows.explicit_weights, rows.explicit_weights[some.positions])
    assert some.rows.n_positive == 100


def test_a_fixed_subsample_of_few_rows_is_complete():
    some = fixed_subsample(WeightedRows(VALUES, WEIGHTS))
    assert some.complete
    np.testing.assert_array_equal(some.positions, [0, 2, 3, 5])
    np.testing.assert_array_equal(fixed_subsample(WeightedRows(VALUES)).positions, np.arange(6))
