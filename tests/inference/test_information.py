"""Scores and information of the likelihood: against numerical derivatives."""

import mpmath
import numpy as np
import pytest
from helpers.oracles import derivatives, log_likelihood, second_derivatives
from numpy.testing import assert_allclose
from scipy.linalg import expm
from sklearn.datasets import load_iris

from gaussmix import GaussianMixture, Mixture
from gaussmix.core.covariance import MODELS
from gaussmix.core.rows import WeightedRows
from gaussmix.inference import standard_errors
from gaussmix.inference.information import Information, score_rows
from gaussmix.inference.parametrization import Parametrization
from gaussmix.testing import random_mixture

NAMES = ("weights", "means", "covariances")


def iris():
    rows = load_iris().data
    return GaussianMixture(3, random_state=0).fit(rows).mixture_, rows


def path_of(parametrization):
    """The function from the coordinates of a parametrization to parameters, as its documentation has it."""
    mixture, (k, d) = parametrization.mixture, parametrization.mixture.means.shape

    def parameters(coordinates):
        weights = mixture.weights * np.exp(parametrization.contrasts @ coordinates[: k - 1])
        moves = coordinates[k - 1 : k - 1 + k * d].reshape(k, d) / np.sqrt(mixture.weights)[:, None]
        covariances = []
        for root, tangent in zip(parametrization.roots, parametrization.tangents, strict=True):
            stretch = np.tensordot(coordinates[tangent.places], tangent.stretches, 1)
            turn = expm(np.tensordot(coordinates[tangent.places], tangent.turns, 1))
            covariances.append(root @ turn @ expm(stretch) @ turn.T @ root.T)
        return (
            weights / weights.sum(),
            mixture.means + np.einsum("kij,kj->ki", parametrization.roots, moves),
            covariances,
        )

    return np.zeros(parametrization.n_coordinates), parameters


@pytest.mark.slow
@pytest.mark.parametrize("letters", ["VEI", "VEE", "VVE", "VEV", "EVV"])
def test_scores_and_information_are_derivatives_away_from_the_top_too(letters):
    mixture = random_mixture(MODELS[letters], 2, 3, np.random.default_rng(5))
    rows = 1.1 * mixture.sample(50, 3)[0] + 0.1
    parametrization = Parametrization.about(mixture)
    at, parameters = path_of(parametrization)
    information = Information.at(parametrization, WeightedRows(rows))

    def total(here):
        return log_likelihood(rows, *parameters(here))

    assert_allclose(information.score, derivatives(total, at), rtol=1e-9, atol=1e-9)
    assert_allclose(information.observed, -second_derivatives(total, at), rtol=1e-6, atol=1e-6)
    scores = score_rows(parametrization, rows)
    alone = derivatives(lambda here: log_likelihood(rows[7:8], *parameters(here)), at)
    assert_allclose(scores[7], alone, rtol=1e-9, atol=1e-10)
    assert_allclose(information.squared_scores, scores.T @ scores, rtol=1e-11, atol=1e-11)


def test_rows_far_from_all_means_lose_no_digits():
    mixture = Mixture.from_parameters([0.5, 0.5], [[-1.0], [1.0]], [1.0, 1.0 + 1e-9], covariance_type="spherical")
    far = 3e4
    parametrization = Parametrization.about(mixture)
    with mpmath.workdps(80):

        def log_density(*moved):
            means = [
                -1 + moved[0] / mpmath.sqrt(0.5),
                1 + mpmath.sqrt(mpmath.mpf(1 + 1e-9)) * moved[1] / mpmath.sqrt(0.5),
            ]
            variances = [mpmath.mpf(1), mpmath.mpf(mixture.covariance.roots[1]) ** 2]
            parts = [
                mpmath.exp(-((far - mean) ** 2) / (2 * variance)) / mpmath.sqrt(variance)
                for mean, variance in zip(means, variances, strict=True)
            ]
            return mpmath.log(sum(parts))

        expected = -float(mpmath.diff(log_density, (0, 0), (1, 1)))
    observed = Information.at(parametrization, WeightedRows(np.array([[far]]))).observed
    assert_allclose(observed[1, 2], expected, rtol=1e-6)


def test_rows_in_several_blocks_are_rows_in_one(monkeypatch):
    mixture, rows = iris()
    expected = standard_errors(mixture, rows)
    monkeypatch.setattr("gaussmix.inference.information.BLOCK_SIZE", 1)
    ours = standard_errors(mixture, rows)
    for name in NAMES:
        assert_allclose(getattr(ours, name), getattr(expected, name), rtol=1e-12)
