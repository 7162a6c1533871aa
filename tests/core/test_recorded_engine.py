"""A recorded engine gives what its engine gives, and makes a pass over the same rows with the same mixture once."""

import numpy as np
import pytest
from helpers.datasets import blobs

import gaussmix.core.engines.recorded as recorded
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.engines.recorded import AbstractRecorder, RecordedEngine
from gaussmix.testing import random_mixture


class Memory(dict, AbstractRecorder):
    def read(self, key):
        return self.get(key)

    def write(self, key, arrays):
        self[key] = arrays


@pytest.fixture(autouse=True)
def _all_passes_are_recorded(monkeypatch):
    monkeypatch.setattr(recorded, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(recorded, "BYTES_PER_SECOND", 1 << 60)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical", "VEV"])
def test_passes_are_read_bit_for_bit(name):
    rows, kept = blobs(300, 3), Memory()
    mixture = random_mixture(covariance_class(name), 4, 3, np.random.default_rng(0)).whitened()
    made = NativeEngine(rows).accumulate(mixture)
    for _ in range(2):
        found = RecordedEngine(NativeEngine(rows), kept, "rows").accumulate(mixture)
        assert found.form == made.form
        for attribute in ("counts", "shifts", "scatter", "log_likelihood", "entropy", "weight"):
            assert np.array_equal(getattr(found, attribute), getattr(made, attribute))
        assert found.background is None
    assert len(kept) == 1


def test_other_rows_mixtures_and_precisions_are_other_passes():
    rows, kept = blobs(300, 3), Memory()
    first, second = (
        random_mixture(covariance_class("full"), 4, 3, np.random.default_rng(seed)).whitened() for seed in (0, 1)
    )
    engine = RecordedEngine(NativeEngine(rows), kept, "rows")
    for mixture in (first, second):
        engine.accumulate(mixture)
        engine.accumulate(mixture, rough=True)
    RecordedEngine(NativeEngine(rows), kept, "other rows").accumulate(first)
    assert len(kept) == 5


def test_quick_passes_are_not_recorded(monkeypatch):
    monkeypatch.setattr(recorded, "LEAST_SECONDS", 1e6)
    rows, kept = blobs(300, 3), Memory()
    mixture = random_mixture(covariance_class("full"), 4, 3, np.random.default_rng(0)).whitened()
    RecordedEngine(NativeEngine(rows), kept, "rows").accumulate(mixture)
    assert kept == {}
