"""Spurious components: thin ones with so few rows that such a group can occur by chance (`degeneracy.examine`)."""

import math

import numpy as np
from scipy.special import gammaln

from gaussmix.core.background import Background
from gaussmix.core.covariance.triangular import lower_root
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, FloatArray, IntArray

COLLAPSED = 1e-9
"""Variance relative to the reference below which a component has collapsed; rounding and penalties leave no more."""

THIN = math.log(0.02)
"""Log variance for each thin direction, relative to the reference."""

MANY = 5
"""Multiple of d + 2: components with more rows are not spurious."""

_CHANCE = math.log(0.01)  # log of the expected number of such regions above which a component is spurious


def variances_beside_all(mixture: Mixture, noise: Background | None) -> tuple[FloatArray, FloatArray]:
    """Return `relative_variances` of the components, beside the covariance within components.

    Noise counts as a component that is uniform in its region.
    """
    weights, covariance = mixture.weights, mixture.covariance
    if noise is None:
        return covariance.relative_variances(weights)
    edges, share = noise.edges, noise.weight / 12
    if FORMS[covariance.form].is_diagonal:
        own = (1 - noise.weight) * (weights @ covariance.variances())
        variances = own + share * (edges**2).sum(axis=1)
        if FORMS[covariance.form].features_per_variance(len(variances)) > 1:
            variances = np.full_like(variances, variances.mean())
        return covariance.relative_variances(weights, np.sqrt(variances))
    own = (1 - noise.weight) * np.tensordot(weights, covariance.dense(), 1)
    return covariance.relative_variances(weights, lower_root((own + share * edges @ edges.T)[None])[0])


def find_spurious(
    mixture: Mixture,
    noise: Background | None,
    counts: FloatArray,
    n: float,
    beside: tuple[FloatArray, FloatArray],
    passed_over: BoolArray,
) -> BoolArray:
    """Return which components (k,) are spurious.

    Parameters
    ----------
    mixture : Mixture
        The components alone.
    noise : Background or None
        Noise beside them.
    counts : (k,) array
        Sums of the weighted responsibilities.
    n : float
        Sum of the row weights.
    beside : pair of arrays
        Result of `variances_beside_all`.
    passed_over : (k,) array of bool
        Components that are not tested.
    """
    d = mixture.n_features
    ratios, whiten = beside
    spurious = np.zeros(mixture.n_components, dtype=np.bool_)
    volume, shape, orientation = tuple(mixture.covariance.letters)
    if noise is None and volume == "E" and shape != "V":  # no component is denser than the others
        return spurious
    if not whiten.any():  # the pooled covariance is singular
        return spurious
    directions = np.arange(1, d + 1)
    thin = np.log(np.maximum(ratios, COLLAPSED)).cumsum(axis=1) < THIN * directions
    if shape != "V" and orientation != "V":
        thin[:, :-1] = False
    suspects = thin.any(axis=1) & (counts < MANY * (d + 2)) & ~passed_over
    for component in suspects.nonzero()[0]:
        found = _log_findings(mixture, noise, counts, n, int(component), whiten)
        spurious[component] = (thin[component] & (found > _CHANCE)).any()
    return spurious


def _log_findings(
    mixture: Mixture, noise: Background | None, counts: FloatArray, n: float, component: int, whiten: FloatArray
) -> FloatArray:
    """Return log E (d,), the expected number of regions as dense as the component, for 1 to d thin directions."""
    d, count = mixture.n_features, float(counts[component])
    directions = np.arange(1, d + 1)
    if mixture.covariance.letters[2] == "V":
        fixing = d - directions + 1.0
        log_places = gammaln(n + 1) - gammaln(fixing + 1) - gammaln(np.maximum(n - fixing, 0) + 1)
    else:
        fixing = np.ones(d)
        log_places = gammaln(d + 1) - gammaln(directions + 1) - gammaln(d - directions + 1) + math.log(n)
    beyond = np.maximum(count - fixing, 1.0)
    near = _near(mixture, component, math.log(n) + float(log_places.max()) - _CHANCE)
    expected = _expected_rows(mixture, counts, component, near, whiten)
    if noise is not None:
        expected += _expected_noise(mixture, noise, n, component)
    with np.errstate(divide="ignore"):  # no rows expected: log 0 = -inf
        there = beyond + expected
        return log_places + there * np.log(expected) - expected - gammaln(there + 1)


