"""The approximate posterior distribution of a Gaussian mixture, as one frozen value."""

from dataclasses import dataclass
from os import PathLike
from typing import Self

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import NativeEngine
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.posterior.intervals import CredibleIntervals, credible_intervals
from gaussmix.core.posterior.normal_wishart import NormalWisharts, half_log_two_pi
from gaussmix.core.posterior.occupation import occupied_distribution
from gaussmix.core.posterior.posterior_file import read_posterior, write_posterior
from gaussmix.core.posterior.predictive import predictive_log_density
from gaussmix.core.posterior.prior import MixturePrior
from gaussmix.core.posterior.weights import StickBreaking, WeightDistribution
from gaussmix.core.typing import ArrayLike, FloatArray, Seed
from gaussmix.core.validation import as_generator, as_rows
from gaussmix.core.whitened import WhitenedMixture


@dataclass(frozen=True, eq=False)
class Posterior:
    """A variational posterior: independent distributions of the weights and of each mean with its covariance.

    Its components do not switch labels: component k of every draw is component k of the fit.

    Attributes
    ----------
    prior : MixturePrior
        The prior.
    counts : (k,) array
        Expected number of rows of each component.
    means : (k, d) array
        Expected means.
    covariance : AbstractCovariance
        Inverses of the expected precision matrices.
    feature_names : tuple of str, or None
        Names of the columns, if known.
    log_empty : (k,) array, or None
        Log probability of each component to have none of the rows of the fit, if it was computed.
    """

    prior: MixturePrior
    counts: FloatArray
    means: FloatArray
    covariance: AbstractCovariance
    feature_names: tuple[str, ...] | None = None
    log_empty: FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("counts", "means", "log_empty"):
            given = getattr(self, name)
            if given is not None:
                array = np.array(given, dtype=np.float64, order="C")
                array.flags.writeable = False
                object.__setattr__(self, name, array)

    @property
    def n_features(self) -> int:
        """The number of features."""
        return self.means.shape[1]

    @cached_property
    def weights(self) -> WeightDistribution:
        """The distribution of the weights: `Dirichlet` or `StickBreaking`."""
        return self.prior.weights(self.counts)

    @cached_property
    def components(self) -> NormalWisharts:
        """The normal-Wishart distributions of the means and covariances."""
        prior, counts = self.prior, self.counts
        if self.covariance.form == "tied":
            degrees = np.array([prior.matrices_per_scatter * prior.degrees + counts.sum()])
        else:
            degrees = prior.degrees + counts
        return NormalWisharts(self.means, prior.mean_precision + counts, degrees, self.covariance)

    @cached_property
    def mixture(self) -> Mixture:
        """The mixture of the expected weights, the expected means and the inverses of the expected precisions."""
        weights = self.weights.mean()[: len(self.means)]
        return Mixture(weights / weights.sum(), self.means, self.covariance, self.feature_names)

    def whitened(self) -> WhitenedMixture:
        """Return the scores of the variational E-step (Bishop 2006, equations 10.46, 10.64 to 10.66).

        ``score[n, k] = E log(w_k N(x_n | mean_k, covariance_k))`` under this distribution. With ``prior.as_sklearn``
        the determinants of diagonal and spherical precisions have the expectation of a Wishart distribution, and the
        last stick that of a beta distribution.

        Returns
        -------
        WhitenedMixture
            Offsets, means and factors.
        """
        log_weights, log_dets = self._expectations(as_sklearn=self.prior.as_sklearn)
        d = self.n_features
        offsets = log_weights + 0.5 * (log_dets - d / self.components.mean_precision) - half_log_two_pi(d)
        covariance = self.covariance
        return WhitenedMixture(covariance.form, offsets, self.means, covariance.factors(), covariance.common_basis())

    def correction(self) -> FloatArray:
        """Return what the scores of `whitened` lack with ``prior.as_sklearn``.

        Returns
        -------
        (k,) array
            In nats; zeros without ``prior.as_sklearn``.
        """
        if not self.prior.as_sklearn:
            return np.zeros(len(self.counts))
        exact, used = (self._expectations(as_sklearn=theirs) for theirs in (False, True))
        return exact[0] - used[0] + 0.5 * (exact[1] - used[1])

    def _expectations(self, *, as_sklearn: bool) -> tuple[FloatArray, FloatArray]:
        """Return the expected log weights and log determinants of the precisions, both (k,)."""
        weights, components = self.weights, self.components
        is_open = as_sklearn and isinstance(weights, StickBreaking)
        logs = weights.expected_log_open() if is_open else weights.expected_log()  # type: ignore[attr-defined]
        log_dets = components.expected_log_det_of_wishart() if as_sklearn else components.expected_log_det()
        return logs[: len(self.counts)], log_dets

    def divergence_from_prior(self) -> float:
        """Return the Kullback-Leibler divergence from the prior to this distribution, in nats.

        The evidence lower bound is the log-likelihood of a pass with `whitened` minus this divergence.

        Returns
        -------
        float
            In nats.
        """
        weights = self.weights.divergence(self.prior.weights_alone)
        return weights + self.components.divergence(self.prior.components(len(self.means)))

    def divergence(self, other: "Posterior") -> float:
        """Return the Kullback-Leibler divergence from another posterior with the same components to this one.

        Parameters
        ----------
        other : Posterior
            Posterior with the same prior.

        Returns
        -------
        float
            In nats.
        """
        return self.weights.divergence(other.weights) + self.components.divergence(other.components)

    @underflow_to_zero
    def predictive_log_density(self, X: ArrayLike) -> FloatArray:
        """Return the log density of new rows, averaged over the posterior: a mixture of t distributions.

        Bishop 2006, equation 10.81.

        Parameters
        ----------
        X : (n, d) array-like
            Rows with the features of the fit.

        Returns
        -------
        (n,) array
            In nats.

        Raises
        ------
        ValueError
            If X has other features, or a value that is NaN or infinite.
        """
        rows = as_rows(X, self.n_features, self.feature_names)
        return predictive_log_density(self.mixture.weights, self.components, NativeEngine(rows))

    @underflow_to_zero
    def sample(self, n: int = 1, random_state: Seed = None) -> tuple[Mixture, ...]:
        """Draw whole mixtures from the posterior.

        Parameters
        ----------
        n : int, default=1
            Number of mixtures.
        random_state : int, numpy Generator or RandomState, optional
            Source of random numbers.

        Returns
        -------
        tuple of Mixture
            Independent draws; their components are in the order of the fit.

        Raises
        ------
        ValueError
            If ``n`` is less than 1.
        """
        if not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"n must be a whole number, at least 1; got {n!r}")
        rng = as_generator(random_state)
        if isinstance(rng, np.random.RandomState):
            rng = np.random.default_rng(rng.randint(2**31))
        weights = self.weights.sample(int(n), rng)[:, : len(self.means)]
        weights = weights / weights.sum(axis=1, keepdims=True)
        means, covariances = self.components.sample(int(n), rng)
        return tuple(Mixture(*parts, self.feature_names) for parts in zip(weights, means, covariances, strict=True))

    @underflow_to_zero
    def intervals(self, level: float = 0.95) -> CredibleIntervals:
        """Return credible intervals of the weights, means and covariances.

        Parameters
        ----------
        level : float, default=0.95
            Probability of each interval, between 0 and 1.

        Returns
        -------
        CredibleIntervals
            Intervals with equal probabilities on both sides.

        Raises
        ------
        ValueError
            If the level is not between 0 and 1.
        """
        return credible_intervals(self, level)

    @property
    def n_components(self) -> FloatArray:
        """The distribution of the number of components that have rows: probabilities (k + 1,) of 0, 1, ..., k.

        The probability that a component has none of the rows follows from their responsibilities. Components are taken
        as independent.
        """
        if self.log_empty is None:
            raise ValueError("the number of components needs the rows of a fit, which this posterior does not know")
        return occupied_distribution(self.log_empty)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the posterior to a JSON file (docs/model-file.md) without rounding.

        Parameters
        ----------
        path : str or path
            The file to write.
        """
        write_posterior(path, self)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a posterior that `save` wrote.

        Parameters
        ----------
        path : str or path
            The file to read.

        Returns
        -------
        Posterior
            The posterior that was saved.

        Raises
        ------
        ModelFileError
            If the file is not a valid posterior file; the message gives the reason.
        """
        return cls(**read_posterior(path))
