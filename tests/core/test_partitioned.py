"""A pass over partitions has the bits of a pass over the same rows in memory."""

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES

from gaussmix.core import _native
from gaussmix.core.covariance import COVARIANCES, covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.engines.partitioned import AbstractPartitions, PartitionedEngine, aligned_edges
from gaussmix.core.engines.pass_sums import SEGMENT_ROWS
from gaussmix.testing import check_engine, random_mixture
from gaussmix.testing.random_models import random_with_common_basis, with_noise, with_random_degrees

SUMS = ("counts", "shifts", "scatter", "log_likelihood", "entropy", "background", "scaled_counts", "slopes")
N_ROWS = 3 * SEGMENT_ROWS + 1234


class Local(AbstractPartitions):
    """Partitions of an array in this process."""

    def __init__(self, rows, edges):
        self.parts = np.split(rows, edges[1:-1])
        self.edges, self.n_features, self.dtype = np.asarray(edges), rows.shape[1], rows.dtype

    def run(self, function, *shared, each=None):
        if each is None:
            return [function(part, *shared) for part in self.parts]
        return [function(part, *shared, own) for part, own in zip(self.parts, each, strict=True) if own is not None]


def engine_of(rows, edges=(0, SEGMENT_ROWS, 3 * SEGMENT_ROWS, N_ROWS)):
    return PartitionedEngine(Local(rows, edges), NativeEngine(rows).greatest)


def equal_sums(one, other):
    for name in SUMS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.slow
def test_engine_of_partitions_conforms():
    def make(rows, weights):
        return NativeEngine(rows, weights) if weights is not None else engine_of(rows, (0, len(rows)))

    check_engine(make)


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("kind", ["normal", "noise", "t"])
def test_sums_have_the_bits_of_those_in_memory(covariance_type, kind):
    rng = np.random.default_rng(3)
    mixture = random_mixture(covariance_class(covariance_type), 3, 2, rng)
    if kind != "normal":
        mixture = with_noise(mixture) if kind == "noise" else with_random_degrees(mixture, rng)
    rows = mixture.sample(N_ROWS, rng)[0]
    equal_sums(engine_of(rows).accumulate(mixture.whitened()), NativeEngine(rows).accumulate(mixture.whitened()))