def _expected_noise(mixture: Mixture, noise: Background, n: float, component: int) -> float:
    """Return the expected number of rows of noise in the region of a component, mu of `examine`.

    The integral of the squared density of a component is ``(4 pi)^(-d/2) / sqrt(det covariance)``.
    """
    log_region = 0.5 * mixture.n_features * math.log(4 * math.pi) - float(mixture.covariance.log_det()[component])
    return n * noise.weight * math.exp(min(log_region - noise.log_volume, 0.0))


def _near(mixture: Mixture, component: int, least: float) -> IntArray:
    """Return the other components whose rows may be expected in the region of one component, by a cheap bound.

    For the mean b and the covariance B of another component, the log of the ratio of integrals in `examine` is at most

        1/2 [1/2 log det A - 1/2 log det B - |a - b|^4 / (a - b)' (A + B) (a - b)]

    because log det is concave, and by the inequality of Cauchy and Schwarz. Components below ``-least`` are left out.
    """
    covariance, k = mixture.covariance, mixture.n_components
    others = np.delete(np.arange(k), component)
    if covariance.roots.ndim != 3 or others.size == 0:
        return others
    shifts = mixture.means[others] - mixture.means[component]
    exponent = -int(np.frexp(max(np.abs(shifts).max(), np.abs(covariance.roots).max()))[1])  # fourth powers overflow
    shifts, roots = np.ldexp(shifts, exponent), np.ldexp(covariance.roots, exponent)
    both = ((shifts[:, None, :] @ roots[others])[:, 0] ** 2).sum(axis=1)
    both += ((shifts @ roots[component]) ** 2).sum(axis=1)
    distances = (shifts**2).sum(axis=1) ** 2 / np.maximum(both, np.finfo(np.float64).tiny)
    log_det = -2 * covariance.log_det()
    bounds = 0.5 * (0.5 * (log_det[component] - log_det[others]) - distances)
    return np.asarray(others[bounds > -least])


def _roots_of_sums(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return lower roots (m, d, d) of sums of covariances with given roots (m, d, d) and (d, d), without squares."""
    stacked = np.concatenate([first, np.broadcast_to(second, first.shape)], axis=2)
    upper = np.linalg.qr(stacked.transpose(0, 2, 1))[1]
    signs = np.where(np.diagonal(upper, axis1=1, axis2=2) < 0, -1.0, 1.0)
    return np.asarray((upper * signs[:, :, None]).transpose(0, 2, 1))


def _expected_rows(mixture: Mixture, counts: FloatArray, component: int, others: IntArray, whiten: FloatArray) -> float:
    """Return mu, the expected number of rows of some other components in the region of this one.

    The integrals are ``int N(x | a, A) N(x | b, B) dx = N(a | b, A + B)``.
    """
    if others.size == 0:
        return 0.0
    if whiten.ndim == 1:
        variances, offsets = mixture.covariance.variances() * whiten**2, mixture.means * whiten
        both = variances[others] + variances[component]
        log_det = np.log(both).sum(axis=1)
        distances = ((offsets[others] - offsets[component]) ** 2 / both).sum(axis=1)
        own_log_det = float(np.log(variances[component]).sum())
    else:
        roots = whiten.T @ mixture.covariance.dense_roots()
        offsets = (mixture.means[others] - mixture.means[component]) @ whiten
        sum_roots = lower_root(roots[others] @ roots[others].transpose(0, 2, 1) + roots[component] @ roots[component].T)
        if not (np.diagonal(sum_roots, axis1=1, axis2=2) > 0).all():  # squares do not resolve the thinnest directions
            sum_roots = _roots_of_sums(roots[others], roots[component])
        log_det = 2 * np.log(np.diagonal(sum_roots, axis1=1, axis2=2)).sum(axis=1)
        distances = (np.linalg.solve(sum_roots, offsets[:, :, None]) ** 2).sum(axis=(1, 2))
        own_log_det = 2 * float(np.log(np.diagonal(roots[component])).sum())
    overlap = np.exp(0.5 * (mixture.n_features * math.log(2) + own_log_det - log_det - distances))
    return float(counts[others] @ overlap)
