"""Independent streams of random numbers, keyed by a seed and a number."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence


def random_stream(seed: int, number: int) -> np.random.Generator:
    """Return a counter-based stream, that of ``Philox(key=[seed, number])``."""
    key: Any = _Key(np.array([seed, number], dtype=np.uint64))
    return np.random.Generator(np.random.Philox(key))


def random_streams(seed: int, first: int = 0) -> Iterator[np.random.Generator]:
    """Yield the streams of a seed, in the order of their numbers."""
    return (random_stream(seed, number) for number in itertools.count(first))


class _Key(ISeedSequence):
    """The key of a Philox generator as the source of its seed: with ``key=`` it would ask the system for a seed too."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def generate_state(self, n_words: int, dtype: Any = np.uint64) -> Any:
        assert (n_words, dtype) == (2, np.uint64)
        return self._key
