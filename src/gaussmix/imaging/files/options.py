"""How a file is read."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

MAX_BYTES = 16_000_000_000
"""Greatest size of decoded pixels, unless another is given."""


@dataclass(frozen=True)
class ReadOptions:
    """How a file is read, where it leaves that open.

    Attributes
    ----------
    volume, channels : bool
        Whether unnamed pages of a TIFF are slices, or channels. For three axes of .npy whether the last is a spatial
        axis, or channels.
    nodata : int, float or None
        Pixels with this number in all channels are not visible, besides those with the number that the file names.
    alpha : bool or "auto"
        Whether the last channel is opacity; "auto": as the file says.
    purpose : {"picture", "mask", "labels"}
        Palettes of labels are numbers, not colors. In TIFF masks and labels the stored number counts, whether 0 is
        black or white.
    max_bytes : int
        Greatest size of the decoded pixels.
    level : int
        Of OME-Zarr, which level of resolution is read; 0 is the finest.
    """

    volume: bool = False
    channels: bool = False
    nodata: float | None = None
    alpha: bool | str = "auto"
    purpose: str = "picture"
    max_bytes: int = MAX_BYTES
    level: int = 0

    def __post_init__(self) -> None:
        given: dict[str, Any] = {"max_bytes": self.max_bytes, "nodata": self.nodata, "level": self.level}
        if self.volume and self.channels:
            raise ValueError("volume and channels exclude each other: pages are slices of a volume, or channels")
        if not isinstance(given["max_bytes"], Real) or not self.max_bytes >= 1:
            raise ValueError(f"max_bytes must be a positive number; got {self.max_bytes!r}")
        if given["nodata"] is not None and not isinstance(given["nodata"], Real):
            raise ValueError(f"nodata must be a number, NaN or None; got {self.nodata!r}")
        if not isinstance(given["level"], Integral) or self.level < 0:
            raise ValueError(f"level must be a number from 0, the finest; got {self.level!r}")
