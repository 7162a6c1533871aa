"""NRRD and MetaImage: what their libraries write is read, and what is written opens there with the same geometry."""

import nibabel
import numpy as np
import pytest

from gaussmix.imaging import (
    GaussianMixtureSegmenter,
    Picture,
    read_labels,
    read_mask,
    read_picture,
    segment_picture,
    write_labels,
    write_maps,
    write_segmentation,
)

nrrd = pytest.importorskip("nrrd")
sitk = pytest.importorskip("SimpleITK")

RNG = np.random.default_rng(0)
DIRECTION = (0.8, 0.6, 0.0, -0.6, 0.8, 0.0, 0.0, 0.0, 1.0)
SPACING, ORIGIN = (0.5, 0.75, 2.5), (-10.0, 20.0, 30.0)
STEPS = np.array(DIRECTION).reshape(3, 3) * SPACING
LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
TYPES = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64]


def values(dtype=np.int16, shape=(7, 6, 5)):
    return RNG.integers(0, 100, shape).astype(dtype)


def image_of(array, *, is_vector=False, direction=DIRECTION):
    """An image of SimpleITK of an array (x, y, z) or (x, y, z, channels)."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0, *range(3, array.ndim))), is_vector)
    image.SetSpacing(SPACING)
    image.SetOrigin(ORIGIN)
    image.SetDirection(direction)
    return image


def save(path, array, **options):
    sitk.WriteImage(image_of(array, **options), path, useCompression=path.name.startswith("packed"))
    return path


def geometry(path):
    image = sitk.ReadImage(path)
    return np.array([*image.GetSpacing(), *image.GetOrigin(), *image.GetDirection()])


# both


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["plain.nrrd", "packed.nrrd", "a.nhdr", "plain.mha", "packed.mha", "a.mhd"])
def test_volumes_of_simpleitk_and_their_results_lie_at_the_same_place(name, dtype, tmp_path):
    array = values(dtype)
    path = save(tmp_path / name, array)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels[..., 0], array)
    np.testing.assert_allclose(picture.affine[:3, :3], LPS_TO_RAS[:, None] * STEPS, atol=1e-12)
    np.testing.assert_allclose(picture.affine[:3, 3], LPS_TO_RAS * ORIGIN)
    np.testing.assert_allclose(picture.spacing, SPACING)
    assert picture.suffix == (".nrrd" if name.endswith(("nrrd", "nhdr")) else ".mha")
    labels = RNG.integers(0, 3, picture.shape, dtype=np.uint8)
    maps = RNG.random((*picture.shape, 2), dtype=np.float32)
    write_labels(tmp_path / f"labels{picture.suffix}", picture, labels, background=0)
    write_maps(tmp_path / f"maps{picture.suffix}", picture, maps)
    write_maps(tmp_path / f"map{picture.suffix}", picture, maps[..., 0])
    for kind, expected in (("labels", labels), ("maps", maps), ("map", maps[..., 0])):
        theirs = sitk.ReadImage(tmp_path / f"{kind}{picture.suffix}")
        found = sitk.GetArrayFromImage(theirs)
        np.testing.assert_array_equal(found.transpose(2, 1, 0, *range(3, found.ndim)), expected)
        np.testing.assert_allclose(geometry(tmp_path / f"{kind}{picture.suffix}"), geometry(path), atol=1e-12)
        again = read_picture(tmp_path / f"{kind}{picture.suffix}")
        np.testing.assert_array_equal(again.pixels, expected.reshape(again.pixels.shape))
        np.testing.assert_allclose(again.affine, picture.affine, atol=1e-12)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mhd"])
@pytest.mark.parametrize("n_channels", [2, 3, 5])
def test_vectors_are_channels(suffix, n_channels, tmp_path):
    array = values(np.uint8, (7, 6, 5, n_channels))
    path = save(tmp_path / f"v{suffix}", array, is_vector=True)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, array)
    write_labels(tmp_path / f"labels{picture.suffix}", picture, array[..., 0])
    np.testing.assert_allclose(geometry(tmp_path / f"labels{picture.suffix}"), geometry(path))


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_flat_pictures_stay_flat(suffix, n_channels, tmp_path):
    array = values(np.uint8, (9, 12) if n_channels == 1 else (9, 12, 3))
    image = sitk.GetImageFromArray(array, isVector=n_channels > 1)
    image.SetSpacing((0.5, 0.75))
    image.SetOrigin((-3.0, 4.0))
    sitk.WriteImage(image, tmp_path / f"flat{suffix}")
    picture = read_picture(tmp_path / f"flat{suffix}")
    np.testing.assert_array_equal(picture.pixels, array.reshape(9, 12, n_channels))
    assert (picture.spacing, picture.affine, picture.n_axes) == ((0.75, 0.5), None, 2)
    labels = values(np.uint8, (9, 12))
    write_labels(tmp_path / f"labels{suffix}", picture, labels)
    write_maps(tmp_path / f"maps{suffix}", picture, RNG.random((9, 12, 2), dtype=np.float32))
    theirs = sitk.ReadImage(tmp_path / f"labels{suffix}")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(theirs), labels)
    for name in (f"labels{suffix}", f"maps{suffix}"):
        np.testing.assert_allclose(geometry(tmp_path / name), geometry(tmp_path / f"flat{suffix}"))
    assert read_picture(tmp_path / f"maps{suffix}").pixels.shape == (9, 12, 2)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("background", [0, 255])
def test_labels_are_read_as_they_were_written(suffix, background, tmp_path):
    picture = read_picture(save(tmp_path / f"v{suffix}", values()))
    labels = RNG.integers(1, 4, picture.shape, dtype=np.uint8)
    labels[0] = background
    write_labels(tmp_path / f"labels{suffix}", picture, labels, background=background)
    known = read_labels(tmp_path / f"labels{suffix}", picture)
    np.testing.assert_array_equal(known, np.where(labels == background, -1, labels.astype(int) - (background == 0)))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nii.gz"])
@pytest.mark.parametrize("of_mask", [".nrrd", ".mha", ".nii.gz"])
def test_masks_of_other_formats_lie_on_the_volume(suffix, of_mask, tmp_path):
    mask = RNG.random((7, 6, 5)) < 0.5
    picture = read_picture(save(tmp_path / f"v{suffix}", values()))
    save(tmp_path / f"mask{of_mask}", mask.astype(np.uint8))
    np.testing.assert_array_equal(read_mask(tmp_path / f"mask{of_mask}", picture), mask)
    save(tmp_path / f"mask{of_mask}", mask.astype(np.uint8), direction=np.eye(3).ravel().tolist())
    with pytest.raises(ValueError, match=f"mask{of_mask} has another position in space"):
        read_mask(tmp_path / f"mask{of_mask}", picture)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nii.gz"])
def test_results_of_a_volume_in_memory_have_its_affine(suffix, tmp_path):
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = LPS_TO_RAS[:, None] * STEPS, LPS_TO_RAS * ORIGIN
    picture = Picture(values()[..., None], suffix=suffix, affine=affine)
    write_labels(tmp_path / f"labels{suffix}", picture, values(np.uint8))
    np.testing.assert_allclose(geometry(tmp_path / f"labels{suffix}"), [*SPACING, *ORIGIN, *DIRECTION], atol=1e-5)
    plain = Picture(values()[..., None], suffix=suffix, spacing=SPACING)
    write_labels(tmp_path / f"plain{suffix}", plain, values(np.uint8))
    np.testing.assert_allclose(geometry(tmp_path / f"plain{suffix}")[:3], SPACING)


@pytest.mark.parametrize("affine", [np.eye(3), np.full((4, 4), np.nan)])
def test_an_affine_that_is_none_is_refused(affine):
    with pytest.raises(ValueError, match="affine must be a finite matrix of the shape"):
        Picture(values()[..., None], suffix=".mha", affine=affine)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_segmentation_is_written(suffix, tmp_path):
    array = (100 * (np.indices((12, 12, 6))[0] // 6) + RNG.integers(0, 9, (12, 12, 6))).astype(np.int16)
    picture = read_picture(save(tmp_path / f"v{suffix}", array))
    write_segmentation(tmp_path / "out", segment_picture(picture, GaussianMixtureSegmenter(2, random_state=0)))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"labels{suffix}", f"uncertainty{suffix}", f"probabilities{suffix}"}
    found = sitk.GetArrayFromImage(sitk.ReadImage(tmp_path / "out" / f"labels{suffix}")).T
    np.testing.assert_array_equal(found, np.indices((12, 12, 6))[0] // 6)


# NRRD

FIELDS = {
    "space": "right-anterior-superior",
    "space directions": np.array([[0.0, 2.0, 0.0], [1.5, 0.0, 0.0], [0.0, 0.0, -3.0]]),
    "space origin": np.array([1.0, 2.0, 3.0]),
    "space units": ["mm", "mm", "mm"],
    "kinds": ["domain", "domain", "domain"],
    "centerings": ["cell", "cell", "cell"],
    "measurement frame": np.eye(3),
}


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)),
        ("left-anterior-superior", (-1, 1, 1)),
        ("left-posterior-superior", (-1, -1, 1)),
        ("LPS", (-1, -1, 1)),
    ],
)
def test_volumes_of_pynrrd_keep_their_geometry(space, signs, encoding, tmp_path):
    array, fields = values(), FIELDS | {"space": space, "encoding": encoding}
    nrrd.write(str(tmp_path / "v.nrrd"), array, dict(fields))
    picture = read_picture(tmp_path / "v.nrrd")
    np.testing.assert_array_equal(picture.pixels[..., 0], array)
    np.testing.assert_allclose(picture.spacing, (2.0, 1.5, 3.0))
    expected = np.array(signs)[:, None] * np.column_stack([FIELDS["space directions"].T, FIELDS["space origin"]])
    np.testing.assert_allclose(picture.affine[:3], expected)
    write_labels(tmp_path / "labels.nrrd", picture, array.astype(np.uint8))
    write_maps(tmp_path / "maps.nrrd", picture, RNG.random((*picture.shape, 2), dtype=np.float32))
    labels, header = nrrd.read(str(tmp_path / "labels.nrrd"))
    np.testing.assert_array_equal(labels, array)
    for name, value in fields.items():
        if name != "encoding":
            np.testing.assert_array_equal(header[name], value)
    header = nrrd.read_header(str(tmp_path / "maps.nrrd"))
    assert (list(header["sizes"]), header["kinds"]) == ([2, 7, 6, 5], ["vector", "domain", "domain", "domain"])
    np.testing.assert_array_equal(header["space directions"][1:], FIELDS["space directions"])


@pytest.mark.parametrize(
    "fields",
    [
        {"spacings": [2.0, 1.5, 3.0], "units": ["mm", "mm", "mm"], "labels": ["x", "y", "z"]},
        {"spacings": [2.0, 1.5, 3.0]},
    ],
    ids=str,
)
def test_spacings_without_a_space_are_kept(fields, tmp_path):
    nrrd.write(str(tmp_path / "v.nrrd"), values(), dict(fields))
    picture = read_picture(tmp_path / "v.nrrd")
    assert (picture.spacing, picture.affine) == ((2.0, 1.5, 3.0), None)
    write_labels(tmp_path / "labels.nrrd", picture, values(np.uint8))
    header = nrrd.read_header(str(tmp_path / "labels.nrrd"))
    for name, value in fields.items():
        np.testing.assert_array_equal(header[name], value)
    write_maps(tmp_path / "maps.nrrd", picture, RNG.random((*picture.shape, 2), dtype=np.float32))
    assert read_picture(tmp_path / "maps.nrrd").spacing == (2.0, 1.5, 3.0)


@pytest.mark.parametrize(
    ("kinds", "order"), [(["domain"] * 3 + ["list"], (0, 1, 2, 3)), (["time"] + ["domain"] * 3, (1, 2, 3, 0))]
)
def test_the_axis_that_is_not_spatial_is_the_channels(kinds, order, tmp_path):
    array = values(shape=(3, 4, 5, 6))
    nrrd.write(str(tmp_path / "v.nrrd"), array, {"kinds": kinds})
    np.testing.assert_array_equal(read_picture(tmp_path / "v.nrrd").pixels, array.transpose(order))


def test_opacity_of_colors_is_no_channel(tmp_path):
    colors = values(np.uint8, (4, 9, 12))
    colors[3, :3] = 0
    nrrd.write(str(tmp_path / "c.nrrd"), colors, {"kinds": ["RGBA-color", "domain", "domain"]})
    picture = read_picture(tmp_path / "c.nrrd")
    np.testing.assert_array_equal(picture.pixels, colors[:3].transpose(2, 1, 0))
    np.testing.assert_array_equal(picture.alpha, colors[3].T)


# files that cannot be read


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.nrrd",
            b"NRRD0004\ntype: short\ndimension: 3\nsizes: 9 9 9\nencoding: raw\n\n",
            "numbers, which take at least 1.46 kB",
        ),
        ("a.nrrd", b"NRRD0004\ntype: block\ndimension: 3\nsizes: 9 9 9\nencoding: raw\n\n", "values of the type block"),
        (
            "a.nrrd",
            b"NRRD0004\ntype: short\ndimension: 4\nsizes: 1 1 1 1\nencoding: raw\n\n00",
            "4 axes, of which its header calls 4",
        ),
        (
            "a.nrrd",
            b"NRRD0004\ntype: short\ndimension: 3\nsizes: 9 9\nencoding: raw\n\n",
            "damaged: its header states 9 x 9 numbers",
        ),
        ("a.nrrd", b"NRRD0004\ntype: short\ndimension: 3\nencoding: raw\n\n", "damaged NRRD"),
        (
            "a.nhdr",
            b"NRRD0004\ntype: short\ndimension: 3\nsizes: 9 9 9\nencoding: raw\ndata file: b.raw\n\n",
            "in b.raw, which does not exist",
        ),
        ("a.nrrd", b"hello\n", "damaged NRRD"),
        ("a.mha", b"hello\n", "no ElementDataFile"),
        ("a.mha", b"ObjectType = Image\nElementDataFile = LOCAL\n", "lacks DimSize"),
        (
            "a.mha",
            b"NDims = 3\nDimSize = 9 9 9\nElementType = MET_SHORT\nElementDataFile = LOCAL\n",
            "numbers, which take at least 1.46 kB",
        ),
        ("a.mha", b"NDims = 3\nDimSize = 9 9 9\nElementType = MET_OTHER\nElementDataFile = LOCAL\n", "type MET_OTHER"),
        (
            "a.mha",
            b"NDims = 3\nDimSize = 9 a 9\nElementType = MET_SHORT\nElementDataFile = LOCAL\n",
            "damaged MetaImage",
        ),
        (
            "a.mha",
            b"NDims = 2\nDimSize = 1 1\nTransformMatrix = 0 0 0 1\nElementType = MET_CHAR\nElementDataFile = LOCAL\n00",
            "or no MetaImage: Bad direction, determinant is 0",
        ),
        (
            "a.mha",
            b"NDims = 2\nDimSize = 1 1\nElementSpacing = 0 1\nElementType = MET_CHAR\nElementDataFile = LOCAL\n00",
            "or no MetaImage: Zero-valued spacing is not supported",
        ),
        (
            "a.mhd",
            b"NDims = 3\nDimSize = 9 9 9\nElementType = MET_SHORT\nElementDataFile = b.raw\n",
            "in b.raw, which does not exist",
        ),
    ],
    ids=str,
)
def test_files_without_what_they_promise_are_named(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} .*{message}") as caught:
        read_picture(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.nrrd", "packed.nrrd", "a.mha", "packed.mha"])
def test_truncated_files_and_sizes_beyond_the_limit_are_named(name, tmp_path):
    path = save(tmp_path / name, values(shape=(30, 20, 10)))
    with pytest.raises(ValueError, match=rf"{name} has .*the limit is 100 bytes"):
        read_picture(path, max_bytes=100)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(ValueError, match=rf"{name} is (a )?damaged"):
        read_picture(path)


@pytest.mark.parametrize(("slope", "offset"), [(2.0, 10.0), (0.5, 0.0), (1.0, -3.0)])
def test_the_scale_of_a_meta_image_counts(slope, offset, tmp_path):
    array = values(np.int16, (2, 2, 2))
    fields = f"ElementToIntensityFunctionSlope = {slope}\nElementToIntensityFunctionOffset = {offset}\n"
    head = f"NDims = 3\nDimSize = 2 2 2\nBinaryData = True\n{fields}ElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    (tmp_path / "a.mha").write_bytes(head.encode() + array.T.tobytes())
    np.testing.assert_array_equal(read_picture(tmp_path / "a.mha").pixels[..., 0], slope * array + offset)


def test_four_axes_of_a_meta_image_are_channels(tmp_path):
    array = values(np.int16, (4, 5, 6, 7))
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=False), tmp_path / "v.mha")
    picture = read_picture(tmp_path / "v.mha")
    np.testing.assert_array_equal(picture.pixels, array.transpose(3, 2, 1, 0))
    write_labels(tmp_path / "labels.mha", picture, values(np.uint8, picture.shape))
    assert sitk.ReadImage(tmp_path / "labels.mha").GetSize() == (7, 6, 5)


def test_nifti_by_simpleitk_has_the_same_position(tmp_path):
    save(tmp_path / "v.nii.gz", values())
    picture = read_picture(tmp_path / "v.nii.gz")
    np.testing.assert_allclose(picture.affine, nibabel.load(tmp_path / "v.nii.gz").affine)
