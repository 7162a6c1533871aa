"""Starts of a search: different partitions of the rows, in the units of the data and in those of its covariance.

Whitened rows make starts equivariant under the affine maps that the covariance structure allows: all of them for full
and tied covariances, scalings of each feature for diagonal ones, rotations and a common scaling for spherical ones. But
whitened directions of noise have the same size as those that separate clusters, and with many columns, few rows cannot
tell them apart; the units of the data, and columns whose values are clustered, often can.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from gaussmix.core.covariance import AbstractConstrained, AbstractCovariance
from gaussmix.core.covariance.deviations import color_by, whiten_by
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, Form, IntArray, Random
from gaussmix.fitting.agglomeration import merge_cells
from gaussmix.fitting.clustered_columns import find_clustered
from gaussmix.fitting.compiled_rows import CompiledRows
from gaussmix.fitting.kmeans import k_means, nearest
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.sample import Sample, cluster, most_compact

_KINDS = (
    "own units",
    "merged",
    "clustered columns",
    "whitened",
    "discriminants",
    "clustered axes",
    "high kurtosis",
    "within",
)
_ONCE = ("merged", "clustered columns", "clustered axes")  # their results hardly depend on random numbers
_MANY_COMPONENTS = 12
_PSEUDO_ROWS = 1.0  # of each covariance of a start
_TRIES = 3
_MOST_ITERATIONS = 100  # of the first start, which usually converges


def usual_starts(n_components: int) -> int:
    """Return the default number of starts: one of each kind, or two if there are more than twelve components."""
    return len(_KINDS) if n_components <= _MANY_COMPONENTS else 2 * len(_KINDS)


def draw_starts(
    data: Sample,
    structure: type[AbstractCovariance],
    n_components: int,
    numbers: Iterable[int],
    streams: Iterator[np.random.Generator],
    first: Random | None = None,
) -> Iterator[Mixture]:
    """Yield starts, cycling through eight kinds, each with its own random stream.

    0. k-means in the units of the data, until it converges, as scikit-learn starts;
    1. hierarchical agglomeration of small cells (`merge_cells`) of whitened rows;
    2. k-means in the standardized columns whose values are clustered (`find_clustered`), the best of three runs; if
       there are none, in that of least kurtosis;
    3. k-means in whitened units; for spherical covariances along the invariant coordinates of low kurtosis;
    4. k-means along the discriminants of start 1, up to k - 1 of them;
    5. k-means along the invariant coordinates that are clustered; if there are none, along that of least kurtosis;
    6. k-means along the invariant coordinates of high kurtosis, up to k - 1;
    7. k-means in units of the covariance within the clusters of start 6, along all discriminants.

    From the ninth start on, the kinds repeat. Voronoi cells of randomly chosen rows (each row belongs to the nearest of
    them, in whitened units) replace kinds that would repeat an earlier start: 1, 2 and 5 after the first cycle, and all
    but 0 and 1 in one dimension. So do cells of distinct rows for a start with an empty cluster, as where a column has
    fewer values than there are components. No kind finds every optimum.

    Parameters
    ----------
    data : Sample
        Rows of the search.
    structure : subclass of AbstractCovariance
        Covariance structure.
    n_components : int
        Number of components.
    numbers : iterable of int
        Numbers of the starts, from 0; their kinds depend on them.
    streams : iterator of Generator
        Random stream of each start.
    first : RandomState, optional
        Source of random numbers of start 0 in place of its stream. In the state in which scikit-learn would draw, the
        clusters are those of scikit-learn's start.

    Yields
    ------
    Mixture
        Start in the units of the data.
    """
    partitions = _Partitions(data, structure.form, n_components)
    compiled = _compiled_rows(data, structure, n_components)
    for number in numbers:
        kind = _kind(number, data.rows.n_features)
        rng = next(streams)
        labels = partitions.draw(kind, rng, first if number == 0 else None)
        if number > 0 and np.bincount(labels, minlength=n_components).min() == 0:
            labels = partitions.draw("distinct", rng)
        if kind == "own units":  # a pseudo-row of all rows would join clusters that are much closer than others
            units = replace(data, root=data.root_within_clusters(labels, structure.form))
            yield start_from_labels(units, labels, structure, n_components)
        else:
            yield start_from_labels(data, labels, structure, n_components, compiled)


def _kind(number: int, n_features: int) -> str:
    """Return the kind of a start; "random" replaces a kind that would repeat an earlier start."""
    kind = _KINDS[number % len(_KINDS)]
    again = number >= len(_KINDS)
    repeats = (again and kind in _ONCE) or (n_features == 1 and (again or kind not in ("own units", "merged")))
    return "random" if repeats else kind


@dataclass(eq=False)
class _Partitions:
    """Partitions of the rows by kind; some kinds use an earlier one."""

    data: Sample
    form: Form
    n_components: int
    merged: IntArray | None = field(default=None, init=False)
    high: IntArray | None = field(default=None, init=False)

    def draw(self, kind: str, rng: np.random.Generator, first: Random | None = None) -> IntArray:
        """Return the labels (n,) of a start; ``first`` replaces the stream of k-means in own units."""
        data, k = self.data, self.n_components
        few = max(1, min(k - 1, data.rows.n_features))
        match kind:
            case "own units":
                own = data.rows.with_values(_in_power_of_two(data.rows.values - data.center))
                return nearest(own.values, k_means(own, k, first or rng, max_iter=_MOST_ITERATIONS))
            case "merged":
                self.merged = merge_cells(data.rows.with_values(data.whitened), self.form, k, rng)
                return self.merged
            case "clustered columns":
                return most_compact(self._clustered, data, k, rng, _TRIES)
            case "whitened":  # for spherical covariances, these are the units of the data
                same = FORMS[self.form].features_per_variance(data.rows.n_features) > 1
                return cluster(data.invariant[:, :few] if same else data.whitened, data, k, rng)
            case "discriminants":
                merged = self.draw("merged", rng) if self.merged is None else self.merged
                return cluster(_discriminants(data, merged, few), data, k, rng)
            case "clustered axes":
                clustered = find_clustered(data.invariant)
                if not clustered.any():
                    clustered[0] = True
                return cluster(data.invariant[:, clustered], data, k, rng)
            case "high kurtosis":
                self.high = cluster(data.invariant[:, -few:], data, k, rng)
                return self.high
            case "within":
                high = self.draw("high kurtosis", rng) if self.high is None else self.high
                return cluster(_discriminants(data, high, data.rows.n_features), data, k, rng)
        rows = np.unique(data.whitened, axis=0) if kind == "distinct" else data.whitened
        return nearest(data.whitened, rows[rng.choice(len(rows), k, replace=len(rows) < k)])

    @property
    def _clustered(self) -> FloatArray:
        columns = self.data.standardized
        clustered = find_clustered(columns)
        if not clustered.any():
            kurtosis = self.data.kurtosis
            clustered[np.where(kurtosis > 0, kurtosis, np.inf).argmin()] = True  # zero for constant columns
        return columns[:, clustered]


def _in_power_of_two(centered: FloatArray) -> FloatArray:
    """Return the rows in a unit that is a power of two, so that distances keep their digits and do not overflow."""
    return np.ldexp(centered, -np.frexp(np.abs(centered).max())[1])


def start_from_labels(
    data: Sample,
    labels: IntArray,
    structure: type[AbstractCovariance],
    n_components: int,
    compiled: CompiledRows | None = None,
) -> Mixture:
    """Return a start from the clusters of ``labels`` (n,); ``compiled`` are the rows for it, if they are at hand."""
    compiled = compiled or _compiled_rows(data, structure, n_components)
    state = None if compiled is None else compiled.start(labels)
    if compiled is None or state is None:
        return reference_start(data, labels, structure, n_components)
    return compiled.mixture_of(state)


def _compiled_rows(data: Sample, structure: type[AbstractCovariance], n_components: int) -> CompiledRows | None:
    """Return the rows for starts in compiled code, or None if there is no code for them."""
    plain = MaximumLikelihood()
    if not CompiledRows.can_hold(structure, data.rows.n_features, plain):
        return None
    return CompiledRows.of(data, structure, n_components, plain, data.root)


def reference_start(data: Sample, labels: IntArray, structure: type[AbstractCovariance], n_components: int) -> Mixture:
    """Return the start of `start_from_labels` without compiled code; clusters may be empty."""
    log_shares = np.full((len(labels), n_components), -np.inf)
    log_shares[np.arange(len(labels)), labels] = 0.0
    return _start_from(data, log_shares, structure)


def start_from_responsibilities(
    data: Sample,
    responsibilities: FloatArray,
    structure: type[AbstractCovariance],
    pseudo_rows: float = _PSEUDO_ROWS,
) -> Mixture:
    """Return a start from ``responsibilities`` (n, k), with a number of pseudo-rows for each covariance."""
    with np.errstate(divide="ignore"):
        return _start_from(data, np.log(responsibilities), structure, pseudo_rows)


def _start_from(
    data: Sample, log_shares: FloatArray, structure: type[AbstractCovariance], pseudo_rows: float = _PSEUDO_ROWS
) -> Mixture:
    """Return the M-step in whitened units, with pseudo-rows for each covariance, because clusters may be small.

    A pseudo-row has the covariance of all rows, but for a factor. The pass uses equal components, with the log
    responsibilities (n, k) as log priors. Constraints across components are applied in the units of the data.
    """
    k, d = log_shares.shape[1], data.rows.n_features
    unit = np.ones(d) if data.root.ndim == 1 else np.eye(d)
    prior = Prior(pseudo_rows, math.sqrt(pseudo_rows) * k ** (-1 / d) * unit, 0.0, np.zeros(d))
    free = structure.free if issubclass(structure, AbstractConstrained) else structure
    alike = Mixture(np.full(k, 1 / k), np.zeros((k, d)), free.identity(k, d))
    moments = data.engine.accumulate(alike.whitened(), log_shares)
    mixture = MaximumLikelihood(prior=prior).maximize(alike, moments).mixture
    roots = mixture.covariance.rescale(data.root).roots
    covariance = structure.identity(k, d)
    if isinstance(covariance, AbstractConstrained):
        covariance = covariance.nearest(moments.counts + pseudo_rows, roots)
    else:
        covariance = structure(roots, k, d)
    return Mixture(mixture.weights, data.center + color_by(mixture.means, data.root), covariance)


def _discriminants(data: Sample, labels: IntArray, n_axes: int) -> FloatArray:
    """Return the coordinates (n, n_axes) of the rows along Fisher's linear discriminants (Bishop 2006, section 4.1.6).

    These are the axes along which the means of the clusters differ most, in units of the covariance within clusters, or
    of its diagonal if the sample is wide. If all axes are wanted, they are not turned.
    """
    means, root = data.means_and_root(labels, "diagonal" if data.is_wide else "full")
    whitened = whiten_by(data.rows.values - data.center, root)
    if n_axes == data.rows.n_features:
        return whitened
    means = whiten_by(means - data.center, root)
    between = np.sqrt(np.bincount(labels, data.rows.weights))[:, None] * means
    return np.asarray(whitened @ np.linalg.svd(between, full_matrices=False)[2][:n_axes].T)
