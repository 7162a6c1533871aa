"""The truncated engine: passes in which each row has a few candidates among the components.

Truncated variational EM of Luecke and Forster, k-means as a variational EM approximation of Gaussian mixture models,
Pattern Recognition Letters 125 (2019), 349-356, and Salwig, Kahlke, Hirschberger, Forster and Luecke, arXiv 2501.12299.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.native import NativeEngine
from gaussmix.core.moments import Moments
from gaussmix.core.rows import KEPT_TYPES, WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Random, Rows, SmallIntArray, Want
from gaussmix.core.whitened import WhitenedMixture

_SEARCHED_GROUPS = 4  # groups of components in which a row looks for its first candidates
_LEAST_BLOCK, _MOST_BLOCK = 64, 256  # rows
_MOST_STRAYS, _MORE_STRAYS = 0.05, 0.02  # of the rows, in all and since the last sort, before they are sorted again
_SEARCH_RATIO = 3  # passes until a search are followed by a third as many without one
_SORTED_AFTER = (1, 2, 4, 8)  # passes
_PROBED_PAIRS, _LEAST_PROBED = 1_000_000, 200  # rows times components, and rows, that a search scores exactly
_LARGEST_PROBED_SHARE = 0.1  # of the rows
_FAR_PAIRS = 20  # components for each row, on average, that a search spends on the rows of least density
_REACH, _EXACT_REACH = 20.7, 37.0  # log of the least odds of a candidate, 1e-9, and of the exact pass, 1e-16
_COMMON, _MISSED = 12, 1e-3  # components that all rows look at, and the probability of one that is missed
_AUDIT_PAIRS = 4_000_000  # rows times components of an audit
_LEAST_AUDITED, _MOST_AUDITED = 200, 4_000  # rows


@dataclass(frozen=True)
class Truncation:
    """How much of the components a row looks at.

    Attributes
    ----------
    n_candidates : int
        Components that a row keeps; all others have the responsibility 0.
    n_neighbors : int
        Components near a candidate, itself included, that a row looks at for better ones.
    n_random : int
        Random components that are added to the neighbors of each component at each search.
    seed : int
        Seed of these.
    """

    n_candidates: int
    n_neighbors: int = 12
    n_random: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Audit:
    """Exact responsibilities of some rows, beside those of a truncated engine.

    Attributes
    ----------
    lost : float
        Mean probability of the components that are not candidates.
    n_needed : int
        Least number of candidates with which the best ones would lose at most the share that was asked for.
    n_rows : int
        Number of rows.
    """

    lost: float
    n_needed: int
    n_rows: int


class TruncatedEngine(AbstractEngine):
    """Rows with a few candidates each, to which the responsibilities of a pass are restricted.

    The log-likelihood of its moments is the sum over rows of ``log sum_c w_c N(x | c)`` over the candidates ``c``. It
    is a lower bound, and if nothing else changes the mixture than M-steps on these moments, it never falls: a pass
    replaces candidates by components that fit the row better, and an M-step raises the bound for these. Moments of two
    such engines are not added. The engine keeps a copy of the rows, sorted by their best components.

    Parameters
    ----------
    rows : WeightedRows
        Complete rows.
    truncation : Truncation
        How much a row looks at.
    """

    def __init__(self, rows: WeightedRows, truncation: Truncation) -> None:
        self._engine = NativeEngine.of(rows)
        self.n_rows, self.n_features = rows.shape
        self.weight = rows.total
        self.truncation = truncation
        kept = rows.values.dtype.type in KEPT_TYPES and rows.values.dtype.isnative
        self._values: Rows = np.ascontiguousarray(rows.values, dtype=rows.values.dtype if kept else np.float64)
        self._weights = rows.weights
        self._order: IntArray = np.arange(self.n_rows)
        self._candidates: SmallIntArray | None = None
        self._neighbors: SmallIntArray | None = None
        self._greatest = np.zeros(self.n_rows, dtype=np.float32)  # the log density of the best component of each row
        self._n_passes = self._next_search = 0
        self._is_complete = False
        self.n_scores = 0
        self.share_of_strays = 0.0
        self._settled: float | None = None  # share of strays in the pass after the last sort

    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        if log_prior is not None or mixture.background is not None or mixture.degrees_of_freedom is not None:
            raise ValueError("a truncated pass takes normal components, without noise and without log priors")
        if self._candidates is None:
            self._begin(mixture)
        is_everywhere = self.truncation.n_neighbors >= mixture.n_components
        look = None
        if self._n_passes >= self._next_search and not self._is_complete:
            look = self._places_to_look(mixture)
            if not is_everywhere:
                self._search_far_rows(mixture)
                self._next_search = self._n_passes + 1 + self._n_passes // _SEARCH_RATIO
        moments = self._pass(mixture, look, self.truncation.n_random)
        self._n_passes += 1
        self._is_complete = False
        settled = self._settled = self.share_of_strays if self._settled is None else self._settled
        if self._n_passes in _SORTED_AFTER or self.share_of_strays > max(_MOST_STRAYS, settled + _MORE_STRAYS):
            self._sort_rows()
        return moments

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        """Return exact numbers of all components (`NativeEngine.score_rows`)."""
        return self._engine.score_rows(mixture, want, log_prior)

    def sample_rows(self, limit: int, rng: Random, center: WhitenedMixture | None = None) -> WeightedRows:
        return self._engine.sample_rows(limit, rng, center)

    @property
    def candidates(self) -> IntArray:
        """The candidates (n, c) of each row, best first; -1 where there are fewer."""
        assert self._candidates is not None
        result = np.empty(self._candidates.shape, dtype=np.int64)
        result[self._order] = self._candidates
        return result

    def search_everywhere(self) -> None:
        """Compare all rows with all components in the next pass, which takes as long as an exact one."""
        self._is_complete = True

    def widen(self, n_candidates: int, n_neighbors: int) -> None:
        """Keep more candidates, and look at more neighbors, from the next pass on.

        Parameters
        ----------
        n_candidates, n_neighbors : int
            Their numbers, at least the current ones.
        """
        assert self._candidates is not None
        assert self._neighbors is not None
        further = np.full((len(self._neighbors), n_neighbors), -1, dtype=np.int32)
        further[:, : self._neighbors.shape[1]] = self._neighbors
        self._neighbors = further
        wider = np.full((self.n_rows, n_candidates), -1, dtype=np.int32)
        wider[:, : self.truncation.n_candidates] = self._candidates
        self._candidates = wider
        self.truncation = replace(self.truncation, n_candidates=n_candidates, n_neighbors=n_neighbors)
        self._n_passes = self._next_search = 0

    def audit(self, mixture: WhitenedMixture, most_lost: float) -> Audit:
        """Compare the candidates of some rows with all components.

        Parameters
        ----------
        mixture : WhitenedMixture
            Mixture of the last pass.
        most_lost : float
            Share of the probability that may be lost.

        Returns
        -------
        Audit
            What is lost.
        """
        assert self._candidates is not None
        k = mixture.n_components
        limit = min(max(self.n_rows // 100, _LEAST_AUDITED), _MOST_AUDITED, max(_AUDIT_PAIRS // k, _LEAST_AUDITED))
        some = np.linspace(0, self.n_rows - 1, min(limit, self.n_rows)).astype(np.int64)
        weights = np.ones(len(some)) if self._weights is None else self._weights[some]
        shares = NativeEngine(self._values[some]).score_rows(mixture, "responsibilities")
        own = self._candidates[some]
        kept = np.where(own >= 0, np.take_along_axis(shares, np.maximum(own, 0), axis=1), 0.0).sum(axis=1)
        best = -np.sort(-shares, axis=1)
        enough = np.average(1 - best.cumsum(axis=1), axis=0, weights=weights) <= most_lost
        lost = float(np.average(np.maximum(1 - kept, 0.0), weights=weights))
        return Audit(lost, int(enough.argmax()) + 1 if enough.any() else k, len(some))

    def _places_to_look(self, mixture: WhitenedMixture) -> SmallIntArray:
        """Return the neighbors (k, g) of each component, and what some rows miss.

        Exact responsibilities of some rows tell which components have a large share but are not candidates. Wide
        components are missed by rows of many others: those that are missed most become neighbors of all components,
        and others those of the best components of the rows.
        """
        assert self._candidates is not None
        assert self._neighbors is not None
        k = mixture.n_components
        count = min(_PROBED_PAIRS // k, int(_LARGEST_PROBED_SHARE * self.n_rows))
        count = min(self.n_rows, max(count, _LEAST_PROBED))
        rng = np.random.default_rng((self.truncation.seed, self._n_passes))
        some = np.sort(rng.integers(self.n_rows, size=count))
        shares = NativeEngine(self._values[some]).score_rows(mixture, "responsibilities")
        best = shares.argmax(axis=1)
        own = self._candidates[some]
        rows, columns = np.nonzero(own >= 0)
        shares[rows, own[rows, columns]] = 0.0
        missed = shares.sum(axis=0)
        everywhere = np.argsort(-missed, kind="stable")[:_COMMON]
        wide = np.where(missed[everywhere] > _MISSED, everywhere, -1)
        rows, others = np.divmod(np.flatnonzero(shares > _MISSED), k)  # np.nonzero of a table takes longer
        order = np.argsort(-shares[rows, others], kind="stable")
        rows, others = rows[order], others[order]
        of, first = np.unique(best[rows], return_index=True)
        here = np.full((k, 1), -1)
        here[of, 0] = others[first]
        wide = np.tile(wide[wide >= 0], (k, 1))
        both = np.concatenate([self._neighbors, wide, here], axis=1)
        order = np.argsort(both < 0, axis=1, kind="stable")
        return np.ascontiguousarray(np.take_along_axis(both, order, axis=1), dtype=np.int32)

    def _search_far_rows(self, mixture: WhitenedMixture) -> None:
        """Compare the rows of least density with all components: most candidates that are missed are theirs."""
        assert self._candidates is not None
        count = _FAR_PAIRS * self.n_rows // mixture.n_components
        if not 0 < count < self.n_rows:
            return
        some = np.sort(np.argpartition(self._greatest, count)[:count])
        labels = NativeEngine(self._values[some]).score_rows(mixture, "labels")
        own = self._candidates[some]
        is_new = (own != labels[:, None]).all(axis=1)
        own[is_new, 1:] = own[is_new, :-1]
        own[is_new, 0] = labels[is_new]
        self._candidates[some] = own

    def _pass(self, mixture: WhitenedMixture, neighbors: SmallIntArray | None, n_random: int) -> Moments:
        assert self._candidates is not None
        k, d = mixture.means.shape
        is_tied = mixture.form == "tied"
        factors = np.repeat(mixture.factors[None], k, axis=0) if is_tied else mixture.factors
        counts, shifts, scatter = np.zeros(k), np.zeros((k, d)), np.zeros(factors.shape)
        totals = np.zeros(2)
        n_scores, n_strays = _native.accumulate_truncated(
            self._values,
            self._weights,
            "full" if is_tied else mixture.form,
            mixture.offsets,
            mixture.means,
            factors,
            self._blocks if not self._is_complete else even_blocks(self.n_rows),
            neighbors,
            n_random,
            self.truncation.seed * 1_000_003 + self._n_passes,
            self._is_complete,
            _EXACT_REACH if self.truncation.n_candidates == k else _REACH,
            self._candidates,
            self._greatest,
            counts,
            shifts,
            scatter,
            totals,
            None if neighbors is None else self._neighbors,
        )
        self.n_scores += n_scores
        self.share_of_strays = n_strays / self.n_rows
        if is_tied:
            scatter = scatter.sum(axis=0)
        return Moments(mixture.form, counts, shifts, scatter, float(totals[0]), float(totals[1]), self.weight)

    def _begin(self, mixture: WhitenedMixture) -> None:
        """Find the first candidates: those of the nearest groups of components."""
        k, kept = mixture.n_components, min(self.truncation.n_candidates, mixture.n_components)
        self.truncation = replace(self.truncation, n_candidates=kept)
        scale = _scale(mixture)
        center = mixture.means.mean(axis=0)
        means = (mixture.means - center) * scale
        self._neighbors = nearest_components(means, min(self.truncation.n_neighbors, k))
        if kept == k:
            self._candidates = np.tile(np.arange(k, dtype=np.int32), (self.n_rows, 1))
            self._blocks = cut_blocks(self._candidates[:, 0])
            return
        members, centers = groups_of(means)
        first = members[:, 0]
        near = nearest_components(centers, min(_SEARCHED_GROUPS, len(centers)))
        lists = np.full((k, near.shape[1] * members.shape[1]), -1, dtype=np.int32)
        for group, groups in enumerate(near):
            some = members[groups].ravel()
            lists[first[group], : (some >= 0).sum()] = some[some >= 0]
        spheres = WhitenedMixture(
            "diagonal", np.zeros(len(centers)), center + centers / scale, np.tile(scale, (len(centers), 1))
        )
        self._candidates = np.full((self.n_rows, kept), -1, dtype=np.int32)
        self._candidates[:, 0] = first[self._engine.score_rows(spheres, "labels")]
        self._sort_rows()
        self._pass(mixture, lists, 0)
        self._sort_rows()

    def _sort_rows(self) -> None:
        """Sort the rows by their best candidates, and these so that neighbors are near each other."""
        assert self._candidates is not None
        assert self._neighbors is not None
        chain = np.empty(len(self._neighbors), dtype=np.int32)
        _native.chain_components(self._neighbors, chain)
        rank = np.empty(len(chain) + 1, dtype=np.int32)
        rank[chain], rank[-1] = np.arange(len(chain)), len(chain)
        self._settled = None
        k = len(chain)
        own = self._candidates[:, :3].astype(np.int64) + 1
        key = rank[self._candidates[:, 0]].astype(np.int64)
        for column in range(1, own.shape[1]):
            key = key * (k + 1) + own[:, column]
        order = np.argsort(key, kind="stable")
        self._order = self._order[order]
        self._candidates = self._candidates[order]
        self._greatest = self._greatest[order]
        self._blocks = cut_blocks(self._candidates[:, 0])
        self._values = self._values[order]
        if self._weights is not None:
            self._weights = self._weights[order]


def cut_blocks(labels: SmallIntArray) -> IntArray:
    """Return the first rows (b + 1,) of the blocks, and the number of rows. Short runs of equal labels are joined."""
    ends = [*(np.flatnonzero(labels[1:] != labels[:-1]) + 1).tolist(), len(labels)]
    cuts = [0]
    for end in ends:
        if end - cuts[-1] < _LEAST_BLOCK and end < len(labels):
            continue
        n_parts = round((end - cuts[-1]) / _MOST_BLOCK)
        parts = np.linspace(cuts[-1], end, n_parts + 1).astype(np.int64)[1:].tolist() if n_parts > 1 else [end]
        cuts.extend(parts)
    return np.array(cuts)


def even_blocks(n_rows: int) -> IntArray:
    """Return the first rows of blocks of equal size, and the number of rows, for a pass with all components."""
    return np.append(np.arange(0, n_rows, _MOST_BLOCK), n_rows)


def nearest_components(means: FloatArray, n_neighbors: int) -> SmallIntArray:
    """Return the nearest means (k, n_neighbors) of each mean, itself first."""
    k = len(means)
    squares = (means**2).sum(axis=1)
    result = np.empty((k, n_neighbors), dtype=np.int32)
    for start in range(0, k, 1024):
        part = np.arange(start, min(start + 1024, k))
        distances = squares - 2 * means[part] @ means.T
        distances[np.arange(len(part)), part] = -np.inf
        near = np.argpartition(distances, n_neighbors - 1, axis=1)[:, :n_neighbors] if n_neighbors < k else None
        near = np.tile(np.arange(k), (len(part), 1)) if near is None else near
        order = np.argsort(np.take_along_axis(distances, near, axis=1), axis=1, kind="stable")
        result[part] = np.take_along_axis(near, order, axis=1)
    return result


def groups_of(means: FloatArray) -> tuple[SmallIntArray, FloatArray]:
    """Return groups of near means: their members (g, m), filled up with -1, and their centers (g, d)."""
    k = len(means)
    n_groups = max(1, min(k, round(2 * math.sqrt(k))))
    rng = np.random.default_rng(0)
    centers = means[np.sort(rng.choice(k, n_groups, replace=False))]
    for _ in range(5):
        labels = _nearest(means, centers)
        counts = np.bincount(labels, minlength=n_groups)
        sums = np.stack([np.bincount(labels, column, minlength=n_groups) for column in means.T], axis=1)
        centers = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centers)
    labels = _nearest(means, centers)
    counts = np.bincount(labels, minlength=n_groups)
    kept = np.flatnonzero(counts)
    members = np.full((len(kept), counts.max()), -1, dtype=np.int32)
    for at, group in enumerate(kept):
        members[at, : counts[group]] = np.flatnonzero(labels == group)
    return members, centers[kept]


def _nearest(rows: FloatArray, centers: FloatArray) -> IntArray:
    return np.asarray(((centers**2).sum(axis=1) - 2 * rows @ centers.T).argmin(axis=1))


def _scale(mixture: WhitenedMixture) -> FloatArray:
    """Return the inverse (d,) of a typical standard deviation of each feature within components."""
    factors, d = mixture.factors, mixture.n_features
    match mixture.form:
        case "full":
            diagonal = np.einsum("kii->ki", factors)
        case "tied":
            diagonal = factors.diagonal()[None]
        case "diagonal":
            diagonal = factors
        case "spherical":
            diagonal = np.repeat(factors[:, None], d, axis=1)
    return np.asarray(np.exp(np.log(diagonal).mean(axis=0)))
