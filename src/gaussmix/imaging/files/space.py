"""Positions of voxels in space: affine transformations from the numbers of a voxel to millimeters.

Affines are those of NIfTI: x goes to the right of the patient, y to the front, z upwards (RAS). In DICOM and MetaImage,
and in most files of NRRD, x goes to the left and y to the back (LPS).
"""

from dataclasses import replace

import numpy as np

from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.imaging.images.picture import Picture

_TOLERANCE = 0.01  # of a voxel


def affine_of(steps: FloatArray, origin: FloatArray) -> FloatArray:
    """Return the affine (4, 4) of steps along the axes, the columns of (3, 3), and of the position of the first voxel.

    Both are in LPS, and the affine is in RAS.
    """
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = steps, origin
    affine[:2] *= -1
    return affine


def steps_and_origin(affine: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the steps (3, 3) along the axes, as columns, and the position of the first voxel in LPS."""
    flipped = affine.copy()
    flipped[:2] *= -1
    return flipped[:3, :3], flipped[:3, 3]


def turned_like(found: Picture, picture: Picture) -> Picture | None:
    """Return a volume with its axes in the order and the directions of another of the same voxels in space.

    Programs store a volume from left to right or from right to left, and slices upwards or downwards.

    Parameters
    ----------
    found : Picture
        The volume to turn, with an affine.
    picture : Picture
        The volume whose axes are wanted, with an affine.

    Returns
    -------
    Picture or None
        None if the voxels of the two are not at the same positions, to a hundredth of a voxel.
    """
    assert found.affine is not None
    assert picture.affine is not None
    try:
        between = np.linalg.inv(found.affine) @ picture.affine  # from the numbers of a voxel here to those there
    except np.linalg.LinAlgError:
        between = np.eye(4)
    steps = np.rint(between[:3, :3])
    if not ((np.abs(steps).sum(axis=0) == 1).all() and (np.abs(steps).sum(axis=1) == 1).all()):
        return None
    axes = np.abs(steps).argmax(axis=0)
    backwards = tuple(int(axis) for axis in range(3) if steps[axes[axis], axis] < 0)
    if tuple(found.shape[axis] for axis in axes) != picture.shape:
        return None
    moved = np.eye(4)
    moved[:3, :3] = steps
    moved[:3, 3] = np.where((steps < 0).any(axis=1), np.array(found.shape) - 1, 0)
    affine = found.affine @ moved
    if not _agree(affine, picture.affine, picture.shape):
        return None
    alpha = found.alpha
    return replace(
        found,
        pixels=np.flip(found.pixels.transpose(*axes, 3), backwards),
        alpha=None if alpha is None else np.flip(alpha.transpose(axes), backwards),
        spacing=found.spacing and tuple(found.spacing[axis] for axis in axes),
        affine=affine,
        geometry=None,
    )


def _agree(here: FloatArray, there: FloatArray, shape: tuple[int, ...]) -> bool:
    corners: IntArray = np.array(np.meshgrid(*([0, n] for n in shape), indexing="ij")).reshape(3, -1)
    offsets = (here - there) @ np.vstack([corners, np.ones(8)])
    return bool(np.abs(offsets).max() <= _TOLERANCE * np.linalg.norm(here[:3, :3], axis=0).min())
