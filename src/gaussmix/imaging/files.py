"""Pictures on disk: the one room that knows pillow."""

import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.errors import MissingDependencyError
from gaussmix.imaging.segments import Picture, Segmentation
from gaussmix.typing import Rows


def read_picture(path: str | PathLike[str], *, gray: bool = False) -> Picture:
    """Read a picture in any format that pillow knows, upright, the first frame if it has several.

    Parameters
    ----------
    path : path
    gray : bool, default=False
        Turn colors into one gray channel (luma of ITU-R BT.601).

    Returns
    -------
    Picture
        16-bit gray stays 16-bit; everything else has 8 bits: gray pictures one channel, all others three.

    Raises
    ------
    ValueError, OSError
        Says why the file is not a picture.
    """
    pillow = _import_pillow()
    source = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pillow.Image.DecompressionBombWarning)
            with pillow.Image.open(source) as opened:
                image = pillow.ImageOps.exif_transpose(opened)
                image.load()
    except pillow.UnidentifiedImageError:
        raise ValueError(f"{source} is not a picture that pillow can read") from None
    except pillow.Image.DecompressionBombError:
        raise ValueError(f"{source} has too many pixels to be read safely; make it smaller") from None
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{source} is a damaged picture: {error}") from error
    if image.mode[0] in "IF":
        values = np.array(image)
        if image.mode == "F" or values.min() < 0 or values.max() > 65535:
            raise ValueError(f"{source} has 32 bits per pixel; convert it to 8 or 16 bits")
        return Picture(values.astype(np.uint16)[:, :, None])
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("LA" if gray or image.mode in ("L", "LA", "La") else "RGBA")
    else:
        image = image.convert("L" if gray or image.mode in ("1", "L") else "RGB")
    array = np.array(image)
    if image.mode in ("LA", "RGBA"):
        return Picture(np.ascontiguousarray(array[:, :, :-1]), np.ascontiguousarray(array[:, :, -1]))
    return Picture(array.reshape(*array.shape[:2], -1))


def write_picture(path: str | PathLike[str], pixels: Rows) -> None:
    """Write 8-bit pixels: (height, width) gray, (height, width, 3) RGB or (height, width, 4) RGBA."""
    _import_pillow().Image.fromarray(pixels).save(path)


def segmentation_files(n_segments: int) -> list[str]:
    """The names of the files that `write_segmentation` writes."""
    numbered = [f"{kind}-{segment}.png" for segment in range(n_segments) for kind in ("segment", "probability")]
    return ["model.json", "labels.png", "segments.png", *numbered]


def write_segmentation(folder: str | PathLike[str], segmentation: Segmentation) -> None:
    """Write a segmentation to an existing folder.

    ``model.json`` is the mixture; ``labels.png`` has the number of its segment in each pixel, 255 where the picture
    is transparent; ``segments.png`` shows each segment in its mean color; ``segment-0.png`` and so on are the
    cut-outs; ``probability-0.png`` and so on have the probability of each component, 255 times.
    """
    target = Path(folder)
    segmentation.mixture.save(target / "model.json")
    write_picture(target / "labels.png", segmentation.labels)
    write_picture(target / "segments.png", segmentation.recolored())
    for segment, probabilities in enumerate(segmentation.probability_maps):
        write_picture(target / f"segment-{segment}.png", segmentation.cut_out(segment))
        write_picture(target / f"probability-{segment}.png", probabilities)


def _import_pillow() -> Any:
    try:
        import PIL
        import PIL.Image
        import PIL.ImageOps
    except ImportError as error:
        raise MissingDependencyError("pillow", "images", "Reading and writing pictures") from error
    return PIL
