"""Cross-validation as the criterion of a search over models."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from gaussmix import GaussianMixtureIC, cross_validated_log_likelihood


def test_cross_validation_is_that_of_closed_forms_for_one_component(eruptions):
    search = GaussianMixtureIC(1, covariance_types=["VVV", "VVI"], criterion="cv", n_folds=4, random_state=3)
    search.fit(eruptions)
    folds = cross_validated_log_likelihood(search.best_estimator_, eruptions, n_folds=4, random_state=3).folds
    assert np.bincount(folds).tolist() == [68, 68, 68, 68]
    expected = {"VVV": 0.0, "VVI": 0.0}
    for fold in range(4):
        seen, unseen = eruptions[folds != fold], eruptions[folds == fold]
        covariance = np.cov(seen.T, bias=True)
        for name, known in (("VVV", covariance), ("VVI", np.diag(np.diag(covariance)))):
            expected[name] -= 2 * multivariate_normal.logpdf(unseen, seen.mean(axis=0), known).sum()
    found = dict(zip(search.results_.covariance_type, search.results_.cv, strict=True))
    assert found == pytest.approx(expected, rel=1e-7)
    assert search.best_covariance_type_ == "VVV"
    assert "standard errors" in str(search.why())


def test_cross_validation_knows_weights_and_leaves_doubtful_models_out(eruptions):
    weights = np.ones(len(eruptions))
    weights[:7] = 0
    types = {"covariance_types": ["VVV"], "criterion": "cv", "n_folds": 3, "random_state": 0}
    weighted = GaussianMixtureIC([1, 2], **types).fit(eruptions, sample_weight=weights)
    few = GaussianMixtureIC([1, 5], **types).fit(eruptions[::20])
    assert np.isfinite(weighted.results_.cv).all()
    assert few.results_.status.tolist() == ["sound", "doubtful"]
    assert np.isfinite(few.results_.cv).tolist() == [True, False]


def test_extension_of_cross_validation_has_the_same_folds(eruptions):
    options = {"covariance_types": ["EEE"], "criterion": "cv", "n_folds": 3, "random_state": 0}
    whole = GaussianMixtureIC([1, 2], **options).fit(eruptions)
    parts_of_it = GaussianMixtureIC([1], **options).fit(eruptions).extend(eruptions, n_components=[2])
    assert_allclose(parts_of_it.results_.cv, whole.results_.cv, rtol=1e-6)
