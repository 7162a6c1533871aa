"""Time of one pass of EM over the rows, compared with scikit-learn's GaussianMixture and oneDAL's em_gmm.

Claim: the milliseconds of one more iteration of EM, without start-up, and their share of the bound for this machine.

Method: all peers run in this process, on the same float64 rows, from the same start (equal weights, the true means
shifted by half a standard deviation, unit covariances), without a stopping rule and without a ridge. The time per pass
is ``(t(LAST) - t(FIRST)) / (LAST - FIRST)`` with ``t(m)`` the time of a whole fit of ``m`` iterations, so that
validation, the first pass and the last one drop out. LAST is 11, for slow peers 3; a fit that stops changing, as that
of one component does, may end earlier, and its actual iterations count. The peers take turns within a round, with a
pause before each fit in which the waiting threads of the last one go to sleep; the table shows the median of the
rounds. ``spread`` is half of the interquartile range of gaussmix, as a share of its median. After LAST iterations the
mean log-likelihoods of the peers' parameters on the first 100,000 rows are compared with that of gaussmix: the peers
did the same work only if ``difference``, the largest in nats per row, is rounding. Other programs that run at the same
time disturb the times, above all of programs whose threads wait for each other: the load of the machine at the start is
printed, and a second table shows the fastest fits instead of medians.

The rows are drawn from a mixture with moderate overlap (problems.py). ``certainty`` is the mean over the rows of the
largest responsibility under the true mixture: 1 without overlap.

A third table compares gaussmix with the machine: GFLOP/s by the operations that model.py counts, and the share of the
bound, which is the least time for the arithmetic or for reading the rows with all threads at the peak that peak.py
measures, before and after the passes (the larger counts). ``pairs`` is the share of the pairs of a row and a component
that have to be summed.

oneDAL has full and diagonal covariances only. ``--peers`` names the peers, of those in peers.py. A peer that would take
more than a minute for a shape is left out there. ``--quick`` uses a tenth of the rows and fewer rounds.
"""

import argparse
import statistics
import subprocess
import time
from dataclasses import asdict, replace
from typing import Any

from machine import describe_machine, print_machine, warn_when_unfair, write_results
from model import bound_seconds, pass_bytes, pass_flops
from peak import PeakRates, larger, measure_peak, print_peak
from peer import Outcome, Peer, Start
from peers import OTHERS, USUAL, find_peers
from problems import Shape, choose_shapes, draw_problem

from gaussmix import Mixture
from gaussmix.core import _native
from gaussmix.core.typing import FloatArray

FIRST = 1
PAUSE = 0.05  # seconds
PATIENCE = 60.0  # seconds that a peer may take for one shape
SETTINGS: dict[str, Any] = {
    "init_params": "kmeans",
    "tol": 1e-3,
    "reg_covar": 1e-6,
    "max_iter": 100,
    "acceleration": "none",
}  # scikit-learn's defaults


def time_fit(peer: Peer, rows: FloatArray, start: Start, iterations: int) -> Outcome:
    time.sleep(PAUSE)
    return peer.fit(rows, start, iterations)


def is_too_slow(peer: Peer, rows: FloatArray, start: Start) -> bool:
    """Run a first fit that is not counted; return True if the others would take too long."""
    try:
        seconds = peer.fit(rows, start, FIRST).seconds
    except subprocess.TimeoutExpired:
        return True
    return seconds * peer.rounds * (FIRST + peer.last + 2) / (FIRST + 1) > PATIENCE


def measure(shape: Shape, peers: list[Peer]) -> dict[str, Any]:
    """Return milliseconds per pass of each peer in each round, and the largest difference of their log-likelihoods."""
    problem = draw_problem(shape)
    rows, start = problem.rows, Start(shape.structure, problem.start_means)
    able = [p for p in peers if shape.structure in p.structures and not is_too_slow(p, rows, start)]
    seconds: dict[str, dict[str, list[float]]] = {peer.name: {"short": [], "long": []} for peer in able}
    reached: dict[str, Mixture] = {}
    done: dict[str, int] = {}
    for turn in range(max(peer.rounds for peer in able)):
        for peer in able:
            if turn < peer.rounds:
                short, long = (time_fit(peer, rows, start, iterations) for iterations in (FIRST, peer.last))
                done[peer.name], reached[peer.name] = long.iterations - short.iterations, long.mixture
                if done[peer.name] < 1:
                    raise RuntimeError(f"{peer.name} ran no more iterations when {peer.last} were requested")
                seconds[peer.name]["short"].append(short.seconds)
                seconds[peer.name]["long"].append(long.seconds)
    times: dict[str, list[float]] = {}
    quickest: dict[str, float] = {}
    differences: dict[str, float] = {}
    some, ours = rows[:100_000], {peers[0].last: reached["gaussmix"]}
    for peer in able:
        fits, passes = seconds[peer.name], done[peer.name] / 1e3
        times[peer.name] = [(long - short) / passes for short, long in zip(*fits.values(), strict=True)]
        quickest[peer.name] = (min(fits["long"]) - min(fits["short"])) / passes
        if peer.same_start:
            if peer.last not in ours:
                ours[peer.last] = peers[0].fit(rows, start, peer.last).mixture
            apart = reached[peer.name].log_density(some).mean() - ours[peer.last].log_density(some).mean()
            differences[peer.name] = abs(float(apart))
    return {
        "shape": asdict(shape),
        "certainty": problem.certainty,
        "pairs": problem.pairs,
        "seconds": seconds,
        "milliseconds": times,
        "quickest": quickest,
        "median": {name: statistics.median(values) for name, values in times.items()},
        "differences": differences,
        "largest_difference": max(differences.values()),
    }


