"""Floating-point errors raise in every test; fixtures that tests of several folders share."""

import numpy as np
import pytest
from helpers.html_pages import named_eruptions
from helpers.searches import TYPES

import gaussmix.core.progress
from gaussmix import GaussianMixture, GaussianMixtureIC
from gaussmix.core import _native
from gaussmix.datasets import load_old_faithful


@pytest.fixture(autouse=True)
def _floating_point_errors_raise():
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_lines_of_progress():
    """A busy machine does not change what commands print."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gaussmix.core.progress, "LONG", 1e6)
        yield


@pytest.fixture
def any_instruction_set(request):
    """Every instruction set that this machine has, one after the other (indirect)."""
    before = _native.selected_instruction_set()
    _native.select_instruction_set(request.param)
    yield request.param
    _native.select_instruction_set(before)


@pytest.fixture
def rows_always_turned(monkeypatch):
    """The native engine turns rows wherever the components have axes in common, whether or not that is quicker."""
    monkeypatch.setattr("gaussmix.core.engines.native.turning_is_quicker", lambda n, k, d, *, sums: True)


@pytest.fixture(scope="session")
def eruptions():
    return load_old_faithful()[0]


@pytest.fixture(scope="session")
def search(eruptions):
    """A search over 16 models of the eruptions. Not to be changed."""
    return GaussianMixtureIC(range(1, 5), covariance_types=TYPES, random_state=0).fit(eruptions)


@pytest.fixture
def reports_without_pictures(request, monkeypatch):
    """HTML reports have empty pictures, which saves time, except in tests that use `drawn`."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr("gaussmix.html_report.figures.png_of", lambda draw, width, height: b"")


@pytest.fixture
def drawn():
    """Pictures are drawn."""


@pytest.fixture
def model_and_table(tmp_path):
    """The paths of a saved model, of its table with a column of weights, and of a report to write."""
    gm = GaussianMixture(2, random_state=0).fit(named_eruptions())
    gm.mixture_.save(tmp_path / "m.json")
    named_eruptions().assign(count=np.arange(272) % 3).to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "m.json", tmp_path / "t.csv", tmp_path / "r.html"
