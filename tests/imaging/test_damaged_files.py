"""Files that cannot be read: sizes that the file or the limit does not hold, damage, and formats of other programs."""

import gzip
import struct
import threading
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image, features

from gaussmix.imaging import read_labels, read_mask, read_picture

RNG = np.random.default_rng(0)
MOST_MEMORY = 20_000_000  # bytes; the claims below are of gigabytes


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def claim_png(path, bits, color):
    head = struct.pack(">IIBBBBB", 40000, 40000, bits, color, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def claim_jpeg(path):
    Image.fromarray(RNG.integers(0, 255, (16, 16), dtype=np.uint8)).save(path)
    content = bytearray(path.read_bytes())
    start = content.index(b"\xff\xc0")
    content[start + 5 : start + 9] = struct.pack(">HH", 60000, 60000)
    path.write_bytes(content)


def claim_tiff(path, compression):
    tifffile.imwrite(path, np.zeros((16, 16), dtype=np.uint16), compression=compression, metadata=None)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        for code in (256, 257, 278):
            tag = file.pages[0].tags[code]
            content[tag.offset + 2 : tag.offset + 12] = struct.pack("<HII", 4, 1, 60000)
    path.write_bytes(content)


def claim_imagej(path):
    tifffile.imwrite(path, np.zeros((3, 8, 9), dtype=np.uint16), imagej=True, metadata={"axes": "ZYX"})
    content = path.read_bytes()
    path.write_bytes(content.replace(b"images=3\n", b"images=99999999\n").replace(b"slices=3\n", b"slices=99999999\n"))


def claim_nifti(path):
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), dtype=np.int16), np.eye(4)), path)
    is_packed = path.suffix == ".gz"
    content = bytearray(gzip.decompress(path.read_bytes()) if is_packed else path.read_bytes())
    content[42:48] = struct.pack("<hhh", 3000, 3000, 3000)
    path.write_bytes(gzip.compress(bytes(content)) if is_packed else content)


def claim_array(path, shape):
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + b"\0" * 800)


CLAIMS = {
    "gray.png": lambda path: claim_png(path, 8, 0),
    "colors.png": lambda path: claim_png(path, 8, 2),
    "deep.png": lambda path: claim_png(path, 16, 2),
    "photo.jpg": claim_jpeg,
    "plain.tif": lambda path: claim_tiff(path, None),
    "lzw.tif": lambda path: claim_tiff(path, "lzw"),
    "deflate.tif": lambda path: claim_tiff(path, "zlib"),
    "imagej.tif": claim_imagej,
    "volume.nii": claim_nifti,
    "volume.nii.gz": claim_nifti,
    "square.npy": lambda path: claim_array(path, (30000, 30000)),
    "huge.npy": lambda path: claim_array(path, (2**62, 2**62)),
    "negative.npy": lambda path: claim_array(path, (-5, 20)),
    "map.bmp": lambda path: path.write_bytes(
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 90, 0, 0, 54, 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0) + b"\0" * 36
    ),
    "map.pgm": lambda path: path.write_bytes(b"P5 60000 60000 255\n" + b"\0" * 100),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_headers_that_promise_more_than_the_file_holds_are_refused_before_memory_is_taken(name, tmp_path):
    CLAIMS[name](tmp_path / name)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=rf"{name} .*(header|limit|invalid or corrupted)") as caught:
            read_picture(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["p.png", "p.jpg", "p.tif", "p.npy", "p.nii", "p.nii.gz"])
