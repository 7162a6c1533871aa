"""scikit-learn's initialization methods, on a bounded number of rows."""

import numpy as np
import pytest
from helpers.datasets import TABLES, blobs

from gaussmix.core.engines import NativeEngine
from gaussmix.fitting.initialization import METHODS, draw_membership


@pytest.mark.parametrize("method", METHODS)
def test_a_generator_can_draw_the_start(method):
    rows, k = TABLES["blobs"]
    once, again = (draw_membership(NativeEngine(rows), k, method, np.random.default_rng(0)) for _ in range(2))
    if once.labels is not None:
        np.testing.assert_array_equal(once.labels, again.labels)
    else:
        np.testing.assert_array_equal(once.responsibilities, again.responsibilities)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["kmeans", "k-means++", "random_from_data"])
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_units_of_the_weights_do_not_matter(method, scale):
    rows, k = blobs(6000), 3
    weights = np.random.default_rng(0).integers(1, 4, len(rows)).astype(float)
    plain, scaled = (
        draw_membership(NativeEngine(rows, unit * weights), k, method, np.random.RandomState(0)).labels
        for unit in (1.0, scale)
    )
    np.testing.assert_array_equal(scaled, plain)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e-310, 1e-160, 1e-9, 1e9, 1e147])
def test_units_of_the_rows_do_not_matter(method, scale):
    rows, k = blobs(6000), 3
    plain, scaled = (
        draw_membership(NativeEngine(table), k, method, np.random.RandomState(0))
        for table in (rows, np.c_[scale * rows, np.full(len(rows), 7 * scale)])
    )
    if method == "random":
        np.testing.assert_array_equal(scaled.responsibilities, plain.responsibilities)
    else:
        assert np.mean(scaled.labels != plain.labels) < 1e-3  # rows on a border may be rounded across


@pytest.mark.parametrize("method", ["kmeans", "k-means++", "random_from_data"])
def test_single_precision_rows_start_as_their_doubles(method):
    rows, k = blobs(6000).astype("float32"), 3
    single, double = (
        draw_membership(NativeEngine(table), k, method, np.random.RandomState(0)).labels
        for table in (rows, rows.astype(float))
    )
    np.testing.assert_array_equal(single, double)


@pytest.mark.parametrize("method", ["kmeans", "k-means++", "random_from_data"])
def test_fewer_different_rows_than_components_leave_some_empty(method):
    rows = np.repeat([[0.0, 0.0], [1.0, 0.0]], 3000, axis=0)
    labels = draw_membership(NativeEngine(rows), 4, method, np.random.RandomState(0)).labels
    np.testing.assert_array_equal(np.sort(np.bincount(labels, minlength=4)), [0, 0, 3000, 3000])


@pytest.mark.parametrize(
    ("n_components", "n_features", "expected"), [(3, 2, 10_000), (120, 2, 12_000), (50, 40, 20_000)]
)
def test_a_start_looks_at_enough_rows_for_each_component_and_no_more(n_components, n_features, expected):
    rows = np.random.default_rng(0).standard_normal((40_000, n_features))
    membership = draw_membership(NativeEngine(rows), n_components, "random_from_data", np.random.default_rng(0))
    assert membership.rows.n_rows == len(membership.labels) == expected
