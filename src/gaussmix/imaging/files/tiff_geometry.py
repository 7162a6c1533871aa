"""Geometry of TIFF files: spacing, units, resolution and place on earth."""

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from gaussmix.imaging.files.orientation import ORIENTATION, UPRIGHT, swaps_axes
from gaussmix.imaging.files.units import in_one_unit
from gaussmix.imaging.images.picture import Picture

_GEOGRAPHIC = (33550, 33922, 34264, 34735, 34736, 34737, 50844)  # scale, tie points, transformation, keys, RPC
_SCALE, _TRANSFORMATION = 33550, 34264
_SIZES = tuple(f"PhysicalSize{axis}" for axis in "XYZ")


@dataclass(frozen=True)
class TiffGeometry:
    """Geometry of a TIFF file, stored for other programs.

    Attributes
    ----------
    resolution : tuple of float
        Pixels per unit along x and y.
    resolution_unit : int
        1 none, 2 inch, 3 centimeter.
    unit : str or None
        Unit of the spacing in ImageJ and OME files.
    spacing_of_slices : float or None
        Distance between the slices of a volume.
    tags : tuple
        Tags of GeoTIFF: code, type, count, value.
    sizes : dict or None
        Sizes of a pixel in an OME file with their units, as attributes of OME-XML; None: no OME file.
    """

    resolution: tuple[float, float]
    resolution_unit: int = 1
    unit: str | None = None
    spacing_of_slices: float | None = None
    tags: tuple[tuple[int, int, int, Any], ...] = ()
    sizes: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, picture: Picture) -> Self:
        """Return the geometry of a picture that was not read from a TIFF file."""
        *across, down, along = picture.spacing or (1.0, 1.0)
        return cls((1 / along, 1 / down), spacing_of_slices=across[0] if across else None)


def orientation_of(page: Any) -> int:
    """Return the orientation of a page, 1 to 8; upright if it has a place on earth, which is that of stored rows."""
    tag = page.tags.get(ORIENTATION)
    is_geographic = any(code in page.tags for code in _GEOGRAPHIC)
    return UPRIGHT if tag is None or is_geographic else int(tag.value)


def read_geometry(file: Any, page: Any) -> tuple[TiffGeometry, dict[str, float]]:
    """Return the geometry, and the spacing of the axes for which it is known, of the upright picture."""
    across, down = (float(number) for number in page.resolution)
    unit, described = None, "XResolution" in page.tags and across > 0 and down > 0
    spacing = {"X": 1 / across, "Y": 1 / down} if described else {}
    sizes = None
    if file.is_ome:
        sizes = _ome_sizes(file.ome_metadata)
        spacing, unit = _ome_spacing(sizes)
        across, down = (1 / spacing.get(axis, 1.0) for axis in "XY")
    elif file.is_imagej:
        spacing, unit = _imagej_spacing(file.imagej_metadata or {}, spacing)
    else:
        spacing |= _map_spacing(page)
    if swaps_axes(orientation_of(page)):
        across, down = down, across
        spacing |= {there: spacing[here] for here, there in ("XY", "YX") if here in spacing}
    tags = tuple(
        (tag.code, int(tag.dtype), tag.count, tag.value)
        for tag in (page.tags.get(code) for code in _GEOGRAPHIC)
        if tag is not None
    )
    resolution_unit = 1 if file.is_ome else int(page.resolutionunit)
    return TiffGeometry((across, down), resolution_unit, unit, spacing.get("Z"), tags, sizes), spacing


def channel_names(file: Any) -> tuple[str, ...]:
    """Return the names of the channels of an OME file, empty where there is none."""
    pixels = _first_pixels(file.ome_metadata) if file.is_ome else None
    found = [] if pixels is None else [element for element in pixels if element.tag.endswith("}Channel")]
    return tuple(element.attrib.get("Name", "") for element in found)


def _first_pixels(text: str) -> Any:
    """Return the element of OME-XML that describes the pixels of the first image, or None."""
    return next((element for element in ElementTree.fromstring(text).iter() if element.tag.endswith("}Pixels")), None)


def _ome_sizes(text: str) -> dict[str, Any]:
    """Return the physical sizes of a pixel of the first image, with their units."""
    pixels = _first_pixels(text)
    found = {} if pixels is None else pixels.attrib
    sizes: dict[str, Any] = {name: float(found[name]) for name in _SIZES if name in found}
    return sizes | {f"{name}Unit": found.get(f"{name}Unit", "µm") for name in sizes}


def _ome_spacing(sizes: Mapping[str, Any]) -> tuple[dict[str, float], str]:
    """Return the size of a pixel along each axis, and the unit of the first."""
    lengths = {name[-1]: sizes[name] for name in _SIZES if name in sizes}
    units = {axis: sizes[f"PhysicalSize{axis}Unit"] for axis in lengths}
    unit = next(iter(units.values()), "µm")
    return in_one_unit(lengths, units, unit), unit


def _map_spacing(page: Any) -> dict[str, float]:
    """Return the size of a pixel of a GeoTIFF in the units of its coordinate system."""
    scale, matrix = page.tags.valueof(_SCALE), page.tags.valueof(_TRANSFORMATION)
    if matrix is not None and len(matrix) == 16:
        lengths = math.hypot(matrix[0], matrix[4]), math.hypot(matrix[1], matrix[5])
    else:
        lengths = (0.0, 0.0) if scale is None else (float(scale[0]), float(scale[1]))
    return {axis: length for axis, length in zip("XY", lengths, strict=True) if 0 < length < math.inf}


def _imagej_spacing(notes: Mapping[str, Any], spacing: dict[str, float]) -> tuple[dict[str, float], str | None]:
    """Return the spacing along each axis, and the unit of X, from the resolution and the notes of ImageJ."""
    unit = notes.get("unit")
    sizes = dict(spacing)
    if notes.get("spacing"):
        sizes["Z"] = abs(float(notes["spacing"]))
    units = {axis: str(notes.get(f"{axis.lower()}unit", unit)) for axis in sizes}
    return in_one_unit(sizes, units, str(unit)), unit
