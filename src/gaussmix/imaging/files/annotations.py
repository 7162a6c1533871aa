"""Masks and annotations of a picture."""

from os import PathLike

import numpy as np

from gaussmix.core.typing import BoolArray, IntArray
from gaussmix.imaging.files.options import MAX_BYTES, ReadOptions
from gaussmix.imaging.files.reading import read_for
from gaussmix.imaging.files.space import turned_like
from gaussmix.imaging.images.colors import LUMA
from gaussmix.imaging.images.picture import Picture

_SOFT_EDGE = 0.01  # share of the painted pixels below which a color is the soft edge of a brush
_UNPAINTED = 0.5  # smallest share of pixels equal to the picture from which annotations count as painted over it


def read_mask(path: str | PathLike[str], picture: Picture, *, max_bytes: int = MAX_BYTES) -> BoolArray:
    """Read a mask: the pixels that are neither transparent nor 0 in all channels.

    In a JPEG, whose compression changes zeros, they are the pixels brighter than half of the maximum. In a TIFF of
    black and white the stored number counts, not whether 0 is shown as black.

    Parameters
    ----------
    path : str or path
        File of a picture of the same shape.
    picture : Picture
        The annotated picture.
    max_bytes : int, default=16_000_000_000
        Greatest size of the decoded pixels, as for `read_picture`.

    Returns
    -------
    array of bool
        Mask of the shape of the picture or of its pages.

    Raises
    ------
    ValueError
        If the mask differs from the picture and its pages in shape, or in position in space, or is empty.
    """
    found = _read_beside(path, picture, ReadOptions(picture.n_axes == 3, purpose="mask", max_bytes=max_bytes))
    values = found.pixels.max(axis=-1)
    least = values.max() / 2 if str(path).lower().endswith((".jpg", ".jpeg")) else 0
    mask = np.abs(values) > least if found.pixels.dtype.kind in "if" else values > least
    if found.visible is not None:
        mask &= found.visible
    if not mask.any():
        raise ValueError(f"{path} is empty: no pixel of the mask differs from 0")
    return np.asarray(mask)


def read_labels(path: str | PathLike[str], picture: Picture, *, max_bytes: int = MAX_BYTES) -> IntArray:
    """Read annotations of a picture: the known classes of some of its pixels.

    In a file of one channel or with a palette, the numbers are the classes. Pixels are unknown if they are negative,
    NaN, transparent, "no data" (TIFF, and NIfTI of `write_labels`), or the greatest number of their type (255 of uint8,
    65535 of uint16), as in files of `write_labels`. If only pixels of 0 are unknown by these rules, or no pixel is and
    the file names no number for unknown pixels (as .npy), 0 is unknown and classes are counted from 1, as in annotation
    programs.

    In a file of colors, each color is a class, and the darkest is class 0. Transparent pixels are unknown. In a file
    without transparent pixels, those equal to the picture are unknown; if it was not painted over the picture, those of
    the most frequent color. Colors of less than 1 % of the painted pixels are soft edges of a brush, and unknown.

    Parameters
    ----------
    path : str or path
        File of a picture of the same shape.
    picture : Picture
        The annotated picture.
    max_bytes : int, default=16_000_000_000
        Greatest size of the decoded pixels, as for `read_picture`.

    Returns
    -------
    (shape) array of int64
        Classes from 0; -1 where unknown. Annotations of a single page apply to all pages of a stack.

    Raises
    ------
    ValueError
        If the file is a JPEG, differs from the picture and its pages in shape, or has no known pixel.
    """
    if str(path).lower().endswith((".jpg", ".jpeg")):
        raise ValueError(f"{path} is a JPEG, whose compression blurs colors; save the scribbles as PNG")
    found = _read_beside(path, picture, ReadOptions(picture.n_axes == 3, purpose="labels", max_bytes=max_bytes))
    if found.pixels.shape[-1] == 1:
        labels = _numbered(path, found)
    elif found.pixels.shape[-1] == 3:
        labels = _colored(path, found, picture)
    else:
        raise ValueError(f"{path} has {found.pixels.shape[-1]} channels; scribbles have one, or red, green and blue")
    if not (labels >= 0).any():
        raise ValueError(f"{path} has no known pixel")
    return np.array(np.broadcast_to(labels, picture.shape))


def _numbered(path: str | PathLike[str], found: Picture) -> IntArray:
    values = found.pixels[..., 0]
    unknown = values < 0 if found.visible is None else (values < 0) | ~found.visible
    if values.dtype.kind == "u":
        unknown |= values == np.iinfo(values.dtype).max
    labels = np.where(unknown, 0, values).astype(np.int64)
    if (labels != np.where(unknown, 0, values)).any():
        raise ValueError(f"{path} has values that are not whole numbers; labels must be 0, 1, ...")
    known = ~unknown
    if found.nodata is not None:
        from_one = found.nodata == 0
    else:
        from_one = not values[unknown].any() and bool(known.all() or values[known].all())
    labels[unknown] = -1
    return np.where(known, labels - 1, -1) if from_one else labels


def _colored(path: str | PathLike[str], found: Picture, picture: Picture) -> IntArray:
    colors = found.shown()[..., :3].astype(np.int64)
    codes = (colors[..., 0] << 16) + (colors[..., 1] << 8) + colors[..., 2]
    if found.visible is not None:
        painted = found.visible
    else:
        as_stored = (0, 255) if picture.pixels.dtype == np.uint8 else None
        under = np.broadcast_to(picture.shown(as_stored)[..., :3], (*picture.shape, 3))
        painted = (
            (found.pixels != under).any(axis=-1)
            if found.shape == picture.shape and found.pixels.dtype == np.uint8
            else np.ones(found.shape, dtype=bool)
        )
        if painted.mean() > 1 - _UNPAINTED:
            values, counts = np.unique(codes, return_counts=True)
            painted = codes != values[counts.argmax()]
    values, counts = np.unique(codes[painted], return_counts=True)
    chosen = counts >= _SOFT_EDGE * counts.sum()
    if counts[chosen].sum() < 0.5 * counts.sum():
        raise ValueError(f"{path} is painted in {len(values)} colors; paint each class in one color with a hard brush")
    values = values[chosen]
    brightness = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=-1) @ LUMA
    values = values[np.argsort(brightness, kind="stable")]
    labels = np.full(codes.shape, -1, dtype=np.int64)
    for number, value in enumerate(values):
        labels[painted & (codes == value)] = number
    return labels


def _read_beside(path: str | PathLike[str], picture: Picture, options: ReadOptions) -> Picture:
    """Read a file of the same shape and position as a picture."""
    found = read_for(path, options)
    have_positions = found.affine is not None and picture.affine is not None
    if have_positions and sorted(found.shape) == sorted(picture.shape):
        turned = turned_like(found, picture)
        if turned is None:
            raise ValueError(
                f"{path} has another position in space than the picture (their affines differ); resample it"
            )
        return turned
    pages = picture.shape[1:] if picture.stacked else picture.shape
    if found.shape not in (picture.shape, pages):
        raise ValueError(f"{path} has the shape {found.shape}, the picture {picture.shape}; they must be equal")
    return found
