"""Silence made loud: floating-point errors raise, and the data of the tests cannot be written to."""

import numpy as np
import pytest

from gaussmix.core import _native


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
