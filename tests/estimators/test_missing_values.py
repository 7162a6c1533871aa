"""Fits of rows with missing values: the likelihood of what is observed, published optima, invariances, messages."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.incomplete_rows import with_holes
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gaussmix import BayesianGaussianMixture, GaussianMixture, GaussianMixtureIC, describe, merge_components
from gaussmix.core.covariance import MODELS
from gaussmix.core.engines import engine_for
from gaussmix.core.errors import DegenerateComponentWarning, DegenerateDataWarning
from gaussmix.core.rows import WeightedRows
from gaussmix.datasets import load_old_faithful

NAN = np.nan
CEMENT = np.array(
    [
        [7, 26, 6, 60, 78.5],
        [1, 29, 15, 52, 74.3],
        [11, 56, 8, 20, 104.3],
        [11, 31, 8, 47, 87.6],
        [7, 52, 6, 33, 95.9],
        [11, 55, 9, 22, 109.2],
        [3, 71, 17, NAN, 102.7],
        [1, 31, 22, NAN, 72.5],
        [2, 54, 18, NAN, 93.1],
        [NAN, NAN, 4, NAN, 115.9],
        [NAN, NAN, 23, NAN, 83.8],
        [NAN, NAN, 9, NAN, 113.3],
        [NAN, NAN, 8, NAN, 109.4],
    ]
)
IRIS, SPECIES = load_iris(return_X_y=True)
ROW, COLUMN = np.indices(IRIS.shape)
IRIS_WITH_HOLES = np.where((7 * ROW + 5 * COLUMN) % 13 < 2, NAN, IRIS)
GEYSER = np.array(load_old_faithful()[0], dtype=float)
GEYSER[1::5, 0] = NAN
GEYSER[3::7, 1] = NAN
ROWS = with_holes(IRIS, 0.25, np.random.default_rng(0))


def log_likelihood(fitted, rows):
    return engine_for(WeightedRows(rows)).accumulate(fitted.mixture_.whitened()).log_likelihood


# optima of other programs


def test_one_normal_distribution_has_the_published_optimum():
    """Little and Rubin, Statistical Analysis with Missing Data (1987), section 6.5, and R's norm and mvnmle."""
    fitted = GaussianMixture().fit(CEMENT)
    assert log_likelihood(fitted, CEMENT) == pytest.approx(-132.92525045, abs=1e-5)
    assert_allclose(fitted.means_[0], [6.6551658, 49.9652591, 11.7692308, 27.0470974, 95.4230769], atol=2e-5)
    covariance = fitted.covariances_[0]
    assert_allclose(covariance.diagonal(), [21.825568, 238.012439, 37.869822, 294.1829, 208.904852], rtol=2e-5)
    assert_allclose([covariance[0, 1], covariance[1, 3], covariance[3, 4]], [20.86433, -252.0723, -190.5985], rtol=2e-5)
    assert fitted.fit_result_.fit.n_passes <= 60


@pytest.mark.parametrize(("rows", "k", "optimum"), [(IRIS_WITH_HOLES, 3, -191.249517), (GEYSER, 2, -987.466334)])
@pytest.mark.parametrize("seed", [0, 1])
def test_default_fits_have_the_optimum_of_other_programs(rows, k, optimum, seed):
    """R's MGMM and PyPI's tgmm, started from the class means."""
    fitted = GaussianMixture(k, random_state=seed).fit(rows)
    assert log_likelihood(fitted, rows) == pytest.approx(optimum, abs=1e-5)


