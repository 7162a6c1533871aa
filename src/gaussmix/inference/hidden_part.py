"""What incomplete rows hide of the true row, for the information that is missing (Louis 1982).

With root L of a component, the true row is ``mean + L y``. Of it, some features are observed, with errors ``N(0, S)``.
As in `gaussmix.core.engines.observed`, ``E[y] = A v`` and ``Cov[y] = 1 - A A'`` given the standardized observed row v.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from gaussmix.core.typing import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class HiddenPart:
    """The distribution of whitened true rows y of one component, given rows with the same missing values and errors.

    Attributes
    ----------
    lift : (d, o) array
        A.
    factor : (o, o) array
        Upper triangular F with ``v = (x - mean) F`` for the observed values x.
    covariance : (d, d) array
        ``1 - A A'``, of the whitened true row.
    """

    lift: FloatArray
    factor: FloatArray
    covariance: FloatArray

    @classmethod
    def of(cls, root: FloatArray, observed: IntArray, noise_root: FloatArray | None) -> "HiddenPart":
        """Return the hidden part of a component with a root (d, d), whose ``observed`` (o,) features are seen."""
        seen = root[observed].T
        q, r = np.linalg.qr(seen if noise_root is None else np.concatenate([seen, noise_root.T]))
        lift = q[: len(root)]
        return cls(lift, solve_triangular(r, np.eye(len(observed))), np.eye(len(root)) - lift @ lift.T)

    def expected(self, centered: FloatArray) -> FloatArray:
        """Return the expected whitened true rows (b, d), given observed values (b, o) about the mean."""
        return np.asarray(centered @ self.factor @ self.lift.T)

    def missing(
        self, slope: float, slopes: FloatArray, count: float, shift: FloatArray, scatter: FloatArray
    ) -> FloatArray:
        """Return the sum (d + q, d + q) of the covariances of ``(slope y, 1/2 y' S y)`` given what is observed.

        Parameters
        ----------
        slope : float
            Coefficient of y.
        slopes : (q, d, d) array
            Symmetric matrices S.
        count : float
            Sum of the weights of the rows.
        shift, scatter : (d,), (d, d) array
            Weighted sums of the expected y and of their products.
        """
        d, hidden = len(shift), self.covariance
        turned = slopes @ hidden  # S V
        information = np.empty((d + len(slopes), d + len(slopes)))
        information[:d, :d] = slope**2 * count * hidden
        information[:d, d:] = slope * (hidden @ (slopes @ shift).T)
        information[d:, :d] = information[:d, d:].T
        both = (0.5 * count * hidden + scatter) @ turned  # (V / 2 + M) S V, to be traced with the other S
        information[d:, d:] = _traces(both, slopes)
        return information


def _traces(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the traces (p, q) of the products of matrices (p, d, d) and symmetric ones (q, d, d)."""
    return np.asarray(one.reshape(len(one), -1) @ other.reshape(len(other), -1).T)
