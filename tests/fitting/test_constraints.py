"""Values that are held, equal weights, and priors of weights: what the M-step maximizes, and what fits end with."""

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, TABLES
from helpers.hard_data import CASES

from gaussmix import GaussianMixture, Mixture, NormalInverseWishart, bootstrap
from gaussmix.core.engines import NativeEngine
from gaussmix.fitting.constraints import ConstrainedUpdate, Constraints
from gaussmix.fitting.prior import Prior

ROWS, K = TABLES["blobs"]
D = ROWS.shape[1]
MEANS = GaussianMixture(K, random_state=0).fit(ROWS).means_ + 0.3
PRECISIONS = np.tile(0.3 * np.eye(D), (K, 1, 1))
WEIGHTS = np.array([0.5, 0.3, 0.2])
START = {"means_init": MEANS, "precisions_init": PRECISIONS, "weights_init": WEIGHTS}


def mask(*which):
    return np.isin(np.arange(K), which)


SETTINGS = {
    "means": Constraints(held_means=mask(0, 2)),
    "covariances": Constraints(held_covariances=mask(1)),
    "weights": Constraints(held_weights=mask(1)),
    "all weights": Constraints(held_weights=mask(0, 1, 2)),
    "equal": Constraints(equal_weights=True),
    "ratio": Constraints(max_variance_ratio=3.0),
    "ratio and covariances": Constraints(max_variance_ratio=3.0, held_covariances=mask(1)),
    "Dirichlet": Constraints(concentration=20.0),
    "everything": Constraints(mask(0), mask(1), mask(2), False, 4.0, np.array([1.0, 5.0, 2.0])),
}
PRIORS = {
    "none": None,
    "mean and scale": NormalInverseWishart(ROWS.mean(axis=0), 2.0, mean_strength=5.0).prior_for(
        type(Mixture.from_parameters(WEIGHTS, MEANS, np.linalg.inv(PRECISIONS)).covariance), K
    ),
}


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("name", SETTINGS)
def test_steps_gain_at_least_what_they_promise(name, prior):
    update = ConstrainedUpdate(prior=PRIORS[prior], constraints=SETTINGS[name])
    mixture = update.prepared(Mixture.from_parameters(WEIGHTS, MEANS, np.linalg.inv(PRECISIONS)))
    engine = NativeEngine(ROWS)
    moments = update.accumulate(engine, mixture, rough=False)
    for _ in range(20):
        step = update.maximize(mixture, moments)
        gain = update.gain(mixture, moments, step)
        after = update.accumulate(engine, step.mixture, rough=False)
        objective = moments.log_likelihood + update.log_prior(mixture)
        grown = after.log_likelihood + update.log_prior(step.mixture) - objective
        assert gain >= -1e-9
        assert grown >= gain - 1e-9
        mixture, moments = step.mixture, after


def test_without_constraints_the_gain_is_that_of_maximum_likelihood():
    root = np.linalg.cholesky(np.cov(ROWS.T))
    plain = Constraints().of(ConstrainedUpdate(prior=Prior.chen_tan(3.0, root)))
    general = ConstrainedUpdate(prior=plain.prior, constraints=Constraints())
    mixture = Mixture.from_parameters(WEIGHTS, MEANS, np.linalg.inv(PRECISIONS))
    moments = NativeEngine(ROWS).accumulate(mixture.whitened())
    one, other = plain.maximize(mixture, moments), general.maximize(mixture, moments)
    np.testing.assert_array_equal(one.mixture.means, other.mixture.means)
    assert plain.gain(mixture, moments, one) == pytest.approx(general.gain(mixture, moments, other), rel=1e-10)


