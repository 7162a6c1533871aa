"""Work in threads that ends when the caller does."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
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
        yield _in_order(pool, function, iter(items), 4 * n_threads)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterator[Item], n_ahead: int
) -> Iterator[Result]:
    """Yield the results in the order of the items, of which so many are handed out ahead."""
    pending = [pool.submit(function, item) for item in islice(items, n_ahead)]
    while pending:
        yield pending.pop(0).result()
        pending += [pool.submit(function, item) for item in islice(items, 1)]
