"""NRRD volumes and pictures, read and written with pynrrd."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.imaging.files.damage import UnreadableError, check_header, named_damage
from gaussmix.imaging.files.opacity import split_opacity
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.space import affine_of, steps_and_origin
from gaussmix.imaging.images.picture import Picture, narrow

_BACKGROUND = "no class"  # our own key
_OF_AXES = (
    *("space directions", "kinds", "spacings", "thicknesses", "axis mins", "axis maxs", "centerings", "labels"),
    "units",
)
_OF_ALL = ("space", "space dimension", "space origin", "space units", "measurement frame")
_SPATIAL = ("domain", "space")
_PACKED = {"raw": 1, "gzip": 1032, "gz": 1032}  # times smaller than its content the file is at most
_TYPES = {
    "int8": ("signed char", "int8", "int8_t"),
    "uint8": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "int16": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "uint16": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "int32": ("int", "signed int", "int32", "int32_t"),
    "uint32": ("uint", "unsigned int", "uint32", "uint32_t"),
    "int64": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "uint64": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "float32": ("float",),
    "float64": ("double",),
}


@dataclass(frozen=True)
class NrrdGeometry:
    """Fields of an NRRD header that say where its samples are.

    Attributes
    ----------
    whole : dict
        Fields of the whole file, such as the space and its origin.
    axes : dict
        Fields with an entry for each spatial axis, in the order of the file.
    """

    whole: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, list[Any]] = field(default_factory=dict)


def read_nrrd(path: Path, options: ReadOptions) -> Picture:
    """Read a volume (x, y, z) or a flat picture (y, x); an axis that is no axis of space is the channels.

    `Picture.geometry` is a `NrrdGeometry`.
    """
    nrrd = _import_nrrd()
    with named_damage(path, "NRRD file"):
        try:
            header = nrrd.read_header(str(path))
        except nrrd.NRRDError as error:
            raise UnreadableError(f"{path} is a damaged NRRD file: {error}") from error
        missing = [name for name in ("type", "dimension", "sizes", "encoding") if name not in header]
        if missing:
            raise UnreadableError(f"{path} is a damaged NRRD file: its header lacks {missing[0]}")
        spatial, channels = _kinds_of_axes(path, header)
        _check_sizes(path, header, options.max_bytes)
        values, _ = nrrd.read(str(path), index_order="F")
    order = spatial if len(spatial) == 3 else spatial[::-1]
    values = values.transpose([*order, *channels])
    if not channels:
        values = values[..., None]
    kind = str(header["kinds"][channels[0]]) if channels and "kinds" in header else ""
    values, alpha = split_opacity(path, values, kind.lower() == "rgba-color", options, doubtful=False)
    geometry = _geometry_of(header, spatial)
    spacing = _spacing_of(geometry, len(spatial))
    background = str(header.get(_BACKGROUND, ""))
    try:
        picture = Picture(
            narrow(values),
            None if alpha is None else np.ascontiguousarray(alpha),
            spacing=spacing if spacing is None or len(spacing) == 3 else spacing[::-1],
            suffix=".nrrd",
            geometry=geometry,
            affine=_affine_of(geometry),
            nodata=int(background) if background.isdecimal() else None,
        )
    except ValueError as error:
        raise UnreadableError(f"{path} {error}") from None
    if picture.nodata is None:
        return picture
    return picture.with_transparent(np.asarray((picture.pixels == picture.nodata).all(axis=-1)))


def write_nrrd(path: Path, picture: Picture, values: Rows, *, background: int | None = None) -> None:
    """Write values of the shape of a picture, or with maps, which become the first axis, as NRRD has vectors."""
    geometry = picture.geometry if isinstance(picture.geometry, NrrdGeometry) else _plain_geometry(picture)
    n_axes = picture.n_axes
    has_maps = values.ndim > n_axes
    if n_axes == 2:
        values = np.swapaxes(values, 0, 1)
    axes = {name: list(entries) for name, entries in geometry.axes.items()}
    if has_maps:
        values = np.moveaxis(values, -1, 0)
        axes.setdefault("kinds", ["domain"] * n_axes)
        for name, entries in axes.items():
            entries.insert(0, _of_vectors(name, entries))
    header: dict[str, Any] = {"encoding": "gzip"} | geometry.whole
    header |= {name: np.array(entries) if name == "space directions" else entries for name, entries in axes.items()}
    if background is not None:
        header[_BACKGROUND] = str(background)
    _import_nrrd().write(str(path), np.asfortranarray(values), header, index_order="F", compression_level=4)


def _of_vectors(name: str, entries: list[Any]) -> Any:
    """Return the entry of the axis of vectors in a field of axes."""
    if name == "kinds":
        return "vector"
    if name == "space directions":
        return np.full(len(entries[0]), np.nan)
    return {"labels": "", "units": "", "centerings": "???"}.get(name, math.nan)


def _kinds_of_axes(path: Path, header: Any) -> tuple[list[int], list[int]]:
    """Return the axes of space, and those of channels, of which there is one at most."""
    n_axes = int(header["dimension"])
    kinds = [str(kind).lower() for kind in header.get("kinds", ["???"] * n_axes)]
    directions = header.get("space directions")
    if directions is not None and len(directions) == n_axes:
        spatial = [axis for axis, step in enumerate(directions) if step is not None and np.isfinite(step).all()]
    elif any(kind in _SPATIAL for kind in kinds):
        spatial = [axis for axis in range(n_axes) if kinds[axis] in _SPATIAL]
    else:
        spatial = [axis for axis in range(n_axes) if kinds[axis] in ("???", "none")]
    channels = [axis for axis in range(n_axes) if axis not in spatial]
    if len(spatial) not in (2, 3) or len(channels) > 1:
        raise UnreadableError(
            f"{path} has {n_axes} axes, of which its header calls {len(spatial)} spatial: write 2 or 3 of the kind "
            "domain, and at most one of channels, of the kind vector"
        )
    return spatial, channels


def _check_sizes(path: Path, header: Any, max_bytes: int) -> None:
    """Compare the sizes in the header with the file and with the limit."""
    stated = str(header["type"])
    name = next((name for name, aliases in _TYPES.items() if stated in aliases), None)
    if name is None:
        raise UnreadableError(f"{path} has values of the type {stated}; pixels are real numbers of at most 64 bits")
    sizes, itemsize = [int(size) for size in header["sizes"]], np.dtype(name).itemsize
    packed = _PACKED.get(str(header["encoding"]))
    data = header.get("data file", header.get("datafile"))
    source = path if data is None else path.parent / str(data)
    if data is not None and not source.exists():
        raise UnreadableError(f"{path} has its samples in {data}, which does not exist")
    needed = 0 if packed is None else math.prod(sizes) * itemsize / packed
    check_header(path, sizes, itemsize, max_bytes, needed=needed, held=source.stat().st_size)


def _geometry_of(header: Any, spatial: list[int]) -> NrrdGeometry:
    given = {str(name): value for name, value in header.items()}
    if "centers" in given:  # the older name, of which pynrrd knows nothing
        given["centerings"] = str(given["centers"]).split()
    n_axes = int(given["dimension"])
    axes = {
        name: [given[name][axis] for axis in spatial]
        for name in _OF_AXES
        if name in given and not isinstance(given[name], str) and len(given[name]) == n_axes
    }
    return NrrdGeometry({name: given[name] for name in _OF_ALL if name in given}, axes)


def _plain_geometry(picture: Picture) -> NrrdGeometry:
    """Return the geometry of a picture that was not read from NRRD."""
    if picture.affine is None or picture.n_axes == 2:
        spacing = picture.spacing or (1.0,) * picture.n_axes
        return NrrdGeometry({}, {"spacings": list(spacing if picture.n_axes == 3 else spacing[::-1])})
    steps, origin = steps_and_origin(picture.affine)
    whole = {"space": "left-posterior-superior", "space origin": origin, "space units": ["mm"] * 3}
    return NrrdGeometry(whole, {"space directions": list(steps.T), "kinds": ["domain"] * 3})


def _spacing_of(geometry: NrrdGeometry, n_axes: int) -> tuple[float, ...] | None:
    if "space directions" in geometry.axes:
        lengths = tuple(float(np.linalg.norm(step)) for step in geometry.axes["space directions"])
    else:
        lengths = tuple(float(length) for length in geometry.axes.get("spacings", ()))
    return lengths if len(lengths) == n_axes and all(0 < length < math.inf for length in lengths) else None


def _affine_of(geometry: NrrdGeometry) -> FloatArray | None:
    """Return the affine of a volume in a space of the patient, in millimeters; else None."""
    steps, origin = geometry.axes.get("space directions"), geometry.whole.get("space origin")
    signs = _signs_of(str(geometry.whole.get("space", "")))
    units = {str(unit) for unit in geometry.whole.get("space units", ["mm"])}
    if steps is None or origin is None or signs is None or len(steps) != 3 or not units <= {"mm", ""}:
        return None
    return affine_of(signs[:, None] * np.array(steps).T, signs * np.asarray(origin))


def _signs_of(space: str) -> FloatArray | None:
    """Return the factors that turn coordinates of a named space into LPS; None if it is not of a patient."""
    words = space.lower().removesuffix("-time").split("-")
    letters = "".join(word[:1] for word in words[:3]) if len(words) > 1 else space.lower()[:3]
    known = {"ras": (-1, -1, 1), "las": (1, -1, 1), "lps": (1, 1, 1)}
    return np.array(known[letters], dtype=np.float64) if letters in known else None


def _import_nrrd() -> Any:
    try:
        import nrrd
    except ImportError as error:
        raise MissingDependencyError("pynrrd", "medical", "Reading and writing NRRD volumes") from error
    return nrrd
