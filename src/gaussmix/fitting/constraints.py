"""What a user knows of the parameters: values that are held, equal weights, bounds, a prior of the weights."""

from dataclasses import dataclass, field

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import BoolArray, FloatArray
from gaussmix.fitting.m_step import MaximumLikelihood, Step, gain_of_weights
from gaussmix.fitting.variance_ratio import with_bounded_ratio


@dataclass(frozen=True, eq=False)
class Constraints:
    """Constraints on the parameters of a mixture.

    Attributes
    ----------
    held_weights, held_means, held_covariances : (k,) array of bool, optional
        Components whose weight, mean or covariance keeps the value of the start. Components that share a covariance
        are held together.
    equal_weights : bool
        Whether all weights are equal.
    max_variance_ratio : float, optional
        Bound on the greatest over the least eigenvalue of all covariances.
    concentration : float or (k,) array
        Parameter of the Dirichlet distribution of the weights, at least 1; 1 is no prior.
    """

    held_weights: BoolArray | None = None
    held_means: BoolArray | None = None
    held_covariances: BoolArray | None = None
    equal_weights: bool = False
    max_variance_ratio: float | None = None
    concentration: float | FloatArray = 1.0

    @property
    def is_active(self) -> bool:
        """Whether anything is constrained."""
        held = (self.held_weights, self.held_means, self.held_covariances)
        return (
            any(which is not None for which in held)
            or self.equal_weights
            or self.max_variance_ratio is not None
            or bool(np.any(np.asarray(self.concentration) != 1))
        )

    def n_held(self, mixture: Mixture) -> int:
        """Return the number of parameters of a mixture that are not free.

        Parameters
        ----------
        mixture : Mixture
            Fitted mixture.

        Returns
        -------
        int
            Bounds and priors leave the parameters free.
        """
        k, d = mixture.means.shape
        n_weights = 0 if self.held_weights is None else int(self.held_weights.sum())
        n_held = k - 1 if self.equal_weights else min(n_weights, k - 1)
        if self.held_means is not None:
            n_held += d * int(self.held_means.sum())
        if self.held_covariances is not None:  # some of several only if components share nothing
            n_held += mixture.covariance.n_parameters * int(self.held_covariances.sum()) // k
        return n_held

    def of(self, update: MaximumLikelihood) -> MaximumLikelihood:
        """Return an M-step under these constraints.

        Parameters
        ----------
        update : MaximumLikelihood
            M-step with a ridge or a prior of means and covariances.

        Returns
        -------
        MaximumLikelihood
            The same M-step if nothing is constrained.
        """
        if not self.is_active:
            return update
        if update.initial_degrees is not None:
            raise ValueError("constraints are not defined for t distributions: use normal components")
        return ConstrainedUpdate(update.ridge, update.prior, constraints=self)


