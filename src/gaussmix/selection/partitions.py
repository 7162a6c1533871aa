"""What all cells of a search over models share: the rows, their units, partitions of them, penalties."""

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, Form, IntArray
from gaussmix.fitting.degeneracy import Soundness, examine, rounding_variances
from gaussmix.fitting.kmeans import k_means, nearest
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.starts import Sample, cluster, merge_tree

_CELLS = 100  # small clusters that an agglomeration begins with; three for each component if that is more
_LEAST_ROWS_PER_CELL = 2
_MOVES_OF_CELLS = 2  # Lloyd's
_UNITS: tuple[Form, ...] = ("full", "spherical")  # those of the covariance of all rows, and one for all columns
_MERGED_BY: dict[str, Form] = {"merged by likelihood": "full", "merged by variance": "tied"}
_TRIES = 3  # of k-means, in each of these units and along the coordinate of least kurtosis

Start = tuple[str, FloatArray]
"""What it is, and responsibilities (n, k)."""


class SearchData:
    """The rows that are searched.

    Parameters
    ----------
    data : Sample
        In units of the full covariance.
    sizes : collection of int
        Numbers of components.
    update_for : callable
        From a structure, a number of components, a `Sample` and the lower root of the covariance within clusters, (d,
        d), to the M-step.
    rng : Generator

    Attributes
    ----------
    rows : WeightedRows
    engine : NativeEngine
    rounding : (d,) array
        Variance of each column that rounding alone gives it.
    """

    def __init__(
        self,
        data: Sample,
        sizes: Collection[int],
        update_for: Callable[[type[AbstractCovariance], int, Sample, FloatArray], MaximumLikelihood],
        rng: np.random.Generator,
    ) -> None:
        self.rows = data.rows
        self.engine = NativeEngine.of(self.rows)
        self.rounding = rounding_variances(self.rows.values)
        self._samples = {form: Sample.of(self.rows, form) for form in ("diagonal", "spherical")}
        self._samples["full"] = self._samples["tied"] = data
        self._sizes = [size for size in sizes if size > 1]
        self._update_for = update_for
        self._rng = rng
        self._trees = self._agglomerate() if self._sizes else {}
        self._partitions: dict[int, list[Start]] = {}
        self._clusters: dict[int, list[tuple[str, IntArray]]] = {}
        self._roots: dict[tuple[int, Form], FloatArray] = {}
        self._updates: dict[tuple[int, type[AbstractCovariance]], MaximumLikelihood] = {}

    def _agglomerate(self) -> dict[str, dict[int, IntArray]]:
        """Clusters of every size at once, merged from the same small cells by two criteria, in two kinds of units."""
        trees = {}
        for units in _UNITS:
            rows = self.rows.with_values(self._samples[units].whitened)
            n_cells = min(max(_CELLS, 3 * max(self._sizes)), rows.n_rows // _LEAST_ROWS_PER_CELL)
            seeds = k_means(rows, max(n_cells, 1), self._rng, max_iter=_MOVES_OF_CELLS)
            cells = np.unique(nearest(rows.values, seeds), return_inverse=True)[1]
            for name, form in _MERGED_BY.items():
                trees[f"{name}, {units} units"] = merge_tree(rows, form, cells, self._sizes)
        return trees

    def clusters(self, size: int) -> list[tuple[str, IntArray]]:
        """Partitions of the rows, labels (n,): that of k-means in units of their covariance first."""
        if size == 1:
            return [("all rows", np.zeros(self.rows.n_rows, dtype=np.int64))]
        if size not in self._clusters:
            data = self._samples["full"]
            views = [
                *((f"k-means, {units} units", self._samples[units].whitened, _TRIES) for units in _UNITS),
                ("k-means along least kurtosis", data.invariant[:, :1], _TRIES),
                ("k-means, diagonal units", self._samples["diagonal"].whitened, 1),
            ]
            self._clusters[size] = [
                (name, cluster(rows, data, size, self._rng)) for name, rows, tries in views for _ in range(tries)
            ]
            self._clusters[size] += [(name, tree[size]) for name, tree in self._trees.items()]
        return self._clusters[size]

    def partitions(self, size: int) -> list[Start]:
        """The same as responsibilities."""
        if size not in self._partitions:
            self._partitions[size] = [(name, np.eye(size)[labels]) for name, labels in self.clusters(size)]
        return self._partitions[size]

    def responsibilities(self, mixture: Mixture) -> FloatArray:
        """(n, k) of the rows."""
        return self.engine.score_rows(mixture.whitened(), "responsibilities")

    def root_within(self, size: int, form: Form) -> FloatArray:
        """(d, d) lower root of the covariance within clusters."""
        if (size, form) not in self._roots:
            labels = self.clusters(size)[0][1]
            self._roots[size, form] = self._samples[form].root_within_clusters(labels, form)
        return self._roots[size, form]

    def update(self, size: int, structure: type[AbstractCovariance]) -> MaximumLikelihood:
        """The M-step of a structure with so many components."""
        if (size, structure) not in self._updates:
            root = self.root_within(size, structure.form)
            self._updates[size, structure] = self._update_for(structure, size, self._samples[structure.form], root)
        return self._updates[size, structure]

    def update_for_batch(self, size: int, structure: type[AbstractCovariance]) -> MaximumLikelihood:
        """The same M-step without a prior on the means, which batched EM does not support."""
        update = self.update(size, structure)
        if update.prior is None or update.prior.mean_strength == 0:
            return update
        return MaximumLikelihood(update.ridge, replace(update.prior, mean_strength=0.0))

    def examine(self, mixture: Mixture, counts: FloatArray, weight: float) -> Soundness:
        """What is wrong with the components of a mixture of these rows, or of all rows."""
        root = self.root_within(mixture.n_components, mixture.covariance.form)
        return examine(mixture, counts, weight, root, self.rounding)
