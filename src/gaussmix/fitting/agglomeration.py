"""Model-based hierarchical agglomeration of small cells."""

from collections.abc import Collection

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.forms import FORMS
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Form, IntArray
from gaussmix.fitting.kmeans import k_means_labels, seed_labels
from gaussmix.fitting.sample import LLOYD_ITERATIONS

_CELLS_PER_COMPONENT, _MOST_CELLS, _LEAST_ROWS_PER_CELL = 6, 200, 3  # small enough to lie within one cluster


def merge_cells(rows: WeightedRows, form: Form, n_components: int, rng: np.random.Generator) -> IntArray:
    """Return the labels (n,) of `merge_tree` for a number of components.

    If there are too few rows for more cells than components, return labels of k-means.
    """
    d = rows.n_features
    n_cells = min(_CELLS_PER_COMPONENT * n_components, _MOST_CELLS, rows.n_rows // _LEAST_ROWS_PER_CELL)
    if n_cells <= n_components:
        return k_means_labels(rows, n_components, rng, max_iter=LLOYD_ITERATIONS)
    cells = seed_labels(rows, n_cells, rng)
    _native.merge_cells(
        np.ascontiguousarray(rows.values), rows.weights, form, n_cells, n_components, n_components ** (-2 / d), cells
    )
    return cells


def merge_tree(rows: WeightedRows, form: Form, cells: IntArray, sizes: Collection[int]) -> dict[int, IntArray]:
    """Merge pairs of cells with the least loss of classification likelihood; return the clusters at some sizes.

    The loss is ``1/2 [n_ij log|S_ij| - n_i log|S_i| - n_j log|S_j|]`` for the structure of the covariances (Banfield
    and Raftery, Biometrics 49 (1993), 803-821; Ward's criterion for tied ones), with a pseudo-row in every cell.

    Parameters
    ----------
    rows : WeightedRows
        Rows in whitened units.
    form : {"full", "tied", "diagonal", "spherical"}
        Form of the covariances.
    cells : (n,) array of int
        Cell of each row.
    sizes : collection of int
        Numbers of clusters.

    Returns
    -------
    dict
        Labels (n,) by size. If there are fewer cells, each of them is a cluster.
    """
    n_cells = int(cells.max()) + 1
    weights, d = rows.explicit_weights, rows.n_features
    algebra = FORMS[form]
    features = algebra.squares(rows.values)
    sums: FloatArray = np.stack(
        [np.bincount(cells, weights * column, n_cells) for column in (np.ones(rows.n_rows), *rows.values.T)], axis=1
    )
    squares: FloatArray = np.stack([np.bincount(cells, weights * column, n_cells) for column in features.T], axis=1)
    ids = np.arange(n_cells)
    alive = sums[:, 0] > 0
    pseudo = max(sizes) ** (-2 / d)

    def energy(sums: FloatArray, squares: FloatArray) -> FloatArray:
        counts = sums[..., 0]
        scatter = squares - algebra.squares(sums[..., 1:]) / np.maximum(counts, 1e-300)[..., None]
        return algebra.classification_loss(counts, scatter, pseudo, d)

    own = energy(sums, squares)
    loss = np.full((n_cells, n_cells), np.inf)
    first, second = np.triu_indices(n_cells, 1)
    loss[first, second] = (
        energy(sums[first] + sums[second], squares[first] + squares[second]) - own[first] - own[second]
    )
    loss[~alive] = loss[:, ~alive] = np.inf
    wanted = sorted(sizes, reverse=True)
    clusters = {}
    for left in range(int(alive.sum()), 0, -1):
        while wanted and wanted[0] >= left:
            clusters[wanted.pop(0)] = np.unique(ids[cells], return_inverse=True)[1].astype(np.int64)
        if not wanted:
            break
        i, j = divmod(int(loss.argmin()), n_cells)
        sums[i] += sums[j]
        squares[i] += squares[j]
        own[i] = energy(sums[i], squares[i])
        ids[ids == ids[j]] = ids[i]
        alive[j] = False
        loss[j] = loss[:, j] = np.inf
        others = np.flatnonzero(alive & (np.arange(n_cells) != i))
        losses = energy(sums[i] + sums[others], squares[i] + squares[others]) - own[i] - own[others]
        loss[np.minimum(i, others), np.maximum(i, others)] = losses
    return clusters
