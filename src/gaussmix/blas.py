"""The small algebra between passes runs on one thread: BLAS threads that wait for more would hold up the next pass."""

from collections.abc import Iterator
from contextlib import contextmanager

_SINGLE_NUMBERS, _SINGLE_FEATURES = 10_000, 32  # up to here BLAS takes one thread of its own accord


@contextmanager
def one_blas_thread(n_rows: int, n_features: int) -> Iterator[None]:
    """Limit NumPy's and SciPy's BLAS to one thread, where data of this shape would make it take more."""
    if n_rows * n_features <= _SINGLE_NUMBERS and n_features <= _SINGLE_FEATURES:
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
