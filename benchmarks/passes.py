"""Time of one pass of EM over the rows, beside scikit-learn's GaussianMixture and oneDAL's em_gmm.

What is claimed: the milliseconds that one more iteration of EM costs, start-up not counted.

How it is measured: all peers run in this process, on the same float64 rows, from the same start (equal weights, the
true means shifted by half a standard deviation, unit covariances), without a stopping rule and without a ridge. The
time per pass is ``(t(LAST) - t(FIRST)) / (LAST - FIRST)`` with ``t(m)`` the time of a whole fit of ``m`` iterations,
so that validation, the first pass and the last one drop out. The same iterations are timed for every peer. The peers
take turns within a round, with a pause before each fit in which the waiting threads of the last one go to sleep; the
table gives the median of the rounds. ``spread`` is half of the range between the quartiles of ours, as a share of its
median. After LAST iterations the mean log-likelihoods of the peers' parameters on the first 100,000 rows are compared:
the peers did the same work only if ``difference``, the largest in nats per row, is rounding. Other programs that run
meanwhile spoil all of this, above all for programs whose threads wait for each other: the load of the machine at the
start is printed, and a second table has the times of the quickest fits in place of medians.

The rows are drawn from a mixture with moderate overlap (problems.py). ``certainty`` is the mean over the rows of the
largest responsibility under the true mixture: 1 without overlap.

A third table compares ours with the machine: GFLOP/s by the operations that model.py counts, and the share of the bound,
which is the least time that the arithmetic or the reading of the rows could take with all threads at the peak that
peak.py measures, before and after the passes (the larger counts). ``pairs`` is the share of the pairs of a row and a
component that have to be summed.

oneDAL has full and diagonal covariances only. ``--peers`` names the peers, of those in peers.py. A peer that would take
more than a minute for a shape gets a dash there. ``--quick`` uses a tenth of the rows and fewer rounds.
"""

import argparse
import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, warn_when_busy, write_results
from peers import Peer, Start, find_peers

from gaussmix import Mixture
from gaussmix.typing import FloatArray

FIRST, LAST = 1, 11
ROUNDS = {"gaussmix": 7, "oneDAL": 5, "scikit-learn": 3}
PAUSE = 0.05  # seconds


def time_fit(peer: Peer, rows: FloatArray, start: Start, iterations: int) -> tuple[float, Mixture]:
    time.sleep(PAUSE)
    began = time.perf_counter()
    mixture = peer.fit(rows, start, iterations)
    return time.perf_counter() - began, mixture


def per_pass(short: float, long: float) -> float:
    """Milliseconds of one pass, from the seconds of a fit of FIRST and one of LAST iterations."""
    return 1e3 * (long - short) / (LAST - FIRST)


def measure(shape: Shape, peers: list[Peer], rounds: dict[str, int]) -> dict[str, Any]:
    """Milliseconds per pass of each peer in each round, and the log-likelihoods they reached."""
    rows, start, certainty = draw_problem(shape)
    able = [peer for peer in peers if shape.structure in peer.structures]
    for peer in able:
        peer.fit(rows, start, FIRST)  # caches, threads and imports: not counted
    seconds: dict[str, dict[str, list[float]]] = {peer.name: {"short": [], "long": []} for peer in able}
    reached: dict[str, Mixture] = {}
    for turn in range(max(rounds[peer.name] for peer in able)):
        for peer in able:
            if turn < rounds[peer.name]:
                short, _ = time_fit(peer, rows, start, FIRST)
                long, reached[peer.name] = time_fit(peer, rows, start, LAST)
                seconds[peer.name]["short"].append(short)
                seconds[peer.name]["long"].append(long)
    times = {name: [per_pass(*pair) for pair in zip(*fits.values(), strict=True)] for name, fits in seconds.items()}
    likelihoods = {name: float(mixture.log_density(rows[:100_000]).mean()) for name, mixture in reached.items()}
    return {
        "shape": asdict(shape),
        "certainty": certainty,
        "seconds": seconds,
        "milliseconds": times,
        "quickest": {name: per_pass(*map(min, fits.values())) for name, fits in seconds.items()},
        "median": {name: statistics.median(values) for name, values in times.items()},
        "mean_log_likelihood": likelihoods,
        "largest_difference": max(abs(value - likelihoods["gaussmix"]) for value in likelihoods.values()),
    }


def cells(values: dict[str, float], peers: list[Peer]) -> str:
    """Milliseconds and ratio to ours of each peer; a dash for one that does not have the structure."""
    ours = values["gaussmix"]
    return "".join(
        f"{values[peer.name]:10.1f} {values[peer.name] / ours:6.2f}x" if peer.name in values else f"{'-':>18}"
        for peer in peers
    )


def print_row(shape: Shape, result: dict[str, Any], peers: list[Peer]) -> None:
    ours = result["median"]["gaussmix"]
    low, _, high = statistics.quantiles(result["milliseconds"]["gaussmix"], n=4)
    difference = result["largest_difference"]
    spread = f"{(high - low) / 2 / ours:7.1%}"
    print(
        f"{shape!s:32}{cells(result['median'], peers)} {spread} {result['certainty']:10.2f} {difference:12.1e}",
        flush=True,
    )


def time_iris(rounds: int) -> dict[str, float]:
    """Median milliseconds of a whole default fit of k=3 to the 150 iris flowers, ours and scikit-learn's in turns."""
    from sklearn.datasets import load_iris
    from sklearn.mixture import GaussianMixture as Theirs

    from gaussmix import GaussianMixture as Ours

    rows = load_iris().data
    times: dict[str, list[float]] = {"gaussmix": [], "scikit-learn": []}
    for seed in range(-1, rounds):
        for name, kind in (("gaussmix", Ours), ("scikit-learn", Theirs)):
            began = time.perf_counter()
            kind(3, random_state=max(seed, 0)).fit(rows)
            if seed >= 0:
                times[name].append(1e3 * (time.perf_counter() - began))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, fewer rounds")
    quick = parser.parse_args().quick

    peers, missing = find_peers()
    for sentence in missing:
        print(sentence)
    rounds = (
        {"gaussmix": 3, "oneDAL": 3, "scikit-learn": 2} if quick else {"gaussmix": 7, "oneDAL": 5, "scikit-learn": 3}
    )
    shapes = [Shape(s.n_rows // 10, s.n_features, s.n_components, s.structure) if quick else s for s in SHAPES]

    warn_when_busy()
    print(f"Milliseconds per pass of EM (iterations {FIRST + 1} to {LAST}), and the ratio to ours")
    header = "".join(f"{peer.name:>18}" for peer in peers)
    print(f"{'rows x features':32}{header} {'spread':>7} {'certainty':>10} {'difference':>12}")
    results = []
    for shape in shapes:
        results.append(measure(shape, peers, rounds))
        print_row(shape, results[-1], peers)
    print("\nThe same from the quickest fits of each, which other programs disturbed least")
    for shape, result in zip(shapes, results, strict=True):
        print(f"{shape!s:32}{cells(result['quickest'], peers)}")
    iris = time_iris(20)
    print("\nWhole fit, iris, k=3, median: " + ", ".join(f"{name} {value:.1f} ms" for name, value in iris.items()))

    machine = describe_machine()
    print(f"\nRounds: {', '.join(f'{peer.name} {rounds[peer.name]}' for peer in peers)}")
    print_machine(machine)
    report = {"machine": machine, "quick": quick, "rounds": rounds, "passes": results, "iris_milliseconds": iris}
    write_results("passes-quick" if quick else "passes", report)


if __name__ == "__main__":
    main()
