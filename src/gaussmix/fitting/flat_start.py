"""Starts for thousands of components: seeds far apart, with the same covariance around each."""

import math

import numpy as np

from gaussmix.core.covariance import AbstractConstrained, AbstractCovariance
from gaussmix.core.covariance.deviations import color_by, whiten_by
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.sample import Sample

_LEAST_ROWS, _ROWS_PER_COMPONENT = 20_000, 20
_CHAIN = 10  # steps of the Markov chain of each seed
_MEASURED = 2_000  # rows whose distances give the size of the components
_LEAST_SHARE = 1e-3  # of the deviations of the data, if the seeds are all the rows


def rows_of_starts(n_components: int) -> int:
    """Return of how many rows seeds are drawn, if there are as many."""
    return max(_LEAST_ROWS, _ROWS_PER_COMPONENT * n_components)


def flat_start(
    data: Sample,
    structure: type[AbstractCovariance],
    n_components: int,
    rng: np.random.Generator,
    means: FloatArray | None = None,
) -> Mixture:
    """Return a start with equal weights and covariances, whose means are seeds.

    The covariances have the shape of that of the data, and the size of the distances of rows to their nearest seeds.

    Parameters
    ----------
    data : Sample
        Rows, at least as many as components.
    structure : subclass of AbstractCovariance
        Covariance structure.
    n_components : int
        Number of components.
    rng : Generator
        Source of random numbers.
    means : (k, d) array, optional
        Means in place of seeds.

    Returns
    -------
    Mixture
        The start.
    """
    values = data.whitened
    if means is None:
        seeds = values[markov_seeds(values, data.rows.explicit_weights, n_components, rng)]
        means = data.center + color_by(seeds, data.root)
    else:
        seeds = whiten_by(means - data.center, data.root)
    size = typical_distance(values[rng.integers(len(values), size=_MEASURED)], seeds)
    k, d = seeds.shape
    free = structure.free if issubclass(structure, AbstractConstrained) else structure
    roots = free.identity(k, d).rescale(size * data.root).roots
    covariance = structure.identity(k, d)
    if isinstance(covariance, AbstractConstrained):
        covariance = covariance.nearest(np.ones(k), roots)
    else:
        covariance = structure(roots, k, d)
    return Mixture(np.full(k, 1 / k), means, covariance)


def typical_distance(rows: FloatArray, seeds: FloatArray) -> float:
    """Return the root mean square, over rows and features, of the differences of rows and their nearest seeds."""
    squares = (seeds**2).sum(axis=1)
    nearest = (squares - 2 * rows @ seeds.T).min(axis=1) + (rows**2).sum(axis=1)
    return max(math.sqrt(max(float(nearest.mean()), 0.0) / rows.shape[1]), _LEAST_SHARE)


def markov_seeds(values: FloatArray, weights: FloatArray, n_seeds: int, rng: np.random.Generator) -> IntArray:
    """Return the positions (n_seeds,) of seeds among rows (n, d), drawn by assumption-free k-MC^2 without repeats.

    A seed is the last state of a Markov chain whose limit is the distribution of k-means++. The cost is that of
    ``n_seeds^2`` times the length of the chain distances and does not depend on the number of rows.

    References
    ----------
    Bachem, Lucic, Hassani and Krause, Fast and provably good seedings for k-means, NIPS 2016.
    """
    share = weights / weights.sum()
    first = int(rng.choice(len(values), p=share))
    distances = share * ((values - values[first]) ** 2).sum(axis=1)
    total = distances.sum()
    proposal = 0.5 * share + (0.5 * distances / total if total > 0 else 0.5 * share)
    seeds = np.empty(n_seeds, dtype=np.int64)
    seeds[0] = first
    is_seed = np.zeros(len(values), dtype=np.bool_)
    is_seed[first] = True
    states = rng.choice(len(values), size=(n_seeds, _CHAIN), p=proposal)
    uniform = rng.uniform(size=(n_seeds, _CHAIN))
    centers, squares = np.empty((n_seeds, values.shape[1])), np.empty(n_seeds)
    centers[0], squares[0] = values[first], (values[first] ** 2).sum()
    density = share / proposal
    for at in range(1, n_seeds):
        chain = states[at]
        rows = values[chain]
        nearest = (squares[:at] - 2 * rows @ centers[:at].T).min(axis=1) + (rows**2).sum(axis=1)
        odds = np.where(is_seed[chain], 0.0, np.maximum(nearest, 0.0) * density[chain])
        state = 0
        for step in range(1, _CHAIN):
            if odds[step] > uniform[at, step] * odds[state]:
                state = step
        seed = int(chain[state])
        if is_seed[seed]:  # the chain met nothing but seeds
            others = np.flatnonzero(~is_seed)
            seed = int(rng.choice(others)) if others.size else seed
        seeds[at], is_seed[seed] = seed, True
        centers[at], squares[at] = values[seed], (values[seed] ** 2).sum()
    return seeds
