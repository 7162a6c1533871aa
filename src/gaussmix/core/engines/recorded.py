"""An engine whose passes are recorded, so that a fit that was killed finds them when it runs again."""

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import fields

import numpy as np

from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.moments import Moments
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Form, Random, Rows, Want
from gaussmix.core.whitened import WhitenedMixture

LEAST_SECONDS = 2e-3
"""Duration of the shortest pass that is recorded; it is about 20 times that of recording one."""

BYTES_PER_SECOND = 10 << 20
"""Most bytes of sums for each second of a pass; others are not recorded, so that a record does not grow faster."""

Arrays = dict[str, FloatArray]
"""Named arrays of float64."""


class AbstractRecorder(ABC):
    """A store of arrays under keys, which outlives the process."""

    @abstractmethod
    def read(self, key: str) -> Arrays | None:
        """Return what is stored under a key.

        Parameters
        ----------
        key : str
            The key.

        Returns
        -------
        dict from str to array, or None
            The arrays, bit for bit as they were written; None if there are none.
        """

    @abstractmethod
    def write(self, key: str, arrays: Mapping[str, FloatArray]) -> None:
        """Store arrays under a key.

        Parameters
        ----------
        key : str
            A new key.
        arrays : dict from str to array
            The arrays.
        """


class RecordedEngine(AbstractEngine):
    """An engine that looks up each pass before it makes it, and records the sums of passes that take long.

    A pass is known by the mixture, so the results do not depend on what was recorded.

    Parameters
    ----------
    engine : AbstractEngine
        The engine that makes the passes.
    recorder : AbstractRecorder
        Where the sums are kept.
    label : str
        Name of the rows, different for different rows in the same recorder.
    """

    def __init__(self, engine: AbstractEngine, recorder: AbstractRecorder, label: str) -> None:
        self._engine, self._recorder, self._label = engine, recorder, label
        self.n_rows, self.n_features, self.weight = engine.n_rows, engine.n_features, engine.weight
        self.rough_helps = engine.rough_helps

    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        if log_prior is not None:
            return self._engine.accumulate(mixture, log_prior, rough=rough)
        key = digest_of(f"{self._label}, {'rough' if rough else 'exact'}", mixture)
        known = self._recorder.read(key)
        if known is not None:
            return moments_of(known, mixture.form)
        began = time.perf_counter()
        moments = self._engine.accumulate(mixture, rough=rough)
        seconds = time.perf_counter() - began
        arrays = arrays_of(moments)
        if seconds >= max(LEAST_SECONDS, sum(array.nbytes for array in arrays.values()) / BYTES_PER_SECOND):
            self._recorder.write(key, arrays)
        return moments

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        return self._engine.score_rows(mixture, want, log_prior)

    def sample_rows(self, limit: int, rng: Random, center: WhitenedMixture | None = None) -> WeightedRows:
        return self._engine.sample_rows(limit, rng, center)


def arrays_of(moments: Moments) -> Arrays:
    """Return the numbers of moments as arrays.

    Parameters
    ----------
    moments : Moments
        The moments.

    Returns
    -------
    dict from str to array
        Those that are not None, by the name of the attribute.
    """
    numbers = {one.name: getattr(moments, one.name) for one in fields(moments) if one.name != "form"}
    return {name: np.asarray(value, dtype=np.float64) for name, value in numbers.items() if value is not None}


def moments_of(arrays: Mapping[str, FloatArray], form: Form) -> Moments:
    """Return the moments whose numbers are in arrays.

    Parameters
    ----------
    arrays : dict from str to array
        Arrays of `arrays_of`.
    form : str
        Form of the scatter.

    Returns
    -------
    Moments
        The same moments, bit for bit.
    """
    single = ("log_likelihood", "entropy", "weight", "background")
    numbers = {name: float(value) if name in single else value for name, value in arrays.items()}
    return Moments(form, **numbers)  # type: ignore[arg-type]


def digest_of(label: str, mixture: WhitenedMixture) -> str:
    """Return a digest of a mixture.

    Parameters
    ----------
    label : str
        Text that is part of the digest.
    mixture : WhitenedMixture
        The mixture.

    Returns
    -------
    str
        Digits that differ if any bit of the mixture or the label does.
    """
    digest = hashlib.sha256(f"{label}, {mixture.form}".encode())
    for name, array in _numbers_of(mixture):
        digest.update(f"{name} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array, dtype=np.float64).data)
    return digest.hexdigest()[:32]


def _numbers_of(mixture: WhitenedMixture) -> Iterator[tuple[str, FloatArray]]:
    yield from (("offsets", mixture.offsets), ("means", mixture.means), ("factors", mixture.factors))
    if mixture.common is not None:
        yield from ((f"{mixture.common.form} basis", mixture.common.basis), ("scales", mixture.common.scales))
    if mixture.background is not None:
        yield "background", mixture.background.packed()
    if mixture.degrees_of_freedom is not None:
        yield "degrees", mixture.degrees_of_freedom
