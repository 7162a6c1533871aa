"""Distributions of the weights of a mixture: Dirichlet and stick-breaking."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from scipy.special import betaln, digamma, gammaln
from scipy.stats import beta

from gaussmix.core.typing import FloatArray

WeightKind = Literal["dirichlet_process", "dirichlet_distribution"]

_DRAWS = 4000  # for quantiles that have no closed form


@dataclass(frozen=True, eq=False)
class WeightDistribution(ABC):
    """A distribution of the k weights of a mixture."""

    kind: ClassVar[WeightKind]

    @property
    @abstractmethod
    def n_components(self) -> int:
        """The number of weights."""

    @property
    @abstractmethod
    def concentration(self) -> FloatArray | tuple[FloatArray, FloatArray]:
        """The parameters as scikit-learn has them."""

    @abstractmethod
    def mean(self) -> FloatArray:
        """Return the expected weights (k,)."""

    @abstractmethod
    def expected_log(self) -> FloatArray:
        """Return the expected logarithms (k,) of the weights."""

    @abstractmethod
    def divergence(self, other: "WeightDistribution") -> float:
        """Return the Kullback-Leibler divergence in nats from another distribution of the same kind to this one."""

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Return n draws (n, k)."""

    @abstractmethod
    def quantiles(self, probabilities: FloatArray) -> FloatArray:
        """Return the quantiles (k, p) of each weight."""


@dataclass(frozen=True, eq=False)
class Dirichlet(WeightDistribution):
    """A Dirichlet distribution (Bishop 2006, equation B.16).

    Attributes
    ----------
    counts : (k,) array
        Parameters, positive.
    """

    kind = "dirichlet_distribution"

    counts: FloatArray

    @property
    def n_components(self) -> int:
        return len(self.counts)

    @property
    def concentration(self) -> FloatArray:
        return self.counts

    def mean(self) -> FloatArray:
        return np.asarray(self.counts / self.counts.sum())

    def expected_log(self) -> FloatArray:
        return np.asarray(digamma(self.counts) - digamma(self.counts.sum()))

    def divergence(self, other: WeightDistribution) -> float:
        assert isinstance(other, Dirichlet)
        return float(
            gammaln(self.counts.sum())
            - gammaln(other.counts.sum())
            - (gammaln(self.counts) - gammaln(other.counts)).sum()
            + (self.counts - other.counts) @ self.expected_log()
        )

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        return rng.dirichlet(self.counts, n)

    def quantiles(self, probabilities: FloatArray) -> FloatArray:
        if self.n_components == 1:
            return np.ones((1, len(probabilities)))
        own = self.counts[:, None]
        return np.asarray(beta.ppf(probabilities, own, self.counts.sum() - own))


@dataclass(frozen=True, eq=False)
class StickBreaking(WeightDistribution):
    """A truncated stick-breaking distribution (Blei and Jordan, Bayesian Analysis 1 (2006), 121-144).

    Weight k is ``v_k prod_(j<k) (1 - v_j)`` with independent beta variables v; the last v is 1.

    Attributes
    ----------
    first, second : (k,) array
        Parameters of the beta distributions. Those of the last stick do not count: ``second[-1]`` is zero, or what
        scikit-learn uses, where the last stick does not end at 1 (`expected_log_open`).
    """

    kind = "dirichlet_process"

    first: FloatArray
    second: FloatArray

    @property
    def n_components(self) -> int:
        return len(self.first)

    @property
    def concentration(self) -> tuple[FloatArray, FloatArray]:
        return self.first, self.second

    def mean(self) -> FloatArray:
        share = self.first / (self.first + self.second)
        weights = share * np.concatenate([[1.0], np.cumprod(1 - share[:-1])])
        return np.asarray(weights / weights.sum())

    def expected_log(self) -> FloatArray:
        logs = self.expected_log_open()
        if self.second[-1] > 0:
            logs[-1] -= digamma(self.first[-1]) - digamma(self.first[-1] + self.second[-1])
        return logs

    def expected_log_open(self) -> FloatArray:
        """Return the expected logarithms (k,) if the last stick has a beta distribution, too, as in scikit-learn."""
        total = digamma(self.first + self.second)
        rest = digamma(self.second[:-1]) - total[:-1]
        return np.asarray(digamma(self.first) - total + np.concatenate([[0.0], np.cumsum(rest)]))

    def divergence(self, other: WeightDistribution) -> float:
        assert isinstance(other, StickBreaking)
        a, b, other_a, other_b = (sticks[:-1] for sticks in (self.first, self.second, other.first, other.second))
        total = digamma(a + b)
        moved = (a - other_a) * (digamma(a) - total) + (b - other_b) * (digamma(b) - total)
        return float((betaln(other_a, other_b) - betaln(a, b) + moved).sum())

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        sticks = np.ones((n, self.n_components))
        sticks[:, :-1] = rng.beta(self.first[:-1], self.second[:-1], (n, self.n_components - 1))
        left = np.cumprod(1 - sticks[:, :-1], axis=1)
        return sticks * np.concatenate([np.ones((n, 1)), left], axis=1)

    def quantiles(self, probabilities: FloatArray) -> FloatArray:
        """Return the quantiles (k, p) of each weight, from 4,000 draws with a fixed seed."""
        return np.quantile(self.sample(_DRAWS, np.random.default_rng(0)), probabilities, axis=0).T


def weights_given(kind: WeightKind, prior: float, counts: FloatArray, *, is_open: bool = False) -> WeightDistribution:
    """Return the distribution of the weights given the number of rows of each component.

    Parameters
    ----------
    kind : {"dirichlet_process", "dirichlet_distribution"}
        Kind of the prior.
    prior : float
        Its concentration.
    counts : (k,) array
        Number of rows of each component; zeros give the prior.
    is_open : bool, default=False
        Whether the last stick has scikit-learn's parameters.

    Returns
    -------
    WeightDistribution
        Posterior distribution.
    """
    if kind == "dirichlet_distribution":
        return Dirichlet(prior + counts)
    second = prior + np.concatenate([np.cumsum(counts[:0:-1])[::-1], [0.0]])
    if not is_open:
        second[-1] = 0.0
    return StickBreaking(1.0 + counts, second)


def log_partition(kind: WeightKind, prior: float, counts: FloatArray) -> FloatArray:
    """Return the log normalizing constants of the distributions of weights given counts, up to a constant.

    At the best posterior they are the part of the evidence lower bound that depends on the weights. Sticks are in the
    order of descending counts, which is the best one.

    Parameters
    ----------
    kind : {"dirichlet_process", "dirichlet_distribution"}
        Kind of the prior.
    prior : float
        Its concentration.
    counts : (..., k) array
        Numbers of rows of all components.

    Returns
    -------
    (...) array
        In nats; only values for the same number of components and rows can be compared.
    """
    if kind == "dirichlet_distribution":
        return np.asarray(gammaln(prior + counts).sum(axis=-1))
    ordered = -np.sort(-counts, axis=-1)
    after = np.cumsum(ordered[..., ::-1], axis=-1)[..., ::-1] - ordered
    return np.asarray(betaln(1 + ordered, prior + after)[..., :-1].sum(axis=-1))
