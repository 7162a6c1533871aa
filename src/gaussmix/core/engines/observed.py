"""What is observed of a mixture by rows with missing values and measurement errors.

In the whitened units of a component a row is ``z ~ N(0, I)``, and ``x = mean + L z`` with L the lower root of the
covariance. Of x, the features P are observed, with errors ``N(0, S)``. A QR decomposition gives the factor F of the
covariance of the observed values, without forming that covariance:

    [L' P'; S^(1/2)'] = [A; *] R,    F = inverse(R),    P C P' + S = R' R.

With ``v = (P x - P mean) F``, which is standard normal, ``E[z | v] = A v`` and ``Cov[z | v] = I - A A'``. So the sums
of the rows under the observed mixture become sums over z, without another pass over the rows: Ghahramani and Jordan,
Supervised learning from incomplete data via an EM approach, NIPS 6 (1994), 120-127, and Bovy, Hogg and Roweis, Annals
of Applied Statistics 5 (2011), 1657-1677, in whitened units.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve_triangular

from gaussmix.core.background import WhitenedBackground
from gaussmix.core.forms import FORMS
from gaussmix.core.moments import Moments
from gaussmix.core.student import log_constants
from gaussmix.core.typing import FloatArray, Form, IntArray
from gaussmix.core.whitened import WhitenedMixture


@dataclass(frozen=True, eq=False)
class ObservedMixture:
    """The mixture of the observed values of rows, and how their sums become sums over complete rows.

    Attributes
    ----------
    whitened : WhitenedMixture
        Mixture of the o observed values, of the full form. It has one feature, which is zero, if nothing is observed.
    lifts : (k, d, o) array
        A of each component.
    """

    whitened: WhitenedMixture
    lifts: FloatArray

    @classmethod
    def of(
        cls,
        mixture: WhitenedMixture,
        roots: FloatArray,
        observed: IntArray,
        noise_root: FloatArray | None = None,
    ) -> "ObservedMixture":
        """Return the mixture of some features with errors.

        Parameters
        ----------
        mixture : WhitenedMixture
            Mixture of all features.
        roots : (k, d, d) array
            Its lower roots, as `roots_of` returns them.
        observed : (o,) array of int
            Positions of the observed features.
        noise_root : (o, any) array, optional
            Root of the covariance of the errors; by default there are none.

        Returns
        -------
        ObservedMixture
            The mixture.
        """
        k, d = mixture.means.shape
        log_det = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
        offsets = mixture.offsets + log_det + 0.5 * (d - len(observed)) * math.log(2 * math.pi)
        degrees, background = mixture.degrees_of_freedom, mixture.background
        if degrees is not None:
            offsets = offsets + log_constants(degrees, len(observed)) - log_constants(degrees, d)
        if not len(observed):
            if background is not None:
                background = WhitenedBackground(background.log_weight, np.zeros(1))
            normal = None if degrees is None else np.full(k, np.inf)
            none = WhitenedMixture("full", offsets, np.zeros((k, 1)), np.ones((k, 1, 1)), None, background, normal)
            return cls(none, np.zeros((k, d, 1)))
        factors, lifts = factors_and_lifts(roots, observed, noise_root)
        offsets = offsets + np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        background = background and background.of_features(observed)
        whitened = WhitenedMixture("full", offsets, mixture.means[:, observed], factors, None, background, degrees)
        return cls(whitened, lifts)

    def lift(self, moments: Moments, form: Form) -> Moments:
        """Return the expected sums over complete rows, in the whitened units of the mixture of all features.

        Parameters
        ----------
        moments : Moments
            Sums over the observed values under `whitened`.
        form : {"full", "tied", "diagonal", "spherical"}
            Form of the mixture of all features.

        Returns
        -------
        Moments
            The expected sums.
        """
        lifts, counts = self.lifts, moments.counts
        transposed = lifts.transpose(0, 2, 1)
        unseen = np.eye(lifts.shape[1]) - lifts @ transposed
        scatter = lifts @ moments.scatter @ transposed + counts[:, None, None] * unseen
        shifts = (lifts @ moments.shifts[:, :, None])[:, :, 0]
        slopes = moments.slopes
        if slopes is not None and not lifts.any():
            slopes = np.zeros(len(slopes))  # rows without any value say nothing
        return replace(moments, form=form, shifts=shifts, scatter=FORMS[form].restricted(scatter), slopes=slopes)


def factors_and_lifts(
    roots: FloatArray, observed: IntArray, noise_root: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return F and A of each component, for one or several choices of the observed features.

    Parameters
    ----------
    roots : (k, d, d) array
        Lower roots of the covariances.
    observed : (..., o) array of int
        Positions of the observed features.
    noise_root : (..., o, any) array, optional
        Roots of the covariances of the errors; by default there are none.

    Returns
    -------
    factors : (..., k, o, o) array
        F, upper triangular.
    lifts : (..., k, d, o) array
        A.
    """
    d = roots.shape[1]
    rows = np.moveaxis(roots[:, observed], 0, -3).swapaxes(-1, -2)
    if noise_root is not None:
        errors = noise_root.swapaxes(-1, -2)[..., None, :, :]
        errors = np.broadcast_to(errors, (*rows.shape[:-2], *errors.shape[-2:]))
        rows = np.concatenate([rows, errors], axis=-2)
    q, r = np.linalg.qr(rows)
    signs = np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)
    factors = np.triu(np.linalg.inv(r * signs[..., None]))
    return factors, (q * signs[..., None, :])[..., :d, :]


def roots_of(mixture: WhitenedMixture) -> FloatArray:
    """Return the lower roots (k, d, d) of the covariances of a mixture of any form.

    Parameters
    ----------
    mixture : WhitenedMixture
        The mixture.

    Returns
    -------
    (k, d, d) array
        ``L = inverse(W)'`` of each component.
    """
    k, d = mixture.means.shape
    factors = FORMS[mixture.form].dense(mixture.factors, k, d)
    return np.stack([solve_triangular(factor, np.eye(d), trans="T") for factor in factors])
