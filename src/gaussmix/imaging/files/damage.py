"""Errors about files: damage, and sizes in headers that the file or the memory does not hold."""

import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.text import counted


class UnreadableError(ValueError):
    """A file that cannot be read; the message names it."""


@contextmanager
def named_damage(path: Path, kind: str) -> Iterator[None]:
    """Turn what a decoder raises over a damaged file into an error that names the file.

    Decoders of other libraries raise exceptions of any type where bytes are not what they expect.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        What it should be, without an article.

    Raises
    ------
    UnreadableError
        In place of any exception but those that name the file or a missing library, and warnings that are errors.
    """
    try:
        yield
    except (UnreadableError, MissingDependencyError, UserWarning):
        raise
    except MemoryError as error:
        raise UnreadableError(f"{path} does not fit into memory") from error
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        is_explained = isinstance(error, ValueError | OSError | RuntimeError | EOFError | zlib.error)
        said = " ".join(str(error).split()) if is_explained else f"its parts do not fit together ({error!r})"
        raise UnreadableError(f"{path} is a damaged {kind}: {said}") from error


def check_header(
    path: Path, shape: Sequence[int], pixel_bytes: int, max_bytes: int, *, needed: float = 0, held: int = 0
) -> None:
    """Raise UnreadableError, before anything is decoded, if pixels exceed the file or the limit.

    Parameters
    ----------
    path : Path
        The file.
    shape : sequence of int
        Lengths of the axes, as in the header.
    pixel_bytes : int
        Size of one decoded entry.
    max_bytes : int
        Greatest size of the decoded pixels.
    needed : float
        Bytes that so many pixels take at least, compressed; 0: unknown.
    held : int
        Bytes of the file that may be pixels.
    """
    if any(length < 0 for length in shape):
        raise UnreadableError(f"{path} is damaged: its header has the shape {_product(shape)}")
    if needed > held:
        raise UnreadableError(
            f"{path} is damaged: its header states {_product(shape)} numbers, which take at least {_bytes(needed)}; "
            f"the file has {_bytes(held)}"
        )
    size = math.prod(shape) * pixel_bytes
    if size > max_bytes:
        raise UnreadableError(
            f"{path} has {_product(shape)} pixels, {_bytes(size)} when decoded; the limit is {_bytes(max_bytes)}: "
            "raise max_bytes (gaussmix segment --max-gigabytes) to read it"
        )


def _product(shape: Sequence[int]) -> str:
    return " x ".join(f"{length:,}" for length in shape)


def _bytes(size: float) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return counted(math.ceil(size), "byte")
