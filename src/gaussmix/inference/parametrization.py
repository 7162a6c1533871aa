"""Smooth coordinates of a covariance structure about a mixture, in the units of its components.

At zero they are the mixture; as many numbers as it has free parameters lead to every mixture of the structure nearby:

    log weight_k   plus sum_j contrasts[k, j] t_j, less the logarithm of what makes the sum one
    mean_k         plus root_k u_k / sqrt(weight_k)
    covariance_k   = root_k exp(A_k) exp(S_k) exp(A_k)' root_k'

with symmetric matrices S, the stretches, and matrices A, the turns, both linear in the coordinates. A structure is a
list of stretches and turns: of all components together where a letter of it is E, of each where it is V. A row of known
component carries unit information about each coordinate and none about two together, whatever the units, the offset and
the condition of the data.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import helmert, null_space

from gaussmix.core.covariance import MODELS, is_model
from gaussmix.core.covariance.common_axes import generic_axes, lengths_along
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, IntArray

_LEAST_TURN = 1e-8  # deviations: what turning does to a sphere is rounding


@dataclass(frozen=True, eq=False)
class Tangent:
    """The coordinates that move one covariance.

    Attributes
    ----------
    places : (q,) array of int
        Among all coordinates.
    stretches : (q, d, d) array
        S for a unit of each: symmetric.
    turns : (q, d, d) array
        A for a unit of each.
    """

    places: IntArray
    stretches: FloatArray
    turns: FloatArray

    @property
    def slopes(self) -> FloatArray:
        """(q, d, d) the first derivatives of ``exp(A) exp(S) exp(A)'`` at zero."""
        return self.stretches + self.turns + self.turns.transpose(0, 2, 1)

    def curvature(self, gradient: FloatArray) -> FloatArray:
        """(q, q) the second derivatives of the trace of ``gradient exp(A) exp(S) exp(A)'``, gradient symmetric (d, d).

        They are those of the terms of second order, ``(A A + A'A' + S S) / 2 + A S + S A' + A A'``.
        """
        half = _traces(gradient @ self.turns, self.slopes + self.stretches)
        half += 0.5 * _traces(gradient @ self.stretches, self.stretches)
        return half + half.T


@dataclass(frozen=True, eq=False)
class Parametrization:
    """The coordinates, in this order: those of the weights (k - 1), of the means (k d), of the covariances.

    Attributes
    ----------
    mixture : Mixture
        Without components of weight zero.
    contrasts : (k, k - 1) array
    roots, factors : (k, d, d) array
        Of the covariances: triangular, or axes times lengths where those or these are shared. ``factors =
        inverse(roots)'``.
    tangents : tuple of Tangent
        One for each component.
    n_coordinates : int
        The number of free parameters; less one for each turn of a sphere.
    """

    mixture: Mixture
    contrasts: FloatArray
    roots: FloatArray
    factors: FloatArray
    tangents: tuple[Tangent, ...]
    n_coordinates: int

    @classmethod
    def about(cls, mixture: Mixture) -> Self:
        """Return the coordinates of the mixture's own structure.

        Raises
        ------
        ValueError
            If the structure is not one of `MODELS`, whose letters say all about them.
        """
        structure = type(mixture.covariance)
        if not is_model(structure):
            raise ValueError(
                f"standard errors are for {', '.join(MODELS)}, got a mixture of covariance_type={structure.name!r}: "
                "use bootstrap"
            )
        k, d = mixture.means.shape
        volume, shape, orientation = list(mixture.covariance.letters)
        nothing = np.zeros((1, 1, d, d))
        size = (np.eye(d)[None, None], nothing)
        if shape == orientation:  # one matrix for each component or for all, or none
            roots, factors = _roots(mixture)
            parts = [(volume, *size), (shape, _forms(d), nothing)]
        else:
            roots, factors = _roots(mixture) if orientation == "I" else _axes_and_lengths(mixture, orientation)
            parts = [(volume, *size), (shape, _lengths(d), nothing), (orientation, nothing, _turns(roots))]
        drawn = _Drawn(mixture.weights, k - 1 + k * d)
        for letter, stretches, turns in parts:
            for members in {"I": [], "E": [list(range(k))], "V": [[at] for at in range(k)]}[letter]:
                drawn.add(members, stretches, turns)
        return cls(mixture, _contrasts(mixture.weights), roots, factors, drawn.tangents(), drawn.n_coordinates)

    def mean_places(self, component: int) -> IntArray:
        """(d,) the coordinates of its mean."""
        k, d = self.mixture.means.shape
        return k - 1 + component * d + np.arange(d)


