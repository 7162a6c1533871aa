"""What a pass for factor covariances knows of the lengths of whitened rows, for the next pass over the same rows.

Most rows of many features belong to one component, and from one step of EM to the next hardly any row changes. A lower
bound of the length of a row in the units of each component says which components cannot have a share in it. When the
parameters change, the bound changes with them: the squared length of any row about the new mean is at least that
about the old mean, less the distance of the means, divided by the greatest variance of the new covariance in the old
units. The principle is that of Hamerly, SIAM International Conference on Data Mining (2010), 130-140, for k-means.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gaussmix.core.typing import FloatArray, Rows
from gaussmix.core.whitened import WhitenedMixture

_LEAST_FEATURES = 64  # with fewer, scores take hardly longer than bounds
_LEAST_RATIO = 8  # of the memory of the rows to that of their bounds
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class FactorLengths:
    """Lower bounds of the lengths of whitened rows.

    Attributes
    ----------
    mixture : WhitenedMixture
        Mixture of the pass.
    least : (n, k) array of float32
        Bounds.
    best : (n,) array of int32
        Component of the greatest score.
    """

    mixture: WhitenedMixture
    least: NDArray[np.float32]
    best: NDArray[np.int32]

    @classmethod
    def empty(cls, mixture: WhitenedMixture, n_rows: int) -> Self:
        """Return arrays for a pass with a mixture, which writes them."""
        k = len(mixture.means)
        return cls(mixture, np.empty((n_rows, k), dtype=np.float32), np.empty(n_rows, dtype=np.int32))

    def fits(self, mixture: WhitenedMixture) -> bool:
        """Return whether a mixture has as many components and factors."""
        return self.mixture.factors.shape == mixture.factors.shape

    def changes(self, mixture: WhitenedMixture) -> tuple[FloatArray, FloatArray]:
        """Return how lengths change with the parameters.

        Parameters
        ----------
        mixture : WhitenedMixture
            New parameters.

        Returns
        -------
        moves, scales : (k,) arrays
            A length of at least a becomes one of at least ``(a - moves) scales``.
        """
        old, new, k = self.mixture, mixture, len(mixture.means)
        axes = old.factors[:, :, 1:]
        moved = (new.means - old.means) * old.factors[:, :, 0]
        moved = moved - (axes @ (moved[:, None, :] @ axes).transpose(0, 2, 1))[:, :, 0]
        moves, greatest = np.linalg.norm(moved, axis=1), _greatest_variances(old.factors, new.factors)
        if not np.isfinite([moves, greatest]).all():  # nothing is known
            return np.zeros(k), np.zeros(k)
        return moves * (1 + _ROUNDING), (1 - _ROUNDING) / np.sqrt(greatest)


def are_worth_keeping(values: Rows, n_components: int) -> bool:
    """Return whether bounds save time and take little memory."""
    enough = values.shape[1] >= _LEAST_FEATURES and n_components > 1
    return enough and 4 * n_components * _LEAST_RATIO <= values.shape[1] * values.dtype.itemsize


def _greatest_variances(old: FloatArray, new: FloatArray) -> FloatArray:
    """Return upper bounds (k,) of the variances of new covariances in units of old ones, for factors (k, d, 1 + q).

    In the units of the old covariance, the new one is ``(I - G G') E (I - G G') + L L'`` with E the ratios of the
    variances of the noise, and at most that with e = max E in place of E: ``e I + [G L] diag(-e (2 - g), 1) [G L]'``.
    """
    axes, later = (np.ascontiguousarray(factors[:, :, 1:].transpose(0, 2, 1)) for factors in (old, new))
    shares, later_shares = (np.einsum("kqd,kqd->kq", one, one) for one in (axes, later))
    ratios = old[:, :, 0] / new[:, :, 0]
    loadings = later * ratios[:, None, :] * (np.sqrt(2 - later_shares) / (1 - later_shares))[:, :, None]
    loadings -= (loadings @ axes.transpose(0, 2, 1)) @ axes
    noise = (ratios**2).max(axis=1)
    both = np.concatenate([axes, loadings], axis=1)
    signs = np.concatenate([-noise[:, None] * (2 - shares), np.ones_like(shares)], axis=1)
    squares = both @ both.transpose(0, 2, 1)
    if not np.isfinite(squares).all():
        return np.full(len(old), np.inf)
    values, turn = np.linalg.eigh(squares)
    root = turn.transpose(0, 2, 1) * np.sqrt(np.maximum(values, 0.0))[:, :, None]
    spread: Any = np.linalg.eigvalsh((root * signs[:, None, :]) @ root.transpose(0, 2, 1))[:, -1]
    return np.asarray(noise + np.maximum(spread, 0.0))
