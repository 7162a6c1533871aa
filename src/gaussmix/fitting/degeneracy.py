"""Components that say more about chance than about the data: empty, collapsed, too few rows, spurious."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from gaussmix.core.covariance.triangular import lower_root
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, FloatArray, IntArray

_EPSILON = float(np.finfo(np.float64).eps)
_COLLAPSED = 1e-9  # variance, as a share of the reference: rounding, or what a penalty holds up
_THIN = math.log(0.02)  # log variance per thin direction, against the reference
_LARGE = 100.0  # ratio of deviations
_BELOW_ROUNDING = 0.1  # of the variance that rounding gives
_BELOW_OTHERS = 0.01  # of the variance that the reference has in the same direction
_LEAST_STEP = 1e-6  # of the reach of a column: rounding to smaller steps does not matter
_LOST = 0.5  # rows
_MANY = 5  # times d + 2: so many rows are not a chance finding
_CHANCE = math.log(0.01)  # log of the number of chance findings from which on chance is an explanation


@dataclass(frozen=True, eq=False)
class Soundness:
    """What is wrong with the components of a mixture.

    Attributes
    ----------
    empty : (k,) array of bool
        Without rows.
    collapsed : (k,) array of bool
        The variance in some direction is nothing beside the reference: singular to rounding, or held up by a penalty.
    few : (k,) array of bool
        Fewer rows than what a component has of its own needs: d + 1 for an orientation, 3 for a shape, 2 for a size.
    spurious : (k,) array of bool
        Thin, and on so few rows that chance explains it.
    """

    empty: BoolArray
    collapsed: BoolArray
    few: BoolArray
    spurious: BoolArray

    @property
    def unsound(self) -> BoolArray:
        """Which components are any of these, ``(k,)``."""
        return self.empty | self.collapsed | self.few | self.spurious

    def reordered(self, order: IntArray) -> "Soundness":
        """The same with the components in another order.

        Parameters
        ----------
        order : (k,) array of int
            The component that comes first, second, ...

        Returns
        -------
        Soundness
            The components as asked.
        """
        return Soundness(self.empty[order], self.collapsed[order], self.few[order], self.spurious[order])

    @property
    def n_unsound(self) -> int:
        """How many components are not to be trusted."""
        return int(np.count_nonzero(self.unsound))


def examine(
    mixture: Mixture,
    counts: FloatArray,
    n: float,
    target_root: FloatArray | None = None,
    rounding: FloatArray | None = None,
) -> Soundness:
    """Which components of a fitted mixture are not to be trusted.

    The likelihood of a mixture has maxima on any few rows that happen to lie close together, or close to a line, a
    plane, ...: McLachlan and Peel, Finite Mixture Models (2000), section 3.10, call them spurious. Here such a
    component is compared with what chance offers. A component of ``N`` rows that is thin in ``j`` directions lies about
    a flat of ``d - j`` dimensions, which ``q = d - j + 1`` rows fix; ``m = N - q`` rows lie there beyond those. Of the
    rows of all other components, ``mu`` are expected in the same place,

        mu = sum_{l != k} N_l int N(x | l) N(x | k) dx / int N(x | k)^2 dx;

    with its own, ``m + mu`` are there. If the numbers of rows were Poisson, places so crowded would be found

        E = C(n, q) mu^(m + mu) exp(-mu) / (m + mu)!

    times in rows without that component. For variances, flats are parallel to the axes and one row fixes them,
    ``q = 1``, and C(d, j) n takes the place of C(n, q); components of one shape are thin in all directions or none. A
    component is spurious when for some ``j`` it is thin (the product of its ``j`` least variances is below ``0.02^j``,
    in units of the reference) and E > 0.01. Far from all others nothing is expected, and nothing there is spurious.

    Parameters
    ----------
    mixture : Mixture
        The fit.
    counts : (k,) array
        Sums of the weighted responsibilities.
    n : float
        Sum of the weights of the rows.
    target_root : (d, d) array, optional
        Lower root of the covariance beside which a collapsed component has no variance; by default, and for thin ones,
        the pooled covariance within components, sum of ``weights[k] covariance[k]``.
    rounding : (d,) array, optional
        Variance of each column that rounding alone gives it (`rounding_variances`). A component that varies far less
        than that in some direction, in which the reference varies more, has collapsed on rows that rounding made equal.

    Returns
    -------
    Soundness
        What is wrong with each component.
    """
    k, d = mixture.means.shape
    ratios, whiten = mixture.covariance.relative_variances(mixture.weights)
    least = ratios[:, 0]
    volume, shape, orientation = tuple(mixture.covariance.letters)
    alike = volume == shape == orientation == "E"  # each is the pooled covariance: none is small beside it
    if target_root is not None and (alike or not _is_plain(least, whiten, target_root)):
        least = mixture.covariance.relative_variances(mixture.weights, target_root)[0][:, 0]
    collapsed = least < _COLLAPSED
    if rounding is not None:
        collapsed = collapsed | _is_below_rounding(mixture, rounding, target_root)
    soundness = Soundness(
        empty=np.asarray(counts <= 10 * _EPSILON * n),
        collapsed=np.asarray(collapsed),
        few=np.asarray(counts < _rows_needed(mixture.covariance.letters, d)),
        spurious=np.zeros(k, dtype=np.bool_),
    )
    if volume == "E" and shape != "V":  # no component is denser than the others
        return soundness
    if not whiten.any():  # all are flat together: none is thin beside the others
        return soundness
    directions = np.arange(1, d + 1)
    thin = np.log(np.maximum(ratios, _COLLAPSED)).cumsum(axis=1) < _THIN * directions
    if shape != "V" and orientation != "V":
        thin[:, :-1] = False
    suspects = thin.any(axis=1) & (counts < _MANY * (d + 2)) & ~soundness.empty & ~soundness.collapsed
    for component in suspects.nonzero()[0]:
        found = _log_findings(mixture, counts, n, int(component), whiten)
        soundness.spurious[component] = (thin[component] & (found > _CHANCE)).any()
    return soundness


def find_lost(counts: FloatArray) -> BoolArray:
    """(k,) which components have lost their rows, or are about to: less than half a row is left, of counts (k,)."""
    return np.asarray(counts < _LOST)


def rounding_variances(rows: FloatArray) -> FloatArray:
    """(d,) 1/12 of the squared step that values of a column are multiples of: Sheppard's variance of rounding.

    Zero for columns that were not rounded, whose differences have no common step, and for constant ones.
    """
    return np.array([_common_step(np.unique(values)) for values in rows.T]) ** 2 / 12


def _common_step(values: FloatArray) -> float:
    """The greatest step that all differences of ascending values are multiples of, by Euclid's algorithm; or zero."""
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
    """(k,) whether the variance in some direction is far less than rounding gives it, and than that of the reference.

    Where the reference is as thin, the rows are so in all components: columns follow from others, and that is no chance
    finding of one component. A single component has nothing to be thinner than.
    """
    k, rounded = mixture.n_components, rounding > 0
    if k == 1 or not rounded.any():
        return np.zeros(k, dtype=np.bool_)
    dense = mixture.covariance.dense()
    reference = np.tensordot(mixture.weights, dense, 1) if target_root is None else target_root @ target_root.T
    some, deviations = np.flatnonzero(rounded), np.sqrt(rounding[rounded])
    units = np.outer(deviations, deviations)
    variances, axes = np.linalg.eigh(dense[:, some[:, None], some] / units)
    beside = np.einsum("kij,il,klj->kj", axes, reference[some[:, None], some] / units, axes)
    low = (variances < _BELOW_ROUNDING) & (variances < _BELOW_OTHERS * beside)
    return np.asarray(low.any(axis=1))


