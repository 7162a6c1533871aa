"""Planes of DICOM pictures: their order and their positions in space."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaussmix.core.typing import FloatArray
from gaussmix.imaging.files.damage import UnreadableError
from gaussmix.imaging.files.space import affine_of

_SAME_DIRECTION = 1e-3  # of direction cosines
_SAME_POSITION = 1e-3  # millimeters
_EVEN = 0.1  # of the distance between slices


@dataclass(frozen=True, eq=False)
class Place:
    """Position of a plane in space, in millimeters (LPS).

    Attributes
    ----------
    position : (3,) array
        Position of the first pixel.
    directions : (3, 2) array
        Unit vectors along the rows and along the columns.
    spacing : (float, float)
        Distances between neighbors along the rows and along the columns.
    thickness : float
        Distance of the next slice, for a single one.
    """

    position: FloatArray
    directions: FloatArray
    spacing: tuple[float, float]
    thickness: float

    @property
    def normal(self) -> FloatArray:
        """Unit vector across the plane."""
        return np.asarray(np.cross(self.directions[:, 0], self.directions[:, 1]))


@dataclass(frozen=True, eq=False)
class Plane:
    """One frame of a DICOM file.

    Attributes
    ----------
    path : Path
        The file.
    frame : int
        Number of the frame in the file.
    slope, intercept : float
        Scale of the stored numbers.
    place : Place or None
        Position in space; None if the file does not state it.
    """

    path: Path
    frame: int
    slope: float
    intercept: float
    place: Place | None = None


def in_order(planes: Sequence[Plane]) -> tuple[list[Plane], FloatArray]:
    """Return parallel planes by their positions along their normal, and the affine (4, 4) of their volume (x, y, z).

    A tilted gantry gives a shear.

    Parameters
    ----------
    planes : sequence of Plane
        Planes with places, in any order.

    Raises
    ------
    UnreadableError
        If planes are not parallel, differ in spacing, are at the same position, or if one is missing between others.
    """
    placed = [(plane, plane.place) for plane in planes if plane.place is not None]
    first_plane, first = placed[0]
    for plane, place in placed:
        if np.abs(place.directions - first.directions).max() > _SAME_DIRECTION:
            raise UnreadableError(
                f"{plane.path} is not parallel to {first_plane.path}: put slices of each direction into a folder of "
                "their own"
            )
        if not np.allclose(place.spacing, first.spacing, rtol=1e-3):
            raise UnreadableError(
                f"{plane.path} has pixels of {place.spacing} mm, {first_plane.path} of {first.spacing} mm: put slices "
                "of each size into a folder of their own"
            )
    places = np.array([float(first.normal @ place.position) for _, place in placed])
    order = np.argsort(places, kind="stable")
    placed = [placed[number] for number in order]
    _require_even(places[order], [plane.path for plane, _ in placed])
    start, end = placed[0][1], placed[-1][1]
    across = start.normal * start.thickness
    if len(placed) > 1:
        across = (end.position - start.position) / (len(placed) - 1)
    affine = affine_of(np.column_stack([start.directions * start.spacing, across]), start.position)
    return [plane for plane, _ in placed], affine


def _require_even(places: FloatArray, paths: Sequence[Path]) -> None:
    """Raise UnreadableError unless slices are at equal distances."""
    gaps = np.diff(places)
    if not len(gaps):
        return
    if gaps.min() <= _SAME_POSITION:
        number = int(gaps.argmin())
        raise UnreadableError(
            f"{paths[number]} and {paths[number + 1]} are slices at the same position, {places[number]:g} mm: "
            "put each time, echo or direction of diffusion into a folder of its own"
        )
    usual = float(np.median(gaps))
    wrong = np.abs(gaps - usual) > _EVEN * usual
    if wrong.any():
        number = int(wrong.argmax())
        raise UnreadableError(
            f"{paths[number]} and {paths[number + 1]} are {gaps[number]:g} mm apart, other slices {usual:g} mm: "
            "a slice is missing, or slices are not evenly spaced; give evenly spaced ones"
        )
