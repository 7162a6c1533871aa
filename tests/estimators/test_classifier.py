"""`GaussianMixtureClassifier`: discriminant analysis as special cases, published values, labels, and choices."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.covariance import EmpiricalCovariance
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_moons
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from gaussmix import DegenerateDataWarning, GaussianMixtureClassifier, Mixture, MixtureClassifier
from gaussmix.core.covariance import MODELS

IRIS = load_iris()


@pytest.fixture(scope="module")
def odd():
    """The odd rows of iris, on which mclust's documentation fits classifiers."""
    return IRIS.data[::2], IRIS.target[::2]


def tables():
    rng = np.random.default_rng(0)
    digits = load_digits()
    some = np.flatnonzero(digits.target < 4)
    return {
        "iris": (IRIS.data, IRIS.target),
        "wine": load_wine(return_X_y=True),
        "cancer": (load_breast_cancer().data[:, [1, 4, 5, 8]], load_breast_cancer().target),
        "digits": (digits.data[some] @ rng.normal(size=(64, 6)), digits.target[some]),
        "offset": (IRIS.data + 1e5, IRIS.target),
    }


@pytest.mark.parametrize("name", tables())
def test_one_covariance_for_all_is_linear_discriminant_analysis(name):
    X, y = tables()[name]
    ours = GaussianMixtureClassifier(n_components=1, covariance_type="tied").fit(X, y)
    theirs = LinearDiscriminantAnalysis(solver="eigen", covariance_estimator=EmpiricalCovariance())
    centered = (X - X.mean(axis=0)) / X.std(axis=0)  # scikit-learn squares rows about zero
    assert_allclose(ours.predict_proba(X), theirs.fit(centered, y).predict_proba(centered), atol=1e-8)


@pytest.mark.parametrize("name", tables())
def test_a_covariance_for_each_class_is_quadratic_discriminant_analysis(name):
    X, y = tables()[name]
    ours = GaussianMixtureClassifier(n_components=1, covariance_type="VVV").fit(X, y)
    theirs = QuadraticDiscriminantAnalysis(solver="eigen", covariance_estimator=EmpiricalCovariance())
    centered = (X - X.mean(axis=0)) / X.std(axis=0)
    assert_allclose(ours.predict_proba(X), theirs.fit(centered, y).predict_proba(centered), atol=1e-8)


EDDA = {  # MclustDA(modelType = "EDDA", modelNames = ...)$loglik of mclust 6.0.0: of the joint mixture
    "EII": -203.0654, "VII": -192.9988, "EEI": -174.0407, "VEI": -161.7996, "EVI": -164.9039, "VVI": -147.1913,
    "EEE": -125.4430, "VEE": -117.4865, "EVE": -115.4104, "VVE": -105.7287, "EEV": -100.3274, "VEV": -87.937582,
    "EVV": -97.19244, "VVV": -85.14921,
}  # fmt: skip


@pytest.mark.parametrize("name", EDDA)
def test_published_values_of_one_component_for_each_class(odd, name):
    fitted = GaussianMixtureClassifier(n_components=1, covariance_type=name).fit(*odd)
    found = fitted.score_samples(odd[0]).sum()
    assert found > EDDA[name] - 2e-3
    if name != "VVE":  # where mclust stops below the maximum
        assert_allclose(found, EDDA[name], atol=2e-3)


def test_bic_chooses_the_published_structure(odd):
    fitted = GaussianMixtureClassifier(n_components=1, selection="bic", random_state=0).fit(*odd)
    assert set(fitted.covariance_types_.values()) == {"VEV"}
    assert_allclose(fitted.score_samples(odd[0]).sum(), -87.937582, atol=1e-4)
    assert fitted.choice_.best.candidate.model.n_parameters(4) == 38
    assert len(fitted.choice_.compared) == len(MODELS)


