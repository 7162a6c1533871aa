"""Tree of merged components, and clusters at a level of it."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gaussmix.components.merging.elbow import find_elbow
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.notebook import table_html
from gaussmix.core.student import refuse_degrees
from gaussmix.core.text import align_columns
from gaussmix.core.typing import ArrayLike, FloatArray, IntArray

Method = Literal["entropy", "ridgeline-unimodal", "ridgeline-ratio", "high-density", "bhattacharyya", "demp"]

THRESHOLDS: dict[Method, float | None] = {
    "entropy": None,
    "ridgeline-unimodal": 1.0,
    "ridgeline-ratio": 0.2,
    "high-density": 0.99,
    "bhattacharyya": 0.1,
    "demp": 0.025,
}
"""Lowest affinities at which two clusters are merged, from Hennig (2010) and his R package fpc.

A valley of one percent, in "high-density", may be rounding."""

_AFFINITY_NAMES = {
    "entropy": "entropy lost",
    "ridgeline-unimodal": "valley / mode",
    "ridgeline-ratio": "valley / mode",
    "high-density": "pass / mode",
    "bhattacharyya": "overlap",
    "demp": "misclassified",
}


@dataclass(frozen=True, eq=False)
class MergedMixture:
    """Mixture whose components are grouped into clusters.

    Attributes
    ----------
    mixture : Mixture
        The mixture, unchanged.
    component_clusters : (k,) array
        The cluster of each component. Clusters are numbered by the first component in each.
    """

    mixture: Mixture
    component_clusters: IntArray

    def __post_init__(self) -> None:
        self.mixture.refuse_noise("merging")
        refuse_degrees(self.mixture.degrees_of_freedom, "merging")
        clusters = np.array(self.component_clusters, dtype=np.int64)
        clusters.flags.writeable = False
        object.__setattr__(self, "component_clusters", clusters)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and unpickle through ``__init__``, so that arrays remain read-only."""
        return type(self), (self.mixture, self.component_clusters)

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.component_clusters.max()) + 1

    @property
    def weights(self) -> FloatArray:
        """Weights (c,) of the clusters."""
        return self.mixture.weights @ self._members()

    @underflow_to_zero
    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return the probability of each cluster given the row: the sum over its components.

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

    @underflow_to_zero
    def predict(self, X: ArrayLike) -> IntArray:
        """Return the most probable cluster of each row, which may differ from that of its most probable component.

        Parameters
        ----------
        X : (n, d) array-like
            Rows of the mixture's features.

        Returns
        -------
        (n,) array
            Numbers of clusters, starting from 0.
        """
        return self.predict_proba(X).argmax(axis=1).astype(np.int64)

    @underflow_to_zero
    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Return the log density of each row under the mixture.

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
        """Return a matrix (k, c) with 1 where a component belongs to a cluster."""
        return np.asarray(self.component_clusters[:, None] == np.arange(self.n_clusters), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class MergeTree:
    """All steps of merging, from k clusters of one component each to a single cluster.

    Attributes
    ----------
    mixture : Mixture
        The mixture whose components are merged.
    method : str
        A method of `merge_components`.
    merges : (k - 1, 2) array
        The two clusters merged in each step: i is component i, k + j is the result of step j, as in SciPy.
    affinities : (k - 1,) array
        The affinity of the two clusters: the entropy removed by the step (nats), the ratio of the density at the valley
        and at the lower mode, the Bhattacharyya coefficient, or the misclassification probability.
    threshold : float or None
        The lowest affinity at which clusters are merged; None if an elbow decides.
    entropies : (k,) array, or None
        The entropy with 1 to k clusters, in nats; None without rows.
    rows_merged : (k - 1,) array, or None
        The number of rows assigned to the two clusters of each step; None without rows.
    """

    mixture: Mixture
    method: Method
    merges: IntArray
    affinities: FloatArray
    threshold: float | None
    entropies: FloatArray | None
    rows_merged: FloatArray | None

    def elbow(self, *, n_bends: int = 1, per_row: bool = False) -> int:
        """Return the number of clusters at the elbow of the entropies, by piecewise linear fits (Baudry et al. 2010).

        The entropy of one cluster is zero, and increases with each component that is split off: slowly while the split
        separates clusters, fast afterwards. The elbow is between 2 and k - 1 clusters. With fewer than ``n_bends + 2``
        components there is no elbow, and the result is k.

        Parameters
        ----------
        n_bends : {1, 2}
            The number of bends of the piecewise linear function; the first one is the elbow.
        per_row : bool, default=False
            Whether the abscissa is the number of rows merged, instead of the number of clusters; merging large clusters
            removes more entropy.

        Returns
        -------
        int
            Between 2 and k - 1, or k if there is no elbow.

        Raises
        ------
        ValueError
            If the tree was made without rows, or ``n_bends`` is neither 1 nor 2.
        """
        if self.entropies is None or self.rows_merged is None:
            raise ValueError("the tree has no entropies: pass X to merge_components")
        if n_bends not in (1, 2):
            raise ValueError(f"n_bends must be 1 or 2, got {n_bends}")
        k = self.mixture.n_components
        x = np.cumsum([0.0, *self.rows_merged[::-1]]) if per_row else np.arange(1.0, k + 1)
        at = find_elbow(x, self.entropies, n_bends)
        return k if at is None else at + 1

    @property
    def n_clusters(self) -> int:
        """Number of clusters at the elbow, or before the first step with an affinity below the threshold."""
        if self.threshold is None:
            return self.elbow()
        below = np.flatnonzero(self.affinities < self.threshold)
        return self.mixture.n_components - int(below[0] if below.size else len(self.affinities))

    def cut(self, n_clusters: int | None = None) -> MergedMixture:
        """Cut the tree at a number of clusters.

        Parameters
        ----------
        n_clusters : int, optional
            By default the number at the elbow or threshold.

        Returns
        -------
        MergedMixture
            The mixture with its components grouped into clusters.

        Raises
        ------
        ValueError
            If ``n_clusters`` is not between 1 and k.
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
        """Tree (k - 1, 4) in the format of ``scipy.cluster.hierarchy.dendrogram``.

        Heights are between 0 and 1: the share of the entropy that has been removed, or one minus the affinity. A height
        below an earlier one is raised to it.
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
        """Return the steps as a table.

        Returns
        -------
        str
            Lines of text; an arrow marks the number of clusters that `cut` chooses.
        """
        return align_columns(self._lines(), left=(4,))

    def _lines(self) -> list[tuple[str, ...]]:
        k, chosen = self.mixture.n_components, self.n_clusters
        form = ".2f" if self.method == "entropy" else ".3g"
        entropy_name = "" if self.entropies is None else "entropy"
        lines: list[tuple[str, ...]] = [("", "clusters", entropy_name, _AFFINITY_NAMES[self.method], "merged")]
        for n_clusters in range(k, 0, -1):
            step = k - n_clusters - 1
            arrow = "->" if n_clusters == chosen else ""
            entropy = "" if self.entropies is None else f"{abs(self.entropies[n_clusters - 1]):.2f}"
            why, what = ("", "") if step < 0 else (f"{self.affinities[step]:{form}}", self._merged(step))
            lines.append((arrow, str(n_clusters), entropy, why, what))
        return lines

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        headings, *lines = self._lines()
        return table_html(f"merging by {self.method}", headings, lines, left=(4,))

    def _merged(self, step: int) -> str:
        return " + ".join("{" + ", ".join(map(str, self._members(int(node)))) + "}" for node in self.merges[step])

    def _members(self, node: int) -> list[int]:
        """Return the components in a node of the tree."""
        k = self.mixture.n_components
        if node < k:
            return [node]
        return sorted(member for part in self.merges[node - k] for member in self._members(int(part)))
