"""Times of single passes, without the rest of a fit."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

LEAST_SECONDS = 0.05


@dataclass(frozen=True)
class Seconds:
    """Median of the turns, and the fastest turn, which other programs disturbed least."""

    median: float
    quickest: float


def time_in_turns(calls: list[Callable[[], object]], rounds: int) -> list[Seconds]:
    """Return the seconds of each call.

    The calls take turns, so that a temporary disturbance of the machine affects all of them. A turn repeats its call
    for at least 0.05 s and returns the median of the repeats.
    """
    turns: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()  # fills caches and starts threads; not counted
    for _ in range(rounds):
        for call, medians in zip(calls, turns, strict=True):
            seconds = []
            while sum(seconds) < LEAST_SECONDS:
                began = time.perf_counter()
                call()
                seconds.append(time.perf_counter() - began)
            medians.append(statistics.median(seconds))
    return [Seconds(statistics.median(medians), min(medians)) for medians in turns]
