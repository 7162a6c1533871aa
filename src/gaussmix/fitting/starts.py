"""Candidates for a race of starts: different ways to cut the rows, all in units of the data's own covariance.

Whitened rows make every candidate follow any affine map of the data that the covariance structure can follow: full and
tied covariances any at all, diagonal ones the units of each feature, spherical ones rotations and one unit.
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gaussmix.core.covariance import AbstractConstrained, AbstractCovariance, free_of, structure_of
from gaussmix.core.covariance.triangular import inverse_transposed
from gaussmix.core.engines import NativeEngine
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Form, IntArray
from gaussmix.fitting.kmeans import draw_seeds, k_means, nearest
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.prior import Prior

_LLOYD_ITERATIONS = 10  # of k-means: EM does the rest
_PSEUDO_ROWS = 1.0  # behind each covariance of a start
_LEAST_SPREAD = 1e-7  # of a column about the others, as a share of its deviation
_OF_ALL_ROWS = 1e-4  # share of the deviations of all rows that joins those within clusters
_CELLS_PER_COMPONENT, _MOST_CELLS, _LEAST_ROWS_PER_CELL = 6, 200, 3  # small enough to lie within one cluster


@dataclass(frozen=True, eq=False)
class Sample:
    """Some rows to start from, and the units to see them in.

    Attributes
    ----------
    rows : WeightedRows
        Weights have mean one.
    center : (d,) array
    root : (d, d) array
        Lower root of their covariance, as far as the structure of the components can see it: diagonal for diagonal
        ones, a multiple of the identity for spherical ones.
    whitened : (n, d) array
        The rows about the center, in units of the root.
    """

    rows: WeightedRows
    center: FloatArray
    root: FloatArray

    @classmethod
    def of(cls, rows: WeightedRows, form: Form) -> "Sample":
        if rows.weights is not None:
            rows = replace(rows, weights=rows.weights / rows.weights.mean())
        center = np.average(rows.values, axis=0, weights=rows.weights)
        return cls(rows, center, _root_about(rows.with_values(rows.values - center), form))

    @cached_property
    def whitened(self) -> FloatArray:
        return (self.rows.values - self.center) @ inverse_transposed(self.root[None])[0]

    @cached_property
    def engine(self) -> NativeEngine:
        """Of the whitened rows."""
        return NativeEngine.of(self.rows.with_values(self.whitened))

    @cached_property
    def invariant(self) -> FloatArray:
        """(n, d) invariant coordinates: whitened rows along the axes of their fourth moments, by ascending kurtosis.

        They are the same, but for signs, after any affine map. A direction of low kurtosis is one in which two or more
        clusters of like size come apart: Tyler, Critchley, Duembgen and Oja, Journal of the Royal Statistical Society B
        71 (2009), 549-592, section 5.
        """
        centered = self.rows.with_values(self.rows.values - self.center)
        whitened = centered.values @ inverse_transposed(_root_about(centered, "full")[None])[0]
        return whitened @ kurtosis_axes(centered.with_values(whitened))

    def root_within(self, n_components: int, form: Form, rng: np.random.Generator) -> FloatArray:
        """(d, d) lower root of the covariance within clusters of k-means: what components are likely to look like."""
        return self.root_within_clusters(cluster(self.whitened, self, n_components, rng), form)

    def root_within_clusters(self, labels: IntArray, form: Form) -> FloatArray:
        """(d, d) the same for given clusters, with a little of all rows for clusters that have no spread."""
        within = _about_means(self, labels) / math.sqrt(len(labels))
        if self.rows.weights is not None:
            within *= np.sqrt(self.rows.weights)[:, None]
        return _regular_root(np.concatenate([within, _OF_ALL_ROWS * self.root.T]), form)


def kurtosis_axes(whitened: WeightedRows) -> FloatArray:
    """(d, d) eigenvectors, by ascending eigenvalue, of ``sum w |z|^2 z z'``.

    Cardoso, Source separation using higher order moments, ICASSP 1989, 2109-2112.
    """
    values = whitened.values
    lengths = (values**2).sum(axis=1)
    if whitened.weights is not None:
        lengths = lengths * whitened.weights
    return np.asarray(np.linalg.eigh((values * lengths[:, None]).T @ values)[1])


def draw_starts(
    data: Sample,
    structure: type[AbstractCovariance],
    n_components: int,
    n_starts: int,
    streams: Iterator[np.random.Generator],
) -> Iterator[Mixture]:
    """So many starts, in turns of eight different kinds, each with its own random stream.

    0. k-means along the invariant coordinate of least kurtosis;
    1. k-means in whitened units;
    2. small cells, merged two by two (`merge_cells`);
    3. k-means along the discriminants of start 2;
    4. k-means along the invariant coordinates of low kurtosis, up to k - 1 of them;
    5. the cells about randomly chosen rows;
    6. k-means along the invariant coordinates of high kurtosis, up to k - 1;
    7. k-means in units of the covariance within the clusters of start 6, along all discriminants.

    From the ninth on the kinds come round again. Rows chosen at random take the place of a kind that would repeat
    another: merging, which is done once, and in one dimension all coordinates. No kind finds every optimum.

    Parameters
    ----------
    data : Sample
    structure : subclass of AbstractCovariance
    n_components : int
    n_starts : int
    streams : iterator of Generator
        One for each start.

    Yields
    ------
    Mixture
        In the units of the data.
    """
    few = max(1, min(n_components - 1, data.rows.n_features))
    for start in range(n_starts):
        rng = next(streams)
        match _kind(start, data.rows.n_features, few):
            case "least kurtosis":
                labels = cluster(data.invariant[:, :1], data, n_components, rng)
            case "all":
                labels = cluster(data.whitened, data, n_components, rng)
            case "merged":
                labels = merge_cells(data.rows.with_values(data.whitened), structure.form, n_components, rng)
            case "low kurtosis":
                labels = cluster(data.invariant[:, :few], data, n_components, rng)
            case "discriminants":
                labels = cluster(_discriminants(data, labels, few), data, n_components, rng)
            case "high kurtosis":
                labels = cluster(data.invariant[:, -few:], data, n_components, rng)
            case "within":
                labels = cluster(_discriminants(data, labels, data.rows.n_features), data, n_components, rng)
            case "random":
                chosen = rng.choice(data.rows.n_rows, n_components, replace=False)
                labels = nearest(data.whitened, data.whitened[chosen])
        yield start_from_labels(data, labels, structure, n_components)


_KINDS = ("least kurtosis", "all", "merged", "discriminants", "low kurtosis", "random", "high kurtosis", "within")


def _kind(start: int, n_features: int, few: int) -> str:
    """Random ones take the place of a kind that would repeat another."""
    kind = _KINDS[start % len(_KINDS)]
    repeats = (kind == "low kurtosis" and few == 1) or (kind == "merged" and start >= len(_KINDS))
    if n_features == 1:
        repeats = start >= len(_KINDS) or kind not in ("all", "merged")
    return "random" if repeats else kind


def start_from_labels(
    data: Sample, labels: IntArray, structure: type[AbstractCovariance], n_components: int
) -> Mixture:
    """Weights, means and covariances of clusters, ``labels`` (n,)."""
    log_shares = np.full((len(labels), n_components), -np.inf)
    log_shares[np.arange(len(labels)), labels] = 0.0
    return _start_from(data, log_shares, structure)


def start_from_responsibilities(
    data: Sample, responsibilities: FloatArray, structure: type[AbstractCovariance]
) -> Mixture:
    """The same for rows that belong to several components, ``responsibilities`` (n, k)."""
    with np.errstate(divide="ignore"):
        return _start_from(data, np.log(responsibilities), structure)


def _start_from(data: Sample, log_shares: FloatArray, structure: type[AbstractCovariance]) -> Mixture:
    """An M-step in whitened units, where covariances get a pseudo-row each: a cluster may have few rows.

    Beside components that are all alike, the shares (n, k) of the rows are what is known of them otherwise. What
    components share, they share in the units of the data.
    """
    k, d = log_shares.shape[1], data.rows.n_features
    prior = Prior(_PSEUDO_ROWS, math.sqrt(_PSEUDO_ROWS) * k ** (-1 / d) * np.eye(d), 0.0, np.zeros(d))
    free = free_of(structure)
    alike = Mixture(np.full(k, 1 / k), np.zeros((k, d)), free.identity(k, d))
    moments = data.engine.accumulate(alike.whitened(), log_shares)
    mixture = MaximumLikelihood(prior=prior).maximize(alike, moments).mixture
    roots = mixture.covariance.rescale(data.root).roots
    covariance = structure.identity(k, d)
    if isinstance(covariance, AbstractConstrained):
        covariance = covariance.nearest(moments.counts + _PSEUDO_ROWS, roots)
    else:
        covariance = structure(roots, k, d)
    return Mixture(mixture.weights, data.center + mixture.means @ data.root.T, covariance)


def cluster(coordinates: FloatArray, data: Sample, n_components: int, rng: np.random.Generator) -> IntArray:
    """(n,) the clusters of k-means among the rows of a sample, seen in ``coordinates`` (n, any)."""
    rows = data.rows.with_values(np.ascontiguousarray(coordinates))
    return nearest(rows.values, k_means(rows, n_components, rng, max_iter=_LLOYD_ITERATIONS))


def _root_about(centered: WeightedRows, form: Form) -> FloatArray:
    """Regular whatever the rows are: columns without a spread of their own get one, and do no harm."""
    scaled = centered.values
    if centered.weights is not None:
        scaled = scaled * np.sqrt(centered.weights)[:, None]
    return _regular_root(scaled / math.sqrt(len(scaled)), form)


def _regular_root(rows: FloatArray, form: Form) -> FloatArray:
    """Lower root of ``rows' rows`` as far as the structure can see it."""
    deviations = np.sqrt((rows**2).sum(axis=0))
    root = structure_of(form).root_of_rows(rows)
    least = np.where(deviations > 0, _LEAST_SPREAD * deviations, 1.0)
    root[np.diag_indices_from(root)] = np.maximum(root.diagonal(), least)
    return root


