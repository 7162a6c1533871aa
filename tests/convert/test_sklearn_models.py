"""Conversion from and to scikit-learn: the models predict the same."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.mixture import BayesianGaussianMixture as TheirBayesianGaussianMixture
from sklearn.mixture import GaussianMixture as TheirGaussianMixture

from gaussmix import BayesianGaussianMixture, GaussianMixture, GaussianMixtureIC, Mixture
from gaussmix.convert import from_sklearn, to_sklearn
from gaussmix.core.covariance import COVARIANCES, MODELS
from gaussmix.testing import random_mixture

FORMS = {
    "EII": "spherical",
    "VII": "spherical",
    "EEI": "diag",
    "VEI": "diag",
    "EVI": "diag",
    "VVI": "diag",
    "EEE": "tied",
}


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("size", [(3, 4), (1, 3), (3, 1), (3, 30)])
@pytest.mark.parametrize("name", MODELS)
def test_scikit_learn_predicts_the_same(name, size, offset):
    drawn = random_mixture(MODELS[name], *size, np.random.default_rng(0))
    mixture = Mixture(drawn.weights, drawn.means + offset, drawn.covariance)
    rows, _ = mixture.sample(300, 0)
    theirs = to_sklearn(mixture)
    np.testing.assert_array_equal(theirs.predict(rows), mixture.labels(rows))
    np.testing.assert_allclose(theirs.score_samples(rows), mixture.log_density(rows), rtol=1e-9)
    np.testing.assert_allclose(theirs.predict_proba(rows), mixture.responsibilities(rows), atol=1e-8)
    expected = FORMS.get(name, "full")
    assert theirs.covariance_type == ("full" if offset and expected != "tied" else expected)
    back = from_sklearn(theirs)
    np.testing.assert_allclose(back.log_density(rows), mixture.log_density(rows), rtol=1e-9)


def test_a_fitted_estimator_keeps_its_record_and_names(eruptions_frame):
    ours = GaussianMixture(2, random_state=0).fit(eruptions_frame)
    theirs = to_sklearn(ours)
    assert (theirs.n_iter_, theirs.lower_bound_, theirs.converged_) == (ours.n_iter_, ours.lower_bound_, True)
    assert list(theirs.feature_names_in_) == list(eruptions_frame.columns)
    np.testing.assert_array_equal(theirs.predict(eruptions_frame), ours.predict(eruptions_frame))
    assert theirs.bic(eruptions_frame) == pytest.approx(ours.bic(eruptions_frame), rel=1e-12)
    copy = pickle.loads(pickle.dumps(theirs))
    np.testing.assert_array_equal(copy.means_, ours.means_)
    rows, _ = copy.sample(10)
    assert rows.shape == (10, 2)
    search = GaussianMixtureIC([1, 2], random_state=0).fit(eruptions_frame)
    np.testing.assert_array_equal(to_sklearn(search).means_, search.best_estimator_.means_)


@pytest.fixture
def eruptions_frame():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(6, 2, (90, 2))])
    return pd.DataFrame(rows, columns=["length", "wait"])


def test_scikit_learn_can_go_on_fitting(eruptions_frame):
    theirs = to_sklearn(GaussianMixture(2, random_state=0).fit(eruptions_frame))
    assert theirs.set_params(max_iter=500).fit(eruptions_frame).converged_


@pytest.mark.parametrize("covariance_type", COVARIANCES)
@pytest.mark.parametrize("kind", [TheirGaussianMixture, TheirBayesianGaussianMixture])
def test_their_models_become_mixtures(kind, covariance_type, eruptions_frame):
    theirs = kind(n_components=2, covariance_type=covariance_type, random_state=0).fit(eruptions_frame)
    mixture = from_sklearn(theirs)
    assert mixture.covariance_type == covariance_type
    assert mixture.feature_names == ("length", "wait")
    np.testing.assert_allclose(mixture.weights, theirs.weights_, rtol=1e-12)
    np.testing.assert_allclose(mixture.covariance.covariances, theirs.covariances_, rtol=1e-12)
    if kind is TheirGaussianMixture:
        np.testing.assert_allclose(
            mixture.log_density(eruptions_frame), theirs.score_samples(eruptions_frame), rtol=1e-9
        )


def test_what_cannot_be_converted_is_refused(eruptions_frame):
    ours = BayesianGaussianMixture(n_components=2, random_state=0).fit(eruptions_frame)
    with pytest.raises(TypeError, match=r"pass model\.mixture_"):
        to_sklearn(ours)
    np.testing.assert_array_equal(to_sklearn(ours.mixture_).means_, ours.means_)
    with pytest.raises(TypeError, match="model must be a Mixture or a fitted estimator"):
        to_sklearn([1.0])
    with pytest.raises(NotFittedError):
        to_sklearn(GaussianMixture(2))
    with pytest.raises(TypeError, match="of scikit-learn; got"):
        from_sklearn(ours)
    with pytest.raises(NotFittedError):
        from_sklearn(TheirGaussianMixture(2))
