"""Data that break mixtures: a finite, valid model with a warning that names the component, or an error that helps."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, read_only
from helpers.hard_data import CASES, what_is_wrong
from sklearn.exceptions import ConvergenceWarning

from gaussmix import DegenerateComponentWarning, DegenerateDataWarning, GaussianMixture
from gaussmix.core.errors import NearRelationWarning, RidgeWarning

# scikit-learn's way; default fits are tested at the end of this file
ONE_START = {"init_params": "kmeans", "tol": 1e-3, "max_iter": 100, "acceleration": "none"}

RNG = np.random.default_rng(0)
BASE = RNG.standard_normal((300, 3)) + 4 * (np.arange(300) < 150)[:, None]

# name -> (rows, types whose fit must warn when reg_covar=0)
ALL, MATRICES, NONE = set(COVARIANCE_TYPES), {"full", "tied"}, set()
HARD = {
    "offset of 1e8": (BASE + 1e8, NONE),
    "columns of 1e-9 and 1e9": (BASE * [1e-9, 1, 1e9], NONE),
    "five rows sixty times": (np.repeat(BASE[:5], 60, axis=0), ALL),
    "three rows sixty times": (np.repeat(BASE[:3], 60, axis=0), ALL),
    "constant column": (np.c_[BASE, np.full(300, 7.0)], {"full", "tied", "diag"}),
    "column of zeros": (np.c_[BASE, np.zeros(300)], {"full", "tied", "diag"}),
    "column twice": (np.c_[BASE, BASE[:, 0]], MATRICES),
    "all rows equal": (np.ones((50, 2)), ALL),
    "all zero": (np.zeros((50, 2)), ALL),
    "more columns than rows": (RNG.standard_normal((100, 200)), MATRICES),
    "as many rows as components": (BASE[:3], ALL),
    "one outlier at 1e12": (np.r_[BASE, [[1e12, 0, 0]]], {"full", "diag", "spherical"}),
    "zeros and ones": (RNG.integers(0, 2, (100, 3)).astype(float), ALL),
    "tiny": (BASE * 1e-150, NONE),
    "not normal": (BASE * 1e-310, ALL),
    "large": (BASE * 1e140, NONE),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("reg_covar", [0.0, 1e-6])
def test_hard_data_give_a_valid_model(name, covariance_type, reg_covar):
    rows, must_warn = HARD[name]
    gm = GaussianMixture(3, covariance_type=covariance_type, reg_covar=reg_covar, random_state=0, **ONE_START)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gm.fit(read_only(rows))
    for values in (gm.weights_, gm.means_, gm.covariances_, gm.precisions_, gm.lower_bound_, gm.score_samples(rows)):
        assert np.isfinite(values).all()
    assert gm.weights_.sum() == pytest.approx(1)
    np.testing.assert_allclose(gm.predict_proba(rows).sum(axis=1), 1, rtol=1e-12)
    assert (gm.mixture_.covariance.pivots() > 0).all()
    kinds = {DegenerateComponentWarning if w.category is RidgeWarning else w.category for w in caught}
    assert kinds <= {DegenerateComponentWarning, ConvergenceWarning}, [str(warning.message) for warning in caught]
    if reg_covar == 0:
        assert (DegenerateComponentWarning in kinds) == (covariance_type in must_warn)
    if reg_covar > 0 and name == "more columns than rows" and covariance_type in MATRICES:
        assert DegenerateComponentWarning in kinds


def test_warning_names_the_component_and_the_remedy():
    rows = np.r_[BASE, np.full((40, 3), 50.0)]
    gm = GaussianMixture(3, reg_covar=0, random_state=0, **ONE_START)
    with pytest.warns(DegenerateComponentWarning, match=r"Component (\d) collapsed.*reg_covar") as caught:
        gm.fit(rows)
    component = int(str(caught[0].message).split()[1])
    np.testing.assert_allclose(gm.means_[component], 50.0)


def test_repair_leaves_the_sound_components_alone():
    rows = np.r_[BASE, np.full((40, 3), 50.0)]
    sound = GaussianMixture(2, reg_covar=0, random_state=0, **(ONE_START | {"tol": 1e-10, "max_iter": 500})).fit(BASE)
    with pytest.warns(DegenerateComponentWarning):
        gm = GaussianMixture(3, reg_covar=0, random_state=0, **(ONE_START | {"tol": 1e-10, "max_iter": 500})).fit(rows)
    order = np.argsort(gm.means_[:, 0])[:2]
    np.testing.assert_allclose(gm.means_[order], sound.means_[np.argsort(sound.means_[:, 0])], rtol=1e-4, atol=1e-4)


def test_ridge_that_carries_a_component_is_told():
    with pytest.warns(DegenerateComponentWarning, match="nearly singular without reg_covar=1e-06.*units"):
        GaussianMixture(2, random_state=0, **ONE_START, reg_covar=1e-6).fit(BASE * [1.0, 1.0, 1e-5])


def test_units_of_a_column_do_not_matter_when_a_component_collapses():
    rng = np.random.default_rng(3)
    apart = np.r_[np.zeros(150), np.full(150, 6.0)]
    sound = np.c_[rng.standard_normal(300), rng.standard_normal(300) + apart]
    rows, labels = np.r_[sound, np.full((100, 2), 30.0)], np.repeat([0, 1, 2], [150, 150, 100])
    scores = []
    for scale in (1.0, 1e-9, 1e-12):
        with pytest.warns(DegenerateComponentWarning):
            gm = GaussianMixture(3, reg_covar=0, **(ONE_START | {"init_params": labels})).fit(rows * [1.0, scale])
        scores.append(gm.score(rows[:300] * [1.0, scale]) + np.log(scale))
    np.testing.assert_allclose(scores, scores[0], atol=1e-6)


def test_empty_component_does_not_grow_by_the_ridge():
    labels = np.zeros(300, dtype=int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", DegenerateComponentWarning)
        gm = GaussianMixture(2, init_params=labels, reg_covar=0.5, tol=0, max_iter=40).fit(BASE)
    np.testing.assert_allclose(gm.covariances_[1], np.eye(3))


def test_repair_is_a_millionth_of_the_sound_components():
    rows = np.r_[BASE, np.full((700, 3), 50.0)]
    settings = ONE_START | {"init_params": np.repeat([0, 1], [300, 700])}
    with pytest.warns(DegenerateComponentWarning):
        gm = GaussianMixture(2, reg_covar=0, **settings).fit(rows)
    expected = 1e-6 * np.diag(gm.covariances_[0])
    np.testing.assert_allclose(np.diag(gm.covariances_[1]), expected, rtol=1e-6)


def test_empty_component_is_told():
    labels = np.zeros(300, dtype=int)
    with pytest.warns(DegenerateComponentWarning, match="Component 1 lost all rows"):
        gm = GaussianMixture(2, init_params=labels).fit(BASE)
    assert gm.weights_[1] == 0
    assert (gm.predict(BASE) == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_components", [2, 3, 4])
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
def test_a_table_laid_on_its_side_gives_a_model_and_says_so(seed, n_components):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((4, 6)) * 10.0 ** rng.integers(-3, 3, 6)
    with pytest.warns(DegenerateDataWarning, match=r"6 columns and 4 rows; if its columns are observations, pass X\.T"):
        gm = GaussianMixture(n_components, random_state=0).fit(rows)
    assert np.isfinite(gm.score_samples(rows)).all()
    np.testing.assert_allclose(gm.weights_.sum(), 1)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (BASE[:2], "Expected n_samples >= n_components"),
        (BASE[:1], "minimum of 2 is required"),
        (BASE * 1e200, r"at row 0, column 0: its square overflows. Divide"),
        (np.where(BASE > 6, np.inf, BASE), "X has infinity at row"),
        (np.where(np.arange(3) == 1, np.nan, BASE), "X has no value in column 1: leave the column out"),
        (np.where(np.arange(len(BASE))[:, None] > 1, np.nan, BASE), "only 2 rows of X have a value"),
        (BASE[:, 0], "Expected 2D array"),
        ("my rows.csv", r"X must be rows of numbers, got a path: read it first, pandas.read_csv\('my rows.csv'\)"),
        (Path("rows.csv"), "got a path: read it first"),
        (np.empty((0, 3)), "0 sample"),
        (np.empty((5, 0)), "0 feature"),
    ],
)
def test_impossible_data_are_an_error_that_helps(rows, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(3).fit(rows)


# default fits

BROKEN = [name for name, case in CASES.items() if case.error]
FITTED = [name for name, case in CASES.items() if not case.error]
types = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


@pytest.mark.slow
@types
@pytest.mark.parametrize("name", FITTED)
def test_default_fit_is_sound(name, covariance_type):
    case = CASES[name]
    gm = GaussianMixture(case.n_components, covariance_type=covariance_type, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gm.fit(case.rows, sample_weight=case.weights)
    assert what_is_wrong(gm, case.rows) == []
    kinds = {warning.category for warning in caught}
    assert kinds <= {DegenerateComponentWarning, DegenerateDataWarning, NearRelationWarning, ConvergenceWarning}, [
        str(warning.message) for warning in caught
    ]
    assert kinds or covariance_type not in case.must_warn, "degenerate data, and no warning"


@types
@pytest.mark.parametrize("name", BROKEN)
def test_default_fit_of_impossible_data_is_an_error_that_helps(name, covariance_type):
    case = CASES[name]
    gm = GaussianMixture(case.n_components, covariance_type=covariance_type, random_state=0)
    with pytest.raises(ValueError, match=case.error):
        gm.fit(case.rows, sample_weight=case.weights)
    assert not hasattr(gm, "mixture_")


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_noise_gives_a_valid_model_or_an_error_that_helps(name, covariance_type):
    case = CASES[name]
    gm = GaussianMixture(case.n_components, covariance_type=covariance_type, noise="uniform", random_state=0)
    said = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            gm.fit(case.rows, sample_weight=case.weights)
        except ValueError as error:
            said = str(error)
    if said:
        assert case.error or "noise needs a volume" in said
    else:
        assert case.error is None
        assert what_is_wrong(gm, case.rows) == []
