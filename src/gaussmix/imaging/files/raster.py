"""PNG, JPEG and other pictures, read with pillow; PNG with several 16-bit channels with imagecodecs."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.typing import Rows
from gaussmix.imaging.images.picture import Picture, narrow

_MAX_PIXELS = 1 << 30
_PNG = b"\x89PNG\r\n\x1a\n"


def read_raster(path: Path) -> Picture:
    """Read a picture in any format of pillow, upright; the first frame if it has several."""
    deep = _read_deep_png(path)
    if deep is not None:
        return deep
    pillow = _import_pillow()
    try:
        with _large_pictures(pillow), pillow.Image.open(path) as opened:
            image = pillow.ImageOps.exif_transpose(opened)
            image.load()
    except pillow.UnidentifiedImageError:
        raise ValueError(f"{path} is not a picture that pillow can read") from None
    except pillow.Image.DecompressionBombError:
        raise ValueError(f"{path} has too many pixels to be read safely; save it as TIFF or .npy") from None
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{path} is a damaged picture: {error}") from error
    if image.mode[0] in "IF":
        return Picture(narrow(np.array(image)[:, :, None]))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("LA" if image.mode in ("L", "LA", "La") else "RGBA")
    else:
        image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    return split_alpha(np.array(image), image.mode in ("LA", "RGBA"))


def write_raster(path: Path, pixels: Rows) -> None:
    """Write gray levels (height, width) of 8 or 16 bits, or colors (height, width, 3 or 4) of 8 bits."""
    _import_pillow().Image.fromarray(pixels).save(path)


def split_alpha(array: Rows, has_alpha: bool) -> Picture:
    """Return the picture of gray levels (height, width) or channels (height, width, c); the last may be opacity."""
    channels = array if array.ndim > 2 else array[:, :, None]
    if not has_alpha:
        return Picture(narrow(channels))
    return Picture(narrow(channels[..., :-1]), to_opacity(channels[..., -1]))


def to_opacity(alpha: Rows) -> Rows:
    """Convert opacity of any type to 8 bits; only 0 becomes 0."""
    if alpha.dtype == np.uint8:
        return np.ascontiguousarray(alpha)
    most = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "ui" else 1
    return np.ceil(np.clip(alpha / most, 0, 1) * 255).astype(np.uint8)


def _read_deep_png(path: Path) -> Picture | None:
    """Read a PNG of several 16-bit channels, which pillow reduces to 8 bits; return None for other files."""
    with path.open("rb") as file:
        head = file.read(26)
    if len(head) < 26 or head[:8] != _PNG or head[24] != 16 or head[25] == 0:
        return None
    try:
        import imagecodecs
    except ImportError as error:
        raise MissingDependencyError("imagecodecs", "images", "Reading PNG with 16-bit channels") from error
    try:
        array = imagecodecs.png_decode(path.read_bytes())
    except imagecodecs.PngError as error:
        raise ValueError(f"{path} is a damaged picture: {error}") from error
    return split_alpha(array, head[25] in (4, 6))


@contextmanager
def _large_pictures(pillow: Any) -> Iterator[None]:
    """Raise pillow's limit of 179 megapixels, which slide scanners exceed."""
    before, pillow.Image.MAX_IMAGE_PIXELS = pillow.Image.MAX_IMAGE_PIXELS, _MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pillow.Image.DecompressionBombWarning)
            yield
    finally:
        pillow.Image.MAX_IMAGE_PIXELS = before


def _import_pillow() -> Any:
    try:
        import PIL
        import PIL.Image
        import PIL.ImageOps
    except ImportError as error:
        raise MissingDependencyError("pillow", "images", "Reading and writing pictures") from error
    return PIL
