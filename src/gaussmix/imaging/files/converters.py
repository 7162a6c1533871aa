"""Files that are no pictures for this package, and the programs that convert them."""

from pathlib import Path

from gaussmix.imaging.files.damage import UnreadableError

_SUFFIXES = {
    (".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".dng", ".orf", ".raf", ".rw2", ".pef", ".srw", ".x3f",
     ".3fr", ".iiq"): "raw",
    (".heic", ".heif", ".hif"): "HEIC",
    (".czi", ".lif", ".lsm", ".nd2", ".oib", ".oif", ".vsi", ".ims", ".dv", ".mrxs", ".scn", ".ndpi", ".svs"): "slide",
    (".h5", ".hdf5", ".hdf", ".he5", ".nc", ".mat"): "HDF5",
    (".jp2", ".j2k", ".jpx", ".jpf", ".j2c"): "JPEG 2000",
    (".mnc", ".hdr", ".mif"): "medical",
    (".mgz", ".mgh"): "FreeSurfer",
    (".fits", ".fit", ".fts"): "FITS",
    (".npz",): "npz",
    (".zarr", ".n5"): "Zarr",
    (".svg", ".pdf", ".ai", ".eps", ".ps"): "drawing",
    (".xcf", ".kra", ".ora", ".psb"): "layers",
    (".exr",): "radiance",
    (".mp4", ".avi", ".mov", ".mkv", ".webm"): "film",
    (".jxl",): "JPEG XL",
    (".avif", ".avifs"): "AVIF",
    (".ecw", ".sid", ".vrt", ".asc", ".bil", ".bsq", ".bip", ".grd", ".hgt", ".dem", ".img", ".ntf", ".kea"): "map",
    (".raw", ".bin", ".dat"): "bytes",
    (".xlsx", ".xlsm", ".xls", ".ods"): "spreadsheet",
    (".zip", ".tar", ".7z", ".gz"): "archive",
}  # fmt: skip

_ADVICE = {
    "raw": "a raw file of a camera: develop it to TIFF with darktable-cli, or in Python with rawpy",
    "HEIC": "a HEIC photograph: save it as PNG or JPEG, in Python with pillow-heif",
    "slide": "a microscope's own format: convert it to OME-TIFF with bioformats2raw and raw2ometiff",
    "HDF5": "an HDF5, netCDF or MATLAB file: read an array with h5py or scipy.io.loadmat, and save it with np.save",
    "JPEG 2000": "JPEG 2000: convert it to TIFF with opj_decompress or gdal_translate",
    "medical": "a medical volume in another format: convert it to NIfTI with SimpleITK, or with nibabel",
    "FreeSurfer": "a FreeSurfer volume: convert it to NIfTI with mri_convert",
    "FITS": "a FITS file: read an array of it with astropy, and save it with np.save",
    "npz": "an archive of arrays: read it with np.load, and save one array with np.save",
    "Zarr": "a Zarr or N5 store: read an array of it with zarr, and save it with np.save or as TIFF",
    "drawing": "a drawing, not pixels: export it as PNG",
    "layers": "a file of a paint program: export it as PNG or TIFF",
    "radiance": "a picture of high dynamic range: convert it to floating-point TIFF with ImageMagick or OpenImageIO",
    "film": "a film: write its frames as PNG or TIFF with ffmpeg",
    "AVIF": "an AVIF picture: convert it to PNG with avifdec",
    "map": "a map in another format: convert it to GeoTIFF with gdal_translate",
    "bytes": "a file of numbers without a header: read it with np.fromfile, reshape it, and save it with np.save",
    "spreadsheet": "a spreadsheet: save the table as CSV",
    "archive": "an archive: unpack it",
    "JPEG XL": "JPEG XL: convert it to PNG with djxl",
}

_STARTS = {
    b"\x89HDF\r\n\x1a\n": "HDF5",
    b"CDF\x01": "HDF5",
    b"CDF\x02": "HDF5",
    b"MATLAB 5.0": "HDF5",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"ZISRAWFILE": "slide",
    b"SIMPLE  =": "FITS",
    b"PK\x03\x04": "archive",
    b"\x1f\x8b": "archive",
    b"%PDF": "drawing",
    b"%!PS": "drawing",
    b"gimp xcf": "layers",
    b"v/1\x01": "radiance",
    b"#?RADIANCE": "radiance",
    b"FUJIFILMCCD-RAW": "raw",
    b"IIRO": "raw",
    b"IIU\x00": "raw",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
}

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_BRANDS = {b"hei": "HEIC", b"hev": "HEIC", b"mif": "HEIC", b"msf": "HEIC", b"avi": "AVIF", b"crx": "raw"}

_SUFFIXES_OF = {kind: suffixes for suffixes, kind in _SUFFIXES.items()}


def refuse_raw(path: Path) -> None:
    """Raise UnreadableError for a raw file of a camera, of which pillow would read the preview, and for .npz."""
    for kind in ("raw", "npz"):
        if path.name.lower().endswith(_SUFFIXES_OF[kind]) and path.is_file():
            raise UnreadableError(f"{path} is {_ADVICE[kind]}")


def is_tiff(path: Path) -> bool:
    """Return whether a file has the content of a TIFF, whatever its suffix, and is no raw file of a camera."""
    return not path.name.lower().endswith(_SUFFIXES_OF["raw"]) and begins_with(path, *_TIFF)


def begins_with(path: Path, *starts: bytes, after: int = 0) -> bool:
    """Return whether a path is a file with one of some beginnings, after a number of bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(after + max(map(len, starts)))[after:]
    return head.startswith(starts)


def converter_for(path: Path) -> str | None:
    """Return what a file that no reader knows is, and the program that converts it; None if that is not known.

    The beginning of the file counts more than its suffix, unless it is only packed.
    """
    kinds = [_kind_by_content(path), _kind_by_suffix(path)]
    kind = next((kind for kind in kinds if kind not in (None, "archive")), kinds[0])
    return None if kind is None else _ADVICE[kind]


def _kind_by_suffix(path: Path) -> str | None:
    name = path.name.lower()
    return next((kind for suffixes, kind in _SUFFIXES.items() if name.endswith(suffixes)), None)


def _kind_by_content(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(32)
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return _BRANDS.get(brand[:3], "film")
    return next((kind for start, kind in _STARTS.items() if head.startswith(start)), None)
