"""Options about what a picture file leaves open, and about labels of pixels that do not count."""

from enum import IntEnum
from typing import Annotated

import typer

from gaussmix.cli.options import flag
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.images.nodata import parse_nodata


class Background(IntEnum):
    """Label of ignored pixels; with 0 classes count from 1."""

    FIRST = 0
    LAST = 255


Volume = Annotated[bool, flag("--volume", help="Treat unnamed pages of a TIFF file as slices of a volume.")]
Channels = Annotated[
    bool, flag("--channels", help="Treat unnamed pages of a TIFF file, or the last axis of .npy, as channels.")
]
Nodata = Annotated[
    str | None,
    typer.Option(metavar="NUMBER|nan", help="Ignore pixels that have this number in all channels."),
]
Alpha = Annotated[
    bool | None,
    typer.Option("--alpha/--no-alpha", help="Whether the last channel is opacity; if not given, as the file says."),
]
Level = Annotated[
    int, typer.Option(min=0, metavar="NUMBER", help="Of OME-Zarr, the level of resolution to read; 0 is the finest.")
]
MaxGigabytes = Annotated[float, typer.Option(metavar="NUMBER", help="Refuse pictures that take more memory.")]
BackgroundOption = Annotated[
    Background, typer.Option(metavar="255|0", help="Label of ignored pixels; with 0 classes are labeled from 1.")
]


def read_options(
    volume: bool, channels: bool, nodata: str | None, alpha: bool | None, max_gigabytes: float, level: int = 0
) -> ReadOptions:
    """Return how files are read.

    Raises
    ------
    ValueError
        If an option has an impossible value, or two exclude each other.
    """
    if not 1e-9 <= max_gigabytes < 1e9:
        raise ValueError(f"--max-gigabytes must be positive; got {max_gigabytes:g}")
    return ReadOptions(
        volume,
        channels,
        nodata=None if nodata is None else parse_nodata(nodata),
        alpha="auto" if alpha is None else alpha,
        max_bytes=int(max_gigabytes * 1e9),
        level=level,
    )