def test_pictures_above_a_limit_are_refused(name, tmp_path):
    pixels = RNG.integers(0, 255, (40, 50), dtype=np.uint8)
    if name.endswith(".npy"):
        np.save(tmp_path / name, pixels)
    elif ".nii" in name:
        nibabel.save(nibabel.Nifti1Image(pixels, np.eye(4)), tmp_path / name)
    else:
        Image.fromarray(pixels).save(tmp_path / name)
    assert read_picture(tmp_path / name, max_bytes=2000).n_visible == 2000
    with pytest.raises(ValueError, match=rf"{name} has 40 x 50.* pixels, 2 kB .* the limit is 2 kB: raise max_bytes"):
        read_picture(tmp_path / name, max_bytes=1999)
    picture = read_picture(tmp_path / name)
    for read in (read_mask, read_labels):
        if name != "p.jpg":
            with pytest.raises(ValueError, match="the limit is 1 kB"):
                read(tmp_path / name, picture, max_bytes=1000)
    with pytest.raises(ValueError, match="max_bytes must be a positive number; got 0"):
        read_picture(tmp_path / name, max_bytes=0)


@pytest.mark.slow
def test_files_that_compress_well_are_read(tmp_path):
    pixels = np.zeros((3000, 3000), dtype=np.uint8)
    pixels[0, 0] = 1
    for name in ("p.png", "p.jpg", "p.gif", "p.bmp"):
        Image.fromarray(pixels).save(tmp_path / name)
    Image.fromarray(pixels > 0).save(tmp_path / "fax.tif", compression="group4")
    for compression in ("lzw", "zlib", "zstd", "packbits", "lzma"):
        tifffile.imwrite(tmp_path / f"{compression}.tif", pixels, compression=compression, metadata=None)
    nibabel.save(nibabel.Nifti1Image(pixels[..., None], np.eye(4)), tmp_path / "v.nii.gz")
    for path in sorted(tmp_path.iterdir()):
        assert read_picture(path).pixels.shape[:2] == (3000, 3000)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["p.tif", "p.ome.tif", "p.nii", "p.nii.gz", "p.npy", "p.png", "p.bmp"])
def test_damage_anywhere_is_an_error_that_names_the_file_or_does_no_harm(name, tmp_path):
    pixels = RNG.integers(0, 4000, (3, 12, 15), dtype=np.uint16)
    if name.endswith(".tif"):
        tifffile.imwrite(tmp_path / name, pixels, photometric="minisblack", metadata={"axes": "ZYX"})
    elif ".nii" in name:
        nibabel.save(nibabel.Nifti1Image(pixels, np.eye(4)), tmp_path / name)
    elif name.endswith(".npy"):
        np.save(tmp_path / name, pixels)
    else:
        Image.fromarray(pixels[0].astype(np.uint8)).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    messages = []
    for _ in range(60):
        content = bytearray(whole)
        place = int(RNG.integers(0, min(len(whole), 500)))
        content[place : place + 4] = RNG.integers(0, 256, 4, dtype=np.uint8).tobytes()
        (tmp_path / name).write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read_picture(tmp_path / name)
            except ValueError as error:
                messages.append(str(error))
    assert all(name in message and "\n" not in message for message in messages)


def test_reading_in_threads_changes_nothing_of_the_process_and_mixes_no_errors(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    seen = set()
    Image.fromarray(RNG.integers(0, 255, (40, 50), dtype=np.uint8)).save(tmp_path / "p.png")
    tifffile.imwrite(tmp_path / "good.tif", RNG.integers(0, 99, (40, 50), dtype=np.uint8), photometric="minisblack")
    whole = (tmp_path / "good.tif").read_bytes()
    (tmp_path / "bad.tif").write_bytes(whole[:200])
    filters, stop = list(warnings.filters), threading.Event()

    def watch():
        while not stop.is_set():
            seen.add(Image.MAX_IMAGE_PIXELS)

    def read(name):
        try:
            return read_picture(tmp_path / name).n_visible
        except ValueError:
            return None

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, ["p.png", "good.tif", "bad.tif"] * 20))
    stop.set()
    watcher.join()
    assert found == [2000, 2000, None] * 20
    assert seen <= {50}
    assert warnings.filters == filters


# formats of other programs

