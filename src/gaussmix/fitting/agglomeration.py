"""Model-based hierarchical agglomeration of small cells."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.forms import FORMS
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Form, IntArray
from gaussmix.fitting.kmeans import k_means_labels, seed_labels
from gaussmix.fitting.sample import LLOYD_ITERATIONS

_CELLS_PER_COMPONENT, _MOST_CELLS, _LEAST_ROWS_PER_CELL = 6, 200, 3  # small enough to lie within one cluster
_NUMBERS = 2**18  # of the scatter of pairs that are compared at a time: 2 MB


def merge_cells(rows: WeightedRows, form: Form, n_components: int, rng: np.random.Generator) -> IntArray:
    """Return the labels (n,) of `merge_tree` for a number of components.

    If there are too few rows for more cells than components, return labels of k-means. If cells have fewer rows than
    features, their full covariances would be those of the pseudo-rows, and Ward's criterion replaces the likelihood.
    """
    d = rows.n_features
    n_cells = min(_CELLS_PER_COMPONENT * n_components, _MOST_CELLS, rows.n_rows // _LEAST_ROWS_PER_CELL)
    if n_cells <= n_components:
        return k_means_labels(rows, n_components, rng, max_iter=LLOYD_ITERATIONS)
    cells = seed_labels(rows, n_cells, rng)
    if not FORMS[form].is_diagonal and rows.n_rows < n_cells * d:
        form = "tied"
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
    ids = np.arange(n_cells)
    wanted = sorted(sizes, reverse=True)
    clusters = {}
    left = len(np.unique(cells))
    steps = merge_steps(rows, form, cells, max(sizes) ** (-2 / rows.n_features))
    while wanted:
        while wanted and wanted[0] >= left:
            clusters[wanted.pop(0)] = np.unique(ids[cells], return_inverse=True)[1].astype(np.int64)
        if wanted:
            i, j, _ = next(steps)
            ids[ids == ids[j]] = ids[i]
            left -= 1
    return clusters


def merge_steps(rows: WeightedRows, form: Form, cells: IntArray, pseudo: float) -> Iterator[tuple[int, int, float]]:
    """Merge all cells pair by pair as in `merge_tree`; yield the two cells and the loss of each step.

    Parameters
    ----------
    rows : WeightedRows
        Rows in whitened units, of positive weight.
    form : {"full", "tied", "diagonal", "spherical"}
        Form of the covariances.
    cells : (n,) array of int
        Cell of each row.
    pseudo : float
        Variance of the pseudo-row in every cell.

    Yields
    ------
    i, j : int
        The cells that are merged; the result has the number i.
    loss : float
        Loss of classification likelihood, in nats.
    """
    n_cells = int(cells.max()) + 1
    merged = _Cells.of(rows, form, cells, n_cells, pseudo)
    alive = merged.sums[:, 0] > 0
    loss = np.full((n_cells, n_cells), np.inf)
    first, second = np.triu_indices(n_cells, 1)
    loss[first, second] = merged.losses(first, second)
    loss[~alive] = loss[:, ~alive] = np.inf
    for _ in range(int(alive.sum()) - 1):
        i, j = divmod(int(loss.argmin()), n_cells)
        yield i, j, float(loss[i, j])
        merged.merge(i, j)
        alive[j] = False
        loss[j] = loss[:, j] = np.inf
        others = np.flatnonzero(alive & (np.arange(n_cells) != i))
        loss[np.minimum(i, others), np.maximum(i, others)] = merged.losses(np.full_like(others, i), others)


@dataclass(frozen=True, eq=False)
class _Cells:
    """Sums over cells: counts and rows (c, 1 + d), squares of rows (c, any), and what cells contribute to the loss."""

    form: Form
    pseudo: float
    sums: FloatArray
    squares: FloatArray
    own: FloatArray

    @classmethod
    def of(cls, rows: WeightedRows, form: Form, cells: IntArray, n_cells: int, pseudo: float) -> Self:
        weights = rows.explicit_weights
        columns = (np.ones(rows.n_rows), *rows.values.T)
        sums: FloatArray = np.stack([np.bincount(cells, weights * column, n_cells) for column in columns], axis=1)
        squares = _squares_of_cells(rows, form, cells, n_cells)
        merged = cls(form, pseudo, sums, squares, np.zeros(n_cells))
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
    order = np.argsort(cells, kind="stable")
    ends = np.cumsum(np.bincount(cells, minlength=n_cells))
    some = np.split(order, ends[:-1])
    return np.stack([FORMS[form].sum_of_squares(rows.values[chosen], weights[chosen]) for chosen in some])
