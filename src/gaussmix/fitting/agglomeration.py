"""Model-based hierarchical agglomeration of small cells."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.forms import FORMS
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Form, IntArray
from gaussmix.fitting.kmeans import draw_seeds, k_means, nearest
from gaussmix.fitting.sample import LLOYD_ITERATIONS

_CELLS_PER_COMPONENT, _MOST_CELLS, _LEAST_ROWS_PER_CELL = 6, 200, 3  # small enough to lie within one cluster
_NUMBERS = 2**18  # of the scatter of pairs that are compared at a time: 2 MB


def merge_cells(rows: WeightedRows, form: Form, n_components: int, rng: np.random.Generator) -> IntArray:
    """Return the labels (n,) of `merge_tree` for a number of components.

    If there are too few rows for more cells than components, return labels of k-means. If cells have fewer rows than
    features, their full covariances would be those of the pseudo-rows, and Ward's criterion replaces the likelihood.
    """
    n_cells = min(_CELLS_PER_COMPONENT * n_components, _MOST_CELLS, rows.n_rows // _LEAST_ROWS_PER_CELL)
    if n_cells <= n_components:
        return nearest(rows.values, k_means(rows, n_components, rng, max_iter=LLOYD_ITERATIONS))
    cells = nearest(rows.values, rows.values[draw_seeds(rows, n_cells, rng)])
    if form == "full" and rows.n_rows < n_cells * rows.n_features:
        form = "tied"
    return merge_tree(rows, form, cells, [n_components])[n_components]


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
    merged = _Cells.of(rows, form, cells, n_cells, max(sizes))
    ids = np.arange(n_cells)
    alive = merged.sums[:, 0] > 0
    loss = np.full((n_cells, n_cells), np.inf)
    first, second = np.triu_indices(n_cells, 1)
    loss[first, second] = merged.losses(first, second)
    loss[~alive] = loss[:, ~alive] = np.inf
    wanted = sorted(sizes, reverse=True)
    clusters = {}
    for left in range(int(alive.sum()), 0, -1):
        while wanted and wanted[0] >= left:
            clusters[wanted.pop(0)] = np.unique(ids[cells], return_inverse=True)[1].astype(np.int64)
        if not wanted:
            break
        i, j = divmod(int(loss.argmin()), n_cells)
        merged.merge(i, j)
        ids[ids == ids[j]] = ids[i]
        alive[j] = False
        loss[j] = loss[:, j] = np.inf
        others = np.flatnonzero(alive & (np.arange(n_cells) != i))
        loss[np.minimum(i, others), np.maximum(i, others)] = merged.losses(np.full_like(others, i), others)
    return clusters


@dataclass(frozen=True, eq=False)
class _Cells:
    """Sums over cells: counts and rows (c, 1 + d), squares of rows (c, any), and what cells contribute to the loss."""

    form: Form
    pseudo: float
    sums: FloatArray
    squares: FloatArray
    own: FloatArray

    @classmethod
    def of(cls, rows: WeightedRows, form: Form, cells: IntArray, n_cells: int, most_clusters: int) -> Self:
        weights = rows.explicit_weights
        columns = (np.ones(rows.n_rows), *rows.values.T)
        sums: FloatArray = np.stack([np.bincount(cells, weights * column, n_cells) for column in columns], axis=1)
        squares = _squares_of_cells(rows, form, cells, n_cells)
        merged = cls(form, most_clusters ** (-2 / rows.n_features), sums, squares, np.zeros(n_cells))
        for cell in range(n_cells):
            merged.own[cell] = merged.energy(sums[cell], squares[cell])
        return merged

    def energy(self, sums: FloatArray, squares: FloatArray) -> FloatArray:
        counts = sums[..., 0]
        scatter = squares - FORMS[self.form].squares(sums[..., 1:]) / np.maximum(counts, 1e-300)[..., None]
        return FORMS[self.form].classification_loss(counts, scatter, self.pseudo, sums.shape[-1] - 1)

    def losses(self, first: IntArray, second: IntArray) -> FloatArray:
        """Return the loss of merging each pair of cells; the scatter of a bounded number of pairs exists at a time."""
        losses = np.empty(len(first))
        step = max(1, _NUMBERS // self.squares.shape[1])
        for start in range(0, len(first), step):
            i, j = first[start : start + step], second[start : start + step]
            joined = self.energy(self.sums[i] + self.sums[j], self.squares[i] + self.squares[j])
            losses[start : start + step] = joined - self.own[i] - self.own[j]
        return losses

    def merge(self, i: int, j: int) -> None:
        """Add the rows of cell j to cell i."""
        self.sums[i] += self.sums[j]
        self.squares[i] += self.squares[j]
        self.own[i] = self.energy(self.sums[i], self.squares[i])


def _squares_of_cells(rows: WeightedRows, form: Form, cells: IntArray, n_cells: int) -> FloatArray:
    """Return the sum of `Form.squares` over the rows of each cell, without those of all rows at once."""
    weights = rows.explicit_weights
    if form != "full":
        features = FORMS[form].squares(rows.values)
        return np.stack([np.bincount(cells, weights * column, n_cells) for column in features.T], axis=1)
    order = np.argsort(cells, kind="stable")
    ends = np.cumsum(np.bincount(cells, minlength=n_cells))
    squares = np.empty((n_cells, rows.n_features**2))
    for cell, chosen in enumerate(np.split(order, ends[:-1])):
        own = rows.values[chosen]
        squares[cell] = ((weights[chosen, None] * own).T @ own).ravel()
    return squares
