"""Restoration of an estimator after a failed fit."""

from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.base import BaseEstimator


@contextmanager
def restored_on_failure(estimator: BaseEstimator, result: str) -> Iterator[None]:
    """Restore the estimator's previous state if fitting fails.

    An interrupted fit that has stored a new ``result`` (the name of an attribute) keeps it.
    """
    before = vars(estimator).copy()
    try:
        yield
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and vars(estimator).get(result) is not before.get(result):
            raise
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
