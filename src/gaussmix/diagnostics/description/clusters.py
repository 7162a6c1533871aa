"""`describe`: the size, the features and the rules of each cluster of a mixture."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.components.distances import bhattacharyya
from gaussmix.components.merging import MergedMixture
from gaussmix.core.background import NOISE
from gaussmix.core.engines import engine_for
from gaussmix.core.engines.far_rows import assign_rows
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_input import mixture_of, rows_of
from gaussmix.core.notebook import stacked_html, table_html
from gaussmix.core.number_checks import column_names
from gaussmix.core.rows import WeightedRows
from gaussmix.core.student import refuse_degrees
from gaussmix.core.text import counted
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.core.validation import check_sample_weight
from gaussmix.diagnostics.description.contrasts import Contrasts, marginal_overlaps
from gaussmix.diagnostics.description.rule_search import RuleSearch
from gaussmix.diagnostics.description.rules import Rule, measured, share_text
from gaussmix.diagnostics.overlap import Confusion, confusion

MOST_FEATURES = 5
"""Greatest number of features that are listed for a cluster."""

_SEARCHED_FEATURES, _SEARCHED_ROWS, _LEAST_ROWS = 30, 10_000, 50
_SHOWN = 3  # features of a cluster in the text
_BLOCK = 1 << 20  # responsibilities in memory at a time


@dataclass(frozen=True)
class FeatureContrast:
    """How a feature of the rows of a cluster differs from that of the other rows.

    Attributes
    ----------
    name : str
        Name of the feature.
    mean, others : float
        Mean of the rows of the cluster, and of all other rows.
    difference : float
        Difference of the means, divided by the root of the mean of both variances.
    overlap : float
        Overlap of the marginal density of the cluster with that of the others: 0 for none, 1 for equal densities.
    """

    name: str
    mean: float
    others: float
    difference: float
    overlap: float

    def __str__(self) -> str:
        return (
            f"{self.name} {self.mean:.4g}, others {self.others:.4g} ({self.difference:+.1f} standard deviations; "
            f"overlap {share_text(self.overlap)})"
        )


@dataclass(frozen=True)
class ClusterDescription:
    """Description of a cluster.

    Attributes
    ----------
    cluster : int
        Number of the component, or of the cluster of a `MergedMixture`.
    n_rows : float
        Number of its rows, or their total weight.
    share : float
        Their share of all rows.
    features : tuple of FeatureContrast
        Features that set it apart, least overlap first; at most `MOST_FEATURES`.
    rules : tuple of Rule
        Up to three rules that select its rows, best first.
    nearest : int or None
        The cluster with which it overlaps most; None if there is no other.
    overlap : float or None
        Sum of the two probabilities that a row of one of them is more probable in the other.
    """

    cluster: int
    n_rows: float
    share: float
    features: tuple[FeatureContrast, ...]
    rules: tuple[Rule, ...]
    nearest: int | None
    overlap: float | None

    @property
    def heading(self) -> str:
        """Number, size and nearest cluster as text."""
        text = f"{self.cluster}: {counted_rows(self.n_rows)} ({share_text(self.share)})"
        return text if self.nearest is None else f"{text}; {self.neighbor_text}"

    @property
    def neighbor_text(self) -> str:
        """The nearest cluster and the overlap as text."""
        return "" if self.overlap is None else f"nearest {self.nearest}, overlap {share_text(self.overlap)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain values.

        Returns
        -------
        dict
            Attributes by name, which ``json.dumps`` accepts; None for numbers that are not finite.
        """
        features = [{name: _plain(value) for name, value in vars(contrast).items()} for contrast in self.features]
        return {**vars(self), "features": features, "rules": [rule.to_dict() for rule in self.rules]}


