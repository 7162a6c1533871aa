"""Sources of random numbers: independent streams, keyed by a seed and a number, and copies of a RandomState.

None of them asks the system for a seed, as NumPy does even if a key or a state follows; that takes as long as a short
run of EM.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence


def random_stream(seed: int, number: int) -> np.random.Generator:
    """Return a counter-based stream, that of ``Philox(key=[seed, number])``."""
    key: Any = _Words(np.array([seed, number], dtype=np.uint64))
    return np.random.Generator(np.random.Philox(key))


def random_streams(seed: int, first: int = 0) -> Iterator[np.random.Generator]:
    """Yield the streams of a seed, in the order of their numbers."""
    return (random_stream(seed, number) for number in itertools.count(first))


def random_state_at(state: Any) -> np.random.RandomState:
    """Return a RandomState in the state that another one, of any bit generator of NumPy, had in ``get_state``."""
    name = state["bit_generator"] if isinstance(state, dict) else state[0]
    words: Any = _Words(np.zeros(624, dtype=np.uint32)) if name == "MT19937" else 0
    copy = np.random.RandomState(getattr(np.random, name)(words))
    copy.set_state(state)
    return copy


class _Words(ISeedSequence):
    """Words that are the state of a generator."""

    def __init__(self, words: Any) -> None:
        self._words = words

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        assert (n_words, dtype) == (len(self._words), self._words.dtype)
        return self._words
