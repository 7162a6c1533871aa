"""DICOM pictures and series, read with pydicom."""

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.typing import BoolArray, FloatArray, Rows
from gaussmix.imaging.files.converters import begins_with
from gaussmix.imaging.files.damage import UnreadableError, check_header, named_damage
from gaussmix.imaging.files.dicom_series import Place, Plane, in_order
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.images.nodata import lacks_data
from gaussmix.imaging.images.picture import Picture, narrow

_NOT_PICTURES = {
    "SEG": "a DICOM segmentation: save it as NIfTI, with 3D Slicer or highdicom",
    "RTDOSE": "a DICOM dose grid: save it as NIfTI, with 3D Slicer or plastimatch",
}
_LEAST_SINE = 1e-3  # of the angle between rows and columns
_HEADER = (
    *("SOPClassUID", "Modality", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "InstanceNumber", "Rows"),
    *("Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "ImageType", "ImagePositionPatient"),
    *("ImageOrientationPatient", "PixelSpacing", "ImagerPixelSpacing", "SpacingBetweenSlices", "SliceThickness"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "RescaleSlope", "RescaleIntercept"),
)


def is_dicom(path: Path) -> bool:
    """Return whether a file is DICOM by its content, or a folder has a series of DICOM slices."""
    if path.is_dir():
        return any(_is_of_series(file) for file in _files_in(path))
    return _has_start(path)


def read_dicom(path: Path, options: ReadOptions) -> Picture:
    """Read a file, or the one series of a folder."""
    if not path.is_dir():
        return read_dicom_files([path], options)
    headers = {file: _header_of(file) for file in _files_in(path) if _has_start(file)}
    pictures = {file: header for file, header in headers.items() if header.get("Rows")}
    kinds = {_class_of(header) for header in pictures.values()}
    for file, header in headers.items():
        if file not in pictures and _class_of(header) in kinds:
            raise UnreadableError(f"{file} is a damaged DICOM file: its header does not state the size of a picture")
    series: dict[str, list[Path]] = {}
    for file, header in pictures.items():
        series.setdefault(str(header.get("SeriesInstanceUID", "")), []).append(file)
    if not series:
        raise UnreadableError(f"{path} has DICOM files, but none of a picture")
    if len(series) > 1:
        named = "; ".join(f"{_described(pictures[files[0]])}, {len(files)} files" for files in series.values())
        raise UnreadableError(f"{path} has {len(series)} series ({named}): give the files of one, or a folder of it")
    return read_dicom_files(next(iter(series.values())), options)


def read_series(paths: Sequence[Path], options: ReadOptions) -> Picture:
    """Read the files of one series, in any order."""
    if not paths:
        raise ValueError("path is an empty sequence: give the files of a DICOM series")
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        if not _has_start(path):
            raise UnreadableError(f"{path} is not DICOM; only the slices of a DICOM series are read together")
    series = {str(_header_of(path).get("SeriesInstanceUID", "")) for path in paths}
    if len(series) > 1:
        raise UnreadableError(f"{paths[0]} and the other files are of {len(series)} series: give those of one")
    picture = read_dicom_files(paths, options)
    if options.nodata is None:
        return picture
    return picture.with_transparent(lacks_data(picture.pixels, options.nodata))


def series_of(paths: Sequence[Path]) -> list[list[Path]]:
    """Divide files into pictures: the DICOM slices of a series are one, and every other file is one."""
    pictures: dict[str, list[Path]] = {}
    for path in paths:
        key = str(path)
        if _is_of_series(path):
            key = f"series {_header_of(path).get('SeriesInstanceUID', key)}"
        pictures.setdefault(key, []).append(path)
    return list(pictures.values())


def read_dicom_files(paths: Sequence[Path], options: ReadOptions) -> Picture:
    """Read the files of one series, in any order, as a volume (x, y, z), or one file without a position in space.

    x is along the rows, y along the columns, z across the slices. Values are scaled by slope and intercept; pixels of
    padding are transparent. Frames without positions are a stack.
    """
    with named_damage(paths[0], "DICOM file"):
        headers = [_header_of(path) for path in paths]
        for path, header in zip(paths, headers, strict=True):
            _require_picture(path, header)
        planes = [plane for path, header in zip(paths, headers, strict=True) for plane in _planes_of(path, header)]
        is_volume = all(plane.place is not None for plane in planes)
        if len(paths) > 1 and not is_volume:
            raise UnreadableError(f"{paths[0]} has no position in space, so it is no slice of a series: give it alone")
        shapes = {_shape_of(header) for header in headers}
        if len(shapes) > 1:
            raise UnreadableError(f"{paths[0].parent} has slices of the shapes {sorted(shapes)}: they must be equal")
        shape = (*shapes.pop(), len(planes))
        check_header(paths[0], shape, 4, options.max_bytes)
        affine = None
        if is_volume:
            planes, affine = in_order(planes)
        frames, paddings = _frames_of(planes, options)
        values, padding = _stacked(frames), np.stack(paddings)
    opacity = np.where(padding, np.uint8(0), np.uint8(255)) if padding.any() else None
    if affine is None:
        return _without_position(headers[0], values, opacity)
    return Picture(
        narrow(values.transpose(2, 1, 0, 3)),
        None if opacity is None else np.ascontiguousarray(opacity.transpose(2, 1, 0)),
        spacing=tuple(float(length) for length in np.linalg.norm(affine[:3, :3], axis=0)),
        suffix=".nii.gz",
        affine=affine,
    )


def _without_position(header: Any, values: Rows, opacity: Rows | None) -> Picture:
    """Return a flat picture, or a stack of frames (frames, height, width, channels)."""
    given = header.get("PixelSpacing") or header.get("ImagerPixelSpacing")
    spacing = None if given is None else (float(given[0]), float(given[1]))
    if len(values) > 1:
        return Picture(narrow(values), opacity, stacked=True, spacing=spacing, suffix=".tif")
    return Picture(narrow(values[0]), None if opacity is None else opacity[0], spacing=spacing, suffix=".png")


def _frames_of(planes: Sequence[Plane], options: ReadOptions) -> tuple[list[Rows], list[BoolArray]]:
    """Return the scaled values (height, width, channels) of each plane, and the pixels (height, width) of padding."""
    frames, paddings = [], []
    path, stored, padding = None, np.empty(0), np.empty(0, dtype=bool)
    for plane in planes:
        if plane.path != path:
            with named_damage(plane.path, "DICOM file"):
                path, (stored, padding) = plane.path, _decoded(plane.path, options)
        values = stored[plane.frame]
        if (plane.slope, plane.intercept) != (1.0, 0.0):
            is_whole = plane.slope == 1.0 and plane.intercept.is_integer() and values.dtype.kind in "iu"
            if is_whole:
                values = narrow(values + np.int64(plane.intercept))
            else:
                values = (values * plane.slope + plane.intercept).astype(np.float32)
        frames.append(values)
        paddings.append(padding[plane.frame])
    return frames, paddings


def _stacked(frames: Sequence[Rows]) -> Rows:
    """Return frames as one array: whole numbers, or floats if any has them."""
    floats = [frame.dtype for frame in frames if frame.dtype.kind == "f"]
    return np.stack(frames, dtype=max(floats) if floats else None, casting="same_kind" if not floats else "unsafe")


def _decoded(path: Path, options: ReadOptions) -> tuple[Rows, BoolArray]:
    """Return the stored numbers (frames, height, width, channels) of a file, and the pixels of padding."""
    pydicom = _import_pydicom()
    dataset = pydicom.dcmread(path)
    try:
        stored = dataset.pixel_array
    except (RuntimeError, NotImplementedError) as error:
        syntax = dataset.file_meta.TransferSyntaxUID.name
        raise UnreadableError(
            f"{path} is packed as {syntax}, which pydicom cannot unpack here: convert the series to NIfTI with "
            "dcm2niix (-z y), or install pylibjpeg with its decoders"
        ) from error
    kind, n_samples = str(dataset.get("PhotometricInterpretation", "")), int(dataset.get("SamplesPerPixel", 1))
    padding = _padding_in(dataset, stored)
    if kind == "PALETTE COLOR" and options.purpose != "labels":
        stored, n_samples = pydicom.pixels.apply_color_lut(stored, dataset), 3
        stored = (stored >> 8).astype(np.uint8) if stored.dtype == np.uint16 else stored
    elif "ModalityLUTSequence" in dataset:
        stored = pydicom.pixels.apply_modality_lut(stored, dataset)
    elif kind == "MONOCHROME1" and options.purpose == "picture" and "RescaleSlope" not in dataset:
        lowest = -(1 << int(dataset.BitsStored) - 1) if stored.dtype.kind == "i" else 0
        stored = (2 * lowest + (1 << int(dataset.BitsStored)) - 1) - stored.astype(np.int64)  # black becomes the least
    shape = (-1, int(dataset.Rows), int(dataset.Columns))
    return stored.reshape(*shape, n_samples), padding.reshape(shape)


def _padding_in(dataset: Any, stored: Rows) -> BoolArray:
    """Return the pixels that have the value of padding, or one between it and its limit."""
    given = dataset.get("PixelPaddingValue")
    if given is None or int(dataset.get("SamplesPerPixel", 1)) > 1:
        return np.zeros(stored.shape if int(dataset.get("SamplesPerPixel", 1)) == 1 else stored.shape[:-1], dtype=bool)
    low, high = sorted([int(given), int(dataset.get("PixelPaddingRangeLimit", given))])
    return np.asarray((stored >= low) & (stored <= high))


def _planes_of(path: Path, header: Any) -> list[Plane]:
    """Return the frames of a file."""
    n_frames = int(header.get("NumberOfFrames") or 1)
    each = header.get("PerFrameFunctionalGroupsSequence")
    if not each:
        place = _place_in(path, header) if n_frames == 1 else None
        return [Plane(path, frame, *_scale_in(header), place) for frame in range(n_frames)]
    shared = header.get("SharedFunctionalGroupsSequence") or [{}]
    planes = []
    for frame, group in enumerate(each):
        parts: dict[str, Any] = {}
        for name in ("PlanePosition", "PlaneOrientation", "PixelMeasures", "PixelValueTransformation"):
            found = group.get(f"{name}Sequence") or shared[0].get(f"{name}Sequence") or [{}]
            parts |= {element.keyword: element.value for element in found[0]}
        planes.append(Plane(path, frame, *_scale_in(parts), _place_in(path, parts)))
    return planes


def _place_in(path: Path, fields: Any) -> Place | None:
    """Return the position of a plane in space; None if it is not stated."""
    position, cosines = fields.get("ImagePositionPatient"), fields.get("ImageOrientationPatient")
    if not position or not cosines:
        return None
    spacing = fields.get("PixelSpacing")
    if not spacing:
        raise UnreadableError(f"{path} does not state the distance of its pixels (PixelSpacing)")
    thickness = fields.get("SpacingBetweenSlices") or fields.get("SliceThickness") or 1.0
    down, along = _numbers_in(path, "PixelSpacing", spacing, 2).tolist()
    if 0 in (down, along):
        raise UnreadableError(f"{path} has pixels at the distance 0 (PixelSpacing)")
    return Place(
        _numbers_in(path, "ImagePositionPatient", position, 3),
        _directions_in(path, cosines),
        (along, down),
        abs(float(thickness)) or 1.0,
    )


def _numbers_in(path: Path, name: str, given: Any, n: int) -> FloatArray:
    """Return the numbers of a field, which are finite and so many."""
    numbers = np.array(given, dtype=np.float64).reshape(-1)
    if len(numbers) != n or not np.isfinite(numbers).all():
        raise UnreadableError(f"{path} is a damaged DICOM file: its {name} is {numbers.tolist()}, not {n} numbers")
    return numbers


def _directions_in(path: Path, cosines: Any) -> FloatArray:
    """Return unit vectors (3, 2) along the rows and along the columns."""
    directions = _numbers_in(path, "ImageOrientationPatient", cosines, 6).reshape(2, 3).T
    lengths = np.linalg.norm(directions, axis=0)
    if lengths.min() == 0 or np.linalg.norm(np.cross(*(directions / lengths).T)) < _LEAST_SINE:
        raise UnreadableError(
            f"{path} is a damaged DICOM file: the directions of its rows and columns (ImageOrientationPatient) are no "
            "plane"
        )
    return directions / lengths


def _scale_in(fields: Any) -> tuple[float, float]:
    """Return slope and intercept of the stored numbers."""
    slope, intercept = fields.get("RescaleSlope"), fields.get("RescaleIntercept")
    return 1.0 if slope is None else float(slope), float(intercept or 0.0)


def _shape_of(header: Any) -> tuple[int, int, int]:
    return int(header.Rows), int(header.Columns), int(header.get("SamplesPerPixel", 1))


def _header_of(path: Path) -> Any:
    """Return the fields of a DICOM file that say what it is; UnreadableError if it is no picture."""
    pydicom = _import_pydicom()
    with named_damage(path, "DICOM file"):
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_HEADER))
        except pydicom.errors.InvalidDicomError as error:
            raise UnreadableError(f"{path} is not DICOM: it lacks the mark DICM after 128 bytes") from error
    return header