def test_published_value_of_a_mixture_for_each_class(odd):
    fitted = GaussianMixtureClassifier(
        n_components=[2, 2, 1], covariance_type=["VEI", "VEE", "VVV"], random_state=0
    ).fit(*odd)
    assert_allclose(fitted.score_samples(odd[0]).sum(), -71.741933, atol=1e-3)
    assert fitted.choice_.best.candidate.model.n_parameters(4) == 50
    assert_array_equal(fitted.component_classes_, [0, 0, 1, 1, 2])
    assert fitted.n_components_ == {0: 2, 1: 2, 2: 1}


def test_published_values_of_three_features_of_cancer():
    cancer = load_breast_cancer()
    names = ["mean texture", "worst area", "worst smoothness"]
    X = cancer.data[:, [list(cancer.feature_names).index(name) for name in names]]
    fitted = GaussianMixtureClassifier(n_components=1, covariance_type="VVI").fit(X, cancer.target)
    assert_allclose(fitted.score_samples(X).sum(), -4463.534209, atol=1e-3)
    mixtures = GaussianMixtureClassifier(shared_covariance=False, selection="bic", random_state=0).fit(X, cancer.target)
    assert mixtures.score_samples(X).sum() >= -4389.367371 - 0.01


def test_few_labels_of_iris_suffice():
    """mclust's MclustSSC errs on 20 rows."""
    labels = np.full(150, -1)
    labels[::10] = IRIS.target[::10]
    fitted = GaussianMixtureClassifier(random_state=0).fit(IRIS.data, labels)
    assert np.sum(fitted.predict(IRIS.data) != IRIS.target) <= 5


@pytest.mark.parametrize("missing", [None, np.nan, -1])
def test_missing_labels_are_those_of_rows_without_a_class(missing):
    names = np.array(["setosa", "versicolor", "virginica"], dtype=object)[IRIS.target]
    known = np.arange(150) % 3 == 0
    coded = np.where(known, IRIS.target, -1)
    fitted = GaussianMixtureClassifier(n_components=1, covariance_type="EEE", random_state=0)
    expected = clone(fitted).fit(IRIS.data, coded).predict_proba(IRIS.data)
    given = IRIS.target.astype(object) if missing == -1 else names
    given = np.where(known, given, missing)
    assert_allclose(clone(fitted).fit(IRIS.data, given).predict_proba(IRIS.data), expected, rtol=1e-12)


def test_minus_one_and_one_are_two_classes():
    X, y = make_moons(100, noise=0.2, random_state=0)
    fitted = GaussianMixtureClassifier(n_components=1, covariance_type="full").fit(X, 2 * y - 1)
    assert_array_equal(fitted.classes_, [-1, 1])


def test_evidence_of_certain_classes_is_their_labels_and_of_all_classes_none():
    known = np.arange(150) % 3 == 0
    table = np.where(known[:, None], np.eye(3)[IRIS.target], 1.0)
    fitted = GaussianMixtureClassifier(n_components=1, covariance_type="VEV", random_state=0)
    by_table = clone(fitted).fit(IRIS.data, 0.2 * table)
    by_labels = clone(fitted).fit(IRIS.data, np.where(known, IRIS.target, -1))
    assert_allclose(by_table.predict_proba(IRIS.data), by_labels.predict_proba(IRIS.data), rtol=1e-9, atol=1e-12)


def test_an_excluded_class_gets_no_rows():
    table = np.ones((150, 3))
    table[::5] = np.eye(3)[IRIS.target[::5]]
    excluded = (IRIS.target == 1) & (table.min(axis=1) == 1)
    table[excluded, 2] = 0.0  # not virginica
    fitted = GaussianMixtureClassifier(n_components=1, covariance_type="VVV").fit(IRIS.data, table)
    free = GaussianMixtureClassifier(n_components=1, covariance_type="VVV").fit(
        IRIS.data, np.where(np.arange(150) % 5 == 0, IRIS.target, -1)
    )
    versicolor = IRIS.target == 1
    assert fitted.score(IRIS.data[versicolor], IRIS.target[versicolor]) >= free.score(
        IRIS.data[versicolor], IRIS.target[versicolor]
    )


