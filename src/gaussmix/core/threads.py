"""Work in threads that ends when the caller does."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def mapped_in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], n_jobs: int | None
) -> Iterator[Iterator[Result]]:
    """Yield an iterator of the results, in the order of the items.

    When the body ends, by Ctrl-C for example, no more items are begun, and those that are under way are waited for.

    Parameters
    ----------
    function : callable
        From an item to its result.
    items : sequence
        The items.
    n_jobs : int or None
        Threads, as joblib counts: None is one, -1 all processors.
    """
    from joblib import effective_n_jobs

    n_threads = effective_n_jobs(n_jobs)
    if n_threads == 1:
        yield map(function, items)
        return
    pool = ThreadPoolExecutor(n_threads)
    try:
        yield pool.map(function, items)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