class _Drawn:
    """The tangents of each component, as they are being listed."""

    def __init__(self, weights: FloatArray, n_coordinates: int) -> None:
        self.n_coordinates = n_coordinates
        self._weights = weights
        self._lists: list[list[Tangent]] = [[] for _ in weights]

    def add(self, members: list[int], stretches: FloatArray, turns: FloatArray) -> None:
        """Coordinates that move some components together; stretches and turns (k or 1, q, d, d)."""
        k, (q, d) = len(self._weights), np.broadcast_shapes(stretches.shape, turns.shape)[1:3]
        stretches = np.broadcast_to(stretches, (k, q, d, d))[members]
        turns = np.broadcast_to(turns, (k, q, d, d))[members]
        slopes = stretches + turns + turns.transpose(0, 1, 3, 2)
        size = np.sqrt(np.einsum("k,kqij,kqij->q", 0.5 * self._weights[members], slopes, slopes))
        kept = size > _LEAST_TURN
        scale = size[kept, None, None]
        places = self.n_coordinates + np.arange(len(scale))
        self.n_coordinates += len(scale)
        for place, member in enumerate(members):
            self._lists[member].append(Tangent(places, stretches[place, kept] / scale, turns[place, kept] / scale))

    def tangents(self) -> tuple[Tangent, ...]:
        return tuple(
            Tangent(
                np.concatenate([part.places for part in parts]),
                np.concatenate([part.stretches for part in parts]),
                np.concatenate([part.turns for part in parts]),
            )
            for parts in self._lists
        )


def _contrasts(weights: FloatArray) -> FloatArray:
    """(k, k - 1) orthonormal when rows count with their weights, and orthogonal to the weights."""
    deviations = np.sqrt(weights)
    return np.asarray(null_space(deviations[None]) / deviations[:, None])


def _roots(mixture: Mixture) -> tuple[FloatArray, FloatArray]:
    """(k, d, d) the mixture's own, triangular, and their inverses transposed."""
    return mixture.covariance.dense_roots(), mixture.covariance.dense_factors()


def _axes_and_lengths(mixture: Mixture, orientation: str) -> tuple[FloatArray, FloatArray]:
    """(k, d, d) orthogonal axes times the lengths along them, and their inverses transposed."""
    roots = mixture.covariance.roots
    if orientation == "E":
        axes = generic_axes(roots)
        lengths = lengths_along(axes, roots)
    else:
        axes, lengths, _ = np.linalg.svd(roots)
    return np.asarray(axes * lengths[:, None, :]), np.asarray(axes / lengths[:, None, :])


def _forms(d: int) -> FloatArray:
    """(1, q, d, d) an orthonormal basis of the symmetric matrices of trace zero."""
    first, second = np.triu_indices(d, 1)
    pairs = np.zeros((len(first), d, d))
    at = np.arange(len(first))
    pairs[at, first, second] = pairs[at, second, first] = math.sqrt(0.5)
    return np.concatenate([_lengths(d)[0], pairs])[None]


def _lengths(d: int) -> FloatArray:
    """(1, d - 1, d, d) an orthonormal basis of the diagonal ones."""
    return np.asarray(helmert(d)[None, :, :, None] * np.eye(d))


def _turns(roots: FloatArray) -> FloatArray:
    """(k, q, d, d) A for a rotation of each pair of axes: ``root exp(A) = exp(rotation) root``."""
    k, d, _ = roots.shape
    lengths = np.sqrt((roots**2).sum(axis=1))
    first, second = np.triu_indices(d, 1)
    turns = np.zeros((k, len(first), d, d))
    at = np.arange(len(first))
    turns[:, at, first, second] = lengths[:, second] / lengths[:, first]
    turns[:, at, second, first] = -lengths[:, first] / lengths[:, second]
    return turns


def _traces(one: FloatArray, two: FloatArray) -> FloatArray:
    """(p, q) the traces of the products of matrices (p, d, d) and (q, d, d)."""
    return np.asarray(one.reshape(len(one), -1) @ two.transpose(0, 2, 1).reshape(len(two), -1).T)
