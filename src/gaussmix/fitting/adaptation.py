"""Adaptation of a background model to a few rows, or to the rows of many groups.

Reynolds, Quatieri and Dunn, Speaker verification using adapted Gaussian mixture models, Digital Signal Processing 10
(2000), 19-41, equations 11 to 14.
"""

from collections.abc import Hashable
from typing import Any, Literal

import numpy as np

from gaussmix.core.covariance import refuse_factors
from gaussmix.core.engines import engine_for
from gaussmix.core.environment import one_blas_thread
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_input import mixture_of, rows_of
from gaussmix.core.moments import Moments
from gaussmix.core.number_checks import as_numbers
from gaussmix.core.rows import WeightedRows
from gaussmix.core.student import refuse_degrees
from gaussmix.core.typing import ArrayLike, FloatArray, IntArray
from gaussmix.core.validation import check_sample_weight

What = Literal["means", "all"]


@underflow_to_zero
def adapt(
    model: Any, X: ArrayLike, relevance: float = 16, what: What = "means", *, sample_weight: ArrayLike | None = None
) -> Mixture:
    """Adapt a mixture to rows: the more rows a component has, the more it follows them.

    A component with ``n`` rows (the sum of their responsibilities) and relevance r takes the share ``a = n / (n + r)``
    of its new parameters from the rows and ``1 - a`` from the model. This is one step of EM from the model, with r rows
    that are distributed as each of its components.

    Parameters
    ----------
    model : Mixture or fitted estimator
        The background model, fitted to many rows.
    X : (n, d) array-like or table
        Rows; NaN is a missing value.
    relevance : float, default=16
        Number of rows that a component is worth. Reynolds et al. found values from 8 to 20 to be equally good.
    what : {"means", "all"}, default="means"
        What is adapted: the means alone, which a few rows can determine, or weights, means and covariances. Covariances
        that components share are adapted by the rows of all of them.
    sample_weight : (n,) array-like, optional
        Nonnegative; a weight of 2 counts as two equal rows.

    Returns
    -------
    Mixture
        The adapted mixture; its components have the places of those of the model.

    Raises
    ------
    ValueError
        If a parameter or the rows are not valid; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import Mixture, adapt
    >>> everybody = Mixture.from_parameters([0.5, 0.5], [[0.0], [10.0]], [[[1.0]], [[1.0]]])
    >>> adapt(everybody, np.full((16, 1), 1.0)).means.round(3)
    array([[ 0.5],
           [10. ]])
    """
    mixture = _checked(model, relevance, what)
    values = rows_of(mixture, X)
    rows = WeightedRows(values, check_sample_weight(sample_weight, len(values)))
    return _adapted(mixture, _moments_of(rows, mixture, np.arange(len(values))), float(relevance), what)


@underflow_to_zero
def adapt_groups(
    model: Any,
    X: ArrayLike,
    groups: Any,
    relevance: float = 16,
    what: What = "means",
    *,
    sample_weight: ArrayLike | None = None,
) -> dict[Hashable, Mixture]:
    """Adapt a mixture to the rows of each group, as `adapt` does, in one pass over all rows.

    Parameters
    ----------
    model : Mixture or fitted estimator
        The background model.
    X : (n, d) array-like or table
        Rows of all groups, in any order; NaN is a missing value.
    groups : (n,) array-like
        Group of each row: numbers or texts, such as speakers or patients.
    relevance : float, default=16
        Number of rows that a component is worth.
    what : {"means", "all"}, default="means"
        What is adapted.
    sample_weight : (n,) array-like, optional
        Nonnegative; a weight of 2 counts as two equal rows.

    Returns
    -------
    dict from group to Mixture
        The adapted mixtures, with the groups in sorted order.

    Raises
    ------
    ValueError
        If a parameter, the rows or the groups are not valid; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import Mixture, adapt_groups
    >>> everybody = Mixture.from_parameters([0.5, 0.5], [[0.0], [10.0]], [[[1.0]], [[1.0]]])
    >>> adapted = adapt_groups(everybody, [[1.0], [9.0], [2.0]], ["ann", "bob", "ann"], relevance=1)
    >>> {name: mixture.means[:, 0].round(3).tolist() for name, mixture in adapted.items()}
    {'ann': [1.0, 10.0], 'bob': [0.0, 9.5]}
    """
    mixture = _checked(model, relevance, what)
    values = rows_of(mixture, X)
    weights = check_sample_weight(sample_weight, len(values))
    names, of_row = _group_numbers(groups, len(values))
    order = np.argsort(of_row, kind="stable")
    rows = WeightedRows(np.ascontiguousarray(values[order]), None if weights is None else weights[order])
    ends = np.cumsum(np.bincount(of_row, minlength=len(names)))
    adapted: dict[Hashable, Mixture] = {}
    start = 0
    with one_blas_thread():
        for name, end in zip(names, ends.tolist(), strict=True):
            moments = _moments_of(rows.take(slice(start, end)), mixture, order[start:end])
            adapted[name] = _adapted(mixture, moments, float(relevance), what)
            start = end
    return adapted


