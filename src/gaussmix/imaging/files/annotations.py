"""Masks and scribbles: files that belong to a picture."""

from os import PathLike

import numpy as np

from gaussmix.core.typing import BoolArray, IntArray
from gaussmix.imaging.files.nifti import same_place
from gaussmix.imaging.files.reading import read_picture
from gaussmix.imaging.images.picture import Picture

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_EDGE = 0.01  # of the painted pixels: colors that cover less are the soft edges of a brush
_SAME = 0.5  # of the pixels equal to the photograph's: the scribbles were painted over it


def read_mask(path: str | PathLike[str], picture: Picture) -> BoolArray:
    """Read which pixels of a picture count: those that are not 0 in every channel, nor transparent.

    In a JPEG, where 0 does not stay 0, those that are at least half as bright as the brightest.

    Parameters
    ----------
    path : str or path
        A picture of the same shape.
    picture : Picture
        The one that it belongs to.

    Returns
    -------
    array of bool
        Of the shape of the picture or of its pages.

    Raises
    ------
    ValueError
        If the mask has another shape than the picture or its pages, lies elsewhere in space (NIfTI), or is empty.
    """
    found = _read_beside(path, picture)
    values = found.pixels.max(axis=-1)
    least = values.max() / 2 if str(path).lower().endswith((".jpg", ".jpeg")) else 0
    mask = np.abs(values) > least if found.pixels.dtype.kind in "if" else values > least
    if found.visible is not None:
        mask &= found.visible
    if not mask.any():
        raise ValueError(f"{path} is empty: no pixel of the mask differs from 0")
    return np.asarray(mask)


def read_labels(path: str | PathLike[str], picture: Picture) -> IntArray:
    """Read known pixels of a picture.

    Numbers, one channel: the class of each pixel, and unknown where they are negative, NaN, transparent, or the
    greatest of their type (255 of uint8, 65535 of uint16), as in the labels that are written here. Where no pixel is
    unknown by that, 0 is unknown and the classes count from 1, as in annotation programs.

    Colors: each color is a class, the darkest is class 0. Transparent pixels are unknown; in a picture without any,
    those where the photograph shows through; in one that was not painted over the photograph, those of the most
    frequent color. Colors on less than 1 % of the painted pixels are soft edges, and unknown.

    Parameters
    ----------
    path : str or path
        A picture of the same shape.
    picture : Picture
        The one that it belongs to.

    Returns
    -------
    (shape) array of int64
        From 0; -1 where unknown. What is of one page is of all pages of a stack.

    Raises
    ------
    ValueError
        If the file is a JPEG, has another shape than the picture or its pages, or does not say what is known.
    """
    if str(path).lower().endswith((".jpg", ".jpeg")):
        raise ValueError(f"{path} is a JPEG, in which colors run into each other; save the scribbles as PNG")
    found = _read_beside(path, picture)
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
        raise ValueError(f"{path} has values that are no whole numbers; labels are 0, 1, ...")
    labels[unknown] = -1
    return labels if unknown.any() else labels - 1


def _colored(path: str | PathLike[str], found: Picture, picture: Picture) -> IntArray:
    colors = found.shown()[..., :3].astype(np.int64)
    codes = (colors[..., 0] << 16) + (colors[..., 1] << 8) + colors[..., 2]
    if found.visible is not None:
        painted = found.visible
    else:
        under = np.broadcast_to(picture.shown()[..., :3], (*picture.shape, 3))
        painted = (
            (found.pixels != under).any(axis=-1)
            if found.shape == picture.shape and found.pixels.dtype == np.uint8
            else np.ones(found.shape, dtype=bool)
        )
        if painted.mean() > 1 - _SAME:
            values, counts = np.unique(codes, return_counts=True)
            painted = codes != values[counts.argmax()]
    values, counts = np.unique(codes[painted], return_counts=True)
    chosen = counts >= _EDGE * counts.sum()
    if counts[chosen].sum() < 0.5 * counts.sum():
        raise ValueError(f"{path} is painted in {len(values)} colors; paint each class in one color with a hard brush")
    values = values[chosen]
    brightness = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=-1) @ _LUMA
    values = values[np.argsort(brightness, kind="stable")]
    labels = np.full(codes.shape, -1, dtype=np.int64)
    for number, value in enumerate(values):
        labels[painted & (codes == value)] = number
    return labels


def _read_beside(path: str | PathLike[str], picture: Picture) -> Picture:
    """A file that belongs to a picture."""
    found = read_picture(path, volume=picture.n_axes == 3)
    pages = picture.shape[1:] if picture.stacked else picture.shape
    if found.shape not in (picture.shape, pages):
        raise ValueError(f"{path} has the shape {found.shape}, the picture {picture.shape}; they must be equal")
    if found.suffix.startswith(".nii") and picture.suffix.startswith(".nii") and not same_place(picture, found):
        raise ValueError(f"{path} lies elsewhere in space than the picture (their affines differ); resample it")
    return found
