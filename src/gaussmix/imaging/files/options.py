"""How a file is read."""

from dataclasses import dataclass

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
    """

    volume: bool = False
    channels: bool = False
    nodata: float | None = None
    alpha: bool | str = "auto"
    purpose: str = "picture"
    max_bytes: int = MAX_BYTES

    def __post_init__(self) -> None:
        if self.volume and self.channels:
            raise ValueError("volume and channels exclude each other: pages are slices of a volume, or channels")
        if self.max_bytes < 1:
            raise ValueError(f"max_bytes must be positive; got {self.max_bytes}")