@pytest.mark.parametrize(
    "fixed",
    [
        {"means": [0, 2]},
        {"covariances": [1]},
        {"weights": True},
        {"weights": [2]},
        {"means": [0, 2], "covariances": [1], "weights": True},
        {"means": True, "covariances": True, "weights": [0]},
    ],
)
def test_held_values_keep_their_bits_and_the_others_are_stationary(fixed):
    fitted = GaussianMixture(K, fixed=fixed, **START).fit(ROWS)
    assert fitted.converged_
    held = {name: np.arange(K) if which is True else np.array(which) for name, which in fixed.items()}
    shares = fitted.predict_proba(ROWS)
    counts = shares.sum(axis=0)
    free = {name: np.setdiff1d(np.arange(K), held.get(name, [])) for name in ("means", "covariances", "weights")}
    if "means" in held:
        np.testing.assert_array_equal(fitted.means_[held["means"]], MEANS[held["means"]])
    if "weights" in held:
        np.testing.assert_array_equal(fitted.weights_[held["weights"]], WEIGHTS[held["weights"]])
    if "covariances" in held:
        np.testing.assert_allclose(fitted.precisions_[held["covariances"]], PRECISIONS[held["covariances"]], rtol=1e-12)
    means = shares.T @ ROWS / counts[:, None]
    np.testing.assert_allclose(fitted.means_[free["means"]], means[free["means"]], rtol=0, atol=1e-8)
    for at in free["covariances"]:
        about = ROWS - fitted.means_[at]
        covariance = (shares[:, at, None] * about).T @ about / counts[at]
        np.testing.assert_allclose(fitted.covariances_[at], covariance, rtol=0, atol=1e-8)
    some = free["weights"]
    if some.size:
        rest = 1 - fitted.weights_[np.setdiff1d(np.arange(K), some)].sum()
        np.testing.assert_allclose(fitted.weights_[some], rest * counts[some] / counts[some].sum(), rtol=0, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", [*COVARIANCE_TYPES, "VEI", "EEV", "VVE"])
def test_equal_weights_are_stationary(covariance_type):
    fitted = GaussianMixture(K, covariance_type=covariance_type, equal_weights=True, random_state=0).fit(ROWS)
    np.testing.assert_array_equal(fitted.weights_, 1 / K)
    shares = fitted.predict_proba(ROWS)
    np.testing.assert_allclose(fitted.means_, shares.T @ ROWS / shares.sum(axis=0)[:, None], rtol=0, atol=1e-8)


def test_all_covariances_can_be_held_in_every_structure():
    covariance = np.eye(D) * 2
    fitted = GaussianMixture(
        K,
        covariance_type="tied",
        fixed={"covariances": True},
        precisions_init=np.linalg.inv(covariance),
        random_state=0,
    ).fit(ROWS)
    np.testing.assert_allclose(fitted.covariances_, covariance, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "n_free"),
    [
        ({}, 2 + 9 + 18),
        ({"equal_weights": True}, 9 + 18),
        ({"fixed": {"means": [0]}, "means_init": MEANS}, 2 + 6 + 18),
        ({"fixed": {"weights": True}, "weights_init": WEIGHTS}, 9 + 18),
        ({"fixed": {"weights": [1]}, "weights_init": WEIGHTS}, 1 + 9 + 18),
        ({"fixed": {"covariances": [0, 1]}, "precisions_init": PRECISIONS}, 2 + 9 + 6),
        ({"max_variance_ratio": 5}, 2 + 9 + 18),
    ],
)
def test_criteria_count_free_parameters(options, n_free):
    fitted = GaussianMixture(K, random_state=0, **options).fit(ROWS)
    expected = -2 * fitted.score(ROWS) * len(ROWS) + n_free * np.log(len(ROWS))
    assert fitted.bic(ROWS) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fixed": {"mean": True}}, "fixed must be a dictionary with the keys"),
        ({"fixed": ["means"]}, "fixed must be a dictionary with the keys"),
        ({"fixed": {"means": True}}, "holds the values of means_init: give it"),
        ({"fixed": {"means": [3]}, **START}, "components from 0 to 2"),
        ({"fixed": {"means": [0.5]}, **START}, "components from 0 to 2"),
        ({"fixed": {"means": 1}, **START}, "components from 0 to 2"),
        (
            {"fixed": {"covariances": [0]}, "covariance_type": "tied", "precisions_init": np.eye(D)},
            "must be True for covariance_type='tied'",
        ),
        ({"fixed": {"means": [0]}, **START, "order_by": "weight"}, 'order_by must be "auto"'),
        ({"equal_weights": "yes"}, "equal_weights must be True or False"),
        ({"equal_weights": True, "weights_init": WEIGHTS}, "weights_init has no effect"),
        ({"equal_weights": True, "prior": NormalInverseWishart(MEANS[0], 1.0, weight_concentration=2)}, "no effect"),
        ({"max_variance_ratio": 0.5}, "max_variance_ratio must be at least 1"),
        ({"max_variance_ratio": np.nan}, "max_variance_ratio must be a finite number"),
        ({"max_variance_ratio": 5, "covariance_type": "VEE"}, "no closed form for covariance_type='VEE'"),
        (
            {
                "max_variance_ratio": 5,
                "fixed": {"covariances": [0]},
                **START,
                "precisions_init": PRECISIONS * np.array([1, 1, 100])[:, None],
            },
            "variance ratio of 100, above",
        ),
        ({"trim": 1.0}, "trim must be a share"),
        ({"trim": -0.1}, "trim must be a share"),
        ({"trim": True}, "trim must be a share"),
        ({"trim": 0.999}, "leaves fewer than n_components"),
    ],
)
def test_what_cannot_hold_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(K, **options).fit(ROWS)


