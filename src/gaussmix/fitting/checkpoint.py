"""Checkpoint files: what a fit has computed, from which the same fit goes on after it was killed (docs/long-fits.md).

A fit is determined by its rows, its settings, its seed and the sums of its passes. So a checkpoint keeps no state of
the fit, only results that took long, each under a key: a fit that goes on makes the same calls as before and finds
their results in the file. They are the same bits, whatever the file has.

The file is a line of JSON with the facts that identify the fit, and records. A record is a line "checksum JSON" and the
arrays that it lists, as little-endian float64. Records are appended; the first one that is incomplete or damaged, and
all behind it, are dropped.
"""

import errno
import json
import os
import stat
import time
import zlib
from collections.abc import Mapping
from os import PathLike
from types import TracebackType
from typing import Any, Self

import numpy as np

from gaussmix.core.engines.recorded import AbstractRecorder, Arrays
from gaussmix.core.errors import CheckpointError
from gaussmix.core.file_lock import try_to_lock
from gaussmix.core.typing import FloatArray

FORMAT, VERSION = "gaussmix checkpoint", 1

ALL = "all rows"
"""Label of passes over all rows."""

SYNC_SECONDS = 10.0
"""Seconds after which a new record is forced to the disk: a crash of the system loses no more than these."""

_BEGINNING = f'{{"format": "{FORMAT}"'.encode()
_LONGEST_LINE = 1 << 16  # bytes
_NUMBER = np.dtype("<f8")


