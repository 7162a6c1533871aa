"""Time of a whole default fit of many rows, beside another build.

Claim: on 1,000,000 rows of the seven shapes of problems.py and on 100,000 x 8 rows of 64 components, a default fit
takes at most half of the processor time of the build before, in the geometric mean, and ends in the same optimum or a
better one.

Method: each build fits the problems in a process of its own, with one thread. The fits of a problem follow each other,
build after build, for several rounds with the seeds 0, 1, ...; processor time counts, the least of the rounds. A fit
has three parts: passes over all rows (EM, scores and drawing), the growing samples with the runs that propose steps
("ladder"), and the search on the first sample with everything else. Work is also said in passes: the processor time of
the fit by that of one pass of EM over all rows at its end. The log-likelihoods are those of the same seed; ``gain`` is
the least difference of this build and the one before, in nats over all rows.

``--before PYTHON`` names the interpreter of an environment with the other build. ``--quick`` takes a tenth of the rows
and one round.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from problems import SHAPES, Shape, draw_problem

from gaussmix import GaussianMixture
from gaussmix.core.engines import NativeEngine

N_ROWS = 1_000_000
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LEAST_RATIO = 2.0
SAME = 1e-3  # nats


def list_shapes(quick: bool) -> list[Shape]:
    """Return the shapes of the claim."""
    shapes = [Shape(N_ROWS, each.n_features, each.n_components, each.structure) for each in SHAPES]
    shapes.append(Shape(100_000, 8, 64, "diag"))
    return [Shape(s.n_rows // 10, s.n_features, s.n_components, s.structure) if quick else s for s in shapes]


@dataclass(eq=False)
class Clock:
    """Processor seconds and numbers of the calls of engines with all rows, and the time at which the ladder begins."""

    n_rows: int
    seconds: float = 0.0
    accumulated: int = 0
    scored: int = 0
    drawn: int = 0
    climbing: float = math.nan
    seconds_before: float = 0.0
    stack: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Put the clock into the engine, and into the call that ends the search on the first sample."""
        import gaussmix.fitting.search as search

        for name, counter in (("accumulate", "accumulated"), ("score_rows", "scored"), ("sample_rows", "drawn")):
            setattr(NativeEngine, name, self._timed(getattr(NativeEngine, name), counter))
        finish = search._finish_on_all_rows

        def climbing(*arguments: Any) -> Any:
            self.climbing, self.seconds_before = time.process_time(), self.seconds
            return finish(*arguments)

        search._finish_on_all_rows = climbing

    def _timed(self, method: Callable[..., Any], counter: str) -> Callable[..., Any]:
        def timed(engine: NativeEngine, *arguments: Any, **options: Any) -> Any:
            if engine.n_rows != self.n_rows or self.stack:
                return method(engine, *arguments, **options)
            self.stack.append(counter)
            began = time.process_time()
            try:
                return method(engine, *arguments, **options)
            finally:
                self.stack.pop()
                self.seconds += time.process_time() - began
                setattr(self, counter, getattr(self, counter) + 1)

        return timed


def work(shapes: list[Shape]) -> None:
    """Fit the shape of each line of the standard input, a position and a seed, and print what it took."""
    held: dict[int, Any] = {}
    plain = NativeEngine.accumulate, NativeEngine.score_rows, NativeEngine.sample_rows
    for line in sys.stdin:
        at, seed = map(int, line.split())
        if at not in held:
            held = {at: np.ascontiguousarray(draw_problem(shapes[at]).rows)}
        rows, shape = held[at], shapes[at]
        clock = Clock(len(rows))
        NativeEngine.accumulate, NativeEngine.score_rows, NativeEngine.sample_rows = plain  # type: ignore[method-assign]
        clock.watch()
        model = GaussianMixture(shape.n_components, covariance_type=shape.structure, random_state=seed)
        began = time.process_time()
        model.fit(rows)
        ended = time.process_time()
        counted = clock.accumulated, clock.scored, clock.drawn
        ladder = ended - clock.climbing - (clock.seconds - clock.seconds_before)
        all_rows, mixture = clock.seconds, model.mixture_.whitened()
        began_pass = time.process_time()
        moments = NativeEngine(rows).accumulate(mixture)
        found = {
            "seconds": ended - began,
            "search": clock.climbing - began - clock.seconds_before,
            "ladder": ladder,
            "all_rows": all_rows,
            "one_pass": time.process_time() - began_pass,
            "passes": counted[0],
            "scored": counted[1],
            "drawn": counted[2],
            "log_likelihood": moments.log_likelihood,
        }
        print(json.dumps(found), flush=True)


