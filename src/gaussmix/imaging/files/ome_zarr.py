"""OME-Zarr images and labels, read and written with zarr."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.typing import Rows
from gaussmix.imaging.files.damage import UnreadableError, check_header, named_damage
from gaussmix.imaging.files.names import different_names
from gaussmix.imaging.files.ome_zarr_metadata import OmeZarrGeometry, OmeZarrImage
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.images.class_colors import class_colors
from gaussmix.imaging.images.nodata import lacks_data
from gaussmix.imaging.images.picture import Picture, narrow

SUFFIX = ".ome.zarr"
"""Suffix of the written files."""

_MARKS = (".zgroup", ".zarray", ".zattrs", "zarr.json")  # files of a group or an array of Zarr
_LABELS = "labels"


def is_zarr(path: Path) -> bool:
    """Return whether a path is the folder of a group or an array of Zarr."""
    return path.is_dir() and any((path / mark).is_file() for mark in _MARKS)


def read_ome_zarr(path: Path, options: ReadOptions) -> Picture:
    """Read a level of an OME-Zarr image.

    Axes of the type space are spatial, if they are longer than 1; that of the type channel is the channels, and all
    others are pages.
    """
    with named_damage(path, "OME-Zarr image"):
        array, image, geometry = open_level(path, options.level)
        check_header(path, array.shape, array.dtype.itemsize, options.max_bytes)
        values = np.asarray(array[...])
        return as_picture(path, arranged(values, image, geometry), image, geometry)


def open_level(path: Path, level: int) -> tuple[Any, OmeZarrImage, OmeZarrGeometry]:
    """Return the array of a level of an image, what its metadata say, and the geometry from this level on.

    Raises
    ------
    UnreadableError
        If the path is no OME-Zarr image, or has no such level.
    """
    group = _open_image(path)
    described = group.attrs.asdict()
    paths = [str(item["path"]) for item in described.get("ome", described)["multiscales"][0]["datasets"]]
    if not 0 <= level < len(paths):
        raise UnreadableError(f"{path} has the levels 0 to {len(paths) - 1}; got level {level}")
    missing = [name for name in paths[level:] if name not in group]
    if missing:
        raise UnreadableError(f"{path} is not complete: its level {missing[0]} does not exist")
    arrays = [group[name] for name in paths[level:]]
    image = OmeZarrImage.of(described, arrays[0].ndim)
    return arrays[0], image, image.geometry(level, [array.shape for array in arrays], arrays[0].chunks)


def arranged(values: Rows, image: OmeZarrImage, geometry: OmeZarrGeometry) -> Rows:
    """Return numbers of an image, or of a window of one, with the axes (pages), space and channels."""
    kinds = [axis.kind for axis in image.axes]
    values = np.moveaxis(values, kinds.index("channel"), -1) if "channel" in kinds else values[..., None]
    pages = (-1,) if geometry.n_pages > 1 else ()
    return values.reshape(*pages, *values.shape[-geometry.n_axes - 1 :])


def as_picture(path: Path, values: Rows, image: OmeZarrImage, geometry: OmeZarrGeometry) -> Picture:
    """Return the picture of arranged numbers, of a whole image or of a window of one."""
    alpha = None
    if image.nodata is not None:
        alpha = np.where(lacks_data(values, image.nodata), np.uint8(0), np.uint8(255))
    try:
        return Picture(
            narrow(values),
            alpha,
            stacked=geometry.n_pages > 1,
            spacing=geometry.spacing(),
            suffix=SUFFIX,
            geometry=geometry,
            nodata=image.nodata,
            names=different_names(image.channels, values.shape[-1]),
        )
    except ValueError as error:
        raise UnreadableError(f"{path} {error}") from None


def write_ome_zarr(path: Path, picture: Picture, values: Rows, *, background: int | None = None) -> None:
    """Write values (shape) or (shape, maps) as an image with the axes, the levels and the positions of a picture.

    Labels have a background, the number of pixels without a class: it is transparent, and the number of chunks that are
    not stored.
    """
    maps = values.shape[-1] if values.ndim > len(picture.shape) else 0
    classes = [] if background is None else np.unique(values).tolist()
    writer = ImageWriter(path, picture, values.dtype, maps=maps, background=background, classes=classes)
    for page, part in enumerate(values if picture.stacked else [values]):
        writer.put(page, 0, part)


def write_ome_zarr_bands(
    path: Path, picture: Picture, bands: Iterator[Rows], *, background: int, classes: Sequence[int]
) -> None:
    """Write labels, of which each band is rows of a page, or slices of a volume, in their order."""
    writer = ImageWriter(path, picture, np.uint8, background=background, classes=classes)
    page, start, length = 0, 0, picture.shape[picture.stacked]
    for band in bands:
        writer.put(page, start, band)
        start += len(band)
        if start == length:
            page, start = page + 1, 0


class ImageWriter:
    """Writer of an image with all levels of a picture, in bands of rows or slices.

    Parameters
    ----------
    path : Path
        Folder to write; its name is that of the image.
    picture : Picture
        The picture, which provides the geometry.
    dtype : numpy.dtype
        Type of the numbers.
    maps : int
        Number of maps; 0: the image has no axis of channels.
    background : int or None
        Of labels, the number of pixels without a class.
    classes : iterable of int
        Numbers of the classes that have a color.
    """

    def __init__(
        self,
        path: Path,
        picture: Picture,
        dtype: Any,
        *,
        maps: int = 0,
        background: int | None = None,
        classes: Iterable[int] = (),
    ) -> None:
        geometry = picture.geometry if isinstance(picture.geometry, OmeZarrGeometry) else OmeZarrGeometry.of(picture)
        self._geometry, self._n_axes, self._has_maps = geometry, picture.n_axes, maps > 0
        old = geometry.version == "0.4"
        label = None if background is None else {"colors": _label_colors(classes, background)}
        attributes = geometry.attributes(path.name.removesuffix(SUFFIX), maps=maps > 0, label=label)
        group = import_zarr().open_group(path, mode="w", zarr_format=2 if old else 3)
        group.attrs.update(attributes)
        n_lead = sum(axis.kind != "space" for axis in geometry.axes)
        names = [axis.name for axis in geometry.axes]
        names[n_lead:n_lead] = ["c"] * self._has_maps
        self._arrays = []
        for level, factors in enumerate(geometry.factors):
            shape = [-(-length // factor) for length, factor in zip(geometry.lengths, factors, strict=True)]
            chunks = [min(chunk, length) for chunk, length in zip(geometry.chunks, shape, strict=True)]
            shape[n_lead:n_lead], chunks[n_lead:n_lead] = [maps] * self._has_maps, [1] * self._has_maps
            kind: dict[str, Any] = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
            array = group.create_array(
                str(level),
                shape=shape,
                chunks=chunks,
                dtype=dtype,
                fill_value=background or 0,
                **(kind if old else {"dimension_names": names}),
            )
            self._arrays.append(array)

    def put(self, page: int, start: int, band: Rows) -> None:
        """Write consecutive rows of a page, or slices of a volume, to all levels.

        Parameters
        ----------
        page : int
            Number of the page; 0 if there is one.
        start : int
            Number of the first row or slice.
        band : (rows, ...) or (rows, ..., maps) array
            Values of complete rows or slices.
        """
        geometry, n_axes = self._geometry, self._n_axes
        pages = [n for axis, n in zip(geometry.axes, geometry.lengths, strict=True) if axis.kind != "space"]
        lead: list[Any] = [int(place) for place in np.unravel_index(page, pages)] if pages else []
        lead += [slice(None)] * self._has_maps + [0] * (len(geometry.axes) - len(pages) - n_axes)
        if self._has_maps:
            band = np.moveaxis(band, -1, 0)
        for array, factors in zip(self._arrays, geometry.factors, strict=True):
            step, *others = factors[-n_axes:]
            first = -start % step
            thinned = (slice(None),) * self._has_maps + (
                slice(first, None, step),
                *(slice(None, None, n) for n in others),
            )
            part = band[thinned]
            n_rows, at = part.shape[self._has_maps], (start + first) // step
            if n_rows:
                array[(*lead, slice(at, at + n_rows), *[slice(None)] * len(others))] = part


def make_labels_group(path: Path) -> None:
    """Make the group of labels of an image, if a path is in it."""
    if _is_label_of_image(path):
        image = import_zarr().open_group(path.parent.parent, mode="r")
        import_zarr().open_group(path.parent, mode="a", zarr_format=image.metadata.zarr_format)


def list_among_labels(path: Path) -> None:
    """State the image of written labels, and list them in it, if they are in its group of labels."""
    if not _is_label_of_image(path):
        return
    label, group = (import_zarr().open_group(folder, mode="r+") for folder in (path, path.parent))
    if "image-label" not in label.attrs.get("ome", label.attrs):
        return  # maps
    version = label.attrs.get("ome", {}).get("version")
    _update(label, lambda found: {"image-label": found["image-label"] | {"source": {"image": "../../"}}})
    _update(group, lambda found: {_LABELS: list(dict.fromkeys([*found.get(_LABELS, []), path.name]))}, version)


def _is_label_of_image(path: Path) -> bool:
    return path.parent.name == _LABELS and is_zarr(path.parent.parent)


def _update(group: Any, change: Callable[[dict[str, Any]], dict[str, Any]], version: str | None = None) -> None:
    """Change attributes of OME-Zarr, which are in an entry of their own from version 0.5 on."""
    attributes = group.attrs.asdict()
    if version is None and "ome" not in attributes:
        group.attrs.update(change(attributes))
    else:
        found = attributes.get("ome", {"version": version})
        group.attrs["ome"] = found | change(found)


def import_zarr() -> Any:
    """Return the module zarr.

    Raises
    ------
    MissingDependencyError
        If it is missing.
    """
    try:
        import zarr
    except ImportError as error:
        raise MissingDependencyError("zarr", "microscopy", "Reading and writing OME-Zarr images") from error
    return zarr


def _open_image(path: Path) -> Any:
    """Return the group of an image; of a collection of series of bioformats2raw, the first."""
    zarr = import_zarr()
    group = zarr.open(path, mode="r")
    if not isinstance(group, zarr.Group):
        raise UnreadableError(
            f"{path} is an array of Zarr without names of its axes: give the folder of its OME-Zarr image, or read it "
            "with zarr and save it with np.save or as TIFF"
        )
    attributes = group.attrs.asdict()
    found = attributes.get("ome", attributes)
    if "bioformats2raw.layout" in found and "multiscales" not in found:
        series = sorted(name for name in group.group_keys() if name.isdecimal())
        if len(series) > 1:
            warnings.warn(f"{path} holds {len(series)} images; the first is read: {path / series[0]}", stacklevel=2)
        if series:
            return _open_image(path / min(series, key=int))
    if "plate" in found or "well" in found:
        raise UnreadableError(
            f"{path} is a plate or a well of many images: give the folder of one, such as A/1/0 in it"
        )
    if "multiscales" not in found:
        raise UnreadableError(
            f"{path} is a group of Zarr without OME-Zarr metadata (multiscales); give that of an image"
        )
    return group


def _label_colors(classes: Iterable[int], background: int) -> list[dict[str, Any]]:
    """Return the color of each class, and that of the background, which is transparent."""
    colors = class_colors()
    numbers = sorted({*classes, background})
    return [
        {"label-value": number, "rgba": [*colors[number % 256].tolist(), 0 if number == background else 255]}
        for number in numbers
    ]
