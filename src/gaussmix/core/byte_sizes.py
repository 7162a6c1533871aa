"""Amounts of memory, as users write them and as messages show them."""

import os
import re
from numbers import Real
from pathlib import Path
from typing import Any

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_GIVEN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:([KMGT]?)(I?)B?)?\s*", re.IGNORECASE)


def bytes_given(size: Any, name: str, least: float = 0) -> float:
    """Return a number of bytes, from a number or a text such as "1 GB", "500 MB" or "2 GiB".

    Parameters
    ----------
    size : str or float
        The amount.
    name : str
        Name of the argument, for messages.
    least : float, default=0
        Least number of bytes.

    Returns
    -------
    float
        Bytes.

    Raises
    ------
    ValueError
        If it is no positive amount, or less than the least.
    """
    if isinstance(size, str) and (found := _GIVEN.fullmatch(size)):
        number, unit, binary = found.groups()
        unit = (unit or "").upper()
        value = float(number) * (_BINARY[unit] if binary and unit else _UNITS[unit])
    elif isinstance(size, Real) and size is not True:
        value = float(size)
    else:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ValueError(f'{name} must be an amount of memory such as "1 GB"; got {size!r}')
    if value < least:
        raise ValueError(f"{name} must be at least {bytes_shown(least)}; got {bytes_shown(value)}")
    return value


def bytes_shown(size: float) -> str:
    """Return a number of bytes with a unit, such as ``1.3 GB``."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} PB"


def free_memory() -> float | None:
    """Return the memory that this process can still take, in bytes, as far as the system tells; None if it does not."""
    found = []
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
        found += [max(0.0, float(limit) - used)] if limit != "max" else []
    except OSError:  # another system, or no control groups
        pass
    if not found and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE"))
    return min(found, default=None)
