"""How often a default fit ends in the best known optimum, and its time.

Claim: the share of seeds that end within 0.001 nats of the best known optimum, on simulated mixtures of given overlap
(overlaps.py), on four hard cases (hard_cases.py) and on measured tables (real_tables.py), compared with scikit-learn
with one and with ten starts, and mclust.

Method: every contender fits with its defaults and the seeds 0, 1, ...; the time is that of the whole fit, the median of
the seeds. scikit-learn's ten starts run with three seeds where they are slow; mclust, which is not random, runs once.
One judge (judge.py) computes the log-likelihood of each result ("returned") and of the optimum that plain EM reaches
from it ("basin"). The best known optimum is the greatest sound value among all these optima, the optimum reached from
the true parameters, the published value where there is one, and a long search by random swaps (swaps.py); it is kept in
benchmarks/results/optima-known.json, so that the next run need not search. Values that are higher but unsound
(gaussmix.fitting.degeneracy) are listed, and so are optima above a published value, with the likelihood of held-out
rows.

``--quick`` takes every eighth problem and three seeds.
"""

import argparse
import json
import statistics
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from contenders import CONTENDERS, Contender, Run, Task, run_mclust
from hard_cases import HARD_CASES, HARD_ROWS
from judge import SAME, Judge, Optimum, relative_eigenvalues
from machine import RESULTS, describe_machine, print_machine, warn_when_unfair, write_results
from overlaps import OPTIMA_PROBLEMS, Setting, draw_mixture
from real_tables import FITS_OF_FILES, FITS_OF_SKLEARN, REFERENCE, file_table, reference_fits, sklearn_table
from swaps import search

from gaussmix import Mixture
from gaussmix.core.typing import FloatArray

KNOWN = RESULTS / "optima-known.json"
SLOW = 0.1  # seconds of a fit above which a contender runs with its slow_seeds only
HELD_OUT, REPEATS = 0.2, 10
PEERS = ("sklearn", "sklearn10", "mclust")


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows and the model to fit, with the true parameters or a published value if known."""

    name: str
    rows: FloatArray
    k: int
    structure: str
    truth: Mixture | None = None
    reference: float | None = None


Maker = tuple[str, Callable[[], Problem]]


def list_problems(tables: Path) -> list[Maker]:
    """Return the name of every problem and a function that makes it."""
    makers: list[Maker] = []

    def add(name: str, make: Callable[[], Problem]) -> None:
        makers.append((name, make))

    for case, draw in HARD_CASES.items():
        add(f"hard/{case}", lambda name=f"hard/{case}", draw=draw: simulated(name, draw(), HARD_ROWS))
    for setting in OPTIMA_PROBLEMS:
        add(f"drawn/{setting}", lambda setting=setting: from_setting(setting))
    for table, structure, sizes in FITS_OF_SKLEARN:
        for k in sizes:
            name = f"table/{table} {structure} k={k}"
            add(name, lambda a=name, t=table, k=k, s=structure: Problem(a, sklearn_table(t), k, s))
    if (tables / REFERENCE).exists():
        for table, structure, k, value in reference_fits(tables):
            name, path = f"published/{table} {structure} k={k}", tables / f"{table}.csv"
            add(name, lambda a=name, p=path, k=k, s=structure, v=value: Problem(a, file_table(p), k, s, None, v))
        for table, structure, sizes in FITS_OF_FILES:
            for k in sizes:
                name, path = f"table/{table} {structure} k={k}", tables / f"{table}.csv"
                add(name, lambda a=name, p=path, k=k, s=structure: Problem(a, file_table(p), k, s))
    else:
        print(f"{tables} has no {REFERENCE}, so its tables are left out; name another folder with --tables")
    return makers


def from_setting(setting: Setting) -> Problem:
    mixture = draw_mixture(setting)
    rows, _ = mixture.sample(setting.n_rows, setting.seed)
    return Problem(f"drawn/{setting}", rows, setting.fitted, setting.structure, None if setting.surplus else mixture)


def simulated(name: str, mixture: Mixture, n_rows: int) -> Problem:
    rows, _ = mixture.sample(n_rows, 0)
    return Problem(name, rows, mixture.n_components, mixture.covariance_type, mixture)


@dataclass(frozen=True, eq=False)
class Judged:
    """Run with the log-likelihood of its result and the optimum that EM reaches from it."""

    seconds: float
    returned: float
    returned_sound: bool
    optimum: Optimum


@dataclass(eq=False)
class Record:
    """Results of one problem."""

    problem: Problem
    judge: Judge
    optima: list[Optimum] = field(default_factory=list)
    runs: dict[str, list[Judged]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def add_run(self, name: str, run: Run) -> None:
        value = self.judge.value(run.mixture)
        twins = (other for runs in self.runs.values() for other in runs if abs(other.returned - value) < 1e-9)
        twin = next(twins, None)
        if twin is None:
            judged = Judged(run.seconds, value, self.judge.is_sound(run.mixture), self.add_optimum(run.mixture))
        else:
            judged = Judged(run.seconds, value, twin.returned_sound, twin.optimum)
        self.runs.setdefault(name, []).append(judged)

    def add_optimum(self, mixture: Mixture) -> Optimum:
        found = self.judge.polish(mixture, self.optima)
        if all(found is not optimum for optimum in self.optima):
            self.optima.append(found)
        return found

    @property
    def found(self) -> Optimum | None:
        """Return the best sound optimum that a contender reached."""
        return max((optimum for optimum in self.optima if optimum.sound), key=lambda o: o.value, default=None)

    @property
    def best(self) -> float:
        values = [optimum.value for optimum in self.optima if optimum.sound]
        return max(values + [self.problem.reference] * (self.problem.reference is not None), default=float("nan"))

    def hits(self, name: str, returned: bool) -> int:
        runs = self.runs.get(name, [])
        if returned:
            return sum(run.returned_sound and run.returned >= self.best - SAME for run in runs)
        return sum(run.optimum.sound and run.optimum.value >= self.best - SAME for run in runs)

    def gap(self, name: str) -> float:
        """Return the mean distance in nats from a contender's optima to the best known; 0 above it."""
        return statistics.mean(max(0.0, self.best - run.optimum.value) for run in self.runs[name])

    def unsound(self) -> list[Optimum]:
        return [optimum for optimum in self.optima if not optimum.sound and optimum.value > self.best + SAME]


