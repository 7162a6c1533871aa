"""Reference formulas and numerical derivatives."""

import numpy as np
from scipy.stats import multivariate_normal


def responsibilities(mixture, rows):
    """Return responsibilities (n, k) from SciPy's densities."""
    parameters = zip(mixture.weights, mixture.means, mixture.covariance.dense(), strict=True)
    densities = np.stack([weight * multivariate_normal(mean, cov).pdf(rows) for weight, mean, cov in parameters], 1)
    return densities / densities.sum(axis=1, keepdims=True)


def log_likelihood(rows, weights, means, covariances):
    """Return the log-likelihood, also for complex parameters, as complex-step derivatives require."""
    density = 0
    for weight, mean, covariance in zip(weights, means, covariances, strict=True):
        away = rows - mean
        distance = np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away)
        density = density + weight * np.exp(-0.5 * distance) / np.sqrt(np.linalg.det(2 * np.pi * covariance))
    return np.log(density).sum()


def derivatives(function, at):
    """Return derivatives (p, ...) by complex steps, exact to rounding."""
    return np.stack([np.imag(function(at + 1e-30j * unit)) / 1e-30 for unit in np.eye(len(at))])


def second_derivatives(function, at, step=2e-3):
    """Return second derivatives (p, p) by fourth-order differences of `derivatives`."""
    lines = [
        8 * derivatives(function, at + step * unit)
        - 8 * derivatives(function, at - step * unit)
        - derivatives(function, at + 2 * step * unit)
        + derivatives(function, at - 2 * step * unit)
        for unit in np.eye(len(at))
    ]
    return np.stack(lines) / (12 * step)
