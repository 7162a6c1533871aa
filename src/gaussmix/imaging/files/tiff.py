"""TIFF pictures, stacks and volumes, read and written with tifffile."""

from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.typing import Rows
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.tiff_geometry import TiffGeometry
from gaussmix.imaging.files.tiff_library import import_tifffile, open_tiff
from gaussmix.imaging.files.tiff_pixels import SeriesNotes, as_picture, read_masks
from gaussmix.imaging.files.tiff_series import arranged, check_kind, check_sizes, find_series, require_alike
from gaussmix.imaging.files.tiff_tags import NODATA
from gaussmix.imaging.images.class_colors import class_colors
from gaussmix.imaging.images.picture import Picture


def read_tiff(path: Path, options: ReadOptions) -> Picture:
    """Read the first series of a TIFF.

    Axis Z of ImageJ and OME files is spatial, and C is the channels. Time and unnamed pages are a stack, unless
    `options` says that unnamed pages are slices or channels.
    """
    with open_tiff(path) as file:
        series, masks = find_series(path, file)
        check_kind(path, series, series.keyframe)
        check_sizes(path, series, series.keyframe, options)
        values = arranged(series, options)
        require_alike(path, series, options)
        inside = read_masks(path, masks, values.shape[:-1]) if masks else None
        return as_picture(path, SeriesNotes.of(file, series), values, inside, options)


def write_tiff(path: Path, picture: Picture, values: Rows, *, background: int | None = None) -> None:
    """Write values (shape) or (shape, maps) with the geometry of a picture.

    The file is an OME-TIFF if the picture was. If it has a place on earth, maps are bands. Else the file is an ImageJ
    file if there are slices, pages, maps or a unit, and a plain file if there are none. Labels have a background, the
    number of pixels without a class, which GDAL reads as "no data"; bytes have a color for each class.
    """
    axes = axes_of(picture)
    if values.ndim > len(axes):
        values = np.ascontiguousarray(np.moveaxis(values, -1, -3))
        axes = axes[:-2] + "CYX"
    options = tags_of(picture, background)
    geometry = picture.geometry or TiffGeometry.of(picture)
    colors = class_colors().T if background is not None and values.dtype == np.uint8 else None
    if geometry.sizes is not None:
        options |= ome_options(axes, geometry)
    elif axes == "CYX" and geometry.tags:
        options |= {"metadata": None, "planarconfig": "separate"}
    elif axes != "YX" or geometry.unit is not None:
        options |= _imagej_options(axes, geometry, colors)
        colors = None
    else:
        options |= {"metadata": None}
    if colors is not None:
        options |= palette_options()
    import_tifffile().imwrite(path, values, **options)


def axes_of(picture: Picture) -> str:
    """Return the names of the axes of labels of a picture."""
    return ("T" if picture.stacked else "") + ("Z" if picture.n_axes == 3 else "") + "YX"


def tags_of(picture: Picture, background: int | None) -> dict[str, Any]:
    """Return the resolution, the place on earth and the number for "no data", as arguments of tifffile."""
    geometry = picture.geometry or TiffGeometry.of(picture)
    tags = [(*tag, True) for tag in geometry.tags]
    if background is not None:
        tags.append((NODATA, 2, 0, str(background), True))
    return {
        "resolution": geometry.resolution,
        "resolutionunit": geometry.resolution_unit,
        "photometric": "minisblack",
        "extratags": tags,
    }


def palette_options() -> dict[str, Any]:
    """Return the colors of the classes, as arguments of tifffile."""
    return {"photometric": "palette", "colormap": class_colors().T.astype(np.uint16) * 257}


def ome_options(axes: str, geometry: TiffGeometry) -> dict[str, Any]:
    """Return the description of an OME-TIFF, as arguments of tifffile."""
    return {"ome": True, "metadata": {"axes": axes, **(geometry.sizes or {})}}


def _imagej_options(axes: str, geometry: TiffGeometry, colors: Rows | None) -> dict[str, Any]:
    unit = geometry.unit and geometry.unit.replace("µ", "u").encode("ascii", "ignore").decode()
    described: dict[str, Any] = {"axes": axes, "spacing": geometry.spacing_of_slices, "unit": unit}
    described["LUTs"] = None if colors is None else [np.ascontiguousarray(colors)]
    return {"imagej": True, "metadata": {name: value for name, value in described.items() if value is not None}}
