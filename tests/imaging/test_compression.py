"""Pictures that went through JPEG: classes follow the colors, not the blocks."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.metrics import adjusted_rand_score

from gaussmix.imaging import GaussianMixtureSegmenter, segment_image
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.images.variance_floor import variance_floor

GRAY_NOISE = {"disc": 15, "sea": 12, "micrograph": 5, "faint": 2}
COLORS = {
    "disc": [[60, 48, 30], [170, 136, 85]],
    "sea": [[40, 50, 62], [95, 98, 80], [205, 208, 212]],
    "micrograph": [[90, 88, 92], [120, 117, 121], [155, 151, 156]],
    "faint": [[110, 99, 88], [120, 108, 96], [130, 117, 104]],
}


def scene(kind, seed=0, shape=(96, 120)):
    """Return classes and their picture, with noise mostly of brightness."""
    rng = np.random.default_rng(seed)
    colors = np.array(COLORS[kind], dtype=float)
    truth = np.stack([gaussian_filter(rng.normal(size=shape), 9) for _ in colors]).argmax(axis=0)
    tint = colors[0] / colors[0].max()
    noise = GRAY_NOISE[kind] * (tint * rng.normal(size=(*shape, 1)) + 0.2 * rng.normal(size=(*shape, 3)))
    return truth, (colors[truth] + noise).round().clip(0, 255).astype(np.uint8)


def compressed(image, quality, subsampling):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "jpeg", quality=quality, subsampling=subsampling)
    return np.array(Image.open(file))


def test_a_disc_on_a_ground():
    rng = np.random.default_rng(1)
    disc = np.hypot(*np.mgrid[-32:32, -40:40]) < 20
    gray = np.where(disc, 170, 60) + rng.normal(0, 15, disc.shape)
    photo = (gray[..., None] * [1.0, 0.8, 0.5]).clip(0, 255).astype(np.uint8)
    for quality in (95, 75, 50):
        image = compressed(photo, quality, 2)
        assert ((segment_image(image, 2, random_state=0) == 1) == disc).mean() > 0.98


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [{}, {"color_space": "lab"}, {"color_space": "lab", "position": 1.0}, {"covariance_type": "diag"}],
    ids=str,
)
@pytest.mark.parametrize(("quality", "subsampling"), [(95, 2), (75, 0), (75, 2)])
@pytest.mark.parametrize("kind", ["disc", "sea"])
def test_classes_are_not_blocks(kind, quality, subsampling, parameters):
    truth, image = scene(kind)
    k = truth.max() + 1
    labels = segment_image(compressed(image, quality, subsampling), k, smoothing=0, random_state=0, **parameters)
    assert adjusted_rand_score(truth.ravel(), labels.ravel()) > 0.96


@pytest.mark.parametrize(("kind", "least"), [("micrograph", 0.93), ("faint", 0.85)])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_little_noise_is_left_by_compression(kind, subsampling, least):
    truth, image = scene(kind)
    labels = segment_image(compressed(image, 75, subsampling), 3, smoothing=0, random_state=0)
    assert adjusted_rand_score(truth.ravel(), labels.ravel()) > least


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda image: image[3:-2, 5:-4],
        lambda image: compressed(image, 90, 2),
        lambda image: image / 255,
        lambda image: image.astype(np.float32),
    ],
    ids=["cut out", "saved twice", "shares", "floats"],
)
def test_changes_after_compression(change):
    truth, image = scene("sea")
    classes = truth[3:-2, 5:-4] if change(image).shape != image.shape else truth
    labels = segment_image(change(compressed(image, 75, 2)), 3, smoothing=0, random_state=0)
    assert adjusted_rand_score(classes.ravel(), labels.ravel()) > 0.97


@pytest.mark.parametrize("kind", ["disc", "sea", "faint"])
def test_the_free_energy_never_falls(kind):
    truth, image = scene(kind)
    segmenter = GaussianMixtureSegmenter(truth.max() + 1, smoothing=1.0, random_state=0)
    energies = segmenter.fit(compressed(image, 75, 2)).free_energies_
    assert (np.diff(energies) >= 0).all()


@pytest.mark.parametrize("subsampling", [0, 2])
def test_known_pixels_of_a_compressed_picture(subsampling):
    truth, image = scene("micrograph")
    known = np.where(np.random.default_rng(1).random(truth.shape) < 0.02, truth, -1)
    segmenter = GaussianMixtureSegmenter(3, components_per_class=5, color_space="lab", smoothing=1.0, random_state=0)
    labels = segmenter.fit_predict(compressed(image, 75, subsampling), labels=known)
    assert adjusted_rand_score(truth.ravel(), labels.ravel()) > 0.93


def test_the_floor_is_of_missing_noise_of_chroma():
    """Channels with noise of their own lack none; noise of brightness alone lacks an eighth of its variance."""
    rng = np.random.default_rng(0)
    own = Pixels(rng.normal(120, 10, (64, 64, 3)).round().astype(np.uint8), None)
    alike = Pixels(rng.normal(120, 10, (64, 64, 1)).round().astype(np.uint8).repeat(3, axis=-1), None)
    np.testing.assert_allclose(variance_floor([own], "rgb"), 0.75 * np.eye(3))
    floor = variance_floor([alike], "rgb")
    brightness = np.ones(3) / 3**0.5
    assert brightness @ floor @ brightness == pytest.approx(0.75)
    assert np.linalg.eigvalsh(floor)[1:] == pytest.approx(0.75 + 100 / 8, rel=0.25)
    lab = variance_floor([alike], "lab")
    np.testing.assert_allclose(lab, np.diag(lab.diagonal()))
    assert lab[0, 0] == pytest.approx(0.75 * (100 / 255) ** 2)
    assert lab[1, 1] == pytest.approx(lab[2, 2])
    assert lab[1, 1] > 10 * lab[0, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_values_have_a_floor_only_if_one_is_frequent(dtype):
    values = np.random.default_rng(0).integers(0, 250, (64, 64, 1)).astype(dtype)
    assert variance_floor([Pixels(values, None)], "rgb") is None
    values[:16] = 0
    np.testing.assert_allclose(variance_floor([Pixels(values, None)], "rgb"), [[1 / 12]])


@pytest.mark.parametrize("parameters", [{}, {"position": 1.0}, {"position": 50.0}, {"color_space": "lab"}], ids=str)
def test_the_mixture_is_in_the_units_of_the_features(parameters):
    truth, image = scene("sea")
    mixture = GaussianMixtureSegmenter(3, smoothing=0, random_state=0, **parameters).fit(image).mixture_
    if parameters.get("color_space") == "lab":
        return np.testing.assert_allclose(mixture.means[:, 0], [20, 41, 83], atol=2)
    np.testing.assert_allclose(mixture.means[:, :3], COLORS["sea"], atol=2)
    if parameters:
        places = parameters["position"] / 120 * np.indices(truth.shape)
        centers = [[axis[truth == k].mean() for axis in places] for k in range(3)]
        np.testing.assert_allclose(mixture.means[:, 3:], centers, atol=0.02 * parameters["position"])
        variances = [[axis[truth == k].var() for axis in places] for k in range(3)]
        found = mixture.covariance.dense()[:, [3, 4], [3, 4]]
        np.testing.assert_allclose(found, variances, rtol=0.1)
    return None