@pytest.mark.slow
@pytest.mark.parametrize("structure", COVARIANCES)
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (2, 60)])
def test_all_sizes_and_structures_have_the_bits_of_those_in_memory(structure, size):
    rng = np.random.default_rng(5)
    mixture = random_mixture(covariance_class(structure), *size, rng)
    rows = np.tile(mixture.sample(2000, rng)[0], (N_ROWS // 2000 + 1, 1))[:N_ROWS]
    equal_sums(engine_of(rows).accumulate(mixture.whitened()), NativeEngine(rows).accumulate(mixture.whitened()))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["diagonal", "spherical"])
def test_components_with_axes_in_common_have_the_bits_of_those_in_memory(form):
    whitened, rows = random_with_common_basis(form, 8, 16, 2000, np.random.default_rng(1))
    rows = np.tile(rows, (N_ROWS // 2000 + 1, 1))[:N_ROWS]
    equal_sums(engine_of(rows).accumulate(whitened), NativeEngine(rows).accumulate(whitened))


def test_rough_passes_have_the_bits_of_those_in_memory():
    rng = np.random.default_rng(2)
    mixture = random_mixture(covariance_class("full"), 3, 2, rng)
    rows = mixture.sample(N_ROWS, rng)[0].astype(np.float32)
    ours, theirs = engine_of(rows), NativeEngine(rows)
    assert ours.rough_helps
    equal_sums(ours.accumulate(mixture.whitened(), rough=True), theirs.accumulate(mixture.whitened(), rough=True))
    rows[SEGMENT_ROWS + 5, 1] = 1e9  # in one partition only; single precision is not enough for any of them
    rough = engine_of(rows).accumulate(mixture.whitened(), rough=True)
    equal_sums(rough, NativeEngine(rows).accumulate(mixture.whitened()))


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_calls_that_end_within_segments_do_not_change_bits(covariance_type, monkeypatch):
    rng = np.random.default_rng(4)
    mixture = random_mixture(covariance_class(covariance_type), 3, 2, rng)
    rows = mixture.sample(2 * SEGMENT_ROWS + 999, rng)[0]
    whole = NativeEngine(rows).accumulate(mixture.whitened())
    monkeypatch.setattr("gaussmix.core.engines.native.QUICK_CALL", 0.0)  # pieces do not grow
    monkeypatch.setattr("gaussmix.core.engines.native.FLOPS_PER_CALL", 1.0)
    equal_sums(NativeEngine(rows).accumulate(mixture.whitened()), whole)
    equal_sums(NativeEngine(np.asfortranarray(rows)).accumulate(mixture.whitened()), whole)


@pytest.mark.parametrize(("k", "d"), [(1, 1), (10, 8), (200, 20), (1000, 40), (3, 784)])
@pytest.mark.parametrize("form", ["full", "tied", "diagonal", "spherical"])
def test_segments_have_whole_blocks(form, k, d):
    for incomplete in (False, True):
        assert SEGMENT_ROWS % _native.block_rows(form, k, d, incomplete) == 0


@pytest.mark.parametrize(
    ("sizes", "segments"),
    [
        ([10] * 5, [0]),
        ([SEGMENT_ROWS, SEGMENT_ROWS], [0, 1]),
        ([SEGMENT_ROWS - 5, 10, 2 * SEGMENT_ROWS, 0], [0, 1, 3]),
        ([0, 5 * SEGMENT_ROWS // 4, SEGMENT_ROWS // 4], [0, 1]),
    ],
)
def test_partitions_are_cut_near_those_of_the_user(sizes, segments):
    edges = aligned_edges(sizes)
    assert edges[-1] == sum(sizes)
    assert (edges[:-1] == SEGMENT_ROWS * np.array(segments)).all() or sum(sizes) % SEGMENT_ROWS == 0
    assert (edges[:-1] % SEGMENT_ROWS == 0).all()
    assert (np.diff(edges) > 0).all()


@pytest.mark.parametrize("limit", [1, 50, N_ROWS + 1])
def test_samples_are_those_of_rows_in_memory(limit):
    rows = np.random.default_rng(0).standard_normal((N_ROWS, 2))
    ours, theirs = engine_of(rows), NativeEngine(rows)
    few = ours.sample_rows(limit, np.random.default_rng(7))
    np.testing.assert_array_equal(few.values, theirs.sample_rows(limit, np.random.default_rng(7)).values)
    center = random_mixture(covariance_class("full"), 1, 2, np.random.default_rng(8)).whitened()
    few, expected = (engine.sample_rows(500, np.random.default_rng(7), center) for engine in (ours, theirs))
    np.testing.assert_array_equal(few.values, expected.values)
    np.testing.assert_array_equal(few.weights, expected.weights)


def test_scores_are_those_of_rows_in_memory():
    rng = np.random.default_rng(6)
    mixture = random_mixture(covariance_class("full"), 3, 2, rng)
    rows = mixture.sample(N_ROWS, rng)[0]
    prior = np.log(rng.dirichlet(np.ones(3), N_ROWS))
    for want in ("log_density", "responsibilities", "labels", "scores"):
        ours = engine_of(rows).score_rows(mixture.whitened(), want, prior)
        np.testing.assert_array_equal(ours, NativeEngine(rows).score_rows(mixture.whitened(), want, prior))
    equal_sums(
        engine_of(rows).accumulate(mixture.whitened(), prior), NativeEngine(rows).accumulate(mixture.whitened(), prior)
    )


def test_weights_do_not_change_what_a_segment_is():
    rng = np.random.default_rng(8)
    mixture = random_mixture(covariance_class("diag"), 2, 2, rng)
    rows = mixture.sample(2 * SEGMENT_ROWS, rng)[0]
    one, other = NativeEngine(rows), NativeEngine(rows, np.ones(len(rows)))
    equal_sums(one.accumulate(mixture.whitened()), other.accumulate(mixture.whitened()))
