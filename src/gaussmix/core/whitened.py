"""What goes into a pass over the rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.forms import FORMS
from gaussmix.core.typing import FloatArray, Form, IntArray


@dataclass(frozen=True, eq=False)
class CommonBasis:
    """What full factors have in common: ``W[k] = basis diag(scales[k]) U[k]`` with some orthogonal ``U[k]``.

    ``|x W[k]| = |x basis diag(scales[k])|``, so rows that are turned once need d numbers of a component, not d^2.

    Attributes
    ----------
    form : {"diagonal", "spherical"}
        The shape of the scales.
    basis : (d, d) array
        Of diagonal scales orthogonal; of spherical ones an upper triangular factor itself: ``U[k]`` is the identity.
    scales : array
        Positive: diagonal (k, d), spherical (k,).
    """

    form: Form
    basis: FloatArray
    scales: FloatArray


@dataclass(frozen=True, eq=False)
class WhitenedMixture:
    """A mixture in the form every engine reads, whatever structure or prior it came from.

    ``score[n, k] = offsets[k] - 1/2 |(x[n] - means[k]) W[k]|^2`` is ``log w_k N(x_n | k)``.

    Attributes
    ----------
    form : {"full", "tied", "diagonal", "spherical"}
        The shape of the factors.
    offsets : (k,) array
        ``log w_k + log det W_k - d/2 log 2 pi``; ``-inf`` for a component without weight.
    means : (k, d) array
        Where each component lies.
    factors : array
        ``W``, upper triangular with ``W W' = inverse(covariance)``: full (k, d, d), tied (d, d), diagonal (k, d),
        spherical (k,).
    common : CommonBasis, optional
        With full factors that have a basis in common: another way to the same scores, which an engine may take where it
        is quicker. Moments are in the units of the factors in any case.
    """

    form: Form
    offsets: FloatArray
    means: FloatArray
    factors: FloatArray
    common: CommonBasis | None = None

    @property
    def n_components(self) -> int:
        """How many components there are."""
        return self.means.shape[0]

    @property
    def n_features(self) -> int:
        """How many features a row has."""
        return self.means.shape[1]

    def take(self, components: Sequence[int] | IntArray) -> "WhitenedMixture":
        """Take some of the components.

        Parameters
        ----------
        components : sequence of int
            The component that comes first, second, ...; one may come several times.

        Returns
        -------
        WhitenedMixture
            With the same scores: its density is what these components contribute.
        """
        at = np.asarray(components, dtype=np.int64)
        common = self.common and replace(self.common, scales=self.common.scales[at])
        factors = FORMS[self.form].take(self.factors, at)
        return WhitenedMixture(self.form, self.offsets[at], self.means[at], factors, common)
