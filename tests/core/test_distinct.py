"""Distinct rows with their weights are the table: the same rows, the same likelihood, the same labels."""

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, blobs, read_only
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.datasets import load_sample_image

from gaussmix import GaussianMixture
from gaussmix.core import _native
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine, distinct_rows
from gaussmix.core.engines.distinct import LEAST_ROWS, REPEATS, estimated_distinct
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.initialization import draw_membership, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import MeanChange

DTYPES = ("float64", "float32", "uint8", "uint16")


def collected(rows, row_weights=None, limit=None, pieces=1, n_rows=None):
    """The distinct rows and their weights in the order of the compiled code; None when there are too many."""
    limit = len(rows) if limit is None else limit
    kept, weights = np.empty((limit, rows.shape[1]), rows.dtype), np.empty(limit)
    collector = _native.DistinctRows(len(rows) if n_rows is None else n_rows, kept, weights, row_weights is not None)
    for part in np.array_split(np.arange(len(rows)), pieces):
        if not collector.add(rows[part], None if row_weights is None else row_weights[part]):
            return None
    size = collector.finish()
    return kept[:size], weights[:size]


def assert_same_table(found, rows, row_weights=None):
    """The rows and weights found are those of NumPy, in any order."""
    expected, inverse = np.unique(rows, axis=0, return_inverse=True)
    expected_weights = np.bincount(inverse.reshape(-1), weights=row_weights, minlength=len(expected))
    kept, weights = found
    order = np.lexsort(kept.T[::-1])
    positive = expected_weights > 0
    np.testing.assert_array_equal(kept[order], expected[positive])
    np.testing.assert_allclose(weights[order], expected_weights[positive], rtol=1e-13)
    assert kept.dtype == rows.dtype


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 40])
@pytest.mark.parametrize("weighted", [False, True])
def test_distinct_rows_are_those_of_numpy(dtype, n_features, weighted):
    rng = np.random.default_rng(n_features)
    kinds = rng.integers(0, 200, (700, n_features))
    kinds[:, :-1] = kinds[0, :-1]  # so that rows differ in their last bytes, and some are equal
    rows = kinds[rng.integers(0, 700, 6000)].astype(dtype)
    weights = rng.integers(0, 3, 6000) * rng.random(6000) if weighted else None
    assert_same_table(collected(rows, weights, pieces=3), rows, weights)
    found = distinct_rows(WeightedRows(rows, weights))
    assert_same_table((found.values, found.weights), rows, weights)


@pytest.mark.parametrize("n_features", [1, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_rows", [0, 1 << 24])
def test_a_table_of_all_possible_rows_finds_what_the_hash_finds(n_features, weighted, n_rows):
    rng = np.random.default_rng(n_features)
    rows = rng.integers(250, 256, (3000, n_features)).astype("uint8")
    weights = rng.integers(0, 2, 3000) * 1.0 if weighted else None
    found = collected(rows, weights, n_rows=n_rows)
    assert_same_table(found, rows, weights)
    in_order = found[0][np.lexsort(found[0].T[::-1])]
    assert np.array_equal(found[0], in_order) == (n_rows > 0), "which of the two it was shows in the order"


def test_wide_rows_keep_the_order_of_their_first_appearance():
    rows = np.array([[3.0, 1.0], [1.0, 2.0], [3.0, 1.0], [2.0, 0.0], [1.0, 2.0], [3.0, 1.0]])
    kept, weights = collected(rows)
    np.testing.assert_array_equal(kept, [[3, 1], [1, 2], [2, 0]])
    np.testing.assert_array_equal(weights, [3, 2, 1])


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(
            dtype, st.tuples(st.integers(1, 200), st.integers(1, 6)), elements=st.integers(0, 2).map(float)
            if dtype.startswith("f") else st.integers(0, 2),
        )
    ),
    st.integers(1, 4),
    st.booleans(),
)  # fmt: skip
def test_any_table_is_taken_apart_as_numpy_does(rows, pieces, weighted):
    weights = np.arange(len(rows)) % 3 / 4 if weighted else None
    assert_same_table(collected(rows, weights, pieces=pieces), rows, weights)