def cells(values: dict[str, float], peers: list[Peer]) -> str:
    """Return milliseconds and ratio to gaussmix of each peer; a dash for a peer without the structure."""
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
    """Return median milliseconds of a whole fit of k=3 to the 150 iris flowers with scikit-learn's settings, in turns.

    A turn is several fits in a row, of which the first, after a pause, is not counted: such short fits would otherwise
    be timed with cold caches, or next to the waiting threads of the other peer.
    """
    from sklearn.datasets import load_iris
    from sklearn.mixture import GaussianMixture as Theirs

    from gaussmix import GaussianMixture as Ours

    rows = load_iris().data
    times: dict[str, list[float]] = {"gaussmix": [], "scikit-learn": []}
    for _ in range(3):
        for name, kind, settings in (("gaussmix", Ours, SETTINGS), ("scikit-learn", Theirs, {})):
            time.sleep(PAUSE)
            for seed in range(-1, rounds):
                began = time.perf_counter()
                kind(3, random_state=max(seed, 0), **settings).fit(rows)
                if seed >= 0:
                    times[name].append(1e3 * (time.perf_counter() - began))
    return {name: statistics.median(values) for name, values in times.items()}


def compare_with_bound(shape: Shape, result: dict[str, Any], peak: PeakRates) -> dict[str, Any]:
    """Return GFLOP/s and GB/s of gaussmix, from the median, and its share of the bound."""
    seconds = 1e-3 * result["median"]["gaussmix"]
    bound, limit = bound_seconds(shape, result["pairs"], peak)
    return {
        "gigaflops": 1e-9 * pass_flops(shape, result["pairs"]) / seconds,
        "gigabytes": 1e-9 * pass_bytes(shape) / seconds,
        "share": bound / seconds,
        "limit": limit,
    }


def print_bounds(shapes: list[Shape], results: list[dict[str, Any]], peak: PeakRates) -> None:
    print("\ngaussmix and the bound of this machine (model.py)")
    print(f"{'rows x features':32}{'GFLOP/s':>10}{'GB/s':>8}{'of the bound':>14}  {'bound by':12}{'pairs':>6}")
    for shape, result in zip(shapes, results, strict=True):
        result["bound"] = found = compare_with_bound(shape, result, peak)
        print(
            f"{shape!s:32}{found['gigaflops']:10.1f}{found['gigabytes']:8.1f}{found['share']:14.0%}  "
            f"{found['limit']:12}{result['pairs']:6.2f}"
        )
    print_peak(peak)


def choose_peers(text: str) -> tuple[str, ...]:
    names = USUAL + OTHERS if text == "all" else tuple(name.strip() for name in text.split(","))
    unknown = [name for name in names if name not in USUAL + OTHERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown peer {unknown[0]!r}; choose from {', '.join(USUAL + OTHERS)}")
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, fewer rounds")
    parser.add_argument("--peers", type=choose_peers, default=USUAL, help=f"all, or some of {','.join(USUAL + OTHERS)}")
    options = parser.parse_args()
    quick = options.quick

    peers, missing = find_peers(options.peers)
    for sentence in missing:
        print(sentence)
    if quick:
        peers = [replace(peer, rounds=min(peer.rounds, 3)) for peer in peers]
    shapes = choose_shapes(quick)

    warn_when_unfair()
    instructions = [_native.selected_instruction_set()]
    peak = measure_peak(instructions)
    print("Milliseconds per pass of EM, and the ratio to gaussmix")
    header = "".join(f"{peer.name:>18}" for peer in peers)
    print(f"{'rows x features':32}{header} {'spread':>7} {'certainty':>10} {'difference':>12}")
    results = []
    for shape in shapes:
        results.append(measure(shape, peers))
        print_row(shape, results[-1], peers)
    print("\nThe same for the fastest fits of each peer, which other programs disturbed least")
    for shape, result in zip(shapes, results, strict=True):
        print(f"{shape!s:32}{cells(result['quickest'], peers)}")
    if peak:
        peak = larger(peak, measure_peak(instructions))
        print_bounds(shapes, results, peak)
    iris = time_iris(20)
    print("\nWhole fit, iris, k=3, median: " + ", ".join(f"{name} {value:.1f} ms" for name, value in iris.items()))

    machine = describe_machine()
    print(f"\nRounds and iterations: {', '.join(f'{p.name} {p.rounds} of {FIRST} and {p.last}' for p in peers)}")
    elsewhere = [peer.name for peer in peers if not peer.same_start]
    if elsewhere:
        print(f"Other start, so the parameters are not in the difference: {', '.join(elsewhere)}")
    print_machine(machine)
    rounds = {peer.name: peer.rounds for peer in peers}
    report = {"machine": machine, "quick": quick, "rounds": rounds, "peak": peak, "passes": results, "iris": iris}
    write_results("passes-quick" if quick else "passes", report)


if __name__ == "__main__":
    main()