@dataclass(frozen=True, eq=False)
class ClusterDescriptions(Sequence[ClusterDescription]):
    """Descriptions of all clusters of a mixture; ``print`` shows them as text.

    Attributes
    ----------
    clusters : tuple of ClusterDescription
        One description for each cluster.
    names : tuple of d str
        Names of the features.
    differences : (c, d) array
        Standardized differences of all features; NaN for clusters without rows.
    overlaps : (c, d) array
        Overlaps of the marginal densities of all features.
    """

    clusters: tuple[ClusterDescription, ...]
    names: tuple[str, ...]
    differences: FloatArray
    overlaps: FloatArray

    def __len__(self) -> int:
        return len(self.clusters)

    def __getitem__(self, at: Any) -> Any:
        return self.clusters[at]

    def __iter__(self) -> Iterator[ClusterDescription]:
        return iter(self.clusters)

    def to_dict(self) -> dict[str, Any]:
        """Return the descriptions as plain values.

        Returns
        -------
        dict
            ``"clusters"`` has a dictionary for each cluster, which ``json.dumps`` accepts.
        """
        return {"clusters": [cluster.to_dict() for cluster in self.clusters]}

    def to_records(self) -> list[dict[str, Any]]:
        """Return a flat record for each cluster with its best rule, for ``pandas.DataFrame``.

        Returns
        -------
        list of dict
            Size, best rule, most distinct feature and nearest cluster of each cluster.
        """
        return [_record(cluster) for cluster in self.clusters]

    def __str__(self) -> str:
        total = sum(cluster.n_rows for cluster in self.clusters)
        blocks = [f"{counted(len(self), 'cluster')} of {counted_rows(total)}"]
        for cluster in self.clusters:
            lines = [f"cluster {cluster.heading}"]
            lines += [f"  {contrast}" for contrast in cluster.features[:_SHOWN]]
            lines += [f"  rule: {rule}" for rule in cluster.rules]
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks)

    def _repr_html_(self) -> str:
        columns = ["cluster", "rows", "share", "set apart by", "rules", "nearest"]
        lines = [
            [
                f"{cluster.cluster}",
                counted_rows(cluster.n_rows).removesuffix(" rows"),
                share_text(cluster.share),
                stacked_html(*cluster.features[:_SHOWN]),
                stacked_html(*cluster.rules),
                cluster.neighbor_text.removeprefix("nearest "),
            ]
            for cluster in self.clusters
        ]
        return table_html(counted(len(self), "cluster"), columns, lines, left=(0, 3, 4, 5))


@underflow_to_zero
def describe(model: Any, X: Any, *, sample_weight: Any = None) -> ClusterDescriptions:
    """Describe what sets each component of a mixture apart, by its rows.

    A row belongs to its most probable component; rows that are noise are left out. For each component there are its
    size, the features that set it apart, its nearest neighbor, and up to three short rules: conjunctions of one or two
    thresholds, such as ``petal length < 2.5``. Rules are searched on a sample if there are more than 10,000 rows; their
    thresholds are then rounded, and precision and recall are computed on all rows with the rounded thresholds.

    Parameters
    ----------
    model : Mixture, MergedMixture or fitted estimator
        A model of gaussmix or scikit-learn. Of a `MergedMixture`, its clusters are described.
    X : (n, d) array-like or table
        Rows with all features of the model; NaN is a missing value, which satisfies no rule.
    sample_weight : (n,) array-like, optional
        Nonnegative; a weight of 2 counts as two equal rows.

    Returns
    -------
    ClusterDescriptions
        A sequence with a description of each component.

    Raises
    ------
    TypeError
        If the model is none of these.
    ValueError
        If X does not have the features of the model, or ``sample_weight`` is invalid.

    Examples
    --------
    >>> from gaussmix import GaussianMixture, describe
    >>> from gaussmix.datasets import load_old_faithful
    >>> eruptions, _ = load_old_faithful()
    >>> gm = GaussianMixture(2, random_state=0).fit(eruptions)
    >>> print(describe(gm, eruptions)[1].rules[0])
    x0 < 3: precision 100%, recall 100%
    """
    merged = model if isinstance(model, MergedMixture) else None
    mixture = mixture_of(model) if merged is None else merged.mixture
    refuse_degrees(mixture.degrees_of_freedom, "describe")
    clusters = np.arange(mixture.n_components) if merged is None else merged.component_clusters
    values = rows_of(mixture, X)
    columns = column_names(X) if mixture.feature_names is None else mixture.feature_names
    names = mixture.names if columns is None else tuple(map(str, columns))
    rows = WeightedRows(values, check_sample_weight(sample_weight, len(values)), names).informative().positive()
    return describe_rows(mixture, clusters, rows, confusion(mixture))


def describe_rows(mixture: Mixture, clusters: IntArray, rows: WeightedRows, confused: Confusion) -> ClusterDescriptions:
    """Describe clusters of components by rows of positive weight, given the confusion of the components."""
    n_clusters = int(clusters.max()) + 1
    names = rows.names or mixture.names
    if mixture.background is not None:
        rows = rows.take(assign_rows(engine_for(rows), mixture.whitened(), "labels") != NOISE)
        mixture = mixture.without_noise()
    labels = _labels(mixture, clusters, rows)
    contrasts = Contrasts.of(rows, labels, n_clusters)
    overlaps = marginal_overlaps(mixture, clusters)
    all_rules = _rules(rows, labels, overlaps, names)
    nearest = _nearest(mixture, clusters, confused)
    described = []
    for cluster, rules in enumerate(all_rules):
        order = np.lexsort([-np.abs(contrasts.differences[cluster]), overlaps[cluster]])[:MOST_FEATURES].tolist()
        features = [
            FeatureContrast(
                names[at],
                float(contrasts.means[cluster, at]),
                float(contrasts.others[cluster, at]),
                float(contrasts.differences[cluster, at]),
                float(overlaps[cluster, at]),
            )
            for at in order
            if not np.isnan(contrasts.differences[cluster, at])
        ]
        count, (other, overlap) = float(contrasts.counts[cluster]), nearest[cluster]
        described.append(
            ClusterDescription(cluster, count, count / rows.total, tuple(features), tuple(rules), other, overlap)
        )
    return ClusterDescriptions(tuple(described), tuple(names), contrasts.differences, overlaps)


