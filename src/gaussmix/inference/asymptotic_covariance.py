"""From the information about coordinates to how far estimates spread about the truth."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.inference.information import Information

_LEAST = 1e-9  # of the information in rows of known component: a standard error 30,000 times as large
_MATTERS = 0.01  # of a variance


@dataclass(frozen=True, eq=False)
class AsymptoticCovariance:
    """The covariance of the coordinates over the tables that might have been: ``root root'``.

    Attributes
    ----------
    root : (p, r) array
    flat : (p, b) array
        Orthonormal directions that the rows tell nothing of: what moves along one of them has no standard error. They
        are scaled by the deviation that they would have if the rows told the least that counts.
    least : float
        The least information about any direction, as a share of that in rows of known component; not above zero where
        the likelihood does not curve down.
    ahead : float
        How far below the top nearby the log-likelihood is, in nats: half the length of Newton's step, squared.
    """

    root: FloatArray
    flat: FloatArray
    least: float
    ahead: float

    @classmethod
    def of(cls, information: Information, kind: str) -> Self:
        """By the inverse of the observed information I, of the squared scores J ("opg"), or I^-1 J I^-1 ("sandwich").

        White, Maximum likelihood estimation of misspecified models, Econometrica 50 (1982), 1-25. Where a matrix is
        singular it is inverted on the rest of the space.
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
        """(m,) the standard errors of numbers with derivatives ``slopes`` (m, q) by the coordinates at some places.

        NaN for what moves along a flat direction.
        """
        variances = ((slopes @ self.root[places]) ** 2).sum(axis=1)
        hidden = ((slopes @ self.flat[places]) ** 2).sum(axis=1)
        return np.where(hidden > _MATTERS * variances, np.nan, np.sqrt(variances))
