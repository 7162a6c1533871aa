"""The rows of a search, and coordinates for clustering them."""

import math
from dataclasses import dataclass, replace

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.cached_values import cached_property
from gaussmix.core.column_sums import average_columns, sum_squares
from gaussmix.core.covariance import structure_of
from gaussmix.core.covariance.deviations import dense_root, diagonal_of, lengths_of, whiten_by
from gaussmix.core.engines import NativeEngine
from gaussmix.core.forms import FORMS
from gaussmix.core.imputation import expected_rows
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Form, IntArray
from gaussmix.fitting.completed_rows import completed
from gaussmix.fitting.kmeans import k_means_labels

LLOYD_ITERATIONS = 10
"""Iterations of k-means; EM refines the result."""

_LEAST_EXPONENT = -500
_LEAST_SPREAD = 1e-7  # least residual standard deviation of a column given the others, as a share
_MOST_AXES, _LEAST_ROWS_PER_AXIS = 96, 2  # of fourth moments; estimates need more rows than columns
_HEAVY_FOURTH_MOMENT = 10.0
_ROWS_AT_A_TIME = 1024
_MOST_KEPT = 1 << 20  # values of standardized rows
_OF_ALL_ROWS = 1e-4  # share of the standard deviations of all rows that is added to those within clusters


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of a search, with their center and the root of their covariance.

    Attributes
    ----------
    rows : WeightedRows
        Complete rows (`completed`) whose weights have mean one.
    center : (d,) array
        Weighted mean of the rows.
    root : (d, d) or (d,) array
        Lower root of their covariance, restricted to the form: its diagonal (d,) for the diagonal form and the
        spherical form, for which all numbers are equal.
    whitened : (n, d) array
        Rows about the center, in units of the root.
    incomplete : WeightedRows or None
        The rows as they are, if values are missing or have errors.
    """

    rows: WeightedRows
    center: FloatArray
    root: FloatArray
    incomplete: WeightedRows | None = None

    @classmethod
    def of(cls, rows: WeightedRows, form: Form) -> "Sample":
        if rows.weights is not None:
            rows = replace(rows, weights=rows.weights / rows.weights.mean())
        whole = completed(rows)
        center = average_columns(whole.values, whole.weights)
        root = _root_about(whole.with_values(whole.values - center), form)
        return cls(whole, center, root, None if whole is rows else rows)

    def completed_by(self, mixture: Mixture) -> "Sample":
        """Return the sample with its incomplete rows completed by their expectations under the components."""
        rows = self.as_observed
        whole = np.ascontiguousarray(expected_rows(mixture.without_noise().whitened(), rows))
        return Sample(rows.with_values(whole), average_columns(whole, rows.weights), self.root, rows)

    @property
    def as_observed(self) -> WeightedRows:
        """The rows as they are."""
        return self.rows if self.incomplete is None else self.incomplete

    @cached_property
    def whitened(self) -> FloatArray:
        return whiten_by(self.rows.values - self.center, self.root)

    @cached_property
    def scaled(self) -> tuple[FloatArray, int]:
        """The rows (n, d) about the center, divided by a power of two so that none exceeds one, and its exponent.

        The exponent is at least -500: roots that are not zero stay finite in these units.
        """
        centered = np.ascontiguousarray(self.rows.values - self.center, dtype=np.float64)
        spread = float(np.abs(centered).max())
        exponent = max(math.frexp(spread)[1], _LEAST_EXPONENT) if 0 < spread < math.inf else 0
        return np.ldexp(centered, -exponent), exponent

    @cached_property
    def engine(self) -> NativeEngine:
        """The engine of the whitened rows."""
        return NativeEngine.of(self.rows.with_values(self.whitened))

    @property
    def standardized(self) -> FloatArray:
        """The rows about the center (n, d), in units of the standard deviation of each column; kept if it is small."""
        return self._standardized if self.rows.values.size <= _MOST_KEPT else self._standardize()

    @cached_property
    def _standardized(self) -> FloatArray:
        return self._standardize()

    def _standardize(self) -> FloatArray:
        centered = self.rows.with_values(self.rows.values - self.center)
        return centered.values / _root_about(centered, "diagonal")

    @cached_property
    def has_heavy_tails(self) -> bool:
        """Whether the fourth moment of a standardized column is far above that of a Gaussian, which is 3."""
        return bool(self.kurtosis.max() > _HEAVY_FOURTH_MOMENT)

    @cached_property
    def kurtosis(self) -> FloatArray:
        """The fourth moment (d,) of each standardized column; zero for constant columns."""
        standard = self.standardized
        weights, sums = self.rows.explicit_weights, np.zeros(self.rows.n_features)
        for start in range(0, len(standard), _ROWS_AT_A_TIME):
            part = slice(start, start + _ROWS_AT_A_TIME)
            sums += weights[part] @ (standard[part] ** 2) ** 2
        return sums / self.rows.total

    def columns_by_kurtosis(self, n_columns: int) -> FloatArray:
        """Return the standardized columns (n, n_columns) of least kurtosis, in ascending order."""
        return np.asarray(self.standardized[:, np.argsort(self.kurtosis, kind="stable")[:n_columns]])

    @property
    def is_wide(self) -> bool:
        """Whether there are so many columns that fourth moments of all pairs tell nothing or cost too much."""
        n, d = self.rows.shape
        return d > _MOST_AXES or n < _LEAST_ROWS_PER_AXIS * d

    @cached_property
    def invariant(self) -> FloatArray:
        """Invariant coordinates (n, d): whitened rows along the axes of their fourth moments, by ascending kurtosis.

        They are invariant, up to signs, under affine maps. Directions of low kurtosis separate clusters of similar
        size: Tyler, Critchley, Duembgen and Oja, Journal of the Royal Statistical Society B 71 (2009), 549-592,
        section 5. If the sample is wide, they are the standardized columns, by ascending kurtosis.
        """
        if self.is_wide:
            return self.columns_by_kurtosis(self.rows.n_features)
        whitened = self.whitened
        if self.root.ndim == 1 or self.incomplete is not None:
            centered = self.rows.with_values(self.rows.values - self.center)
            whitened = whiten_by(centered.values, _root_about(centered, "full"))
        return whitened @ kurtosis_axes(self.rows.with_values(whitened))

    def root_within(self, n_components: int, form: Form, rng: np.random.Generator) -> FloatArray:
        """Return the lower root of the covariance within k-means clusters, an estimate of that of components."""
        return self.root_within_clusters(cluster(self.whitened, self, n_components, rng), form)

    def root_within_clusters(self, labels: IntArray, form: Form) -> FloatArray:
        """Return the same for given clusters; a small share of the covariance of all rows keeps it nonsingular."""
        return self.means_and_root(labels, form)[1]

    def means_and_root(self, labels: IntArray, form: Form) -> tuple[FloatArray, FloatArray]:
        """Return the means (k, d) of clusters, for labels (n,) from 0 to k - 1, and `root_within_clusters`."""
        n, d = self.rows.shape
        share = _OF_ALL_ROWS * (diagonal_of(self.root)[None] if FORMS[form].is_diagonal else dense_root(self.root).T)
        rows, means = np.empty((n + len(share), d)), np.empty((int(labels.max()) + 1, d))
        _native.cluster_means(
            np.ascontiguousarray(self.rows.values, dtype=np.float64),
            self.rows.weights,
            labels,
            self.center,
            math.sqrt(n),
            means,
            rows[:n],
        )
        rows[n:] = share
        return means, _regular_root(rows, form)


def kurtosis_axes(whitened: WeightedRows) -> FloatArray:
    """Return the eigenvectors (d, d), by ascending eigenvalue, of ``sum w |z|^2 z z'``.

    Cardoso, Source separation using higher order moments, ICASSP 1989, 2109-2112.
    """
    values = whitened.values
    lengths = (values**2).sum(axis=1)
    if whitened.weights is not None:
        lengths = lengths * whitened.weights
    return np.asarray(np.linalg.eigh((values * lengths[:, None]).T @ values)[1])


def cluster(coordinates: FloatArray, data: Sample, n_components: int, rng: np.random.Generator) -> IntArray:
    """Return labels (n,) of the rows of a sample, from k-means in ``coordinates`` (n, any)."""
    rows = data.rows.with_values(np.ascontiguousarray(coordinates))
    return k_means_labels(rows, n_components, rng, max_iter=LLOYD_ITERATIONS)


def most_compact(
    coordinates: FloatArray, data: Sample, n_components: int, rng: np.random.Generator, tries: int
) -> IntArray:
    """Return the labels of the best of some runs of `cluster`, by the sum of squares within clusters."""
    runs = [cluster(coordinates, data, n_components, rng) for _ in range(tries)]
    return min(runs, key=lambda labels: _squares_within(coordinates, labels, data.rows.weights))


def _squares_within(coordinates: FloatArray, labels: IntArray, weights: FloatArray | None) -> float:
    counts = np.bincount(labels, weights)
    sums = np.stack([np.bincount(labels, column if weights is None else column * weights) for column in coordinates.T])
    between = sums**2 / np.where(counts > 0, counts, 1.0)
    return -float(between.sum())  # the sum of squares within is that of all rows minus that between


def _root_about(centered: WeightedRows, form: Form) -> FloatArray:
    """Return a regular lower root of the covariance of centered rows, restricted to the form."""
    scaled = centered.values
    if centered.weights is not None:
        scaled = scaled * np.sqrt(centered.weights)[:, None]
    return _regular_root(scaled / math.sqrt(len(scaled)), form)


def _regular_root(rows: FloatArray, form: Form) -> FloatArray:
    """Return a regular lower root of ``rows' rows``, restricted to the form: (d, d), or its diagonal (d,)."""
    if FORMS[form].is_diagonal:
        deviations = np.sqrt(sum_squares(rows))
        if FORMS[form].features_per_variance(len(deviations)) > 1:
            deviations = np.full_like(deviations, math.sqrt((deviations**2).mean()))
        return np.where(deviations > 0, deviations, 1.0)
    root = structure_of(form).root_of_rows(rows)
    deviations = lengths_of(root)
    least = np.where(deviations > 0, _LEAST_SPREAD * deviations, 1.0)
    np.fill_diagonal(root, np.maximum(root.diagonal(), least))
    return root


def means_of_clusters(data: Sample, labels: IntArray) -> FloatArray:
    """Return the mean of each cluster (k, d), for labels (n,) from 0 to k - 1."""
    weights = data.rows.explicit_weights
    counts = np.bincount(labels, weights)
    centered = data.rows.values - data.center
    sums = np.stack([np.bincount(labels, weights * column) for column in centered.T], axis=1)
    return data.center + sums / np.maximum(counts, np.finfo(np.float64).tiny)[:, None]
