"""Starts of t mixtures: those of all rows, and those of the rows in dense places, which outliers cannot mislead."""

from collections.abc import Iterable, Iterator

import numpy as np

from gaussmix.core.background import Background
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import Random
from gaussmix.fitting.noise_starts import dense_rows
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.starts import draw_starts


def draw_tail_starts(
    data: Sample,
    structure: type[AbstractCovariance],
    n_components: int,
    numbers: Iterable[int],
    streams: Iterator[np.random.Generator],
    first: Random | None = None,
) -> Iterator[Mixture]:
    """Yield starts of `draw_starts` for all rows, and in turn for the dense rows at several shares of outliers.

    Where outliers are far away, k-means gives them a cluster of their own, and t distributions do not leave it: the
    likelihood has an optimum there. Starts from the dense rows lead to the optimum in which they are the tails of the
    other components.

    Parameters
    ----------
    data : Sample
        Rows of the search.
    structure : subclass of AbstractCovariance
        Covariance structure.
    n_components : int
        Number of components.
    numbers : iterable of int
        Numbers of the starts, from 0.
    streams : iterator of Generator
        Random streams.
    first : RandomState, optional
        Source of random numbers of start 0, as in `draw_starts`.

    Yields
    ------
    Mixture
        Start in the units of the data, without degrees of freedom.
    """
    numbers = list(numbers)
    values = data.rows.values
    lengths = np.maximum(np.ptp(values, axis=0), np.finfo(np.float64).tiny)
    box = Background(0.5, 0.5 * (values.max(axis=0) + values.min(axis=0)), np.diag(lengths))
    *levels, _ = dense_rows(data, box, structure, n_components, next(streams))
    whole = draw_starts(data, structure, n_components, numbers, streams, first)
    dense = [draw_starts(level.data, structure, n_components, numbers, streams) for level in levels]
    for at in range(len(numbers)):
        yield next(whole)
        if dense:
            yield next(dense[at % len(dense)])
