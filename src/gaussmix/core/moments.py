"""Moments: the sums that a pass over the rows returns."""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from gaussmix.core.forms import FORMS
from gaussmix.core.typing import FloatArray, Form, IntArray


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over the rows about the means of a mixture, in its whitened units.

    Here ``r[n, k] = weight[n] p(k | x[n])`` and ``y = (x[n] - means[k]) W[k]``. Sums of disjoint sets of rows under
    the same mixture can be added. Near convergence ``scatter / counts`` is near the identity, whatever the units, the
    offset or the condition of the data.

    Attributes
    ----------
    form : {"full", "tied", "diagonal", "spherical"}
        Form of the scatter, the same as that of the factors.
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
        Sum of the row weights, which is the sum of the counts and the background unless a row has density zero.
    background : float, optional
        Sum of ``weight[n] p(background | x[n])``; None if the mixture has no background.
    """

    form: Form
    counts: FloatArray
    shifts: FloatArray
    scatter: FloatArray
    log_likelihood: float
    entropy: float
    weight: float
    background: float | None = None

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.form,
            self.counts + other.counts,
            self.shifts + other.shifts,
            self.scatter + other.scatter,
            self.log_likelihood + other.log_likelihood,
            self.entropy + other.entropy,
            self.weight + other.weight,
            _sum_of_backgrounds(self.background, other.background),
        )

    def reordered(self, order: IntArray) -> "Moments":
        """Return the same sums with the components in another order.

        Parameters
        ----------
        order : (k,) array of int
            Current positions of the components, in the new order.

        Returns
        -------
        Moments
            The reordered sums.
        """
        scatter = FORMS[self.form].take(self.scatter, order)
        return replace(self, counts=self.counts[order], shifts=self.shifts[order], scatter=scatter)

    @property
    def mean_log_likelihood(self) -> float:
        """The log-likelihood per unit of weight, in nats."""
        return self.log_likelihood / self.weight

    @property
    def scatter_trace(self) -> float:
        """The sum of ``r |y|^2`` over rows and components."""
        return FORMS[self.form].trace(self.scatter)

    def scatter_about(self, centers: FloatArray) -> FloatArray:
        """Return the scatter about the mean of each component's rows.

        Parameters
        ----------
        centers : (k, d) array
            ``shifts / counts``.

        Returns
        -------
        array
            Array with the shape of ``scatter``.
        """
        return self.scatter - FORMS[self.form].products(self.counts[:, None] * centers, centers)

    def in_other_units(self, roots: FloatArray, factors: FloatArray, centers: FloatArray) -> "Moments":
        """Return the same sums about the means and in the whitened units of another mixture.

        Parameters
        ----------
        roots : array
            Roots of the covariances in whose units the current sums are.
        factors : array
            Factors of the other mixture.
        centers : (k, d) array
            Current means minus the other means, in the whitened units of the other mixture.

        Returns
        -------
        Moments
            Up to rounding, the sums of a pass with the other mixture and the current responsibilities.
        """
        shifts, scatter = FORMS[self.form].moved(self.counts, self.shifts, self.scatter, roots, factors, centers)
        return replace(self, shifts=shifts, scatter=scatter)

    def flat(self) -> FloatArray:
        """Return one vector of the counts, the shifts, the scatter minus its expectation, and the background.

        These are uncorrelated; the counts and the scatter itself are not.

        Returns
        -------
        (k + k d + s,) array
            Vector for a scatter of s entries, with one more number if there is a background; `from_flat` is the
            inverse.
        """
        excess = self.scatter - FORMS[self.form].expected_scatter(self.counts, self.shifts.shape[1])
        parts = [self.counts, self.shifts.ravel(), excess.ravel()]
        return np.concatenate(parts if self.background is None else [*parts, [self.background]])

    @classmethod
    def from_flat(cls, vector: FloatArray, form: Form, n_components: int, n_features: int) -> Self:
        """Return the sums that a vector of `flat` represents, with NaN as log-likelihood and entropy.

        Parameters
        ----------
        vector : (k + k d + s,) array
            Vector of `flat`, or a linear combination of such vectors; one more number is the background.
        form : {"full", "tied", "diagonal", "spherical"}
            Form of the scatter.
        n_components : int
            Number of components.
        n_features : int
            Number of features.

        Returns
        -------
        Moments
            The sums.
        """
        k, own = n_components, n_components * (1 + n_features)
        counts = vector[:k]
        shape = FORMS[form].shape(k, n_features)
        end = own + math.prod(shape)
        excess = vector[own:end].reshape(shape)
        scatter = excess + FORMS[form].expected_scatter(counts, n_features)
        shifts = vector[k:own].reshape(k, n_features)
        background = float(vector[end]) if len(vector) > end else None
        weight = float(counts.sum()) + (background or 0.0)
        return cls(form, counts, shifts, scatter, math.nan, math.nan, weight, background)

    def fisher_scales(self) -> FloatArray:
        """Return the factors that turn lengths of `flat` vectors into lengths in the Fisher metric of the components.

        Returns
        -------
        (k + k d + s,) array
            Factors, one for each number of `flat`, valid in units in which every component is nearly standard normal.
        """
        least = np.finfo(np.float64).eps * self.counts.sum()
        counts = np.maximum(self.counts, least)
        per_component = 1 / np.sqrt(counts)
        d = self.shifts.shape[1]
        scales = [per_component, np.repeat(per_component, d), FORMS[self.form].fisher_scales(counts, d)]
        if self.background is not None:
            scales.append(np.array([1 / math.sqrt(max(self.background, least))]))
        return np.concatenate(scales)


def _sum_of_backgrounds(one: float | None, other: float | None) -> float | None:
    return None if one is None and other is None else (one or 0.0) + (other or 0.0)
