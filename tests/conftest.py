"""Floating-point errors raise in every test; fixtures that tests of several folders share."""

import numpy as np
import pytest
from helpers.searches import TYPES

from gaussmix import GaussianMixtureIC
from gaussmix.core import _native
from gaussmix.datasets import load_old_faithful


@pytest.fixture(autouse=True)
def _floating_point_errors_raise():
    with np.errstate(over="raise", divide="raise", invalid="raise"):
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
