"""Time of passes over rows with missing values or measurement errors, against complete rows and against peers.

Claims, for passes on two threads:

* 100,000 x 10, 5 full components, 20 % of the values missing (about 1,000 patterns): at most 6 times a pass over the
  same rows before values were removed.
* 1,000,000 x 4, 5 components, one column missing in 10 % of the rows: at most 1.6 times.
* 20,000 x 20, 4 components, 30 % missing, which is a pattern per row: at most 25 times.
* 2,000 x 16, 4 components, about 1,755 patterns: at least 100 times faster than a step of tgmm.
* 50,000 x 6, 8 components, a covariance of the errors for each row: at least 50 times faster than a step of pygmmis,
  and at most 0.37 processor microseconds for each row and component.

Method: rows are drawn from a random mixture, and passes are made at that mixture. Passes take turns (timing.py); the
table has the medians and in parentheses the ratios of the fastest turns, which other programs disturbed least. A step
of a peer is half of what a fit with three steps takes longer than one with one step, in processor seconds, from the
same start; passes of gaussmix are compared with it in processor seconds, too. tgmm computes on the CPU in double
precision. Peers that are not installed are left out: ``pip install tgmm pygmmis``. As in a fit, NumPy's BLAS has one
thread. The exit status is 1 when the fastest turns contradict a claim. ``--quick`` uses a tenth of the rows for pygmmis
and of a million rows, and fewer turns.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from timing import time_in_turns

from gaussmix import Mixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import AbstractEngine, NativeEngine, engine_for
from gaussmix.core.environment import one_blas_thread
from gaussmix.core.noise import NoiseCovariance
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.core.whitened import WhitenedMixture
from gaussmix.testing import random_mixture


@dataclass(frozen=True)
class Case:
    """Rows, and the most that a pass may take: a multiple of the complete pass, or microseconds per pair."""

    name: str
    n: int
    d: int
    k: int
    share: float = 0.0  # of the values that are missing
    column: bool = False  # in a tenth of the rows, the same column is missing
    errors: str = ""
    structure: str = "full"
    most: float | None = None
    most_microseconds: float | None = None


CASES = (
    Case("1,000 patterns", 100_000, 10, 5, share=0.2, most=6.0),
    Case("1,000 patterns, tied", 100_000, 10, 5, share=0.2, structure="tied"),
    Case("1,000 patterns, diagonal", 100_000, 10, 5, share=0.2, structure="diag"),
    Case("one column", 1_000_000, 4, 5, column=True, most=1.6),
    Case("a pattern per row", 20_000, 20, 4, share=0.3, most=25.0),
    Case("as of tgmm", 2_000, 16, 4, share=0.3),
    Case("covariances of errors", 50_000, 6, 8, errors="covariances", most_microseconds=0.37),
    Case("variances of errors", 50_000, 6, 8, errors="variances", most_microseconds=0.37),
)


def draw(case: Case, n: int) -> tuple[Mixture, FloatArray, WeightedRows]:
    """Return a mixture, complete rows, and the incomplete rows."""
    rng = np.random.default_rng(case.d)
    mixture = random_mixture(covariance_class(case.structure), case.k, case.d, rng)
    complete = np.ascontiguousarray(mixture.sample(n, rng)[0])
    rows = np.where(rng.random(complete.shape) < case.share, np.nan, complete)
    if case.column:
        rows[rng.random(n) < 0.1, 1] = np.nan
    noise = None
    if case.errors:
        roots = 0.5 * rng.standard_normal((n, case.d, case.d))
        covariances = roots @ roots.transpose(0, 2, 1)
        values = covariances if case.errors == "covariances" else np.diagonal(covariances, axis1=1, axis2=2)
        noise = NoiseCovariance.checked(values, n, case.d)
    return mixture, complete, WeightedRows(rows, None, None, noise)


def measure(case: Case, rounds: int, quick: bool) -> dict[str, Any]:
    n = case.n // 10 if quick and case.n >= 1_000_000 else case.n
    mixture, complete, rows = draw(case, n)
    whitened = mixture.whitened()
    plain, engine = NativeEngine(complete), engine_for(rows)
    began = time.perf_counter()
    engine.accumulate(whitened)
    first = time.perf_counter() - began
    passes = time_in_turns([lambda: plain.accumulate(whitened), lambda: engine.accumulate(whitened)], rounds)
    processor = processor_seconds(engine, whitened, rounds)
    patterns = 1 if rows.missing is None else len(np.unique(rows.missing, axis=0))
    return {
        "name": case.name,
        "n": n,
        "patterns": patterns,
        "complete": passes[0].__dict__,
        "incomplete": passes[1].__dict__,
        "ratio": passes[1].median / passes[0].median,
        "quickest_ratio": passes[1].quickest / passes[0].quickest,
        "first_pass": first,
        "processor_seconds": processor,
        "microseconds_per_pair": 1e6 * processor / (n * case.k),
        "holds": (case.most is None or passes[1].quickest <= case.most * passes[0].quickest)
        and (case.most_microseconds is None or 1e6 * processor <= case.most_microseconds * n * case.k),
    }


def processor_seconds(engine: AbstractEngine, whitened: WhitenedMixture, rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        before = used()
        for _ in range(5):
            engine.accumulate(whitened)
        seconds.append((used() - before) / 5)
    return statistics.median(seconds)


def used() -> float:
    """Return the processor seconds of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def step_of(fit: Callable[[int], object]) -> float:
    """Return the processor seconds of one step of a fit, given a fit with some number of steps."""
    seconds = []
    for steps in (1, 3):
        before = used()
        fit(steps)
        seconds.append(used() - before)
    return (seconds[1] - seconds[0]) / 2


