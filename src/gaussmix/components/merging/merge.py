"""Greedy merging of the components of a mixture."""

from typing import get_args

import numpy as np

from gaussmix.components.merging.affinities import AbstractClusters, ConfusedClusters, NormalClusters, SoftClusters
from gaussmix.components.merging.high_density import HighDensityClusters
from gaussmix.components.merging.tree import THRESHOLDS, MergeTree, Method
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.student import refuse_degrees
from gaussmix.core.typing import ArrayLike, FloatArray
from gaussmix.core.validation import as_responsibilities, as_weighted_rows, check_sample_weight

_DRAWS = 100_000


@underflow_to_zero
def merge_components(
    mixture: Mixture,
    X: ArrayLike | None = None,
    *,
    method: Method = "entropy",
    responsibilities: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> MergeTree:
    """Merge the components of a mixture pair by pair, closest first.

    A cluster that is not normal needs several components. Merging assigns them to one cluster and does not change the
    density. In each step, the methods merge

    ======================  ===========================================================================================
    ``entropy``             the pair whose union removes most entropy from the responsibilities of the rows. The number
                            of clusters is at the elbow of the entropies (Baudry, Raftery, Celeux, Lo and Gottardo
                            2010). Needs rows.
    ``ridgeline-unimodal``  a pair whose mixture has a single mode, as long as there is one
    ``ridgeline-ratio``     the pair with the greatest ratio of the minimum density between its modes to the density at
                            the lower mode, as long as it is at least 0.2
    ``high-density``        the pair that is connected at the highest share of the density of its lower mode, as long as
                            no level of the density separates it, up to one percent
    ``bhattacharyya``       the pair with the greatest Bhattacharyya coefficient, the integral of sqrt(p q), as long as
                            it is at least 0.1
    ``demp``                the pair with the greatest misclassification probability, as long as it is at least 0.025;
                            from the responsibilities of the rows, or else of 100,000 rows drawn from the mixture
    ======================  ===========================================================================================

    Two of them have other sources: ``entropy`` and ``high-density``, which connects components along paths through the
    density of the whole mixture (Scrucca, Computational Statistics and Data Analysis 93 (2016), 5-17; ``gmmhd`` in
    mclust connects rows instead). The others are from Hennig, Methods for merging Gaussian mixture components, Advances
    in Data Analysis and Classification 4 (2010), 3-34, with the tuning constants of his R package fpc. The ridgeline
    and Bhattacharyya methods represent a cluster by a normal distribution with its mean and covariance. These and
    ``high-density`` use parameters only.

    Parameters
    ----------
    mixture : Mixture
        The mixture, such as ``gm.mixture_``.
    X : (n, d) array-like, optional
        The rows of the fit.
    method : str
        One of the methods above.
    responsibilities : (n, k) array-like, optional
        The probability of each component for each row, instead of X.
    sample_weight : (n,) array-like, optional
        Number of rows that each row counts as.

    Returns
    -------
    MergeTree
        All steps; ``cut`` returns the clusters.

    Raises
    ------
    TypeError
        If ``mixture`` is not a `Mixture`.
    ValueError
        If an argument is missing or has a wrong shape.

    Examples
    --------
    >>> from gaussmix import Mixture, merge_components
    >>> means = [[0.0], [1.0], [8.0]]
    >>> three = Mixture.from_parameters([0.4, 0.3, 0.3], means, [1.0, 1.0, 1.0], covariance_type="spherical")
    >>> merge_components(three, method="ridgeline-unimodal").cut().component_clusters
    array([0, 0, 1])
    """
    if not isinstance(mixture, Mixture):
        raise TypeError(f"mixture must be a Mixture, got {type(mixture).__name__}: pass its mixture_")
    mixture.refuse_noise("merge_components")
    refuse_degrees(mixture.degrees_of_freedom, "merge_components")
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(map(repr, get_args(Method)))}, got {method!r}")
    rows = _soft_clusters(mixture, X, responsibilities, sample_weight)
    return _merge_all(mixture, method, _clusters(mixture, method, rows), rows)


def _soft_clusters(
    mixture: Mixture,
    X: ArrayLike | None,
    responsibilities: ArrayLike | None,
    sample_weight: ArrayLike | None,
) -> SoftClusters | None:
    """Return the responsibilities of the rows as clusters; None without rows."""
    if X is None and responsibilities is None:
        if sample_weight is not None:
            raise ValueError("sample_weight needs rows: pass X or responsibilities")
        return None
    if X is not None and responsibilities is not None:
        raise ValueError("pass X or responsibilities, not both")
    if responsibilities is None:
        rows = as_weighted_rows(X, sample_weight, mixture.n_features, mixture.feature_names).disregarding_empty()
        return SoftClusters(rows.with_values(mixture.responsibilities(X)))  # type: ignore[arg-type]
    shares = as_responsibilities(responsibilities, mixture.n_components)
    return SoftClusters(WeightedRows(shares, check_sample_weight(sample_weight, len(shares))))


def _clusters(mixture: Mixture, method: Method, rows: SoftClusters | None) -> AbstractClusters:
    match method:
        case "entropy":
            if rows is None:
                raise ValueError("method 'entropy' needs rows: pass X or responsibilities")
            return rows
        case "demp":
            if rows is None:
                drawn, _ = mixture.sample(_DRAWS, 0)
                return ConfusedClusters(SoftClusters(WeightedRows(mixture.responsibilities(drawn))))
            return ConfusedClusters(rows)
        case "high-density":
            return HighDensityClusters.of(mixture)
        case "bhattacharyya":
            return NormalClusters(mixture, "bhattacharyya")
        case _:
            return NormalClusters(mixture, "ridgeline")


def _merge_all(mixture: Mixture, method: Method, clusters: AbstractClusters, rows: SoftClusters | None) -> MergeTree:
    k = mixture.n_components
    nodes = list(range(k))
    merges, affinities, entropies, rows_merged = [], [], [], []
    table = clusters.table()
    while clusters.n_clusters > 1:
        first, second = _closest(table)
        if rows is not None:
            entropies.append(rows.entropy())
            rows_merged.append(rows.n_rows_of(first, second))
            rows = rows.merged(first, second)
        merges.append([nodes[first], nodes[second]])
        affinities.append(float(table[first, second]))
        nodes[first] = k + len(merges) - 1
        del nodes[second]
        clusters = clusters.merged(first, second)
        table = clusters.table(np.delete(np.delete(table, second, axis=0), second, axis=1), first)
    # values above the maximum only order the pairs
    numbers = np.array(affinities)
    numbers = np.where(numbers == np.inf, 0.0, numbers) if method == "entropy" else np.minimum(numbers, 1.0)
    return MergeTree(
        mixture,
        method,
        np.array(merges, dtype=np.int64).reshape(-1, 2),
        numbers,
        THRESHOLDS[method],
        None if rows is None else np.array([rows.entropy(), *entropies[::-1]]),
        None if rows is None else np.array(rows_merged),
    )


def _closest(table: FloatArray) -> tuple[int, int]:
    """Return the pair of greatest affinity; of equal pairs the first by second, then by first cluster, as in mclust."""
    upper = np.where(np.triu(np.ones(table.shape, dtype=np.bool_), 1), table, -np.inf)
    second, first = divmod(int(upper.T.argmax()), len(table))
    return first, second
