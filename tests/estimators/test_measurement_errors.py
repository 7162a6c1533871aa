"""Fits of rows with measurement errors: the mixture is that of the true values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal

from gaussmix import BayesianGaussianMixture, DegenerateComponentWarning, GaussianMixture, GaussianMixtureIC, Mixture
from gaussmix.core.covariance import MODELS

RNG = np.random.default_rng(0)
N, D = 1500, 2
MEANS = np.array([[0.0, 0.0], [5.0, 2.0]])
ROOTS = np.array([[[1.0, 0.0], [0.8, 0.6]], [[0.5, 0.0], [-0.4, 0.7]]])
LABELS = (RNG.random(N) < 0.4).astype(int)
TRUE = MEANS[LABELS] + np.einsum("nij,nj->ni", ROOTS[LABELS], RNG.normal(size=(N, D)))
ERROR_ROOTS = RNG.normal(size=(N, D, D)) * 0.6
COVARIANCES = ERROR_ROOTS @ ERROR_ROOTS.transpose(0, 2, 1)
OBSERVED = TRUE + np.einsum("nij,nj->ni", ERROR_ROOTS, RNG.normal(size=(N, D)))
FEW = slice(0, 200)


@pytest.mark.slow
def test_the_true_covariances_are_recovered():
    plain = GaussianMixture(2, random_state=0).fit(OBSERVED)
    fitted = GaussianMixture(2, random_state=0).fit(OBSERVED, noise_covariance=COVARIANCES)
    truth = ROOTS @ ROOTS.transpose(0, 2, 1)
    assert_allclose(fitted.means_, MEANS, atol=0.15)
    assert_allclose(fitted.covariances_, truth, atol=0.15)
    assert np.abs(plain.covariances_ - truth).max() > 0.6
    assert_allclose(fitted.weights_, [0.6, 0.4], atol=0.03)


@pytest.mark.parametrize("shape", ["variances", "covariance", "variances of rows", "covariances of rows"])
def test_the_score_is_that_of_the_sum_of_covariances(shape):
    rows = OBSERVED[FEW].copy()
    noise = {
        "variances": np.array([0.3, 0.1]),
        "covariance": COVARIANCES[0],
        "variances of rows": np.diagonal(COVARIANCES[FEW], axis1=1, axis2=2),
        "covariances of rows": COVARIANCES[FEW],
    }[shape]
    fitted = GaussianMixture(2, random_state=0).fit(rows, noise_covariance=noise)
    each = (
        [np.diag(one) if one.ndim == 1 else one for one in np.broadcast_to(noise, (200, *noise.shape[-1:]))]
        if (shape == "variances")
        else [np.diag(one) for one in noise]
        if shape == "variances of rows"
        else np.broadcast_to(noise, (200, 2, 2))
    )
    density = [
        sum(
            weight * multivariate_normal(mean, covariance + error).pdf(row)
            for weight, mean, covariance in zip(fitted.weights_, fitted.means_, fitted.covariances_, strict=True)
        )
        for row, error in zip(rows, each, strict=True)
    ]
    assert_allclose(fitted.score_samples(rows, noise_covariance=noise), np.log(density), rtol=1e-11)
    assert fitted.score(rows, noise_covariance=noise) == pytest.approx(fitted.lower_bound_, abs=1e-12)
    one = GaussianMixture(2, random_state=0)
    labels = one.fit_predict(rows, noise_covariance=noise)
    assert_array_equal(labels, fitted.predict(rows, noise_covariance=noise))
    assert_array_equal(
        fitted.predict_proba(rows, noise_covariance=noise), fitted.transform(rows, noise_covariance=noise)
    )
    assert np.isfinite([fitted.bic(rows, noise_covariance=noise), fitted.icl(rows, noise_covariance=noise)]).all()


@pytest.mark.parametrize("model", ["full", "tied", "diag", "spherical", "VEV"])
def test_errors_of_zero_are_none(model):
    rows = OBSERVED[FEW]
    plain = GaussianMixture(2, covariance_type=model, random_state=0).fit(rows)
    zero, tiny = (
        GaussianMixture(2, covariance_type=model, random_state=0).fit(rows, noise_covariance=noise)
        for noise in (np.zeros(2), np.full((200, 2), 1e-30))
    )
    assert zero.lower_bound_ == plain.lower_bound_
    assert tiny.lower_bound_ == pytest.approx(plain.lower_bound_, abs=1e-9)
    assert_allclose(tiny.means_, plain.means_, atol=1e-5)


@pytest.mark.parametrize("model", ["full", "diag", "EEE"])
def test_infinite_variances_are_missing_values(model):
    rows, holes = OBSERVED[FEW].copy(), OBSERVED[FEW].copy()
    noise = np.full(rows.shape, 0.2)
    noise[::4, 0], noise[1::5, 1] = np.inf, np.inf
    holes[np.isinf(noise)] = np.nan
    rows[np.isinf(noise)] = 17.0
    fits = [
        GaussianMixture(2, covariance_type=model, random_state=0).fit(given, noise_covariance=noise)
        for given in (rows, holes)
    ]
    assert fits[0].lower_bound_ == fits[1].lower_bound_
    huge = np.where(np.isinf(noise), 1e14, noise)
    near = GaussianMixture(2, covariance_type=model, random_state=0).fit(rows, noise_covariance=huge)
    assert_allclose(near.means_, fits[0].means_, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_the_likelihood_never_falls(model):
    gm = GaussianMixture(
        2, covariance_type=model, init_params="random", random_state=1, acceleration="none", reg_covar=0
    )
    gm.set_params(max_iter=30, tol=0)
    with pytest.warns(Warning, match="did not converge"):
        gm.fit(OBSERVED[FEW], noise_covariance=COVARIANCES[FEW])
    assert (np.diff(gm.history_["log_likelihood"]) > -1e-9).all()


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_posteriors_take_measurement_errors(kind):
    rows, noise = OBSERVED[FEW], COVARIANCES[FEW]
    gm = BayesianGaussianMixture(n_components=3, covariance_type=kind, random_state=0, init_params="kmeans")
    gm.fit(rows, noise_covariance=noise)
    assert (np.diff(gm.lower_bounds_) > -1e-7).all()
    assert gm.predict(rows, noise_covariance=noise).shape == (200,)


def test_searches_over_models_take_measurement_errors():
    rows, noise = OBSERVED[FEW], COVARIANCES[FEW]
    search = GaussianMixtureIC([1, 2, 3], covariance_types=["VVV", "EEI"], random_state=0)
    search.fit(rows, noise_covariance=noise)
    assert search.best_n_components_ == 2
    assert search.best_estimator_.lower_bound_ == pytest.approx(search.score(rows, noise_covariance=noise))
    assert search.extend(rows, 4, noise_covariance=noise).best_n_components_ == 2
    with pytest.raises(ValueError, match="extend needs the rows"):
        search.extend(rows, 4, noise_covariance=2 * noise)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (np.ones(3), r"noise_covariance must have the shape \(2,\)"),
        (-np.ones(2), "variances must be at least 0"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "not a symmetric and positive semidefinite matrix"),
        (np.full((200, 2), np.nan), "row 0, column 0"),
    ],
)
def test_impossible_errors_are_refused(noise, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2).fit(OBSERVED[FEW], noise_covariance=noise)


@pytest.mark.parametrize("kind", ["same", "each", "matrices"])
def test_reports_know_the_errors(kind):
    truth = Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [6.0, 0.0]], [np.eye(2)] * 2)
    rows = truth.sample(400, 0)[0] + 2 * np.random.default_rng(1).standard_normal((400, 2))
    noise = {"same": np.full(2, 4.0), "each": np.full((400, 2), 4.0), "matrices": np.full((400, 1, 1), 4.0) * np.eye(2)}
    fitted = GaussianMixture(2, random_state=0).fit(rows, noise_covariance=noise[kind])
    facts = fitted.report(rows, noise_covariance=noise[kind]).facts
    shares = fitted.predict_proba(rows, noise_covariance=noise[kind])
    np.testing.assert_allclose([found["count"] for found in facts["components"]], shares.sum(axis=0), rtol=1e-9)
    np.testing.assert_allclose(facts["overlap"]["certainty"], shares.max(axis=1).mean(), rtol=1e-9)
    assert all(found["troubles"] == [] for found in facts["components"])
    assert all(found["shape"]["outside"] is None for found in facts["components"])


def test_infinite_errors_are_missing_values_in_reports():
    rows = np.random.default_rng(0).normal(size=(80, 3))
    holes = np.random.default_rng(1).random(rows.shape) < 0.2
    noise = np.where(holes, np.inf, 0.0)
    fitted = GaussianMixture(2, random_state=0).fit(rows, noise_covariance=noise)
    given = fitted.report(rows, noise_covariance=noise).facts
    missing = fitted.report(np.where(holes, np.nan, rows)).facts
    assert given["rows"]["missing_values"] == missing["rows"]["missing_values"]
    counts = [[found["count"] for found in facts["components"]] for facts in (given, missing)]
    np.testing.assert_allclose(counts[0], counts[1], rtol=1e-9)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("share", [1.5, 100.0])
def test_errors_larger_than_the_spread_of_the_rows_are_named(covariance_type: str, share: float) -> None:
    rows = np.random.default_rng(0).normal(size=(200, 3))
    variances = np.full(3, share)
    with pytest.warns(DegenerateComponentWarning, match="measurement errors are at least as large as the spread"):
        gm = GaussianMixture(1, covariance_type=covariance_type, random_state=0).fit(rows, noise_covariance=variances)
    assert np.isfinite(gm.score(rows, noise_covariance=variances))


def test_errors_smaller_than_the_spread_are_not(recwarn: pytest.WarningsRecorder) -> None:
    rows = np.random.default_rng(0).normal(size=(200, 3))
    GaussianMixture(1, random_state=0).fit(rows, noise_covariance=np.full(3, 0.3))
    assert not recwarn.list
