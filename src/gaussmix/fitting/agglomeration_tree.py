"""`agglomerate`: the tree of model-based hierarchical clustering."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.core.covariance import covariance_class
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Seed
from gaussmix.core.validation import as_generator, as_rows, check_sample_weight
from gaussmix.fitting.agglomeration import merge_steps
from gaussmix.fitting.kmeans import seed_labels
from gaussmix.fitting.sample import Sample

MOST_CELLS, LEAST_CELLS = 500, 100
"""Number of rows up to which each of them is a cell of its own by default, with few columns and with many."""

_NUMBERS = 5_000  # cells times columns

_CLUSTERS = 9  # for which the pseudo-row is meant
_TYPES = ("full", "tied", "diag", "spherical")


@dataclass(frozen=True, eq=False)
class AgglomerationTree:
    """Tree of merged cells; `labels` cuts it.

    Attributes
    ----------
    cells : (n,) array of int
        Cell of each row, from 0.
    merges : (c - 1, 2) array of int
        The two clusters merged in each step: i is cell i, c + j is the result of step j, as in SciPy.
    losses : (c - 1,) array
        Loss of classification likelihood by each step, in nats.
    """

    cells: IntArray
    merges: IntArray
    losses: FloatArray

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.merges) + 1

    def labels(self, n_clusters: int) -> IntArray:
        """Return the clusters at a level of the tree, such as ``init_params`` of a `GaussianMixture`.

        Parameters
        ----------
        n_clusters : int
            Number of clusters.

        Returns
        -------
        (n,) array
            Clusters, numbered from 0 by their first rows.

        Raises
        ------
        ValueError
            If ``n_clusters`` is not between 1 and the number of cells.
        """
        if not 1 <= n_clusters <= self.n_cells:
            raise ValueError(f"n_clusters must be from 1 to {self.n_cells}, the number of cells; got {n_clusters}")
        nodes = np.arange(self.n_cells)
        for step, pair in enumerate(self.merges[: self.n_cells - n_clusters]):
            nodes[np.isin(nodes, pair)] = self.n_cells + step
        of_rows = nodes[self.cells]
        found, first = np.unique(of_rows, return_index=True)
        return np.argsort(np.argsort(first))[np.searchsorted(found, of_rows)].astype(np.int64)

    @property
    def linkage(self) -> FloatArray:
        """Tree (c - 1, 4) in the format of ``scipy.cluster.hierarchy``.

        Heights are the sums of the losses up to each step; a height below an earlier one is raised to it. The last
        column counts cells.
        """
        heights = np.maximum.accumulate(np.maximum(np.cumsum(self.losses), 0.0))
        sizes = np.ones(2 * self.n_cells - 1)
        for step, (first, second) in enumerate(self.merges):
            sizes[self.n_cells + step] = sizes[first] + sizes[second]
        return np.column_stack([self.merges.astype(np.float64), heights, sizes[self.n_cells :]])


@underflow_to_zero
def agglomerate(
    X: Any,
    *,
    covariance_type: str = "full",
    n_cells: int | None = None,
    sample_weight: Any = None,
    random_state: Seed = 0,
) -> AgglomerationTree:
    """Cluster rows hierarchically by a normal model: merge the pair of clusters that loses least likelihood.

    The likelihood is that of classified rows (Banfield and Raftery, Biometrics 49 (1993), 803-821), with a pseudo-row
    of variance ``9 ** (-2 / d)`` in every cluster, so that clusters of few rows have a likelihood. With tied
    covariances this is Ward's criterion. Rows are in units of their covariance, restricted to the type, as in the
    starts of a fit.

    Parameters
    ----------
    X : (n, d) array-like or table
        Rows.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        Covariances of the clusters.
    n_cells : int, optional
        Number of small cells that are merged: nearest rows of seeds drawn by k-means++. By default each row is a cell
        if there are at most 500 (100 to 500 with more than 10 columns). The time grows with the square of the number.
    sample_weight : (n,) array-like, optional
        Positive; a weight of 2 counts as two equal rows.
    random_state : int, numpy Generator or RandomState, default=0
        Source of random numbers for the seeds of cells.

    Returns
    -------
    AgglomerationTree
        All steps; ``labels(k)`` returns clusters.

    Raises
    ------
    ValueError
        If an argument is invalid.

    Examples
    --------
    >>> from gaussmix import GaussianMixture, agglomerate
    >>> from gaussmix.datasets import load_old_faithful
    >>> eruptions, _ = load_old_faithful()
    >>> tree = agglomerate(eruptions)
    >>> gm = GaussianMixture(2, init_params=tree.labels(2)).fit(eruptions)
    >>> gm.weights_.round(3)
    array([0.644, 0.356])
    """
    if covariance_type not in _TYPES:
        raise ValueError(f"covariance_type must be one of {', '.join(map(repr, _TYPES))}; got {covariance_type!r}")
    values = np.asarray(as_rows(X, np.shape(X)[1] if np.ndim(X) == 2 else 0), dtype=np.float64)
    rows = WeightedRows(values, check_sample_weight(sample_weight, len(values)))
    if rows.n_positive < rows.n_rows:
        row = int(np.flatnonzero(rows.explicit_weights == 0)[0])
        raise ValueError(f"sample_weight must be positive, because each row gets a label; row {row} has 0")
    if n_cells is None:
        n_cells = min(rows.n_rows, MOST_CELLS, max(LEAST_CELLS, _NUMBERS // rows.n_features))
    if not 1 <= n_cells <= rows.n_rows:
        raise ValueError(f"n_cells must be from 1 to {rows.n_rows}, the number of rows; got {n_cells}")
    form = covariance_class(covariance_type).form
    sample = Sample.of(rows, form)
    whitened = sample.rows.with_values(np.ascontiguousarray(sample.whitened))
    rng = as_generator(random_state)
    cells = np.arange(rows.n_rows) if n_cells == rows.n_rows else seed_labels(whitened, n_cells, rng)  # type: ignore[arg-type]
    cells = np.unique(cells, return_inverse=True)[1].astype(np.int64)
    steps = list(merge_steps(whitened, form, cells, _CLUSTERS ** (-2 / rows.n_features)))
    return AgglomerationTree(cells, _numbered(steps), np.array([loss for _, _, loss in steps]))


def _numbered(steps: list[tuple[int, int, float]]) -> IntArray:
    """Return the merges (c - 1, 2) with the numbers of clusters as in SciPy."""
    nodes = list(range(len(steps) + 1))
    merges = np.empty((len(steps), 2), dtype=np.int64)
    for step, (i, j, _) in enumerate(steps):
        merges[step] = sorted((nodes[i], nodes[j]))
        nodes[i] = len(nodes) + step
    return merges
