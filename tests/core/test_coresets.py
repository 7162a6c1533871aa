import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gaussmix.core.engines import NativeEngine, ReferenceEngine
from gaussmix.core.engines.coresets import coreset_positions
from gaussmix.core.engines.pass_sums import SEGMENT_ROWS
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows

CENTER = Mixture.from_parameters([1.0], [[0.5, 0.0]], [np.eye(2)]).whitened()


def odds_of(log_density):
    below = log_density.max() - log_density
    return 1 + below / (below.mean() or 1.0)


@pytest.mark.parametrize("n_rows", [1, 50, SEGMENT_ROWS, 3 * SEGMENT_ROWS + 17])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("limit", [1, 1000])
def test_one_row_is_drawn_from_each_block_of_equal_sums(n_rows, weighted, limit):
    rng = np.random.default_rng(3)
    log_density = 5 - rng.exponential(size=n_rows)
    weights = rng.integers(0, 3, n_rows) + 1.0 * (np.arange(n_rows) == 0) if weighted else None
    drawn, found = coreset_positions(n_rows, log_density.__getitem__, weights, limit, np.random.default_rng(4))
    odds = odds_of(log_density)
    sums = np.cumsum(odds if weights is None else odds * weights)
    places = sums[-1] / limit * (np.arange(limit) + np.random.default_rng(4).uniform(size=limit))
    assert_array_equal(drawn, np.searchsorted(sums, places, side="right"))
    assert_allclose(found, 1 / odds[drawn], rtol=1e-14)


def test_rows_at_the_same_distance_are_drawn_alike():
    drawn, weights = coreset_positions(4, np.full(4, -2.0).__getitem__, None, 8, np.random.default_rng(0))
    assert_array_equal(drawn, np.repeat(np.arange(4), 2))
    assert_array_equal(weights, np.ones(8))


def test_half_of_a_coreset_is_drawn_by_distance():
    log_density = np.array([0.0, 0.0, 0.0, -8.0])
    drawn, weights = coreset_positions(4, log_density.__getitem__, None, 8, np.random.default_rng(0))
    assert_array_equal(drawn, [0, 1, 2, 3, 3, 3, 3, 3])
    assert_array_equal(weights, [1.0] * 3 + [0.2] * 5)


def test_rows_without_weight_are_never_drawn():
    weights = np.zeros(3 * SEGMENT_ROWS)
    weights[[7, SEGMENT_ROWS - 1, 2 * SEGMENT_ROWS + 5]] = 1.0
    rows = np.random.default_rng(0).standard_normal((len(weights), 2))
    drawn = NativeEngine(rows, weights).sample_rows(100, np.random.default_rng(1), CENTER)
    assert {tuple(row) for row in drawn.values} == {tuple(row) for row in rows[weights > 0]}


@pytest.mark.parametrize("weighted", [False, True])
def test_a_coreset_stands_for_all_rows(weighted):
    rng = np.random.default_rng(1)
    values, weights = rng.standard_normal((5000, 2)), rng.integers(0, 3, 5000) * 1.0
    rows = WeightedRows(values, weights if weighted else None)
    engine = NativeEngine.of(rows)
    drawn = engine.sample_rows(2000, rng, CENTER)
    assert drawn.n_rows == 2000
    odds = odds_of(engine.score_rows(CENTER, "log_density"))
    scale = (odds * rows.explicit_weights).sum() / 2000  # what a unit of the drawn weights stands for
    assert scale * drawn.total == pytest.approx(rows.total, rel=0.03)
    mean = np.average(drawn.values, axis=0, weights=drawn.weights)
    assert_allclose(mean, np.average(values, axis=0, weights=rows.weights), atol=0.1)


@pytest.mark.parametrize("dtype", ["f8", "f4", "u1", "i4"])
@pytest.mark.parametrize("weighted", [False, True])
def test_engines_draw_the_same_coreset(dtype, weighted, tmp_path):
    rng = np.random.default_rng(2)
    rows = rng.integers(0, 200, (2 * SEGMENT_ROWS + 9, 2)).astype(dtype)
    weights = rng.integers(0, 3, len(rows)).astype(float) if weighted else None
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    engines = [
        NativeEngine(rows, weights),
        NativeEngine(mapped, weights),
        NativeEngine(np.asfortranarray(rows), weights),
        ReferenceEngine(rows, weights),
    ]
    first, *others = (engine.sample_rows(500, np.random.default_rng(3), CENTER) for engine in engines)
    assert first.values.dtype == ("f4" if dtype == "f4" else "f8")
    for other in others:
        assert_array_equal(other.values, first.values)
        assert_allclose(other.weights, first.weights, rtol=1e-12)


@pytest.mark.parametrize("n_segments", [4, 16])
def test_drawing_needs_no_memory_for_each_row(n_segments, tmp_path):
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).random((n_segments * SEGMENT_ROWS, 2), dtype=np.float32))
    engine = NativeEngine(np.load(tmp_path / "rows.npy", mmap_mode="r"))
    tracemalloc.start()
    engine.sample_rows(1000, np.random.default_rng(1), CENTER)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * 8 * SEGMENT_ROWS  # a few numbers for each row of a segment
