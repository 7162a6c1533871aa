"""DICOM: series lie where SimpleITK says, values are scaled, and labels lie on the series."""

import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from gaussmix import MissingDependencyError
from gaussmix.imaging import (
    GaussianMixtureSegmenter,
    Picture,
    read_mask,
    read_picture,
    segment_picture,
    write_labels,
    write_maps,
    write_segmentation,
)

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("pydicom.data")
sitk = pytest.importorskip("SimpleITK")

from helpers.dicom_files import AXIAL, CORONAL, OBLIQUE, SAGITTAL, dataset, write, write_series  # noqa: E402

RNG = np.random.default_rng(0)
STORED = RNG.integers(0, 3000, (7, 6, 5), dtype=np.uint16)
FLIP = np.diag([-1.0, -1.0, 1.0])
DIRECTIONS = {"axial": AXIAL, "coronal": CORONAL, "sagittal": SAGITTAL, "oblique": OBLIQUE}


def by_simpleitk(folder):
    """The series as ITK's own reader gives it."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def geometry(image):
    return np.array([*image.GetSpacing(), *image.GetOrigin(), *image.GetDirection()])


@pytest.mark.slow
@pytest.mark.parametrize("directions", DIRECTIONS)
def test_a_series_and_its_labels_lie_where_simpleitk_says(directions, tmp_path):
    fields = {"RescaleSlope": 1, "RescaleIntercept": -1024}
    write_series(tmp_path / "ct", STORED, directions=DIRECTIONS[directions], **fields)
    theirs, picture = by_simpleitk(tmp_path / "ct"), read_picture(tmp_path / "ct")
    np.testing.assert_array_equal(picture.pixels[..., 0], sitk.GetArrayFromImage(theirs).T)
    np.testing.assert_array_equal(picture.pixels[..., 0], STORED.astype(int) - 1024)
    assert (picture.pixels.dtype, picture.suffix, picture.visible) == (np.int16, ".nii.gz", None)
    np.testing.assert_allclose(picture.spacing, theirs.GetSpacing())
    labels = RNG.integers(0, 3, picture.shape, dtype=np.uint8)
    write_labels(tmp_path / "labels.nii.gz", picture, labels)
    write_maps(tmp_path / "maps.nii.gz", picture, RNG.random((*picture.shape, 2), dtype=np.float32))
    written = sitk.ReadImage(tmp_path / "labels.nii.gz")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written).T, labels)
    np.testing.assert_allclose(geometry(written), geometry(theirs), atol=1e-5)
    for name in ("labels.nii.gz", "maps.nii.gz"):
        image = nibabel.load(tmp_path / name)
        np.testing.assert_allclose(image.affine, picture.affine, atol=1e-5)
        np.testing.assert_allclose(image.get_qform(), picture.affine, atol=1e-4)
        assert image.header.get_xyzt_units()[0] == "mm"
    again = read_picture(tmp_path / "labels.nii.gz")
    np.testing.assert_allclose(again.spacing, picture.spacing, atol=1e-6)


@pytest.mark.parametrize("tilt", [-0.6, 0.3])
def test_a_tilted_gantry_is_a_shear(tilt, tmp_path):
    steps = write_series(tmp_path / "ct", STORED, tilt=tilt)
    picture = read_picture(tmp_path / "ct")
    np.testing.assert_allclose(picture.affine[:3, :3], FLIP @ steps)
    np.testing.assert_allclose(picture.affine[:3, 3], [10, 20, -30])
    write_labels(tmp_path / "labels.nii.gz", picture, np.zeros(picture.shape, dtype=np.uint8))
    image = nibabel.load(tmp_path / "labels.nii.gz")
    np.testing.assert_allclose(image.affine, picture.affine, atol=1e-6)
    assert image.get_qform(coded=True)[1] == 0


def test_files_of_a_series_are_read_in_any_order(tmp_path):
    write_series(tmp_path / "ct", STORED)
    files = sorted((tmp_path / "ct").iterdir())
    whole = read_picture(tmp_path / "ct")
    for order in (files, files[::-1]):
        np.testing.assert_array_equal(read_picture(order).pixels, whole.pixels)
    one = read_picture(files[0])
    assert one.shape == (7, 6, 1)
    np.testing.assert_allclose(one.spacing, (0.5, 0.75, 2.5))
    place = [number for number in range(5) if (whole.pixels[:, :, number] == one.pixels[:, :, 0]).all()]
    np.testing.assert_allclose(one.affine[:3, 3], whole.affine[:3, 3] + place[0] * whole.affine[:3, 2])
    slab = read_picture(
        [path for path in files if pydicom.dcmread(path).ImagePositionPatient[2] < -24],
    )
    np.testing.assert_array_equal(slab.pixels, whole.pixels[:, :, :3])


def test_slopes_of_slices_give_single_precision(tmp_path):
    write_series(tmp_path / "pet", STORED, RescaleSlope=0.25, RescaleIntercept=0)
    path = min((tmp_path / "pet").iterdir())
    one = pydicom.dcmread(path)
    one.RescaleSlope, one.RescaleIntercept = "2", "-5.5"
    one.save_as(path)
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(path)).T
    picture = read_picture(tmp_path / "pet")
    assert picture.pixels.dtype == np.float32
    np.testing.assert_allclose(read_picture(path).pixels[..., 0], theirs)
    numbers = [bool((picture.pixels[:, :, number, 0] == theirs[..., 0]).all()) for number in range(5)]
    assert sum(numbers) == 1
    other = picture.pixels[:, :, numbers.index(False), 0]
    np.testing.assert_allclose(other, 0.25 * STORED[:, :, numbers.index(False)])


@pytest.mark.parametrize(
    ("fields", "hidden"),
    [({"PixelPaddingValue": -2000}, 1), ({"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1990}, 2), ({}, 0)],
    ids=str,
)
def test_padding_is_no_data(fields, hidden, tmp_path):
    stored = RNG.integers(0, 3000, (7, 6, 5)).astype(np.int16)
    stored[0], stored[1] = -2000, -1995
    write_series(tmp_path / "ct", stored, RescaleIntercept=-1024, **fields)
    picture = read_picture(tmp_path / "ct")
    assert picture.n_visible == (7 - hidden) * 30
    labels = segment_picture(picture, GaussianMixtureSegmenter(2, smoothing=0, random_state=0)).labels
    assert (labels[:hidden] == 255).all()
    assert (labels[hidden:] < 2).all()


def test_numbers_for_no_data_can_be_given(tmp_path):
    write_series(tmp_path / "ct", STORED)
    least = int(STORED.min())
    for path in (tmp_path / "ct", sorted((tmp_path / "ct").iterdir())):
        assert read_picture(path, nodata=least).n_visible == np.count_nonzero(least != STORED)


# without a position in space


@pytest.mark.parametrize("spacing", [{}, {"PixelSpacing": [0.2, 0.3]}, {"ImagerPixelSpacing": [0.2, 0.3]}], ids=str)
def test_a_radiograph_is_a_flat_picture(spacing, tmp_path):
    pixels = RNG.integers(0, 4096, (9, 12), dtype=np.uint16)
    picture = read_picture(write(tmp_path / "x.dcm", pixels, Modality="DX", **spacing))
    np.testing.assert_array_equal(picture.pixels[..., 0], pixels)
    assert (picture.suffix, picture.affine) == (".png", None)
    assert picture.spacing == ((0.2, 0.3) if spacing else None)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint8])
def test_white_at_zero_is_turned_unless_values_are_scaled(dtype, tmp_path):
    pixels = RNG.integers(0, 100, (9, 12)).astype(dtype)
    negative = {"PhotometricInterpretation": "MONOCHROME1"}
    ends = int(np.iinfo(dtype).min) + int(np.iinfo(dtype).max)
    picture = read_picture(write(tmp_path / "x.dcm", pixels, **negative))
    np.testing.assert_array_equal(picture.pixels[..., 0], ends - pixels.astype(int))
    scaled = write(tmp_path / "y.dcm", pixels, RescaleSlope=1, RescaleIntercept=0, **negative)
    np.testing.assert_array_equal(read_picture(scaled).pixels[..., 0], pixels)
    np.testing.assert_array_equal(read_mask(tmp_path / "x.dcm", picture), pixels > 0)


def test_colors_and_palettes_are_colors(tmp_path):
    colors = RNG.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read_picture(write(tmp_path / "c.dcm", colors)).pixels, colors)
    numbers = RNG.integers(0, 3, (9, 12), dtype=np.uint8)
    palette = np.array([[1, 2, 3], [200, 100, 0], [9, 8, 7]])
    fields = {"PhotometricInterpretation": "PALETTE COLOR"}
    for color, levels in zip(("Red", "Green", "Blue"), palette.T, strict=True):
        fields[f"{color}PaletteColorLookupTableDescriptor"] = [3, 0, 16]
        fields[f"{color}PaletteColorLookupTableData"] = (levels * 257).astype("<u2").tobytes()
    picture = read_picture(write(tmp_path / "p.dcm", numbers, **fields))
    np.testing.assert_array_equal(picture.pixels, palette[numbers])


@pytest.mark.parametrize("channels", [1, 3])
def test_frames_without_positions_are_a_stack(channels, tmp_path):
    frames = RNG.integers(0, 256, (4, 9, 12) if channels == 1 else (4, 9, 12, 3), dtype=np.uint8)
    picture = read_picture(write(tmp_path / "cine.dcm", frames, NumberOfFrames=4, Modality="US", PixelSpacing=[1, 1]))
    np.testing.assert_array_equal(picture.pixels.squeeze(), frames)
    assert (picture.stacked, picture.suffix, picture.spacing) == (True, ".tif", (1.0, 1.0))
    write_labels(tmp_path / "labels.tif", picture, frames.reshape(4, 9, 12, -1)[..., 0])
    assert read_picture(tmp_path / "labels.tif").shape == (4, 9, 12)


def enhanced(stored, spacing=2.0):
    """A file of several frames, each with a position and a scale of its own, in no order."""
    groups, order = [], [2, 0, 1]
    for number in order:
        group = pydicom.Dataset()
        place, measures, scale = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        place.ImagePositionPatient = [1.0, 2.0, spacing * number]
        scale.RescaleSlope, scale.RescaleIntercept = number + 1, 0
        group.PlanePositionSequence, group.PixelValueTransformationSequence = [place], [scale]
        groups.append(group)
    shared, direction = pydicom.Dataset(), pydicom.Dataset()
    direction.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.25], 9.0
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [direction], [measures]
    frames = np.stack([stored[:, :, number].T for number in order])
    return frames, {
        "NumberOfFrames": 3,
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": groups,
    }


def test_frames_with_positions_are_a_volume(tmp_path):
    stored = STORED[:, :, :3]
    frames, fields = enhanced(stored)
    picture = read_picture(write(tmp_path / "mr.dcm", frames, Modality="MR", **fields))
    np.testing.assert_allclose(picture.pixels[..., 0], stored * np.array([1, 2, 3]))
    np.testing.assert_allclose(
        picture.affine, np.array([[-0.25, 0, 0, -1], [0, -0.5, 0, -2], [0, 0, 2, 0], [0, 0, 0, 1]])
    )


# what cannot be read


def broken(folder, change):
    """A series of which one file is changed."""
    write_series(folder, STORED)
    path = folder / "IM0001"
    one = pydicom.dcmread(path)
    change(one)
    one.save_as(path)
    return folder


def moved(**fields):
    return lambda one: [setattr(one, name, value) for name, value in fields.items()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            moved(SeriesInstanceUID="1.2.9", SeriesDescription="scout"),
            r"has 2 series \(.*CT 2 scout, 1 files.*\): give",
        ),
        (moved(ImageOrientationPatient=[1, 0, 0, 0, 0, -1]), "is not parallel to"),
        (moved(PixelSpacing=[1.0, 1.0]), "has pixels of .* put slices of each size"),
        (moved(ImagePositionPatient=[-10, -20, 100]), "mm apart, other slices 2.5 mm: a slice is missing"),
        (moved(ImagePositionPatient=[-10, -20, -30]), "are slices at the same position, -30 mm|mm apart, other slices"),
        (moved(ImagePositionPatient=None), "has no position in space"),
        (moved(PixelSpacing=None), r"does not state the distance of its pixels \(PixelSpacing\)"),
        (moved(PixelSpacing=[0, 1.0]), r"IM0001 has pixels at the distance 0"),
        (
            moved(ImagePositionPatient=[0, 0]),
            r"IM0001 is a damaged .*ImagePositionPatient is \[0.0, 0.0\], not 3 numbers",
        ),
        (moved(ImageOrientationPatient=[0] * 6), r"IM0001 is a damaged .*\(ImageOrientationPatient\) are no plane"),
        (moved(ImageOrientationPatient=[1, 0, 0, -1, 0, 0]), r"IM0001 .*\(ImageOrientationPatient\) are no plane"),
        (moved(Rows=None), r"IM0001 is a damaged DICOM file: its header does not state the size of a picture"),
        (moved(ImageType=["ORIGINAL", "PRIMARY", "MOSAIC"]), r"mosaic.*dcm2niix"),
        (moved(PixelData=b"\0" * 20), "is a damaged DICOM file: .*less than expected"),
        (moved(Rows=3, Columns=14), r"slices of the shapes \[\(3, 14, 1\), \(6, 7, 1\)\]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_series_that_are_no_volume_are_refused(change, message, tmp_path):
    with pytest.raises(ValueError, match=message) as caught:
        read_picture(broken(tmp_path / "ct", change))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_slice_that_ends_early_is_not_left_out(share, tmp_path):
    write_series(tmp_path / "ct", STORED)
    last = max((tmp_path / "ct").iterdir(), key=lambda file: pydicom.dcmread(file).ImagePositionPatient[2])
    content = last.read_bytes()
    last.write_bytes(content[: 300 + int(share * (len(content) - 300))])
    with pytest.raises(ValueError, match=rf"{last.name} is a damaged DICOM file"):
        read_picture(tmp_path / "ct")


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "examples_rgb_color.dcm"])
def test_files_that_begin_as_a_tiff_are_dicom(name):
    path = Path(pydicom.data.get_testdata_file(name, download=False))
    assert path.read_bytes()[:4] in (b"II*\0", b"MM\0*")
    picture, theirs = read_picture(path), sitk.ReadImage(path)
    found = sitk.GetArrayFromImage(theirs)
    expected = found if picture.n_axes == 2 else found.T
    np.testing.assert_array_equal(picture.pixels.squeeze(), expected.squeeze())
    if picture.affine is not None:
        np.testing.assert_allclose(picture.spacing[:2], theirs.GetSpacing()[:2])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Modality": "SEG"}, "is a DICOM segmentation"),
        ({"Modality": "RTDOSE"}, "is a DICOM dose grid"),
        ({"Rows": None}, "has no pixels: it is DICOM of the modality CT"),
    ],
    ids=str,
)
def test_files_that_are_no_pictures_are_refused(fields, message, tmp_path):
    with pytest.raises(ValueError, match=rf"x.dcm {message}"):
        read_picture(write(tmp_path / "x.dcm", STORED[:, :, 0], **fields))


def test_other_files_beside_a_series_are_ignored(tmp_path):
    write_series(tmp_path / "ct", STORED)
    whole = read_picture(tmp_path / "ct")
    (tmp_path / "ct" / "notes.txt").write_text("no picture")
    (tmp_path / "ct" / ".hidden").write_bytes(b"")
    report = dataset(STORED[:, :, 0], Modality="SR", SeriesInstanceUID="1.9", Rows=None)
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID = pydicom.uid.BasicTextSRStorage
    del report.PixelData
    report.save_as(tmp_path / "ct" / "A.dcm", enforce_file_format=True)
    with pytest.raises(ValueError, match=r"notes.txt is not DICOM; only the slices"):
        read_picture(sorted((tmp_path / "ct").glob("[In]*")))
    np.testing.assert_array_equal(read_picture(tmp_path / "ct").pixels, whole.pixels)


def test_sizes_are_compared_with_the_limit(tmp_path):
    write_series(tmp_path / "ct", STORED)
    with pytest.raises(ValueError, match=r"has 6 x 7 x 1 x 5 pixels, .*the limit is 100 bytes"):
        read_picture(tmp_path / "ct", max_bytes=100)
    (tmp_path / "x.dcm").write_bytes(b"\0" * 999)
    with pytest.raises(ValueError, match=r"x.dcm is not DICOM"):
        read_picture(tmp_path / "x.dcm")


# masks


@pytest.mark.slow
@pytest.mark.parametrize("flips", [(), (1,), (0, 1), (0, 1, 2)])
def test_masks_of_programs_that_turn_the_axes_lie_on_the_series(flips, tmp_path):
    write_series(tmp_path / "ct", STORED)
    picture = read_picture(tmp_path / "ct")
    mask = RNG.random(picture.shape) < 0.5
    turn = np.eye(4)
    for axis in flips:
        turn[axis, axis], turn[axis, 3] = -1, picture.shape[axis] - 1
    turned, affine = np.flip(mask, flips), picture.affine @ turn
    order = [2, 0, 1]
    affine = affine[:, [*order, 3]]
    nibabel.save(nibabel.Nifti1Image(turned.transpose(order).astype(np.uint8), affine), tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii.gz", picture), mask)
    affine[0, 3] += 0.1
    nibabel.save(nibabel.Nifti1Image(turned.transpose(order).astype(np.uint8), affine), tmp_path / "mask.nii.gz")
    with pytest.raises(ValueError, match="another position in space"):
        read_mask(tmp_path / "mask.nii.gz", picture)


def test_the_front_of_the_patient_is_on_top(tmp_path):
    stored = np.zeros((7, 6, 5), dtype=np.uint16)
    stored[:, 0] = 1000  # the first row of a slice: the front
    write_series(tmp_path / "ct", stored)
    picture = read_picture(tmp_path / "ct")
    assert (picture.plane(0).pixels[0] == 1000).all()
    assert picture.plane(0).spacing == (0.75, 0.5)
    turned = Picture(picture.pixels[:, ::-1], suffix=".nii.gz", affine=picture.affine * np.array([1, -1, 1, 1]))
    assert (turned.plane(0).pixels[0] == 1000).all()


@pytest.mark.slow
def test_a_segmentation_is_written(tmp_path):
    stored = (1000 * (np.indices((12, 12, 6))[0] // 6) + RNG.integers(0, 50, (12, 12, 6))).astype(np.uint16)
    write_series(tmp_path / "ct", stored, RescaleIntercept=-1024)
    segmentation = segment_picture(read_picture(tmp_path / "ct"), GaussianMixtureSegmenter(2, random_state=0))
    write_segmentation(tmp_path / "out", segmentation)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "labels.nii.gz",
        "uncertainty.nii.gz",
        "probabilities.nii.gz",
    }
    theirs = sitk.ReadImage(tmp_path / "out" / "labels.nii.gz")
    np.testing.assert_allclose(geometry(theirs), geometry(by_simpleitk(tmp_path / "ct")), atol=1e-5)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(theirs).T, np.indices((12, 12, 6))[0] // 6)


@pytest.mark.parametrize(("library", "name"), [("pydicom", "a.dcm"), ("nrrd", "a.nrrd"), ("SimpleITK", "a.mha")])
def test_a_missing_library_is_named_with_its_extra(library, name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    start = b"\0" * 128 + b"DICM" if library == "pydicom" else b"ObjectType = Image\n"
    (tmp_path / name).write_bytes(start)
    picture = Picture(STORED[..., None], suffix=name[1:])
    with pytest.raises(MissingDependencyError, match=r'needs \w+: pip install "gaussmix\[medical\]"'):
        read_picture(tmp_path / name)
    if library != "pydicom":
        with pytest.raises(MissingDependencyError, match=r'pip install "gaussmix\[medical\]"'):
            write_labels(tmp_path / name, picture, STORED)
