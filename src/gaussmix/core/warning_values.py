"""Warnings as values: a caller collects those of a call without a change of the filters of the process.

``warnings.catch_warnings`` replaces filters that all threads share; what is collected here belongs to one thread.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_COLLECTED: ContextVar[list[Warning] | None] = ContextVar("collected warnings", default=None)


def warn(warning: Warning, stacklevel: int = 1) -> None:
    """Issue a warning as ``warnings.warn`` does, or append it to the list of `collected_warnings`."""
    collected = _COLLECTED.get()
    if collected is None:
        warnings.warn(warning, stacklevel=stacklevel + 1)
    else:
        collected.append(warning)


@contextmanager
def collected_warnings() -> Iterator[list[Warning]]:
    """Yield the list of the warnings that this package issues in this thread meanwhile; they are not shown."""
    found: list[Warning] = []
    token = _COLLECTED.set(found)
    try:
        yield found
    finally:
        _COLLECTED.reset(token)
