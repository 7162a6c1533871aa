"""How often a default fit ends in the best known optimum, by kind of table.

Claim: on every kind of table (table_kinds.py) nearly all seeds end in the best known optimum, and no fit ends below the
optimum that scikit-learn's default fit with the same seed leads to.

Method: seed i fits one of five tables of its kind with ``random_state=i``. The best known optimum of a table is the
greatest sound value reached by anyone: our fits, scikit-learn with one and with twenty starts, mclust, EM from the
true components, and a long search by random swaps (swaps.py; for structures it does not know, fits with fifty starts).
It is kept in benchmarks/results/kinds, so that the next run need not search. A seed counts if the fit that is returned
is sound and at most 0.001 nats below. Where a component must have fewer rows than columns, no optimum is sound, and a
seed counts if the labels are the true ones (adjusted Rand index above 0.99). scikit-learn's optimum is the one that
plain EM reaches from its result (judge.py). Times are processor seconds of one thread, of the same run.

``--quick`` leaves out big tables and takes five seeds.
"""

import argparse
import json
import re
import statistics
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from contenders import Run, Task, run_mclust, sklearn_fit
from further_kinds import FURTHER_KINDS
from judge import SAME, Judge, Optimum
from machine import RESULTS, describe_machine, print_machine, warn_when_unfair, write_results
from other_kinds import OTHER_KINDS
from sklearn.metrics import adjusted_rand_score
from swaps import search
from table_kinds import KINDS, Kind

from gaussmix import GaussianMixture, Mixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.starts import start_from_labels

TABLES = 5  # of each kind
LONG = 50  # starts of a long search
MOST_COLUMNS = 50  # for mclust, which takes minutes with more
STARTS = 20  # of scikit-learn, for the best known optimum
FOUR = ("full", "tied", "diag", "spherical")
MIXED = re.compile(r"[^a-z0-9]+")


@dataclass(eq=False)
class Known:
    """Best known values of the tables of a kind, and the optima of scikit-learn's fits, by table and seed.

    A value is None if no optimum is sound.
    """

    kind: Kind
    best: dict[str, float | None] = field(default_factory=dict)
    peer: dict[str, float | None] = field(default_factory=dict)

    @property
    def path(self) -> Any:
        return RESULTS / "kinds" / f"{MIXED.sub('-', self.kind.name.lower())}.json"

    def load(self) -> "Known":
        if self.path.exists():
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            self.best, self.peer = stored["best"], stored["peer"]
        return self

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({"best": self.best, "peer": self.peer}) + "\n", encoding="utf-8")

    def improve(self, table: int, value: float) -> None:
        known = self.best.get(str(table))
        if known is None or value > known:
            self.best[str(table)] = value


@dataclass(frozen=True, eq=False)
class Outcome:
    """One fit: its value, whether it is sound and has the true labels, and its processor seconds."""

    table: int
    seed: int
    value: float
    is_sound: bool
    agreement: float
    seconds: float
    peer_seconds: float = float("nan")


def fit_ours(rows: FloatArray, kind: Kind, seed: int, **options: Any) -> Run:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.process_time()
        model = GaussianMixture(kind.k, covariance_type=kind.structure, random_state=seed, **options).fit(rows)
        return Run(time.process_time() - began, model.mixture_)


def fit_peer(rows: FloatArray, kind: Kind, seed: int, **options: Any) -> Run | None:
    """Return the fit of scikit-learn; None if it has no such structure or fails."""
    if kind.structure not in FOUR:
        return None
    began = time.process_time()
    try:
        run = sklearn_fit(**options)(rows, kind.k, kind.structure, seed)
    except ValueError:
        return None
    return Run(time.process_time() - began, run.mixture)