def key_of(problem: Problem) -> str:
    return f"{problem.name} {zlib.crc32(np.ascontiguousarray(problem.rows).tobytes()):08x}"


def stored(mixture: Mixture) -> dict[str, Any]:
    return {
        "weights": mixture.weights.tolist(),
        "means": mixture.means.tolist(),
        "covariances": mixture.covariance.covariances.tolist(),
    }


def measure(problem: Problem, contenders: list[Contender], seeds: int, known: dict[str, Any]) -> Record:
    """Run all contenders on one problem and record its best optimum in ``known``."""
    record = Record(problem, Judge(problem.rows))
    key = key_of(problem)
    if key in known:
        before = Mixture.from_parameters(**known[key], covariance_type=problem.structure)
        record.optima.append(record.judge.optimum(before))
    if problem.truth is not None:
        record.add_optimum(problem.truth)
    for seed in range(seeds):
        for contender in contenders:
            runs = record.runs.get(contender.name, [])
            slow = contender.slow_seeds is not None and bool(runs) and runs[0].seconds > SLOW
            if contender.name in record.failures or (slow and len(runs) >= (contender.slow_seeds or 0)):
                continue
            try:
                run = contender.fit(problem.rows, problem.k, problem.structure, seed)
            except ValueError as error:
                record.failures[contender.name] = str(error)
                continue
            record.add_run(contender.name, run)
    start = record.found
    if start is not None and key not in known:
        start = search(record.judge, record.optima, start)
    best = record.found
    if best is not None:
        known[key] = stored(best.mixture)
    return record


def held_out_gain(record: Record) -> tuple[float, float] | None:
    """Return the gain over the published optimum per held-out row (nats) and its standard error; None if not met."""
    reference, best = record.problem.reference, record.found
    same = [o for o in record.optima if reference is not None and abs(o.value - reference) < 10 * SAME]
    if best is None or not same:
        return None
    rows, rng, gains = record.problem.rows, np.random.default_rng(0), []
    for _ in range(REPEATS):
        order = rng.permutation(len(rows))
        cut = round(HELD_OUT * len(rows))
        judge = Judge(rows[np.sort(order[cut:])])
        better, published = (judge.polish(optimum.mixture, []).mixture for optimum in (best, same[0]))
        gains.append(float((better.log_density(rows[order[:cut]]) - published.log_density(rows[order[:cut]])).mean()))
    return statistics.mean(gains), statistics.stdev(gains) / REPEATS**0.5


