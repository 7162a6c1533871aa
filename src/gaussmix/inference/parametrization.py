"""Smooth coordinates of the mixtures near a given mixture, within a covariance structure and in whitened units.

There are as many coordinates as free parameters, and all are zero at the given mixture. They change it to

    log weight_k + sum_j contrasts[k, j] t_j, normalized to weights with sum one
    mean_k + root_k u_k / sqrt(weight_k)
    root_k exp(A_k) exp(S_k) exp(A_k)' root_k'

with symmetric matrices S (stretches) and matrices A (turns), both linear in the coordinates. A structure is a list of
stretches and turns, shared by all components for the letter E and separate for V. If the components of the rows were
known, the information matrix of the coordinates would be the identity per row, whatever the units, the offset and the
condition of the data.
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

_LEAST_TURN = 1e-8  # standard deviations: smaller effects, as of turning a sphere, are rounding errors


@dataclass(frozen=True, eq=False)
class Tangent:
    """Coordinates of one covariance.

    Attributes
    ----------
    places : (q,) array of int
        Positions among all coordinates.
    stretches : (q, d, d) array
        Derivative of S by each coordinate, symmetric.
    turns : (q, d, d) array
        Derivative of A by each coordinate.
    """

    places: IntArray
    stretches: FloatArray
    turns: FloatArray

    @property
    def slopes(self) -> FloatArray:
        """First derivatives (q, d, d) of ``exp(A) exp(S) exp(A)'`` at zero."""
        return self.stretches + self.turns + self.turns.transpose(0, 2, 1)

    def curvature(self, gradient: FloatArray) -> FloatArray:
        """Return the second derivatives (q, q) of ``trace(gradient exp(A) exp(S) exp(A)')`` for a symmetric gradient.

        The terms of second order are ``(A A + A'A' + S S) / 2 + A S + S A' + A A'``.
        """
        half = _traces(gradient @ self.turns, self.slopes + self.stretches)
        half += 0.5 * _traces(gradient @ self.stretches, self.stretches)
        return half + half.T


@dataclass(frozen=True, eq=False)
class Parametrization:
    """Coordinates of the weights (k - 1, with noise k), the means (k d) and the covariances, in this order.

    Attributes
    ----------
    mixture : Mixture
        Mixture without components of weight zero.
    contrasts : (k, k - 1) array, or (k + 1, k) with noise
        Derivatives of the log weights; that of the noise is last. The volume of the noise is fixed.
    roots, factors : (k, d, d) array
        Roots of the covariances, and ``factors = inverse(roots)'``. Triangular, or axes times lengths if the structure
        constrains them separately.
    tangents : tuple of Tangent
        One for each component.
    n_coordinates : int
        Number of free parameters, without turns of a sphere.
    """

    mixture: Mixture
    contrasts: FloatArray
    roots: FloatArray
    factors: FloatArray
    tangents: tuple[Tangent, ...]
    n_coordinates: int

    @classmethod
    def about(cls, mixture: Mixture) -> Self:
        """Make the coordinates of the covariance structure of a mixture.

        Raises
        ------
        ValueError
            If the structure is not one of `MODELS`.
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
        noise = [] if mixture.background is None else [mixture.background.weight]
        contrasts = _contrasts(np.append(mixture.weights, noise))
        drawn = _Drawn(mixture.weights, contrasts.shape[1] + k * d)
        for letter, stretches, turns in parts:
            for members in {"I": [], "E": [list(range(k))], "V": [[at] for at in range(k)]}[letter]:
                drawn.add(members, stretches, turns)
        return cls(mixture, contrasts, roots, factors, drawn.tangents(), drawn.n_coordinates)

    @property
    def n_weights(self) -> int:
        """The number of coordinates of the weights."""
        return self.contrasts.shape[1]

    def mean_places(self, component: int) -> IntArray:
        """Return the positions (d,) of the coordinates of a mean."""
        d = self.mixture.n_features
        return self.n_weights + component * d + np.arange(d)


class _Drawn:
    """Tangents of each component while they are collected."""

    def __init__(self, weights: FloatArray, n_coordinates: int) -> None:
        self.n_coordinates = n_coordinates
        self._weights = weights
        self._lists: list[list[Tangent]] = [[] for _ in weights]

    def add(self, members: list[int], stretches: FloatArray, turns: FloatArray) -> None:
        """Add coordinates that some components share; stretches and turns (k or 1, q, d, d)."""
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
    """Return contrasts (k, k - 1): orthonormal in the inner product of the weights, and orthogonal to constants."""
    deviations = np.sqrt(weights)
    return np.asarray(null_space(deviations[None]) / deviations[:, None])


def _roots(mixture: Mixture) -> tuple[FloatArray, FloatArray]:
    """Return triangular roots (k, d, d) and their transposed inverses."""
    return mixture.covariance.dense_roots(), mixture.covariance.dense_factors()


def _axes_and_lengths(mixture: Mixture, orientation: str) -> tuple[FloatArray, FloatArray]:
    """Return roots (k, d, d), orthogonal axes times lengths, and their transposed inverses."""
    roots = mixture.covariance.roots
    if orientation == "E":
        axes = generic_axes(roots)
        lengths = lengths_along(axes, roots)
    else:
        axes, lengths, _ = np.linalg.svd(roots)
    return np.asarray(axes * lengths[:, None, :]), np.asarray(axes / lengths[:, None, :])


def _forms(d: int) -> FloatArray:
    """Return an orthonormal basis (1, q, d, d) of the symmetric matrices of trace zero."""
    first, second = np.triu_indices(d, 1)
    pairs = np.zeros((len(first), d, d))
    at = np.arange(len(first))
    pairs[at, first, second] = pairs[at, second, first] = math.sqrt(0.5)
    return np.concatenate([_lengths(d)[0], pairs])[None]


def _lengths(d: int) -> FloatArray:
    """Return an orthonormal basis (1, d - 1, d, d) of the diagonal matrices of trace zero."""
    return np.asarray(helmert(d)[None, :, :, None] * np.eye(d))


def _turns(roots: FloatArray) -> FloatArray:
    """Return A (k, q, d, d) for a rotation of each pair of axes: ``root exp(A) = exp(rotation) root``."""
    k, d, _ = roots.shape
    lengths = np.sqrt((roots**2).sum(axis=1))
    first, second = np.triu_indices(d, 1)
    turns = np.zeros((k, len(first), d, d))
    at = np.arange(len(first))
    turns[:, at, first, second] = lengths[:, second] / lengths[:, first]
    turns[:, at, second, first] = -lengths[:, first] / lengths[:, second]
    return turns


def _traces(one: FloatArray, two: FloatArray) -> FloatArray:
    """Return the traces (p, q) of the products of matrices (p, d, d) and (q, d, d)."""
    return np.asarray(one.reshape(len(one), -1) @ two.transpose(0, 2, 1).reshape(len(two), -1).T)