@dataclass(frozen=True, eq=False)
class ConstrainedUpdate(MaximumLikelihood):
    """The M-step under constraints, which maximizes the same objective over the parameters that obey them.

    Weights, means and covariances are maximized one after the other: the best means do not depend on the covariances,
    and the best covariances are those for the scatter about the new means, whether these are held or not.

    Parameters
    ----------
    constraints : Constraints
        Values that are held are those of the current mixture.
    """

    constraints: Constraints = field(default_factory=Constraints)

    @property
    def is_plain(self) -> bool:
        return False

    @property
    def of_parts(self) -> MaximumLikelihood:
        return Constraints(max_variance_ratio=self.constraints.max_variance_ratio).of(
            MaximumLikelihood(self.ridge, self.prior)
        )

    def n_held(self, mixture: Mixture) -> int:
        return self.constraints.n_held(mixture)

    def may_stack(self, mixture: Mixture) -> bool:
        return False

    def prepared(self, mixture: Mixture) -> Mixture:
        bounds, k = self.constraints, mixture.n_components
        weights, covariance = mixture.weights, mixture.covariance
        if bounds.equal_weights:
            weights = np.full(k, mixture.weights.sum() / k)
        if bounds.max_variance_ratio is not None:
            covariance = self._bounded(covariance, np.maximum(weights, 1 / k))
        if weights is mixture.weights and covariance is mixture.covariance:
            return mixture
        return mixture.with_components(weights, mixture.means, covariance)

    def begin(self, mixture: Mixture, moments: Moments) -> Step:
        """Return the parameters without the constraints, which `prepared` establishes."""
        return MaximumLikelihood(self.ridge, self.prior).begin(mixture, moments)

    def _next_weights(
        self, mixture: Mixture, counts: FloatArray, background: float | None
    ) -> tuple[FloatArray, float | None]:
        """Return the weights; with noise, those that are held or equal are shares of the rows that are not noise."""
        bounds, k = self.constraints, mixture.n_components
        counts = counts + (np.asarray(bounds.concentration, dtype=np.float64) - 1)
        if bounds.equal_weights:
            shares = np.full(k, 1 / k)
        elif bounds.held_weights is None:
            return super()._next_weights(mixture, counts, background)
        else:
            old = mixture.weights if background is None else mixture.weights / mixture.weights.sum()
            shares = _shares(old, counts, bounds.held_weights)
        if background is None:
            return shares, None
        noise = float(background / (counts.sum() + background))
        return (1 - noise) * shares, noise

    def _next_centers(self, counts: FloatArray, shifts: FloatArray) -> FloatArray:
        centers = super()._next_centers(counts, shifts)
        held = self.constraints.held_means
        return centers if held is None else np.where(held[:, None], 0.0, centers)

    def _next_covariance(
        self, previous: AbstractCovariance, rows: FloatArray, scatter: FloatArray
    ) -> AbstractCovariance:
        held = self.constraints.held_covariances
        if held is not None and held.all():
            return previous
        covariance = super()._next_covariance(previous, rows, scatter)
        if held is not None:  # no component shares anything with others
            roots = np.array(covariance.roots)
            roots[held] = previous.roots[held]
            covariance = type(covariance)(roots, previous.n_components, previous.n_features)
        return self._bounded(covariance, rows)

    def _bounded(self, covariance: AbstractCovariance, rows: FloatArray) -> AbstractCovariance:
        ratio = self.constraints.max_variance_ratio
        if ratio is None:
            return covariance
        return with_bounded_ratio(covariance, rows, ratio, self.constraints.held_covariances)

    def log_prior(self, mixture: Mixture) -> float:
        return super().log_prior(mixture) + self._log_prior_of_weights(mixture.weights)

    def _log_prior_of_weights(self, weights: FloatArray) -> float:
        extra = np.broadcast_to(np.asarray(self.constraints.concentration, dtype=np.float64) - 1, weights.shape)
        used = extra > 0
        with np.errstate(divide="ignore"):
            return float(extra[used] @ np.log(weights[used]))

    def gain(self, mixture: Mixture, moments: Moments, step: Step) -> float:
        """Return the gain of the expected complete-data objective, in general form.

        The identity that shortens the sum in `MaximumLikelihood` holds only at a free maximum.
        """
        old, new = mixture.covariance, step.mixture.covariance
        counts = np.where(step.empty, 0.0, moments.counts)
        about, rows = moments, counts
        if self.prior is not None:
            about, rows = moments + self._pseudo_moments(mixture), counts + self.prior.strength_each(mixture)
        centers = new.whiten_each(mixture.means - step.mixture.means)
        moved = about.in_other_units(old.roots, new.factors(), centers)
        of_weights = gain_of_weights(mixture, counts, moments.background, step.mixture)
        of_weights += self._log_prior_of_weights(step.mixture.weights) - self._log_prior_of_weights(mixture.weights)
        of_covariances = rows @ (new.log_det() - old.log_det()) + 0.5 * (about.scatter_trace - moved.scatter_trace)
        return of_weights + float(of_covariances)


def _shares(shares: FloatArray, counts: FloatArray, held: BoolArray) -> FloatArray:
    """Return shares (k,) of which some are held, and the others are proportional to counts."""
    free = counts[~held].sum()
    if free > 0:
        shares = shares.copy()
        shares[~held] = max(1 - shares[held].sum(), 0.0) * counts[~held] / free
    return shares