def find_best(kind: Kind, rows: FloatArray, labels: IntArray, outside: Run | str | None) -> float | None:
    """Return the greatest sound value of the contenders, other than our fits with the seeds of the run."""
    judge, optima = Judge(rows), list[Optimum]()
    structure = covariance_class(kind.structure)
    truth = start_from_labels(Sample.of(WeightedRows(rows, None), structure.form), labels, structure, kind.k)
    candidates: list[Mixture] = [truth, fit_ours(rows, kind, 0, n_init=LONG).mixture]
    peers = [fit_peer(rows, kind, 1000), fit_peer(rows, kind, 1000, n_init=STARTS), outside]
    candidates += [run.mixture for run in peers if isinstance(run, Run)]
    for mixture in candidates:
        found = judge.polish(mixture, optima)
        if all(found is not optimum for optimum in optima):
            optima.append(found)
    sound = [optimum for optimum in optima if optimum.sound]
    if not sound:
        return None
    best = max(sound, key=lambda optimum: optimum.value)
    if kind.structure in FOUR and not kind.is_big:
        best = search(judge, optima, best)
    return best.value


def prepare(known: Known, tables: list[int]) -> None:
    """Find the best values that are not known yet."""
    kind, missing = known.kind, [table for table in tables if str(table) not in known.best]
    if not missing:
        return
    drawn = [kind.table(table) for table in missing]
    outside: list[Run | str] | list[None] = [None] * len(missing)
    if not kind.is_big and drawn[0][0].shape[1] < MOST_COLUMNS:
        try:
            outside = run_mclust([Task(rows, kind.k, kind.structure) for rows, _ in drawn])
        except ImportError as error:
            print(f"mclust is left out: {error}")
    for table, (rows, labels), run in zip(missing, drawn, outside, strict=True):
        known.best[str(table)] = find_best(kind, rows, labels, run)
    known.save()


def measure(known: Known, seeds: int, *, ours_only: bool) -> list[Outcome]:
    kind, outcomes = known.kind, []
    prepare(known, list(range(min(TABLES, seeds))))
    for seed in range(seeds):
        table = seed % TABLES
        rows, labels = kind.table(table)
        judge = Judge(rows)
        run = fit_ours(rows, kind, seed)
        value, is_sound = judge.value(run.mixture), judge.is_sound(run.mixture)
        if is_sound:
            known.improve(table, value)
        key = f"{table} {seed}"
        peer = None if ours_only else fit_peer(rows, kind, seed)
        if peer is not None and key not in known.peer:
            optimum = judge.polish(peer.mixture, [])
            known.peer[key] = optimum.value if optimum.sound else None
            if optimum.sound:
                known.improve(table, optimum.value)
        agreement = adjusted_rand_score(labels, run.mixture.labels(rows))
        outcomes.append(
            Outcome(table, seed, value, is_sound, agreement, run.seconds, peer.seconds if peer else float("nan"))
        )
    known.save()
    return outcomes


def is_hit(outcome: Outcome, known: Known) -> bool:
    best = known.best[str(outcome.table)]
    if best is None:
        return outcome.agreement > 0.99
    return outcome.is_sound and outcome.value >= best - SAME


def is_below_peer(outcome: Outcome, known: Known) -> bool:
    peer = known.peer.get(f"{outcome.table} {outcome.seed}")
    return peer is not None and outcome.is_sound and outcome.value < peer - SAME


def peer_hits(outcomes: list[Outcome], known: Known) -> float:
    """Return the share of scikit-learn's fits whose optimum is the best known; NaN without any."""
    found = [(o, known.peer[f"{o.table} {o.seed}"]) for o in outcomes if f"{o.table} {o.seed}" in known.peer]
    hits = [v is not None and (b := known.best[str(o.table)]) is not None and v >= b - SAME for o, v in found]
    return statistics.mean(hits) if hits else float("nan")


