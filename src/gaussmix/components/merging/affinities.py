"""Affinities of clusters, and clusters after a merge.

Clusters are frozen values: `table` returns the affinities of all pairs, `merged` the clusters after a merge.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from scipy.special import entr, xlogy

from gaussmix.components.distances import overlap
from gaussmix.components.merging.ridgeline import Ridgeline
from gaussmix.core.covariance import Full
from gaussmix.core.covariance.triangular import root_of_rows
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray

_BLOCK = 1 << 11  # rows that fit in cache


class AbstractClusters(ABC):
    """Clusters with an affinity for each pair."""

    @property
    @abstractmethod
    def n_clusters(self) -> int: ...

    @abstractmethod
    def affinities(self, cluster: int, others: IntArray) -> FloatArray:
        """Return the affinities of a cluster to others; ``inf`` for clusters without rows."""

    @abstractmethod
    def merged(self, first: int, second: int) -> Self:
        """Return the clusters with the second merged into the first, which has the lower number."""

    def table(self, before: FloatArray | None = None, changed: int = 0) -> FloatArray:
        """Return all affinities (m, m), given those before one cluster changed; the diagonal has no meaning."""
        clusters = np.arange(self.n_clusters)
        if before is not None:
            table, others = before.copy(), np.delete(clusters, changed)
            table[changed, others] = table[others, changed] = self.affinities(changed, others)
            return table
        table = np.zeros((self.n_clusters, self.n_clusters))
        for cluster in clusters[:-1]:
            table[cluster, cluster + 1 :] = self.affinities(cluster, clusters[cluster + 1 :])
        return table + table.T


@dataclass(frozen=True, eq=False)
class SoftClusters(AbstractClusters):
    """Responsibilities of clusters; the affinity is the entropy that merging removes, in nats.

    Baudry, Raftery, Celeux, Lo and Gottardo, Combining mixture components for clustering, Journal of Computational and
    Graphical Statistics 19 (2010), 332-353.

    Attributes
    ----------
    rows : WeightedRows
        For each row its responsibilities (m,) as values.
    """

    rows: WeightedRows

    @property
    def n_clusters(self) -> int:
        return self.rows.n_features

    @property
    def responsibilities(self) -> FloatArray:
        """Responsibilities (n, m)."""
        return self.rows.values

    def affinities(self, cluster: int, others: IntArray) -> FloatArray:
        gained = np.zeros(len(others))
        for start in range(0, self.rows.n_rows, _BLOCK):
            part = self.rows.take(slice(start, start + _BLOCK))
            gained += part.explicit_weights @ _entropy_between(part.values[:, [cluster]], part.values[:, others])
        empty = self.rows.explicit_weights @ self.responsibilities == 0
        return np.where(empty[others] | empty[cluster], np.inf, gained)

    def merged(self, first: int, second: int) -> Self:
        responsibilities = np.delete(self.responsibilities, second, axis=1)
        responsibilities[:, first] += self.responsibilities[:, second]
        return type(self)(self.rows.with_values(responsibilities))

    def entropy(self) -> float:
        """Return the sum of ``-r log r`` over rows and clusters, in nats."""
        return float(self.rows.explicit_weights @ entr(self.responsibilities).sum(axis=1))

    def n_rows_of(self, first: int, second: int) -> float:
        """Return the number of rows assigned to one of two clusters."""
        labels = self.responsibilities.argmax(axis=1)
        return float(self.rows.explicit_weights[(labels == first) | (labels == second)].sum())


def _entropy_between(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return ``(a + b) log(a + b) - a log a - b log b`` as a sum of nonnegative terms."""
    more, less = np.maximum(one, other), np.minimum(one, other)
    ratio = less / np.where(more > 0, more, 1.0)
    return (more + less) * np.log1p(ratio) - xlogy(less, ratio)


@dataclass(frozen=True, eq=False)
class ConfusedClusters(AbstractClusters):
    """Responsibilities of clusters; the affinity is the greater of the two misclassification probabilities.

    Rows are assigned to the cluster of greatest responsibility. These are the directly estimated misclassification
    probabilities (DEMP) of Hennig (2010).

    Attributes
    ----------
    clusters : SoftClusters
        Responsibilities of the clusters.
    """

    clusters: SoftClusters

    @property
    def n_clusters(self) -> int:
        return self.clusters.n_clusters

    def affinities(self, cluster: int, others: IntArray) -> FloatArray:
        return self.table()[cluster, others]

    def merged(self, first: int, second: int) -> Self:
        return type(self)(self.clusters.merged(first, second))

    def table(self, before: FloatArray | None = None, changed: int = 0) -> FloatArray:
        """Compute the whole table, because merging changes the assignment of rows."""
        responsibilities = self.clusters.responsibilities
        labels = responsibilities.argmax(axis=1)
        weighted = self.clusters.rows.explicit_weights[:, None] * responsibilities
        taken = np.stack([weighted[labels == cluster].sum(axis=0) for cluster in range(self.n_clusters)])
        counts = taken.sum(axis=0)
        shares = np.divide(taken, counts, out=np.full(taken.shape, np.inf), where=counts > 0)
        return np.maximum(shares, shares.T)


Closeness = Literal["bhattacharyya", "ridgeline"]


@dataclass(frozen=True, eq=False)
class NormalClusters(AbstractClusters):
    """Normal clusters, with the mean and covariance of the components merged into them (Hennig 2010).

    The affinity "bhattacharyya" is the Bhattacharyya coefficient. The affinity "ridgeline" is the ratio of the minimum
    density between the two modes to the density at the lower mode; for a pair with one mode it is 1 plus the
    Bhattacharyya coefficient, so that the closest of such pairs comes first.

    Attributes
    ----------
    mixture : Mixture
        A component for each cluster.
    closeness : {"bhattacharyya", "ridgeline"}
        Affinity of two clusters.
    """

    mixture: Mixture
    closeness: Closeness

    @property
    def n_clusters(self) -> int:
        return self.mixture.n_components

    def affinities(self, cluster: int, others: IntArray) -> FloatArray:
        mixture, roots = self.mixture, self.mixture.covariance.dense_roots()
        found = overlap(*(mixture.take(some, mixture.weights[some]) for some in ([cluster], others)))[0]
        for at, other in enumerate(others):
            pair = [cluster, int(other)]
            if not mixture.weights[pair].all():
                found[at] = np.inf
            elif self.closeness == "ridgeline":
                ratio = Ridgeline.between(mixture.means[pair], roots[pair], mixture.weights[pair]).ratio()
                found[at] = ratio if ratio < 1 else 1 + found[at]
        return found

    def merged(self, first: int, second: int) -> Self:
        mixture = self.mixture
        pair = [first, second]
        weights = mixture.weights[pair]
        total = float(weights.sum())
        shares = weights / total if total > 0 else np.full(2, 0.5)
        apart = mixture.means[second] - mixture.means[first]
        roots = mixture.covariance.dense_roots()
        tall = [np.sqrt(share) * roots[at].T for share, at in zip(shares, pair, strict=True)]
        between = np.sqrt(shares.prod()) * apart
        kept = np.delete(np.arange(self.n_clusters), second)
        all_weights, means, roots = mixture.weights.copy(), mixture.means.copy(), roots.copy()
        all_weights[first] = total
        means[first] = mixture.means[first] + shares[1] * apart
        roots[first] = root_of_rows(np.concatenate([*tall, between[None]]))
        covariance = Full(roots[kept], len(kept), mixture.n_features)
        return type(self)(Mixture(all_weights[kept], means[kept], covariance), self.closeness)
