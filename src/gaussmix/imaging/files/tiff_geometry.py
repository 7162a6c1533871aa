"""Geometry of TIFF files: spacing, units, resolution and place on earth."""

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from gaussmix.imaging.files.orientation import ORIENTATION, UPRIGHT, swaps_axes
from gaussmix.imaging.images.picture import Picture

_GEOGRAPHIC = (33550, 33922, 34264, 34735, 34736, 34737)  # GeoTIFF: scale, tie points, transformation, keys
_METERS = {
    "pm": 1e-12, "Å": 1e-10, "angstrom": 1e-10, "nm": 1e-9, "nanometer": 1e-9, "µm": 1e-6, "um": 1e-6, "micron": 1e-6,
    "microns": 1e-6, "micrometer": 1e-6, "mm": 1e-3, "millimeter": 1e-3, "cm": 1e-2, "centimeter": 1e-2, "dm": 1e-1,
    "m": 1.0, "meter": 1.0, "km": 1e3, "in": 0.0254, "inch": 0.0254, "inches": 0.0254, "thou": 2.54e-5,
    "li": 2.54e-3 / 12, "ft": 0.3048, "pt": 0.0254 / 72,
}  # fmt: skip


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
    """

    resolution: tuple[float, float]
    resolution_unit: int = 1
    unit: str | None = None
    spacing_of_slices: float | None = None
    tags: tuple[tuple[int, int, int, Any], ...] = ()

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
    if file.is_ome:
        spacing, unit = _ome_spacing(file.ome_metadata)
        across, down = (1 / spacing.get(axis, 1.0) for axis in "XY")
    elif file.is_imagej:
        spacing, unit = _imagej_spacing(file.imagej_metadata or {}, spacing)
    if swaps_axes(orientation_of(page)):
        across, down = down, across
        spacing |= {there: spacing[here] for here, there in ("XY", "YX") if here in spacing}
    tags = tuple(
        (tag.code, int(tag.dtype), tag.count, tag.value)
        for tag in (page.tags.get(code) for code in _GEOGRAPHIC)
        if tag is not None
    )
    resolution_unit = 1 if file.is_ome else int(page.resolutionunit)
    return TiffGeometry((across, down), resolution_unit, unit, spacing.get("Z"), tags), spacing


def _ome_spacing(text: str) -> tuple[dict[str, float], str]:
    """Return the physical size of a pixel along each axis of the first image, and the unit of X."""
    pixels = next((element for element in ElementTree.fromstring(text).iter() if element.tag.endswith("}Pixels")), None)
    found = {} if pixels is None else pixels.attrib
    sizes = {axis: float(found[f"PhysicalSize{axis}"]) for axis in "XYZ" if f"PhysicalSize{axis}" in found}
    units = {axis: found.get(f"PhysicalSize{axis}Unit", "µm") for axis in sizes}
    unit = next(iter(units.values()), "µm")
    return _in_one_unit(sizes, units, unit), unit


def _imagej_spacing(notes: Mapping[str, Any], spacing: dict[str, float]) -> tuple[dict[str, float], str | None]:
    """Return the spacing along each axis, and the unit of X, from the resolution and the notes of ImageJ."""
    unit = notes.get("unit")
    sizes = dict(spacing)
    if notes.get("spacing"):
        sizes["Z"] = abs(float(notes["spacing"]))
    units = {axis: str(notes.get(f"{axis.lower()}unit", unit)) for axis in sizes}
    return _in_one_unit(sizes, units, str(unit)), unit


def _in_one_unit(sizes: Mapping[str, float], units: Mapping[str, str], unit: str) -> dict[str, float]:
    """Return the sizes in one unit; those that are not positive, or in units of no known ratio, are left out."""
    ratios = {axis: _ratio(units[axis], unit) for axis in sizes}
    return {axis: size * ratios[axis] for axis, size in sizes.items() if 0 < size * ratios[axis] < math.inf}


def _ratio(unit: str, other: str) -> float:
    """Return a unit divided by another; NaN if that is not known."""
    names = [name.strip().replace("\\u00B5", "µ").replace("μ", "µ") for name in (unit, other)]
    if names[0] == names[1]:
        return 1.0
    return _METERS.get(names[0], math.nan) / _METERS.get(names[1], math.nan)