class Checkpoint(AbstractRecorder):
    """An open checkpoint file, locked until it is closed.

    Parameters
    ----------
    path : str or path
        The file; it is made if it does not exist or is empty.
    facts : dict from str to JSON value
        What identifies the fit. A file with other facts is refused. A value that begins with "sha256:" is the digest of
        a value too long for a message.
    notes : dict from str to JSON value
        What a new file keeps besides.

    Attributes
    ----------
    path : str
        The file.
    notes : dict
        The notes of the file.

    Raises
    ------
    CheckpointError
        If the file is in use, is no checkpoint, or is that of another fit; it is left as it is.
    OSError
        If the file cannot be opened or written.
    """

    def __init__(self, path: str | PathLike[str], facts: Mapping[str, Any], notes: Mapping[str, Any]) -> None:
        self.path = os.fspath(path)
        self._places: dict[str, tuple[int, list[list[Any]]]] = {}
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        self._synced = time.monotonic()
        try:
            try:
                is_locked = try_to_lock(self._file)
            except OSError as error:  # some file systems of networks have no locks
                raise OSError(error.errno, f"{error.strerror}, so it cannot be locked", self.path) from error
            if not is_locked:
                raise CheckpointError(f"{self.path} is in use by another fit: wait for its end, or give another path")
            self._end, self.notes = self._open(facts, notes)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.fsync(self._file)
        os.close(self._file)

    def read(self, key: str) -> Arrays | None:
        if key not in self._places:
            return None
        at, listed = self._places[key]
        found: Arrays = {}
        for name, shape in listed:
            size = _NUMBER.itemsize * int(np.prod(shape))
            found[name] = np.frombuffer(self._bytes(at, size), _NUMBER).astype(np.float64).reshape(shape)
            at += size
        return found

    def write(self, key: str, arrays: Mapping[str, FloatArray]) -> None:
        listed = [[name, list(array.shape)] for name, array in arrays.items()]
        description = json.dumps({"key": key, "arrays": listed}).encode()
        content = b"".join(np.ascontiguousarray(array, dtype=_NUMBER).tobytes() for array in arrays.values())
        line = _line(description, content)
        begins = self._end
        self._append(line + content)
        self._places[key] = begins + len(line), listed

    @property
    def end(self) -> int:
        """The position at which the next record will begin."""
        return self._end

    def replace(self, begin: int, key: str, arrays: Mapping[str, FloatArray]) -> None:
        """Store arrays in place of all records from a position on.

        Killed in between, the file has lost them; the next fit computes them again.

        Parameters
        ----------
        begin : int
            An earlier value of ``end``.
        key : str
            A new key.
        arrays : dict from str to array
            The arrays.
        """
        self._truncate(begin)
        self.write(key, arrays)

    def _open(self, facts: Mapping[str, Any], notes: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return the end of the last complete record and the notes of the file, which may be new."""
        status = os.fstat(self._file)
        if not stat.S_ISREG(status.st_mode):
            raise CheckpointError(f"{self.path} is a pipe or a device: give the path of a new file")
        size = status.st_size
        head = self._bytes(0, min(size, _LONGEST_LINE))
        line, newline, _ = head.partition(b"\n")
        begins = line.startswith(_BEGINNING) or (not newline and _BEGINNING.startswith(line))
        if not begins or (size >= _LONGEST_LINE and not newline):
            raise CheckpointError(f"{self.path} is not a checkpoint of gaussmix: give the path of a new file")
        if not newline:  # new, or killed before there was anything to keep
            self._end = 0
            self._truncate(0)
            new = {"format": FORMAT, "version": VERSION, "facts": dict(facts), "notes": dict(notes)}
            self._append(json.dumps(new).encode() + b"\n")
            return self._end, dict(notes)
        header = self._header(line)
        self._require_same(header["facts"], json.loads(json.dumps(facts)))
        self._end = self._scan(len(line) + 1, size)
        self._truncate(self._end)
        return self._end, header["notes"]

    def _header(self, line: bytes) -> dict[str, Any]:
        try:
            header = json.loads(line)
        except ValueError as error:
            raise CheckpointError(f"the first line of {self.path} is damaged: delete the file") from error
        if header["version"] != VERSION:
            raise CheckpointError(
                f"{self.path} has version {header['version']} of the format, this gaussmix reads version {VERSION}: "
                "go on with the gaussmix that wrote it, or give the path of a new file"
            )
        return dict(header)

    def _require_same(self, there: dict[str, Any], here: dict[str, Any]) -> None:
        clauses = []
        for name in {**there, **here}:
            values = there.get(name), here.get(name)
            if values[0] == values[1]:
                continue
            hidden = any(isinstance(value, str) and value.startswith("sha256:") for value in values)
            is_text = "differs" if hidden else f"is {values[0]!r} there and {values[1]!r} here"
            clauses.append(f"{name} {is_text}")
        if clauses:
            raise CheckpointError(
                f"{self.path} is the checkpoint of another fit: {'; '.join(clauses)}. Call fit as it was called then, "
                "or give another path; delete the file if that fit is not needed any more."
            )

    def _scan(self, at: int, size: int) -> int:
        """Enter the complete records from a position on, and return the end of the last one."""
        while at < size:
            line, newline, _ = self._bytes(at, min(size - at, _LONGEST_LINE)).partition(b"\n")
            checksum, _, description = line.partition(b" ")
            try:
                record = json.loads(description)
                key, listed = record["key"], record["arrays"]
                length = _NUMBER.itemsize * sum(int(np.prod(shape)) for _, shape in listed)
            except (ValueError, KeyError, TypeError):
                break
            begins = at + len(line) + 1
            if not newline or begins + length > size:
                break
            if int(checksum, 16) != zlib.crc32(self._bytes(begins, length), zlib.crc32(description)):
                break
            self._places[key] = begins, listed
            at = begins + length
        return at

    def _bytes(self, at: int, length: int) -> bytes:
        os.lseek(self._file, at, os.SEEK_SET)
        parts = []
        while length > 0:
            part = os.read(self._file, length)
            if not part:
                raise OSError(errno.EIO, "the file is shorter than it was", self.path)
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _append(self, content: bytes) -> None:
        os.lseek(self._file, self._end, os.SEEK_SET)
        left = memoryview(content)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            os.ftruncate(self._file, self._end)
            raise OSError(error.errno, error.strerror, self.path) from error
        self._end += len(content)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            os.fsync(self._file)
            self._synced = time.monotonic()

    def _truncate(self, end: int) -> None:
        os.ftruncate(self._file, end)
        self._places = {key: place for key, place in self._places.items() if place[0] < end}
        self._end = end


def _line(description: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(description))
    return f"{checksum:08x} ".encode() + description + b"\n"
