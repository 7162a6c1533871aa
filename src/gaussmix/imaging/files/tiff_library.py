"""The import of tifffile, and files opened with it."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gaussmix.core.errors import MissingDependencyError
from gaussmix.imaging.files.converters import converter_for
from gaussmix.imaging.files.damage import UnreadableError, named_damage


@contextmanager
def open_tiff(path: Path) -> Iterator[Any]:
    """Yield an open ``tifffile.TiffFile``; errors are those of `tiff_errors`."""
    tifffile = import_tifffile()
    with tiff_errors(path), tifffile.TiffFile(path) as file:
        yield file


@contextmanager
def tiff_errors(path: Path) -> Iterator[None]:
    """Turn what tifffile raises or logs over a file into errors that name it.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    UnreadableError
        If the file is damaged.
    MissingDependencyError
        If the library for the compression of the file is missing.
    """
    tifffile = import_tifffile()
    errors = _ErrorLog()
    logger = logging.getLogger("tifffile")
    logger.addHandler(errors)
    try:
        with named_damage(path, "TIFF file or of an unsupported kind"):
            try:
                yield
            except tifffile.TiffFileError as error:
                raise UnreadableError(f"{path} is {converter_for(path) or f'not a TIFF file: {error}'}") from error
            except (ValueError, RuntimeError) as error:
                if "imagecodecs" in str(error) and not isinstance(error, UnreadableError):
                    raise MissingDependencyError("imagecodecs", "images", f"Reading {path}") from error
                raise
            if errors.texts:
                raise ValueError(errors.texts[0])
    finally:
        logger.removeHandler(errors)


def import_tifffile() -> Any:
    """Return the module tifffile.

    Raises
    ------
    MissingDependencyError
        If it is missing.
    """
    try:
        import tifffile
    except ImportError as error:
        raise MissingDependencyError("tifffile", "images", "Reading and writing TIFF files") from error
    return tifffile


class _ErrorLog(logging.Handler):
    """Collector of the errors that tifffile logs when it reads damaged parts as zeros."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:  # other threads read other files
            self.texts.append(record.getMessage())
