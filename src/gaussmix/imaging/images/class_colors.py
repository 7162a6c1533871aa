"""Colors of class numbers, for files of labels that programs can show."""

import numpy as np
import numpy.typing as npt


def class_colors() -> npt.NDArray[np.uint8]:
    """Return a color for each class number from 0 to 255, black for 0.

    Returns
    -------
    (256, 3) array of uint8
        Red, green and blue.

    References
    ----------
    Everingham and Winn, The PASCAL Visual Object Classes Challenge 2012 (VOC2012) Development Kit: the function
    ``VOClabelcolormap``. The bits of a number go to red, green and blue in turn, the lowest bits to the highest.
    """
    numbers = np.arange(256)
    colors = np.zeros((256, 3), dtype=np.uint8)
    for bit in range(8):
        colors[:, bit % 3] |= ((numbers >> bit & 1) << (7 - bit // 3)).astype(np.uint8)
    return colors
