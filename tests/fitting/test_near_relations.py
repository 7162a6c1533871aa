"""Columns that follow from others in most rows are found, with the rows in which they do not."""

import numpy as np
import pytest

from gaussmix import DegenerateDataWarning, GaussianMixture, GaussianMixtureIC
from gaussmix.core.errors import NearRelationWarning
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.near_relations import find_near_relation

NAMES = ("a", "b", "c", "d", "e")


def related(n, d, n_off, step, seed=0, random=False):
    """(n, d) rows whose last column is a function of the others, but for some rows, and these rows."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d - 1))
    rows = np.column_stack([rows, rows @ rng.normal(size=d - 1) + 5])
    off = np.sort(rng.choice(n, n_off, replace=False))
    rows[off, -1] += step * (rng.normal(size=n_off) if random else 1)
    return rows, off


@pytest.mark.parametrize("random", [False, True])
@pytest.mark.parametrize(("n", "d", "n_off", "step"), [
    (100, 3, 3, 1e-2), (100, 3, 28, 1e-4), (300, 5, 30, 1e-3), (50, 2, 1, 1e-2), (1000, 4, 280, 1e-2),
    (100, 3, 3, 1.0), (200, 4, 40, 1.0), (300, 6, 20, 30.0), (80, 2, 8, 2.0), (400, 12, 20, 2.0),
])  # fmt: skip
def test_rows_that_do_not_follow_are_found(n, d, n_off, step, random):
    rows, off = related(n, d, n_off, step, random=random)
    for scale, offset in ((1.0, 0.0), (np.geomspace(1e-6, 1e6, d), 100.0)):
        relation = find_near_relation(WeightedRows(rows * scale + offset * scale))
        assert relation is not None
        np.testing.assert_array_equal(relation.exceptions, off)
        assert {relation.column, *relation.others} == set(range(d))


def test_columns_that_take_no_part_are_not_named():
    rows, off = related(200, 3, 7, 1e-2)
    rows = np.column_stack([np.random.default_rng(1).normal(size=(200, 2)), rows])
    relation = find_near_relation(WeightedRows(rows))
    assert relation is not None
    assert {relation.column, *relation.others} == {2, 3, 4}
    said = relation.describe(NAMES)
    assert "in all rows but 7 rows: " + ", ".join(map(str, off[:3])) in said
    assert "leave " + NAMES[relation.column] in said


@pytest.mark.parametrize("noise", [1e-9, 1e-10, 3e-8])
def test_a_difference_near_rounding_is_told(noise):
    rng = np.random.default_rng(0)
    first = rng.normal(size=200)
    relation = find_near_relation(WeightedRows(np.c_[first, first + noise * rng.normal(size=200)]))
    assert relation is not None
    assert relation.exceptions.size == 0
    assert relation.residual == pytest.approx(noise, rel=0.2)
    assert "a is a linear function of b, but for" in relation.describe(NAMES) or "b is a" in relation.describe(NAMES)


@pytest.mark.parametrize(("d", "noise", "offset"), [(6, 3e-9, 1e5), (2, 1e-9, 3e4), (3, 3e-8, 1e6), (4, 1e-9, 1e5)])
def test_rows_with_the_greatest_differences_are_no_exceptions(d, noise, offset):
    rng = np.random.default_rng(57)
    others = rng.normal(size=(300, d - 1))
    rows = np.c_[others, others.sum(axis=1) + noise * rng.normal(size=300)] + offset
    relation = find_near_relation(WeightedRows(rows))
    assert relation is None or relation.exceptions.size == 0


def test_honest_columns_are_left_alone():
    rng = np.random.default_rng(0)
    first = rng.normal(size=300)
    for rows in (
        rng.normal(size=(300, 4)),
        np.c_[first, first + 1e-4 * rng.normal(size=300)],
        np.c_[first, first + np.where(np.arange(300) < 120, 1e-3, 0.0)],  # two parallel lines, 40 % on the second
        np.where(rng.random((300, 3)) < 0.8, 0.0, rng.normal(size=(300, 3))),
        rng.integers(0, 3, (300, 2)).astype(float),
        rng.integers(0, 2, 300)[:, None] ^ (rng.random((300, 2)) < 0.1),  # equal in 82 % of the rows
        rng.normal(size=(4, 3))[rng.choice(4, 300, p=[0.3, 0.3, 0.3, 0.1])],  # three points are in a plane
        np.where(rng.random((300, 1)) < 0.8, 0.0, rng.normal(size=(300, 3))),
        np.c_[first, np.where(np.arange(300) < 180, first, -first)],  # two lines, 40 % on the second
        rng.integers(0, 255, (300, 3)).astype(np.uint8),
        rng.normal(size=(5, 3)),
        np.ones((50, 2)),
    ):
        assert find_near_relation(WeightedRows(rows)) is None


def test_rows_of_weight_zero_do_not_count():
    rows, off = related(100, 3, 4, 1e-2)
    weights = np.ones(100)
    weights[off[1:]] = 0
    relation = find_near_relation(WeightedRows(rows, weights))
    assert relation is not None
    assert relation.exceptions.tolist() == [off[0]]


@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
@pytest.mark.parametrize("covariance_type", ["full", "tied", "VEV"])
def test_a_fit_names_the_rows(covariance_type):
    rows, off = related(100, 3, 3, 1e-2)
    with pytest.warns(NearRelationWarning, match=f"in all rows but 3 rows: {off[0]}, {off[1]} and {off[2]}") as caught:
        GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows)
    warning = next(w.message for w in caught if isinstance(w.message, NearRelationWarning))
    assert warning.rows == tuple(off)
    assert issubclass(NearRelationWarning, DegenerateDataWarning)


@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
def test_columns_keep_their_positions_beside_a_constant_one():
    rows, off = related(100, 3, 1, 1e-2)
    rows = np.column_stack([np.ones(100), rows])
    with pytest.warns(DegenerateDataWarning) as caught:
        GaussianMixture(2, random_state=0).fit(rows)
    warning = next(w.message for w in caught if isinstance(w.message, NearRelationWarning))
    assert warning.columns[0] > 0
    assert f"row {off[0]}" in str(warning)
    assert "x0" not in str(warning)


def test_a_search_warns_too():
    rows, _ = related(100, 3, 2, 1e-2)
    with pytest.warns(NearRelationWarning, match="in all rows but 2 rows"):
        GaussianMixtureIC([1, 2], covariance_types=["EEE", "VVV"], random_state=0).fit(rows)
