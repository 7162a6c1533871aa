"""The order in which components become clusters, and the clusters at one place of it."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gaussmix.components.merging.elbow import find_elbow
from gaussmix.core.mixture import Mixture
from gaussmix.core.text import align_columns
from gaussmix.core.typing import FloatArray, IntArray

Method = Literal["entropy", "ridgeline-unimodal", "ridgeline-ratio", "bhattacharyya", "demp"]

THRESHOLDS: dict[Method, float | None] = {
    "entropy": None,
    "ridgeline-unimodal": 1.0,
    "ridgeline-ratio": 0.2,
    "bhattacharyya": 0.1,
    "demp": 0.025,
}
"""The least affinity at which two clusters are merged: those of Hennig (2010) and of his R package fpc."""

_WHAT = {
    "entropy": "entropy lost",
    "ridgeline-unimodal": "valley / mode",
    "ridgeline-ratio": "valley / mode",
    "bhattacharyya": "overlap",
    "demp": "misclassified",
}


@dataclass(frozen=True, eq=False)
class MergedMixture:
    """A mixture whose components are gathered in clusters: the density is that of the mixture.

    Attributes
    ----------
    mixture : Mixture
        The mixture, as it was.
    component_clusters : (k,) array
        The cluster of each component. Clusters are numbered by the first component in each.
    """

    mixture: Mixture
    component_clusters: IntArray

    def __post_init__(self) -> None:
        clusters = np.array(self.component_clusters, dtype=np.int64)
        clusters.flags.writeable = False
        object.__setattr__(self, "component_clusters", clusters)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is as read-only as the original."""
        return type(self), (self.mixture, self.component_clusters)

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self.component_clusters.max()) + 1

    @property
    def weights(self) -> FloatArray:
        """(c,) the share of each cluster."""
        return self.mixture.weights @ self._members()

    def predict_proba(self, X: npt.ArrayLike) -> FloatArray:
        """The probability of each cluster given the row: the sum over its components.

        Parameters
        ----------
        X : (n, d) array-like
            Rows of the mixture's features.

        Returns
        -------
        (n, c) array
            Every row sums to one.
        """
        return self.mixture.responsibilities(X) @ self._members()

    def predict(self, X: npt.ArrayLike) -> IntArray:
        """The most probable cluster of each row, which need not be that of its most probable component.

        Parameters
        ----------
        X : (n, d) array-like
            Rows of the mixture's features.

        Returns
        -------
        (n,) array
            Numbers of clusters, from 0 on.
        """
        return self.predict_proba(X).argmax(axis=1).astype(np.int64)

    def score_samples(self, X: npt.ArrayLike) -> FloatArray:
        """The log density of each row: that of the mixture.

        Parameters
        ----------
        X : (n, d) array-like
            Rows of the mixture's features.

        Returns
        -------
        (n,) array
            In nats.
        """
        return self.mixture.log_density(X)

    def _members(self) -> FloatArray:
        """(k, c) 1 where a component belongs to a cluster."""
        return np.asarray(self.component_clusters[:, None] == np.arange(self.n_clusters), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class MergeTree:
    """What is merged with what, from k clusters of one component each to one cluster of all.

    Attributes
    ----------
    mixture : Mixture
        The mixture that was given.
    method : str
        Why components are merged: one of those of `merge_components`.
    merges : (k - 1, 2) array
        What is merged in each step: component i is i, the result of step j is k + j, as in SciPy.
    affinities : (k - 1,) array
        Why: the entropy that the step takes away (nats), the ratio of valley and mode, the overlap coefficient, or the
        probability of taking a row of one for one of the other.
    threshold : float or None
        The least affinity at which clusters are merged; None where an elbow decides.
    entropies : (k,) array, or None
        With 1 to k clusters, in nats; None when there were no rows.
    rows_merged : (k - 1,) array, or None
        How many rows were most probably of the two clusters of each step.
    """

    mixture: Mixture
    method: Method
    merges: IntArray
    affinities: FloatArray
    threshold: float | None
    entropies: FloatArray | None
    rows_merged: FloatArray | None

    def elbow(self, *, n_bends: int = 1, per_row: bool = False) -> int:
        """The number of clusters at which the entropies bend, by straight pieces (Baudry et al. 2010).

        The entropy of one cluster is zero, and each component that is split off adds some. As long as it separates
        clusters it adds little, afterwards much. An elbow is neither at one cluster nor at k, and with fewer than
        ``n_bends + 2`` components there is none: then it is k.

        Parameters
        ----------
        n_bends : {1, 2}
            Two or three straight pieces; of two bends the first is meant.
        per_row : bool, default=False
            Against the number of rows merged, in place of the number of clusters: large clusters lose more entropy.

        Returns
        -------
        int
            Between 2 and k - 1, or k where there is none.

        Raises
        ------
        ValueError
            The tree was made without rows, or ``n_bends`` is another number.
        """
        if self.entropies is None or self.rows_merged is None:
            raise ValueError("the entropies of rows are not known: pass X to merge_components")
        if n_bends not in (1, 2):
            raise ValueError(f"n_bends must be 1 or 2, got {n_bends}")
        k = self.mixture.n_components
        x = np.cumsum([0.0, *self.rows_merged[::-1]]) if per_row else np.arange(1.0, k + 1)
        at = find_elbow(x, self.entropies, n_bends)
        return k if at is None else at + 1

    @property
    def n_clusters(self) -> int:
        """How many clusters there are by the elbow, or by the threshold: merging ends at the first step below it."""
        if self.threshold is None:
            return self.elbow()
        below = np.flatnonzero(self.affinities < self.threshold)
        return self.mixture.n_components - int(below[0] if below.size else len(self.affinities))

    def cut(self, n_clusters: int | None = None) -> MergedMixture:
        """The clusters when there are so many.

        Parameters
        ----------
        n_clusters : int, optional
            By default as many as the elbow or the threshold says.

        Returns
        -------
        MergedMixture
            The mixture with its components gathered.

        Raises
        ------
        ValueError
            ``n_clusters`` is not between 1 and k.
        """
        k = self.mixture.n_components
        wanted = self.n_clusters if n_clusters is None else n_clusters
        if not 1 <= wanted <= k:
            raise ValueError(f"n_clusters must be between 1 and {k}, got {wanted}")
        groups = {component: [component] for component in range(k)}
        for step in range(k - wanted):
            first, second = self.merges[step]
            groups[k + step] = groups.pop(int(first)) + groups.pop(int(second))
        clusters = np.empty(k, dtype=np.int64)
        for cluster, members in enumerate(sorted(groups.values(), key=min)):
            clusters[members] = cluster
        return MergedMixture(self.mixture, clusters)

    @property
    def linkage(self) -> FloatArray:
        """(k - 1, 4) the tree as ``scipy.cluster.hierarchy.dendrogram`` takes it.

        Heights are between 0 and 1: the share of the entropy that has been taken away, or one less the affinity. A
        height below an earlier one is raised to it.
        """
        if self.method == "entropy":
            gone = np.cumsum(self.affinities)
            heights = gone / gone[-1] if gone.size and gone[-1] > 0 else gone
        else:
            heights = np.maximum.accumulate(1 - self.affinities)
        k = self.mixture.n_components
        sizes = np.ones(2 * k - 1)
        for step, (first, second) in enumerate(self.merges):
            sizes[k + step] = sizes[first] + sizes[second]
        return np.column_stack([self.merges.astype(np.float64), heights, sizes[k:]])

    def text(self) -> str:
        """The steps as a table.

        Returns
        -------
        str
            Lines of text; an arrow points at the clusters that `cut` returns.
        """
        k, chosen = self.mixture.n_components, self.n_clusters
        form = ".2f" if self.method == "entropy" else ".3g"
        lines = [("", "clusters", "" if self.entropies is None else "entropy", _WHAT[self.method], "merged")]
        for n_clusters in range(k, 0, -1):
            step = k - n_clusters - 1
            arrow = "->" if n_clusters == chosen else ""
            entropy = "" if self.entropies is None else f"{abs(self.entropies[n_clusters - 1]):.2f}"
            why, what = ("", "") if step < 0 else (f"{self.affinities[step]:{form}}", self._words(step))
            lines.append((arrow, str(n_clusters), entropy, why, what))
        return align_columns(lines, left=(4,))

    def __str__(self) -> str:
        return self.text()

    def _words(self, step: int) -> str:
        return " + ".join("{" + ", ".join(map(str, self._members(int(node)))) + "}" for node in self.merges[step])

    def _members(self, node: int) -> list[int]:
        """The components in a node of the tree."""
        k = self.mixture.n_components
        if node < k:
            return [node]
        return sorted(member for part in self.merges[node - k] for member in self._members(int(part)))