def test_rows_without_labels_raise_the_likelihood_of_all_rows():
    labels = np.where(np.arange(150) % 10 == 0, IRIS.target, -1)
    one = GaussianMixtureClassifier(n_components=1, covariance_type="EEE", unlabeled_weight=1)
    alone = clone(one).fit(IRIS.data[::10], IRIS.target[::10])
    together = clone(one).fit(IRIS.data, labels)
    assert together.score_samples(IRIS.data).sum() > alone.score_samples(IRIS.data).sum() + 10


def test_weights_count_rows():
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 3, 150)
    repeated = np.repeat(np.arange(150), weights)
    for model in (GaussianMixtureClassifier(1, covariance_type="VVE"), GaussianMixtureClassifier(1, random_state=0)):
        weighted = clone(model).fit(IRIS.data, IRIS.target, sample_weight=weights)
        again = clone(model).fit(IRIS.data[repeated], IRIS.target[repeated])
        assert_allclose(weighted.predict_proba(IRIS.data), again.predict_proba(IRIS.data), atol=1e-7)


def test_given_priors_are_kept():
    priors = {0: 0.2, 1: 0.3, 2: 0.5}
    labels = np.where(np.arange(150) % 2 == 0, IRIS.target, -1)
    for y in (IRIS.target, labels):
        fitted = GaussianMixtureClassifier(n_components=1, covariance_type="EEV", priors=priors).fit(IRIS.data, y)
        assert_allclose(fitted.class_prior_, [0.2, 0.3, 0.5], rtol=1e-12)


def test_shrinkage_leads_from_quadratic_to_linear_discriminant_analysis():
    X, y = IRIS.data, IRIS.target
    linear = GaussianMixtureClassifier(n_components=1, covariance_type="EEE").fit(X, y).predict_proba(X)
    gaps = [
        np.abs(
            GaussianMixtureClassifier(1, covariance_type="VVV", shrinkage=share).fit(X, y).predict_proba(X) - linear
        ).max()
        for share in (0.0, 0.5, 0.9, 0.999)
    ]
    assert all(np.diff(gaps) < 0)
    assert gaps[-1] < 0.01


def test_methods_agree(odd):
    fitted = GaussianMixtureClassifier(n_components=2, covariance_type="EEE", random_state=0).fit(*odd)
    shares = fitted.predict_proba(IRIS.data)
    assert_allclose(shares.sum(axis=1), 1)
    assert_allclose(shares, np.exp(fitted.predict_log_proba(IRIS.data)), atol=1e-12)
    assert_array_equal(fitted.predict(IRIS.data), fitted.classes_[fitted.decision_function(IRIS.data).argmax(axis=1)])
    assert sum(fitted.mixtures_[label].n_components for label in (0, 1, 2)) == fitted.mixture_.n_components == 6
    density = sum(
        prior * np.exp(fitted.mixtures_[label].log_density(IRIS.data))
        for label, prior in zip(fitted.classes_.tolist(), fitted.class_prior_, strict=True)
    )
    assert_allclose(np.log(density), fitted.score_samples(IRIS.data), rtol=1e-9)
    copied = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copied.predict_proba(IRIS.data), shares)


def test_far_rows_belong_to_the_nearest_class():
    fitted = GaussianMixtureClassifier(n_components=1, covariance_type="EII").fit(IRIS.data, IRIS.target)
    far = np.array([[1e149] * 4, [-1e149] * 4])
    assert np.isfinite(fitted.predict_proba(far)).all()


