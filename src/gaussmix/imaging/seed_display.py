"""Display of known pixels (seeds) and of the classes that grew from them."""

from dataclasses import replace

import numpy as np

from gaussmix.core.typing import IntArray, Rows
from gaussmix.imaging.segmentation import Segmentation, View
from gaussmix.plots.drawing import color_of

_TINT = 0.45  # share of the class color in a tinted picture


def seed_colors(n_classes: int, painted: Rows | None = None) -> Rows:
    """Return a display color for each class.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    painted : (m, 3) array of uint8, optional
        Colors in which the first m classes were painted; the others have the colors of components.

    Returns
    -------
    (k, 3) array of uint8
        Red, green and blue.
    """
    codes = [color_of(number) for number in range(n_classes)]
    colors = np.array([[int(code[at : at + 2], 16) for at in (1, 3, 5)] for code in codes], dtype=np.uint8)
    if painted is not None:
        colors[: len(painted)] = painted[:n_classes]
    return colors


def with_seeds(shown: Rows, known: IntArray, colors: Rows) -> Rows:
    """Return a picture in which known pixels have the color of their class.

    Parameters
    ----------
    shown : (shape, 3 or 4) array of uint8
        Display colors.
    known : (shape) array of int
        Known classes, -1 elsewhere.
    colors : (k, 3) array of uint8
        Color of each class.

    Returns
    -------
    (shape, 3 or 4) array of uint8
        The picture; known pixels are opaque.
    """
    drawn = np.array(shown)
    drawn[known >= 0, :3] = colors[known[known >= 0]]
    drawn[known >= 0, 3:] = 255
    return drawn


def tinted(shown: Rows, labels: Rows, colors: Rows) -> Rows:
    """Return a picture in which each pixel is tinted with the color of its class.

    Parameters
    ----------
    shown : (shape, 3 or 4) array of uint8
        Display colors.
    labels : (shape) array of uint8
        Classes; pixels with other labels are not tinted.
    colors : (k, 3) array of uint8
        Color of each class.

    Returns
    -------
    (shape, 3 or 4) array of uint8
        The tinted picture.
    """
    inside = labels < len(colors)
    result = np.array(shown)
    mixed = (1 - _TINT) * shown[inside][:, :3] + _TINT * colors[labels[inside]]
    result[inside, :3] = np.rint(mixed).astype(np.uint8)
    return result


def seeded_views(segmentation: Segmentation, colors: Rows, most: int) -> list[View]:
    """Return planes for display: the picture with its known pixels, and the picture tinted with the classes.

    Parameters
    ----------
    segmentation : Segmentation
        Segmentation with known pixels.
    colors : (k, 3) array of uint8
        Color of each class.
    most : int
        Greatest number of planes.

    Returns
    -------
    list of View
        Planes in the order of the pages or slices; ``segments`` is the tinted picture.
    """
    assert segmentation.known is not None
    picture = segmentation.picture
    known = replace(picture, pixels=segmentation.known[..., None].astype(np.int16), alpha=None, names=None)
    labels = replace(picture, pixels=segmentation.labels[..., None], alpha=None, names=None)
    views = []
    for view, (page, share, _) in zip(segmentation.views(most), segmentation.places(most), strict=True):
        seeds, classes = (of.plane(page, share).pixels[..., 0] for of in (known, labels))
        seeded = with_seeds(view.picture, seeds, colors)
        views.append(replace(view, picture=seeded, segments=tinted(view.picture, classes, colors)))
    return views
