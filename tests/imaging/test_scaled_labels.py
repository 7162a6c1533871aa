"""Labels and masks in NIfTI whose numbers were rounded to the steps of a scale."""

import numpy as np
import pytest

from gaussmix.imaging import read_labels, read_mask, read_picture

nibabel = pytest.importorskip("nibabel")
SHAPE = (4, 5, 3)


def saved(path, values, dtype=np.int16):
    image = nibabel.Nifti1Image(values, np.eye(4))
    image.set_data_dtype(dtype)
    nibabel.save(image, path)
    return path


@pytest.fixture
def volume(tmp_path):
    return read_picture(saved(tmp_path / "volume.nii", np.arange(60, dtype=np.int16).reshape(SHAPE)))


@pytest.mark.parametrize(
    ("classes", "dtype"),
    [
        ([-1, 0, 2], np.int16),
        ([-1, 0, 7, 40], np.int16),
        ([0, 1, 2, 3, 5, 9, 77], np.uint8),
        ([0, 1, 2, 3, 5, 9, 77], np.int16),
        ([-1, 0, 3, 20_000], np.int16),
        ([0, 1, 20, 33, 200], np.uint8),
    ],
)
def test_labels_saved_from_floats_are_those_of_integers(classes, dtype, volume, tmp_path):
    labels = np.resize(classes, SHAPE)
    path = saved(tmp_path / "labels.nii", labels.astype(float), dtype)
    assert nibabel.load(path).dataobj.slope != 1
    assert not np.array_equal(nibabel.load(path).get_fdata(), labels)
    expected = labels if labels.min() < 0 else np.where(labels == 0, -1, labels - 1)
    np.testing.assert_array_equal(read_labels(path, volume), expected)


def test_numbers_between_whole_ones_are_no_labels(volume, tmp_path):
    path = saved(tmp_path / "labels.nii", np.resize([0.0, 0.5, 1.0, 2.0], SHAPE))
    with pytest.raises(ValueError, match="not whole numbers"):
        read_labels(path, volume)
    merged = saved(tmp_path / "merged.nii", np.resize([0.0, 1.0, 2.0, 400.0], SHAPE), np.uint8)
    with pytest.raises(ValueError, match="not whole numbers"):
        read_labels(merged, volume)


def test_a_zero_that_the_scale_moved_is_outside_of_a_mask(volume, tmp_path):
    mask = np.resize([-1.0, 0.0, 2.0], SHAPE)
    path = saved(tmp_path / "mask.nii", mask)
    assert (nibabel.load(path).get_fdata() != 0).all()
    np.testing.assert_array_equal(read_mask(path, volume), mask != 0)
    soft = np.linspace(0, 1, 60).reshape(SHAPE)
    path = saved(tmp_path / "soft.nii", soft, np.uint8)
    np.testing.assert_array_equal(read_mask(path, volume), soft > 0)


def test_pictures_keep_the_scaled_numbers(tmp_path):
    path = saved(tmp_path / "volume.nii", np.resize([-1.0, 0.0, 2.0], SHAPE))
    expected = nibabel.load(path).get_fdata().astype(np.float32)
    np.testing.assert_array_equal(read_picture(path).pixels[..., 0], expected)
