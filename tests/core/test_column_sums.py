"""Sums over rows."""

import numpy as np
import pytest

from gaussmix.core.column_sums import average_columns, sum_columns, sum_squares

SHAPES = [(1, 1), (1, 3), (700, 1), (700, 2), (3000, 5), (50, 40)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
def test_sums_and_means_are_those_of_numpy(shape, dtype):
    rng = np.random.default_rng(0)
    rows, weights = rng.uniform(0, 255, size=shape).astype(dtype), rng.exponential(size=shape[0])
    np.testing.assert_allclose(sum_columns(rows), rows.sum(axis=0, dtype=np.float64), rtol=1e-14)
    np.testing.assert_allclose(average_columns(rows), rows.mean(axis=0, dtype=np.float64), rtol=1e-14)
    np.testing.assert_allclose(average_columns(rows, weights), np.average(rows, axis=0, weights=weights), rtol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_of_squares_are_those_of_numpy(shape):
    rows = np.random.default_rng(1).normal(size=shape)
    np.testing.assert_allclose(sum_squares(rows), (rows**2).sum(axis=0), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8, np.int32, np.bool_])
def test_many_rows_of_any_type_are_added_in_double_precision(dtype):
    rows = np.ones((1_000_000, 2), dtype=dtype) * dtype(100)
    np.testing.assert_array_equal(average_columns(rows), np.full(2, float(rows[0, 0])))
    np.testing.assert_array_equal(average_columns(rows, np.ones(len(rows))), np.full(2, float(rows[0, 0])))
