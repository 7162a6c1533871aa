"""PNG, JPEG and other pictures, read with pillow; PNG with several 16-bit channels with imagecodecs."""

import struct
from pathlib import Path
from typing import IO, Any

import numpy as np

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.typing import Rows
from gaussmix.imaging.files.converters import converter_for, refuse_raw
from gaussmix.imaging.files.damage import UnreadableError, check_header, named_damage
from gaussmix.imaging.files.opacity import split_opacity
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.orientation import ORIENTATION, UPRIGHT, upright
from gaussmix.imaging.images.class_colors import class_colors
from gaussmix.imaging.images.picture import Picture, narrow

_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_PACKED = {"raw": 1, "zip": 1032, "gif": 4096, "jpeg": 4096, "packbits": 128, "tga_rle": 256}
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "LA": 2, "La": 2, "PA": 2, "I;16": 2, "I;16B": 2, "RGB": 3, "YCbCr": 3, "LAB": 3}
_PROGRAMS = ("EPS",)  # a drawing, which pillow would have Ghostscript run
_SUB_BYTE = ("1", "L", "P")  # modes of pictures that may be stored with 1 bit a pixel


def read_raster(path: Path, options: ReadOptions) -> Picture:
    """Read a picture in any format of pillow, upright; the first frame if it has several."""
    refuse_raw(path)
    with named_damage(path, "picture"):
        deep = _read_deep_png(path, options)
        if deep is not None:
            return deep
        pillow = _import_pillow()
        with path.open("rb") as file:
            opened = _open(pillow, file, path)
            _check_sizes(path, opened, options.max_bytes)
            image = pillow.ImageOps.exif_transpose(opened)
            image.load()
        return _as_picture(path, image, options)


def write_raster(path: Path, pixels: Rows) -> None:
    """Write gray levels (height, width) of 8 or 16 bits, or colors (height, width, 3 or 4) of 8 bits."""
    _import_pillow().Image.fromarray(pixels).save(path)


def write_png(path: Path, picture: Picture, values: Rows, *, background: int | None = None) -> None:
    """Write values (height, width); labels of one byte have a color each, and their background is transparent."""
    if background is None or values.dtype != np.uint8:
        write_raster(path, values)
        return
    image = _import_pillow().Image.fromarray(values)
    image.putpalette(class_colors().tobytes())
    image.save(path, transparency=background)


def _open(pillow: Any, file: IO[bytes], path: Path) -> Any:
    """Open a picture as ``Image.open`` does, but without its limit of pixels, which holds for the whole process."""
    start = file.read(16)
    for load_formats in (pillow.Image.preinit, pillow.Image.init):
        load_formats()
        for name in pillow.Image.ID:
            factory, accept = pillow.Image.OPEN[name]
            accepted = accept is None or accept(start)
            if not accepted or isinstance(accepted, str) or name in _PROGRAMS:
                continue
            file.seek(0)
            try:
                image = factory(file, str(path))
            except (SyntaxError, IndexError, TypeError, struct.error):
                continue  # not of this format
            if not isinstance(image, pillow.ImageFile.StubImageFile):  # one that pillow only identifies
                return image
    advice = converter_for(path)
    raise UnreadableError(f"{path} is {advice}" if advice else f"{path} is not a picture that pillow can read")


def _check_sizes(path: Path, image: Any, max_bytes: int) -> None:
    """Compare the size in the header with the file and with the limit."""
    shape = (image.height, image.width)
    decoder, _, offset = image.tile[0][:3] if image.tile else (None, None, 0)
    is_decoded = decoder == "raw" and offset == 0  # by another library, as AVIF
    needed = 0.0
    if decoder in _MOST_PACKED and not is_decoded:
        least = 1 / 8 if image.mode in _SUB_BYTE else len(image.getbands()) / 2
        needed = image.height * image.width * least / _MOST_PACKED[decoder]
    pixel_bytes = _MODE_BYTES.get(image.mode, 4)
    check_header(path, shape, pixel_bytes, max_bytes, needed=needed, held=path.stat().st_size)


def _as_picture(path: Path, image: Any, options: ReadOptions) -> Picture:
    if image.mode[0] in "IF":
        return _with_transparent_gray(np.array(image), image.info.get("transparency"), options)
    if options.purpose == "labels" and image.mode in ("1", "P"):
        return _as_numbers(image)
    clear = "transparency" in image.info and options.alpha is not False
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or clear:
        image = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
    else:
        image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    return _with_opacity(path, np.array(image), image.mode in ("LA", "RGBA"), options)


def _with_transparent_gray(values: Rows, transparent: Any, options: ReadOptions) -> Picture:
    """Return the picture of gray levels (height, width) of many bits, one of which may be shown as transparent."""
    picture = Picture(narrow(values[:, :, None]))
    clear = isinstance(transparent, int) and options.alpha is not False
    return picture.with_transparent(values == transparent) if clear else picture


def _as_numbers(image: Any) -> Picture:
    """Return the numbers of a picture of 1 bit or with a palette; those that a palette shows as transparent are so."""
    numbers, transparent = np.array(image, dtype=np.uint8), image.info.get("transparency")
    if transparent is None:
        return Picture(numbers[:, :, None])
    opacity = np.full(256, 255, dtype=np.uint8)
    if isinstance(transparent, bytes):
        opacity[: len(transparent)] = np.frombuffer(transparent, dtype=np.uint8)
    else:
        opacity[transparent] = 0
    return Picture(
        numbers[:, :, None], opacity[numbers], nodata=None if isinstance(transparent, bytes) else transparent
    )


def _with_opacity(path: Path, array: Rows, declared: bool, options: ReadOptions) -> Picture:
    """Return the picture of gray levels (height, width) or channels (height, width, c); the last may be opacity."""
    channels = array if array.ndim > 2 else array[:, :, None]
    channels, alpha = split_opacity(path, channels, declared, options, doubtful=False)
    return Picture(narrow(channels), alpha)


def _read_deep_png(path: Path, options: ReadOptions) -> Picture | None:
    """Read a PNG of several 16-bit channels, which pillow reduces to 8 bits; return None for other files."""
    with path.open("rb") as file:
        head = file.read(26)
    if len(head) < 26 or head[:8] != _PNG or head[24] != 16 or head[25] == 0:
        return None
    try:
        import imagecodecs
    except ImportError as error:
        raise MissingDependencyError("imagecodecs", "images", "Reading PNG with 16-bit channels") from error
    width, height = struct.unpack(">II", head[16:24])
    shape = (height, width, {2: 3, 4: 2, 6: 4}.get(head[25], 1))
    needed = 2 * height * width * shape[2] / _MOST_PACKED["zip"]
    check_header(path, shape, 2, options.max_bytes, needed=needed, held=path.stat().st_size)
    array = imagecodecs.png_decode(path.read_bytes())
    with path.open("rb") as file:
        exif = _open(_import_pillow(), file, path).getexif()
    array = np.ascontiguousarray(upright(array, int(exif.get(ORIENTATION, UPRIGHT)), (0, 1)))
    if options.alpha is False:
        array = array[..., : shape[2]]  # without the opacity that imagecodecs makes of a transparent color
    return _with_opacity(path, array, head[25] in (4, 6) or array.shape[2:] > shape[2:], options)


def _import_pillow() -> Any:
    try:
        import PIL
        import PIL.Image
        import PIL.ImageFile
        import PIL.ImageOps
    except ImportError as error:
        raise MissingDependencyError("pillow", "images", "Reading and writing pictures") from error
    return PIL
