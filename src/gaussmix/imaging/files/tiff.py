"""TIFF pictures, stacks and volumes, read and written with tifffile."""

import logging
import warnings
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.typing import Rows
from gaussmix.imaging.files.raster import to_opacity
from gaussmix.imaging.images.picture import Picture, narrow

_GEOGRAPHIC = (33550, 33922, 34264, 34735, 34736, 34737)  # GeoTIFF: scale, tie points, transformation, keys


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


def read_tiff(path: Path, *, volume: bool = False) -> Picture:
    """Read the first series of a TIFF.

    Axis Z of ImageJ and OME files is spatial, and C is the channels. Time and unnamed pages are a stack; with
    ``volume`` unnamed pages are the slices of a volume.
    """
    tifffile = _import_tifffile()
    errors = _ErrorLog()
    logger = logging.getLogger("tifffile")
    logger.addHandler(errors)
    try:
        with tifffile.TiffFile(path) as file:
            if len(file.series) > 1:
                shapes = [series.shape for series in file.series]
                warnings.warn(f"{path} holds images of the shapes {shapes}; the first is read", stacklevel=3)
            series, page = file.series[0], file.pages.first
            values = series.asarray()
            axes = str(series.axes)
            if errors.texts:
                raise ValueError(errors.texts[0])
            has_alpha = "S" in axes and len(page.extrasamples) == 1 and page.extrasamples[0] in (1, 2)
            values, axes = _as_colors(tifffile, page, values, axes)
            geometry, spacing = _read_geometry(file, page)
    except tifffile.TiffFileError as error:
        raise ValueError(f"{path} is not a TIFF file: {error}") from error
    except (ValueError, RuntimeError, IndexError, KeyError, ZeroDivisionError) as error:
        if "imagecodecs" in str(error):
            raise MissingDependencyError("imagecodecs", "images", f"Reading {path}") from error
        raise ValueError(f"{path} is a damaged TIFF file or of an unsupported kind: {error}") from error
    finally:
        logger.removeHandler(errors)
    try:
        return _arranged(values, axes, has_alpha, geometry, spacing, volume)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from None


def write_tiff(path: Path, picture: Picture, values: Rows) -> None:
    """Write values (shape) or (shape, maps): an ImageJ file if there are slices, pages or maps, else a plain file."""
    tifffile = _import_tifffile()
    geometry = picture.geometry or TiffGeometry.of(picture)
    axes = ("T" if picture.stacked else "") + ("Z" if picture.n_axes == 3 else "") + "YX"
    if values.ndim > len(axes):
        values = np.ascontiguousarray(np.moveaxis(values, -1, -3))
        axes = axes[:-2] + "CYX"
    options: dict[str, Any] = {"resolution": geometry.resolution, "resolutionunit": geometry.resolution_unit}
    options["extratags"] = [(*tag, True) for tag in geometry.tags]
    if axes != "YX" or geometry.unit is not None:
        unit = geometry.unit and geometry.unit.replace("µ", "u").encode("ascii", "ignore").decode()
        described = {"axes": axes, "spacing": geometry.spacing_of_slices, "unit": unit}
        options |= {"imagej": True, "metadata": {name: value for name, value in described.items() if value is not None}}
    else:
        options |= {"metadata": None}
    tifffile.imwrite(path, values, photometric="minisblack", **options)


class _ErrorLog(logging.Handler):
    """Collector of the errors that tifffile logs when it reads damaged parts as zeros."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def _as_colors(tifffile: Any, page: Any, values: Rows, axes: str) -> tuple[Rows, str]:
    """Return gray levels or red, green and blue, with black at 0, and the axes."""
    kinds, meaning = tifffile.PHOTOMETRIC, page.photometric
    if meaning in (kinds.SEPARATED, kinds.CIELAB, kinds.ICCLAB):
        raise ValueError(f"its colors are {meaning.name}; convert it to RGB or gray")
    if meaning == kinds.PALETTE and page.colormap is not None:
        return np.moveaxis(page.colormap >> 8, 0, -1).astype(np.uint8)[values], axes + "S"
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255), axes  # tifffile writes masks with True as white
    if meaning == kinds.MINISWHITE and values.dtype.kind == "u":
        return np.iinfo(values.dtype).max - values, axes
    return values, axes


def _arranged(
    values: Rows, axes: str, has_alpha: bool, geometry: TiffGeometry, spacing: dict[str, float], volume: bool
) -> Picture:
    """Return the picture with the axes pages, Z, Y, X and channels."""
    pages = [axis for axis in axes if axis not in "ZYXCS"]
    slices = [axis for axis in axes if axis == "Z"]
    if volume and not slices:
        pages, slices = pages[:-1], pages[-1:]
    channels = [axis for axis in axes if axis in "CS"]
    values = values.transpose([axes.index(axis) for axis in [*pages, *slices, "Y", "X", *channels]])
    stack = (int(np.prod(values.shape[: len(pages)])),) if pages else ()
    space = values.shape[len(pages) : len(pages) + len(slices) + 2]
    values = values.reshape(*stack, *space, -1)
    alpha = None
    if has_alpha:
        alpha, values = to_opacity(values[..., -1]), values[..., :-1]
    known = [spacing.get(axis, 0.0) for axis in ("ZYX" if slices else "YX")]
    return Picture(
        narrow(values),
        alpha,
        stacked=bool(pages),
        spacing=tuple(known) if all(number > 0 for number in known) else None,
        suffix=".tif",
        geometry=geometry,
    )


def _read_geometry(file: Any, page: Any) -> tuple[TiffGeometry, dict[str, float]]:
    """Return the geometry, and the spacing of the axes for which it is known."""
    across, down = (float(number) for number in page.resolution)
    unit, described = None, "XResolution" in page.tags and across > 0 and down > 0
    spacing = {"X": 1 / across, "Y": 1 / down} if described else {}
    if file.is_ome:
        spacing, unit = _ome_spacing(file.ome_metadata)
        across, down = (1 / spacing.get(axis, 1.0) for axis in "XY")
    elif file.is_imagej:
        notes = file.imagej_metadata or {}
        unit = notes.get("unit")
        if notes.get("spacing"):
            spacing["Z"] = abs(float(notes["spacing"]))
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
    spacing = {axis: float(found[f"PhysicalSize{axis}"]) for axis in "XYZ" if f"PhysicalSize{axis}" in found}
    units = {axis: found.get(f"PhysicalSize{axis}Unit", "µm") for axis in spacing}
    if len(set(units.values())) > 1:
        raise ValueError(f"its axes have different units: {units}")
    return spacing, next(iter(units.values()), "µm")


def _import_tifffile() -> Any:
    try:
        import tifffile
    except ImportError as error:
        raise MissingDependencyError("tifffile", "images", "Reading and writing TIFF files") from error
    return tifffile
