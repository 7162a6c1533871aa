"""`GaussianMixture`: what it promises beside scikit-learn's contract (test_sklearn_contract.py)."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.datasets import COVARIANCE_TYPES, TABLES, blobs, read_only
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from gaussmix import DegenerateComponentWarning, GaussianMixture, GaussianMixtureIC, Mixture
from gaussmix.fitting.em import Progress
from gaussmix.fitting.initialization import Membership
from gaussmix.fitting.kmeans import k_means

ROWS, K = TABLES["blobs"]
ONE_START = {"init_params": "kmeans", "acceleration": "none", "tol": 1e-3, "reg_covar": 1e-6, "max_iter": 100}


@pytest.fixture(scope="module")
def fitted():
    return GaussianMixture(K, random_state=0).fit(ROWS)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_lower_bound_is_the_score_of_the_returned_parameters(covariance_type, weighted):
    weights = np.random.default_rng(0).random(len(ROWS)) if weighted else None
    gm = GaussianMixture(K, covariance_type=covariance_type, random_state=0).fit(ROWS, sample_weight=weights)
    assert gm.lower_bound_ == pytest.approx(gm.score(ROWS, sample_weight=weights), rel=1e-14)
    assert gm.lower_bound_ == pytest.approx(np.average(gm.score_samples(ROWS), weights=weights), rel=1e-13)
    assert gm.lower_bounds_[-1] == gm.lower_bound_
    assert len(gm.lower_bounds_) == gm.n_iter_


def test_attributes_are_those_of_the_mixture(fitted):
    assert isinstance(fitted.mixture_, Mixture)
    assert fitted.weights_ is fitted.mixture_.weights
    for line in range(K):
        np.testing.assert_allclose(fitted.precisions_[line] @ fitted.covariances_[line], np.eye(3), atol=1e-12)
        factor = fitted.precisions_cholesky_[line]
        np.testing.assert_allclose(factor @ factor.T, fitted.precisions_[line], rtol=1e-12)
    np.testing.assert_array_equal(fitted.mixture_.labels(ROWS), fitted.predict(ROWS))
    with pytest.raises(AttributeError):
        fitted.means_ = np.zeros((K, 3))


def test_methods_need_a_fit():
    for call in ("predict", "predict_proba", "score_samples", "score", "transform", "bic", "aic"):
        with pytest.raises(NotFittedError, match="Call 'fit'"):
            getattr(GaussianMixture(), call)(ROWS)
    with pytest.raises(NotFittedError):
        GaussianMixture().sample()
    assert not hasattr(GaussianMixture(), "means_")


def test_stop_reason_is_a_sentence(fitted):
    assert fitted.converged_
    assert fitted.stop_reason_.startswith(f"Converged after {fitted.n_iter_} iterations")
    short = GaussianMixture(K, random_state=0, **(ONE_START | {"max_iter": 1}))
    with pytest.warns(ConvergenceWarning, match="did not converge.*max_iter after 1 iter"):
        short.fit(ROWS)
    assert not short.converged_
    assert short.stop_reason_.startswith("Stopped by max_iter after 1 iter")


def test_the_best_of_several_starts_is_kept():
    rows, k = TABLES["overlapping"]
    seen = {}

    def note(progress):
        seen[progress.start] = progress.log_likelihood

    gm = GaussianMixture(k, n_init=6, init_params="random_from_data", random_state=1, callback=note, max_iter=1000).fit(
        rows
    )
    assert len(seen) == 6
    assert len(set(seen.values())) > 1, "the starts must differ although the seed is given"
    assert gm.lower_bound_ == max(seen.values())


def test_callback_sees_every_pass():
    seen = []
    gm = GaussianMixture(K, random_state=0, callback=seen.append, init_params="kmeans").fit(ROWS)
    assert all(isinstance(progress, Progress) for progress in seen)
    assert [progress.n_iter for progress in seen] == list(range(gm.n_iter_ + 1))
    assert [progress.log_likelihood for progress in seen[1:]] == gm.lower_bounds_


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.Philox, np.random.SFC64])
def test_random_state_may_have_any_bit_generator(bits):
    once, again = (GaussianMixture(K, random_state=np.random.RandomState(bits(3))).fit(ROWS) for _ in range(2))
    np.testing.assert_array_equal(once.means_, again.means_)


@pytest.mark.parametrize("method", ["kmeans", "k-means++", "random", "random_from_data"])
def test_every_start_is_repeatable_and_uses_the_weights(method):
    keep = ROWS[:, 0] > np.median(ROWS[:, 0])
    settings = {"n_components": 2, "init_params": method, "random_state": 5, "max_iter": 0}
    once, again = (GaussianMixture(**settings).fit(ROWS, sample_weight=keep.astype(float)) for _ in range(2))
    np.testing.assert_array_equal(once.means_, again.means_)
    assert (once.means_[:, 0] > np.median(ROWS[:, 0])).all(), "rows of weight zero took part in the start"


def test_start_from_labels_is_the_m_step_at_those_labels():
    labels = np.arange(len(ROWS)) % 2
    gm = GaussianMixture(2, init_params=labels, max_iter=0, reg_covar=0).fit(ROWS)
    for k in (0, 1):
        part = ROWS[labels == k]
        np.testing.assert_allclose(gm.means_[k], part.mean(axis=0), rtol=1e-13)
        np.testing.assert_allclose(gm.covariances_[k], np.cov(part.T, bias=True), rtol=1e-12)
    soft = GaussianMixture(2, init_params=np.eye(2)[labels] * 3, max_iter=0, reg_covar=0).fit(ROWS)
    np.testing.assert_allclose(soft.covariances_, gm.covariances_, rtol=1e-12)


def test_given_parameters_take_the_place_of_drawn_ones():
    means = ROWS[:K] + 0.5
    gm = GaussianMixture(K, means_init=means, random_state=0, max_iter=0).fit(ROWS)
    drawn = GaussianMixture(K, random_state=0, max_iter=0, init_params="kmeans").fit(ROWS)
    np.testing.assert_array_equal(gm.means_, means)
    np.testing.assert_array_equal(gm.weights_, drawn.weights_)
    np.testing.assert_array_equal(gm.covariances_, drawn.covariances_)


def test_large_data_start_from_a_bounded_sample(monkeypatch):
    monkeypatch.setattr("gaussmix.fitting.initialization.START_ROWS", 200)
    sizes = []
    monkeypatch.setattr(
        "gaussmix.fitting.initialization.k_means",
        lambda rows, *rest, **options: (sizes.append(rows.n_rows), k_means(rows, *rest, **options))[1],
    )
    gm = GaussianMixture(K, random_state=0, init_params="kmeans").fit(ROWS)
    assert sizes == [200]
    assert gm.lower_bound_ == pytest.approx(GaussianMixture(K, random_state=0).fit(ROWS).lower_bound_, abs=1e-6)


def test_a_start_that_is_given_is_run_once():
    starts = set()
    for given in ({"init_params": np.arange(len(ROWS)) % K}, {"init_params": "kmeans"}):
        gm = GaussianMixture(K, **({"n_init": 4} | given), random_state=0, callback=lambda p: starts.add(p.start))
        gm.fit(ROWS)
        assert starts == ({0, 1, 2, 3} if isinstance(given["init_params"], str) else {0})


def test_stopping_at_the_top_is_told_as_such():
    with pytest.warns(ConvergenceWarning):
        gm = GaussianMixture(1, **(ONE_START | {"max_iter": 1})).fit(ROWS)
    assert "one before convergence" in gm.stop_reason_


def test_warnings_point_to_the_caller():
    for call in ("fit", "fit_predict"):
        with pytest.warns(ConvergenceWarning) as caught:
            getattr(GaussianMixture(K, max_iter=1, random_state=0), call)(ROWS)
        assert caught[0].filename == __file__, call


def test_computed_attributes_refuse_to_be_written_to(fitted):
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(fitted, name)[0] = 7.0


def test_random_rows_are_drawn_with_their_weights():
    heavy = np.arange(len(ROWS)) < 10
    weights = np.where(heavy, 1e9, 1e-3)
    for seed in range(20):
        gm = GaussianMixture(2, init_params="random_from_data", random_state=seed, max_iter=0, reg_covar=1e-6)
        gm.fit(ROWS, sample_weight=weights)
        assert (gm.weights_ > 0.01).all(), "a seed was drawn among rows of almost no weight"


@pytest.mark.parametrize("method", ["k-means++", "random_from_data"])
def test_repeated_rows_do_not_empty_a_component(method):
    rows = np.r_[np.zeros((300, 2)), np.random.default_rng(0).standard_normal((50, 2))]
    for seed in range(10):
        gm = GaussianMixture(3, init_params=method, random_state=seed, max_iter=0, reg_covar=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DegenerateComponentWarning)
            gm.fit(rows)
        assert (gm.weights_ > 0).all()


@pytest.mark.parametrize(("scale", "dtype"), [(1e20, "f4"), (1e-25, "f4"), (1e140, "f8"), (1e-140, "f8")])
@pytest.mark.parametrize("method", ["kmeans", "k-means++"])
def test_starts_do_not_depend_on_units(scale, dtype, method):
    settings = {"n_components": K, "init_params": method, "random_state": 0, "max_iter": 0, "reg_covar": 0}
    rows = ROWS.astype(dtype)
    plain, scaled = (GaussianMixture(**settings).fit(table) for table in (rows, rows * rows.dtype.type(scale)))
    np.testing.assert_allclose(scaled.weights_, plain.weights_, rtol=1e-6)
    np.testing.assert_allclose(scaled.means_ / scale, plain.means_, rtol=1e-4)


def test_score_of_a_row_infinitely_far_away_is_minus_infinity():
    gm = GaussianMixture(1, reg_covar=0).fit(ROWS * 1e-9)
    far = np.full((1, 3), 1e149)
    assert gm.score(far) == -np.inf
    assert gm.bic(far) == np.inf
    np.testing.assert_array_equal(gm.predict_proba(far), 1.0)  # that of the only component


@pytest.mark.parametrize("make", [lambda: GaussianMixture(2), lambda: GaussianMixtureIC([1, 2])])
def test_columns_of_a_table_are_named_when_they_cannot_be_used(make):
    table = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"column 'city' of X does not hold numbers \(.*'Bern'.*select"):
        make().fit(table.assign(city="Bern"))
    table.loc[3, "b"] = np.inf
    with pytest.raises(ValueError, match=r"infinity at row 3, column 1 \('b'\): leave such rows out"):
        make().fit(table)


def test_a_failed_refit_keeps_the_old_model(fitted):
    gm = GaussianMixture(K, random_state=0).fit(ROWS)
    before = gm.mixture_
    with pytest.raises(ValueError, match="infinity at row 3, column 1"):
        gm.fit(np.where(np.arange(len(ROWS) * 3).reshape(-1, 3) == 10, np.inf, ROWS))
    with pytest.raises(ValueError, match="Expected n_samples"):
        gm.fit(ROWS[:2, :2])
    assert gm.mixture_ is before
    assert gm.n_features_in_ == 3
    assert len(gm.predict(ROWS)) == len(ROWS)

    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gm.set_params(callback=stop).fit(ROWS[:, :2])
    assert gm.mixture_ is before
    assert gm.n_features_in_ == 3


def test_verbose_prints_the_starts_and_iterations(capsys):
    GaussianMixture(K, random_state=0, verbose=2, verbose_interval=1, n_init=2, **ONE_START).fit(ROWS)
    printed = capsys.readouterr().out
    assert printed.count("Initialization converged.") == 2
    assert "Iteration 1" in printed
    assert "gain" in printed


@pytest.mark.parametrize("options", [{}, {"covariance_type": "diag"}, {"n_init": 3}, {"max_iter": 12}])
def test_verbose_numbers_starts_one_by_one_and_shows_positive_gains(options, capsys):
    rows = TABLES["overlapping"][0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        GaussianMixture(3, random_state=0, verbose=2, verbose_interval=1, **options).fit(rows)
    lines = capsys.readouterr().out.splitlines()
    starts = [int(line.split()[1]) for line in lines if line.startswith("Initialization")]
    assert starts == list(range(len(starts)))
    gains = [float(line.split("gain ")[1]) for line in lines if "gain" in line]
    assert gains
    assert all(0 < gain < np.inf for gain in gains)
    last = None
    for line in lines:
        number = int(line.split()[1]) if line.startswith("  Iteration") else None
        assert number is None or last is None or number == last + 1  # a continued run says so
        last = number


@pytest.mark.parametrize("transform", ["default", "pandas"])
@pytest.mark.parametrize(
    "estimator", [GaussianMixture(2, random_state=0), GaussianMixtureIC([2], covariance_types="full", random_state=0)]
)
def test_labels_are_arrays_with_any_output_of_transform(estimator, transform):
    table = pd.DataFrame(ROWS, columns=list("abc"), index=np.arange(len(ROWS)) + 7)
    fitted = clone(estimator).set_output(transform=transform)
    labels = fitted.fit_predict(table)
    assert type(labels) is type(fitted.predict(table)) is np.ndarray
    np.testing.assert_array_equal(labels, fitted.predict(table))
    assert isinstance(fitted.transform(table), pd.DataFrame if transform == "pandas" else np.ndarray)


def test_bic_and_aic_follow_their_definitions(fitted):
    total = fitted.score_samples(ROWS).sum()
    p = 2 + 3 * 3 + 3 * 6
    assert fitted.bic(ROWS) == pytest.approx(-2 * total + p * np.log(len(ROWS)), rel=1e-13)
    assert fitted.aic(ROWS) == pytest.approx(-2 * total + 2 * p, rel=1e-13)
    twice = np.full(len(ROWS), 2.0)
    assert fitted.bic(ROWS, sample_weight=twice) == pytest.approx(fitted.bic(np.repeat(ROWS, 2, axis=0)), rel=1e-13)


def test_sample_uses_the_estimators_seed_or_its_own(fitted):
    np.testing.assert_array_equal(fitted.sample(5)[0], fitted.sample(5)[0])
    assert (fitted.sample(5, random_state=1)[0] != fitted.sample(5, random_state=2)[0]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_components": 0}, "n_components must be a whole number, at least 1; got 0"),
        ({"n_components": 2.0}, "n_components must be a whole number"),
        ({"n_components": True}, "n_components must be a whole number"),
        ({"max_iter": -1}, "max_iter"),
        ({"n_init": 0}, "n_init"),
        ({"verbose_interval": 0}, "verbose_interval"),
        ({"tol": -1.0}, "tol must be a finite number, at least 0"),
        ({"tol": "small"}, "tol must be a finite number"),
        ({"reg_covar": np.nan}, "reg_covar"),
        ({"covariance_type": "round"}, "covariance_type must be one of"),
        ({"init_params": "guess"}, "init_params must be one of"),
        ({"init_params": [0, 1, 2]}, r"got an array of shape \(3,\)"),
        ({"init_params": np.full(600, 7)}, "labels in init_params must be whole numbers from 0 to 0"),
        ({"init_params": np.full((600, 1), -1.0)}, "responsibilities in init_params must be nonnegative"),
        ({"init_params": np.full((600, 1), "a")}, "responsibilities in init_params must be numbers"),
        ({"init_params": ["setosa"] * 600}, "row 0 has setosa. For names, pass numpy.unique"),
        (
            {"init_params": np.array([0, None] * 300)},
            "0 to 0, one for every row; row 1 has None. For names",
        ),
        ({"init_params": np.where(np.arange(600) == 4, -1, 0)}, "row 4 has -1; .* unknown .* pass responsibilities"),
        ({"init_params": np.where(np.arange(600) == 4, np.nan, 0)}, "row 4 has nan"),
        ({"init_params": np.where(np.arange(600) == 4, 0.5, 0)}, "row 4 has 0.5"),
        ({"verbose": "a"}, "verbose must be a whole number, at least 0, or a truth value; got 'a'"),
        ({"verbose": -1}, "verbose must be"),
        ({"verbose": None}, "verbose must be"),
        ({"verbose": 0.5}, "verbose must be"),
        ({"warm_start": "no"}, "warm_start must be True or False; got 'no'"),
        ({"callback": 3}, "callback must be callable"),
        ({"means_init": [[np.nan, 0, 0]]}, "means_init must be finite"),
        ({"means_init": [[0, 0]]}, "'means' should have the shape of"),
        ({"weights_init": [0.5]}, "normalized"),
        ({"precisions_init": np.ones((1, 2, 2))}, "'full precision' should have the shape of"),
        ({"precisions_init": -np.ones((1, 3, 3))}, "'full precision' should be symmetric, positive-definite"),
        ({"random_state": "seed"}, "seed"),
    ],
)
def test_parameters_are_checked_at_fit(change, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(**change).fit(ROWS)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.r_[-1.0, np.ones(599)], "row 0 has -1.0"),
        (np.r_[1.0, np.nan, np.ones(598)], "row 1 has nan"),
        (np.ones(5), r"expected \(600,\)"),
        (np.ones((600, 2)), "1D array"),
        (np.zeros(600), "zero for every row"),
        (["a"] * 600, "sample_weight must be numbers"),
        (np.full(600, 1e307), "the sum inf.*divide the weights by their mean"),
        (np.full(600, 1e302), "the sum 6e\\+304"),
        (np.full(600, 1 + 1j), "sample_weight must be numbers: got complex128"),
        (np.ma.masked_equal(np.arange(600), 5), "sample_weight is masked at row 5"),
    ],
)
def test_sample_weight_is_checked(weights, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture().fit(ROWS, sample_weight=weights)


def test_too_few_rows_of_positive_weight_are_told():
    with pytest.raises(ValueError, match="sample_weight leaves 1 rows for n_components = 2"):
        GaussianMixture(2).fit(ROWS, sample_weight=(np.arange(len(ROWS)) == 3).astype(float))


@pytest.mark.parametrize("dtype", ["float32", "uint8", "uint16", "int32"])
def test_types_other_than_float64_are_taken(dtype):
    rows = read_only((np.clip(20 * ROWS + 120, 0, 250)).astype(dtype))
    gm = GaussianMixture(K, random_state=0).fit(rows)
    plain = GaussianMixture(K, random_state=0).fit(rows.astype(float))
    np.testing.assert_allclose(gm.means_, plain.means_, rtol=1e-5)
    np.testing.assert_array_equal(gm.predict(rows), gm.predict(rows.astype(float)))


def test_float32_stays_within_1e_5_of_float64():
    start = GaussianMixture(K, random_state=0, max_iter=0).fit(ROWS)
    settings = {"weights_init": start.weights_, "means_init": start.means_, "precisions_init": start.precisions_}
    single = GaussianMixture(K, **settings).fit(ROWS.astype(np.float32))
    double = GaussianMixture(K, **settings).fit(ROWS)
    for name in ("weights_", "means_", "covariances_", "lower_bound_"):
        np.testing.assert_allclose(getattr(single, name), getattr(double, name), rtol=1e-5, atol=1e-5)


def test_fit_leaves_its_input_alone():
    rows = blobs().copy()
    weights, before = np.ones(len(rows)), rows.copy()
    GaussianMixture(K, random_state=0).fit(rows, sample_weight=weights).predict(rows)
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(weights, 1.0)


def quarter_of_zeros(seed, n_bands):
    """Bands of a picture with a mask, of which a quarter is not covered."""
    rng = np.random.default_rng(seed)
    band = np.where(rng.random(2000) < 0.3, 170, 60) + rng.normal(0, 15, 2000)
    bands = [band * (1 + 0.1 * at) + rng.normal(0, 5, 2000) for at in range(n_bands)]
    rows = np.stack([*bands, np.ones(2000)], axis=1).round().clip(0)
    rows[:500] = 0
    return rows


@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
@pytest.mark.parametrize("init_params", ["auto", "kmeans", "random_from_data"])
@pytest.mark.parametrize("n_bands", [1, 2, 5, 8])
def test_a_fit_that_loses_a_component_does_not_win(n_bands, init_params):
    for seed in range(3):
        rows = quarter_of_zeros(seed, n_bands)
        gm = GaussianMixture(2, init_params=init_params, random_state=seed).fit(rows)
        assert gm.weights_.min() > 0.2


@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
@pytest.mark.parametrize("n_values", [2, 3, 4])
def test_as_many_components_as_values_keep_their_rows(n_values):
    for seed in range(4):
        values = np.random.default_rng(seed).integers(0, n_values, (200, 1)).astype(float)
        gm = GaussianMixture(n_values, order_by=0, random_state=seed).fit(values)
        np.testing.assert_allclose(gm.weights_, np.bincount(values[:, 0].astype(int)) / 200, atol=1e-6)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_drawn_starts_that_lose_a_component_are_followed_by_others(monkeypatch):
    rows = np.concatenate([np.random.default_rng(0).normal(size=(100, 2)) + 9 * at for at in range(3)])

    def draw_nobody(engine, n_components, method, rng):
        sample = engine.sample_rows(1000, rng)
        return Membership(sample, n_components, labels=np.zeros(sample.n_rows, dtype=np.int64))

    monkeypatch.setattr("gaussmix.estimators.drawn_start.draw_membership", draw_nobody)
    gm = GaussianMixture(3, init_params="kmeans", random_state=0).fit(rows)
    assert len(gm.start_log_likelihoods_) == 3
    np.testing.assert_allclose(gm.weights_, 1 / 3, atol=1e-6)
    given = GaussianMixture(3, init_params=np.zeros(300, dtype=int)).fit(rows)
    assert len(given.start_log_likelihoods_) == 1


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random_from_data"])
def test_time_budget_is_checked_once_per_start(init_params):
    rows = np.concatenate([np.random.default_rng(0).normal(size=(150, 2)) + 7 * at for at in range(2)])
    for budget in (0.0, 0.02):
        gm = GaussianMixture(2, init_params=init_params, n_init=10**9, time_budget=budget, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gm.fit(rows)
        assert len(gm.start_log_likelihoods_) < 10_000


def test_rows_without_a_density_belong_to_the_nearest_component():
    rows = np.concatenate([np.random.default_rng(0).normal(size=(150, 2)) + 7 * at for at in range(2)]) * 1e-30
    gm = GaussianMixture(2, order_by=0, random_state=0).fit(rows)
    far = np.array([[1e125, 1e124], [-1e125, -1e125], [0.0, 0.0], [1e140, 1e140]])
    shares = gm.predict_proba(far)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(shares.argmax(axis=1), gm.predict(far))
    np.testing.assert_array_equal(gm.score_samples(far)[[0, 1, 3]], -np.inf)
