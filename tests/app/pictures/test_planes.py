"""Planes of pictures, stacks and volumes."""

import numpy as np
import pytest

from gaussmix.app.pictures import planes as module
from gaussmix.app.pictures.planes import Planes
from gaussmix.imaging import Picture

PICTURES = {
    "flat": Picture(np.arange(5 * 7, dtype=np.uint8).reshape(5, 7, 1), spacing=(2.0, 1.0)),
    "color": Picture(np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)),
    "stack": Picture(np.arange(4 * 5 * 7, dtype=np.uint8).reshape(4, 5, 7, 1), stacked=True),
    "volume": Picture(np.arange(4 * 5 * 7, dtype=np.uint8).reshape(4, 5, 7, 1), spacing=(3.0, 1.0, 1.0)),
    "nifti": Picture(np.arange(4 * 5 * 7, dtype=np.uint8).reshape(4, 5, 7, 1), spacing=(1.0, 1.0, 3.0), suffix=".nii"),
}


@pytest.fixture(params=[40, 6], ids=["whole planes", "every few pixels"])
def most_shown(request, monkeypatch):
    monkeypatch.setattr(module, "MOST_SHOWN", request.param)


@pytest.fixture(params=list(PICTURES))
def planes(request, most_shown):
    return Planes(PICTURES[request.param])


def every_plane(planes):
    return [(each, index) for each in planes.directions for index in range(each.length)]


def numbers(planes):
    return np.arange(np.prod(planes.picture.shape)).reshape(planes.picture.shape)


def test_a_plane_has_the_size_that_the_page_is_told(planes):
    for direction, index in every_plane(planes):
        told = direction.as_json()
        assert planes.shown(direction.axis, index).shape == (told["height"], told["width"], 4)
        assert planes.cut(numbers(planes), direction.axis, index).shape == (told["height"], told["width"])
        assert told["height"] * told["width"] <= module.MOST_SHOWN


def test_a_pixel_of_a_plane_is_found_in_the_picture(planes):
    values = numbers(planes)
    for direction, index in every_plane(planes):
        plane = planes.cut(values, direction.axis, index)
        for y, x in np.ndindex(plane.shape):
            assert values[planes.place(direction.axis, index, x, y)] == plane[y, x]


def test_what_is_put_into_a_plane_is_shown_by_it(planes):
    rng = np.random.default_rng(0)
    for direction, index in every_plane(planes):
        values = rng.integers(-1, 3, planes.picture.shape)
        before = planes.cut(values, direction.axis, index).copy()
        plane = rng.integers(-1, 3, before.shape)
        planes.put(values, direction.axis, index, plane)
        np.testing.assert_array_equal(planes.cut(values, direction.axis, index), plane)


def test_a_plane_changes_only_the_pixels_that_differ():
    planes = Planes(PICTURES["volume"])
    values = np.zeros(planes.picture.shape, dtype=int)
    plane = planes.cut(values, 1, 2).copy()
    plane[1, 3] = 5
    planes.put(values, 1, 2, plane)
    assert np.argwhere(values).tolist() == [[1, 2, 3]]


def test_labels_of_a_thinned_picture_are_repeated():
    planes = Planes(PICTURES["volume"])
    thin = numbers(planes)[::2, ::2, ::2]
    for direction, index in every_plane(planes):
        plane = planes.cut(thin, direction.axis, index)
        for y, x in np.ndindex(plane.shape):
            place = planes.place(direction.axis, index, x, y)
            assert plane[y, x] == thin[tuple(each // 2 for each in place)]


def test_the_slices_of_a_nifti_volume_are_upright():
    planes = Planes(PICTURES["nifti"])
    assert [direction.name for direction in planes.directions] == ["z", "x", "y"]
    assert [direction.aspect for direction in planes.directions] == [1.0, 3.0, 3.0]
    values = numbers(planes)
    np.testing.assert_array_equal(planes.cut(values, 2, 0)[-1], values[:, 0, 0])


def test_the_slices_of_other_volumes_are_named_by_their_axes():
    planes = Planes(PICTURES["volume"])
    assert [(each.name, each.aspect) for each in planes.directions] == [("z", 1.0), ("y", 3.0), ("x", 3.0)]


@pytest.mark.parametrize(
    ("axis", "index", "message"),
    [(0, 0, "axis must be one of"), (-1, 1, "index must be from 0 to 0"), (-1, -1, "index must be from 0 to 0")],
)
def test_a_plane_that_does_not_exist_is_refused(axis, index, message):
    with pytest.raises(ValueError, match=message):
        Planes(PICTURES["flat"]).shown(axis, index)


@pytest.mark.parametrize(("x", "y"), [(7, 0), (0, 5), (-1, 0), (0, -1)])
def test_a_pixel_outside_is_refused(x, y):
    with pytest.raises(ValueError, match="outside"):
        Planes(PICTURES["flat"]).place(-1, 0, x, y)


def test_a_series_of_volumes_is_refused():
    with pytest.raises(ValueError, match="series of volumes"):
        Planes(Picture(np.zeros((2, 3, 4, 5, 1)), stacked=True))


def test_transparent_pixels_are_transparent():
    alpha = np.full((5, 7), 255, dtype=np.uint8)
    alpha[0, 0] = 0
    shown = Planes(Picture(PICTURES["color"].pixels, alpha)).shown(-1, 0)
    assert shown[0, 0, 3] == 0
    assert shown[..., 3].min(initial=255, where=alpha > 0) == 255