@pytest.mark.slow
def test_temperature_calibrates_held_out_rows():
    """Log densities of ten dependent features are too sure of themselves."""
    cancer = load_breast_cancer()
    X, y = cancer.data[:, :10], cancer.target
    bayes = GaussianMixtureClassifier(1, covariance_type="VVV", calibrate=False)
    calibrated = GaussianMixtureClassifier(1, covariance_type="VVV", calibrate=True, random_state=0)
    losses = [-cross_val_score(one, X, y, cv=5, scoring="neg_log_loss").mean() for one in (bayes, calibrated)]
    assert losses[1] < 0.8 * losses[0]
    fitted = calibrated.fit(X, y)
    assert fitted.temperature_ > 1.5
    assert fitted.report().calibration_error() < fitted.report().calibration_error(1.0)
    assert_array_equal(fitted.predict(X), bayes.fit(X, y).predict(X))


@pytest.mark.slow
def test_automatic_choice_finds_curved_classes():
    X, y = make_moons(300, noise=0.2, random_state=0)
    fitted = GaussianMixtureClassifier(random_state=0).fit(X[::2], y[::2])
    assert min(fitted.n_components_.values()) > 1
    assert fitted.score(X[1::2], y[1::2]) > 0.94
    linear = GaussianMixtureClassifier(1, covariance_type="EEE").fit(X[::2], y[::2])
    assert fitted.score(X[1::2], y[1::2]) > linear.score(X[1::2], y[1::2]) + 0.03


def test_redundant_columns_do_not_matter():
    X = np.column_stack([IRIS.data, np.ones(150), IRIS.data[:, 0] + IRIS.data[:, 1]])
    model = GaussianMixtureClassifier(n_components=1, covariance_type="VVV")
    with pytest.warns(DegenerateDataWarning):
        wide = clone(model).fit(X, IRIS.target)
    narrow = clone(model).fit(IRIS.data, IRIS.target)
    assert_allclose(wide.predict_proba(X), narrow.predict_proba(IRIS.data), atol=1e-6)


def test_report_states_the_choice_and_the_held_out_losses(odd):
    fitted = GaussianMixtureClassifier(n_components=1, random_state=0).fit(*odd)
    text = str(fitted.report())
    for words in ("held-out accuracy", "held-out log loss", "calibration error", "BIC"):
        assert words in text
    assert fitted.reason_.split(":")[0] in " ".join(text.split())
    assert fitted.report().confusion().sum() == 75
    given = GaussianMixtureClassifier(n_components=1, covariance_type="EEE").fit(*odd)
    assert given.report().confusion() is None
    assert "held-out" not in str(given.report())


def test_a_saved_classifier_is_the_same_and_a_mixture_too(odd, tmp_path):
    path = tmp_path / "model.json"
    names = np.array(["setosa", "versicolor", "virginica"])
    fitted = GaussianMixtureClassifier(n_components=1, random_state=0).fit(odd[0], names[odd[1]])
    fitted.classifier_.save(path)
    read = MixtureClassifier.load(path)
    assert_array_equal(read.predict_proba(IRIS.data), fitted.predict_proba(IRIS.data))
    assert_array_equal(read.predict(IRIS.data), fitted.predict(IRIS.data))
    assert_array_equal(Mixture.load(path).means, fitted.mixture_.means)


