"""A picture of three stripes, for ``gaussmix segment``."""

import numpy as np
from PIL import Image

COLORS = np.array([[200, 190, 60], [20, 40, 90], [120, 60, 50]])


def stripes(seed=0, height=20, width=30):
    """Three noisy stripes: bright, dark, between."""
    noise = np.random.default_rng(seed).integers(0, 20, (height, width, 3))
    return (COLORS[np.arange(width) * 3 // width][None] + noise).astype(np.uint8)


def labels_in(path):
    return np.asarray(Image.open(path))


def scribbles(path, height=20):
    """A few pixels in two colors on a transparent ground: the bright stripe, dark red, and the two others, yellow."""
    painted = np.zeros((height, 30, 4), dtype=np.uint8)
    painted[8:12, 3:7] = [180, 0, 0, 255]
    painted[8:12, 13:17] = painted[8:12, 23:27] = [255, 255, 0, 255]
    Image.fromarray(painted).save(path)
    return path