def result_of(known: Known, outcomes: list[Outcome]) -> dict[str, Any]:
    gaps = [(known.best[str(o.table)] or np.nan) - o.value for o in outcomes if not is_hit(o, known)]
    return {
        "kind": known.kind.name,
        "structure": known.kind.structure,
        "sound": known.kind.is_sound,
        "hits": statistics.mean(is_hit(outcome, known) for outcome in outcomes),
        "true labels": statistics.mean(outcome.agreement > 0.99 for outcome in outcomes),
        "peer hits": peer_hits(outcomes, known),
        "below peer": sum(is_below_peer(outcome, known) for outcome in outcomes),
        "missed": [outcome.seed for outcome in outcomes if not is_hit(outcome, known)],
        "greatest gap": max(gaps, default=0.0),
        "seconds": statistics.median(outcome.seconds for outcome in outcomes),
        "peer seconds": statistics.median(outcome.peer_seconds for outcome in outcomes),
    }


def print_result(line: dict[str, Any]) -> None:
    print(
        f"{line['kind']:34}{line['structure']:>10} {'' if line['sound'] else 'ambiguous':10}{line['hits']:7.0%}"
        f"{line['true labels']:7.0%}{line['peer hits']:9.0%}{line['below peer']:7d}{line['greatest gap']:11.2f}"
        f"{1e3 * line['seconds']:9.0f}{1e3 * line['peer seconds']:9.0f}  "
        f"{' '.join(map(str, line['missed'][:8]))}",
        flush=True,
    )


def print_summary(lines: list[dict[str, Any]]) -> None:
    for title, some in (
        ("one sound best optimum", [line for line in lines if line["sound"]]),
        ("ambiguous", [line for line in lines if not line["sound"]]),
        ("all", lines),
    ):
        if some:
            worst = min(some, key=lambda line: line["hits"])
            print(
                f"{title}: {len(some)} kinds, {statistics.mean(line['hits'] for line in some):.1%} of the seeds; "
                f"worst: {worst['kind']}, {worst['hits']:.0%}; "
                f"{sum(line['below peer'] for line in some)} fits below scikit-learn's with the same seed"
            )
    timed = [line for line in lines if line["peer seconds"] == line["peer seconds"]]
    if timed:
        ours, peers = sum(line["seconds"] for line in timed), sum(line["peer seconds"] for line in timed)
        print(f"median seconds, summed: {ours:.2f}; scikit-learn {peers:.2f}, ratio {ours / peers:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="five seeds, no big tables")
    parser.add_argument("--seeds", type=int, help="default 20")
    parser.add_argument("--only", default="", metavar="NAME", help="kinds with this in their name")
    parser.add_argument(
        "--half", choices=("a", "b", "c", "d"), help="every other kind, or other_kinds.py, further_kinds.py"
    )
    parser.add_argument("--ours", action="store_true", help="do not run scikit-learn")
    options = parser.parse_args()
    seeds = options.seeds or (5 if options.quick else 20)
    warn_when_unfair()
    half = {
        None: KINDS + OTHER_KINDS + FURTHER_KINDS,
        "a": KINDS[::2],
        "b": KINDS[1::2],
        "c": OTHER_KINDS,
        "d": FURTHER_KINDS,
    }[options.half]
    kinds = [kind for kind in half if options.only in kind.name and not (options.quick and kind.is_big)]
    print(f"Share of {seeds} seeds at the best known optimum, with the true labels, and milliseconds of processor time")
    print(f"{'':56}{'best':>6}{'true':>7}{'sklearn':>9}{'below':>7}{'gap, nats':>11}{'ms':>9}{'sklearn':>9}  missed")
    lines = []
    for kind in kinds:
        known = Known(kind).load()
        lines.append(result_of(known, measure(known, seeds, ours_only=options.ours)))
        print_result(lines[-1])
    print_summary(lines)
    machine = describe_machine()
    print_machine(machine)
    write_results("kinds-quick" if options.quick else "kinds", {"machine": machine, "seeds": seeds, "kinds": lines})


if __name__ == "__main__":
    main()
