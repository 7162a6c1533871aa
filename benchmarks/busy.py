"""Times on a busy machine: fits with the usual threads against one thread, and passes against oneDAL.

Claim: while other programs occupy every processor, a fit with the usual threads takes at most LARGEST_RATIO times as
long as with one thread, and a pass takes oneDAL at least LEAST_RATIO times as long as gaussmix.

Method: eight processes that never wait (``--loops``) run from the beginning to the end of the script, also when it
fails. Two processes make the fits of the first table, one with OMP_NUM_THREADS=1; they take turns, and the ratio is
that of the median times. The second table has the shapes of ``make bench`` for which oneDAL has the structure and
20,000 x 100, k=3, full. Both programs fit in this process, in turns, from the same start. The time of a pass is
``(t(LAST) - t(FIRST)) / (LAST - FIRST)`` with ``t(m)`` the median time of a fit of ``m`` iterations. ``--quick`` takes
a tenth of the rows there, and fewer rounds. ``--loops 0`` shows the same on a machine that is not busy.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, write_results
from peer import Start
from peers import find_peers
from problems import Shape, choose_shapes, draw_problem

from gaussmix import GaussianMixture, GaussianMixtureIC

LARGEST_RATIO, LEAST_RATIO = 1.15, 2.0
FIRST, LAST = 1, 11
LOOP = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    for _ in range(1_000_000):\n        pass"


@contextmanager
def busy_processes(n_loops: int) -> Iterator[None]:
    """Keep processors busy while the body runs. A loop ends by itself soon after this process does."""
    loops: list[subprocess.Popen[bytes]] = []
    try:
        loops += [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(n_loops)]
        yield
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()


def default_fits() -> dict[str, Callable[[], object]]:
    from sklearn.datasets import load_iris

    iris = load_iris().data
    rng = np.random.default_rng(0)
    centers = 4.0 * rng.standard_normal((7, 5))
    table = centers[rng.integers(0, 7, 2100)] + rng.standard_normal((2100, 5))
    return {
        "iris, k=3": lambda: GaussianMixture(3, random_state=0).fit(iris),
        "2,100 x 5, k=7": lambda: GaussianMixture(7, random_state=0).fit(table),
        "iris, GaussianMixtureIC": lambda: GaussianMixtureIC(range(1, 6), random_state=0).fit(iris),
    }


def serve() -> None:
    """Print the seconds of each fit whose name is a line of the input."""
    fits = default_fits()
    for line in sys.stdin:
        began = time.perf_counter()
        fits[line.rstrip("\n")]()
        print(time.perf_counter() - began, flush=True)


class Fitter:
    """Process that fits with a number of threads, None for the usual one."""

    def __init__(self, n_threads: int | None) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        if n_threads is not None:
            environment["OMP_NUM_THREADS"] = str(n_threads)
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def seconds(self, name: str) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def compare_threads(rounds: int) -> dict[str, dict[str, float]]:
    """Print and return the median seconds of the default fits with the usual threads and with one."""
    usual, one = fitters = [Fitter(None), Fitter(1)]
    results = {}
    print(f"{'default fit':28}{'usual threads':>15}{'one thread':>15}{'ratio':>8}")
    for name in default_fits():
        times: dict[Fitter, list[float]] = {fitter: [] for fitter in fitters}
        for turn in range(rounds + 1):
            for fitter in fitters if turn % 2 else fitters[::-1]:
                seconds = fitter.seconds(name)
                if turn:  # the first imports
                    times[fitter].append(seconds)
        ours, alone = statistics.median(times[usual]), statistics.median(times[one])
        results[name] = {"usual": ours, "one": alone, "ratio": ours / alone}
        print(f"{name:28}{ours:13.3f} s{alone:13.3f} s{ours / alone:7.2f}x", flush=True)
    for fitter in fitters:
        fitter.process.communicate()
    return results


def compare_with_onedal(shapes: list[Shape], rounds: int) -> dict[str, dict[str, float]]:
    """Print and return the milliseconds of a pass by gaussmix and by oneDAL."""
    peers, missing = find_peers(("oneDAL",))
    if missing:
        print(*missing)
        return {}
    results = {}
    print(f"\n{'pass':32}{'gaussmix':>12}{'oneDAL':>12}{'ratio':>8}")
    for shape in shapes:
        if not all(shape.structure in peer.structures for peer in peers):
            continue
        problem = draw_problem(shape)
        start = Start(shape.structure, problem.start_means)
        times: dict[tuple[str, int], list[float]] = {}
        for turn in range(rounds + 1):
            for peer in peers:
                for iterations in (FIRST, LAST) if turn else (FIRST,):  # the first fit starts the threads
                    seconds = peer.fit(problem.rows, start, iterations).seconds
                    if turn:
                        times.setdefault((peer.name, iterations), []).append(seconds)
        typical = {key: statistics.median(values) for key, values in times.items()}
        ours, theirs = (1e3 * (typical[peer.name, LAST] - typical[peer.name, FIRST]) / (LAST - FIRST) for peer in peers)
        results[str(shape)] = {"gaussmix": ours, "oneDAL": theirs, "ratio": theirs / ours}
        print(f"{shape!s:32}{ours:9.1f} ms{theirs:9.1f} ms{theirs / ours:7.2f}x", flush=True)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, fewer rounds")
    parser.add_argument("--loops", type=int, default=8, help="processes that keep the processors busy")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return 0
    shapes = [*choose_shapes(options.quick), Shape(2_000 if options.quick else 20_000, 100, 3, "full")]
    with busy_processes(options.loops):
        results: dict[str, Any] = {
            "threads": compare_threads(3 if options.quick else 7),
            "passes": compare_with_onedal(shapes, 2 if options.quick else 3),
        }
    machine = describe_machine()
    print()
    print_machine(machine)
    slow = [name for name, found in results["threads"].items() if found["ratio"] > LARGEST_RATIO]
    slow += [name for name, found in results["passes"].items() if found["ratio"] < LEAST_RATIO]
    print(f"missed the claim: {', '.join(slow) or 'none'}")
    write_results("busy", {"loops": options.loops, "machine": machine, **results})
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
