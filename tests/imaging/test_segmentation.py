"""Segmentations: classes that partition a picture, what is shown of them, and their files."""

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from gaussmix.core.display import UNLABELED
from gaussmix.imaging import (
    GaussianMixtureSegmenter,
    Picture,
    Segmentation,
    fit_pictures,
    read_picture,
    segment_picture,
    segmentation_files,
    write_segmentation,
)

COLORS = np.array([[200, 190, 60], [20, 40, 90], [120, 60, 50]])


def stripes(shape=(24, 36), channels=3, seed=0):
    """Three noisy stripes along the last axis: bright, dark, between."""
    which = np.broadcast_to(np.arange(shape[-1]) * 3 // shape[-1], shape)
    pixels = COLORS[which] + np.random.default_rng(seed).normal(0, 6, (*shape, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)[..., :channels]


def half_masked():
    """Stripes with transparent, half transparent and opaque pixels."""
    alpha = np.full((24, 36), 255, dtype=np.uint8)
    alpha[:4] = 0
    alpha[4:8] = 100
    return Picture(stripes(), alpha)


def missing():
    """Stripes of numbers, some of which are not there."""
    values = stripes(channels=1).astype(np.float32) / 7
    values[10:14] = np.nan
    return Picture(values)


PICTURES = {
    "colors": lambda: Picture(stripes()),
    "transparent": half_masked,
    "gray": lambda: Picture(stripes(channels=1)),
    "16-bit": lambda: Picture(stripes(channels=1).astype(np.uint16) * 257),
    "NaN": missing,
    "four channels": lambda: Picture(np.concatenate([stripes(), stripes(channels=1, seed=1)], axis=-1)),
    "stack": lambda: Picture(stripes((3, 12, 18)), stacked=True, suffix=".tif"),
    "volume": lambda: Picture(stripes((6, 12, 18), channels=1), spacing=(2.0, 1.0, 1.0), suffix=".npy"),
}


@pytest.fixture(params=PICTURES)
def segmentation(request):
    return segment_picture(PICTURES[request.param](), GaussianMixtureSegmenter(3, smoothing=0.5, random_state=0))


def visible(segmentation):
    seen = segmentation.picture.visible
    return np.ones(segmentation.picture.shape, dtype=bool) if seen is None else seen


def test_classes_are_the_stripes_from_dark_to_bright(segmentation):
    seen = visible(segmentation)
    width = segmentation.labels.shape[-1]
    expected = np.broadcast_to(np.repeat([2, 0, 1], width // 3), segmentation.labels.shape)
    np.testing.assert_array_equal(segmentation.labels[seen], expected[seen])
    assert (segmentation.labels[~seen] == UNLABELED).all()
    np.testing.assert_allclose(segmentation.shares, 1 / 3)
    assert segmentation.counts.sum() == segmentation.picture.n_visible


def test_labels_are_the_most_probable_classes(segmentation):
    seen, probabilities = visible(segmentation), segmentation.probabilities
    np.testing.assert_array_equal(probabilities[seen].argmax(axis=1), segmentation.labels[seen])
    np.testing.assert_allclose(probabilities[seen].sum(axis=1), 1, atol=1e-6)
    assert (probabilities[~seen] == 0).all()
    assert (abs(segmentation.maps[:, seen].sum(axis=0, dtype=int) - 255) <= 1).all()


def test_uncertainty_is_the_entropy_over_that_of_equal_classes(segmentation):
    p = segmentation.probabilities.astype(np.float64)
    expected = -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1) / np.log(3)
    np.testing.assert_allclose(segmentation.uncertainty, expected, atol=1e-6)


def test_cut_outs_partition_the_picture(segmentation):
    seen, expected = visible(segmentation), segmentation.picture.shown()
    cut_outs = np.array([segmentation.cut_out(segment) for segment in range(3)])
    assert ((cut_outs[..., 3] > 0).sum(axis=0) == seen).all()
    together = cut_outs.sum(axis=0)
    np.testing.assert_array_equal(together[seen][:, :3], expected[seen][:, :3])
    np.testing.assert_array_equal(together[..., 3], expected[..., 3] if expected.shape[-1] == 4 else 255)


def test_recolored_picture_has_the_mean_color_of_each_class(segmentation):
    shown, recolored = segmentation.picture.shown(), segmentation.recolored()
    assert recolored.shape == shown.shape
    for segment in range(3):
        inside = segmentation.labels == segment
        mean = np.rint(shown[inside][:, :3].mean(axis=0))
        assert (recolored[inside][:, :3] == mean).all()
        np.testing.assert_array_equal(segmentation.colors[segment], mean)
    np.testing.assert_array_equal(recolored[..., 3:], shown[..., 3:])


def test_views_are_planes_of_the_picture_beside_its_segments(segmentation):
    views, picture = segmentation.views(), segmentation.picture
    captions = {"stack": ["page 0", "page 1", "page 2"], "volume": ["slice 1", "slice 3", "slice 4"]}
    kind = "stack" if picture.stacked else "volume" if picture.n_axes == 3 else ""
    assert [view.caption for view in views] == captions.get(kind, [""])
    for view in views:
        where = int(view.caption.split()[1]) if view.caption else ...
        np.testing.assert_array_equal(view.picture, picture.shown()[where])
        np.testing.assert_array_equal(view.segments, segmentation.recolored()[where])
        assert view.aspect == 1


def test_the_mixture_has_names_and_the_shares_of_the_pixels(segmentation):
    mixture, picture = segmentation.mixture, segmentation.picture
    assert mixture.feature_names == picture.channels
    np.testing.assert_array_equal(mixture.weights, segmentation.shares)
    np.testing.assert_array_equal(segmentation.features(), picture.rows)
    assert len(segmentation.features(most=100)) <= 100


@pytest.mark.parametrize(
    ("color_space", "names"), [("gray", ("gray",)), ("lab", ("lightness", "green to red", "blue to yellow"))]
)
def test_features_are_named_by_the_color_space(color_space, names):
    segmenter = GaussianMixtureSegmenter(3, color_space=color_space, smoothing=0, random_state=0)
    segmentation = segment_picture(Picture(stripes()), segmenter)
    assert segmentation.mixture.feature_names == names
    assert segmentation.features().shape == (24 * 36, len(names))


def test_one_segmenter_serves_several_pictures_in_their_own_spacing():
    first = Picture(stripes((6, 12, 18), channels=1), spacing=(2.0, 1.0, 1.0))
    second = Picture(stripes((5, 9, 12), channels=1, seed=1), spacing=(1.0, 1.0, 3.0))
    segmenter = fit_pictures([first, second], GaussianMixtureSegmenter(3, smoothing=0.5, random_state=0))
    segmentation = Segmentation.of(second, segmenter)
    assert (segmenter.spacing, segmentation.segmenter.spacing) == (first.spacing, second.spacing)
    np.testing.assert_array_equal(segmentation.labels[0, 0], np.repeat([2, 0, 1], 4))


def test_a_class_without_pixels_is_black_and_has_no_share():
    segmenter = fit_pictures([Picture(stripes())], GaussianMixtureSegmenter(3, smoothing=0, random_state=0))
    segmentation = Segmentation.of(Picture(stripes()[:, :24]), segmenter)
    assert segmentation.shares[1] == 0
    np.testing.assert_array_equal(segmentation.colors[1], 0)
    assert segmentation.mixture.weights[1] == 0


# files


@pytest.mark.parametrize("maps", [True, False])
def test_files_hold_what_the_segmentation_holds(segmentation, maps, tmp_path, monkeypatch):
    picture = segmentation.picture
    fractions = segmentation.probabilities / 2
    monkeypatch.setattr(GaussianMixtureSegmenter, "predict_fractions", lambda *_: fractions, raising=False)
    write_segmentation(tmp_path, segmentation, maps=maps, fractions=True)
    names = segmentation_files(picture, 3, maps=maps, fractions=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    if picture.suffix != ".png":
        return
    labels = Image.open(tmp_path / "labels.png")
    assert labels.mode == "P"
    np.testing.assert_array_equal(labels, segmentation.labels)
    np.testing.assert_array_equal(Image.open(tmp_path / "segments.png"), segmentation.recolored())
    for segment in range(3):
        found = np.asarray(Image.open(tmp_path / f"fraction-{segment}.png"))
        np.testing.assert_allclose(found / 255, fractions[..., segment], atol=0.5001 / 255)
        if maps:
            cut_out = Image.open(tmp_path / f"segment-{segment}.png")
            np.testing.assert_array_equal(cut_out, segmentation.cut_out(segment))
            probabilities = Image.open(tmp_path / f"probability-{segment}.png")
            np.testing.assert_array_equal(probabilities, segmentation.maps[segment])
    if maps:
        uncertainty = np.asarray(Image.open(tmp_path / "uncertainty.png"))
        np.testing.assert_allclose(uncertainty / 255, segmentation.uncertainty, atol=0.5001 / 255)


@pytest.mark.parametrize("kind", ["nifti", "tiff"])
def test_files_of_a_volume_are_numbers_where_the_volume_is(kind, tmp_path):
    values = stripes((6, 12, 18), channels=1)[..., 0]
    if kind == "nifti":
        nibabel.save(nibabel.Nifti1Image(values, np.diag([2, 1, 1, 1])), tmp_path / "v.nii.gz")
        picture = read_picture(tmp_path / "v.nii.gz")
    else:
        tifffile.imwrite(tmp_path / "v.tif", values, imagej=True, metadata={"axes": "ZYX", "spacing": 2})
        picture = read_picture(tmp_path / "v.tif")
    segmentation = segment_picture(picture, GaussianMixtureSegmenter(3, smoothing=0.5, random_state=0))
    (tmp_path / "out").mkdir()
    write_segmentation(tmp_path / "out", segmentation)
    for name, expected in (
        ("labels", segmentation.labels[..., None]),
        ("uncertainty", segmentation.uncertainty[..., None]),
        ("probabilities", segmentation.probabilities),
    ):
        found = read_picture(tmp_path / "out" / f"{name}{picture.suffix}")
        np.testing.assert_array_equal(found.pixels, expected)
        assert found.spacing == picture.spacing
