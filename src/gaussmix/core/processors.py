"""The share of the processors that a container may use."""

import math
from pathlib import Path


def processor_share(root: Path = Path("/")) -> int | None:
    """Return the processors that the control groups of this process allow, rounded up, or None without a limit.

    Parameters
    ----------
    root : Path
        The folder that has ``proc`` and ``sys``.

    Returns
    -------
    int or None
        At least 1. The smallest quota of the group and of the groups that contain it, of version 1
        (``cpu.cfs_quota_us``) and 2 (``cpu.max``) of Linux's control groups.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    shares = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / controllers
        # within a container, the mounted folder may be the group itself, whatever its name outside
        inside = [Path(), *Path(group.lstrip("/")).parents, Path(group.lstrip("/"))]
        shares += [_share(mount / folder) for folder in inside]
    return min((max(1, math.ceil(share)) for share in shares if share is not None), default=None)


def _share(folder: Path) -> float | None:
    """Return quota / period of a group of either version; None without a limit."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period")
            )
        return int(quota) / int(period) if quota != "max" and int(quota) > 0 else None
    except (OSError, ValueError):
        return None