def _class_of(header: Any) -> str:
    """Return the kind of a file (SOP class), which is stated at its beginning."""
    return str(header.file_meta.get("MediaStorageSOPClassUID", ""))


def _require_picture(path: Path, header: Any) -> None:
    """Raise UnreadableError if a file has no pixels, or pixels that are no picture of one plane."""
    modality = str(header.get("Modality") or "none")
    if modality in _NOT_PICTURES:
        raise UnreadableError(f"{path} is {_NOT_PICTURES[modality]}")
    if not header.get("Rows"):
        raise UnreadableError(f"{path} has no pixels: it is DICOM of the modality {modality}; give files of pictures")
    if "MOSAIC" in (header.get("ImageType") or ()):
        raise UnreadableError(
            f"{path} has all slices in one picture (mosaic): convert the series to NIfTI with dcm2niix (-z y)"
        )


def _is_of_series(path: Path) -> bool:
    """Return whether a file is a DICOM slice with a position in space; reading it says what is wrong with another."""
    if not _has_start(path):
        return False
    try:
        header = _header_of(path)
        return bool(header.get("Rows")) and all(plane.place is not None for plane in _planes_of(path, header))
    except UnreadableError:
        return False


def _described(header: Any) -> str:
    parts = [str(header.get(name, "")) for name in ("Modality", "SeriesNumber", "SeriesDescription")]
    return " ".join(part for part in parts if part)


def _files_in(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_file() and path.name[0] != "."]


def _has_start(path: Path) -> bool:
    return begins_with(path, b"DICM", after=128)


def _import_pydicom() -> Any:
    try:
        import pydicom
        import pydicom.errors
        import pydicom.pixels
    except ImportError as error:
        raise MissingDependencyError("pydicom", "medical", "Reading DICOM files") from error
    return pydicom
