"""Diagnostics of single components: size and spread compared with the others, skewness, tails, intervals."""

from typing import Any

import numpy as np

from gaussmix.core.engines import engine_for
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.student import drops_of_tails
from gaussmix.core.typing import FloatArray, IntArray

_SMALL, _SMALL_SHARE = 0.02, 0.1  # of all rows, and of the mean number of rows of a component
_WIDE, _WIDE_SHARE = 5.0, 0.25  # a component that is as wide and has more rows is one of two groups about one center
_LEAST_COUNT = 50.0
_INSIDE, _OUTSIDE, _OUTSIDE_ROWS = 0.999, 0.01, 5.0
_SKEWNESS, _SKEWNESS_ERRORS = 1.0, 5.0  # in itself, and in standard errors under normality, sqrt(6 / count)


def relative_spreads(mixture: Mixture) -> FloatArray:
    """Return how many times as wide as the median of the others each component is.

    The width is the geometric mean of the standard deviations along the principal axes.

    Returns
    -------
    (k,) array
        1 for a single component.
    """
    k = mixture.n_components
    if k == 1:
        return np.ones(1)
    log_widths = np.linalg.slogdet(mixture.covariance.dense())[1] / (2 * mixture.n_features)
    others = np.array([np.median(np.delete(log_widths, at)) for at in range(k)])
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(log_widths - others))


def is_small(weight: float, n_components: int) -> bool:
    """Return whether a component has far fewer rows than the others."""
    return n_components > 1 and weight < min(_SMALL, _SMALL_SHARE / n_components)


def is_wide(weight: float, relative_spread: float) -> bool:
    """Return whether a component with few rows is far wider than the others, as one that collects outliers is."""
    return relative_spread >= _WIDE and weight < _WIDE_SHARE


def shape_facts(mixture: Mixture, rows: WeightedRows) -> list[dict[str, Any]]:
    """Compare the rows of each component with its normal or t distribution.

    Parameters
    ----------
    mixture : Mixture
        A fitted mixture.
    rows : WeightedRows
        The rows of the fit, or some of them; rows with missing values are left out. With measurement errors there are
        no facts.

    Returns
    -------
    list of k dicts
        ``"outside"``: the share of the rows, weighted by the responsibilities, outside the ellipsoid that holds 99.9 %
        of the component; ``"skewness"``: the largest skewness of a column within the component, and ``"skewed"``: that
        column. A share below 1 % or five rows is None, and so is a skewness below 1 or five standard errors. There is
        no skewness where the degrees of freedom are finite: it may be infinite, and its error is not known.
    """
    rows = rows.complete()
    if rows.noise is not None or not rows.n_rows:
        return [{"outside": None, "skewness": None, "skewed": None} for _ in range(mixture.n_components)]
    scores = engine_for(rows).score_rows(mixture.whitened(), "scores")
    highest = np.diagonal(engine_for(WeightedRows(mixture.means)).score_rows(mixture.whitened(), "scores"))
    shares = np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)) * rows.explicit_weights[:, None]
    k = mixture.n_components
    degrees = np.full(k, np.inf) if mixture.degrees_of_freedom is None else mixture.degrees_of_freedom
    deviations = np.sqrt(mixture.covariance.variances())
    facts: list[dict[str, Any]] = []
    for component, counts in enumerate(shares.T[:k]):
        found: dict[str, Any] = {"outside": None, "skewness": None, "skewed": None}
        total = float(counts.sum())
        if total >= _LEAST_COUNT:
            limit = float(drops_of_tails(np.array(1 - _INSIDE), float(degrees[component]), mixture.n_features))
            outside = float(counts[highest[component] - scores[:, component] > limit].sum())
            if outside >= max(_OUTSIDE_ROWS, _OUTSIDE * total):
                found["outside"] = outside / total
            if np.isfinite(degrees[component]):
                facts.append(found)
                continue
            scaled = (rows.values - mixture.means[component]) / deviations[component]
            skewness = counts @ scaled**3 / total
            at = int(np.abs(skewness).argmax())
            if abs(skewness[at]) >= max(_SKEWNESS, _SKEWNESS_ERRORS * np.sqrt(6 / total)):
                found["skewness"], found["skewed"] = float(skewness[at]), mixture.names[at]
        facts.append(found)
    return facts


def interrupted_components(mixture: Mixture, values: FloatArray) -> list[dict[str, Any]]:
    """Find components of a single column whose rows lie on both sides of the rows of another component.

    Parameters
    ----------
    mixture : Mixture
        A mixture of one feature.
    values : (n,) array
        The rows.

    Returns
    -------
    list of dicts
        ``"component"``, and the components ``"within"`` its rows.
    """
    ordered = np.unique(values)
    labels: IntArray = mixture.without_noise().labels(ordered[:, None])
    runs = labels[np.flatnonzero(np.diff(labels, prepend=-1))]
    found = []
    for component in np.unique(runs):
        places = np.flatnonzero(runs == component)
        if len(places) > 1:
            within = set(runs[places[0] : places[-1]].tolist()) - {int(component)}
            found.append({"component": int(component), "within": sorted(within)})
    return found
