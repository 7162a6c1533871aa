"""Degenerate components: empty, collapsed, with too few rows, or spurious."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.covariance import Factor
from gaussmix.core.covariance.deviations import dense_root, diagonal_of
from gaussmix.core.covariance.triangular import lower_root
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.fitting.spurious import COLLAPSED, find_spurious, variances_beside_all

_EPSILON = float(np.finfo(np.float64).eps)
_LARGE = 100.0  # ratio of standard deviations
_BELOW_ROUNDING = 0.1  # variance relative to that of rounding
_BELOW_OTHERS = 0.01  # variance relative to that of the reference in the same direction
_LEAST_STEP = 1e-6  # share of the range of a column; smaller rounding does not matter
_MEANS_AT_ONCE = 4_000_000  # numbers that are compared with each other at a time
_LOST = 0.5  # rows
REPEATED = 1e-3
"""Standard deviations; closer components are the same."""
_EQUAL_ROWS = 0.1  # variance of equal rows in a comparison of optima, relative to that within sound components
_FAR = 3.0  # Mahalanobis distance beyond sqrt(d)
_GROUP, _GROUP_PER_FEATURE = 10, 2  # rows, and multiple of d + 2, of a group of its own


@dataclass(frozen=True, eq=False)
class Soundness:
    """Degenerate components of a mixture.

    Attributes
    ----------
    empty : (k,) array of bool
        Components without rows.
    collapsed : (k,) array of bool
        Components whose variance in some direction is negligible: zero up to rounding, or due to a penalty alone.
    few : (k,) array of bool
        Components with fewer rows than their own covariance parameters need: d + 1 for an orientation, 3 for a shape,
        2 for a volume.
    spurious : (k,) array of bool
        Thin components with so few rows that such a group of rows can occur by chance.
    groups : (k,) array of bool
        Unsound components with too many rows for chance, so that they may be right: collapsed ones of at least 10 and
        ``2 (d + 2)`` rows, and those with few rows, if they are at least 10.
    surplus : (k,) array
        Nats that an unsound component gains because its rows lie closer together than those of other components
        (`examine`); 0 for sound components.
    """

    empty: BoolArray
    collapsed: BoolArray
    few: BoolArray
    spurious: BoolArray
    groups: BoolArray
    surplus: FloatArray

    @classmethod
    @lru_cache(64)
    def of_sound(cls, n_components: int) -> "Soundness":
        """Return the soundness of as many sound components.

        Parameters
        ----------
        n_components : int
            Number of components.

        Returns
        -------
        Soundness
            None is unsound.
        """
        none, nothing = np.zeros(n_components, dtype=np.bool_), np.zeros(n_components)
        none.flags.writeable = nothing.flags.writeable = False
        return cls(none, none, none, none, none, nothing)

    @cached_property
    def unsound(self) -> BoolArray:
        """The unsound components, ``(k,)`` bools: those that are empty, collapsed, few or spurious."""
        return self.empty | self.collapsed | self.few | self.spurious

    def reordered(self, order: IntArray) -> "Soundness":
        """Return the same object with its components in another order.

        Parameters
        ----------
        order : (k,) array of int
            Current positions of the components, in the new order.

        Returns
        -------
        Soundness
            The components in that order.
        """
        return Soundness(
            self.empty[order],
            self.collapsed[order],
            self.few[order],
            self.spurious[order],
            self.groups[order],
            self.surplus[order],
        )

    @cached_property
    def is_doubtful(self) -> bool:
        """Whether a component is unsound and has so few rows that chance explains it."""
        return bool((self.unsound & ~self.groups).any())

    @cached_property
    def n_unsound(self) -> int:
        """The number of unsound components."""
        return int(np.count_nonzero(self.unsound))

    @cached_property
    def total_surplus(self) -> float:
        """The sum of the surplus of all components, in nats."""
        return float(self.surplus.sum())


def examine(
    mixture: Mixture,
    counts: FloatArray,
    n: float,
    target_root: FloatArray | None = None,
    rounding: FloatArray | None = None,
) -> Soundness:
    """Find the degenerate components of a fitted mixture.

    The likelihood of a mixture has local maxima at small groups of rows that happen to lie close together, or close to
    a line, a plane, ...: McLachlan and Peel, Finite Mixture Models (2000), section 3.10, call them spurious. A
    component is tested by the number of such groups that are expected by chance. The ``N`` rows of a component that is
    thin in ``j`` directions lie close to an affine subspace of ``d - j`` dimensions. ``q = d - j + 1`` rows determine
    the subspace, and the other ``m = N - q`` lie close to it. The expected number of rows of all other components in
    the same region is

        mu = sum_{l != k} N_l int N(x | l) N(x | k) dx / int N(x | k)^2 dx,

    where noise is one of the other components, so the region has ``m + mu`` rows. If the numbers of rows were
    Poisson, the expected number of regions with as many rows, in data without that component, would be

        E = C(n, q) mu^(m + mu) exp(-mu) / (m + mu)!

    For diagonal covariances, the subspaces are parallel to the axes and determined by one row, ``q = 1``, and C(d, j) n
    replaces C(n, q). If components have a common shape, only ``j = d`` is tested. A component is spurious if for some
    ``j`` it is thin (the product of its ``j`` smallest variances is below ``0.02^j``, in units of the reference), it
    has fewer than ``5 (d + 2)`` rows, and E > 0.01. A component far from all others has mu near 0 and is not spurious.

    The surplus makes optima comparable. Without it, the covariance of an unsound component would be another one: the
    pooled covariance of the sound components, in directions where its own is smaller (a tenth of that for equal rows,
    and in all directions for a component with few rows). The surplus is the Kullback-Leibler divergence between the two
    Gaussians, in nats per row, times the rows. If no component is sound, the covariance of all rows takes that place,
    or the pooled covariance if all have few rows. At least 10 and ``2 (d + 2)`` equal rows whose Mahalanobis distance
    from every other component is more than ``sqrt(d) + 3`` have no surplus.

    Parameters
    ----------
    mixture : Mixture
        Fitted mixture.
    counts : (k,) array
        Sums of the weighted responsibilities.
    n : float
        Sum of the row weights.
    target_root : (d, d) or (d,) array, optional
        Lower root of the reference for collapsed components, or its diagonal. The default, also used for thin
        components, is the pooled covariance within components, the sum of ``weights[k] covariance[k]``.
    rounding : (d,) array, optional
        Variance of each column that is due to rounding (`rounding_variances`). A component whose variance in some
        direction is far smaller, and far smaller than that of the reference, has collapsed on rows that rounding made
        equal.

    Returns
    -------
    Soundness
        Degenerate components of each kind.
    """
    noise, mixture = mixture.background, mixture.without_noise()
    k, d = mixture.means.shape
    beside = ratios, whiten = variances_beside_all(mixture, noise)
    least = ratios[:, 0]
    volume, shape, orientation = tuple(mixture.covariance.letters)
    alike = volume == shape == orientation == "E"  # each equals the pooled covariance
    if target_root is not None and (alike or not _is_plain(least, whiten, target_root)):
        least = mixture.covariance.relative_variances(mixture.weights, target_root)[0][:, 0]
    collapsed = least < COLLAPSED
    if rounding is not None:
        collapsed = collapsed | _is_below_rounding(mixture, rounding, target_root)
    soundness = Soundness(
        empty=np.asarray(counts <= 10 * _EPSILON * n),
        collapsed=np.asarray(collapsed),
        few=np.asarray(counts < rows_needed(mixture.covariance.letters, d)),
        spurious=np.zeros(k, dtype=np.bool_),
        groups=np.zeros(k, dtype=np.bool_),
        surplus=np.zeros(k),
    )
    passed_over = soundness.empty | soundness.collapsed
    soundness.spurious[:] = find_spurious(mixture, noise, counts, n, beside, passed_over)
    if soundness.n_unsound:
        least_rows = np.where(soundness.few, _GROUP, max(_GROUP, _GROUP_PER_FEATURE * (d + 2)))
        soundness.groups[:] = (soundness.few | soundness.collapsed) & ~soundness.spurious & (counts >= least_rows)
        apart = _apart(mixture, soundness, counts, target_root)
        soundness.surplus[:] = np.where(apart, 0.0, counts * _gains(mixture, soundness))
    return soundness


def examine_factors(mixture: Mixture, counts: FloatArray) -> Soundness:
    """Find the degenerate components of a mixture of factor analyzers, without full covariances.

    A component is empty below half a row, and has few rows if there are no more than its factors and its mean need. It
    does not collapse, because the noise has a least variance.

    Parameters
    ----------
    mixture : Mixture
        The mixture.
    counts : (k,) array
        Sums of the weighted responsibilities.

    Returns
    -------
    Soundness
        The degenerate components.
    """
    assert isinstance(mixture.covariance, Factor)
    sound = Soundness.of_sound(mixture.n_components)
    own = mixture.covariance.factor_letters[0] == "U"
    few = counts < (mixture.covariance.n_factors + 2 if own else 2)
    return replace(sound, empty=counts < _LOST, few=few & (counts >= _LOST))


def find_lost(mixture: Mixture, counts: FloatArray) -> BoolArray:
    """Return (k,) bools: which components have less than half a row, given their counts (k,), or repeat another one."""
    lost: BoolArray = counts < _LOST
    deviations = np.sqrt(mixture.covariance.variances())
    pairs = _repeated_means(mixture.means, REPEATED * deviations)
    if pairs and isinstance(mixture.covariance, Factor):
        first, second = np.array(pairs).T
        return lost | mixture.covariance.repeated(first, second, REPEATED)
    if pairs:
        dense = mixture.covariance.dense()
        for one, other in pairs:
            limits = REPEATED * np.outer(deviations[one], deviations[one])
            lost[other] |= bool((np.abs(dense[one] - dense[other]) < limits).all())
    return lost


def _repeated_means(means: FloatArray, limits: FloatArray) -> list[tuple[int, int]]:
    """Return pairs of components, in order, whose means differ by less than limits (k, d), those of the second one."""
    pairs, step = [], max(1, _MEANS_AT_ONCE // means.size)
    for start in range(0, len(means), step):
        apart = np.abs(means[start : start + step, None] - means[start:])
        first, second = np.nonzero(np.triu((apart < limits[start:]).all(axis=2), 1))
        pairs += list(zip((start + first).tolist(), (start + second).tolist(), strict=True))
    return pairs


def rounding_variances(rows: FloatArray) -> FloatArray:
    """Return the variance (d,) that rounding adds to each column: h^2 / 12 (Sheppard's correction).

    h is the greatest step of which all differences of values are multiples. It is zero if there is none, because values
    were not rounded, and for constant columns.
    """
    return np.array([_common_step(np.unique(values)) for values in rows.T]) ** 2 / 12


def _common_step(values: FloatArray) -> float:
    """Return the greatest step of which all differences of sorted values are multiples, by Euclid's algorithm, or 0."""
    if len(values) < 2:
        return 0.0
    rest = np.diff(values)
    rounding = 64 * _EPSILON * max(abs(values[0]), abs(values[-1]))
    step = float(rest.min())
    while step > _LEAST_STEP * (values[-1] - values[0]) + 100 * rounding:
        rest = np.abs(rest - step * np.round(rest / step))
        rest = rest[rest > rounding * np.maximum(1.0, 1e-3 * (values[-1] - values[0]) / step)]
        if not rest.size:
            return step
        step = float(rest.min())
    return 0.0


def _is_below_rounding(mixture: Mixture, rounding: FloatArray, target_root: FloatArray | None) -> BoolArray:
    """Return (k,) bools: whether a variance is far smaller than that of rounding and that of the reference.

    If the reference is as thin in this direction, all components are: columns follow from others. A single component
    is never compared.
    """
    k, rounded = mixture.n_components, rounding > 0
    if k == 1 or not rounded.any():
        return np.zeros(k, dtype=np.bool_)
    dense = mixture.covariance.dense()
    root = None if target_root is None else dense_root(target_root)
    reference = np.tensordot(mixture.weights, dense, 1) if root is None else root @ root.T
    some, deviations = np.flatnonzero(rounded), np.sqrt(rounding[rounded])
    units = np.outer(deviations, deviations)
    variances, axes = np.linalg.eigh(dense[:, some[:, None], some] / units)
    beside = np.einsum("kij,il,klj->kj", axes, reference[some[:, None], some] / units, axes)
    low = (variances < _BELOW_ROUNDING) & (variances < _BELOW_OTHERS * beside)
    return np.asarray(low.any(axis=1))


def _apart(mixture: Mixture, soundness: Soundness, counts: FloatArray, target_root: FloatArray | None) -> BoolArray:
    """Return (k,) bools: which components are many equal rows, and farther than sqrt(d) + 3 from all others."""
    k, d = mixture.means.shape
    greatest = mixture.covariance.relative_variances(mixture.weights, target_root)[0][:, -1]
    apart: BoolArray = (greatest < COLLAPSED) & soundness.groups
    for component in apart.nonzero()[0]:
        others = (counts >= _LOST) & (np.arange(k) != component)
        moved = np.where(others[:, None], mixture.means[component] - mixture.means, 0.0)
        distances = np.sqrt((mixture.covariance.whiten_each(moved) ** 2).sum(axis=1))
        apart[component] = (distances[others] > math.sqrt(d) + _FAR).all()
    return apart


def _gains(mixture: Mixture, soundness: Soundness) -> FloatArray:
    """Return (k,) what each unsound component gains over its reference covariance, in nats per row (`examine`)."""
    sound, weights = ~soundness.unsound, mixture.weights
    is_diagonal = FORMS[mixture.covariance.form].is_diagonal
    dense = mixture.covariance.variances() if is_diagonal else mixture.covariance.dense()
    about = np.sqrt(weights)[:, None] * (mixture.means - weights @ mixture.means)
    between = (about**2).sum(axis=0) if is_diagonal else about.T @ about
    if sound.any():
        within = np.tensordot(weights * sound, dense, 1) / (weights @ sound)
    else:
        within = np.tensordot(weights, dense, 1) + (0.0 if soundness.few.all() else between)
    root = np.sqrt(within) if is_diagonal else lower_root(within[None])[0]
    if not diagonal_of(root).all():
        root = np.sqrt(within + between) if is_diagonal else lower_root((within + between)[None])[0]
    ratios = np.maximum(mixture.covariance.relative_variances(weights, root)[0], _EPSILON**2)
    is_equal = ratios[:, -1:] < COLLAPSED
    bounded = np.minimum(ratios / np.where(is_equal & sound.any(), _EQUAL_ROWS, 1.0), 1.0)
    ratios = np.where(soundness.few[:, None], ratios, bounded)
    return np.where(sound, 0.0, 0.5 * (ratios - 1 - np.log(ratios)).sum(axis=1))


def rows_needed(letters: str, n_features: int) -> int:
    """Return how many rows the own covariance parameters of a component need (`Soundness.few`)."""
    volume, shape, orientation = tuple(letters)
    if orientation == "V":
        return n_features + 1
    return 3 if shape == "V" else 2 if volume == "V" else 0


def _is_plain(least: FloatArray, whiten: FloatArray, target_root: FloatArray) -> bool:
    """Return whether no component can be collapsed relative to the pooled covariance or the target."""
    own = whiten if whiten.ndim == 1 else whiten.diagonal()
    return bool(least.min() > math.sqrt(COLLAPSED) and (own * diagonal_of(target_root)).max() < _LARGE)
