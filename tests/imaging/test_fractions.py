"""Shares of classes within pixels: against known shares, and the compiled sweep against a slow one."""

import functools

import numpy as np
import pytest
from helpers.mixed_pixels import MEANS, mixed_image
from scipy.special import softmax
from threadpoolctl import threadpool_limits

import gaussmix.core._native as _native
from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.partial_volume.estimate import estimate_fractions
from gaussmix.imaging.partial_volume.model import mixing_states

CASES = [
    ((22, 24, 20), 0.03, 1),
    ((22, 24, 20), 0.09, 1),
    ((22, 24, 20), 0.09, 2),
    ((100, 90), 0.03, 1),
    ((100, 90), 0.09, 1),
    ((100, 90), 0.05, 2),
]


@functools.cache
def found_in(case):
    shape, noise, n_channels = case
    truth = mixed_image(shape, noise, n_channels=n_channels)
    return truth, estimate_fractions(truth.pixels, truth.nearest, 3).fractions


def rmse(a, b):
    return float(np.sqrt(((a - b) ** 2).mean()))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_shares_are_nearer_the_truth_than_probabilities_and_than_unmixing(case):
    truth, found = found_in(case)
    seen = truth.mask
    assert found.shape == truth.fractions.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[seen].sum(axis=-1), 1.0, atol=1e-5)
    assert (found >= 0).all()
    assert (found[~seen] == 0).all()
    error = rmse(found[seen], truth.fractions[seen])
    # What the true parameters give: probabilities, and least squares clipped to what shares can be.
    means, rows = MEANS[:, : case[2]], truth.image[seen]
    deviations = case[1] * means.max(axis=0)
    scores = np.log(truth.fractions[seen].mean(axis=0)) - 0.5 * (((rows[:, None] - means) / deviations) ** 2).sum(
        axis=2
    )
    assert error < 0.85 * rmse(softmax(scores, axis=1), truth.fractions[seen])
    one = np.full((1, 1), 1e4)
    unmixed = np.hstack([rows, one.repeat(len(rows), 0)]) @ np.linalg.pinv(np.hstack([means, one.repeat(3, 0)]))
    unmixed = np.clip(unmixed, 0, 1)
    assert error < 0.85 * rmse(unmixed / unmixed.sum(axis=1, keepdims=True), truth.fractions[seen])


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_shares_add_up_to_volumes(case):
    truth, found = found_in(case)
    volumes, true_volumes = found.sum(axis=tuple(range(truth.mask.ndim))), truth.fractions[truth.mask].sum(axis=0)
    np.testing.assert_allclose(volumes, true_volumes, rtol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_shares_are_what_is_there_on_average(case):
    truth, found = found_in(case)
    of, truly = found[truth.mask].ravel(), truth.fractions[truth.mask].ravel()
    bins = np.minimum((of * 5).astype(int), 4)
    for each in range(5):
        assert abs(of[bins == each].mean() - truly[bins == each].mean()) < 0.08


def test_a_pair_with_a_class_between_does_not_mix():
    noise = np.eye(2)
    line = mixing_states(np.array([[0.0, 0.0], [9.0, 1.0], [20.0, 0.0]]), noise)
    assert not ((line[:, 0] > 0) & (line[:, 2] > 0)).any()
    triangle = mixing_states(np.array([[0.0, 0.0], [9.0, 20.0], [20.0, 0.0]]), noise)
    assert ((triangle[:, 0] > 0) & (triangle[:, 2] > 0)).sum() == 5
    np.testing.assert_allclose(triangle.sum(axis=1), 1.0)


@pytest.mark.slow
def test_a_class_that_is_not_in_the_image_has_no_share():
    rng = np.random.default_rng(0)
    two = np.where(np.arange(60)[:, None] < 30, 115.0, 165.0) + rng.normal(scale=3.0, size=(60, 60))
    found = estimate_fractions(Pixels(two[..., None], None), 1 + (two > 140.0), 3).fractions
    np.testing.assert_array_equal(found[..., 0], 0.0)
    assert found[:28, :, 1].mean() > 0.98
    assert found[32:, :, 2].mean() > 0.98


def halves(scale=1.0, offset=0.0, noise=5.0, dtype=np.float64):
    rng = np.random.default_rng(0)
    labels = np.arange(30)[:, None].repeat(40, 1) // 15
    return ((100.0 + 60.0 * labels + noise * rng.normal(size=labels.shape)) * scale + offset).astype(dtype), labels


@pytest.mark.slow
@pytest.mark.parametrize("bias_field", [False, True])
@pytest.mark.parametrize(
    "of",
    [{"noise": 0.0}, {"scale": 1e-9}, {"scale": 1e30}, {"scale": 300.0, "dtype": np.uint16}, {"offset": -100.0}],
    ids=str,
)
def test_any_unit_will_do(of, bias_field):
    image, labels = halves(**of)
    found = estimate_fractions(Pixels(image[..., None], None), labels, 2, bias_field=bias_field).fractions
    assert (found.argmax(axis=-1) == labels).all()
    assert found.max(axis=-1).mean() > 0.95


@pytest.mark.slow
def test_a_great_offset_and_a_constant_channel_cost_nothing():
    image, labels = halves()
    found = estimate_fractions(Pixels(image[..., None], None), labels, 2).fractions
    beside = np.stack([image + 1e8, np.full_like(image, 7.0)], axis=-1)
    np.testing.assert_allclose(estimate_fractions(Pixels(beside, None), labels, 2).fractions, found, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("bias_field", [False, True])
@pytest.mark.parametrize("part", [np.s_[:1, :1], np.s_[:1], np.s_[:, :1], np.s_[14:16, :2]], ids=str)
def test_few_pixels_and_pixels_that_are_not_numbers(part, bias_field):
    image, labels = halves()
    image, labels = image[part].copy(), labels[part]
    if image.size > 4:
        image[0, 0] = np.nan
    visible = np.isfinite(image)
    found = estimate_fractions(Pixels(image[..., None], visible), labels, 2, bias_field=bias_field).fractions
    np.testing.assert_allclose(found.sum(axis=-1), visible, atol=1e-5)


@pytest.mark.slow
def test_colors_of_any_space_and_stacks():
    rng = np.random.default_rng(0)
    left = np.arange(40) < 20
    color = np.where(left[:, None], [200.0, 40.0, 30.0], [40.0, 90.0, 210.0])
    image = (np.broadcast_to(color, (3, 20, 40, 3)) + rng.normal(scale=6.0, size=(3, 20, 40, 3))).astype(np.uint8)
    for space in ("rgb", "lab"):
        parameters = {"color_space": space, "stack": True, "smoothing": 0, "random_state": 0}
        found = GaussianMixtureSegmenter(2, **parameters).fit(image).predict_fractions(image)
        assert (found.argmax(axis=-1) == found[0, 0].argmax(axis=-1)).all()
        assert found.max(axis=-1).mean() > 0.95


@pytest.mark.slow
def test_any_number_of_threads_gives_the_same_bits():
    truth, found = found_in(CASES[0])
    for threads in (1, 2, 3):
        with threadpool_limits(threads, user_api="openmp"):
            np.testing.assert_array_equal(estimate_fractions(truth.pixels, truth.nearest, 3).fractions, found)


def slow_sweep(shape, weights, rows, status, states, means, log_weights, smoothing, fractions):
    """One pixel after the other, in the order of the compiled code; returns its sums."""
    k, n_states = states.shape[1], len(states)
    lines = [(sum(place[:-1]) % 3, place[:-1]) for place in np.ndindex(*shape) if place[-1] == 0]
    sums = dict.fromkeys(("likelihood", "counted", "gradient", "curvature", "counts", "expected"), 0.0)
    by_state = np.zeros((n_states, rows.shape[1]))
    for color in range(3):
        for of_line, line in lines:
            if of_line != color:
                continue
            for x in [x for first in range(3) for x in range(first, shape[-1], 3)]:
                at = (*line, x)
                if not status[at]:
                    continue
                heard = np.zeros((2, k))
                for axis, weight in enumerate(weights):
                    for step in (-2, -1, 1, 2):
                        to = at[axis] + step
                        if 0 <= to < shape[axis]:
                            heard[abs(step) - 1] += weight * fractions[(slice(None), *at[:axis], to, *at[axis + 1 :])]
                agrees = states @ heard.T
                row = rows[np.ravel_multi_index(at, shape)]
                prior = np.exp(log_weights + agrees @ smoothing)
                prior /= prior.sum()
                joint = prior * np.exp(-0.5 * ((row - means) ** 2).sum(axis=1))
                q = joint / joint.sum()
                fractions[(slice(None), *at)] = q @ states
                if status[at] == 2:
                    mean = prior @ agrees
                    sums["likelihood"] += np.log(joint.sum())
                    sums["counted"] += 1
                    sums["gradient"] += (q - prior) @ agrees
                    sums["curvature"] += (agrees.T * prior) @ agrees - np.outer(mean, mean)
                    sums["counts"] += q
                    sums["expected"] += prior
                    by_state += np.outer(q, row)
    seen = rows[(status == 2).ravel()]
    curvature = sums["curvature"]
    return np.concatenate(
        [
            [sums["likelihood"], sums["counted"], *sums["gradient"]],
            [curvature[0, 0], curvature[0, 1], curvature[1, 1]],
            sums["counts"],
            sums["expected"],
            by_state.ravel(),
            (seen.T @ seen).ravel(),
        ]
    )


@pytest.mark.parametrize("any_instruction_set", _native.instruction_sets(), indirect=True)
@pytest.mark.parametrize("shape", [(7, 9), (4, 5, 8), (1, 1, 31), (2, 3, 4, 5)], ids=str)
def test_the_compiled_sweep_is_the_slow_one(any_instruction_set, shape):
    rng = np.random.default_rng(0)
    n, k, d = int(np.prod(shape)), 3, 2
    states = np.concatenate([np.eye(k), [[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]]])
    rows = rng.normal(size=(n, d)).astype(np.float32)
    status = rng.choice(3, p=[0.2, 0.2, 0.6], size=shape).astype(np.uint8)
    means, log_weights = rng.normal(size=(len(states), d)), np.log(rng.dirichlet(np.ones(len(states))))
    weights, smoothing = rng.uniform(0.5, 1.0, len(shape)), np.array([1.2, -0.7])
    first = (rng.dirichlet(np.ones(k), size=shape) * (status > 0)[..., None]).astype(np.float32)
    expected = np.moveaxis(first, -1, 0).astype(np.float64)
    found = np.ascontiguousarray(np.moveaxis(first, -1, 0))
    sums = np.zeros(7 + 2 * len(states) + len(states) * d + d * d)
    _native.update_fractions(
        np.array(shape),
        weights,
        rows,
        np.zeros(d),
        np.eye(d),
        status,
        states.astype(np.float32),
        means.astype(np.float32),
        log_weights.astype(np.float32),
        smoothing,
        found,
        sums,
    )
    expected_sums = slow_sweep(shape, weights, rows, status, states, means, log_weights, smoothing, expected)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_allclose(sums, expected_sums, rtol=1e-5, atol=1e-4)
