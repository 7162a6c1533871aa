"""MetaImage volumes and pictures (.mha, .mhd), read and written with SimpleITK."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.typing import Rows
from gaussmix.imaging.files.damage import UnreadableError, check_header, named_damage
from gaussmix.imaging.files.opacity import split_opacity
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.space import affine_of, steps_and_origin
from gaussmix.imaging.images.picture import Picture, narrow

_IO = "MetaImageIO"
_BACKGROUND = "NoClass"  # our own key
_DEFLATED = 1032  # times smaller than its content a deflated file is at most
_BYTES = {
    **dict.fromkeys(("MET_CHAR", "MET_UCHAR"), 1),
    **dict.fromkeys(("MET_SHORT", "MET_USHORT"), 2),
    **dict.fromkeys(("MET_INT", "MET_UINT", "MET_FLOAT"), 4),
    **dict.fromkeys(("MET_LONG", "MET_ULONG", "MET_LONG_LONG", "MET_ULONG_LONG", "MET_DOUBLE"), 8),
}
_MOST_HEADER = 1 << 16  # bytes


@dataclass(frozen=True)
class MetaGeometry:
    """Position of an image in space, as SimpleITK states it.

    Attributes
    ----------
    spacing, origin, direction : tuple of float
        Of the axes x, y and, in a volume, z; the direction is a matrix, row by row.
    """

    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]


def read_meta_image(path: Path, options: ReadOptions) -> Picture:
    """Read a volume (x, y, z) or a flat picture (y, x); a fourth axis, or the parts of vectors, are the channels.

    `Picture.geometry` is a `MetaGeometry`.
    """
    sitk = _import_simpleitk()
    with named_damage(path, "MetaImage file"):
        slope, offset = _check_header(path, options.max_bytes)
        reader = sitk.ImageFileReader()
        reader.SetImageIO(_IO)
        reader.SetFileName(str(path))
        try:
            image = reader.Execute()
        except RuntimeError as error:
            raise UnreadableError(f"{path} is damaged, or no MetaImage: {_reason(error)}") from error
        values = sitk.GetArrayFromImage(image)
    n_axes, n_parts = image.GetDimension(), image.GetNumberOfComponentsPerPixel()
    if n_axes == 4 and n_parts == 1:
        values, n_axes = np.moveaxis(values, 0, -1), 3
    elif n_parts == 1:
        values = values[..., None]
    if n_axes not in (2, 3):
        raise UnreadableError(f"{path} has {n_axes} axes and {n_parts} channels; a volume has 3 axes, a picture 2")
    if (slope, offset) != (1.0, 0.0):
        values = (slope * values + offset).astype(np.float32)
    geometry = _geometry_of(image, n_axes)
    if n_axes == 3:
        values = values.transpose(2, 1, 0, 3)
    values, alpha = split_opacity(path, values, False, options, doubtful=False)
    steps = np.array(geometry.direction).reshape(n_axes, n_axes) * geometry.spacing
    background = image.GetMetaData(_BACKGROUND) if image.HasMetaDataKey(_BACKGROUND) else ""
    try:
        picture = Picture(
            narrow(values),
            None if alpha is None else np.ascontiguousarray(alpha),
            spacing=geometry.spacing if n_axes == 3 else geometry.spacing[::-1],
            suffix=".mha",
            geometry=geometry,
            affine=affine_of(steps, np.array(geometry.origin)) if n_axes == 3 else None,
            nodata=int(background) if background.isdecimal() else None,
        )
    except ValueError as error:
        raise UnreadableError(f"{path} {error}") from None
    if picture.nodata is None:
        return picture
    return picture.with_transparent(np.asarray((picture.pixels == picture.nodata).all(axis=-1)))


def write_meta_image(path: Path, picture: Picture, values: Rows, *, background: int | None = None) -> None:
    """Write values of the shape of a picture, or with maps, which become the parts of vectors."""
    sitk = _import_simpleitk()
    geometry = picture.geometry if isinstance(picture.geometry, MetaGeometry) else _plain_geometry(picture)
    has_maps = values.ndim > picture.n_axes
    if picture.n_axes == 3:
        values = values.transpose(2, 1, 0, *range(3, values.ndim))
    image = sitk.GetImageFromArray(np.ascontiguousarray(values), isVector=has_maps)
    image.SetSpacing(geometry.spacing)
    image.SetOrigin(geometry.origin)
    image.SetDirection(geometry.direction)
    if background is not None:
        image.SetMetaData(_BACKGROUND, str(background))
    sitk.WriteImage(image, str(path), useCompression=True, imageIO=_IO)


def _geometry_of(image: Any, n_axes: int) -> MetaGeometry:
    """Return the geometry of the first axes of an image."""
    n = image.GetDimension()
    direction = np.array(image.GetDirection()).reshape(n, n)[:n_axes, :n_axes]
    return MetaGeometry(image.GetSpacing()[:n_axes], image.GetOrigin()[:n_axes], tuple(direction.ravel().tolist()))


def _plain_geometry(picture: Picture) -> MetaGeometry:
    """Return the geometry of a picture that was not read from MetaImage."""
    n_axes = picture.n_axes
    if picture.affine is None or n_axes == 2:
        spacing = picture.spacing or (1.0,) * n_axes
        direction = tuple(np.eye(n_axes).ravel().tolist())
        return MetaGeometry(spacing if n_axes == 3 else spacing[::-1], (0.0,) * n_axes, direction)
    steps, origin = steps_and_origin(picture.affine)
    lengths = np.linalg.norm(steps, axis=0)
    return MetaGeometry(*(tuple(part.ravel().tolist()) for part in (lengths, origin, steps / lengths)))


def _check_header(path: Path, max_bytes: int) -> tuple[float, float]:
    """Compare the sizes in the header with the files and with the limit; return the scale of the values.

    ITK ignores ElementToIntensityFunctionSlope and -Offset.
    """
    fields, begin = _header_of(path)
    if "DimSize" not in fields or "ElementType" not in fields:
        raise UnreadableError(f"{path} is not a MetaImage: its header lacks DimSize, ElementType or ElementDataFile")
    sizes = [int(size) for size in fields["DimSize"].split()]
    stored = fields["ElementType"].removesuffix("_ARRAY")
    if stored not in _BYTES:
        raise UnreadableError(f"{path} has values of the type {stored}; pixels are real numbers of at most 64 bits")
    shape = [*sizes, int(fields.get("ElementNumberOfChannels", "1"))]
    is_packed = fields.get("CompressedData", "False").lower() == "true"
    is_text = fields.get("BinaryData", "True").lower() == "false"
    needed: float = math.prod(shape) * _BYTES[stored] / (_DEFLATED if is_packed else 1)
    held, data = 0, fields["ElementDataFile"]
    if data.upper() == "LOCAL" and not is_text:
        held = path.stat().st_size - begin
    elif is_text or data.startswith("LIST") or "%" in data:
        needed = 0
    elif not (path.parent / data).exists():
        raise UnreadableError(f"{path} has its samples in {data}, which does not exist")
    else:
        held = (path.parent / data).stat().st_size
    check_header(path, shape, _BYTES[stored], max_bytes, needed=needed, held=held)
    scale = "ElementToIntensityFunction"
    return float(fields.get(f"{scale}Slope", 1)), float(fields.get(f"{scale}Offset", 0))


def _header_of(path: Path) -> tuple[dict[str, str], int]:
    """Return the fields of a header and the number of its bytes."""
    with path.open("rb") as file:
        head = file.read(_MOST_HEADER)
    fields: dict[str, str] = {}
    begin = 0
    for line in head.splitlines(keepends=True):
        name, equals, value = line.decode("latin-1").partition("=")
        begin += len(line)
        fields[name.strip()] = value.strip()
        if not equals:
            break
        if name.strip() == "ElementDataFile":
            return fields, begin
    raise UnreadableError(f"{path} is not a MetaImage: its header has no ElementDataFile")


def _reason(error: RuntimeError) -> str:
    """Return what an error of ITK says, without the places in its source and in memory."""
    said = " ".join(str(error).partition("ITK ERROR: ")[2].split()) or str(error)
    return re.sub(r"^\w+\(0x\w+\): ", "", said).removesuffix("Reason: Success").strip().removesuffix(".")


def _import_simpleitk() -> Any:
    try:
        import SimpleITK
    except ImportError as error:
        raise MissingDependencyError("SimpleITK", "medical", "Reading and writing MetaImage volumes") from error
    return SimpleITK
