"""Conditioning of many rows, compared with gmr.

Claim: the conditional means of 1,000,000 rows of a mixture with 8 features and 10 components take at most a fiftieth of
the time of gmr (``pip install gmr``), and the numbers are the same.

Method: one feature is predicted from the others. gmr loops over the rows in Python, so it is timed on fewer rows, and
its time is scaled. Runs alternate; the least time of each counts.
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

N_ROWS, N_ROWS_OF_PEER, N_FEATURES, N_COMPONENTS, ROUNDS = 1_000_000, 5_000, 8, 10, 3
CLAIM = 50


def seconds_of(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def compare_with_gmr(mixture: Mixture, rows: FloatArray, n_peer: int) -> tuple[float, float]:
    """Return seconds per row of both, gmr's first, after a comparison of the means."""
    import gmr

    peer = gmr.GMM(len(mixture.weights), mixture.weights, mixture.means, mixture.covariance.dense())
    observed, few = np.arange(N_FEATURES - 1), rows[:n_peer]
    gap = np.abs(peer.predict(observed, few) - mixture.condition(few, on=list(observed)).means).max()
    print(f"greatest difference of the means: {gap:.1e}")
    assert gap < 1e-9
    times = [
        (
            seconds_of(lambda: peer.predict(observed, few)) / n_peer,
            seconds_of(lambda: mixture.condition(rows, on=list(observed)).means) / len(rows),
        )
        for _ in range(ROUNDS)
    ]
    return min(theirs for theirs, _ in times), min(ours for _, ours in times)


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
        theirs, ours = compare_with_gmr(mixture, rows, n_peer)
    except ImportError:
        raise SystemExit("gmr is not installed") from None
    print(f"means and standard deviations: {ours * n_rows:.2f} s; gmr, scaled from {n_peer:,}: {theirs * n_rows:.0f} s")
    print(f"gmr / gaussmix = {theirs / ours:.0f} (claim: {CLAIM})\n")
    print_machine(describe_machine())
    if theirs < CLAIM * ours:
        raise SystemExit("the claim fails")


if __name__ == "__main__":
    main()
