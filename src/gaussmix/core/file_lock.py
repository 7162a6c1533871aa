"""Locks of open files, which end with the process however it ends."""

import sys

if sys.platform == "win32":
    import msvcrt
    import os

    _BEYOND = 1 << 62  # a locked byte cannot be read by others

    def try_to_lock(file: int) -> bool:
        """Lock an open file, unless it is locked through another descriptor; return whether it is locked now."""
        os.lseek(file, _BEYOND, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def try_to_lock(file: int) -> bool:
        """Lock an open file, unless it is locked through another descriptor; return whether it is locked now."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
