"""Variational Bayes: the bound and its published values, the evidence, moves."""

import numpy as np
import pytest
from helpers.evidence import evidence_lower_bound, importance_sampled_evidence, log_evidence
from numpy.testing import assert_allclose

from gaussmix import BayesianGaussianMixture
from gaussmix.core.covariance import COVARIANCES
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.posterior.merge_gains import entropy_losses, merge_gains
from gaussmix.core.rows import WeightedRows
from gaussmix.datasets import load_old_faithful
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.initialization import Membership, mixture_from_membership
from gaussmix.fitting.prior_of_rows import PriorSettings
from gaussmix.fitting.variational import VariationalUpdate

STRUCTURES = ("full", "tied", "diag", "spherical")
KINDS = ("dirichlet_process", "dirichlet_distribution")


@pytest.fixture
def geyser() -> np.ndarray:
    rows, _ = load_old_faithful()
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


@pytest.mark.parametrize(("k", "bound"), [(1, -559.094253), (2, -439.895966), (3, -440.307608), (6, -441.019276)])
def test_bound_of_old_faithful_has_its_reference_values(k, bound, geyser):
    """Bishop's equations 10.71 to 10.77 from scikit-learn's fits with a Dirichlet prior of 1e-3."""
    model = BayesianGaussianMixture(
        n_components=k,
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=1e-3,
        random_state=0,
        prune=False,
    ).fit(geyser)
    assert model.lower_bound_ >= bound - 1e-5
    assert_allclose(model.lower_bound_, bound, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("acceleration", ["auto", "none"])
def test_bound_of_one_component_is_the_log_evidence(structure, kind, weighted, acceleration, geyser):
    weights = np.random.default_rng(0).uniform(0, 3, len(geyser)) if weighted else np.ones(len(geyser))
    model = BayesianGaussianMixture(
        covariance_type=structure,
        weight_concentration_prior_type=kind,
        mean_precision_prior=0.3,
        acceleration=acceleration,
    ).fit(geyser, sample_weight=weights if weighted else None)
    scale = np.asarray(model.covariance_prior_)
    expected = log_evidence(
        geyser,
        weights,
        structure,
        mean=model.mean_prior_,
        precision=0.3,
        degrees=2.0,
        scale=scale if scale.ndim == 2 else np.diag(np.broadcast_to(scale, 2)),
    )
    assert_allclose(model.lower_bound_, expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("weighted", [False, True])
def test_bound_is_that_of_its_definition_term_by_term(structure, kind, weighted, geyser):
    rows = geyser[::3]
    weights = np.random.default_rng(0).uniform(0, 3, len(rows)) if weighted else None
    for acceleration in ("auto", "none"):
        model = BayesianGaussianMixture(
            n_components=3,
            covariance_type=structure,
            weight_concentration_prior_type=kind,
            init_params=np.arange(len(rows)) % 3,
            max_iter=7,
            reg_covar=1e-6,
            tol=1e3,
            acceleration=acceleration,
        ).fit(rows, sample_weight=weights)
        assert_allclose(model.lower_bound_, evidence_lower_bound(model, rows, weights), rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(10))
def test_bound_is_below_the_evidence_and_near_it_for_separated_components(kind, seed):
    rng = np.random.default_rng(seed)
    separation = 8.0 if seed % 2 else 2.0
    means = separation * rng.standard_normal((2, 1 + seed % 3))
    rows = means[rng.integers(0, 2, 60)] + rng.standard_normal((60, 1 + seed % 3))
    model = BayesianGaussianMixture(
        n_components=2,
        weight_concentration_prior_type=kind,
        weight_concentration_prior=1.0,
        random_state=0,
        prune=False,
    ).fit(rows)
    evidence, error = importance_sampled_evidence(model, rows, 1000, seed)
    assert error < 0.2
    assert model.lower_bound_ < evidence + 4 * error
    apart = np.abs(means[0] - means[1]).max() > 6
    if apart:
        assert evidence - model.lower_bound_ < 3


def make_state(rows, structure, kind, shares):
    settings = PriorSettings(COVARIANCES[structure], shares.shape[1], kind, 0.5)
    update = VariationalUpdate(settings.prior_of(WeightedRows(rows), 0.0), float(len(rows)))
    membership = Membership(WeightedRows(rows), shares.shape[1], responsibilities=shares)
    return update, mixture_from_membership(membership, COVARIANCES[structure], update)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_gain_of_a_step_is_that_of_the_bound_for_given_responsibilities(structure, kind, geyser):
    update, state = make_state(geyser, structure, kind, np.random.default_rng(0).dirichlet(np.ones(3), len(geyser)))
    engine = NativeEngine(geyser)
    moments = update.accumulate(engine, state, rough=False)
    step = update.maximize(state, moments)
    gain = update.gain(state, moments, step)
    after = update.accumulate(engine, step.mixture, rough=False)
    assert 0 < gain < after.log_likelihood - moments.log_likelihood


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_gain_of_a_merge_is_that_of_the_bound_for_summed_responsibilities(structure, kind, geyser):
    """The bound at fixed responsibilities is that after a step minus the divergence; both states use one prior."""
    shares = np.random.default_rng(0).dirichlet(np.full(3, 0.3), len(geyser))
    shares = shares[:, np.argsort(-shares.sum(axis=0))]
    update, state = make_state(geyser, structure, kind, shares)
    first, second, gains = merge_gains(update.posterior(state))
    losses = entropy_losses(shares, np.ones(len(geyser)), first, second)
    for i, j, gain in zip(first, second, gains - losses, strict=True):
        merged = shares.copy()
        merged[:, i] += merged[:, j]
        merged[:, j] = 0.0
        order = np.argsort(-merged.sum(axis=0), kind="stable")
        other, after = make_state(geyser, structure, kind, merged[:, order])
        assert other.prior.n_components == update.prior.n_components
        expected = _bound_at(other, after, merged[:, order], geyser) - _bound_at(update, state, shares, geyser)
        assert_allclose(gain, expected, rtol=1e-7, atol=1e-7)


def _bound_at(update: VariationalUpdate, state: Mixture, shares: np.ndarray, rows: np.ndarray) -> float:
    """Return the bound for given responsibilities."""
    posterior = update.posterior(state)
    scores = NativeEngine(rows).score_rows(posterior.whitened(), "scores")
    held = shares > 0
    return float((shares[held] * (scores[held] - np.log(shares[held]))).sum() - posterior.divergence_from_prior())


def test_acceleration_finds_the_same_optimum_in_fewer_passes(geyser):
    labels = np.arange(len(geyser)) % 4
    plain = BayesianGaussianMixture(
        n_components=4,
        init_params=labels,
        weight_concentration_prior_type="dirichlet_distribution",
        acceleration="none",
    ).fit(geyser)
    fast = BayesianGaussianMixture(
        n_components=4, init_params=labels, weight_concentration_prior_type="dirichlet_distribution"
    ).fit(geyser)
    assert fast.fit_result_.fit.n_passes < plain.fit_result_.fit.n_passes
    assert fast.lower_bound_ >= plain.lower_bound_ - 1e-3


def test_search_leaves_a_poor_optimum(geyser):
    """A start with one component on four clusters stays there; births and merges find all four."""
    apart = np.array([[0.0, 0.0], [0.0, 12.0], [12.0, 0.0], [12.0, 12.0]])
    rows = (0.3 * geyser[:, None, :] % 1 + apart).reshape(-1, 2)
    stuck = BayesianGaussianMixture(n_components=4, init_params=np.zeros(len(rows), dtype=int)).fit(rows)
    found = BayesianGaussianMixture(n_components=4, random_state=0).fit(rows)
    assert len(found.weights_) == 4
    assert found.lower_bound_ > stuck.lower_bound_ + 100


def test_state_of_the_loop_is_a_mixture_of_shares(geyser):
    update, state = make_state(geyser, "full", "dirichlet_process", np.eye(2)[np.arange(len(geyser)) % 2])
    fit = fit_em(NativeEngine(geyser), update, state, None, max_iter=3)
    posterior = update.posterior(fit.mixture)
    assert_allclose(posterior.counts.sum(), len(geyser))
    assert posterior.components.mean_precision.sum() == pytest.approx(len(geyser) + 2)


@pytest.mark.parametrize(("covariance_type", "levels"), [("spherical", 4), ("tied", 4), ("tied", 3), ("diag", 5)])
def test_more_components_end_no_lower_than_one(covariance_type, levels):
    """Rows on a grid of a few values tempt many components to stay."""
    rows = np.random.default_rng(2).integers(0, levels, (200, 3)).astype(float)
    prior = {
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": "dirichlet_distribution",
        "weight_concentration_prior": 1e-3,
    }
    many, one = (
        BayesianGaussianMixture(n_components=k, random_state=0, prune=False, **prior).fit(rows).lower_bound_
        for k in (8, 1)
    )
    assert many > one - np.log(8) - 0.1  # which of the components has the rows is a choice among eight
