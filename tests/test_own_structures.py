"""A structure that is not one of `MODELS` is fitted by its own M-step everywhere, or refused."""

import numpy as np
import pytest
from helpers.datasets import TABLES

import gaussmix
from gaussmix import GaussianMixture, GaussianMixtureIC, bootstrap, likelihood_ratio_test, standard_errors
from gaussmix.core.covariance import MODELS, STRUCTURES, Full, structure_of
from gaussmix.core.covariance.constrained import AbstractConstrained
from gaussmix.core.covariance.triangular import lower_root
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.batch import BatchSettings, fit_em_batch
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.refit import refit, search_anew, stream
from gaussmix.html_report import write_report
from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.inference import cross_validated_log_likelihood, stability
from gaussmix.inference.refitting import Fitted
from gaussmix.testing import check_covariance, random_mixture


class FirstApart(AbstractConstrained):
    """Full covariances in which the first feature is correlated with no other."""

    name = "first-apart"
    letters = "VVV"
    form = "full"
    free = Full

    @classmethod
    def count_parameters(cls, n_components, n_features):
        return n_components * (1 + n_features * (n_features - 1) // 2)

    def nearest_roots(self, counts, roots):
        dense = roots @ roots.transpose(0, 2, 1)
        dense[:, 0, 1:] = dense[:, 1:, 0] = 0.0
        return lower_root(dense)

    def rescale(self, root):
        return self.promote_to(Full).rescale(root)


@pytest.fixture(autouse=True)
def first_apart(monkeypatch):
    monkeypatch.setitem(STRUCTURES, FirstApart.name, FirstApart)


@pytest.fixture(scope="module")
def rows():
    """Two clusters whose first feature is correlated with the others."""
    truth = random_mixture(Full, 2, 3, np.random.default_rng(3))
    return truth.sample(300, np.random.default_rng(4))[0]


def fitted(rows, covariance_type=FirstApart.name, **options):
    return GaussianMixture(2, covariance_type=covariance_type, random_state=0, **options).fit(rows)


def is_apart(covariances):
    return (covariances[..., 0, 1:] == 0).all() and (covariances[..., 1:, 0] == 0).all()


def test_it_conforms():
    check_covariance(FirstApart)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_fit_and_its_refits_keep_the_constraint(rows, weighted):
    weights = np.random.default_rng(0).integers(1, 4, len(rows)) if weighted else None
    gm = GaussianMixture(2, covariance_type="first-apart", random_state=0).fit(rows, sample_weight=weights)
    assert gm.mixture_.covariance_type == "first-apart"
    assert gm.mixture_.n_parameters == 1 + 6 + 8
    assert is_apart(gm.covariances_)
    assert fitted(rows, "VVI").lower_bound_ < fitted(rows).lower_bound_ < fitted(rows, "VVV").lower_bound_
    data = Fitted.of(gm, rows, weights)
    again = refit(data.rows, data.update, data.reduced)
    assert type(again.mixture.covariance) is FirstApart
    np.testing.assert_allclose(again.mixture.covariance.dense(), gm.covariances_, rtol=1e-3, atol=1e-3)
    anew = search_anew(data.rows, data.update, data.reduced, stream(0, 0))
    assert anew.log_likelihood == pytest.approx(again.log_likelihood, abs=0.01)
    draws = bootstrap(gm, rows, sample_weight=weights, n_draws=4, random_state=0)
    assert is_apart(draws.covariances)


@pytest.mark.slow
def test_tests_files_and_reports_know_it(rows, tmp_path):
    gm = fitted(rows)
    more = likelihood_ratio_test(rows, gm, n_draws=2, random_state=0).alternative
    assert more.n_components == 3
    assert is_apart(more.covariance.dense())
    assert stability(gm, rows, n_draws=2, start="warm", random_state=0).rand.min() > 0.5
    gm.mixture_.save(tmp_path / "model.json")
    assert type(gaussmix.load(tmp_path / "model.json").covariance) is FirstApart
    write_report(tmp_path / "report.html", gm, rows, n_components=[2])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "first-apart (VVV)" in page
    assert "fitted to these rows has a log-likelihood" not in page


@pytest.mark.parametrize("base", [FirstApart, Full, MODELS["VVI"], MODELS["EEE"]])
def test_redundant_columns_are_left_out_and_restored(base, rows, monkeypatch):
    monkeypatch.setitem(STRUCTURES, "copy", type("Copy", (base,), {"name": "copy"}))
    wide = np.c_[rows, np.ones(len(rows))]
    if base.form in ("full", "tied"):
        wide = np.c_[wide, rows @ [1.0, 2.0, -1.0]]
    with pytest.warns(gaussmix.DegenerateDataWarning):
        own, free = fitted(wide, "copy"), fitted(wide, structure_of(base.form).name)
    assert own.fit_result_.columns.dropped.tolist() == list(range(3, wide.shape[1]))
    assert own.covariances_.shape == free.covariances_.shape
    assert own.mixture_.covariance_type == free.mixture_.covariance_type
    np.testing.assert_array_equal(own.predict(wide), fitted(rows, "copy").predict(rows))


def test_what_goes_by_letters_refuses_it(rows):
    gm = fitted(rows)
    with pytest.raises(ValueError, match=r"standard errors are for EII, .*, got .*covariance_type='first-apart': use "):
        standard_errors(gm, rows)
    with pytest.raises(ValueError, match=r"some of full, .*, VVV .*; got 'first-apart'"):
        GaussianMixtureIC([1, 2], covariance_types=["VVV", "first-apart"]).fit(rows)
    table = np.full((1, len(rows), 2), 0.5)
    with pytest.raises(ValueError, match="FirstApart has no compiled M-step: use fit_em_one_by_one"):
        fit_em_batch(WeightedRows(rows), FirstApart, table, MaximumLikelihood(), BatchSettings(5, 1e-3))
    with pytest.raises(ValueError, match=r"'VVV', .*'first-apart', .*got 'round'"):
        fitted(rows, "round")


COPIED = ["VVV", "EEE", "VVI", "VII", "EII", "VEE", "EVE", "VEV"]


@pytest.mark.slow
@pytest.mark.parametrize("letters", COPIED)
def test_a_copy_of_a_structure_gives_the_same(letters, monkeypatch):
    copy = type("Copy", (MODELS[letters],), {"name": "copy"})
    monkeypatch.setitem(STRUCTURES, "copy", copy)
    rows, _ = TABLES["blobs"]
    gm, own = fitted(rows, letters), fitted(rows, "copy")
    np.testing.assert_allclose(own.covariances_, gm.covariances_, rtol=1e-7)  # a copy is not searched in compiled code
    assert own.mixture_.n_parameters == gm.mixture_.n_parameters
    weights = np.random.default_rng(0).integers(1, 4, len(rows))
    ends = []
    for model in (gm, own):
        data = Fitted.of(model, rows, weights)
        ends.append(refit(data.rows, data.update, data.reduced))
    assert type(ends[1].mixture.covariance) is copy
    assert ends[1].log_likelihood == pytest.approx(ends[0].log_likelihood, abs=3e-3)
    folds = [cross_validated_log_likelihood(model, rows, n_folds=2).mean for model in (gm, own)]
    assert folds[1] == pytest.approx(folds[0], abs=1e-3)
    image = np.random.default_rng(0).normal(100, 12, (20, 20, 3))
    image[:, 10:] += 30
    first, second = (
        GaussianMixtureSegmenter(2, covariance_type=name, random_state=0).fit(image).predict(image)
        for name in (letters, "copy")
    )
    np.testing.assert_array_equal(first, second)
