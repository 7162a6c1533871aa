"""Planes of a picture, a stack or a volume, as the page shows them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gaussmix.core.typing import Rows
from gaussmix.imaging.images.picture import Picture

MOST_SHOWN = 1_600_000
"""Greatest number of pixels of a plane in the page; of larger planes every second, third, ... pixel is shown."""


@dataclass(frozen=True)
class Direction:
    """Direction across which a picture is cut into planes.

    Attributes
    ----------
    axis : int
        Axis of the picture; -1 for a flat picture, which is its only plane.
    name : str
        Name of the direction.
    length : int
        Number of planes.
    height, width : int
        Size of a plane in pixels of the picture.
    step : int
        Every `step`-th pixel of a plane is shown.
    aspect : float
        Height of a pixel divided by its width.
    """

    axis: int
    name: str
    length: int
    height: int
    width: int
    step: int
    aspect: float

    def as_json(self) -> dict[str, Any]:
        """Return what the page needs to know; its sizes are those of the shown plane."""
        return {
            "axis": self.axis,
            "name": self.name,
            "length": self.length,
            "height": -(-self.height // self.step),
            "width": -(-self.width // self.step),
            "step": self.step,
            "aspect": self.aspect,
        }


@dataclass(frozen=True, eq=False)
class Planes:
    """The planes of a picture.

    Attributes
    ----------
    picture : Picture
        A flat picture, a stack of them, or a volume.

    Raises
    ------
    ValueError
        If the picture is a series of volumes.
    """

    picture: Picture

    def __post_init__(self) -> None:
        if self.picture.stacked and self.picture.n_axes == 3:
            raise ValueError("The file is a series of volumes; open one volume at a time, or use gaussmix segment")

    @cached_property
    def directions(self) -> list[Direction]:
        """The directions, first that in which the slices were made."""
        picture = self.picture
        if picture.n_axes == 2:
            spacing = picture.spacing or (1.0, 1.0)
            height, width = picture.shape[-2:]
            name, length = ("page", picture.shape[0]) if picture.stacked else ("", 1)
            axis = 0 if picture.stacked else -1
            return [Direction(axis, name, length, height, width, _step(height, width), spacing[0] / spacing[1])]
        first = picture.slice_axis
        return [self._direction(axis) for axis in (first, *(axis for axis in range(3) if axis != first))]

    def direction(self, axis: int) -> Direction:
        """Return a direction by its axis.

        Raises
        ------
        ValueError
            If there is none.
        """
        for direction in self.directions:
            if direction.axis == axis:
                return direction
        raise ValueError(f"axis must be one of {[each.axis for each in self.directions]}; got {axis}")

    def shown(self, axis: int, index: int) -> Rows:
        """Return the display colors of a plane, (height, width, 4) of uint8."""
        direction = self._checked(axis, index)
        pixels = self._cut(self.picture.pixels, direction, index)
        alpha = None if self.picture.alpha is None else self._cut(self.picture.alpha, direction, index)
        shown = Picture(np.ascontiguousarray(pixels), alpha, suffix=".png").shown(self.picture.limits)
        colors = np.full((*shown.shape[:2], 4), 255, dtype=np.uint8)
        colors[..., : shown.shape[-1]] = shown
        return colors

    def cut(self, values: Rows, axis: int, index: int) -> Rows:
        """Return what a plane shows of values of all pixels, (height, width, ...).

        Values of a thinned picture are repeated.
        """
        direction = self._checked(axis, index)
        if values.shape[: len(self.picture.shape)] == self.picture.shape:
            return self._cut(values, direction, index)
        steps = [-(-length // n) for length, n in zip(self.picture.shape, values.shape, strict=False)]
        plane, rest = values, list(range(len(steps)))
        if axis >= 0:
            plane = np.take(values, index // steps[axis], axis)
            rest.remove(axis)
        for place, kept in enumerate(rest):
            plane = plane.repeat(steps[kept], place).take(range(self.picture.shape[kept]), place)
        return self._upright(plane)[:: direction.step, :: direction.step]

    def place(self, axis: int, index: int, x: int, y: int) -> tuple[int, ...]:
        """Return the position in the picture of a pixel of a shown plane.

        Raises
        ------
        ValueError
            If it is outside.
        """
        direction = self._checked(axis, index)
        row, column = y * direction.step, x * direction.step
        if not (0 <= row < direction.height and 0 <= column < direction.width):
            raise ValueError(f"The pixel ({x}, {y}) is outside the picture")
        if self._is_turned:
            row, column = column, direction.height - 1 - row
        position = [row, column]
        if axis >= 0:
            position.insert(axis, index)
        return tuple(position)

    def put(self, values: Rows, axis: int, index: int, plane: Rows) -> None:
        """Write a shown plane into values of all pixels, where it differs from them.

        Raises
        ------
        ValueError
            If the plane has another size.
        """
        direction = self._checked(axis, index)
        before = self.cut(values, axis, index)
        if plane.shape != before.shape:
            raise ValueError(f"The plane must have the shape {before.shape}; got {plane.shape}")
        step, size = direction.step, (direction.height, direction.width)
        new, changed = (each.repeat(step, 0).repeat(step, 1)[: size[0], : size[1]] for each in (plane, plane != before))
        if self._is_turned:
            new, changed = np.rot90(new, -1), np.rot90(changed, -1)
        target = values if axis < 0 else np.moveaxis(values, axis, 0)[index]
        target[changed] = new[changed]

    def _direction(self, axis: int) -> Direction:
        rest = [each for each in range(3) if each != axis]
        rows, columns = rest[::-1] if self._is_turned else rest
        height, width = self.picture.shape[rows], self.picture.shape[columns]
        spacing = self.picture.spacing or (1.0, 1.0, 1.0)
        name = ("x", "y", "z")[axis if self._is_turned else 2 - axis]
        aspect = spacing[rows] / spacing[columns]
        return Direction(axis, name, self.picture.shape[axis], height, width, _step(height, width), aspect)

    @property
    def _is_turned(self) -> bool:
        """Whether the axes of the volume are x, y, z, so that planes are turned to be upright."""
        return self.picture.n_axes == 3 and self.picture.slice_axis == 2

    def _checked(self, axis: int, index: int) -> Direction:
        direction = self.direction(axis)
        if not 0 <= index < direction.length:
            raise ValueError(f"index must be from 0 to {direction.length - 1}; got {index}")
        return direction

    def _cut(self, values: Rows, direction: Direction, index: int) -> Rows:
        plane = values if direction.axis < 0 else np.take(values, index, direction.axis)
        return self._upright(plane)[:: direction.step, :: direction.step]

    def _upright(self, plane: Rows) -> Rows:
        return np.rot90(plane) if self._is_turned else plane


def _step(height: int, width: int) -> int:
    """Return the least step of which a plane has at most `MOST_SHOWN` pixels."""
    step = 1
    while -(-height // step) * -(-width // step) > MOST_SHOWN:
        step += 1
    return step
