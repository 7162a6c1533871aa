"""Initialization of EM from labels or responsibilities."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from numbers import Real
from typing import Literal

import numpy as np

from gaussmix.core.background import NOISE, Background
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import AbstractEngine
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.number_checks import as_numbers
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Random, Rows
from gaussmix.fitting.completed_rows import completed
from gaussmix.fitting.kmeans import draw_seeds, k_means, nearest
from gaussmix.fitting.m_step import AbstractUpdate

Method = Literal["kmeans", "k-means++", "random", "random_from_data"]
METHODS: tuple[Method, ...] = ("kmeans", "k-means++", "random", "random_from_data")

START_ROWS = 100_000
"""Maximum number of rows that a start uses; it uses fewer if they are enough, because a start costs a few passes."""

# Compared with one run of k-means on all rows, three tries on this many rows led to clearly better likelihoods on two
# of seven problems, and to equal ones within noise on five.
_CLUSTERED_ROWS = 5_000
_CLUSTERED_ROWS_PER_COMPONENT = 60
_TRIES = 3
_LLOYD_ITERATIONS = 20


@dataclass(frozen=True, eq=False)
class Membership:
    """Membership of rows in components: ``labels`` (n,) or soft ``responsibilities`` (n, k).

    Rows with the label -1, and the last column of responsibilities (n, k + 1), are noise.
    """

    rows: WeightedRows
    n_components: int
    labels: IntArray | None = None
    responsibilities: FloatArray | None = None

    def parts(self) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield the rows of each component, and their weights in it."""
        rows, weights = self.rows.values, self.rows.explicit_weights
        for component in range(self.n_components):
            if self.labels is not None:
                chosen = self.labels == component
                yield rows[chosen].astype(float), weights[chosen]
            elif self.responsibilities is not None:
                yield rows.astype(float), weights * self.responsibilities[:, component]

    @property
    def noise_weight(self) -> float:
        """The share of the rows that are noise."""
        weights = self.rows.explicit_weights
        if self.labels is not None:
            return float(weights[self.labels == NOISE].sum() / weights.sum())
        if self.responsibilities is None or self.responsibilities.shape[1] == self.n_components:
            return 0.0
        return float(weights @ self.responsibilities[:, -1] / weights.sum())