def print_record(record: Record, names: list[str]) -> None:
    words = [f"{record.problem.name:58}{record.best:14.3f}"]
    for name in names:
        runs = record.runs.get(name, [])
        if not runs:
            words.append(f"{record.failures.get(name, '')[:20]:>22}")
            continue
        count = len(runs)
        time_ms = 1e3 * statistics.median(run.seconds for run in runs)
        words.append(f"{record.hits(name, True):4d}{record.hits(name, False):4d} of{count:3d}{time_ms:8.1f}")
    print("".join(words), flush=True)


def summarize(records: list[Record], names: list[str]) -> list[dict[str, Any]]:
    lines = []
    for name in names:
        here = [record for record in records if name in record.runs]
        if not here:
            continue
        shares = {
            kind: [record.hits(name, kind == "returned") / len(record.runs[name]) for record in here]
            for kind in ("returned", "basin")
        }
        medians = {id(r): statistics.median(run.seconds for run in r.runs[name]) for r in here}
        both = [r for r in here if "sklearn10" in r.runs]
        ten = sum(statistics.median(run.seconds for run in r.runs["sklearn10"]) for r in both)
        ours = sum(medians[id(r)] for r in both)
        lines.append(
            {
                "name": name,
                "problems": len(here),
                "failed": sum(name in record.failures for record in records),
                **{f"{kind} rate": statistics.mean(found) for kind, found in shares.items()},
                **{f"{kind} in 95 %": statistics.mean(s >= 0.95 for s in found) for kind, found in shares.items()},
                "never": sum(share == 0 for share in shares["basin"]),
                "gap": statistics.mean(record.gap(name) for record in here),
                "seconds": sum(medians.values()),
                "times as fast as sklearn10": ten / ours if both else None,
                "median times as fast": statistics.median(
                    statistics.median(run.seconds for run in r.runs["sklearn10"]) / medians[id(r)] for r in both
                )
                if both
                else None,
            }
        )
    return lines


def print_summary(title: str, records: list[Record], names: list[str]) -> None:
    print(f"\n{title}: share of seeds at the best known, share of problems where 95 % of the seeds are, and time")
    print(
        f"{'':12}{'problems':>9}{'failed':>8}{'returned':>10}{'basin':>8}{'95 % ret.':>11}{'95 % basin':>11}"
        f"{'never':>7}{'gap, nats':>11}{'seconds':>9}{'vs sklearn10':>14}{'median':>8}"
    )
    for line in summarize(records, names):
        fast = line["times as fast as sklearn10"]
        ratio = "" if fast is None else f"{fast:13.2f}x{line['median times as fast']:7.2f}x"
        print(
            f"{line['name']:12}{line['problems']:9d}{line['failed']:8d}{line['returned rate']:10.1%}"
            f"{line['basin rate']:8.1%}{line['returned in 95 %']:11.1%}{line['basin in 95 %']:11.1%}"
            f"{line['never']:7d}{line['gap']:11.2f}{line['seconds']:9.2f}{ratio}"
        )


def describe_optimum(optimum: Optimum, record: Record) -> dict[str, Any]:
    counts = len(record.problem.rows) * optimum.mixture.weights
    return {
        "problem": record.problem.name,
        "above": optimum.value - record.best,
        "least count": float(counts.min()),
        "least eigenvalue": float(relative_eigenvalues(optimum.mixture).min()),
    }


def report_unsound(records: list[Record]) -> list[dict[str, Any]]:
    found = []
    for record in records:
        for optimum in record.unsound():
            who = [name for name, runs in record.runs.items() if any(run.optimum is optimum for run in runs)]
            found.append(describe_optimum(optimum, record) | {"who": who or ["search"]})
    highest: dict[str, dict[str, Any]] = {}
    for line in sorted(found, key=lambda line: line["above"]):
        highest[line["problem"]] = line
    print(f"\nHigher but unsound: {len(found)} on {len(highest)} problems (highest of each)")
    for line in highest.values():
        print(
            f"{line['problem']:58} +{line['above']:.3f} nats, least count {line['least count']:.1f}, "
            f"least eigenvalue {line['least eigenvalue']:.1e}, by {', '.join(line['who'])}"
        )
    return found


