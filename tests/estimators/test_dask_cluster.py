"""Fits on a cluster of processes have the bits of those in memory, also when a worker is killed."""

import os
import signal

import numpy as np
import pytest

from gaussmix import GaussianMixture, StudentMixture

da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning:distributed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
SIGKILL = getattr(signal, "SIGKILL", signal.SIGTERM)
CHUNK = 40_000


def rows_of_chunk(number, size=CHUNK):
    """Return rows that every process makes in the same way."""
    rng = np.random.default_rng(number)
    return rng.standard_normal((size, 3)) + 4 * rng.integers(0, 4, size)[:, None]


def made_by_workers(n_chunks):
    def made(block, block_info=None):
        return rows_of_chunk(block_info[0]["chunk-location"][0])

    empty = da.zeros((n_chunks * CHUNK, 3), chunks=(CHUNK, 3))
    return empty.map_blocks(made, dtype=float, meta=np.empty((0, 0)))


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workers")
    settings = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with (
        distributed.LocalCluster(**settings, local_directory=str(folder)) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def rows_in_memory():
    return np.concatenate([rows_of_chunk(number) for number in range(6)])


def same_fit(one, other):
    for name in ("weights_", "means_", "covariances_", "lower_bound_", "n_iter_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("model", [GaussianMixture, StudentMixture])
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_fits_have_the_bits_of_those_in_memory(client, rows_in_memory, model, covariance_type):
    settings = {"n_components": 4, "covariance_type": covariance_type, "random_state": 0}
    ours, theirs = model(**settings).fit(made_by_workers(6)), model(**settings).fit(rows_in_memory)
    same_fit(ours, theirs)
    rows = made_by_workers(6)
    assert ours.score(rows) == theirs.score(rows_in_memory)
    np.testing.assert_array_equal(ours.predict(rows).compute(), theirs.predict(rows_in_memory))


@pytest.mark.parametrize("start", ["auto", "k-means++"])
@pytest.mark.parametrize("iteration", [1, 4])
def test_a_killed_worker_does_not_change_the_fit(client, rows_in_memory, start, iteration):
    killed = []

    def kill_a_worker(progress):
        if progress.n_iter >= iteration and not killed:
            killed.append(min(client.run(os.getpid).values()))
            os.kill(killed[0], SIGKILL)

    settings = {"n_components": 4, "init_params": start, "random_state": 1}
    ours = GaussianMixture(**settings, callback=kill_a_worker).fit(made_by_workers(6))
    assert killed
    same_fit(ours, GaussianMixture(**settings).fit(rows_in_memory))
    client.wait_for_workers(2, timeout=300)


def test_a_bad_value_on_a_worker_is_named(client):
    rows = made_by_workers(3)
    rows = da.where((da.arange(3 * CHUNK, chunks=CHUNK) == CHUNK + 17)[:, None], np.nan, rows)
    with pytest.raises(ValueError, match=f"X has NaN at row {CHUNK + 17}, column 0"):
        GaussianMixture(2).fit(rows)
