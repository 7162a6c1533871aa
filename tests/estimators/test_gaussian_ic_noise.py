"""Noise as an axis of the search over models."""

import numpy as np
import pytest
from helpers.noisy import noisy_clusters

from gaussmix import GaussianMixture, GaussianMixtureIC
from gaussmix.selection.model_names import ModelSpec

SIZES = range(2, 4)


@pytest.fixture(scope="module")
def rows():
    return noisy_clusters(0, n=250)[0]


@pytest.fixture(scope="module")
def search(rows):
    return GaussianMixtureIC(SIZES, covariance_types=["EII", "VVV"], noise=(False, True), random_state=0).fit(rows)


def test_noise_is_chosen_where_there_is_some(search, rows):
    assert search.best_params_ == {
        "n_components": 3, "covariance_type": "EII", "noise": "uniform", "noise_volume": "hypvol",
    }  # fmt: skip
    assert search.noise_weight_ == pytest.approx(0.2, abs=0.06)
    assert (search.predict(rows) == -1).any()
    assert search.best_score_ == pytest.approx(search.best_estimator_.bic(rows))
    again = GaussianMixture(**search.best_params_, random_state=0).fit(rows)
    assert again.bic(rows) == pytest.approx(search.best_score_, abs=1e-2)
    assert "3 components and noise" in search.reason_


def test_the_table_has_a_column_and_both_kinds_of_cells(search):
    table = search.results_
    assert table.noise.tolist() == [False, True] * 4
    assert table["noise"].sum() == 4
    assert search.cells_[3, "VVV", "noise"].mixture.background is not None
    assert search.cells_[3, "VVV"].mixture.background is None
    assert table.spec_of(table.best) == ModelSpec(3, "EII").with_noise()
    text = str(table)
    assert "EII+noise" in text
    assert "EII+noise" in table._repr_html_()
    assert "noise" in table.to_csv().splitlines()[0]
    assert "EII 3 with noise" in str(search.why())


def test_likelihoods_are_no_lower_than_those_of_special_cases(search):
    reached = {spec: cell.log_likelihood for spec, cell in search.cells_.items()}
    for size in SIZES:
        for name in ("EII", "VVV"):
            assert reached[size, name, "noise"] >= reached[size, name] - 1e-2
        assert reached[size, "VVV", "noise"] >= reached[size, "EII", "noise"] - 1e-2


@pytest.mark.parametrize("seed", range(3))
def test_no_noise_is_chosen_where_there_is_none(seed):
    rows, _ = noisy_clusters(seed, n=200, noise=0.0)
    search = GaussianMixtureIC((2, 3), covariance_types="EII", noise=(False, True), random_state=0).fit(rows)
    assert search.noise_weight_ == 0
    assert search.best_params_["noise"] is None


def test_only_noise_and_extension(rows):
    search = GaussianMixtureIC(3, covariance_types="EII", noise=True, random_state=0).fit(rows)
    assert [spec.noise for spec in search.cells_] == [True]
    before = search.cells_[3, "EII", "noise"]
    search.extend(rows, n_components=2)
    assert search.cells_[3, "EII", "noise"] is before
    assert len(search.cells_) == 2


def test_cross_validation_and_incomplete_rows(rows):
    holes = rows.copy()
    holes[np.random.default_rng(0).random(rows.shape) < 0.05] = np.nan
    search = GaussianMixtureIC(3, covariance_types="VII", noise=(False, True), criterion="cv", n_folds=3).fit(holes)
    assert search.best_params_["noise"] == "uniform"


def test_without_the_axis_nothing_changes(rows):
    search = GaussianMixtureIC(2, covariance_types="EII", random_state=0).fit(rows)
    assert search.results_.noise is None
    assert "noise" not in search.results_.names
    assert search.best_params_ == {"n_components": 2, "covariance_type": "EII"}
    assert list(search.cells_) == [(2, "EII")]


@pytest.mark.parametrize("noise", [(), "uniform", None, (0, 2), ["yes"]])
def test_invalid_axes(rows, noise):
    with pytest.raises(ValueError, match="noise must be False, True or"):
        GaussianMixtureIC(2, noise=noise).fit(rows)
