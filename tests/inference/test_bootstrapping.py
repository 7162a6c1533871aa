"""The bootstrap: against closed forms and the nonparametric definition, from any number of threads."""

import dataclasses
import math

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, TABLES, read_only
from helpers.noisy import noisy_clusters
from scipy import stats

from gaussmix import (
    GaussianMixture,
    Mixture,
    bootstrap,
    cross_validated_log_likelihood,
    likelihood_ratio_test,
    stability,
    standard_errors,
)
from gaussmix.datasets import load_old_faithful
from gaussmix.fitting.refit import refit

KINDS = ("nonparametric", "weighted", "parametric")
ROWS, K = TABLES["blobs"]
FITTED = GaussianMixture(K, random_state=0).fit(ROWS)
NORMAL = read_only(np.random.default_rng(5).normal(3.0, 2.0, (400, 1)))
ONE = GaussianMixture(1).fit(NORMAL)
parameters = pytest.mark.parametrize("name", ["weights", "means", "covariances"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_errors_of_one_normal_are_those_of_the_textbook(kind):
    draws = bootstrap(ONE, NORMAL, kind=kind, n_draws=1500, random_state=0)
    n, variance = len(NORMAL), float(NORMAL.var())
    kurtosis = 3.0 if kind == "parametric" else float(stats.kurtosis(NORMAL[:, 0], fisher=False))
    # the standard deviation of 1500 draws is known to 2 %; four times that
    assert draws.standard_errors.means[0, 0] == pytest.approx(math.sqrt(variance / n), rel=0.08)
    expected = variance * math.sqrt((kurtosis - 1) / n)
    assert draws.standard_errors.covariances[0, 0, 0] == pytest.approx(expected, rel=0.08)
    assert draws.standard_errors.weights[0] == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True])