def test_zero_and_minus_zero_may_stay_apart():
    kept, weights = collected(np.array([[0.0], [-0.0], [0.0]]))
    assert (kept == 0).all()
    assert weights.sum() == 3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_more_rows_than_the_limit_are_refused(dtype, weighted):
    rows = np.repeat(np.arange(200).astype(dtype), 5)[:, None]
    weights = np.ones(len(rows)) if weighted else None
    assert len(collected(rows, weights, limit=200)[0]) == 200
    assert collected(rows, weights, limit=199) is None


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_of_weight_zero_do_not_count(weighted):
    rows = np.arange(100, dtype="uint8")[:, None]
    weights = (np.arange(100) < 7) * 2.0
    assert_same_table(collected(rows, weights, limit=7), rows, weights)


def test_one_repeated_row_is_one_row():
    for dtype in DTYPES:
        found = distinct_rows(WeightedRows(np.full((LEAST_ROWS, 3), 7, dtype=dtype)))
        np.testing.assert_array_equal(found.values, [[7, 7, 7]])
        assert found.weights == [LEAST_ROWS]


@pytest.mark.parametrize("n_features", [1, 2, 3, 16])
def test_rows_that_do_not_repeat_are_left_alone(n_features):
    rows = np.random.default_rng(0).standard_normal((20_000, n_features))
    assert distinct_rows(WeightedRows(rows)) is None
    assert estimated_distinct(rows) > len(rows) / REPEATS
    assert distinct_rows(WeightedRows(np.sort(rows, axis=0))) is None


def test_small_tables_are_left_alone():
    assert distinct_rows(WeightedRows(np.zeros((LEAST_ROWS - 1, 2)))) is None


@pytest.mark.parametrize("structure", ["a background", "neighbors", "blocks", "periods"])
def test_structure_does_not_deceive_the_sample(structure):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((60_000, 3))
    match structure:
        case "a background":  # most pairs of rows are equal, and yet half of the rows are distinct
            rows[rng.random(len(rows)) < 0.5] = 0
            assert distinct_rows(WeightedRows(rows)) is None
        case "neighbors":  # five equal rows follow each other
            assert distinct_rows(WeightedRows(np.repeat(rows[:12_000], 5, axis=0))).n_rows == 12_000
        case "blocks":  # the first half repeats, the second does not
            rows[:30_000] = rows[0]
            assert distinct_rows(WeightedRows(rows)) is None
        case "periods":
            assert distinct_rows(WeightedRows(np.tile(rows[:12_000], (5, 1)))).n_rows == 12_000


def test_the_estimate_is_near_the_truth_for_equally_frequent_rows():
    rng = np.random.default_rng(0)
    for n_distinct in (30, 3000, 100_000):
        rows = rng.integers(0, n_distinct, (400_000, 1)).astype(float)
        assert estimated_distinct(rows) == pytest.approx(n_distinct, rel=0.4)


@pytest.mark.parametrize("scale", [1.0, 2.0**-40, 2.0**40])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_grids_do_not_defeat_the_hash(scale, dtype):
    # numbers that differ in a few high bits only, in every column
    grid = np.stack(np.meshgrid(*[np.arange(40.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    rows = np.tile((grid * scale).astype(dtype), (2, 1))
    kept, weights = collected(rows)
    np.testing.assert_array_equal(kept, rows[: len(grid)])
    assert (weights == 2).all()


def test_rows_made_to_collide_are_given_up():
    # one slot for all: the hash undone, so that the high bits of every hash are equal
    def unmixed(bits):
        bits = [bits]
        for factor in (0xC4CEB9FE1A85EC53, 0xFF51AFD7ED558CCD):
            bits[0] ^= bits[0] >> 33
            bits[0] = bits[0] * pow(factor, -1, 1 << 64) % (1 << 64)
        return bits[0] ^ (bits[0] >> 33)

    rows = np.array([unmixed(number) for number in range(3000)], dtype=np.uint64).view("uint16").reshape(-1, 4)
    assert collected(rows) is None
    assert collected(rows[:16]) is not None


@pytest.mark.parametrize("layout", ["C", "F", "every second row", "reversed columns"])
def test_every_layout_gives_the_same(layout):
    rows = np.random.default_rng(0).integers(0, 9, (6000, 3)).astype(float)
    table = {
        "C": rows,
        "F": np.asfortranarray(rows),
        "every second row": np.repeat(rows, 2, axis=0)[::2],
        "reversed columns": np.ascontiguousarray(rows[:, ::-1])[:, ::-1],
    }[layout]
    found, expected = distinct_rows(WeightedRows(read_only(table))), distinct_rows(WeightedRows(rows))
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.weights, expected.weights)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"rows": np.zeros((4, 3))}, ValueError, "wrong number of columns"),
        ({"rows": np.zeros((4, 2), "f4")}, TypeError, "same type"),
        ({"row_weights": np.ones(3)}, ValueError, "row_weights has the wrong size"),
        ({"row_weights": None}, ValueError, "always or never"),
    ],
)
def test_compiled_code_refuses_rows_that_do_not_fit(change, error, message):
    arguments = {"rows": np.zeros((4, 2)), "row_weights": np.ones(4)}
    collector = _native.DistinctRows(4, np.empty((4, 2)), np.empty(4), True)
    assert collector.add(**arguments)
    with pytest.raises(error, match=message):
        collector.add(**(arguments | change))
    with pytest.raises(ValueError, match="weights has the wrong size"):
        _native.DistinctRows(4, np.empty((4, 2)), np.empty(5), True)


