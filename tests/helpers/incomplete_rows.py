"""Passes over rows with missing values and measurement errors, group by group and in exact arithmetic."""

from functools import reduce
from operator import add

import mpmath
import numpy as np

from gaussmix.core.engines import ReferenceEngine
from gaussmix.core.engines.observed import ObservedMixture, roots_of
from gaussmix.core.engines.row_groups import group_rows
from gaussmix.core.forms import FORMS


def with_holes(rows, share, rng):
    """Return a copy in which some values are missing."""
    return np.where(rng.random(rows.shape) < share, np.nan, rows)


def pass_by_group(rows, mixture, log_prior=None):
    """Return the sums and the scores (n, k) that `ReferenceEngine` makes of rows that are observed in the same way."""
    roots, sums, scores = roots_of(mixture), [], np.empty((rows.n_rows, mixture.n_components))
    for group in group_rows(rows):
        observed = ObservedMixture.of(mixture, roots, group.observed, group.noise_root)
        engine = ReferenceEngine(group.values.values, group.values.weights)
        prior = None if log_prior is None else log_prior[group.positions]
        sums.append(observed.lift(engine.accumulate(observed.whitened, prior), mixture.form))
        scores[group.positions] = engine.score_rows(observed.whitened, "scores", prior)
    return reduce(add, sums), scores


def exact_pass(mixture, rows, covariances=None):
    """Return counts (k,), shifts (k, d), full scatter (k, d, d) and scores (n, k), computed with 50 digits.

    They are those of the textbook: the covariance of what is observed is inverted, for each row and component.
    """
    with mpmath.workdps(50):
        return _exact_pass(mixture, rows, covariances)


def _exact_pass(mixture, rows, covariances):
    (k, d), n = mixture.means.shape, len(rows)
    factors = [mpmath.matrix(f.tolist()) for f in FORMS[mixture.form].dense(mixture.factors, k, d)]
    scores = mpmath.matrix(n, k)
    sums = [[mpmath.mpf(0), mpmath.matrix(d, 1), mpmath.matrix(d, d)] for _ in range(k)]
    inverses = {}
    for i, row in enumerate(rows):
        seen = np.flatnonzero(~np.isnan(row))
        expected = []
        for c, factor in enumerate(factors):
            key = (c, *seen) if covariances is None else (i, c)
            if key not in inverses:
                inverses[key] = _gain(factor, seen, None if covariances is None else covariances[i])
            gain, inside, inverse, log_term = inverses[key]
            scores[i, c] = mpmath.mpf(mixture.offsets[c]) + log_term
            z = mpmath.matrix(d, 1)
            if len(seen):
                apart = mpmath.matrix([mpmath.mpf(row[j]) - mpmath.mpf(mixture.means[c, j]) for j in seen])
                scores[i, c] -= (apart.T * inverse * apart)[0] / 2
                z = gain * apart
            expected.append((z, inside))
        shares = [mpmath.exp(scores[i, c]) for c in range(k)]
        for c, (z, inside) in enumerate(expected):
            share = shares[c] / sum(shares)
            for total, term in zip(range(3), (1, z, z * z.T + inside), strict=True):
                sums[c][total] += share * term
    counts, shifts, scatter = (np.array([_floats(sums[c][part]) for c in range(k)]) for part in range(3))
    return counts, shifts[:, :, 0], scatter, _floats(scores)


def _gain(factor, seen, errors):
    """Return how z depends on the row, its covariance given the row, the inverse covariance of the row, and a term."""
    d, o = factor.rows, len(seen)
    root = (factor**-1).T
    log_term = (d - o) * mpmath.log(2 * mpmath.pi) / 2 - sum(mpmath.log(factor[j, j]) for j in range(d))
    if not o:
        return None, mpmath.eye(d), None, log_term
    of_seen = mpmath.matrix([[root[int(i), j] for j in range(d)] for i in seen])
    covariance = of_seen * of_seen.T
    if errors is not None:
        covariance += mpmath.matrix(errors[np.ix_(seen, seen)].tolist())
    inverse = covariance**-1
    gain = of_seen.T * inverse
    return gain, mpmath.eye(d) - gain * of_seen, inverse, log_term - mpmath.log(mpmath.det(covariance)) / 2


def _floats(values):
    if not isinstance(values, mpmath.matrix):
        return float(values)
    return np.array([[float(values[i, j]) for j in range(values.cols)] for i in range(values.rows)])
