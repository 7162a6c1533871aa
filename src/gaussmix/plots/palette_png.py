"""A picture in few colors as a small PNG."""

import struct
import zlib

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from gaussmix.typing import Rows

MOST_COLORS = 128


def encode_png(pixels: npt.NDArray[np.uint8], most_colors: int = MOST_COLORS) -> bytes:
    """A PNG with a palette: the most frequent colors are kept, others become the nearest of them.

    W3C, Portable Network Graphics (second edition, 2003), sections 5 and 11: color type 3, no filter.

    Parameters
    ----------
    pixels : (height, width, 3) array of uint8
    most_colors : int, default=128
        At most 256.

    Returns
    -------
    bytes
    """
    height, width, _ = pixels.shape
    codes = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    colors, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
    palette = colors[np.argsort(counts, kind="stable")[::-1][:most_colors]]
    nearest = np.asarray(KDTree(_split(palette)).query(_split(colors))[1], dtype=np.uint8)
    lines = np.zeros((height, 1 + width), dtype=np.uint8)  # each begins with its filter: none
    lines[:, 1:] = nearest[places].reshape(height, width)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, data)
        for name, data in (
            (b"IHDR", header),
            (b"PLTE", _split(palette).tobytes()),
            (b"IDAT", zlib.compress(lines.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def _split(codes: Rows) -> npt.NDArray[np.uint8]:
    """(m, 3) red, green and blue."""
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.uint8)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