# the likelihood


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_likelihood_of_what_is_observed_never_falls(model):
    for seed, k in ((0, 2), (1, 3), (2, 4)):
        rows = with_holes(IRIS, 0.15 + 0.1 * seed, np.random.default_rng(seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gm = GaussianMixture(
                k, covariance_type=model, random_state=seed, init_params="random", acceleration="none", reg_covar=0
            )
            gm.set_params(max_iter=40, tol=0).fit(rows)
        values = gm.history_["log_likelihood"]
        assert (np.diff(values) > -1e-9).all()
        used = rows[~np.isnan(rows).all(axis=1)]
        assert values[-1] * len(used) == pytest.approx(log_likelihood(gm, used), abs=1e-8)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_evidence_lower_bound_never_falls(kind):
    gm = BayesianGaussianMixture(n_components=4, covariance_type=kind, random_state=0, init_params="kmeans").fit(ROWS)
    assert (np.diff(gm.lower_bounds_) > -1e-7).all()


@pytest.mark.parametrize("kind", ["full", "diag", "VEE"])
def test_rows_without_values_do_not_move_a_fit(kind):
    empty = np.insert(ROWS, [0, 70, 150], NAN, axis=0)
    one, other = (GaussianMixture(3, covariance_type=kind, random_state=0).fit(rows) for rows in (ROWS, empty))
    assert_array_equal(one.means_, other.means_)
    assert one.lower_bound_ == other.lower_bound_
    assert other.bic(empty) == other.bic(ROWS)
    assert other.score(empty) == pytest.approx(other.lower_bound_)
    assert_allclose(other.predict_proba(empty)[0], other.weights_)
    assert other.score_samples(empty)[0] == pytest.approx(0)
    labels = np.insert(SPECIES, [0, 70, 150], 0)
    started = GaussianMixture(3, covariance_type=kind, init_params=labels).fit(empty)
    assert started.lower_bound_ == pytest.approx(
        GaussianMixture(3, covariance_type=kind, init_params=SPECIES).fit(ROWS).lower_bound_, abs=1e-6
    )


@pytest.mark.parametrize("model", ["full", "EII", "VVI", "EVE"])
def test_weights_count_rows_with_holes(model):
    counts = np.random.default_rng(1).integers(0, 4, len(ROWS))
    weighted = GaussianMixture(2, covariance_type=model, random_state=0).fit(ROWS, sample_weight=counts)
    repeated = GaussianMixture(2, covariance_type=model, random_state=0).fit(np.repeat(ROWS, counts, axis=0))
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, abs=1e-8)
    assert_allclose(weighted.means_, repeated.means_, atol=1e-4)


@pytest.mark.parametrize("model", ["full", "tied", "EEI", "VEV"])
def test_order_of_rows_does_not_matter(model):
    order = np.random.default_rng(2).permutation(len(ROWS))
    one, other = (GaussianMixture(2, covariance_type=model, random_state=0).fit(rows) for rows in (ROWS, ROWS[order]))
    assert one.lower_bound_ == pytest.approx(other.lower_bound_, abs=1e-8)
    assert_allclose(one.means_, other.means_, atol=1e-4)
    assert_array_equal(one.predict(ROWS), other.predict(ROWS))


def test_a_column_that_is_complete_where_another_is_missing_keeps_its_information():
    """The missing third column depends on the others, so that dropping rows is biased and the fit is not."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(2000, 3))
    rows[:, 2] += 2 * rows[:, 0]
    holes = rows.copy()
    holes[rows[:, 0] > 0, 2] = NAN
    fitted = GaussianMixture().fit(holes)
    assert_allclose(fitted.means_[0], rows.mean(axis=0), atol=0.1)
    assert np.nanmean(holes[:, 2]) < -1


# estimators, tables and options


@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data", SPECIES, np.eye(3)[SPECIES]])
def test_starts_of_scikit_learn_take_missing_values(init):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = GaussianMixture(3, init_params=init, random_state=0).fit(IRIS_WITH_HOLES)
    assert np.isfinite(fitted.lower_bound_)
    given = GaussianMixture(3, means_init=fitted.means_, random_state=0).fit(IRIS_WITH_HOLES)
    assert given.lower_bound_ > -1.6


@pytest.mark.parametrize("take", ["pandas", "nullable", "polars", "masked", "float32"])
def test_missing_values_of_tables_are_missing_values(take):
    names = ["a", "b", "c", "d"]
    match take:
        case "pandas":
            table = pd.DataFrame(ROWS, columns=names)
        case "nullable":
            table = pd.DataFrame(ROWS, columns=names).convert_dtypes()
        case "polars":
            polars = pytest.importorskip("polars")
            table = polars.DataFrame(ROWS, schema=names).fill_nan(None)
        case "masked":
            table = np.ma.masked_invalid(ROWS)
        case _:
            table = ROWS.astype(np.float32)
    fitted, plain = (GaussianMixture(2, random_state=0).fit(rows) for rows in (table, ROWS))
    assert fitted.lower_bound_ == pytest.approx(plain.lower_bound_, abs=1e-6 if take == "float32" else 1e-12)
    assert_array_equal(fitted.predict(table), plain.predict(ROWS))
    assert_allclose(fitted.mixture_.log_density(table), plain.score_samples(ROWS), rtol=1e-3)


@pytest.mark.parametrize("criterion", ["bic", "icl", "cv"])
def test_searches_over_models_take_missing_values(criterion):
    search = GaussianMixtureIC([1, 2, 3], covariance_types=["EEE", "VVV", "VEV"], criterion=criterion, random_state=0)
    search.fit(IRIS_WITH_HOLES)
    assert search.best_n_components_ > 1
    best = search.best_estimator_
    assert best.lower_bound_ == pytest.approx(best.score(IRIS_WITH_HOLES), abs=1e-9)
    alone = GaussianMixture(best.n_components, covariance_type=best.covariance_type, random_state=0)
    assert best.lower_bound_ >= alone.fit(IRIS_WITH_HOLES).lower_bound_ - 1e-4
    values = search.results_.value
    assert np.isfinite(values).all()
    search.extend(IRIS_WITH_HOLES, 4)
    assert search.predict(IRIS_WITH_HOLES).shape == (150,)


def test_pipelines_and_responsibilities_take_missing_values():
    pipe = make_pipeline(StandardScaler(), GaussianMixture(3, random_state=0)).fit(IRIS_WITH_HOLES)
    shares = pipe.transform(IRIS_WITH_HOLES)
    assert_allclose(shares.sum(axis=1), 1)
    gm = GaussianMixture(3, random_state=0)
    assert_array_equal(gm.fit_predict(IRIS_WITH_HOLES), gm.predict(IRIS_WITH_HOLES))
    again = GaussianMixture(3, random_state=0, warm_start=True)
    assert again.fit(IRIS_WITH_HOLES).fit(IRIS_WITH_HOLES).n_iter_ <= 10


# messages


@pytest.mark.parametrize("make", [GaussianMixture, BayesianGaussianMixture, lambda: GaussianMixtureIC([1])])
def test_columns_without_values_are_named(make):
    rows = ROWS.copy()
    rows[:, 2] = NAN
    with pytest.raises(ValueError, match="X has no value in column 2: leave the column out"):
        make().fit(rows)
    with pytest.raises(ValueError, match=r"X has no value in column 2 \('c'\)"):
        make().fit(pd.DataFrame(rows, columns=list("abcd")))
    rows[:5, 2] = 1.0
    with pytest.raises(ValueError, match="X has no value in column 2"):
        make().fit(rows, sample_weight=np.arange(150) >= 5)


def test_components_that_hardly_see_a_column_are_named():
    rng = np.random.default_rng(0)
    rows = np.r_[rng.normal(size=(60, 3)), rng.normal(size=(60, 3)) + 8]
    rows[:58, 2] = NAN
    with pytest.warns(DegenerateComponentWarning, match="Component . may be unreliable: fewer than 3 observed values"):
        GaussianMixture(2, covariance_type="diag", random_state=0).fit(rows)


def test_constant_and_dependent_columns_are_found_by_what_is_observed():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 3)) + 4 * (np.arange(300) < 150)[:, None]
    table = np.c_[rows, rows[:, 0] + 2 * rows[:, 1], np.ones(300)]
    holes = with_holes(table, 0.15, rng)
    with pytest.warns(DegenerateDataWarning, match="x3 is a linear function of x0 and x1; x4 is constant"):
        fitted = GaussianMixture(2, random_state=0).fit(holes)
    filled = holes[:, :3].copy()  # the sum tells a term where only one is missing
    for column, other, factor in ((0, 1, 2.0), (1, 0, 1.0)):
        value = (holes[:, 3] - factor * holes[:, other]) / (1.0 if column == 0 else 2.0)
        filled[:, column] = np.where(np.isnan(filled[:, column]), value, filled[:, column])
    kept = GaussianMixture(2, random_state=0).fit(filled)
    assert_allclose(fitted.means_[:, :3], kept.means_, atol=1e-5)
    assert fitted.lower_bound_ == pytest.approx(fitted.score(holes))


def test_a_relation_that_fails_where_rows_are_incomplete_is_none():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(200, 3))
    rows[:100, 1] = 2 * rows[:100, 0]
    rows[100:, 2] = NAN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = GaussianMixture(2, random_state=0).fit(rows)
    assert fitted.fit_result_.columns is None


@pytest.mark.parametrize("method", ["score", "bic", "aic", "icl"])
@pytest.mark.parametrize(
    ("rows", "weights", "noise"),
    [
        (np.full((3, 4), NAN), None, None),
        (np.full((1, 4), NAN), [2.0], None),
        (np.vstack([np.full((2, 4), NAN), IRIS[:1]]), [1.0, 1.0, 0.0], None),
        (IRIS[:5], None, np.full(4, np.inf)),
    ],
)
def test_scores_need_a_value(method, rows, weights, noise):
    fitted = GaussianMixture(1, random_state=0).fit(ROWS)
    with pytest.raises(ValueError, match="X has no value in rows of positive weight: there is nothing to score"):
        getattr(fitted, method)(rows, sample_weight=weights, noise_covariance=noise)


def test_descriptions_and_merges_leave_out_rows_without_any_value():
    fitted = GaussianMixture(3, random_state=0).fit(IRIS_WITH_HOLES)
    more = np.vstack([IRIS_WITH_HOLES, np.full((50, 4), NAN)])
    assert str(describe(fitted, more)) == str(describe(fitted, IRIS_WITH_HOLES))
    trees = [merge_components(fitted.mixture_, rows) for rows in (more, IRIS_WITH_HOLES)]
    np.testing.assert_allclose(trees[0].entropies, trees[1].entropies, rtol=1e-12)
    reports = [fitted.report(rows).facts for rows in (more, IRIS_WITH_HOLES)]
    for part in ("components", "clusters", "overlap"):
        assert str(reports[0][part]) == str(reports[1][part])
    assert reports[0]["rows"]["rows_per_parameter"] == reports[1]["rows"]["rows_per_parameter"]
    assert reports[0]["rows"]["missing_values"]["n_empty"] == 50


@pytest.mark.parametrize("letters", ["VEV", "EEV", "EVV", "VVV"])
@pytest.mark.parametrize("order", [[3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]])
def test_an_optimum_does_not_depend_on_the_order_of_the_columns(letters, order):
    rows, back = with_holes(load_iris().data, 0.1, np.random.default_rng(0)), np.argsort(order)
    found = GaussianMixture(3, covariance_type=letters, random_state=0).fit(rows[:, order])
    again = GaussianMixture(
        3,
        covariance_type=letters,
        weights_init=found.weights_,
        means_init=found.means_[:, back],
        precisions_init=found.precisions_[:, back][:, :, back],
    ).fit(rows)
    assert_allclose(again.lower_bound_, found.lower_bound_, rtol=1e-9)
    assert_allclose(again.means_, found.means_[:, back], atol=1e-4)
