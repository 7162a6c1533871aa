"""Functions that fit a segmenter to pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.core.typing import IntArray
from gaussmix.imaging.images.picture import Picture
from gaussmix.imaging.segmentation import Segmentation

if TYPE_CHECKING:
    from gaussmix.imaging.segmenter import GaussianMixtureSegmenter


def fit_pictures(
    pictures: Sequence[Picture],
    segmenter: "GaussianMixtureSegmenter",
    known: Sequence[IntArray | None] | None = None,
) -> "GaussianMixtureSegmenter":
    """Fit one segmenter to pictures, with the spacing of the first.

    Parameters
    ----------
    pictures : sequence of Picture
        Pictures with the same axes and channels.
    segmenter : GaussianMixtureSegmenter
        The segmenter to fit.
    known : sequence of arrays of int, optional
        Known classes of the pixels of each picture, -1 elsewhere; None for a picture without known pixels.

    Returns
    -------
    GaussianMixtureSegmenter
        The same segmenter, fitted.
    """
    first = pictures[0]
    alpha = False if first.pixels.shape[-1] == 4 else "auto"  # a fourth channel is a channel: opacity is kept apart
    segmenter.set_params(channel_axis=-1, alpha=alpha, stack=first.stacked, spacing=first.spacing)
    images, masks = [picture.pixels for picture in pictures], [picture.visible for picture in pictures]
    if known is None or all(labels is None for labels in known):
        return segmenter.fit(images, masks)
    all_known = [
        np.full(picture.shape, -1) if labels is None else labels
        for picture, labels in zip(pictures, known, strict=True)
    ]
    return segmenter.fit(images, masks, labels=all_known)


def segment_picture(
    picture: Picture, segmenter: "GaussianMixtureSegmenter", known: IntArray | None = None
) -> Segmentation:
    """Fit a segmenter to a picture and return the segmentation.

    Parameters
    ----------
    picture : Picture
        The picture to segment.
    segmenter : GaussianMixtureSegmenter
        The segmenter to fit.
    known : (shape) array of int, optional
        Known classes of pixels, -1 elsewhere.

    Returns
    -------
    Segmentation
        Segmentation with labels, probabilities and colors.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix.imaging import GaussianMixtureSegmenter, Picture, segment_picture
    >>> rng = np.random.default_rng(0)
    >>> pixels = np.repeat([0.0, 1.0], 32)[None, :, None] + rng.normal(scale=0.2, size=(64, 64, 1))
    >>> segmentation = segment_picture(Picture(pixels), GaussianMixtureSegmenter(2, random_state=0))
    >>> segmentation.shares.round(2)
    array([0.5, 0.5])
    """
    return Segmentation.of(picture, fit_pictures([picture], segmenter, [known]), known)
