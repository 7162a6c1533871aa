"""Cells of the search over models: reasons for doubt."""

from dataclasses import replace

from gaussmix import GaussianMixtureIC
from gaussmix.fitting.stopping import Stop


def test_fits_that_did_not_converge_and_models_with_too_many_parameters_are_doubtful(search, eruptions):
    cell = search.cells_[2, "VVV"]
    assert cell.doubts() == []
    assert replace(cell, fit=replace(cell.fit, stop=Stop.INTERRUPTED)).doubts() == ["not converged"]
    few = GaussianMixtureIC([1], covariance_types=["VVV", "EII"], random_state=0).fit(eruptions[:4])
    assert few.results_.status.tolist() == ["doubtful", "sound"]
    assert "5 parameters for 8 data values" in few.results_.trouble[0]