def _rows_needed(letters: str, n_features: int) -> int:
    volume, shape, orientation = tuple(letters)
    if orientation == "V":
        return n_features + 1
    return 3 if shape == "V" else 2 if volume == "V" else 0


def _is_plain(least: FloatArray, whiten: FloatArray, target_root: FloatArray) -> bool:
    """Whether no component can be collapsed: none beside the pooled covariance, nor that beside the target."""
    own = whiten if whiten.ndim == 1 else whiten.diagonal()
    return bool(least.min() > math.sqrt(_COLLAPSED) and (own * target_root.diagonal()).max() < _LARGE)


def _log_findings(mixture: Mixture, counts: FloatArray, n: float, component: int, whiten: FloatArray) -> FloatArray:
    """(d,) log of the number of chance findings, for 1 to d thin directions."""
    d, count = mixture.n_features, float(counts[component])
    directions = np.arange(1, d + 1)
    if mixture.covariance.letters[2] == "V":
        fixing = d - directions + 1.0
        log_places = gammaln(n + 1) - gammaln(fixing + 1) - gammaln(np.maximum(n - fixing, 0) + 1)
    else:
        fixing = np.ones(d)
        log_places = gammaln(d + 1) - gammaln(directions + 1) - gammaln(d - directions + 1) + math.log(n)
    beyond = np.maximum(count - fixing, 1.0)
    expected = _expected_rows(mixture, counts, component, whiten)
    with np.errstate(divide="ignore"):  # nothing expected: log 0 = -inf, no finding
        there = beyond + expected
        return log_places + there * np.log(expected) - expected - gammaln(there + 1)


def _expected_rows(mixture: Mixture, counts: FloatArray, component: int, whiten: FloatArray) -> float:
    """How many rows of the other components lie where this one does, by the overlap of their densities.

    With ``int N(x | a, A) N(x | b, B) dx = N(a | b, A + B)``.
    """
    others = np.delete(np.arange(mixture.n_components), component)
    if others.size == 0:
        return 0.0
    if whiten.ndim == 1:
        variances, offsets = mixture.covariance.variances() * whiten**2, mixture.means * whiten
        both = variances[others] + variances[component]
        log_det = np.log(both).sum(axis=1)
        distances = ((offsets[others] - offsets[component]) ** 2 / both).sum(axis=1)
        own_log_det = float(np.log(variances[component]).sum())
    else:
        roots = whiten.T @ mixture.covariance.roots
        offsets = (mixture.means[others] - mixture.means[component]) @ whiten
        sum_roots = lower_root(roots[others] @ roots[others].transpose(0, 2, 1) + roots[component] @ roots[component].T)
        log_det = 2 * np.log(np.diagonal(sum_roots, axis1=1, axis2=2)).sum(axis=1)
        distances = (np.linalg.solve(sum_roots, offsets[:, :, None]) ** 2).sum(axis=(1, 2))
        own_log_det = 2 * float(np.log(np.diagonal(roots[component])).sum())
    overlap = np.exp(0.5 * (mixture.n_features * math.log(2) + own_log_det - log_det - distances))
    return float(counts[others] @ overlap)
