"""Scores and observed information: first and second derivatives of the log-likelihood.

The observed information is the complete information, with known components, minus the missing information (Louis,
Finding the observed information matrix when using the EM algorithm, Journal of the Royal Statistical Society B 44
(1982), 226-233). With f_k the score of a row if its component were k, and r_k its responsibilities, the missing
information of a row is the covariance of f under r,

    sum_{j < k} r_j r_k (f_j - f_k)(f_j - f_k)'.

Of an incomplete row, f_k is an expectation given what is observed, and the covariance of f given k is missing as well.
This form avoids the cancellation in the difference of ``sum_k r_k f_k f_k'`` and the squared score for rows far from
all means.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np

from gaussmix.core.engines import engine_for
from gaussmix.core.engines.row_groups import group_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Rows
from gaussmix.inference.hidden_part import HiddenPart
from gaussmix.inference.parametrization import Parametrization

BLOCK_SIZE = 1 << 22  # numbers in memory
_FARTHEST = 1e75  # standard deviations whose fourth power is finite
_NEGLIGIBLE = 1e-18  # responsibility below rounding error


@dataclass(frozen=True, eq=False)
class Information:
    """Derivatives of the log-likelihood of rows by p coordinates.

    Attributes
    ----------
    weight : float
        Total weight of the rows.
    score : (p,) array
        Gradient of the log-likelihood, zero at a maximum.
    observed : (p, p) array
        Negative second derivatives.
    squared_scores : (p, p) array, or None
        Sum of s s' over the scores s of the rows; None if not computed.
    """

    weight: float
    score: FloatArray
    observed: FloatArray
    squared_scores: FloatArray | None

    @classmethod
    def at(cls, parametrization: Parametrization, rows: WeightedRows, *, squares: bool = True) -> Self:
        """Compute the information of weighted rows; ``squares`` says whether to compute the squared scores.

        Raises
        ------
        FloatingPointError
            If a row is more than 1e75 standard deviations from a mean.
        """
        p, k, d = parametrization.n_coordinates, *parametrization.mixture.means.shape
        places, n_weights = _all_places(parametrization), parametrization.n_weights
        score, squared, missing = np.zeros(p), np.zeros((p, p)), np.zeros((p, p))
        counts, shifts, scatter, in_noise = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d)), 0.0
        for block in _blocks(parametrization, rows):
            if squares:
                each = block.scores(p, places)
                squared += each.T @ (block.row_weights[:, None] * each)
            _add_missing(missing, block, places)
            for component in range(k):
                whitened = block.whitened[component]
                shares = block.row_weights * block.responsibilities[:, component]
                score[places[component]] += shares @ block.features[component]
                counts[component] += shares.sum()
                shifts[component] += shares @ whitened
                own = whitened.T @ (shares[:, None] * whitened)
                scatter[component] += own
                if block.hidden is not None:
                    part, total = block.hidden[component], float(shares.sum())
                    scatter[component] += total * part.covariance
                    where = places[component][n_weights:]
                    slope, slopes = _slope(parametrization, component), parametrization.tangents[component].slopes
                    missing[np.ix_(where, where)] += part.missing(slope, slopes, total, shares @ whitened, own)
            if parametrization.mixture.background is not None:
                shares = block.row_weights * block.responsibilities[:, k]
                score[places[k]] += shares @ block.features[k]
                in_noise += float(shares.sum())
        complete = np.zeros((p, p))
        complete[:n_weights, :n_weights] = (counts.sum() + in_noise) * np.eye(n_weights)
        for component in range(k):
            own_places = places[component][n_weights:]
            complete[np.ix_(own_places, own_places)] += _complete(
                parametrization, component, float(counts[component]), shifts[component], scatter[component]
            )
        observed = complete - missing
        return cls(float(counts.sum()) + in_noise, score, 0.5 * (observed + observed.T), squared if squares else None)


def score_rows(parametrization: Parametrization, rows: Rows) -> FloatArray:
    """Return the gradient (n, p) of the log density of each row."""
    places = _all_places(parametrization)
    scores = np.empty((len(rows), parametrization.n_coordinates))
    for block in _blocks(parametrization, WeightedRows(rows)):
        scores[block.positions] = block.scores(parametrization.n_coordinates, places)
    return scores


@dataclass(frozen=True, eq=False)
class _Block:
    """Block of rows: positions and weights (b,), responsibilities (b, k); by component whitened rows (b, d), f (b, q).

    Noise has the last responsibility and the last f. Of incomplete rows, both are expectations, and ``hidden`` has the
    distribution of the rest for each component.
    """

    positions: IntArray
    row_weights: FloatArray
    responsibilities: FloatArray
    whitened: list[FloatArray]
    features: list[FloatArray]
    hidden: list[HiddenPart] | None = None

    def scores(self, n_coordinates: int, places: list[IntArray]) -> FloatArray:
        """Return the scores (b, p)."""
        each = np.zeros((len(self.row_weights), n_coordinates))
        for component, where in enumerate(places):
            each[:, where] += self.responsibilities[:, component, None] * self.features[component]
        return each


def _blocks(parametrization: Parametrization, rows: WeightedRows) -> Iterator[_Block]:
    if not rows.is_exact:
        yield from _incomplete_blocks(parametrization, rows.positive())
        return
    mixture, (k, d) = parametrization.mixture, parametrization.mixture.means.shape
    recipes = [_Recipe.of(parametrization, component) for component in range(k)]
    width = parametrization.n_coordinates + sum(len(recipe.constants) + d for recipe in recipes)
    step = max(64, BLOCK_SIZE // width)
    for start in range(0, rows.n_rows, step):
        part = rows.take(slice(start, start + step))
        counted = np.flatnonzero(part.explicit_weights)
        some, weights = part.values.astype(np.float64)[counted], part.explicit_weights[counted]
        whitened = [(some - mixture.means[at]) @ parametrization.factors[at] for at in range(k)]
        for component, part in enumerate(whitened):
            away = np.abs(part).max(axis=1, initial=0.0)
            if away.max(initial=0.0) > _FARTHEST:
                raise FloatingPointError(
                    f"row {start + counted[away.argmax()]} is {away.max():.2g} standard deviations from the mean of "
                    f"component {component}: leave such rows out"
                )
        responsibilities = mixture.responsibilities(some)
        features = [recipe.apply(part) for recipe, part in zip(recipes, whitened, strict=True)]
        features += _of_noise(parametrization, len(some))
        yield _Block(start + counted, weights, responsibilities, whitened, features)


def _incomplete_blocks(parametrization: Parametrization, rows: WeightedRows) -> Iterator[_Block]:
    """Yield a block for each group of rows with the same missing values and errors."""
    mixture, k = parametrization.mixture, parametrization.mixture.n_components
    recipes = [_Recipe.of(parametrization, component) for component in range(k)]
    responsibilities = engine_for(rows).score_rows(mixture.whitened(), "responsibilities")
    for group in group_rows(rows):
        positions, observed = group.positions, group.observed
        hidden = [HiddenPart.of(root, observed, group.noise_root) for root in parametrization.roots]
        values = group.values.values[:, : len(observed)]
        whitened = [part.expected(values - mean[observed]) for part, mean in zip(hidden, mixture.means, strict=True)]
        features = [
            recipe.apply(mean) + recipe.variance_terms(part.covariance)
            for recipe, mean, part in zip(recipes, whitened, hidden, strict=True)
        ]
        features += _of_noise(parametrization, len(positions))
        yield _Block(
            positions, rows.explicit_weights[positions], responsibilities[positions], whitened, features, hidden
        )


def _slope(parametrization: Parametrization, component: int) -> float:
    return float(1 / np.sqrt(parametrization.mixture.weights[component]))


@dataclass(frozen=True, eq=False)
class _Recipe:
    """Coefficients of f of one component as a quadratic function of whitened rows y.

    Attributes
    ----------
    constants : (q,) array
        Constant terms.
    slope : float
        Coefficient of the linear terms.
    first, second : (m,) arrays of int
        Pairs of features in the quadratic terms.
    coefficients : (m, c) array
        Coefficients of the quadratic terms for the last c of the q coordinates.
    """

    constants: FloatArray
    slope: float
    first: IntArray
    second: IntArray
    coefficients: FloatArray

    @classmethod
    def of(cls, parametrization: Parametrization, component: int) -> "_Recipe":
        d = parametrization.mixture.n_features
        slopes = parametrization.tangents[component].slopes
        first, second = np.nonzero(np.triu(slopes.any(axis=0)))
        coefficients = slopes[:, first, second].T * np.where(first == second, 0.5, 1.0)[:, None]
        constants = np.concatenate(
            [parametrization.contrasts[component], np.zeros(d), -0.5 * np.trace(slopes, axis1=1, axis2=2)]
        )
        return cls(constants, _slope(parametrization, component), first, second, coefficients)

    def apply(self, whitened: FloatArray) -> FloatArray:
        """Return f (b, q) of whitened rows."""
        d, q = whitened.shape[1], self.coefficients.shape[1]
        features = np.tile(self.constants, (len(whitened), 1))
        features[:, len(self.constants) - q - d : len(self.constants) - q] = self.slope * whitened
        features[:, len(self.constants) - q :] += (
            whitened[:, self.first] * whitened[:, self.second]
        ) @ self.coefficients
        return features

    def variance_terms(self, covariance: FloatArray) -> FloatArray:
        """Return what the covariance (d, d) of whitened rows about their expectations adds to the expectation of f."""
        q = self.coefficients.shape[1]
        terms = np.zeros(len(self.constants))
        terms[len(terms) - q :] = covariance[self.first, self.second] @ self.coefficients
        return terms


def _of_noise(parametrization: Parametrization, n_rows: int) -> list[FloatArray]:
    """Return f (n, q) of rows that are noise, if there is noise: the derivatives of the log of its weight."""
    if parametrization.mixture.background is None:
        return []
    return [np.tile(parametrization.contrasts[-1], (n_rows, 1))]


def _all_places(parametrization: Parametrization) -> list[IntArray]:
    """Return `_places` of each component and, if there is noise, the positions of the coordinates of the weights."""
    places = [_places(parametrization, component) for component in range(parametrization.mixture.n_components)]
    noise = [] if parametrization.mixture.background is None else [np.arange(parametrization.n_weights)]
    return places + noise


def _places(parametrization: Parametrization, component: int) -> IntArray:
    """Return the positions of the coordinates of the weights, and of the mean and covariance of a component."""
    weights = np.arange(parametrization.n_weights)
    return np.concatenate([weights, parametrization.mean_places(component), parametrization.tangents[component].places])


def _add_missing(missing: FloatArray, block: _Block, places: list[IntArray]) -> None:
    """Add the missing information of a block to a matrix (p, p)."""
    shares, features = block.responsibilities, block.features
    others = shares @ (1.0 - np.eye(shares.shape[1]))  # 1 - share without cancellation
    for at, where in enumerate(places):
        missing[np.ix_(where, where)] += _product(features[at], features[at], shares[:, at] * others[:, at], block)
    for one, two in combinations(range(len(places)), 2):
        both = shares[:, one] * shares[:, two]
        if both.max(initial=0.0) <= _NEGLIGIBLE:
            continue
        product = _product(features[one], features[two], both, block)
        missing[np.ix_(places[one], places[two])] -= product
        missing[np.ix_(places[two], places[one])] -= product.T


def _product(one: FloatArray, two: FloatArray, shares: FloatArray, block: _Block) -> FloatArray:
    """Return the sum (p, q) of products of f (b, p) and (b, q), weighted by row weight times share."""
    seen = np.flatnonzero(shares > _NEGLIGIBLE)
    return np.asarray(one[seen].T @ ((block.row_weights[seen] * shares[seen])[:, None] * two[seen]))


def _complete(
    parametrization: Parametrization, component: int, count: float, shift: FloatArray, scatter: FloatArray
) -> FloatArray:
    """Return the complete information (d + q, d + q) on the mean and covariance of a component, in whitened units.

    It is minus the second derivatives of ``-1/2 [log det E + (y - u)' inverse(E) (y - u)]`` at E = 1 and u = 0, times
    the tangents, minus the gradient times the curvature of the structure.
    """
    tangent, weight, d = parametrization.tangents[component], parametrization.mixture.weights[component], len(shift)
    slopes = tangent.slopes
    information = np.empty((d + len(slopes), d + len(slopes)))
    information[:d, :d] = count / weight * np.eye(d)
    information[:d, d:] = (slopes @ shift).T / np.sqrt(weight)
    information[d:, :d] = information[:d, d:].T
    flat = slopes.reshape(len(slopes), -1)
    about = scatter - 0.5 * count * np.eye(d)
    information[d:, d:] = flat @ (slopes @ about).transpose(0, 2, 1).reshape(len(slopes), -1).T
    information[d:, d:] -= tangent.curvature(0.5 * (scatter - count * np.eye(d)))
    return information
