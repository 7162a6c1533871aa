"""Asymptotic covariance of the coordinates, from their information."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.inference.information import Information

_LEAST = 1e-9  # share of the information with known components: a standard error 30,000 times as large
_MATTERS = 0.01  # share of a variance


@dataclass(frozen=True, eq=False)
class AsymptoticCovariance:
    """Asymptotic covariance of the coordinates, ``root root'``.

    Attributes
    ----------
    root : (p, r) array
        Root of the covariance.
    flat : (p, b) array
        Directions without information: parameters that change along them have no standard error. They are orthogonal,
        with the standard deviation of the least information that counts as their length.
    least : float
        The least information about any direction, as a share of that with known components; zero or negative if the
        log-likelihood is not strictly concave.
    ahead : float
        Estimated distance of the log-likelihood from the nearby maximum, in nats: half the squared length of Newton's
        step.
    """

    root: FloatArray
    flat: FloatArray
    least: float
    ahead: float

    @classmethod
    def of(cls, information: Information, kind: str) -> Self:
        """Invert the observed information I or the squared scores J ("opg"), or return I^-1 J I^-1 ("sandwich").

        White, Maximum likelihood estimation of misspecified models, Econometrica 50 (1982), 1-25. A singular matrix is
        inverted on the orthogonal complement of its null space.
        """
        squares = information.squared_scores
        bread = squares if kind == "opg" and squares is not None else information.observed
        values, vectors = np.linalg.eigh(bread / information.weight)
        told = values > _LEAST
        root = vectors[:, told] / np.sqrt(information.weight * values[told])
        step = root.T @ information.score
        if kind == "sandwich" and squares is not None:
            sizes, directions = np.linalg.eigh(squares)
            root = root @ (root.T @ (directions * np.sqrt(np.maximum(sizes, 0.0))))
        flat = vectors[:, ~told] / np.sqrt(information.weight * _LEAST)
        return cls(root, flat, float(values.min(initial=1.0)), 0.5 * float(step @ step))

    def deviations(self, places: IntArray, slopes: FloatArray) -> FloatArray:
        """Return standard errors (m,) of parameters from their derivatives (m, q) by some coordinates.

        They are NaN for parameters that change along a flat direction.
        """
        variances = ((slopes @ self.root[places]) ** 2).sum(axis=1)
        hidden = ((slopes @ self.flat[places]) ** 2).sum(axis=1)
        return np.where(hidden > _MATTERS * variances, np.nan, np.sqrt(variances))
