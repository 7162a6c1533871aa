"""Opacity of pictures in files."""

from pathlib import Path

from gaussmix.core.typing import Rows
from gaussmix.imaging.files.damage import UnreadableError
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.images.masks import has_opacity, to_opacity, warn_of_doubtful_opacity


def split_opacity(
    path: Path, channels: Rows, declared: bool, options: ReadOptions, *, doubtful: bool = True
) -> tuple[Rows, Rows | None]:
    """Return the channels (..., c) without opacity, and opacity (...) of uint8 if there is one.

    Parameters
    ----------
    path : Path
        The file, for errors and warnings.
    channels : (..., c) array
        The last channel may be opacity.
    declared : bool
        Whether the file says that it is.
    options : ReadOptions
        `ReadOptions.alpha` says whether to believe it.
    doubtful : bool
        Whether to warn if it does not look like opacity.
    """
    try:
        split = has_opacity(options.alpha, channels.shape[-1], declared=declared)
    except ValueError as error:
        raise UnreadableError(f"{path}: {error}") from None
    if not split:
        return channels, None
    alpha = to_opacity(channels[..., -1])
    if doubtful and options.alpha == "auto":
        warn_of_doubtful_opacity(alpha, str(path))
    return channels[..., :-1], alpha
