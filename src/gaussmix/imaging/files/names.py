"""Names of channels in files."""

from collections.abc import Sequence


def different_names(names: Sequence[str], n_channels: int) -> tuple[str, ...] | None:
    """Return the names of channels; None unless each channel has one of its own."""
    return tuple(names) if all(names) and len(set(names)) == len(names) == n_channels > 0 else None
