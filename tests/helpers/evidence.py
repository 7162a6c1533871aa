"""Independent formulas for Bayesian mixtures: log evidence, evidence lower bound, importance sampling."""

import math

import mpmath
import numpy as np
from scipy.special import gammaln, logsumexp, multigammaln
from scipy.stats import beta, dirichlet


def log_evidence(rows, weights, covariance_type, *, mean, precision, degrees, scale):
    """Return the log evidence of one normal component with a conjugate prior; ``scale`` (d, d) is the inverse scale."""
    n, d = weights.sum(), rows.shape[1]
    center = weights @ rows / n
    scatter = (weights[:, None] * (rows - center)).T @ (rows - center)
    after = scale + scatter + precision * n / (precision + n) * np.outer(center - mean, center - mean)
    constant = -0.5 * n * d * math.log(math.pi) + 0.5 * d * math.log(precision / (precision + n))
    if covariance_type in ("full", "tied"):
        gammas = multigammaln(0.5 * (degrees + n), d) - multigammaln(0.5 * degrees, d)
        logs = 0.5 * degrees * np.linalg.slogdet(scale)[1] - 0.5 * (degrees + n) * np.linalg.slogdet(after)[1]
        return constant + gammas + logs
    before, after = np.diag(scale), np.diag(after)
    if covariance_type == "diag":
        gammas = d * (gammaln(0.5 * (degrees + n)) - gammaln(0.5 * degrees))
        return constant + gammas + 0.5 * (degrees * np.log(before) - (degrees + n) * np.log(after)).sum()
    shape, new = 0.5 * d * degrees, 0.5 * d * (degrees + n)
    return constant + gammaln(new) - gammaln(shape) + shape * np.log(before.sum()) - new * np.log(after.sum())


def evidence_lower_bound(estimator, rows, weights=None):
    """Return the bound, term by term (Bishop 2006, equations 10.71 to 10.77), from a fitted estimator, by mpmath."""
    weights = np.ones(len(rows)) if weights is None else weights
    shares = estimator.predict_proba(rows)
    kind, d, k = estimator.covariance_type, rows.shape[1], len(estimator.means_)
    counts = weights @ shares
    log, psi, lgamma = mpmath.log, mpmath.digamma, mpmath.loggamma
    with mpmath.workdps(40):
        held = shares > 0
        entropy = -(np.broadcast_to(weights[:, None], shares.shape)[held] * shares[held] * np.log(shares[held])).sum()
        bound = mpmath.mpf(float(entropy))
        # weights
        if estimator.weight_concentration_prior_type == "dirichlet_distribution":
            after = [mpmath.mpf(float(a)) for a in estimator.weight_concentration_]
            before = [mpmath.mpf(estimator.weight_concentration_prior_)] * k
            logs = [psi(a) - psi(mpmath.fsum(after)) for a in after]

            def normalizer(a):
                return lgamma(mpmath.fsum(a)) - mpmath.fsum(map(lgamma, a))

            bound += normalizer(before) - normalizer(after)
            bound += mpmath.fsum((b - a) * e for a, b, e in zip(after, before, logs, strict=True))
        else:
            first, second = estimator.weight_concentration_
            prior, logs, left = mpmath.mpf(estimator.weight_concentration_prior_), [], mpmath.mpf(0)
            for j in range(k):
                if j == k - 1:
                    logs.append(left)
                    break
                a, b = mpmath.mpf(float(first[j])), mpmath.mpf(float(second[j]))
                taken, rest = psi(a) - psi(a + b), psi(b) - psi(a + b)
                logs.append(left + taken)
                left += rest
                bound += lgamma(1 + prior) - lgamma(prior) + (prior - 1) * rest
                bound -= lgamma(a + b) - lgamma(a) - lgamma(b) + (a - 1) * taken + (b - 1) * rest
        bound += mpmath.fsum(mpmath.mpf(float(n)) * e for n, e in zip(counts, logs, strict=True))
        # means and precisions
        covariances = estimator.mixture_.covariance.dense()
        scale = _dense_scale(estimator.covariance_prior_, d)
        prior_degrees = float(estimator.degrees_of_freedom_prior_)
        degrees = np.broadcast_to(estimator.degrees_of_freedom_, k).astype(float)
        if kind == "tied":
            scale, prior_degrees, degrees = k * scale, k * prior_degrees, k * degrees
        beta0 = mpmath.mpf(estimator.mean_precision_prior_)
        for j in range(k):
            inverse = np.linalg.inv(covariances[j])
            nu, b = mpmath.mpf(float(degrees[j])), mpmath.mpf(float(estimator.mean_precision_[j]))
            after = degrees[j] * covariances[j]
            log_det = _expected_log_det(kind, nu, after, d)
            away = rows - estimator.means_[j]
            squares = float((weights * shares[:, j]) @ np.einsum("ni,ij,nj->n", away, inverse, away))
            bound += mpmath.mpf(counts[j]) / 2 * (log_det - d / b - d * log(2 * mpmath.pi)) - squares / 2
            apart = estimator.means_[j] - estimator.mean_prior_
            distance = float(apart @ inverse @ apart)
            bound += mpmath.mpf(d) / 2 * (log(beta0 / b) + 1 - beta0 / b) - beta0 * distance / 2
            if kind == "tied" and j > 0:
                continue
            nu0 = mpmath.mpf(prior_degrees)
            trace = float(np.trace(scale @ inverse))
            bound += _log_normalizer(kind, nu, after, d) - _log_normalizer(kind, nu0, scale, d)
            bound += (nu0 - nu) / 2 * log_det - mpmath.mpf(trace) / 2 + nu * d / 2
        return float(bound)