def _about_means(data: Sample, labels: IntArray) -> FloatArray:
    return data.rows.values - _means(data, labels)[labels]


def _means(data: Sample, labels: IntArray) -> FloatArray:
    weights = data.rows.explicit_weights
    counts = np.bincount(labels, weights)
    centered = data.rows.values - data.center
    sums = np.stack([np.bincount(labels, weights * column) for column in centered.T], axis=1)
    return data.center + sums / np.maximum(counts, np.finfo(np.float64).tiny)[:, None]


def _discriminants(data: Sample, labels: IntArray, n_axes: int) -> FloatArray:
    """(n, n_axes) the rows in the units within clusters, along the axes in which the clusters' means differ the most.

    Fisher's linear discriminants (Bishop 2006, section 4.1.6): they undo a stretch that all clusters share.
    """
    units = inverse_transposed(data.root_within_clusters(labels, "full")[None])[0]
    means = (_means(data, labels) - data.center) @ units
    between = (means * np.bincount(labels, data.rows.weights)[:, None]).T @ means
    return (data.rows.values - data.center) @ units @ np.linalg.eigh(between)[1][:, -n_axes:]


def merge_cells(rows: WeightedRows, form: Form, n_components: int, rng: np.random.Generator) -> IntArray:
    """(n,) labels: the clusters of `merge_tree` in which so many are left.

    When there are too few rows for more cells than components, those of k-means.
    """
    n_cells = min(_CELLS_PER_COMPONENT * n_components, _MOST_CELLS, rows.n_rows // _LEAST_ROWS_PER_CELL)
    if n_cells <= n_components:
        return nearest(rows.values, k_means(rows, n_components, rng, max_iter=_LLOYD_ITERATIONS))
    cells = nearest(rows.values, rows.values[draw_seeds(rows, n_cells, rng)])
    return merge_tree(rows, form, cells, [n_components])[n_components]


def merge_tree(rows: WeightedRows, form: Form, cells: IntArray, sizes: Collection[int]) -> dict[int, IntArray]:
    """Cells merged two by two at the least loss of classification likelihood, as they are when so many are left.

    The loss is ``1/2 [n_ij log|S_ij| - n_i log|S_i| - n_j log|S_j|]`` for the structure of the covariances (Banfield
    and Raftery, Biometrics 49 (1993), 803-821; Ward's for tied ones), with a pseudo-row in every cell.

    Parameters
    ----------
    rows : WeightedRows
        In whitened units.
    form : {"full", "tied", "diagonal", "spherical"}
    cells : (n,) array of int
        The cell of each row.
    sizes : collection of int
        Numbers of clusters.

    Returns
    -------
    dict
        From each size to labels (n,). Where there are fewer cells, each is a cluster.
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
