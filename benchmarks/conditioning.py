"""Conditioning of many rows, compared with gmr.

Claim: means and standard deviations of the conditional distributions of 1,000,000 rows of a mixture with 8 features and
10 components take at most a fiftieth of the time of gmr's ``predict``, which returns means only (``pip install gmr``),
and the means are the same.

Method: one feature is predicted from the others. gmr's ``condition``, which returns the whole distribution, takes one
row at a time, so it is timed on fewer rows, and its time is scaled. Times are processor times of all threads; runs
alternate, and the least time of each counts. The ratio is that of AVX-512; it is 35 with AVX2 (``GAUSSMIX_ISA=avx2``).
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair

from gaussmix.core.covariance import covariance_class
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray
from gaussmix.testing import random_mixture

N_ROWS, N_ROWS_OF_PEER, N_FEATURES, N_COMPONENTS, ROUNDS = 1_000_000, 500, 8, 10, 3
CLAIM = 50


def seconds_of(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def compare_with_gmr(mixture: Mixture, rows: FloatArray, n_peer: int) -> dict[str, float]:
    """Return seconds per row of each method, after a comparison of the means."""
    import gmr

    peer = gmr.GMM(len(mixture.weights), mixture.weights, mixture.means, mixture.covariance.dense())
    observed = np.arange(N_FEATURES - 1)
    gap = np.abs(peer.predict(observed, rows[:1000]) - mixture.condition(rows[:1000], on=list(observed)).means).max()
    print(f"greatest difference of the means: {gap:.1e}")
    assert gap < 1e-9
    calls = {
        "gaussmix": (len(rows), lambda: mixture.condition(rows, on=list(observed)).standard_deviations),
        "gmr condition": (n_peer, lambda: [peer.condition(observed, row) for row in rows[:n_peer]]),
        "gmr predict": (len(rows), lambda: peer.predict(observed, rows)),
    }
    rounds = [{name: seconds_of(call) / n for name, (n, call) in calls.items()} for _ in range(ROUNDS)]
    return {name: min(times[name] for times in rounds) for name in calls}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    quick = parser.parse_args().quick
    n_rows, n_peer = (N_ROWS // 10, N_ROWS_OF_PEER // 10) if quick else (N_ROWS, N_ROWS_OF_PEER)
    warn_when_unfair()
    rng = np.random.default_rng(0)
    mixture = random_mixture(covariance_class("full"), N_COMPONENTS, N_FEATURES, rng)
    rows = np.ascontiguousarray(mixture.sample(n_rows, rng)[0][:, :-1])
    given = mixture.condition(rows, on=list(range(N_FEATURES - 1)))
    print(f"{n_rows:,} rows, {N_FEATURES} features, {N_COMPONENTS} components")
    print(f"5 % and 95 % quantiles: {seconds_of(lambda: given.quantiles([0.05, 0.95])):.2f} s")
    try:
        times = compare_with_gmr(mixture, rows, n_peer)
    except ImportError:
        raise SystemExit("gmr is not installed") from None
    ours = times["gaussmix"]
    for name, seconds in times.items():
        print(f"{name:<14}{seconds * n_rows:>10.2f} s {seconds / ours:>10,.0f} times")
    print_machine(describe_machine())
    if min(times["gmr condition"], times["gmr predict"]) < CLAIM * ours:
        raise SystemExit("the claim fails")


if __name__ == "__main__":
    main()
