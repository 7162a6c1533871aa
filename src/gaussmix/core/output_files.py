"""Output files that are written completely or not at all."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from shutil import copyfileobj, rmtree

_PREFIX = ".gaussmix-"
_STORE = ".zarr"  # suffix of folders that are one output
_STREAMS = ("/dev/", "/proc/")  # links there may lead to a pipe, or to a file that is open


@contextmanager
def complete_file(path: str | PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write to; what was written becomes the given file unless the body fails.

    Links are followed. A file that exists keeps its permissions, and a new one has those of any new file. A pipe or a
    character device, and a file in a folder that is not writable, are written to once the body has ended.

    Raises
    ------
    OSError
        When the file cannot be written, because the disk is full for example; it names the given file.
    """
    given, target = Path(path), Path(os.path.realpath(path))
    mode = _mode_of(given)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(given))
    through = is_stream(given) or not os.access(target.parent, os.W_OK)
    with _naming(given), _scratch(Path(tempfile.gettempdir()) if through else target.parent) as scratch:
        partial = scratch / given.name
        yield partial
        if through:
            _copy(partial, given)
        else:
            if mode:
                partial.chmod(stat.S_IMODE(mode))
            os.replace(partial, target)


@contextmanager
def complete_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder to write to; its files are moved to the given folder unless the body fails.

    A folder whose name ends with ".zarr" replaces an older one as a whole.
    """
    with _naming(folder, within=True), _scratch(folder if folder.is_dir() else folder.parent) as scratch:
        yield scratch
        folder.mkdir(exist_ok=True)
        for store in sorted(scratch.glob(f"*{_STORE}")):
            _replace_folder(store, folder / store.name)
        for source in sorted(scratch.rglob("*")):
            target = folder / source.relative_to(scratch)
            if source.is_dir():
                target.mkdir(exist_ok=True)
            elif target.is_symlink() or _mode_of(target):
                with complete_file(target) as partial:
                    _copy(source, partial)
            else:
                os.replace(source, target)


@contextmanager
def complete_store(folder: Path) -> Iterator[Path]:
    """Yield the path of a folder to make; it replaces the given folder as a whole unless the body fails."""
    with _naming(folder, within=True), _scratch(folder.parent) as scratch:
        partial = scratch / folder.name
        yield partial
        _replace_folder(partial, folder)


def is_stream(path: Path) -> bool:
    """Return whether a path is that of a pipe or a device, and not of a plain file."""
    mode = _mode_of(path)
    absolute = os.path.abspath(path)
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode) or (bool(mode) and absolute.startswith(_STREAMS))


def require_possible_output(path: str | PathLike[str], subject: str | None = None) -> None:
    """Raise a ValueError if no file of this name can be written, whatever it will hold.

    The message begins with the subject, by default the path.
    """
    subject = str(path) if subject is None else subject
    try:
        mode = _mode_of(Path(path))
    except OSError as error:
        reason = {errno.ENAMETOOLONG: "its name is too long here", errno.ELOOP: "its links go in a circle"}
        raise ValueError(f"{subject} cannot be written: {reason.get(error.errno or 0, error.strerror)}") from error
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise ValueError(f"{subject} is a {'device' if stat.S_ISBLK(mode) else 'socket'}; give the name of a file")


def require_writable(path: str | PathLike[str], subject: str | None = None) -> None:
    """Raise a ValueError if a file of this name cannot be written, before there is anything to write.

    The message begins with the subject, by default the path.
    """
    path = Path(path)
    subject = str(path) if subject is None else subject
    require_possible_output(path, subject)
    if path.is_dir():
        raise ValueError(f"{subject} is a folder; give a file name")
    if is_stream(path):
        if not os.access(path, os.W_OK):
            raise ValueError(f"{subject} is not writable")
        return
    folder = Path(os.path.realpath(path)).parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise ValueError(f"{subject} cannot be written: the folder {folder} does not exist; make it first")
    if not os.access(folder, os.W_OK) and not os.access(path, os.W_OK):
        raise ValueError(f"{subject} cannot be written: the folder {folder} is not writable")


def _mode_of(path: Path) -> int:
    """Return the type and the permissions of a file; 0 if there is none."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return 0


def _replace_folder(new: Path, target: Path) -> None:
    """Move a folder to its place; what is there is removed, unless the move fails."""
    if not target.exists():
        os.replace(new, target)
        return
    with _scratch(target.parent) as scratch:
        old = scratch / target.name
        os.replace(target, old)
        try:
            os.replace(new, target)
        except OSError:
            os.replace(old, target)
            raise


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as old, target.open("wb") as new:
        copyfileobj(old, new)


@contextmanager
def _naming(path: Path, *, within: bool = False) -> Iterator[None]:
    """Name the output in errors of the operating system that name no file, or a temporary one."""
    try:
        yield
    except OSError as error:
        parts = Path(os.fsdecode(error.filename)).parts if isinstance(error.filename, str | bytes) else ()
        temporary = [position for position, part in enumerate(parts) if part.startswith(_PREFIX)]
        if error.errno is None or (parts and not temporary):
            raise
        name = path.joinpath(*parts[temporary[-1] + 1 :]) if within and temporary else path
        raise OSError(error.errno, error.strerror, str(name)) from error


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    scratch = Path(tempfile.mkdtemp(dir=parent, prefix=_PREFIX))
    try:
        yield scratch
    finally:
        rmtree(scratch)
