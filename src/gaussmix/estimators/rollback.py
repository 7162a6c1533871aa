"""Restoration of an estimator after a failed fit."""

from types import TracebackType
from typing import Any

from sklearn.base import BaseEstimator


class RestoredOnFailure:
    """Context that restores the estimator's previous state if fitting fails.

    An interrupted fit that has stored a new result keeps it. A `StopIteration` of a callback leaves the fit as it is,
    although Python raises a `RuntimeError` where it leaves a generator.

    Parameters
    ----------
    estimator : BaseEstimator
        The estimator.
    result : str
        Name of the attribute with the result.
    """

    def __init__(self, estimator: BaseEstimator, result: str) -> None:
        self._estimator, self._result = estimator, result
        self._before: dict[str, Any] = {}

    def __enter__(self) -> None:
        self._before = vars(self._estimator).copy()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        now = vars(self._estimator)
        is_kept = isinstance(error, KeyboardInterrupt) and now.get(self._result) is not self._before.get(self._result)
        if error is None or is_kept:
            return
        now.clear()
        now.update(self._before)
        if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
            raise error.__cause__