def test_the_jackknife_of_one_normal_is_exact(weighted):
    weights = np.random.default_rng(0).integers(0, 3, len(NORMAL)) if weighted else None
    rows = NORMAL if weights is None else NORMAL.repeat(weights, axis=0)
    draws = bootstrap(ONE, NORMAL, kind="jackknife", sample_weight=weights)
    n = len(rows)
    assert draws.n_draws == n
    assert draws.standard_errors.means[0, 0] == pytest.approx(rows.std(ddof=1) / math.sqrt(n), rel=1e-6)
    left_out = np.array([np.delete(rows, at).var() for at in range(n)])
    expected = math.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    assert draws.standard_errors.covariances[0, 0, 0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_errors_of_a_jackknife_are_those_of_mclust():
    eruptions, _ = load_old_faithful()
    gm = GaussianMixture(2, random_state=0).fit(eruptions)
    errors = bootstrap(gm, eruptions, kind="jackknife").standard_errors
    # mclust 6.0.0: MclustBootstrap(Mclust(faithful, G=2, modelNames="VVV"), type="jk"), summary(what="se")
    np.testing.assert_allclose(errors.weights, 0.029148539, rtol=0.01)
    expected = [[0.031825011, 0.460325275], [0.028334736, 0.599520580]]
    np.testing.assert_allclose(errors.means, expected, rtol=0.02)
    expected = [[0.018600848, 4.09540726], [0.013848581, 4.3873730]]
    np.testing.assert_allclose(np.diagonal(errors.covariances, 0, 1, 2), expected, rtol=0.03)


def test_a_jackknife_has_normal_intervals_and_whole_weights():
    draws = bootstrap(ONE, NORMAL[:30], kind="jackknife")
    assert str(draws).startswith("jackknife, 30 draws; normal intervals of 95 %")
    assert draws.interval()[0].means < NORMAL[:30].mean() < draws.interval()[1].means
    with pytest.raises(ValueError, match='no percentiles: use method="normal"'):
        draws.interval(method="percentile")
    with pytest.raises(ValueError, match="whole numbers for a jackknife; row 2 has"):
        bootstrap(ONE, NORMAL[:4], kind="jackknife", sample_weight=[1, 2, 0.5, 1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covariance_type", [*COVARIANCE_TYPES, "VEI", "EEV"])
def test_draws_are_the_same_from_any_number_of_threads(kind, covariance_type):
    gm = GaussianMixture(K, covariance_type=covariance_type, random_state=0).fit(ROWS)
    one, two = (bootstrap(gm, ROWS, kind=kind, n_draws=6, random_state=3, n_jobs=n) for n in (None, 2))
    for name in ("weights", "means", "covariances"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    first = bootstrap(gm, ROWS, kind=kind, n_draws=3, random_state=3)
    np.testing.assert_array_equal(first.means, one.means[:3])
    other = bootstrap(gm, ROWS, kind=kind, n_draws=3, random_state=4)
    assert (first.means != other.means).all()


@pytest.mark.parametrize("kind", KINDS)
def test_draws_are_about_the_fit_and_keep_its_names(kind):
    draws = bootstrap(FITTED, ROWS, kind=kind, n_draws=60, random_state=0)
    assert (draws.n_draws, draws.n_failed, len(draws.means)) == (60, 0, 60)
    gaps = (draws.means - FITTED.means_) / np.sqrt(FITTED.mixture_.covariance.variances())
    assert np.abs(gaps).max() < 1.0, "names do not wander between well separated components"
    np.testing.assert_allclose(draws.weights.sum(axis=1), 1.0)
    pulls = (draws.means.mean(axis=0) - FITTED.means_) / draws.standard_errors.means
    assert np.abs(pulls).max() < 0.7


@pytest.mark.parametrize("kind", ["nonparametric", "weighted"])
def test_order_of_the_fit_does_not_matter(kind):
    order = [2, 0, 1]
    draws, others = (
        bootstrap(mixture, ROWS, kind=kind, n_draws=4, random_state=0)
        for mixture in (FITTED.mixture_, FITTED.mixture_.reordered(order))
    )
    np.testing.assert_allclose(others.means, draws.means[:, order], rtol=1e-2, atol=1e-2)


@pytest.mark.slow
def test_weights_are_repeated_rows():
    weights = np.random.default_rng(1).integers(1, 4, len(ROWS)).astype(float)
    repeated = np.repeat(ROWS, weights.astype(int), axis=0)
    for kind in KINDS:
        ours = bootstrap(FITTED, ROWS, kind=kind, n_draws=100, sample_weight=weights, random_state=0)
        theirs = bootstrap(FITTED, repeated, kind=kind, n_draws=100, random_state=1)
        ratio = ours.standard_errors.means / theirs.standard_errors.means
        assert abs(np.log(ratio)).mean() < 0.15  # each is known to 7 %
        assert abs(np.log(ratio).mean()) < 0.1


def test_draws_whose_components_come_in_another_order_are_put_in_order(monkeypatch):
    def refit_in_another_order(*arguments):
        found = refit(*arguments)
        return dataclasses.replace(found, mixture=found.mixture.reordered([2, 0, 1]))

    before = bootstrap(FITTED, ROWS, n_draws=5, random_state=0)
    monkeypatch.setattr("gaussmix.inference.bootstrapping.refit", refit_in_another_order)
    after = bootstrap(FITTED, ROWS, n_draws=5, random_state=0)
    np.testing.assert_array_equal(before.means, after.means)
    np.testing.assert_array_equal(before.covariances, after.covariances)


def test_intervals_are_quantiles_or_normal():
    draws = bootstrap(FITTED, ROWS, n_draws=50, random_state=0)
    lower, upper = draws.interval(0.8)
    np.testing.assert_allclose(lower.means, np.quantile(draws.means, 0.1, axis=0))
    np.testing.assert_allclose(upper.covariances, np.quantile(draws.covariances, 0.9, axis=0))
    lower, upper = draws.interval(0.95, "normal")
    np.testing.assert_allclose(upper.weights - lower.weights, 2 * 1.959964 * draws.weights.std(0, ddof=1), rtol=1e-6)
    np.testing.assert_allclose((upper.weights + lower.weights) / 2, FITTED.weights_)


def test_summary_names_components_features_and_failures():
    mixture = Mixture(FITTED.weights_, FITTED.means_, FITTED.mixture_.covariance, ("a", "b", "c"))
    text = bootstrap(mixture, ROWS, n_draws=5, random_state=0).summary(0.9)
    assert text.splitlines()[0] == "nonparametric bootstrap, 5 draws; percentile intervals of 90 %"
    assert len(text.splitlines()) == 2 + K * 7
    assert "variance c" in text


def test_failed_draws_are_counted():
    # the second component has four rows in the plane: without one of them it is singular
    rows = np.concatenate([np.random.default_rng(0).normal(0, 1, (60, 2)), [[9, 9], [9.1, 9], [9, 9.2], [9.3, 9.1]]])
    mixture = Mixture.from_parameters([60 / 64, 4 / 64], [[0, 0], [9.1, 9.1]], [np.eye(2), 0.01 * np.eye(2)])
    draws = bootstrap(mixture, rows, n_draws=40, random_state=0)
    assert 0 < draws.n_failed < 40
    assert len(draws.means) == 40 - draws.n_failed
    assert set(draws.failures) <= {"a component collapsed or lost its rows", "the density of a row is zero"}
    assert f"{draws.n_failed} failed and left out" in str(draws)
    assert bootstrap(mixture, rows, kind="weighted", n_draws=40, random_state=0).n_failed == 0


@parameters
def test_units_and_offsets_do_not_matter(name):
    units, offset = np.array([1e-9, 1.0, 1e9]), np.array([1e-2, 1e5, 1e14])
    moved = ROWS * units + offset
    gm = GaussianMixture(K, random_state=0).fit(moved)
    ours = getattr(bootstrap(gm, moved, n_draws=10, random_state=0).standard_errors, name)
    theirs = getattr(bootstrap(FITTED, ROWS, n_draws=10, random_state=0).standard_errors, name)
    scale = {"weights": 1.0, "means": units, "covariances": units[:, None] * units}[name]
    np.testing.assert_allclose(ours / scale, theirs, rtol=1e-2, atol=1e-3)


def test_columns_that_were_left_out_come_back():
    rows = np.column_stack([ROWS, 2 * ROWS[:, 0] + 1])
    with pytest.warns(match="linear function"):
        gm = GaussianMixture(K, random_state=0).fit(rows)
    draws = bootstrap(gm, rows, n_draws=5, random_state=0)
    np.testing.assert_allclose(draws.means[:, :, 3], 2 * draws.means[:, :, 0] + 1, rtol=1e-9)
    held_out = cross_validated_log_likelihood(gm, rows, n_folds=5)
    assert abs(held_out.mean - gm.score(rows)) < 0.2


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"kind": "subsample"}, ValueError, "kind must be one of"),
        ({"kind": "jackknife"}, ValueError, "n_draws must be None for a jackknife"),
        ({"n_draws": 1}, ValueError, "n_draws must be a whole number, at least 2"),
        ({"n_jobs": "all"}, ValueError, "n_jobs must be a number of threads"),
        ({"n_jobs": 0}, ValueError, "n_jobs must be a number of threads"),
        ({"progress": "yes"}, ValueError, "progress must be True or False"),
        ({"sample_weight": 1e200}, ValueError, "so many cannot be drawn"),
        ({"n_draws": 2.5}, ValueError, "n_draws must be a whole number"),
        ({"random_state": -1}, ValueError, "random_state must be from 0 to"),
        ({"sample_weight": np.full(len(ROWS), 1e-9)}, ValueError, "weights count rows"),
        ({"sample_weight": [1.0]}, ValueError, "sample_weight"),
        ({"X": ROWS[:, :2]}, ValueError, r"shape \(n, 3\)"),
        ({"model": 3}, TypeError, "model must be a fitted GaussianMixture or a Mixture; got int"),
    ],
)
def test_what_is_wrong_is_named(change, error, message):
    arguments = {"model": FITTED, "X": ROWS, "n_draws": 2} | change
    with pytest.raises(error, match=message):
        bootstrap(arguments.pop("model"), arguments.pop("X"), **arguments)


