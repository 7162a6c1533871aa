"""The hidden Potts field against NumPy, and what must hold of it: it never falls, it forgets threads, it samples."""

import itertools

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from gaussmix.imaging.random_field.field import RandomField
from gaussmix.imaging.random_field.neighborhood import Neighborhood

# shape, neighbors, classes, masked, with edges; 'stack' has a leading axis without neighbors
GRIDS = [
    ((7, 9), 4, 2, False, False),
    ((12, 33), 8, 3, True, False),
    ((12, 70), 8, 3, True, True),
    ((5, 6, 7), 6, 4, False, True),
    ((5, 4, 37), 18, 2, True, False),
    ((4, 5, 6), 26, 3, True, True),
    ((1, 5), 4, 2, False, False),
    ((9, 1), 8, 2, False, False),
]


def make(shape, n_neighbors, n_classes, masked, with_edges, seed=0, spacing=None):
    rng = np.random.default_rng(seed)
    neighborhood = Neighborhood.of(len(shape), n_neighbors, spacing)
    scores = rng.normal(size=(int(np.prod(shape)), n_classes))
    visible = rng.random(shape) < 0.8 if masked else None
    edges = None
    if with_edges:
        edges = rng.integers(0, 256, (len(neighborhood.offsets), *shape)).astype(np.uint8)
    return neighborhood, scores, visible, edges


def pairs_of(shape, neighborhood, edges):
    """(i, j, weight) of every pair of neighbors, by looking at each pixel."""
    numbers = np.arange(np.prod(shape)).reshape(shape)
    found = []
    for place in np.ndindex(*shape):
        for o, offset in enumerate(neighborhood.offsets):
            other = tuple(np.add(place, offset))
            if all(0 <= at < size for at, size in zip(other, shape, strict=True)):
                factor = 1.0 if edges is None else edges[(o, *place)] / 255
                found.append((numbers[place], numbers[other], neighborhood.weights[o] * factor))
    return found


def dense_weights(shape, neighborhood, edges):
    n = int(np.prod(shape))
    weights = np.zeros((n, n))
    for i, j, weight in pairs_of(shape, neighborhood, edges):
        weights[i, j] += weight
        weights[j, i] += weight
    return weights


def softmax(scores):
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def pixels_by_parity(shape, pixels):
    """Pixels that change at once, in the order in which they do: even before odd, the last axis first."""
    place = np.unravel_index(np.arange(pixels), shape)
    keys = np.zeros(pixels, dtype=int)
    for axis in range(len(shape) - 1):
        keys += (place[axis] % 2) << (len(shape) - 1 - axis)
    return [np.flatnonzero(keys + place[-1] % 2 == color) for color in range(2 ** len(shape))]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_sweeps_and_energy_are_those_of_the_equations(grid):
    neighborhood, scores, visible, edges = make(*grid)
    shape, smoothing = grid[0], 0.7
    field = RandomField(shape, grid[2], neighborhood, visible, edges)
    field.load(scores)
    seen = np.ones(len(scores), bool) if visible is None else visible.ravel()
    weights = dense_weights(shape, neighborhood, edges)
    q = softmax(scores) * seen[:, None]
    np.testing.assert_allclose(field.probabilities(), q, atol=1e-6)
    for _ in range(3):
        field.sweep(smoothing)
        for color in pixels_by_parity(shape, len(q)):
            q[color] = softmax(scores[color] + smoothing * (weights[color] @ q)) * seen[color, None]
        np.testing.assert_allclose(field.probabilities(), q, atol=3e-6)
    inside = q > 0
    energy = (q[inside] * (np.where(seen[:, None], scores, 0)[inside] - np.log(q[inside]))).sum()
    energy += 0.5 * smoothing * (q * (weights @ q)).sum()
    assert field.free_energy(smoothing) == pytest.approx(energy, rel=1e-6)
    labels = np.where(seen, q.argmax(axis=1), 255).reshape(shape)
    np.testing.assert_array_equal(field.labels(), labels)


@pytest.mark.parametrize("smoothing", [0.0, 0.3, 1.5, 6.0])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_the_free_energy_never_falls(grid, smoothing):
    neighborhood, scores, visible, edges = make(*grid, seed=1)
    field = RandomField(grid[0], grid[2], neighborhood, visible, edges)
    field.load(scores)
    energies = [field.free_energy(smoothing)]
    for _ in range(15):
        field.sweep(smoothing)
        energies.append(field.free_energy(smoothing))
    assert (np.diff(energies) >= -1e-6 * np.abs(energies).max()).all()
    assert smoothing == 0.0 or energies[-1] > energies[0]


def test_any_number_of_threads_gives_the_same_bits():
    neighborhood, scores, visible, edges = make((150, 210), 8, 3, True, True)
    results = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads, user_api="openmp"):
            field = RandomField((150, 210), 3, neighborhood, visible, edges)
            field.load(scores)
            field.sweep(1.0, 4)
            swept = field.probabilities()
            energy = field.free_energy(1.0)
            field.draw(1.0, 7)
            results.append((swept, energy, field.labels()))
    for swept, energy, labels in results[1:]:
        np.testing.assert_array_equal(swept, results[0][0])
        assert energy == results[0][1]
        np.testing.assert_array_equal(labels, results[0][2])


