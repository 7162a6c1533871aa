"""NIfTI volumes, read and written with nibabel."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.typing import Rows
from gaussmix.imaging.files.damage import UnreadableError, check_header, named_damage
from gaussmix.imaging.files.opacity import split_opacity
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.images.nodata import lacks_data
from gaussmix.imaging.images.picture import Picture, narrow

_NO_CLASS = ": no class"
_SHEARED = 1e-4  # of the cosine between axes
_HALF_STEP = 0.51  # of a scale, with the rounding of its slope and offset to single precision
_DEFLATED = 1032  # times smaller than its content a gzip file is at most


def read_nifti(path: Path, options: ReadOptions) -> Picture:
    """Read a volume with its own axes (x, y, z), scaled by its header; a fourth axis is the channels.

    Numbers of masks and labels that the scale moved by at most half a step become whole again.
    `Picture.geometry` is the header, with both transformations from voxels to space.
    """
    nibabel = _import_nibabel()
    with named_damage(path, "NIfTI volume"):
        try:
            image = nibabel.load(path)
        except (nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError) as error:
            raise UnreadableError(f"{path} is not a NIfTI volume: {' '.join(str(error).split())}") from error
        if not isinstance(image, nibabel.Nifti1Pair):
            raise UnreadableError(f"{path} is not a NIfTI volume but {type(image).__name__}; convert it to NIfTI")
        _check_sizes(path, image, options.max_bytes)
        values = np.asanyarray(image.dataobj)
        if options.purpose != "picture" and image.get_data_dtype().kind in "iu":
            values = _whole_again(values, abs(float(image.dataobj.slope)))
        return _as_picture(path, image, values, options)


def _whole_again(values: Rows, step: float) -> Rows:
    """Undo the rounding of whole numbers to the steps of a scale: nibabel stretches floats over an integer type."""
    if values.dtype.kind != "f" or step >= 1:
        return values
    whole = np.rint(values)
    return np.where(np.abs(values - whole) <= _HALF_STEP * step, whole, values)


def _check_sizes(path: Path, image: Any, max_bytes: int) -> None:
    """Compare the sizes in the header with the file and with the limit."""
    nibabel = _import_nibabel()
    shape, stored = image.shape, image.get_data_dtype()
    scaled = image.dataobj.slope != 1 or image.dataobj.inter != 0
    packed = _DEFLATED if path.name.lower().endswith(".gz") else 1
    needed = math.prod(shape) * stored.itemsize / packed
    begin = int(image.dataobj.offset)
    if isinstance(image, nibabel.Nifti1Image) and begin < image.header.sizeof_hdr:
        raise UnreadableError(f"{path} is damaged: by its header the voxels begin at byte {begin}, within the header")
    held = path.stat().st_size if packed > 1 else max(0, path.stat().st_size - begin)
    check_header(path, shape, 8 if scaled else stored.itemsize, max_bytes, needed=needed, held=held)


def _as_picture(path: Path, image: Any, values: Rows, options: ReadOptions) -> Picture:
    has_opacity = "A" in (values.dtype.names or ())
    if values.dtype.names:
        values = np.stack([values[name] for name in values.dtype.names], axis=-1)
    if values.ndim == 5 and values.shape[3] == 1:
        values = values[:, :, :, 0]  # vectors are in the fifth axis
    if values.ndim == 2:
        values = values[:, :, None]
    if values.ndim == 3:
        values = values[..., None]
    if values.ndim != 4:
        raise UnreadableError(f"{path} has the shape {values.shape}; a volume has 3 axes, or 4 with channels")
    if values.dtype == np.float64 and image.get_data_dtype() != np.float64:
        with np.errstate(over="ignore"):
            values = values.astype(np.float32)  # scaled integers, or float32; what is beyond them is infinite
    values, alpha = split_opacity(path, values, has_opacity, options, doubtful=False)
    try:
        pixels = narrow(values)
    except ValueError as error:
        raise UnreadableError(f"{path} {error}") from None
    zooms = tuple(float(zoom) for zoom in image.header.get_zooms()[:3])
    spacing = zooms if len(zooms) == 3 and all(0 < zoom < np.inf for zoom in zooms) else None
    nodata = _background_of(image.header)
    if nodata is not None:
        alpha = np.where(lacks_data(pixels, nodata), np.uint8(0), np.uint8(255) if alpha is None else alpha)
    suffix = ".nii" if path.name.lower().endswith(".nii") else ".nii.gz"
    header = image.header.copy()
    affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    return Picture(pixels, alpha, spacing=spacing, suffix=suffix, geometry=header, nodata=nodata, affine=affine)


def _background_of(header: Any) -> int | None:
    """Return the number of voxels without a class, as `write_nifti` states it in the name of the intent."""
    kind, _, name = header.get_intent()
    number = name.removesuffix(_NO_CLASS)
    return int(number) if kind == "label" and number != name and number.isdecimal() else None


def write_nifti(path: Path, picture: Picture, values: Rows, *, background: int | None = None) -> None:
    """Write values (x, y, z) or (x, y, z, maps) with the header of the file that the picture was read from.

    Labels have a background, the number of voxels without a class, which the name of the intent states.
    """
    nibabel = _import_nibabel()
    is_kept = isinstance(picture.geometry, nibabel.Nifti1Header)
    header = picture.geometry.copy() if is_kept else _plain_header(nibabel, picture)
    header.set_data_dtype(values.dtype)
    header.set_slope_inter(1, 0)
    header["cal_min"] = header["cal_max"] = 0  # display range of the old values
    if background is None:
        header.set_intent("none")
    else:
        header.set_intent("label", name=f"{background}{_NO_CLASS}")
    header.extensions.clear()
    kind = nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
    nibabel.save(kind(values, None, header), path)


def _plain_header(nibabel: Any, picture: Picture) -> Any:
    """Return the header of a picture that was not read from NIfTI."""
    header = nibabel.Nifti1Header()
    if picture.affine is None:
        header.set_qform(np.diag([*(picture.spacing or (1.0, 1.0, 1.0)), 1.0]), code="scanner")
        return header
    lengths = np.linalg.norm(picture.affine[:3, :3], axis=0)
    cosines = picture.affine[:3, :3] / lengths
    header.set_data_shape(picture.shape)
    header.set_zooms(lengths)
    header.set_xyzt_units("mm")
    header.set_sform(picture.affine, code="scanner")
    if np.abs(cosines.T @ cosines - np.eye(3)).max() <= _SHEARED:  # a quaternion has no shear
        header.set_qform(picture.affine, code="scanner")
    return header


def _import_nibabel() -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise MissingDependencyError("nibabel", "images", "Reading and writing NIfTI volumes") from error
    return nibabel
