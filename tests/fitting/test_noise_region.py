"""Regions of noise: mclust's volume, the convex hull, numbers, and rows without a volume."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.noise_region import region_of

RNG = np.random.default_rng(0)


def hypvol(rows):
    """``hypvol`` of mclust, by its formula."""
    axes = np.linalg.eigh(np.cov(rows.T))[1]
    return min(np.ptp(rows, axis=0).prod(), np.ptp(rows @ axes, axis=0).prod())


@pytest.mark.parametrize("d", [2, 3, 5])
@pytest.mark.parametrize("correlated", [False, True])
def test_volume_of_mclust(d, correlated):
    rows = RNG.standard_normal((200, d))
    if correlated:
        rows = rows @ (np.eye(d) + 2 * np.ones((d, d)))
    region = region_of(WeightedRows(rows), "hypvol")
    assert region.volume == pytest.approx(hypvol(rows), rel=1e-12)
    inside = np.linalg.solve(region.edges, (rows - region.center).T)
    assert np.abs(inside).max() == pytest.approx(0.5)
    if correlated:
        assert region.volume < 0.9 * np.ptp(rows, axis=0).prod()


def test_one_feature_integers_and_weights():
    rows = np.array([[3], [9], [200], [5]], dtype=np.uint8)
    assert region_of(WeightedRows(rows), "hypvol").volume == pytest.approx(197)
    assert region_of(WeightedRows(rows, np.array([1.0, 1, 0, 1])), "hull").volume == pytest.approx(6)


def test_weights_count_as_repeated_rows():
    rows = RNG.standard_normal((50, 3)) @ RNG.standard_normal((3, 3))
    weights = RNG.integers(1, 9, 50)
    weighted = region_of(WeightedRows(rows, weights.astype(float)), "hypvol")
    assert weighted.volume == pytest.approx(region_of(WeightedRows(np.repeat(rows, weights, axis=0)), "hypvol").volume)


@pytest.mark.parametrize("d", [2, 3, 4])
def test_hull_does_not_depend_on_the_basis(d):
    rows, matrix = RNG.standard_normal((100, d)), RNG.standard_normal((d, d))
    volume = region_of(WeightedRows(rows), "hull").volume
    assert volume == pytest.approx(ConvexHull(rows).volume)
    turned = region_of(WeightedRows(rows @ matrix + 7), "hull").volume
    assert turned == pytest.approx(volume * abs(np.linalg.det(matrix)))


def test_missing_values_do_not_limit_the_region():
    rows = RNG.standard_normal((80, 2))
    rows[::3, 0] = np.nan
    low, high = np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)
    assert region_of(WeightedRows(rows), "hypvol").volume == pytest.approx((high - low).prod())
    complete = rows[~np.isnan(rows).any(axis=1)]
    assert region_of(WeightedRows(rows), "hull").volume == pytest.approx(ConvexHull(complete).volume)


@pytest.mark.parametrize("volume", [1e-200, 3.0, 1e200])
def test_a_number_is_the_volume(volume):
    region = region_of(WeightedRows(RNG.standard_normal((20, 3)) * [1, 100, 0]), volume)
    assert region.volume == pytest.approx(volume)


@pytest.mark.parametrize(
    "rows", [RNG.standard_normal((40, 1)) @ [[1.0, 2.0]], np.sign(RNG.standard_normal((40, 1))) @ [[1.0, 1]]]
)
def test_flat_rows_have_the_box_along_the_features(rows):
    assert region_of(WeightedRows(rows), "hypvol").volume == pytest.approx(np.ptp(rows, axis=0).prod())
    with pytest.raises(ValueError, match="linear functions of each other"):
        region_of(WeightedRows(rows), "hull")


def test_a_constant_column_is_named():
    rows = WeightedRows(np.column_stack([RNG.standard_normal(9), np.ones(9)]), None, ("a", "b"))
    with pytest.raises(ValueError, match="column b is constant"):
        region_of(rows, "hypvol")
