"""Metrics: against the definitions, pixel by pixel, and what they say of trivial cases."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from gaussmix.imaging.metrics import (
    boundary_f,
    covering,
    dice,
    mean_dice,
    probabilistic_rand_index,
    variation_of_information,
)

REGION_METRICS = (covering, probabilistic_rand_index, variation_of_information)


def images(seed, shape=(5, 6), n_truths=3):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, shape), rng.integers(0, 3, (n_truths, *shape))


def covering_by_sets(labels, truths):
    """Arbelaez et al. 2011, equation 8."""
    total = []
    for truth in truths:
        covered = 0
        for value in np.unique(truth):
            region = set(np.flatnonzero(truth == value))
            others = (set(np.flatnonzero(labels == other)) for other in np.unique(labels))
            covered += len(region) * max(len(region & other) / len(region | other) for other in others)
        total.append(covered / labels.size)
    return np.mean(total)


def rand_by_pairs(labels, truths):
    """Unnikrishnan et al. 2007, equation 3: p_ij is the share of the truths in which i and j are together."""
    flat, several = labels.reshape(-1), truths.reshape(len(truths), -1)
    total = 0.0
    pairs = list(itertools.combinations(range(flat.size), 2))
    for i, j in pairs:
        p = np.mean(several[:, i] == several[:, j])
        total += p if flat[i] == flat[j] else 1 - p
    return total / len(pairs)


def information_by_pixels(labels, truths):
    """The mean over the pixels of -log2 p(truth | label) - log2 p(label | truth)."""
    total = []
    for truth in truths:
        bits = 0.0
        for a, b in zip(labels.reshape(-1), truth.reshape(-1), strict=True):
            both = np.sum((labels == a) & (truth == b))
            bits -= np.log2(both / np.sum(labels == a)) + np.log2(both / np.sum(truth == b))
        total.append(bits / labels.size)
    return np.mean(total)


DEFINITIONS = {
    covering: covering_by_sets,
    probabilistic_rand_index: rand_by_pairs,
    variation_of_information: information_by_pixels,
}


@pytest.mark.parametrize("metric", REGION_METRICS, ids=lambda metric: metric.__name__)
@pytest.mark.parametrize(("seed", "shape"), [(0, (5, 6)), (1, (1, 7)), (2, (3, 4, 3)), (3, (2, 2))])
def test_regions_are_compared_as_defined(metric, seed, shape):
    labels, truths = images(seed, shape)
    expected = DEFINITIONS[metric](labels, truths)
    assert metric(labels, truths) == pytest.approx(expected, abs=1e-12)
    assert metric(labels, list(truths)) == pytest.approx(expected, abs=1e-12)
    assert metric(labels, truths[0]) == pytest.approx(DEFINITIONS[metric](labels, truths[:1]), abs=1e-12)


@pytest.mark.parametrize("metric", REGION_METRICS, ids=lambda metric: metric.__name__)
def test_the_numbers_of_regions_do_not_matter(metric):
    labels, truths = images(0)
    names = np.array([70000, 3, 12, 0])
    assert metric(names[labels], truths) == pytest.approx(metric(labels, truths), abs=1e-12)


@pytest.mark.parametrize("metric", [*REGION_METRICS, mean_dice, boundary_f], ids=lambda metric: metric.__name__)
def test_masked_pixels_do_not_count(metric):
    labels, truths = images(0, (6, 8))
    truth = truths[0]
    visible = np.ones((6, 8), dtype=bool)
    visible[4:] = False
    inside = metric(labels, truth, visible)
    if metric is not boundary_f:  # whose tolerance is a share of the image
        assert inside == pytest.approx(metric(labels[:4], truth[:4]), abs=1e-12)
        assert inside == metric(np.where(visible, labels, -1), truth)
    changed = np.where(visible, labels, 9)
    assert inside == metric(changed, truth, visible)


@pytest.mark.parametrize("metric", [*REGION_METRICS, mean_dice, boundary_f], ids=lambda metric: metric.__name__)
def test_an_image_agrees_with_itself(metric):
    labels = np.repeat([0, 1, 2], 8).reshape(4, 6)
    assert metric(labels, labels) == pytest.approx(0 if metric is variation_of_information else 1, abs=1e-12)
    one = np.zeros((3, 3), dtype=int)
    assert metric(one, one) == pytest.approx(0 if metric is variation_of_information else 1, abs=1e-12)


@pytest.mark.parametrize("metric", [*REGION_METRICS, dice, boundary_f], ids=lambda metric: metric.__name__)
def test_images_that_cannot_be_compared_are_refused(metric):
    labels = np.zeros((3, 3), dtype=int)
    with pytest.raises(ValueError, match=r"the shapes \(3, 3\) and \(3, 4\)"):
        metric(labels, np.zeros((3, 4), dtype=int))
    with pytest.raises(ValueError, match="whole numbers; labels has float64"):
        metric(labels / 2, labels)
    with pytest.raises(ValueError, match=r"visible has the shape \(2, 2\)"):
        metric(labels, labels, np.ones((2, 2), dtype=bool))
    with pytest.raises(ValueError, match="no pixel to compare"):
        metric(labels - 1, labels)


def test_dice_is_that_of_sets():
    labels, truths = images(4, (7, 9))
    found = dice(labels, truths[0])
    for value in range(4):
        first, second = set(np.flatnonzero(labels == value)), set(np.flatnonzero(truths[0] == value))
        assert found[value] == 2 * len(first & second) / (len(first) + len(second))
    assert mean_dice(labels, truths[0]) == found.mean()


def test_classes_that_no_image_has_count_for_nothing():
    np.testing.assert_array_equal(dice([0, 3], [0, 0]), [2 / 3, np.nan, np.nan, 0])
    assert mean_dice([0, 3], [0, 0]) == pytest.approx(1 / 3)


def lines(*columns, shape=(20, 30)):
    """Vertical stripes that end after the columns."""
    return np.searchsorted(np.array(columns), np.arange(shape[1]), side="left")[None].repeat(shape[0], axis=0)


def test_boundaries_within_the_tolerance_match():
    assert boundary_f(lines(10), lines(12), tolerance=2) == 1
    assert boundary_f(lines(10), lines(13), tolerance=2) == 0
    assert boundary_f(lines(10), lines(10, 20), tolerance=2) == pytest.approx(2 / 3)  # P = 1, R = 1/2
    assert boundary_f(lines(10, 13), lines(12), tolerance=2) == pytest.approx(2 / 3)  # one to one: P = 1/2
    both = np.stack([lines(10), lines(20)])
    assert boundary_f(lines(10, 20), both, tolerance=1) == 1  # P counts any truth
    assert boundary_f(lines(10), both, tolerance=1) == pytest.approx(2 / 3)
    assert boundary_f(np.zeros((20, 30), dtype=int), lines(10)) == 0


def test_the_tolerance_is_a_share_of_the_diagonal():
    wide = {"shape": (300, 400)}
    assert boundary_f(lines(100, **wide), lines(103, **wide)) == 1  # 0.0075 * 500 = 3.75
    assert boundary_f(lines(100, **wide), lines(104, **wide)) == 0


@pytest.mark.parametrize("seed", range(3))
def test_as_many_boundary_pixels_match_as_an_assignment_can(seed):
    rng = np.random.default_rng(seed)
    labels, truth = (rng.integers(0, 2, (4, 4, 4)) for _ in range(2))  # three axes: not thinned

    def boundary(image):
        found = np.zeros(image.shape, dtype=bool)
        for point in np.ndindex(image.shape):
            block = tuple(slice(start, start + 2) for start in point)
            found[point] = np.ptp(image[block]) > 0
        return np.argwhere(found)

    here, there = boundary(labels), boundary(truth)
    near = np.linalg.norm(here[:, None] - there[None], axis=2) <= 1.2
    matched = near[linear_sum_assignment(near, maximize=True)].sum()
    expected = 2 * matched / (len(here) + len(there))  # P = m / a, R = m / b
    assert boundary_f(labels, truth, tolerance=1.2) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [*REGION_METRICS, boundary_f], ids=lambda metric: metric.__name__)
def test_numbers_of_regions_may_be_of_any_type_and_size(metric):
    labels, truths = images(2, (12, 9))
    labels, truth = labels % 2, truths[0] % 2
    expected = metric(labels, truth)
    assert metric(labels.astype(bool), truth.astype(bool)) == expected
    assert metric(labels.astype(np.uint64), truth.astype(np.uint8)) == expected
    for large in (10**6, 2**31, 2**40, 2**62):
        assert metric(labels * large, truth * large) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [*REGION_METRICS, dice, boundary_f], ids=lambda metric: metric.__name__)
def test_numbers_that_are_too_large_and_no_truths_are_refused(metric):
    labels = np.eye(3, dtype=int)
    with pytest.raises(ValueError, match="truth has the label 9223372036854775808, which is too large"):
        metric(labels, labels.astype(np.uint64) << 63)
    with pytest.raises(ValueError, match="whole numbers; truth has" if metric is dice else "truths is empty"):
        metric(labels, [])


def test_classes_are_not_numbered_by_millions():
    with pytest.raises(ValueError, match=r"the greatest label is 1099511627776; the numbers of classes must be less"):
        dice([0, 2**40], [0, 1])