def test_pieces_of_scores_are_the_same_as_all_at_once():
    neighborhood, scores, visible, _ = make((11, 13), 8, 3, True, False)
    whole, pieces = (RandomField((11, 13), 3, neighborhood, visible) for _ in range(2))
    whole.load(scores)
    for first in range(0, len(scores), 17):
        pieces.load(scores[first : first + 17], first)
    whole.sweep(0.5, 3)
    pieces.sweep(0.5, 3)
    np.testing.assert_array_equal(pieces.probabilities(5, 60), whole.probabilities()[5:60])
    assert pieces.free_energy(0.5) == pytest.approx(whole.free_energy(0.5), rel=1e-12)
    whole.load(scores + 1.0, keep=True)
    np.testing.assert_array_equal(whole.probabilities(), pieces.probabilities())
    assert whole.free_energy(0.5) == pytest.approx(pieces.free_energy(0.5) + visible.sum(), rel=1e-6)


def test_images_of_a_stack_do_not_see_each_other():
    _, scores, _, _ = make((6, 8, 9), 6, 3, False, False)
    flat = Neighborhood.of(2, 8)
    stack = RandomField((6, 8, 9), 3, flat.stacked())
    stack.load(scores)
    stack.sweep(0.9, 5)
    for number, part in enumerate(scores.reshape(6, 72, 3)):
        alone = RandomField((8, 9), 3, flat)
        alone.load(part)
        alone.sweep(0.9, 5)
        np.testing.assert_array_equal(alone.probabilities(), stack.probabilities(72 * number, 72 * (number + 1)))


@pytest.mark.parametrize(("shape", "n_neighbors"), [((40, 9), 8), ((30, 4, 5), 26), ((30, 4, 5), 6)])
def test_a_sweep_sees_two_lines_along_the_first_axis(shape, n_neighbors):
    neighborhood, scores, _, _ = make(shape, n_neighbors, 3, False, False)
    line, changed = int(np.prod(shape[1:])), scores.copy()
    changed[: 11 * line] += np.random.default_rng(1).normal(size=(11 * line, 3))
    results = []
    for values in (scores, changed):
        field = RandomField(shape, 3, neighborhood)
        field.load(values)
        field.sweep(1.0, 4)
        results.append(field.probabilities())
    differs = (results[0] != results[1]).reshape(shape[0], -1).any(axis=1)
    assert differs[:11].all()
    assert not differs[11 + 2 * 4 :].any()


def test_impossible_classes_stay_impossible():
    neighborhood, scores, _, _ = make((8, 8), 4, 3, False, False)
    scores[:20, 0] = -np.inf
    scores[5] = [-np.inf, 0.0, -np.inf]
    field = RandomField((8, 8), 3, neighborhood)
    field.load(scores)
    field.sweep(2.0, 3)
    assert (field.probabilities()[:20, 0] == 0).all()
    assert field.probabilities()[5, 1] == 1
    for seed in range(5):
        field.draw(2.0, seed)
        assert (field.probabilities()[:20, 0] == 0).all()


@pytest.mark.slow
def test_draws_have_the_probabilities_of_the_field():
    """Against all 3^6 labelings of a small image."""
    shape, smoothing = (2, 3), 0.8
    neighborhood, scores, _, edges = make(shape, 8, 3, False, True, seed=3)
    pairs = pairs_of(shape, neighborhood, edges)
    labelings = np.array(list(itertools.product(range(3), repeat=6)))
    logs = scores[np.arange(6), labelings].sum(axis=1)
    for i, j, weight in pairs:
        logs += smoothing * weight * (labelings[:, i] == labelings[:, j])
    odds = np.exp(logs - logs.max())
    odds /= odds.sum()
    expected = np.array([[odds[labelings[:, i] == c].sum() for c in range(3)] for i in range(6)])
    same = sum(odds[labelings[:, i] == labelings[:, j]].sum() for i, j, _ in pairs)

    # many copies at once: a stack
    copies = 20_000
    field = RandomField((copies, *shape), 3, neighborhood.stacked(), edges=np.repeat(edges[:, None], copies, axis=1))
    field.load(np.tile(scores, (copies, 1)))
    for seed in range(30):
        field.draw(smoothing, seed)
    drawn = field.labels().reshape(copies, 6)
    frequencies = np.array([[(drawn[:, i] == c).mean() for c in range(3)] for i in range(6)])
    np.testing.assert_allclose(frequencies, expected, atol=5 * 0.5 / np.sqrt(copies))
    alike = sum((drawn[:, i] == drawn[:, j]).mean() for i, j, _ in pairs)
    assert alike == pytest.approx(same, abs=5 * len(pairs) * 0.5 / np.sqrt(copies))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2, 6), r"n_neighbors must be one of \(4, 8\) for 2 axes; got 6"),
        ((3, 8), r"n_neighbors must be one of \(6, 18, 26\)"),
        ((3, 6, (1.0, 1.0)), "spacing must be 3 positive numbers"),
        ((2, 4, (1.0, 0.0)), "spacing must be 2 positive numbers"),
    ],
)
def test_neighborhoods_that_are_none(arguments, message):
    with pytest.raises(ValueError, match=message):
        Neighborhood.of(*arguments)


@pytest.mark.parametrize(("n_axes", "n_neighbors"), [(2, 4), (2, 8), (3, 6), (3, 18), (3, 26)])
def test_as_many_neighbors_as_asked_for(n_axes, n_neighbors):
    offsets = Neighborhood.of(n_axes, n_neighbors).offsets
    both = {tuple(step) for step in np.concatenate([offsets, -offsets])}
    assert len(both) == n_neighbors
