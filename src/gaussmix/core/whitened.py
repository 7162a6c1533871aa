"""Whitened mixtures: the input of a pass over the rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.background import WhitenedBackground
from gaussmix.core.forms import FORMS
from gaussmix.core.typing import FloatArray, Form, IntArray


@dataclass(frozen=True, eq=False)
class CommonBasis:
    """A basis that full factors share: ``W[k] = basis diag(scales[k]) U[k]`` with some orthogonal ``U[k]``.

    Because ``|x W[k]| = |x basis diag(scales[k])|``, rows that are transformed once need d numbers per component
    instead of d^2.

    Attributes
    ----------
    form : {"diagonal", "spherical"}
        Form of the scales.
    basis : (d, d) array
        Orthogonal for diagonal scales. For spherical scales an upper triangular factor, and ``U[k]`` is the identity.
    scales : array
        Positive numbers: diagonal (k, d), spherical (k,).
    """

    form: Form
    basis: FloatArray
    scales: FloatArray


@dataclass(frozen=True, eq=False)
class WhitenedMixture:
    """A mixture in the form that engines read, for any covariance structure and prior.

    ``score[n, k] = offsets[k] - 1/2 delta`` with ``delta = |(x[n] - means[k]) W[k]|^2`` is ``log w_k N(x_n | k)``. With
    degrees of freedom nu, ``score[n, k] = offsets[k] - (nu + d) / 2 log(1 + delta / nu)``, d the number of features.

    Attributes
    ----------
    form : {"full", "tied", "diagonal", "spherical"}
        Form of the factors.
    offsets : (k,) array
        ``log w_k + log det W_k - d/2 log 2 pi``, plus ``log_constants`` (core/student.py) if there are degrees of
        freedom; ``-inf`` for a component of weight zero.
    means : (k, d) array
        Means of the components.
    factors : array
        ``W``, upper triangular with ``W W' = inverse(covariance)``: full (k, d, d), tied (d, d), diagonal (k, d),
        spherical (k,).
    common : CommonBasis, optional
        Basis that full factors share. An engine may use it to compute the same scores faster. Moments are always in
        the units of the factors.
    background : WhitenedBackground, optional
        Uniform noise beside the components.
    degrees_of_freedom : (k,) array, optional
        Degrees of freedom of t distributions; infinite for a normal one.
    """

    form: Form
    offsets: FloatArray
    means: FloatArray
    factors: FloatArray
    common: CommonBasis | None = None
    background: WhitenedBackground | None = None
    degrees_of_freedom: FloatArray | None = None

    @property
    def n_components(self) -> int:
        """The number of components."""
        return self.means.shape[0]

    @property
    def n_features(self) -> int:
        """The number of features."""
        return self.means.shape[1]

    @property
    def n_scores(self) -> int:
        """The number of scores of a row: one for each component, and a last one for the background if there is one."""
        return self.n_components + (self.background is not None)

    def as_full(self) -> "WhitenedMixture":
        """Return the same scores with triangles (k, d, d) as factors, if the form is that of factor covariances.

        Returns
        -------
        WhitenedMixture
            Mixture of the form "full", or this one.
        """
        if self.form != "factor":
            return self
        axes = self.factors[:, :, 1:]
        across = (axes / (1 - (axes**2).sum(axis=1, keepdims=True))) @ axes.transpose(0, 2, 1)
        rows = (np.eye(self.n_features) + across) / self.factors[:, None, :, 0]  # transposed roots
        triangles = np.linalg.qr(rows, mode="r")
        signs = np.where(np.diagonal(triangles, axis1=1, axis2=2) < 0, -1.0, 1.0)
        factors = np.triu(np.linalg.inv(triangles * signs[:, :, None]))
        return replace(self, form="full", factors=factors)

    def take(self, components: Sequence[int] | IntArray) -> "WhitenedMixture":
        """Return some of the components.

        Parameters
        ----------
        components : sequence of int
            Positions of the components, in the order of the result; repeats are allowed.

        Returns
        -------
        WhitenedMixture
            The components with unchanged scores, without a background: its density is the contribution of these
            components.
        """
        at = np.asarray(components, dtype=np.int64)
        common = self.common and replace(self.common, scales=self.common.scales[at])
        factors = FORMS[self.form].take(self.factors, at)
        degrees = None if self.degrees_of_freedom is None else self.degrees_of_freedom[at]
        return WhitenedMixture(self.form, self.offsets[at], self.means[at], factors, common, None, degrees)
