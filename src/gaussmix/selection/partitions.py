"""Data shared by all models of a search: rows, units, initial partitions and penalties."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.engines import NativeEngine
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, Form, IntArray
from gaussmix.fitting.degeneracy import Soundness, examine, rounding_variances
from gaussmix.fitting.kmeans import tries_for
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.sample import LLOYD_ITERATIONS, Sample
from gaussmix.selection.model_names import ModelSpec

_MOST_CELLS = 300  # up to so many rows, each is a cell of an agglomeration
_CELLS = 100  # cells of more rows, at least three for each component
_MOST_FREE = 32  # features of an agglomeration with free covariances
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
        self._trees: dict[str, dict[int, IntArray]] | None = None
        self._clusters: dict[int, list[tuple[str, IntArray]]] = {}
        self._roots: dict[tuple[int, Form], FloatArray] = {}
        self._updates: dict[tuple[int, Form], MaximumLikelihood] = {}

    def _agglomerate(self) -> dict[str, dict[int, IntArray]]:
        """Return clusters of all sizes, merged from small cells by two criteria in two kinds of units."""
        n, d = self.rows.shape
        sizes = np.array(sorted(self._sizes, reverse=True), dtype=np.int64)
        names, rows, cells, forms = [], [], [], []
        for units in _UNITS:
            whitened = np.ascontiguousarray(self._samples[units].whitened)
            own = np.arange(n)
            if n > _MOST_CELLS:
                own = self._k_means(whitened, max(_CELLS, 3 * max(self._sizes)), 1, _MOVES_OF_CELLS)[0]
            for name, form in _MERGED_BY.items():
                if d > _MOST_FREE and not FORMS[form].is_shared:
                    continue
                names.append(f"{name}, {units} units")
                rows.append(whitened)
                cells.append(own[None])
                forms.append(form)
        labels = [np.empty((len(sizes), n), dtype=np.int64) for _ in names]
        pseudo = max(self._sizes) ** (-2 / d)
        n_threads = _native.max_threads()
        _native.merge_tree_labels(rows, self.rows.weights, forms, pseudo, cells, sizes, labels, n_threads)
        return {name: dict(zip(sizes.tolist(), own, strict=True)) for name, own in zip(names, labels, strict=True)}

    def _k_means(self, rows: FloatArray, size: int, tries: int, iterations: int) -> IntArray:
        """Return the labels (tries, n) of runs of k-means."""
        labels, n_tries = np.empty((tries, len(rows)), dtype=np.int64), tries_for(size)
        uniforms = self._rng.random((tries, 1 + (size - 1) * n_tries))
        own = np.ascontiguousarray(rows)
        _native.k_means_labels(own, self.rows.weights, size, n_tries, iterations, uniforms, labels)
        return labels

    def clusters(self, size: int) -> list[tuple[str, IntArray]]:
        """Return partitions of the rows as labels (n,); the first is by k-means in units of the covariance."""
        if size == 1:
            return [("all rows", np.zeros(self.rows.n_rows, dtype=np.int64))]
        if size not in self._clusters:
            if self._trees is None:
                self._trees = self._agglomerate()
            views = [
                *((f"k-means, {units} units", self._samples[units].whitened, _TRIES) for units in _UNITS),
                ("k-means along least kurtosis", self._samples["full"].invariant[:, :1], _TRIES),
                ("k-means, diagonal units", self._samples["diagonal"].whitened, 1),
            ]
            self._clusters[size] = [
                (name, labels)
                for name, rows, tries in views
                for labels in self._k_means(rows, size, tries, LLOYD_ITERATIONS)
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
        form = "full" if FORMS[form].is_shared else form
        if (size, form) not in self._roots:
            labels = self.clusters(size)[0][1]
            self._roots[size, form] = self._samples[form].root_within_clusters(labels, form)
        return self._roots[size, form]

    def update(self, spec: ModelSpec) -> MaximumLikelihood:
        """Return the M-step of a model."""
        key = spec.n_components, spec.structure.form
        if key not in self._updates:
            self._updates[key] = self._update_for(spec, self._samples[key[1]], self.root_within(*key))
        return self._updates[key]

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
