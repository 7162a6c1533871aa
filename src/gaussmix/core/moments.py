"""What comes back from a pass over the rows."""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from gaussmix.core.forms import FORMS
from gaussmix.core.typing import FloatArray, Form, IntArray


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over the rows, taken about the means and in the whitened units of the mixture that was passed in.

    With ``r[n, k] = weight[n] p(k | x[n])`` and ``y = (x[n] - means[k]) W[k]``. Sums of disjoint sets of rows under
    the same mixture add. In these units a fit near its end has ``scatter / counts`` near the identity, whatever
    the units, the offset or the condition of the data.

    Attributes
    ----------
    form : {"full", "tied", "diagonal", "spherical"}
        The shape of the scatter: that of the factors.
    counts : (k,) array
        Sum of r.
    shifts : (k, d) array
        Sum of r y.
    scatter : array
        Sum of ``r y y'``: full (k, d, d), tied (d, d) over all components; of ``r y^2``: diagonal (k, d); of
        ``r |y|^2``: spherical (k,).
    log_likelihood : float
        Sum of weight log p(x).
    entropy : float
        Sum of -r log p(k | x).
    weight : float
        Sum of the weights of the rows: the sum of the counts, unless a row has density zero.
    """

    form: Form
    counts: FloatArray
    shifts: FloatArray
    scatter: FloatArray
    log_likelihood: float
    entropy: float
    weight: float

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.form,
            self.counts + other.counts,
            self.shifts + other.shifts,
            self.scatter + other.scatter,
            self.log_likelihood + other.log_likelihood,
            self.entropy + other.entropy,
            self.weight + other.weight,
        )

    def reordered(self, order: IntArray) -> "Moments":
        """The same with the components in another order.

        Parameters
        ----------
        order : (k,) array of int
            The component that comes first, second, ...

        Returns
        -------
        Moments
            The components as asked.
        """
        scatter = FORMS[self.form].take(self.scatter, order)
        return replace(self, counts=self.counts[order], shifts=self.shifts[order], scatter=scatter)

    @property
    def mean_log_likelihood(self) -> float:
        """The log-likelihood per unit of weight, in nats."""
        return self.log_likelihood / self.weight

    @property
    def scatter_trace(self) -> float:
        """Sum of ``r |y|^2`` over rows and components."""
        return FORMS[self.form].trace(self.scatter)

    def scatter_about(self, centers: FloatArray) -> FloatArray:
        """The scatter about the components' own means.

        Parameters
        ----------
        centers : (k, d) array
            ``shifts / counts``.

        Returns
        -------
        array
            In the shape of ``scatter``.
        """
        return self.scatter - FORMS[self.form].products(self.counts[:, None] * centers, centers)

    def in_other_units(self, roots: FloatArray, factors: FloatArray, centers: FloatArray) -> "Moments":
        """The same sums about other means and in the whitened units of another mixture.

        Parameters
        ----------
        roots : array
            Roots of the covariances whose units these sums are in.
        factors : array
            Factors of the other mixture.
        centers : (k, d) array
            The means that these sums are about, less the other means, in the units of the other mixture.

        Returns
        -------
        Moments
            To rounding, those of a pass with the other mixture and these responsibilities.
        """
        shifts, scatter = FORMS[self.form].moved(self.counts, self.shifts, self.scatter, roots, factors, centers)
        return replace(self, shifts=shifts, scatter=scatter)

    def flat(self) -> FloatArray:
        """Counts, shifts, and the scatter less its expectation: uncorrelated, where the scatter itself is not.

        Returns
        -------
        (k + k d + s,) array
            For a scatter of s entries; `from_flat` leads back.
        """
        excess = self.scatter - FORMS[self.form].expected_scatter(self.counts, self.shifts.shape[1])
        return np.concatenate([self.counts, self.shifts.ravel(), excess.ravel()])

    @classmethod
    def from_flat(cls, vector: FloatArray, form: Form, n_components: int, n_features: int) -> Self:
        """The sums that `flat` made one vector of; their log-likelihood and entropy are NaN.

        Parameters
        ----------
        vector : (k + k d + s,) array
            As of `flat`, or a combination of such.
        form : {"full", "tied", "diagonal", "spherical"}
            The shape of the scatter.
        n_components : int
            How many components.
        n_features : int
            How many features.

        Returns
        -------
        Moments
            Of that form.
        """
        k, own = n_components, n_components * (1 + n_features)
        counts = vector[:k]
        excess = vector[own:].reshape(FORMS[form].shape(k, n_features))
        scatter = excess + FORMS[form].expected_scatter(counts, n_features)
        shifts = vector[k:own].reshape(k, n_features)
        return cls(form, counts, shifts, scatter, math.nan, math.nan, float(counts.sum()))

    def fisher_scales(self) -> FloatArray:
        """Multiply `flat` sums by these for Euclidean lengths to be those of the Fisher metric of the components.

        Returns
        -------
        (k + k d + s,) array
            For sums in units in which every component is near a standard normal one.
        """
        counts = np.maximum(self.counts, np.finfo(np.float64).eps * self.counts.sum())
        per_component = 1 / np.sqrt(counts)
        d = self.shifts.shape[1]
        return np.concatenate([per_component, np.repeat(per_component, d), FORMS[self.form].fisher_scales(counts, d)])
