"""Normal-Wishart distributions of the means and covariances of all components."""

import math
from dataclasses import dataclass

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.forms import FORMS
from gaussmix.core.posterior.precisions import log_det_excess, log_gamma
from gaussmix.core.typing import FloatArray


@dataclass(frozen=True, eq=False)
class NormalWisharts:
    """Independent normal-Wishart distributions, or gamma distributions of precisions, for all components.

    Given its precision matrix P, a mean is normal with the covariance ``inverse(precision P)``.

    Attributes
    ----------
    means : (k, d) array
        Expected means.
    mean_precision : (k,) array
        Precision of each mean, in rows.
    degrees : (k,) array, or (1,) for tied covariances
        Degrees of freedom of each precision matrix.
    covariance : AbstractCovariance
        Inverses of the expected precision matrices: ``S / degrees``.
    """

    means: FloatArray
    mean_precision: FloatArray
    degrees: FloatArray
    covariance: AbstractCovariance

    @property
    def n_features(self) -> int:
        """The number of features."""
        return self.means.shape[1]

    def expected_log_det(self) -> FloatArray:
        """Return the expected log determinant (k,) of each precision matrix."""
        return self._log_det(log_det_excess(self.covariance.form, self.degrees, self.n_features))

    def expected_log_det_of_wishart(self) -> FloatArray:
        """Return the same (k,) as if all forms had Wishart distributions, which is what scikit-learn uses."""
        degrees = self.degrees / self.components_per_matrix
        return self._log_det(log_det_excess("full", degrees, self.n_features), degrees)

    def _log_det(self, excess: FloatArray, degrees: FloatArray | None = None) -> FloatArray:
        degrees = self.degrees if degrees is None else degrees
        return np.asarray(excess + self.n_features * np.log(2 / degrees) + 2 * self.covariance.log_det())

    @property
    def components_per_matrix(self) -> int:
        """The number of components that share a precision matrix."""
        return FORMS[self.covariance.form].components_per_scatter(len(self.means))

    def divergence(self, other: "NormalWisharts") -> float:
        """Return the Kullback-Leibler divergence from another distribution to this one.

        Parameters
        ----------
        other : NormalWisharts
            Distributions of as many components in the same form.

        Returns
        -------
        float
            ``E log(density / other density)`` under this distribution, in nats.
        """
        form, d = self.covariance.form, self.n_features
        own, their = self.degrees, other.degrees
        log_dets = (2 * (other.covariance.log_det() - self.covariance.log_det()))[: len(own)]
        trace = their @ _relative_traces(self.covariance, other.covariance)
        matrices = (
            0.5 * (own - their) * log_det_excess(form, own, d)
            - self._log_gamma
            + other._log_gamma
            + 0.5 * their * (d * np.log(own / their) + log_dets)
        )
        ratio = other.mean_precision / self.mean_precision
        apart = (self.covariance.whiten_each(self.means - other.means) ** 2).sum(axis=1)
        means = d * (ratio - 1 - np.log(ratio)) + other.mean_precision * apart
        return float(matrices.sum() + 0.5 * (trace - d * own.sum()) + 0.5 * means.sum())

    @cached_property
    def _log_gamma(self) -> FloatArray:
        return log_gamma(self.covariance.form, self.degrees, self.n_features)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[FloatArray, list[AbstractCovariance]]:
        """Draw means and covariances.

        Parameters
        ----------
        n : int
            Number of draws.
        rng : Generator
            Source of random numbers.

        Returns
        -------
        means : (n, k, d) array
            Means of each draw.
        covariances : list of AbstractCovariance
            Covariances of each draw.
        """
        k, d = self.means.shape
        covariances = [type(self.covariance)(root, k, d) for root in self.sample_roots(n, rng)]
        noise = rng.standard_normal((n, k, d)) / np.sqrt(self.mean_precision)[:, None]
        means = [self.means + one.color_each(moved) for one, moved in zip(covariances, noise, strict=True)]
        return np.stack(means), covariances

    def sample_roots(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw roots of covariances.

        Parameters
        ----------
        n : int
            Number of draws.
        rng : Generator
            Source of random numbers.

        Returns
        -------
        (n, ...) array
            Roots in the shape of those of the covariance.
        """
        d, roots = self.n_features, self.covariance.roots
        match self.covariance.form:
            case "full" | "tied":
                return np.asarray(roots @ self._standard_roots(n, rng).reshape(n, *roots.shape))
            case "diagonal":
                shape = 0.5 * self.degrees[:, None]
                return np.asarray(roots / np.sqrt(rng.gamma(shape, size=(n, *roots.shape)) / shape))
            case _:  # spherical
                shape = 0.5 * d * self.degrees
                return np.asarray(roots / np.sqrt(rng.gamma(shape, size=(n, *roots.shape)) / shape))

    def _standard_roots(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw lower roots (n, q, d, d) of inverse Wishart matrices whose inverses have the identity as expectation.

        By Bartlett's decomposition: Odell and Feiveson, Journal of the American Statistical Association 61 (1966),
        199-203.
        """
        d, q = self.n_features, len(self.degrees)
        lower = np.tril(rng.standard_normal((n, q, d, d)), -1)
        diagonal = np.arange(d)
        lower[..., diagonal, diagonal] = np.sqrt(rng.chisquare(self.degrees[:, None] - diagonal, size=(n, q, d)))
        inverse = np.linalg.inv(lower) * np.sqrt(self.degrees)[:, None, None]
        return np.asarray(np.linalg.cholesky(inverse.swapaxes(-1, -2) @ inverse))


def half_log_two_pi(n_features: int) -> float:
    """Return ``d / 2 log(2 pi)``."""
    return 0.5 * n_features * math.log(2 * math.pi)


def _relative_traces(covariance: AbstractCovariance, other: AbstractCovariance) -> FloatArray:
    """Return ``tr(other covariance inverse(covariance))`` of each matrix, (k,) or (1,) for the tied form."""
    roots, factors, d = other.roots, covariance.factors(), covariance.n_features
    match covariance.form:
        case "full" | "tied":
            turned = np.swapaxes(factors, -1, -2) @ roots
            return np.atleast_1d(np.einsum("...ij,...ij->...", turned, turned))
        case "diagonal":
            return np.asarray(((roots * factors) ** 2).sum(axis=1))
        case _:  # spherical
            return np.asarray(d * (roots * factors) ** 2)
