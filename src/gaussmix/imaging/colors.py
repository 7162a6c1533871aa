"""Color spaces: the same pixels, measured otherwise."""

import numpy as np

from gaussmix.errors import MissingDependencyError
from gaussmix.typing import Rows

COLOR_SPACES = ("rgb", "gray", "lab")

LUMA = np.array([0.299, 0.587, 0.114])
"""Of red, green and blue in brightness (ITU-R BT.601)."""


def to_color_space(values: Rows, color_space: str) -> Rows:
    """Pixels (..., channels) in a color space; other than three channels stay as they are.

    Parameters
    ----------
    values : (..., channels) array
        Red, green and blue of uint8, uint16, or floats from 0 to 1.
    color_space : {"rgb", "gray", "lab"}
        "rgb" leaves them as they are; "gray" is luma, rounded where the colors are integers; "lab" is CIE L*a*b*, in
        which equal distances look about equal, as float32.
    """
    if color_space == "rgb" or values.shape[-1] != 3:
        return values
    if color_space == "gray":
        luma = values @ LUMA
        return (np.rint(luma) if values.dtype.kind == "u" else luma).astype(values.dtype)[..., None]
    try:
        from skimage.color import rgb2lab
    except ImportError as error:
        raise MissingDependencyError("scikit-image", "images", 'color_space="lab"') from error
    scale = float(np.iinfo(values.dtype).max) if values.dtype.kind == "u" else 1.0
    return rgb2lab(values / np.float32(scale)).astype(np.float32)
