"""Fits of rows of Dask on a cluster of two processes, against the same fits of rows in memory.

Claims:

* Ten fits (structures, distributions, seeds) end in the same bits, and so does a fit during which a worker is killed.
* 10,000,000 x 8, k = 10, full: a pass and a fit on two workers with a thread each take at most 1.25 times those in
  memory with two threads.

Method: every worker makes its rows from seeds; the same rows are made here. The cluster is a ``LocalCluster`` whose
scheduler runs in this process. Passes and fits take turns; the table has the medians and in parentheses the ratio of
the fastest turns, which other programs disturbed least. The fit starts from given means and takes 10 iterations, as a
default fit spends its passes over all rows; the default fit, with its search of a sample in this process, is timed
once. The time to read and cut the rows is that of the first look at them (check, greatest values). The exit status is 1
when bits differ, or when the fastest turns contradict a claim. ``--quick`` uses 1,000,000 rows and fewer turns.
"""

import argparse
import logging
import os
import signal
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from sklearn.base import clone

from gaussmix import GaussianMixture, StudentMixture
from gaussmix.core.engines import NativeEngine
from gaussmix.core.engines.dask_rows import rows_of

FEATURES, COMPONENTS, CHUNK = 8, 10, 1 << 18
ATTRIBUTES = ("weights_", "means_", "covariances_", "lower_bound_", "n_iter_")
MOST = 1.25


def rows_of_chunk(number: int, size: int = CHUNK) -> np.ndarray:
    rng = np.random.default_rng(number)
    centers = np.random.default_rng(0).normal(0, 4, (COMPONENTS, FEATURES))
    return rng.standard_normal((size, FEATURES)) + centers[rng.integers(0, COMPONENTS, size)]


def rows_on_workers(n_chunks: int) -> Any:
    def made(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        return rows_of_chunk(block_info[0]["chunk-location"][0])

    shape = (n_chunks * CHUNK, FEATURES)
    return da.zeros(shape, chunks=(CHUNK, FEATURES)).map_blocks(made, dtype=float, meta=np.empty((0, 0)))


def same_bits(one: GaussianMixture, other: GaussianMixture) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ATTRIBUTES)


def compare_bits(X: np.ndarray, D: Any) -> int:
    """Return how many of ten fits end in the same bits."""
    models = [
        *(GaussianMixture(4, covariance_type=name, random_state=0) for name in ("full", "tied", "diag", "spherical")),
        *(GaussianMixture(COMPONENTS, covariance_type=name, random_state=1) for name in ("full", "EEV", "VVI")),
        GaussianMixture(6, init_params="k-means++", random_state=2),
        StudentMixture(3, random_state=3),
        StudentMixture(4, covariance_type="diag", degrees_of_freedom=5.0, random_state=4),
    ]
    same = 0
    for model in models:
        equal = same_bits(clone(model).fit(D), clone(model).fit(X))
        same += equal
        print(f"{model!r:.90}: {'same bits' if equal else 'BITS DIFFER'}", flush=True)
    return same


def survives(X: np.ndarray, D: Any, client: Client) -> bool:
    """Return whether a fit during which a worker is killed ends in the same bits."""
    killed: list[int] = []

    def kill_a_worker(progress: Any) -> None:
        if progress.n_iter >= 3 and not killed:
            killed.append(min(client.run(os.getpid).values()))
            os.kill(killed[0], signal.SIGKILL)

    model = GaussianMixture(4, init_params="k-means++", random_state=1)
    found = GaussianMixture(4, init_params="k-means++", random_state=1, callback=kill_a_worker).fit(D)
    equal = bool(killed) and same_bits(found, model.fit(X))
    print(f"a worker killed in iteration 3: {'same bits' if equal else 'BITS DIFFER'}", flush=True)
    client.wait_for_workers(2, timeout=300)
    return equal


def in_turns(name: str, in_memory: Callable[[], Any], on_cluster: Callable[[], Any], rounds: int) -> dict[str, Any]:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for call, seconds in zip((in_memory, on_cluster), times, strict=True):
            began = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - began)
    ours, theirs = map(statistics.median, times)
    row = {"name": name, "in memory": ours, "on the cluster": theirs, "ratio": theirs / ours}
    row["ratio of the fastest"] = min(times[1]) / min(times[0])
    print(
        f"{name:20}{ours:10.3f} s in memory{theirs:10.3f} s on the cluster{row['ratio']:8.2f}"
        f" ({row['ratio of the fastest']:.2f})",
        flush=True,
    )
    return row


def time_both(n_chunks: int, rounds: int) -> list[dict[str, Any]]:
    X, D = np.concatenate([rows_of_chunk(number) for number in range(n_chunks)]), rows_on_workers(n_chunks)
    began = time.perf_counter()
    rows = rows_of(D)
    engine, native = rows.engine(), NativeEngine(X)
    print(f"{len(X):,} x {FEATURES}: made, cut and checked by the workers in {time.perf_counter() - began:.2f} s")
    means = X[:: len(X) // COMPONENTS][:COMPONENTS]
    fixed = GaussianMixture(COMPONENTS, means_init=means, init_params="random_from_data", max_iter=10, random_state=0)
    found = clone(fixed).fit(X[:100_000])
    whitened = found.mixture_.whitened()
    kept = D.persist()
    table = [
        in_turns("pass", lambda: native.accumulate(whitened), lambda: engine.accumulate(whitened), 3 * rounds),
        in_turns("10 iterations", lambda: clone(fixed).fit(X), lambda: clone(fixed).fit(kept), rounds),
    ]
    default = GaussianMixture(COMPONENTS, random_state=0)
    table.append(in_turns("default fit", lambda: clone(default).fit(X), lambda: clone(default).fit(kept), 1))
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows and turns")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    warn_when_unfair()
    settings: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    settings["silence_logs"] = logging.CRITICAL
    with LocalCluster(**settings) as cluster, Client(cluster) as client:
        table = time_both(4 if options.quick else 39, 3 if options.quick else 2)
        X, D = np.concatenate([rows_of_chunk(number) for number in range(2)]), rows_on_workers(2)
        same, survived = compare_bits(X, D), survives(X, D, client)
    machine = describe_machine()
    print()
    print_machine(machine)
    holds = [row["ratio of the fastest"] <= MOST for row in table[:2]]
    results = {"machine": machine, "times": table, "fits of the same bits": same, "killed worker": survived}
    write_results("dask_cluster-quick" if options.quick else "dask_cluster", results)
    return 0 if same == 10 and survived and (options.quick or all(holds)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