def counted_rows(count: float) -> str:
    """Return a number of rows, or their weight if it is not whole."""
    return counted(int(count), "row") if float(count).is_integer() else f"weight {count:,.1f}"


def _labels(mixture: Mixture, clusters: IntArray, rows: WeightedRows) -> IntArray:
    """Return the most probable cluster (n,) of each row."""
    if int(clusters.max()) + 1 == mixture.n_components:
        return clusters[assign_rows(engine_for(rows), mixture.whitened(), "labels")]
    merged, step = MergedMixture(mixture, clusters), max(1, _BLOCK // mixture.n_components)
    return np.concatenate([merged.predict(rows.values[at : at + step]) for at in range(0, rows.n_rows, step)])


def _rules(rows: WeightedRows, labels: IntArray, overlaps: FloatArray, names: Sequence[str]) -> list[list[Rule]]:
    """Return the rules of each cluster, found on a sample and measured on all rows."""
    n_clusters, weights = len(overlaps), rows.explicit_weights
    positions, shares = _sampled(labels, weights, n_clusters)
    some = labels[positions]
    search = RuleSearch(np.asarray(rows.values[positions], dtype=np.float64), shares, names)
    found: list[list[Rule]] = []
    for cluster in range(n_clusters):
        belongs = some == cluster
        if belongs.all() or not belongs.any():
            found.append([])
            continue
        features = np.argsort(overlaps[cluster], kind="stable")[:_SEARCHED_FEATURES].tolist()
        rules = search.rules(belongs, features)
        is_member = labels == cluster
        found.append([measured(rule.conditions, rows.values, is_member, weights) for rule in rules])
    return found


def _sampled(labels: IntArray, weights: FloatArray, n_clusters: int) -> tuple[IntArray, FloatArray]:
    """Return positions of rows, of large clusters only some, and their weights; clusters keep their total weight."""
    if len(labels) <= _SEARCHED_ROWS:
        return np.arange(len(labels)), weights
    most = max(_SEARCHED_ROWS // n_clusters, _LEAST_ROWS)
    rng, positions, shares = np.random.default_rng(0), [], []
    for cluster in range(n_clusters):
        members = np.flatnonzero(labels == cluster)
        total = weights[members].sum()
        if len(members) > most:
            members = np.sort(rng.choice(members, most, replace=False))
        positions.append(members)
        shares.append(weights[members] * (total / weights[members].sum() if len(members) else 1.0))
    return np.concatenate(positions), np.concatenate(shares)


def _nearest(mixture: Mixture, clusters: IntArray, confused: Confusion) -> list[tuple[int | None, float | None]]:
    """Return the cluster with the greatest overlap with each cluster, and the overlap.

    Of clusters without overlap, that with the nearest component is taken, by Bhattacharyya distance.
    """
    n_clusters, k = int(clusters.max()) + 1, mixture.n_components
    if n_clusters == 1:
        return [(None, None)]
    members = (clusters[:, None] == np.arange(n_clusters)).astype(np.float64)
    taken = confused.taken * (clusters[:, None] != clusters)
    own = mixture.weights @ members
    shares = np.divide(mixture.weights, own[clusters], out=np.zeros(k), where=own[clusters] > 0)
    between = members.T @ (shares[:, None] * taken) @ members
    overlap = np.minimum(between + between.T, 2.0)
    apart = bhattacharyya(mixture, mixture)
    distance = np.full((n_clusters, n_clusters), math.inf)
    np.minimum.at(distance, (clusters[:, None].repeat(k, 1), clusters[None].repeat(k, 0)), apart)
    np.fill_diagonal(overlap, -1.0)
    order = [np.lexsort([distance[at], -overlap[at]])[0] for at in range(n_clusters)]
    return [(int(other), float(overlap[at, other])) for at, other in enumerate(order)]


def _record(cluster: ClusterDescription) -> dict[str, Any]:
    rule = cluster.rules[0] if cluster.rules else None
    return {
        "cluster": cluster.cluster,
        "n_rows": cluster.n_rows,
        "share": cluster.share,
        "rule": None if rule is None else rule.text,
        "precision": None if rule is None else rule.precision,
        "recall": None if rule is None else rule.recall,
        "feature": cluster.features[0].name if cluster.features else None,
        "difference": _plain(cluster.features[0].difference) if cluster.features else None,
        "nearest": cluster.nearest,
        "overlap": cluster.overlap,
    }


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