INVALID = {
    "selection": ({"selection": "aic"}, "selection must be one of"),
    "n_components": ({"n_components": 0}, "n_components must be a whole number"),
    "missing class": ({"n_components": {0: 1, 1: 2}}, r"n_components must have the classes \[0, 1, 2\]"),
    "sequence": ({"n_components": [1, 2]}, "a value for each of 3 classes, got 2"),
    "structure": ({"covariance_type": "VVX"}, "covariance_type must be one of"),
    "shared": ({"covariance_type": ["EEE", "VVV", "EEE"], "shared_covariance": True}, "the same covariance_type"),
    "shared value": ({"shared_covariance": "yes"}, "shared_covariance must be"),
    "shrinkage": ({"shrinkage": 1.0}, "shrinkage must be"),
    "unlabeled_weight": ({"unlabeled_weight": 2}, "unlabeled_weight must be"),
    "calibrate": ({"calibrate": "maybe"}, "calibrate must be"),
    "priors": ({"priors": [0.5, 0.5]}, "priors must be 3 positive numbers"),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_parameters_are_named(name):
    options, message = INVALID[name]
    with pytest.raises(ValueError, match=message):
        GaussianMixtureClassifier(**options).fit(IRIS.data, IRIS.target)


BAD_LABELS = {
    "one class": (np.zeros(150), "at least two classes"),
    "continuous": (np.linspace(0, 1, 150), "continuous"),
    "numbers and texts": (np.array([1, "a"] * 75, dtype=object), "y must have labels of one kind"),
    "too few": (IRIS.target[:10], "a label for each of 150 rows"),
    "negative evidence": (-np.eye(3)[IRIS.target], "nonnegative with a positive number in every row; row 0"),
    "no evidence": (np.zeros((150, 3)), "row 0"),
    "class without rows": (np.column_stack([np.ones((150, 2)), np.zeros(150)]), "no row of positive weight"),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_invalid_labels_are_named(name):
    labels, message = BAD_LABELS[name]
    with pytest.raises(ValueError, match=message):
        GaussianMixtureClassifier().fit(IRIS.data, labels)


def test_a_class_without_weight_is_named_as_in_y():
    with pytest.raises(ValueError, match=r"class 1 has no row of positive weight"):
        GaussianMixtureClassifier().fit(IRIS.data, IRIS.target, sample_weight=IRIS.target != 1)


def test_missing_values_are_refused_with_what_to_do(odd):
    X, y = odd
    holes = X.copy()
    holes[3, 1] = np.nan
    fitted = GaussianMixtureClassifier(1, covariance_type="EEE").fit(X, y)
    for call in (
        lambda: clone(fitted).fit(holes, y),
        lambda: fitted.predict(holes),
        lambda: fitted.predict_proba(holes),
    ):
        with pytest.raises(ValueError, match=r"NaN at row 3, column 1: .* GaussianMixtureImputer"):
            call()


@pytest.mark.parametrize("scales", [[1e-9, 1, 1e9], [1e12, 1, 1], [1e-14, 1e-7, 1]])
def test_models_without_a_density_in_these_units_are_passed_over(scales):
    rng = np.random.default_rng(0)
    X, y = np.concatenate([rng.normal(0, 1, (40, 3)), rng.normal(3, 1, (40, 3))]), np.repeat([0, 1], 40)
    assert GaussianMixtureClassifier(random_state=0).fit(X * scales, y).score(X * scales, y) > 0.95


def test_wide_tables_with_unlabeled_rows_leave_out_structures_that_take_minutes():
    X, y = load_breast_cancer(return_X_y=True)
    labels = np.where(np.arange(len(y)) % 5, -1, y)
    compared = GaussianMixtureClassifier(random_state=0, unlabeled_weight=1).fit(X[:200], labels[:200]).choice_.compared
    assert {one.candidate.model.covariance_types[0] for one in compared}.isdisjoint({"VEE", "EVE", "VVE"})


def test_a_column_of_labels_is_taken_with_a_warning():
    with pytest.warns(DataConversionWarning):
        GaussianMixtureClassifier(1, covariance_type="EEE").fit(IRIS.data, IRIS.target[:, None])


def test_an_unfitted_classifier_says_so():
    with pytest.raises(NotFittedError):
        GaussianMixtureClassifier().predict(IRIS.data)


@pytest.mark.contract
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateDataWarning")
@pytest.mark.filterwarnings("ignore:.*SCIPY_ARRAY_API.*")
@parametrize_with_checks(
    [
        GaussianMixtureClassifier(random_state=0),
        GaussianMixtureClassifier(random_state=0, selection="bic"),
        GaussianMixtureClassifier(n_components=1, covariance_type="tied"),
    ]
)
def test_the_contract_of_scikit_learn_holds(estimator, check):
    check(estimator)
