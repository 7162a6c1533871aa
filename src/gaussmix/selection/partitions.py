"""Data shared by all models of a search: rows, units, initial partitions and penalties."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

import numpy as np

from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, Form, IntArray
from gaussmix.fitting.agglomeration import merge_tree
from gaussmix.fitting.degeneracy import Soundness, examine, rounding_variances
from gaussmix.fitting.kmeans import k_means, nearest
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.sample import Sample, cluster
from gaussmix.selection.model_names import ModelSpec

_CELLS = 100  # initial clusters of an agglomeration, at least three for each component
_LEAST_ROWS_PER_CELL = 2
_MOVES_OF_CELLS = 2  # iterations of Lloyd's algorithm
_UNITS: tuple[Form, ...] = ("full", "spherical")  # whitened by the covariance of all rows; one unit for all columns
_MERGED_BY: dict[str, Form] = {"merged by likelihood": "full", "merged by variance": "tied"}
_TRIES = 3  # runs of k-means in each of these units and along the coordinate of least kurtosis

Start = tuple[str, FloatArray]
"""A description and responsibilities (n, k)."""


class SearchData:
    """Rows of a search, with cached partitions and M-steps.

    Parameters
    ----------
    sample : Sample
        Rows whitened by the full covariance.
    sizes : collection of int
        Numbers of components.
    update_for : callable
        Returns the M-step for a `ModelSpec`, a `Sample` and the lower root (d, d) of the covariance within clusters.
    rng : Generator
        Source of random numbers.

    Attributes
    ----------
    rows : WeightedRows
        Rows of the search.
    engine : NativeEngine
        Engine with these rows.
    rounding : (d,) array
        Rounding variance of each column.
    """

    def __init__(
        self,
        sample: Sample,
        sizes: Collection[int],
        update_for: Callable[[ModelSpec, Sample, FloatArray], MaximumLikelihood],
        rng: np.random.Generator,
    ) -> None:
        self.rows = sample.rows
        self.engine = NativeEngine.of(self.rows)
        self.rounding = rounding_variances(self.rows.values)
        self._samples = {form: Sample.of(self.rows, form) for form in ("diagonal", "spherical")}
        self._samples["full"] = self._samples["tied"] = sample
        self._sizes = [size for size in sizes if size > 1]
        self._update_for = update_for
        self._rng = rng
        self._trees = self._agglomerate() if self._sizes else {}
        self._clusters: dict[int, list[tuple[str, IntArray]]] = {}
        self._roots: dict[tuple[int, Form], FloatArray] = {}
        self._updates: dict[ModelSpec, MaximumLikelihood] = {}

    def _agglomerate(self) -> dict[str, dict[int, IntArray]]:
        """Return clusters of all sizes, merged from small clusters by two criteria in two kinds of units."""
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
        """Return partitions of the rows as labels (n,); the first is by k-means in units of the covariance."""
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

    def partitions(self, size: int) -> Iterator[Start]:
        """Return the partitions as responsibilities."""
        for name, labels in self.clusters(size):
            yield name, np.eye(size)[labels]

    def labels(self, size: int) -> IntArray:
        """Return the labels (m, n) of all partitions."""
        return np.stack([labels for _, labels in self.clusters(size)])

    def partition_names(self, size: int) -> list[str]:
        """Return the names of the partitions."""
        return [name for name, _ in self.clusters(size)]

    def responsibilities(self, mixture: Mixture) -> FloatArray:
        """Return the responsibilities of the rows, (n, k)."""
        return self.engine.score_rows(mixture.whitened(), "responsibilities")

    def root_within(self, size: int, form: Form) -> FloatArray:
        """Return the lower root of the covariance within clusters, (d, d)."""
        if (size, form) not in self._roots:
            labels = self.clusters(size)[0][1]
            self._roots[size, form] = self._samples[form].root_within_clusters(labels, form)
        return self._roots[size, form]

    def update(self, spec: ModelSpec) -> MaximumLikelihood:
        """Return the M-step of a model."""
        if spec not in self._updates:
            form = spec.structure.form
            root = self.root_within(spec.n_components, form)
            self._updates[spec] = self._update_for(spec, self._samples[form], root)
        return self._updates[spec]

    def update_for_batch(self, spec: ModelSpec) -> MaximumLikelihood:
        """Return the M-step without a prior on the means, which batched EM does not support."""
        update = self.update(spec)
        if update.prior is None or update.prior.mean_strength == 0:
            return update
        return MaximumLikelihood(update.ridge, replace(update.prior, mean_strength=0.0))

    def examine(self, mixture: Mixture, counts: FloatArray, weight: float) -> Soundness:
        """Examine the components of a mixture fitted to these rows or to all rows."""
        root = self.root_within(mixture.n_components, mixture.covariance.form)
        return examine(mixture, counts, weight, root, self.rounding)
