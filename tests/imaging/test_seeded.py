"""Seeds: their effect, contrast of neighbors, coarse grids, and errors for bad labels."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

import gaussmix.imaging.random_field.contrast as contrast
from gaussmix.core.mixture import Mixture
from gaussmix.imaging import GaussianMixtureSegmenter, segment_image
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.random_field.annealing import anneal
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.contrast import contrast_edges, contrast_scale
from gaussmix.imaging.random_field.grid import Grid
from gaussmix.imaging.random_field.neighborhood import Neighborhood
from gaussmix.imaging.random_field.pyramid import Level, build_pyramid, repeat_blocks, sum_blocks


def rings(shape, n_classes):
    """Nested boxes, class 0 outside."""
    depth = np.min([np.minimum(at, size - 1 - at) for at, size in zip(np.indices(shape), shape, strict=True)], axis=0)
    return np.minimum(depth // (min(shape) // (2 * n_classes)), n_classes - 1)


def mottled(truth, channels, noise=20.0, seed=0):
    """Each class in two colors, mixed pixel by pixel."""
    rng = np.random.default_rng(seed)
    colors = rng.permutation(np.linspace(20, 235, 2 * (truth.max() + 1)))[:, None] * np.ones(channels)
    colors[:, 1:] += rng.normal(scale=60, size=(len(colors), channels - 1))
    which = 2 * truth + rng.integers(2, size=truth.shape)
    return colors[which] + rng.normal(scale=noise, size=(*truth.shape, channels))


def scribbles(truth, seed=0, n_pixels=60):
    labels = np.full(truth.shape, -1)
    rng = np.random.default_rng(seed)
    for number in range(truth.max() + 1):
        places = rng.permutation(np.flatnonzero(truth == number))[:n_pixels]
        labels.flat[places] = number
    return labels


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "n_classes", "channels", "parameters"),
    [
        ((60, 90), 2, 3, {}),
        ((90, 60), 3, 3, {"color_space": "rgb", "contrast": False}),
        ((90, 100), 2, 4, {"n_neighbors": 4}),
        ((60, 90), 2, 1, {}),
        ((90, 60), 3, 2, {"covariance_type": "diag"}),
        ((60, 90), 2, 3, {"covariance_type": "tied"}),
        ((24, 40, 32), 2, 1, {"spacing": (2.0, 1.0, 1.0)}),
        ((3, 60, 90), 2, 3, {"stack": True}),
    ],
    ids=str,
)
def test_classes_of_several_colors_follow_scribbles(shape, n_classes, channels, parameters):
    spatial = shape[1:] if parameters.get("stack") else shape
    truth = np.broadcast_to(rings(spatial, n_classes), shape).copy()
    image = mottled(truth, channels)
    image = image[..., 0] if channels == 1 else image
    labels = scribbles(truth)
    wrong = np.unravel_index(0, shape)
    labels[wrong] = n_classes - 1  # far from its like, and kept
    image.flags.writeable = labels.flags.writeable = False
    segmenter = GaussianMixtureSegmenter(n_classes, components_per_class=2, random_state=0, **parameters)
    found = segmenter.fit_predict(image, labels=labels)
    assert found.shape == shape
    assert (found == truth).mean() > 0.97
    np.testing.assert_array_equal(found[labels >= 0], labels[labels >= 0])
    probabilities = segmenter.predict_proba(image, labels=labels)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(axis=-1), found)
    assert probabilities[wrong][-1] == 1
    assert segmenter.mixture_.n_components == 2 * segmenter.n_components_ == 2 * n_classes


@pytest.mark.parametrize("order", ["brightness", "weight"])
def test_classes_keep_their_numbers(order):
    truth = rings((60, 80), 3)
    image = np.array([200.0, 30.0, 120.0])[truth] + np.random.default_rng(0).normal(scale=30, size=truth.shape)
    found = segment_image(image, 3, labels=scribbles(truth), order=order)
    assert (found == truth).mean() > 0.98


@pytest.mark.slow
@pytest.mark.parametrize(("n_classes", "per_class"), [(2, 2), (2, 5), (3, 1), (4, 1)])
def test_classes_without_seeds_start_from_pixels_that_others_do_not_explain(n_classes, per_class):
    truth = rings((96, 120), n_classes)
    image = mottled(truth, 3, seed=4)
    if per_class == 1:
        image = np.eye(4)[truth] * 100 + np.random.default_rng(0).normal(scale=30, size=(*truth.shape, 4))
    labels = np.where(rings((96, 120), 12) < 1, 0, -1)  # a rectangle around the others, and some of class 0
    segmenter = GaussianMixtureSegmenter(n_classes, components_per_class=per_class, random_state=0)
    found = segmenter.fit_predict(image, labels=labels)
    assert (found == 0)[truth == 0].mean() > 0.95
    others = [np.bincount(found[truth == number], minlength=n_classes) for number in range(1, n_classes)]
    assert (np.max(others, axis=1) / np.sum(others, axis=1) > 0.97).all()
    assert sorted(np.argmax(others, axis=1)) == list(range(1, n_classes))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_object_among_its_like(n_classes):
    truth = np.zeros((60, 90), dtype=int)
    for number in range(1, n_classes):
        truth[15:45, 30 * number - 20 : 30 * number - 2] = number
    image = np.eye(3)[truth] * 100
    image[20:40, 70:85] = image[30, 15]  # like class 1
    image += np.random.default_rng(0).normal(scale=20, size=image.shape)
    labels = np.full(truth.shape, -1)
    labels[2:5, 5:80] = 0
    for number in range(1, n_classes):
        labels[28:32, 30 * number - 15 : 30 * number - 8] = number
    segmenter = GaussianMixtureSegmenter(n_classes, connected=True).fit(image, labels=labels)
    assert (segmenter.predict(image, labels=labels) == truth).mean() > 0.99
    assert (segmenter.predict(image)[20:40, 70:85] == 1).mean() > 0.99


def test_the_number_of_classes_may_follow_from_labels():
    truth = rings((60, 80), 3)
    image = mottled(truth, 3)
    segmenter = GaussianMixtureSegmenter("auto", components_per_class=2, random_state=0)
    assert (segmenter.fit_predict(image, labels=scribbles(truth)) == truth).mean() > 0.97
    assert segmenter.n_components_ == 3


def test_a_seeded_model_serves_other_images_and_several():
    truth = rings((60, 80), 2)
    first, second = mottled(truth, 3, seed=1), mottled(truth.T, 3, seed=1)
    labels = [scribbles(truth), np.full(truth.T.shape, -1)]
    segmenter = GaussianMixtureSegmenter(2, components_per_class=2, random_state=0).fit([first, second], labels=labels)
    found = segmenter.predict([first, second])
    assert (found[0] == truth).mean() > 0.97
    assert (found[1] == truth.T).mean() > 0.97
    again = GaussianMixtureSegmenter(2, components_per_class=2, random_state=0).fit([first, second], labels=labels)
    np.testing.assert_array_equal(again.predict_proba(second), segmenter.predict_proba(second))


def test_pixels_that_do_not_count_are_not_seeds():
    truth = rings((60, 80), 2)
    image = mottled(truth, 3)
    labels = scribbles(truth)
    mask = np.random.default_rng(1).random(truth.shape) < 0.8
    spoiled = np.where(mask[..., None], image, 1e6)
    segmenter = GaussianMixtureSegmenter(2, components_per_class=2, random_state=0)
    found = segmenter.fit_predict(spoiled, mask, np.where(mask, labels, 1))
    assert (found[~mask] == 255).all()
    assert (found == truth)[mask].mean() > 0.97
    np.testing.assert_array_equal(found, segmenter.fit_predict(np.where(mask[..., None], image, np.nan), None, labels))


def test_gray_in_three_channels():
    truth = rings((60, 80), 2)
    image = np.repeat(mottled(truth, 1), 3, axis=-1)
    segmenter = GaussianMixtureSegmenter(2, components_per_class=2, random_state=0).fit(image, labels=scribbles(truth))
    assert (segmenter.predict(image, labels=scribbles(truth)) == truth).mean() > 0.97


def test_classes_of_one_color_each():
    truth = rings((40, 50), 2)
    image = np.array([[250, 0, 0], [0, 0, 250]], dtype=np.uint8)[truth]
    segmenter = GaussianMixtureSegmenter(2, components_per_class=3, random_state=0).fit(image, labels=scribbles(truth))
    np.testing.assert_array_equal(segmenter.predict(image), truth)


@pytest.mark.parametrize(
    ("labels", "parameters", "message"),
    [
        (np.zeros((3, 4), dtype=int), {}, "shape"),
        (np.zeros((20, 30)), {}, "whole numbers"),
        (np.full((20, 30), 2), {}, "from 0 to 1"),
        (np.full((20, 30), -2), {}, "-1 where"),
        (np.full((20, 30), -1), {}, "no known class at a visible pixel"),
        ([np.zeros((20, 30), dtype=int)] * 2, {}, "1 images and 2 arrays"),
        (None, {"components_per_class": 2}, "requires labels"),
        (np.zeros((20, 30), dtype=int), {"components_per_class": 0}, "components_per_class"),
    ],
    ids=str,
)
def test_bad_labels(labels, parameters, message):
    image = mottled(rings((20, 30), 2), 3)
    with pytest.raises(ValueError, match=message):
        GaussianMixtureSegmenter(2, **parameters).fit(image, labels=labels)
    with pytest.raises(ValueError, match="one color"):
        GaussianMixtureSegmenter(2).fit(np.zeros((20, 30)), labels=np.zeros((20, 30), dtype=int))


@pytest.mark.parametrize("block", [1, 500, 1 << 20])
@pytest.mark.parametrize(
    ("shape", "channels", "n_neighbors"), [((31, 44), 3, 8), ((9, 10, 11), 1, 26), ((1, 7), 1, 4)], ids=str
)
def test_contrast(shape, channels, n_neighbors, block, monkeypatch):
    monkeypatch.setattr(contrast, "BLOCK_VALUES", block)
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, size=(*shape, channels)).astype(np.uint8)
    visible = rng.random(shape) < 0.9
    neighborhood = Neighborhood.of(len(shape), n_neighbors)
    pixels = Pixels(values, visible)
    edges = contrast_edges(pixels, "rgb", neighborhood, contrast_scale([pixels], "rgb", neighborhood))
    padded = np.pad(
        np.where(visible[..., None], values, np.nan), [(1, 1)] * len(shape) + [(0, 0)], constant_values=np.nan
    )
    inside = tuple(slice(1, size + 1) for size in shape)
    squares = []
    for offset in neighborhood.offsets:
        moved = tuple(slice(1 + step, size + 1 + step) for step, size in zip(offset, shape, strict=True))
        squares.append(((padded[inside] - padded[moved]) ** 2).sum(axis=-1))
    factors = np.exp(-np.array(squares) / (2 * np.nanmean(squares)))
    np.testing.assert_allclose(edges / 255, np.nan_to_num(factors), atol=0.0021)
    even = contrast_edges(Pixels(values, visible), "rgb", neighborhood, np.inf)
    np.testing.assert_array_equal(even, np.where(np.isnan(squares), 0, 255))
    assert contrast_scale([Pixels(np.zeros_like(values), visible)], "rgb", neighborhood) == np.inf


@pytest.mark.parametrize(
    ("shape", "neighborhood"),
    [
        ((81, 90), Neighborhood.of(2, 8)),
        ((80, 91), Neighborhood.of(2, 4)),
        ((41, 42, 43), Neighborhood.of(3, 18)),
        ((3, 80, 81), Neighborhood.of(2, 8).stacked()),
    ],
    ids=["2d", "4 neighbors", "3d", "stack"],
)
def test_a_coarse_grid_has_the_free_energy_of_the_fine_one(shape, neighborhood):
    rng = np.random.default_rng(0)
    edges = contrast_edges(Pixels(rng.normal(size=(*shape, 1)), None), "rgb", neighborhood, 4.0)
    levels = build_pyramid(Level(shape, neighborhood, edges, None, (1,) * len(shape)))
    assert len(levels) >= 3 if len(shape) == 2 else 2
    finest, coarse = levels[0], levels[1]
    scores = rng.normal(size=(int(np.prod(shape)), 3))

    def energy(level, probabilities, its_scores):
        field = level.random_field(3)
        with np.errstate(divide="ignore"):
            field.load(np.log(probabilities))
        field.load(its_scores, keep=True)
        return field.free_energy(2.0)

    fine_gain = coarse_gain = 0.0
    for sign in (1, -1):  # pairs within a block are the same for all
        some = np.eye(3, dtype=np.float32)[rng.integers(2 + (sign > 0), size=int(np.prod(coarse.shape)))]
        fine_gain += sign * energy(finest, repeat_blocks(some, coarse, shape), scores)
        coarse_gain += sign * energy(coarse, some, sum_blocks(scores, shape, coarse.factors))
    assert coarse_gain == pytest.approx(fine_gain, rel=2e-3)


def test_annealed_fields_are_near_the_best_cut():
    """The exact optimum for two classes is a minimum cut (Greig, Porteous and Seheult 1989); SciPy finds it."""
    truth = rings((90, 100), 2)
    rng = np.random.default_rng(0)
    values = (truth + rng.normal(scale=1.5, size=truth.shape))[..., None]
    neighborhood = Neighborhood.of(2, 8)
    edges = contrast_edges(Pixels(values, None), "rgb", neighborhood, np.inf)
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[[2.25]], [[2.25]]])
    grid = Grid(values.reshape(-1, 1), truth.shape, neighborhood, None, None, edges)
    levels = build_pyramid(Level(truth.shape, neighborhood, edges, None, (1, 1)))
    smoothing, unit = 1.0, 10_000
    annealed = anneal(grid, levels, Classes(mixture), smoothing).labels()

    n_pixels = truth.size
    gain = np.diff(Classes(mixture).scores(grid.rows))
    source, sink = n_pixels, n_pixels + 1
    numbers = np.arange(n_pixels).reshape(truth.shape)
    ends = [(np.full(n_pixels, source), numbers.ravel(), np.maximum(gain[:, 0], 0))]
    ends.append((numbers.ravel(), np.full(n_pixels, sink), np.maximum(-gain[:, 0], 0)))
    for (down, right), weight in zip(neighborhood.offsets, neighborhood.weights, strict=True):
        near = numbers[: truth.shape[0] - down, max(0, -right) : truth.shape[1] - max(0, right)].ravel()
        far = near + down * truth.shape[1] + right
        ends += [
            (near, far, np.full(len(near), smoothing * weight)),
            (far, near, np.full(len(near), smoothing * weight)),
        ]
    tails, heads, weights = (np.concatenate(parts) for parts in zip(*ends, strict=True))
    graph = csr_array((np.rint(unit * weights).astype(np.int32), (tails, heads)), shape=(n_pixels + 2, n_pixels + 2))
    residual = graph - maximum_flow(graph, source, sink).flow
    residual.data = np.maximum(residual.data, 0)
    residual.eliminate_zeros()
    best = np.zeros(n_pixels + 2, dtype=int)
    best[breadth_first_order(residual, source, return_predecessors=False)] = 1
    best = best[:n_pixels].reshape(truth.shape)
    assert (annealed == best).mean() > 0.97
    assert (best == truth).mean() > 0.9