def draw_membership(engine: AbstractEngine, n_components: int, method: Method, rng: Random) -> Membership:
    """Draw memberships for a bounded number of the engine's rows.

    Parameters
    ----------
    engine : AbstractEngine
        Engine with the rows.
    n_components : int
        Number of components.
    method : {"kmeans", "k-means++", "random", "random_from_data"}
        "kmeans": clusters of k-means, after missing values are filled in. "k-means++": each row belongs to the nearest
        seed of k-means++ (Arthur and Vassilvitskii 2007). "random_from_data": each row belongs to the nearest of k
        distinct rows drawn by their weights. "random": uniform random responsibilities, normalized.
    rng : numpy RandomState or Generator
        Source of random numbers.
    """
    if method == "random":  # needs a table of rows by components
        limit = min(START_ROWS, 10_000_000 // n_components)
    else:  # enough rows for the covariances
        limit = min(START_ROWS, max(2 * _CLUSTERED_ROWS, max(100, 10 * engine.n_features) * n_components))
    rows = completed(engine.sample_rows(max(limit, 2 * n_components), rng))
    if method == "random":
        shares = rng.uniform(size=(rows.n_rows, n_components))
        shares /= shares.sum(axis=1, keepdims=True)
        return Membership(rows, n_components, responsibilities=shares)
    centered = rows.with_values(_centered(rows.values))
    centers = _centers(centered, n_components, method, rng)
    return Membership(rows, n_components, labels=nearest(centered.values, centers))


def _centers(rows: WeightedRows, n_components: int, method: Method, rng: Random) -> FloatArray:
    """Return the centers (k, d) of the cells."""
    limit = max(_CLUSTERED_ROWS, _CLUSTERED_ROWS_PER_COMPONENT * n_components)
    some = draw_rows(rows, limit, rng)
    if some.weights is not None:  # sums of weights times squares neither overflow nor underflow
        some = replace(some, weights=some.weights / some.weights.max())
    match method:
        case "kmeans":
            tries = 1 if some.n_rows == rows.n_rows else max(1, _TRIES * _CLUSTERED_ROWS // limit)
            return k_means(some, n_components, rng, max_iter=_LLOYD_ITERATIONS, tries=tries)
        case "k-means++":
            return some.values[draw_seeds(some, n_components, rng)]
        case _:
            return some.values[_draw_different_rows(some, n_components, rng)]


def _centered(rows: FloatArray) -> FloatArray:
    """Return the rows about their mean, scaled by a power of two, so that distances keep their digits and range."""
    centered = rows - rows.mean(axis=0, dtype=np.float64)
    return np.ldexp(centered, -np.frexp(np.abs(centered).max())[1])


def _draw_different_rows(rows: WeightedRows, size: int, rng: Random) -> IntArray:
    """Return positions of rows drawn by their weights, all distinct if there are enough distinct rows."""
    shares = None if rows.weights is None else rows.weights / rows.weights.sum()
    chosen = rng.choice(rows.n_rows, size=size, replace=False, p=shares)
    if len(np.unique(rows.values[chosen], axis=0)) == size:
        return chosen
    _, first, inverse = np.unique(rows.values, axis=0, return_index=True, return_inverse=True)
    weights = np.bincount(inverse.reshape(-1), weights=rows.weights)
    return first[rng.choice(len(first), size=min(size, len(first)), replace=False, p=weights / weights.sum())]


def mixture_from_membership(
    membership: Membership, structure: type[AbstractCovariance], update: AbstractUpdate
) -> Mixture:
    """Return the M-step from given memberships; a component without rows starts at the center of the data."""
    n_components, n_features = membership.n_components, membership.rows.n_features
    unit = structure.identity(n_components, n_features)
    center = membership.rows.values.mean(axis=0, dtype=float)
    counts, means, scatter = [], [], []
    for rows, weights in membership.parts():
        count = weights.sum()
        offset = rows - center
        shift = weights @ offset / count if count > 0 else np.zeros(n_features)
        counts.append(count)
        means.append(center + shift)
        scatter.append(FORMS[unit.form].scatter_of(offset - shift, weights))
    moments = Moments(
        unit.form,
        np.array(counts),
        np.zeros((n_components, n_features)),
        FORMS[unit.form].total(scatter),
        log_likelihood=np.nan,
        entropy=np.nan,
        weight=float(np.sum(counts)),
    )
    start = Mixture(np.full(n_components, 1.0 / n_components), np.stack(means), unit)
    first = update.begin(start, moments).mixture
    noise = membership.noise_weight
    if not noise:
        return first
    region = Background(noise, np.zeros(n_features), np.eye(n_features))  # a fit has a region of its own
    return replace(first, weights=(1 - noise) * first.weights, background=region)


def _labels_from_user(given: Rows, n_components: int, least: int) -> IntArray:
    """(n,) the labels of a user; ValueError that names the first one that is no number of a component, or noise."""
    expected = f"labels in init_params must be whole numbers from {least} to {n_components - 1}, one for every row"
    if given.dtype.kind in "iub":
        bad = (given < least) | (given >= n_components)
    elif given.dtype.kind == "f":
        bad = ~((given >= least) & (given < n_components) & (given == np.floor(given)))
    else:
        bad = np.array([not isinstance(label, Real) or label not in range(least, n_components) for label in given])
    if not bad.any():
        return given.astype(np.int64)
    row = int(np.flatnonzero(bad)[0])
    if isinstance(given[row], Real):
        unknown = (
            "; there is no label for an unknown component: leave such rows out, or pass responsibilities, with 1 / k "
            "for all k components in these rows"
        )
        raise ValueError(f"{expected}; row {row} has {given[row]}{unknown if given[row] == -1 else ''}")
    raise ValueError(
        f"{expected}; row {row} has {given[row]!s:.40}. For names, pass numpy.unique(names, return_inverse=True)[1]"
    )


def membership_from_user(given: Rows, rows: WeightedRows, n_components: int, *, noise: bool = False) -> Membership:
    """Return memberships of all rows from user input: labels (n,) from 0 to k - 1, or responsibilities (n, k).

    With noise, labels may be -1, and responsibilities may have one more column.
    """
    rows = completed(rows)
    if given.shape == (rows.n_rows,):
        return Membership(rows, n_components, labels=_labels_from_user(given, n_components, NOISE if noise else 0))
    if given.shape in ((rows.n_rows, n_components), (rows.n_rows, n_components + noise)):
        shares = as_numbers(given, "responsibilities in init_params")
        sums = shares.sum(axis=1, keepdims=True)
        if not (np.isfinite(shares).all() and (shares >= 0).all() and (sums > 0).all()):
            raise ValueError("responsibilities in init_params must be nonnegative with a positive sum in every row")
        return Membership(rows, n_components, responsibilities=shares / sums)
    raise ValueError(
        f"init_params must be one of {METHODS}, labels of shape ({rows.n_rows},) or responsibilities of shape "
        f"({rows.n_rows}, {n_components}); got an array of shape {given.shape}"
    )