FOREIGN = {
    "photo.CR2": (b"II*\0\x10\0\0\0CR\x02\0" + b"\0" * 99, "rawpy"),
    "photo.nef": (b"MM\0*" + b"\0" * 99, "darktable"),
    "photo.dng": (b"II*\0" + b"\0" * 99, "rawpy"),
    "photo.cr3": (b"\0\0\0\x18ftypcrx " + b"\0" * 99, "rawpy"),
    "photo.heic": (b"\0\0\0\x18ftypheic" + b"\0" * 99, "pillow-heif"),
    "cells.czi": (b"ZISRAWFILE" + b"\0" * 99, "bioformats2raw"),
    "cells.lif": (b"\x70\0\0\0" + b"\0" * 99, "bioformats2raw"),
    "cells.nd2": (b"\xda\xce\xbe\x0a" + b"\0" * 99, "bioformats2raw"),
    "grid.h5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "h5py"),
    "grid.nc": (b"CDF\x01" + b"\0" * 99, "h5py"),
    "wrong.tif": (b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "h5py"),
    "map.j2k": (b"\xff\x4f\xff\x52" + b"\0" * 99, "opj_decompress"),
    "brain.mnc": (b"CDF\x02" + b"\0" * 99, "h5py"),
    "brain.mif": (b"mrtrix image\n" + b"\0" * 99, "SimpleITK"),
    "brain.mgz": (b"\x1f\x8b" + b"\0" * 99, "mri_convert"),
    "arrays.npz": (b"PK\x03\x04" + b"\0" * 99, "np.load"),
    "photo.avif": (b"\0\0\0\x18ftypavix" + b"\0" * 99, "avifdec"),
    "map.asc": (b"ncols 4\nnrows 4\n" + b"0 " * 16, "gdal_translate"),
    "scan.raw": (bytes(999), "np.fromfile"),
    "maps.zip": (b"PK\x03\x04" + b"\0" * 99, "unpack it"),
    "table.xlsx": (b"PK\x03\x04" + b"\0" * 99, "a spreadsheet: save the table as CSV"),
    "table.xls": (b"\xd0\xcf\x11\xe0" + b"\0" * 99, "a spreadsheet: save the table as CSV"),
    "table.ods": (b"PK\x03\x04" + b"\0" * 99, "a spreadsheet: save the table as CSV"),
    "logo.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "export it as PNG"),
    "paper.pdf": (b"%PDF-1.4" + b"\0" * 99, "export it as PNG"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_files_of_other_programs_are_refused_with_the_program_that_converts_them(name, tmp_path):
    content, program = FOREIGN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} .*{program}") as caught:
        read_picture(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_store_in_a_folder_is_named(tmp_path):
    (tmp_path / "cells.zarr").mkdir()
    with pytest.raises(ValueError, match=r"cells.zarr is a Zarr or N5 store: read an array of it with zarr"):
        read_picture(tmp_path / "cells.zarr")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.nii", "a.nii.gz", "a.npy", "a"])
def test_empty_files_are_named(name, tmp_path):
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=rf"{name} is empty: it has no bytes"):
        read_picture(tmp_path / name)


@pytest.mark.parametrize("begin", [0.0, 100.0, 347.0])
def test_voxels_within_the_header_are_damage(begin, tmp_path):
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), dtype=np.int16), np.eye(4))
    content = bytearray(image.to_bytes())
    content[108:112] = struct.pack("<f", begin)
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(ValueError, match=r"a.nii is (damaged: by its header the voxels begin|not a NIfTI volume)"):
        read_picture(tmp_path / "a.nii")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_pictures_that_compress_well_by_another_library_are_read(mode, tmp_path):
    if not features.check("avif"):
        pytest.skip("pillow has no AVIF")
    Image.fromarray(np.zeros((800, 1000), dtype=np.uint8)).convert(mode).save(tmp_path / "flat.avif")
    assert read_picture(tmp_path / "flat.avif").shape == (800, 1000)