def step_of_tgmm(case: Case, n: int) -> float:
    import tgmm
    import torch

    torch.set_num_threads(1)  # with which its short calls take the fewest processor seconds
    mixture, _, rows = draw(case, n)
    means = torch.from_numpy(mixture.means.copy())
    values = torch.from_numpy(rows.values.copy())

    def fit(steps: int) -> object:
        model = tgmm.GaussianMixture(case.k, missing="em", max_iter=steps, tol=1e-300, init_means=means, random_state=0)
        return model.fit(values)

    return step_of(fit)


def step_of_pygmmis(case: Case, n: int) -> float:
    import pygmmis

    mixture, _, rows = draw(case, n)
    assert rows.noise is not None
    covariances = rows.noise.values

    def fit(steps: int) -> object:
        model = pygmmis.GMM(K=case.k, D=case.d)
        model.amp[:], model.mean[:], model.covar[:] = mixture.weights, mixture.means, mixture.covariance.dense()
        return pygmmis.fit(
            model, rows.values, covar=covariances, init_method="none", maxiter=steps, miniter=steps, tol=0
        )

    return step_of(fit)


def compare(found: list[dict[str, Any]], quick: bool) -> list[dict[str, Any]]:
    """Return the peers' processor seconds per row, as multiples of ours."""
    peers = []
    for name, measured, least, case_name, n in (
        ("tgmm", step_of_tgmm, 100.0, "as of tgmm", 2_000),
        ("pygmmis", step_of_pygmmis, 50.0, "covariances of errors", 5_000 if quick else 50_000),
    ):
        case = next(case for case in CASES if case.name == case_name)
        ours = next(row for row in found if row["name"] == case_name)
        try:
            seconds = measured(case, n)
        except ImportError as error:
            print(f"{name} is left out: {error}")
            continue
        ratio = (seconds / n) / (ours["processor_seconds"] / ours["n"])
        print(
            f"{name:8} {case_name:24} {n:7} rows {seconds:8.2f} processor s a step, {ratio:7.0f} times ours", flush=True
        )
        peers.append({"peer": name, "n": n, "processor_seconds": seconds, "ratio": ratio, "holds": ratio >= least})
    return peers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows and turns")
    options = parser.parse_args()
    warn_when_unfair()
    rounds = 3 if options.quick else 9
    print(f"\n{'':26}{'rows':>9}{'patterns':>9}{'complete':>11}{'incomplete':>11}{'ratio':>16}{'us/pair':>9}")
    found = []
    for case in CASES:
        with one_blas_thread():
            row = measure(case, rounds, options.quick)
        found.append(row)
        print(
            f"{row['name']:26}{row['n']:9}{row['patterns']:9}{1e3 * row['complete']['median']:8.2f} ms"
            f"{1e3 * row['incomplete']['median']:8.2f} ms{row['ratio']:8.2f} ({row['quickest_ratio']:5.2f})"
            f"{row['microseconds_per_pair']:9.3f}{'' if row['holds'] else '  claim fails'}",
            flush=True,
        )
    peers = compare(found, options.quick)
    machine = describe_machine()
    print()
    print_machine(machine)
    name = "incomplete_passes-quick" if options.quick else "incomplete_passes"
    write_results(name, {"machine": machine, "quick": options.quick, "passes": found, "peers": peers})
    return 0 if all(row["holds"] for row in [*found, *peers]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