# the estimator

ONE_START = {"init_params": "kmeans", "tol": 1e-3, "max_iter": 100, "reg_covar": 1e-6, "acceleration": "none"}


def fit_of_all_rows(gm, rows, row_weights=None):
    """What a fit would be without looking for distinct rows."""
    engine, update = NativeEngine(rows, row_weights), MaximumLikelihood(ridge=gm.reg_covar)
    engine.rough_helps = False  # weighted rows are passed over exactly
    rng = np.random.RandomState(gm.random_state)
    membership = draw_membership(engine, gm.n_components, gm.init_params, rng)
    start = mixture_from_membership(membership, covariance_class(gm.covariance_type), update)
    return fit_em(engine, update, start, MeanChange(gm.tol), max_iter=gm.max_iter)


@pytest.fixture
def fitted_sizes(monkeypatch):
    """The sizes of the tables that EM passes over."""
    sizes = []

    def fit_and_note(engine, *given, **options):
        sizes.append(engine.n_rows)
        return fit_em(engine, *given, **options)

    monkeypatch.setattr("gaussmix.fitting.fit_mixture.fit_em", fit_and_note)
    return sizes


def assert_same_fit(gm, rows, expected, labels, row_weights=None):
    assert gm.n_iter_ == expected.n_iter
    np.testing.assert_allclose(gm.lower_bounds_, expected.trace, rtol=1e-12)
    np.testing.assert_allclose(gm.means_, expected.mixture.means, rtol=1e-10)
    np.testing.assert_allclose(gm.covariances_, expected.mixture.covariance.covariances, rtol=1e-8)
    np.testing.assert_array_equal(labels, expected.mixture.labels(rows))
    assert gm.score(rows, sample_weight=row_weights) == pytest.approx(gm.lower_bound_, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_fit_of_repeated_rows_is_the_fit_of_all_of_them(covariance_type, weighted, fitted_sizes):
    rows = np.round(blobs(8000))
    weights = np.random.default_rng(0).integers(0, 3, len(rows)) * 0.7 if weighted else None
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0, **ONE_START)
    labels = gm.fit_predict(rows, sample_weight=weights)
    assert max(fitted_sizes) < len(rows) / REPEATS
    assert_same_fit(gm, rows, fit_of_all_rows(gm, rows, weights), labels, weights)


@pytest.mark.slow
def test_fit_of_a_photograph_is_the_fit_of_all_its_pixels(fitted_sizes):
    rows = load_sample_image("flower.jpg").reshape(-1, 3)
    gm = GaussianMixture(4, random_state=0, **ONE_START)
    labels = gm.fit_predict(rows)
    assert max(fitted_sizes) < len(rows) / REPEATS
    assert_same_fit(gm, rows, fit_of_all_rows(gm, rows), labels)


def test_rows_that_do_not_repeat_are_passed_over_as_they_are(fitted_sizes):
    rows = blobs(8000)
    GaussianMixture(3, random_state=0, **ONE_START).fit(rows)
    assert fitted_sizes == [len(rows)]


def test_the_start_is_drawn_from_all_rows():
    rows = np.round(blobs(8000))
    labels = np.arange(len(rows)) % 2
    gm = GaussianMixture(2, init_params=labels, max_iter=0).fit(rows)
    np.testing.assert_allclose(gm.means_[0], rows[::2].mean(axis=0), rtol=1e-12)