def test_nothing_is_modified_and_progress_is_on_stderr(capsys):
    before = ROWS.copy()
    bootstrap(FITTED, ROWS, n_draws=2, progress=True, random_state=np.random.default_rng(0))
    np.testing.assert_array_equal(ROWS, before)
    assert capsys.readouterr().out == ""


def test_levels_and_methods_of_intervals_are_checked():
    draws = bootstrap(ONE, NORMAL, n_draws=3, random_state=0)
    with pytest.raises(ValueError, match="level must be between 0 and 1; got 95"):
        draws.interval(95)
    with pytest.raises(ValueError, match='method must be "percentile" or "normal"'):
        draws.interval(method="basic")


@pytest.mark.parametrize("kind", ["nonparametric", "parametric", "weighted"])
def test_the_weight_of_noise_varies_as_its_standard_error(kind):
    rows, _ = noisy_clusters(0, n=300)
    gm = GaussianMixture(3, noise="uniform", random_state=0).fit(rows)
    draws = bootstrap(gm, rows, kind=kind, n_draws=60, random_state=0)
    assert draws.noise_weights.shape == (60,)
    assert draws.standard_errors.noise_weight == pytest.approx(standard_errors(gm, rows).noise_weight, rel=0.4)
    lower, upper = draws.interval()
    assert lower.noise_weight < draws.estimates.noise_weight < upper.noise_weight
    assert "noise" in str(draws)


def test_noise_is_held_out_and_refused_where_it_is_not_defined():
    rows, _ = noisy_clusters(0, n=200)
    gm = GaussianMixture(3, noise="uniform", random_state=0).fit(rows)
    assert cross_validated_log_likelihood(gm, rows, n_folds=4).mean == pytest.approx(gm.score(rows), abs=0.2)
    for refused in (lambda: stability(gm, rows, n_draws=2), lambda: likelihood_ratio_test(rows, gm)):
        with pytest.raises(ValueError, match="without_noise"):
            refused()
