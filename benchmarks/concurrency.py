"""Many fits at once, from Python threads and from processes of joblib, against one after the other.

Claim: neither eight Python threads nor two processes of joblib need more than LARGEST_RATIO times the time of one
thread that fits one after the other.

Method: ``--fits`` default fits of a table with different seeds. The three ways take turns; threads and processes exist
before, and the processes have imported gaussmix. The ratio is that of the quickest turns. The seconds of the processor
are those of this process, without the processes of joblib.
"""

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from machine import describe_machine, print_machine, write_results

from gaussmix import GaussianMixture
from gaussmix.core.typing import FloatArray

LARGEST_RATIO = 1.05
N_THREADS, N_PROCESSES = 8, 2


def fit(rows: FloatArray, n_components: int, seed: int) -> float:
    return GaussianMixture(n_components, random_state=seed).fit(rows).lower_bound_


def tables() -> dict[str, tuple[FloatArray, int]]:
    from sklearn.datasets import load_iris

    rng = np.random.default_rng(0)
    centers = 4.0 * rng.standard_normal((7, 5))
    table = centers[rng.integers(0, 7, 2100)] + rng.standard_normal((2100, 5))
    return {"iris, k=3": (load_iris().data, 3), "2,100 x 5, k=7": (table, 7)}


def measure(rows: FloatArray, n_components: int, n_fits: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return the seconds of each way in its quickest turn, and those of the processor."""
    seeds = range(n_fits)
    best: dict[str, dict[str, float]] = {}
    with ThreadPoolExecutor(N_THREADS) as threads, Parallel(n_jobs=N_PROCESSES) as processes:
        ways: dict[str, Callable[[], list[float]]] = {
            "one after the other": lambda: [fit(rows, n_components, seed) for seed in seeds],
            f"{N_THREADS} threads": lambda: list(threads.map(lambda seed: fit(rows, n_components, seed), seeds)),
            f"{N_PROCESSES} processes": lambda: processes(delayed(fit)(rows, n_components, seed) for seed in seeds),
        }
        processes(delayed(fit)(rows, n_components, seed) for seed in range(4 * N_PROCESSES))
        for _ in range(rounds):
            found = []
            for name, way in ways.items():
                began, used = time.perf_counter(), time.process_time()
                found.append(way())
                turn = {"seconds": time.perf_counter() - began, "processor": time.process_time() - used}
                best[name] = min(best.get(name, turn), turn, key=lambda each: each["seconds"])
            if not all(bounds == found[0] for bounds in found):
                raise RuntimeError("the ways found different models")
    return best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fits", type=int, default=300)
    parser.add_argument("--quick", action="store_true", help="a tenth of the fits")
    options = parser.parse_args()
    n_fits = options.fits // 10 if options.quick else options.fits
    results: dict[str, Any] = {}
    slow = []
    print(f"{f'{n_fits} fits':20}{'way':24}{'seconds':>10}{'ratio':>8}{'processor':>12}")
    for table, (rows, n_components) in tables().items():
        best = results[table] = measure(rows, n_components, n_fits, rounds=2 if options.quick else 3)
        alone = best["one after the other"]["seconds"]
        for way, found in best.items():
            ratio = found["ratio"] = found["seconds"] / alone
            print(f"{table:20}{way:24}{found['seconds']:10.2f}{ratio:7.2f}x{found['processor']:12.2f}", flush=True)
            if ratio > LARGEST_RATIO:
                slow.append(f"{table}, {way}")
    machine = describe_machine()
    print()
    print_machine(machine)
    print(f"missed the claim: {', '.join(slow) or 'none'}")
    write_results("concurrency", {"fits": n_fits, "machine": machine, "tables": results})
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
