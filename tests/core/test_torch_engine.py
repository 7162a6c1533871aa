"""Passes over torch tensors give what the other engines give; skipped where torch is not installed."""

import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES

from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine, ReferenceEngine
from gaussmix.testing import check_engine, random_mixture
from gaussmix.testing.random_models import random_with_common_basis, with_noise, with_random_degrees

torch = pytest.importorskip("torch")
engines = pytest.importorskip("gaussmix.core.engines.torch")

MOMENTS = ("counts", "shifts", "scatter", "log_likelihood", "entropy")
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
    pytest.param("mps", marks=pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no MPS device")),
]


def on_device(device, dtype):
    return lambda rows, weights: engines.TorchEngine(torch.tensor(rows, dtype=dtype, device=device), weights)


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of few rows on every device."""
    monkeypatch.setattr(engines, "CHUNK_BYTES", {})
    monkeypatch.setattr(engines, "DEVICE_CHUNK_BYTES", 1)


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES[:2])
def test_engine_conforms_in_double_precision(device):
    check_engine(on_device(device, torch.float64))


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_engine_conforms_in_single_precision(device):
    check_engine(on_device(device, torch.float32), rtol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_single_precision_is_that_of_the_rows(device, covariance_type, offset):
    rng = np.random.default_rng(1)
    mixture = random_mixture(covariance_class(covariance_type), 5, 6, rng)
    mixture = replace(with_noise(with_random_degrees(mixture, rng)), means=mixture.means + offset)
    rows, weights = mixture.sample(4000, rng)[0].astype(np.float32), rng.random(4000)
    ours = on_device(device, torch.float32)(rows, weights).accumulate(mixture.whitened())
    exact = NativeEngine(rows, weights).accumulate(mixture.whitened())
    for name in (*MOMENTS, "scaled_counts", "slopes", "background"):
        expected = np.asarray(getattr(exact, name))
        scale = max(exact.weight, np.abs(expected).max())
        np.testing.assert_allclose(getattr(ours, name), expected, rtol=0, atol=1e-6 * scale, err_msg=name)


@pytest.mark.slow
def test_rounding_of_single_precision_does_not_grow_with_the_rows():
    rng = np.random.default_rng(2)
    mixture = random_mixture(covariance_class("full"), 3, 4, rng)
    rows = np.tile(mixture.sample(3000, rng)[0].astype(np.float32), (100, 1))
    ours = on_device("cpu", torch.float32)(rows, None).accumulate(mixture.whitened())
    exact = NativeEngine(rows).accumulate(mixture.whitened())
    for name in MOMENTS:
        np.testing.assert_allclose(getattr(ours, name), getattr(exact, name), rtol=0, atol=1e-6 * len(rows))


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_sums_do_not_depend_on_the_chunks(covariance_type, dtype, small_chunks, monkeypatch):
    rng = np.random.default_rng(3)
    mixture = with_noise(random_mixture(covariance_class(covariance_type), 3, 4, rng)).whitened()
    rows, table = rng.standard_normal((1000, 4)), np.log(rng.dirichlet(np.ones(4), 1000))
    few = on_device("cpu", dtype)(rows, None)
    apart, labels = few.accumulate(mixture, table), few.score_rows(mixture, "labels", table)
    monkeypatch.setattr(engines, "DEVICE_CHUNK_BYTES", 1 << 30)
    together = few.accumulate(mixture, table)
    for name in MOMENTS:
        np.testing.assert_allclose(getattr(apart, name), getattr(together, name), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(labels, few.score_rows(mixture, "labels", table))


@pytest.mark.parametrize("form", ["diagonal", "spherical"])
def test_means_far_apart_are_not_turned(form):
    rng = np.random.default_rng(4)
    whitened, rows = random_with_common_basis(form, 4, 6, 500, rng)
    shift = 1e6 * np.arange(4.0)[:, None]
    whitened, rows = replace(whitened, means=whitened.means + shift), rows + 1e6 * rng.integers(0, 4, 500)[:, None]
    ours, theirs = (
        engine(rows, None).accumulate(whitened) for engine in (on_device("cpu", torch.float64), ReferenceEngine)
    )
    for name in MOMENTS:
        scale = max(500.0, np.abs(getattr(theirs, name)).max())
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("device", DEVICES)
def test_every_pass_gives_the_same_bits(device):
    rng = np.random.default_rng(5)
    mixture = random_mixture(covariance_class("full"), 4, 5, rng)
    engine = on_device(device, torch.float32)(mixture.sample(5000, rng)[0], None)
    first, second = (engine.accumulate(mixture.whitened()) for _ in range(2))
    for name in MOMENTS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("with_center", [False, True])
@pytest.mark.parametrize("limit", [50, 1000])
def test_samples_are_those_of_rows_in_memory(weighted, with_center, limit):
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((400, 3))
    weights = rng.integers(0, 3, 400).astype(float) if weighted else None
    center = random_mixture(covariance_class("full"), 1, 3, rng).whitened() if with_center else None
    ours = on_device("cpu", torch.float64)(rows, weights).sample_rows(limit, np.random.default_rng(0), center)
    theirs = NativeEngine(rows, weights).sample_rows(limit, np.random.default_rng(0), center)
    np.testing.assert_array_equal(ours.values, theirs.values)
    np.testing.assert_allclose(ours.explicit_weights, theirs.explicit_weights, rtol=1e-12)


def test_weights_may_be_a_tensor():
    rng = np.random.default_rng(7)
    mixture = random_mixture(covariance_class("diag"), 2, 3, rng)
    rows, weights = rng.standard_normal((100, 3)), rng.random(100)
    one, other = (on_device("cpu", torch.float64)(rows, w) for w in (weights, torch.tensor(weights)))
    np.testing.assert_array_equal(
        one.accumulate(mixture.whitened()).scatter, other.accumulate(mixture.whitened()).scatter
    )


@pytest.mark.parametrize("want", ["log_density", "responsibilities", "labels", "scores"])
def test_results_can_stay_on_the_device(want):
    rng = np.random.default_rng(8)
    mixture = random_mixture(covariance_class("tied"), 3, 4, rng).whitened()
    engine = on_device("cpu", torch.float32)(rng.standard_normal((300, 4)), None)
    result = engine.score_tensor(mixture, want)
    assert result.dtype == (torch.int64 if want == "labels" else torch.float32)
    np.testing.assert_allclose(result.numpy(), engine.score_rows(mixture, want), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_settings_for_faster_products_do_not_round_distances(precision):
    rng = np.random.default_rng(9)
    mixture = random_mixture(covariance_class("full"), 3, 64, rng)
    engine = on_device("cpu", torch.float32)(mixture.sample(1000, rng)[0], None)
    before = engine.accumulate(mixture.whitened()).log_likelihood
    torch.set_float32_matmul_precision(precision)
    try:
        after = engine.accumulate(mixture.whitened()).log_likelihood
    finally:
        torch.set_float32_matmul_precision("highest")
    assert after == pytest.approx(before, rel=1e-6)


def test_automatic_mixed_precision_does_not_round_distances():
    rng = np.random.default_rng(10)
    mixture = random_mixture(covariance_class("full"), 3, 64, rng)
    engine = on_device("cpu", torch.float32)(mixture.sample(1000, rng)[0], None)
    before = engine.accumulate(mixture.whitened()).log_likelihood
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert engine.accumulate(mixture.whitened()).log_likelihood == before


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_rows_of_weight_zero_leave_no_trace_even_when_far(dtype):
    far = 1e200 if dtype == torch.float64 else 1e30
    rng = np.random.default_rng(11)
    rows = rng.standard_normal((300, 3))
    weights = np.r_[np.ones(300), np.zeros(5)]
    for covariance_type in COVARIANCE_TYPES:
        mixture = with_random_degrees(random_mixture(covariance_class(covariance_type), 3, 3, rng), rng).whitened()
        ours = on_device("cpu", dtype)(np.vstack([rows, np.full((5, 3), far)]), weights).accumulate(mixture)
        plain = on_device("cpu", dtype)(rows, None).accumulate(mixture)
        for name in (*MOMENTS, "slopes", "scaled_counts"):
            np.testing.assert_allclose(getattr(ours, name), getattr(plain, name), rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="asks a POSIX system for the memory of a process")
def test_memory_of_a_pass_does_not_grow_with_the_rows():
    tracked = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_MEMORY)], capture_output=True, text=True, check=True
    )
    grown, size = map(int, tracked.stdout.split())
    assert grown < 0.3 * size


_MEMORY = """
    import resource
    import numpy as np
    import torch
    from gaussmix.core.covariance import covariance_class
    from gaussmix.core.engines.torch import TorchEngine
    from gaussmix.core.mixture import Mixture
    rows = torch.rand((6_000_000, 8), dtype=torch.float32)
    unit = Mixture(np.full(4, 0.25), np.eye(4, 8), covariance_class("diag").identity(4, 8))
    TorchEngine(rows[:50_000]).accumulate(unit.whitened())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    TorchEngine(rows).accumulate(unit.whitened())
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, rows.nbytes)
"""