@pytest.mark.parametrize("options", [{"trim": 0.1}, {"max_variance_ratio": 5}, {"equal_weights": True}])
def test_streams_refuse_constraints(options):
    with pytest.raises(ValueError, match=f"partial_fit is not defined with {next(iter(options))}"):
        GaussianMixture(K, **options).partial_fit(ROWS)


def test_refits_refuse_constraints():
    fitted = GaussianMixture(K, max_variance_ratio=5, random_state=0).fit(ROWS)
    with pytest.raises(ValueError, match="refits know neither trim nor max_variance_ratio"):
        bootstrap(fitted, ROWS, n_draws=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"equal_weights": True},
        {"max_variance_ratio": 2},
        {"prior": NormalInverseWishart(ROWS.mean(axis=0), 4.0, weight_concentration=30)},
        {"fixed": {"weights": True, "means": [1]}, "weights_init": WEIGHTS, "means_init": MEANS},
    ],
    ids=lambda options: next(iter(options)),
)
def test_noise_stands_beside_constrained_components(options):
    far = np.random.default_rng(0).uniform(-40, 40, (60, D))
    rows = np.concatenate([ROWS, far])
    fitted = GaussianMixture(K, noise="uniform", random_state=0, **options).fit(rows)
    assert fitted.converged_
    shares = fitted.predict_proba(rows).sum(axis=0)
    extra = 29 * K if "prior" in options else 0
    assert fitted.noise_weight_ == pytest.approx(shares[-1] / (len(rows) + extra), abs=1e-8)
    if "equal_weights" in options:
        np.testing.assert_allclose(fitted.weights_, (1 - fitted.noise_weight_) / K, rtol=1e-12)
    if "fixed" in options:
        np.testing.assert_allclose(fitted.weights_ / fitted.weights_.sum(), WEIGHTS, rtol=1e-9)
        np.testing.assert_array_equal(fitted.means_[1], MEANS[1])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.error is None][::3])
@pytest.mark.parametrize("option", ["ratio", "equal", "fixed"])
def test_hard_data_give_a_valid_model(name, option):
    case = CASES[name]
    rows, k = np.asarray(case.rows, dtype=np.float64), case.n_components
    if np.isnan(rows).any():
        pytest.skip("means_init needs values")
    options = {
        "ratio": {"max_variance_ratio": 20},
        "equal": {"equal_weights": True},
        "fixed": {"fixed": {"means": [0]}, "means_init": rows[np.linspace(0, len(rows) - 1, k).astype(int)]},
    }[option]
    fitted = GaussianMixture(k, random_state=0, n_init=2, **options).fit(case.rows, sample_weight=case.weights)
    for values in (fitted.weights_, fitted.means_, fitted.covariances_, fitted.precisions_, fitted.lower_bound_):
        assert np.isfinite(values).all()
    assert (fitted.mixture_.covariance.pivots() > 0).all()
    assert fitted.weights_.sum() == pytest.approx(1, abs=1e-12)