class Worker:
    """Process that fits problems with one build."""

    def __init__(self, python: str, quick: bool) -> None:
        command = [python, __file__, "--work", *(["--quick"] if quick else [])]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD, bufsize=1
        )

    def fit(self, at: int, seed: int) -> dict[str, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{at} {seed}\n")
        found: dict[str, float] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        self._process.communicate()


def print_row(shape: Shape, found: dict[str, list[dict[str, float]]]) -> None:
    for name, fits in found.items():
        least = min(fits, key=lambda fit: fit["seconds"])
        parts = "".join(f"{least[part] / least['seconds']:8.0%}" for part in ("search", "ladder", "all_rows"))
        counts = "".join(f"{max(fit[part] for fit in fits):8.0f}" for part in ("passes", "scored", "drawn"))
        mean = np.mean([fit["log_likelihood"] for fit in fits])
        print(
            f"{shape!s:32}{name:>9}{least['seconds']:9.2f} s{least['seconds'] / least['one_pass']:8.1f}{parts}{counts}"
            f"{mean:20.4f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, one round")
    parser.add_argument("--before", metavar="PYTHON", help="interpreter of an environment with another build")
    parser.add_argument("--rounds", type=int, default=3, help="fits of each shape by each build")
    parser.add_argument("--shapes", type=lambda text: [int(at) for at in text.split(",")], help="positions, as 0,3")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    shapes = list_shapes(options.quick)
    if options.work:
        work(shapes)
        return
    warn_when_unfair()
    workers = {"before": Worker(options.before, options.quick)} if options.before else {}
    workers["now"] = Worker(sys.executable, options.quick)
    print(
        f"{'rows x features':32}{'build':>9}{'processor':>11}{'passes':>8}{'search':>8}{'ladder':>8}{'all rows':>8}"
        f"{'EM':>8}{'scored':>8}{'drawn':>8}{'log-likelihood':>20}"
    )
    results, ratios, gains = [], [], []
    for at in options.shapes or range(len(shapes)):
        rounds = [
            {name: worker.fit(at, seed) for name, worker in workers.items()}
            for seed in range(1 if options.quick else options.rounds)
        ]
        found = {name: [each[name] for each in rounds] for name in workers}
        results.append({"shape": asdict(shapes[at]), "fits": found})
        print_row(shapes[at], found)
        if options.before:
            seconds = {name: min(fit["seconds"] for fit in fits) for name, fits in found.items()}
            ratios.append(seconds["before"] / seconds["now"])
            gains.append(
                min(
                    now["log_likelihood"] - before["log_likelihood"]
                    for now, before in zip(found["now"], found["before"], strict=True)
                )
            )
            print(f"{'':32}{ratios[-1]:8.2f} times faster, gain {gains[-1]:.4f}", flush=True)
    for worker in workers.values():
        worker.close()
    holds = True
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        holds = mean >= LEAST_RATIO and min(gains) > -SAME
        print(
            f"geometric mean {mean:.2f} (at least {LEAST_RATIO:.0f}), least gain {min(gains):.4f} nats: "
            f"{'holds' if holds else 'DOES NOT HOLD'}"
        )
    machine = describe_machine()
    print_machine(machine)
    write_results("whole-fit-quick" if options.quick else "whole-fit", {"machine": machine, "fits": results})
    raise SystemExit(not holds)


if __name__ == "__main__":
    main()
