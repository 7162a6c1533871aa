"""Moments: the sums that a pass over the rows returns."""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from gaussmix.core.forms import FORMS
from gaussmix.core.student import degrees_of_inverse, information
from gaussmix.core.typing import FloatArray, Form, IntArray


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over the rows about the means of a mixture, in its whitened units.

    Here ``r[n, k] = weight[n] p(k | x[n])`` and ``y = (x[n] - means[k]) W[k]``. Sums of disjoint sets of rows under
    the same mixture can be added. Near convergence ``scatter / counts`` is near the identity, whatever the units, the
    offset or the condition of the data.

    With nu degrees of freedom, rows are weighted by ``r u`` in shifts and scatter, ``u = (nu + d) / (nu + |y|^2)``.

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
    scaled_counts : (k,) array, optional
        Sum of r u, if there are degrees of freedom.
    slopes : (k,) array, optional
        Derivative of the log-likelihood with respect to 1 / nu of each component.
    inverse_degrees : (k,) array, optional
        Estimates of 1 / nu that go with these sums, in place of the two above (`MaximumLikelihood.as_normal`).
    """

    form: Form
    counts: FloatArray
    shifts: FloatArray
    scatter: FloatArray
    log_likelihood: float
    entropy: float
    weight: float
    background: float | None = None
    scaled_counts: FloatArray | None = None
    slopes: FloatArray | None = None
    inverse_degrees: FloatArray | None = None

    def __add__(self, other: "Moments") -> "Moments":
        return replace(
            self,
            counts=self.counts + other.counts,
            shifts=self.shifts + other.shifts,
            scatter=self.scatter + other.scatter,
            log_likelihood=self.log_likelihood + other.log_likelihood,
            entropy=self.entropy + other.entropy,
            weight=self.weight + other.weight,
            background=_sum_of_backgrounds(self.background, other.background),
            scaled_counts=_sum(self.scaled_counts, other.scaled_counts),
            slopes=_sum(self.slopes, other.slopes),
        )

    def scaled(self, factor: float) -> "Moments":
        """Return the sums for row weights that are multiplied by a factor.

        Parameters
        ----------
        factor : float
            The factor; with -1, the sums can be subtracted.

        Returns
        -------
        Moments
            All sums times the factor.
        """
        optional = ("background", "scaled_counts", "slopes")
        return replace(
            self,
            counts=factor * self.counts,
            shifts=factor * self.shifts,
            scatter=factor * self.scatter,
            log_likelihood=factor * self.log_likelihood,
            entropy=factor * self.entropy,
            weight=factor * self.weight,
            **{name: factor * getattr(self, name) for name in optional if getattr(self, name) is not None},
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
        own = ("scaled_counts", "slopes", "inverse_degrees")
        others = {name: getattr(self, name)[order] for name in own if getattr(self, name) is not None}
        return replace(self, counts=self.counts[order], shifts=self.shifts[order], scatter=scatter, **others)

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
        """Return one vector of the counts, the shifts, the scatter minus its expectation, degrees and background.

        These are uncorrelated; the counts and the scatter itself are not.

        Returns
        -------
        (k + k d + s,) array
            Vector for a scatter of s entries, with k more numbers if there are inverse degrees of freedom, and one more
            if there is a background; `from_flat` is the inverse.
        """
        excess = self.scatter - FORMS[self.form].expected_scatter(self.counts, self.shifts.shape[1])
        parts = [self.counts, self.shifts.ravel(), excess.ravel()]
        if self.inverse_degrees is not None:
            parts.append(self.inverse_degrees)
        return np.concatenate(parts if self.background is None else [*parts, [self.background]])

    @classmethod
    def from_flat(
        cls, vector: FloatArray, form: Form, n_components: int, n_features: int, *, has_degrees: bool = False
    ) -> Self:
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
        has_degrees : bool, default=False
            Whether the vector has inverse degrees of freedom.

        Returns
        -------
        Moments
            The sums.
        """
        k, own = n_components, n_components * (1 + n_features)
        counts, shape = vector[:k], FORMS[form].shape(k, n_features)
        end = own + math.prod(shape)
        excess = vector[own:end].reshape(shape)
        scatter = excess + FORMS[form].expected_scatter(counts, n_features)
        shifts = vector[k:own].reshape(k, n_features)
        inverse = vector[end : end + k] if has_degrees else None
        end += k if has_degrees else 0
        background = float(vector[end]) if len(vector) > end else None
        weight = float(counts.sum()) + (background or 0.0)
        nan = math.nan
        return cls(form, counts, shifts, scatter, nan, nan, weight, background, inverse_degrees=inverse)

    def fisher_scales(self) -> FloatArray:
        """Return the factors that turn lengths of `flat` vectors into lengths in the Fisher metric of the components.

        Returns
        -------
        (k + k d + s,) array
            Factors, one for each number of `flat`, valid in units in which every component is nearly standard normal.
        """
        least = np.finfo(np.float64).eps * (self.counts.sum() + (self.background or 0.0))
        counts = np.maximum(self.counts, least)
        per_component = 1 / np.sqrt(counts)
        d = self.shifts.shape[1]
        scales = [per_component, np.repeat(per_component, d), FORMS[self.form].fisher_scales(counts, d)]
        if self.inverse_degrees is not None:
            scales.append(np.sqrt(counts * information(degrees_of_inverse(self.inverse_degrees), d)))
        if self.background is not None:
            scales.append(np.array([1 / math.sqrt(max(self.background, least))]))
        return np.concatenate(scales)


def _sum(one: FloatArray | None, other: FloatArray | None) -> FloatArray | None:
    return None if one is None or other is None else one + other


def _sum_of_backgrounds(one: float | None, other: float | None) -> float | None:
    return None if one is None and other is None else (one or 0.0) + (other or 0.0)
