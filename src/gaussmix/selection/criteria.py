"""Criteria for the selection of a model; lower is better.

``log_likelihood`` is the log-likelihood of all rows in nats, ``n`` their number, or the sum of their weights. Arguments
are numbers or arrays, which are broadcast.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import entr

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.number_checks import as_numbers
from gaussmix.core.typing import ArrayLike, FloatArray

_STEPS = (2.0, 6.0, 10.0)
WORDS = ("weak", "positive", "strong", "decisive")
"""Words of `differences_in_words`, in the order of increasing differences."""


def bic(log_likelihood: ArrayLike, n_parameters: ArrayLike, n: ArrayLike) -> Any:
    """Return the Bayesian information criterion (Schwarz, Annals of Statistics 6 (1978), 461-464).

    ``-2 log_likelihood + n_parameters log n``; mclust's BIC has the opposite sign.

    Parameters
    ----------
    log_likelihood : array-like
        Log-likelihood of all rows, in nats.
    n_parameters : array-like
        Number of free parameters.
    n : array-like
        Number of rows, or the sum of their weights.

    Returns
    -------
    float or array
        Lower is better.

    Examples
    --------
    >>> bic(-1126.3, 11, 272).round(2)
    np.float64(2314.26)
    """
    return -2.0 * np.asarray(log_likelihood) + np.asarray(n_parameters) * np.log(_counted(n))


def icl(log_likelihood: ArrayLike, n_parameters: ArrayLike, n: ArrayLike, entropy: ArrayLike) -> Any:
    """Return the integrated completed likelihood, approximated by BIC.

    ``bic + 2 entropy`` (McLachlan and Peel, Finite Mixture Models (2000), section 6.10.3, ICL-BIC) penalizes overlap
    of components. Instead of the entropy, Biernacki, Celeux and Govaert (IEEE Transactions on Pattern Analysis and
    Machine Intelligence 22 (2000), 719-725) and mclust use -log p(label | x) of each row's most probable label, which
    is at most the entropy.

    Parameters
    ----------
    log_likelihood : array-like
        Log-likelihood of all rows, in nats.
    n_parameters : array-like
        Number of free parameters.
    n : array-like
        Number of rows, or the sum of their weights.
    entropy : array-like
        Entropy of the responsibilities of all rows: `entropy`, or that of `gaussmix.core.moments.Moments`.

    Returns
    -------
    float or array
        Lower is better.

    Examples
    --------
    >>> icl(-1126.3, 11, 272, entropy=1.5).round(2)
    np.float64(2317.26)
    """
    return bic(log_likelihood, n_parameters, n) + 2.0 * np.asarray(entropy)


def aic(log_likelihood: ArrayLike, n_parameters: ArrayLike, n: ArrayLike | None = None) -> Any:
    """Return Akaike's information criterion (IEEE Transactions on Automatic Control 19 (1974), 716-723).

    ``-2 log_likelihood + 2 n_parameters``.

    Parameters
    ----------
    log_likelihood : array-like
        Log-likelihood of all rows, in nats.
    n_parameters : array-like
        Number of free parameters.
    n : array-like, optional
        Not used; present for consistency with the other criteria.

    Returns
    -------
    float or array
        Lower is better.

    Examples
    --------
    >>> aic(-1126.3, 11).round(2)
    np.float64(2274.6)
    """
    return -2.0 * np.asarray(log_likelihood) + 2.0 * np.asarray(n_parameters)


def aicc(log_likelihood: ArrayLike, n_parameters: ArrayLike, n: ArrayLike) -> Any:
    """Return AIC corrected for few rows (Hurvich and Tsai, Biometrika 76 (1989), 297-307).

    ``aic + 2 p (p + 1) / (n - p - 1)`` with ``p = n_parameters``; infinite if there are at most p + 1 rows.

    Parameters
    ----------
    log_likelihood : array-like
        Log-likelihood of all rows, in nats.
    n_parameters : array-like
        Number of free parameters.
    n : array-like
        Number of rows, or the sum of their weights.

    Returns
    -------
    float or array
        Lower is better.

    Examples
    --------
    >>> aicc(-1126.3, 11, 272).round(2)
    np.float64(2275.62)
    """
    p = np.asarray(n_parameters, dtype=np.float64)
    left = _counted(n) - p - 1.0
    correction = np.where(left > 0, 2.0 * p * (p + 1.0) / np.where(left > 0, left, 1.0), np.inf)
    return aic(log_likelihood, n_parameters) + correction


@underflow_to_zero
def entropy(responsibilities: ArrayLike, row_weights: ArrayLike | None = None) -> float:
    """Return the entropy ``-sum r log r`` of responsibilities, summed over rows and components.

    Parameters
    ----------
    responsibilities : (n, k) array-like
        Probability of each component for each row.
    row_weights : (n,) array-like, optional
        Number of rows that each row counts as.

    Returns
    -------
    float
        In nats; 0 if the component of every row is certain.

    Examples
    --------
    >>> round(entropy([[1.0, 0.0], [0.5, 0.5]]), 3)
    0.693
    """
    rows = entr(as_numbers(responsibilities, "responsibilities")).sum(axis=1)
    return float(rows.sum() if row_weights is None else as_numbers(row_weights, "row_weights") @ rows)


CRITERIA: dict[str, Callable[..., Any]] = {
    "bic": lambda log_likelihood, n_parameters, n, entropy: bic(log_likelihood, n_parameters, n),
    "icl": icl,
    "aic": lambda log_likelihood, n_parameters, n, entropy: aic(log_likelihood, n_parameters),
    "aicc": lambda log_likelihood, n_parameters, n, entropy: aicc(log_likelihood, n_parameters, n),
}
"""Criteria by name, as functions of log_likelihood, n_parameters, n and entropy."""


@underflow_to_zero
def differences_in_words(differences: ArrayLike) -> Any:
    """Describe differences of BIC from the best model as strength of evidence.

    "weak" below 2, "positive" below 6, "strong" up to 10, "decisive" above: the categories of Kass and Raftery (Journal
    of the American Statistical Association 90 (1995), 773-795, section 3.2), who call the first and the last "not worth
    more than a bare mention" and "very strong". The limits correspond to odds of 3, 20 and 150 to 1.

    Parameters
    ----------
    differences : number or array-like
        Nonnegative differences of the criterion.

    Returns
    -------
    str, or an array of str
        "decisive" for an infinite difference.

    Raises
    ------
    ValueError
        If a difference is negative or NaN.

    Examples
    --------
    >>> differences_in_words(3.1)
    'positive'
    >>> differences_in_words([0.5, 12.0]).tolist()
    ['weak', 'decisive']
    """
    values = np.asarray(differences, dtype=np.float64)
    bad = np.flatnonzero(~(values >= 0))
    if bad.size:
        raise ValueError(
            f"differences from the best model must be at least 0; number {bad[0]} is {values.reshape(-1)[bad[0]]}"
        )
    steps = (values >= _STEPS[0]).astype(np.int64) + (values >= _STEPS[1]) + (values > _STEPS[2])
    words = np.asarray(WORDS)[steps]
    return str(words) if values.ndim == 0 else words


def _counted(n: ArrayLike) -> FloatArray:
    counts = np.asarray(n, dtype=np.float64)
    if not (counts > 0).all():
        raise ValueError(f"n must be positive, the number of rows or the sum of their weights; got {n!r}")
    return counts
