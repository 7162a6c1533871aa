"""How long a default fit takes, beside scikit-learn's single start and another build.

Claim: on the problems of optima.py, a default fit takes little more time than one start of scikit-learn, and several
times less than the build before the compiled search.

Method: every build, and scikit-learn, fits the problems in a process of its own. The fits of a problem follow each
other closely, build after build, for several rounds; the least processor time of a problem counts, because a busy
machine only adds to it. All processes have one thread. With ``--usual-threads`` they have their default number, and the
time that passes counts, which needs a quiet machine. The ratios are those of the sums over all problems, and the
geometric mean.

``--before PYTHON`` names the interpreter of an environment with another build; ``--every 8`` takes every eighth
problem.
"""

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contenders import CONTENDERS
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from optima import list_problems

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def work(tables: Path, contender: str, clock: Callable[[], float]) -> None:
    """Fit the problem of each line of the standard input, a position and a seed, and print the seconds."""
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(sys.stderr):  # the standard output is for seconds
        makers = list_problems(tables)
    problems: dict[int, Any] = {}
    for line in sys.stdin:
        at, seed = map(int, line.split())
        if at not in problems:
            problems = {at: makers[at][1]()}
        problem = problems[at]
        began = clock()
        CONTENDERS[contender].fit(problem.rows, problem.k, problem.structure, seed)
        print(clock() - began, flush=True)


class Worker:
    """Process that fits problems."""

    def __init__(self, python: str, tables: Path, contender: str, *, usual_threads: bool) -> None:
        command = [python, __file__, "--tables", str(tables), "--work", contender]
        command += ["--usual-threads"] if usual_threads else []
        environment = os.environ | ({} if usual_threads else ONE_THREAD)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, bufsize=1
        )

    def seconds(self, at: int, seed: int) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{at} {seed}\n")
        return float(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).parent.parent.parent / "shared" / "data" / "tabular"
    parser.add_argument("--tables", type=Path, default=default, metavar="PATH", help="folder of CSV files")
    parser.add_argument("--before", metavar="PYTHON", help="interpreter of an environment with another build")
    parser.add_argument("--rounds", type=int, default=3, help="fits of each problem by each contender")
    parser.add_argument("--every", type=int, default=1, help="take every so many problems")
    parser.add_argument("--usual-threads", action="store_true", help="measure the time that passes")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.tables, options.work, time.perf_counter if options.usual_threads else time.process_time)
        return
    warn_when_unfair()
    usual = options.usual_threads
    workers = {
        name: Worker(sys.executable, options.tables, name, usual_threads=usual) for name in ("gaussmix", "sklearn")
    }
    if options.before:
        workers["before"] = Worker(options.before, options.tables, "gaussmix", usual_threads=usual)
    print(f"{'least ms of a fit':58}" + "".join(f"{name:>11}" for name in workers))
    least: dict[str, dict[str, float]] = {}
    makers = list_problems(options.tables)
    for at in range(0, len(makers), options.every):
        rounds = [
            {name: worker.seconds(at, seed) for name, worker in workers.items()} for seed in range(options.rounds)
        ]
        least[makers[at][0]] = found = {name: min(times[name] for times in rounds) for name in workers}
        print(f"{makers[at][0]:58}" + "".join(f"{1e3 * seconds:11.1f}" for seconds in found.values()), flush=True)
    totals = {name: sum(found[name] for found in least.values()) for name in workers}
    print(f"{'total, s':58}" + "".join(f"{seconds:11.2f}" for seconds in totals.values()))
    for name in list(workers)[1:]:
        mean = math.exp(sum(math.log(found[name] / found["gaussmix"]) for found in least.values()) / len(least))
        ratio = totals[name] / totals["gaussmix"]
        print(f"time of {name} over that of gaussmix: {ratio:.2f} in total, {mean:.2f} in the geometric mean")
    for worker in workers.values():
        worker.close()
    machine = describe_machine()
    print_machine(machine)
    write_results("search_time", {"machine": machine, "seconds": json.loads(json.dumps(least)), "totals": totals})


if __name__ == "__main__":
    main()