def importance_sampled_evidence(estimator, rows, n, seed):
    """Return the log evidence and its standard error, with the posterior of a full model as proposal."""
    draws = estimator.posterior_.sample(n, seed)
    logs = np.array([draw.log_density(rows).sum() for draw in draws])
    weights = np.stack([draw.weights for draw in draws])
    if estimator.weight_concentration_prior_type == "dirichlet_distribution":
        prior = np.full(weights.shape[1], estimator.weight_concentration_prior_)
        logs += dirichlet(prior).logpdf(weights.T) - dirichlet(estimator.weight_concentration_).logpdf(weights.T)
    else:
        left = 1 - np.concatenate([np.zeros((n, 1)), np.cumsum(weights, axis=1)[:, :-1]], axis=1)
        sticks = (weights / left)[:, :-1]
        first, second = (values[:-1] for values in estimator.weight_concentration_)
        ratio = beta(1, estimator.weight_concentration_prior_).logpdf(sticks) - beta(first, second).logpdf(sticks)
        logs += ratio.sum(axis=1)
    means = np.stack([draw.means for draw in draws])
    inverses = np.linalg.inv(np.stack([draw.covariance.dense() for draw in draws]))
    scale = _dense_scale(estimator.covariance_prior_, rows.shape[1])
    for j, (degrees, precision) in enumerate(
        zip(estimator.degrees_of_freedom_, estimator.mean_precision_, strict=True)
    ):
        prior = estimator.mean_prior_, estimator.mean_precision_prior_, estimator.degrees_of_freedom_prior_, scale
        own = estimator.means_[j], precision, degrees, degrees * estimator.covariances_[j]
        logs += _normal_wishart(means[:, j], inverses[:, j], *prior) - _normal_wishart(
            means[:, j], inverses[:, j], *own
        )
    ratios = np.exp(logs - logs.max())
    return logsumexp(logs) - math.log(n), float(ratios.std() / ratios.mean() / math.sqrt(n))


def _normal_wishart(means, inverses, center, precision, degrees, scale):
    """Return the log densities (n,) of means and precision matrices, without constants of d alone."""
    d = len(center)
    log_det = np.linalg.slogdet(inverses)[1]
    away = means - center
    squares = np.einsum("ni,nij,nj->n", away, inverses, away)
    normalizer = 0.5 * degrees * (np.linalg.slogdet(scale)[1] - d * math.log(2)) - multigammaln(0.5 * degrees, d)
    wishart = 0.5 * (degrees - d - 1) * log_det - 0.5 * np.einsum("nij,ji->n", inverses, scale) + normalizer
    return wishart + 0.5 * (d * math.log(precision) + log_det - precision * squares)


def _dense_scale(scale, d):
    scale = np.asarray(scale, dtype=float)
    return scale if scale.ndim == 2 else np.diag(np.broadcast_to(scale, d))


def _expected_log_det(kind, nu, scale, d):
    log, psi = mpmath.log, mpmath.digamma
    if kind in ("full", "tied"):
        log_det = mpmath.mpf(float(np.linalg.slogdet(scale)[1]))
        return mpmath.fsum(psi((nu - i) / 2) for i in range(d)) + d * log(2) - log_det
    if kind == "diag":
        return mpmath.fsum(psi(nu / 2) - log(mpmath.mpf(s) / 2) for s in np.diag(scale))
    return d * (psi(d * nu / 2) - log(d * mpmath.mpf(scale[0, 0]) / 2))


def _log_normalizer(kind, nu, scale, d):
    log, lgamma = mpmath.log, mpmath.loggamma
    if kind in ("full", "tied"):
        gammas = mpmath.fsum(lgamma((nu - i) / 2) for i in range(d)) + mpmath.mpf(d * (d - 1)) / 4 * log(mpmath.pi)
        log_det = mpmath.mpf(float(np.linalg.slogdet(scale)[1]))
        return gammas + nu * d / 2 * log(2) - nu / 2 * log_det
    if kind == "diag":
        return mpmath.fsum(lgamma(nu / 2) - nu / 2 * log(mpmath.mpf(s) / 2) for s in np.diag(scale))
    return lgamma(d * nu / 2) - d * nu / 2 * log(d * mpmath.mpf(scale[0, 0]) / 2)