def report_published(records: list[Record]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    print("\nAbove (or short of) the published value")
    for record in records:
        reference, best = record.problem.reference, record.found
        if reference is None or best is None:
            continue
        unsound = [o for o in record.optima if abs(o.value - reference) <= SAME and not o.sound]
        if unsound:
            line = describe_optimum(unsound[0], record)
            print(
                f"{record.problem.name:58} the published optimum is unsound: least count "
                f"{line['least count']:.1f}, least eigenvalue {line['least eigenvalue']:.1e}"
            )
        if abs(best.value - reference) <= SAME:
            continue
        line = describe_optimum(best, record) | {"gain": best.value - reference}
        print(
            f"{record.problem.name:58} {line['gain']:+.4f} nats, least count {line['least count']:.1f}, "
            f"least eigenvalue {line['least eigenvalue']:.1e}",
            end="",
        )
        if line["gain"] > 0:
            line["held out"] = gain = held_out_gain(record)
            words = f", held out {gain[0]:+.4f} ± {gain[1]:.4f} nats per row" if gain else ", published one not met"
            print(words, end="")
        print()
        lines.append(line)
    return lines


def result_of(record: Record) -> dict[str, Any]:
    problem = record.problem
    return {
        "problem": problem.name,
        "rows": problem.rows.shape,
        "k": problem.k,
        "structure": problem.structure,
        "best": record.best,
        "published": problem.reference,
        "runs": {
            name: [
                {
                    "seconds": run.seconds,
                    "returned": run.returned,
                    "basin": run.optimum.value,
                    "returned sound": run.returned_sound,
                    "basin sound": run.optimum.sound,
                }
                for run in runs
            ]
            for name, runs in record.runs.items()
        },
        "failures": record.failures,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every eighth problem, three seeds")
    parser.add_argument("--seeds", type=int, help="default 20")
    parser.add_argument("--only", default="", metavar="NAME", help="problems with this in their name")
    default = Path(__file__).parent.parent.parent / "shared" / "data" / "tabular"
    parser.add_argument("--tables", type=Path, default=default, metavar="PATH", help="folder of CSV files")
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=[*CONTENDERS, "mclust"], help="beside ours")
    options = parser.parse_args()
    seeds = options.seeds or (3 if options.quick else 20)
    warn_when_unfair()
    makers = [maker for maker in list_problems(options.tables) if options.only in maker[0]]
    makers = makers[::8] if options.quick else makers
    names = ["gaussmix", *(name for name in options.peers if name != "gaussmix")]
    contenders = [CONTENDERS[name] for name in names if name != "mclust"]
    known = json.loads(KNOWN.read_text(encoding="utf-8")) if KNOWN.exists() else {}
    began = time.perf_counter()

    problems = [make() for _, make in makers]
    outside: list[Run | str] = []
    if "mclust" in names:
        try:
            outside = run_mclust([Task(problem.rows, problem.k, problem.structure) for problem in problems])
        except ImportError as error:
            print(f"mclust is left out: {error}")
            names.remove("mclust")
        print(f"mclust took {time.perf_counter() - began:.0f} s, drawing of problems included")

    print(f"Seeds at the best known (as returned, in its basin) of those that ran, and the median ms; {seeds} seeds")
    print(f"{'':58}{'best, nats':>14}" + "".join(f"{name:>22}" for name in names))
    records = []
    for number, problem in enumerate(problems):
        record = measure(problem, contenders, seeds, known)
        if outside:
            answer = outside[number]
            if isinstance(answer, str):
                record.failures["mclust"] = answer
            else:
                record.add_run("mclust", answer)
        records.append(record)
        print_record(record, names)
    RESULTS.mkdir(exist_ok=True)
    KNOWN.write_text(json.dumps(known) + "\n", encoding="utf-8")

    for kind in ("hard", "drawn", "table", "published"):
        some = [record for record in records if record.problem.name.startswith(kind + "/")]
        if some:
            print_summary(kind, some, names)
    print_summary("all", records, names)
    unsound, published = report_unsound(records), report_published(records)
    machine = describe_machine()
    print(f"\ntotal {time.perf_counter() - began:.0f} s")
    print_machine(machine)
    write_results(
        "optima-quick" if options.quick else "optima",
        {
            "machine": machine,
            "seeds": seeds,
            "summary": summarize(records, names),
            "problems": [result_of(record) for record in records],
            "unsound": unsound,
            "published": published,
        },
    )


if __name__ == "__main__":
    main()
