"""A long search for a better optimum: random swaps (random swap EM: Zhao, Hautamaki, Karkkainen & Franti 2012).

One component is removed and put at a random row with a part of the pooled covariance; EM runs for a few iterations, and
continues until it converges only if it comes near the best optimum.
"""

import numpy as np
from judge import SAME, Judge, Optimum, least_count

from gaussmix import Mixture
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.m_step import MaximumLikelihood

TRIES = 25  # plus the number of components
FIRST, THEN = 15, 40  # iterations
FAR, NEAR = 20.0, 4.0  # nats below the best after these


def search(judge: Judge, optima: list[Optimum], start: Optimum, seed: int = 0) -> Optimum:
    """Return the best sound optimum found, and add every optimum to the list."""
    best, failures = start, 0
    rng = np.random.default_rng(seed)
    k = start.mixture.n_components
    while failures < TRIES + k and k > 1:
        failures += 1
        mixture = _few_iterations(judge, _swap(best.mixture, judge.rows, rng), FIRST, best.value - FAR)
        if mixture is not None:
            mixture = _few_iterations(judge, mixture, THEN, best.value - NEAR)
        if mixture is None:
            continue
        found = judge.polish(mixture, optima)
        if all(found is not optimum for optimum in optima):
            optima.append(found)
        if found.sound and found.value > best.value + SAME:
            best, failures = found, 0
    return best


def _swap(mixture: Mixture, rows: FloatArray, rng: np.random.Generator) -> Mixture:
    k = mixture.n_components
    gone = int(rng.integers(k))
    weights, means = mixture.weights.copy(), mixture.means.copy()
    weights[gone] = 1.0 / k
    means[gone] = rows[rng.integers(len(rows))]
    covariances = np.array(mixture.covariance.covariances)
    if mixture.covariance_type != "tied":
        covariances[gone] = np.tensordot(mixture.weights, covariances, 1)
    return Mixture.from_parameters(weights / weights.sum(), means, covariances, covariance_type=mixture.covariance_type)


def _few_iterations(judge: Judge, mixture: Mixture, iterations: int, least: float) -> Mixture | None:
    """Return the mixture after some iterations; None if it is too low, or a component has lost its rows."""
    update, needed = MaximumLikelihood(), least_count(mixture.covariance_type, judge.rows.shape[1])
    for _ in range(iterations):
        step = update.maximize(mixture, judge.moments(mixture))
        mixture = step.mixture
        if step.collapsed.any() or (mixture.weights * len(judge.rows) < 0.5 * needed).any():
            return None
    return mixture if judge.value(mixture) > least else None