def _checked(model: Any, relevance: Any, what: Any) -> Mixture:
    number = as_numbers(relevance, "relevance")
    if number.ndim or not (np.isfinite(number) and number > 0):
        raise ValueError(f"relevance must be a finite number above 0; got {relevance!r}")
    if what not in ("means", "all"):
        raise ValueError(f'what must be "means" or "all"; got {what!r}')
    mixture = mixture_of(model)
    refuse_degrees(mixture.degrees_of_freedom, "adaptation")
    if what == "all":
        refuse_factors(type(mixture.covariance), 'adaptation with what="all"')
    return mixture


def _group_numbers(groups: Any, n_rows: int) -> tuple[list[Hashable], IntArray]:
    """Return the distinct groups in sorted order, and the position (n,) of that of each row."""
    given = np.asarray(groups)
    if given.shape != (n_rows,):
        raise ValueError(f"groups must have the shape ({n_rows},), one for each row of X; got {given.shape}")
    is_object = given.dtype.kind == "O"
    missing = np.array([_is_missing(one) for one in given], dtype=bool) if is_object else given != given  # NaN
    if np.any(missing):
        raise ValueError(f"groups has no value at row {int(np.argmax(missing))}: leave such rows out")
    try:
        names, of_row = np.unique(given, return_inverse=True)
    except TypeError as error:
        raise ValueError("groups has values that cannot be sorted, such as text and numbers: give text") from error
    return names.tolist(), of_row.reshape(-1)


def _is_missing(one: Any) -> bool:
    """Return whether a group is None, NaN or a missing value of pandas, which has no truth value if compared."""
    try:
        return one is None or bool(one != one)
    except TypeError:
        return True


def _moments_of(rows: WeightedRows, mixture: Mixture, positions: IntArray) -> Moments:
    """Return the sums over some rows; ValueError that names the first whose density is zero."""
    engine, whitened = engine_for(rows), mixture.whitened()
    moments = engine.accumulate(whitened)
    if not np.isfinite(moments.log_likelihood):
        far = np.flatnonzero(np.isneginf(engine.score_rows(whitened, "log_density")))
        raise ValueError(
            f"row {int(positions[far[0]])} of X is so far from every component that its density is zero: leave such "
            "rows out"
        )
    return moments


def _adapted(mixture: Mixture, moments: Moments, relevance: float, what: What) -> Mixture:
    """Return the mixture of equations 11 to 14, in whitened units about the current means."""
    n, form = moments.counts, FORMS[moments.form]
    counts = n + relevance
    centers = moments.shifts / counts[:, None]  # (12): a E(x) + (1 - a) mean, minus the mean
    means = mixture.means + mixture.covariance.color_each(centers)
    if what == "means":
        return mixture.with_components(mixture.weights, means, mixture.covariance)
    shares = n / counts
    total = mixture.weights.sum()
    weights = shares * (n * (total / max(n.sum(), np.finfo(np.float64).tiny))) + (1 - shares) * mixture.weights  # (11)
    prior = form.expected_scatter(np.full(len(n), relevance), mixture.n_features)
    about: FloatArray = moments.scatter + prior - form.products(counts[:, None] * centers, centers)  # (13)
    covariance = mixture.covariance.maximize(counts, about)
    return mixture.with_components(weights * (total / weights.sum()), means, covariance)
