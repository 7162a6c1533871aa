"""Passes over the rows until EM converges, with and without acceleration.

Claim: from the same start, and until the guaranteed gain of a step is below 1e-9 nats, accelerated EM takes a quarter
of the passes of plain EM (geometric mean over the problems), never more than 1.15 times as many, and its objective
never falls.

Method: the methods are plain EM, SQUAREM alone, Newton steps in the span of moves alone, both (as in the package), and
ADAM (adam.py). The problems are those of overlaps.py (average overlap 0.001 to 0.2, 2 to 50 components, 1 to 32
features, all four structures; at most 4000 rows) and tables of scikit-learn. Every feature is divided by its standard
deviation, which matters to ADAM only. All methods start from the same k-means clusters. A pass counts whether or not
its proposal was taken. Plain EM ends at 20,000 passes; it then counts 20,000, so the ratio is too small there. Problems
on which plain EM collapses have no optimum; they are left out and counted. A method that collapses or has not converged
after 20,000 passes is counted, and its ratio is the one at its end.

``within 1e-3`` counts the passes until the log-likelihood is at most 1e-3 nats below that of plain EM at its end; ADAM
rarely gets closer. ADAM uses the best of four learning rates for each problem, chosen afterwards, and may take three
times the passes of plain EM (at least 300, at most 2000); the passes of the other three rates are not counted. A method
that ends more than 1e-3 nats above or below plain EM is in another local optimum. Times are those of whole runs, two at
once, each on one thread: only their ratio is meaningful. ``--quick`` takes every tenth problem.
"""

import argparse
import math
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from adam import Adam
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from overlaps import PASS_PROBLEMS, Setting, draw_mixture
from performance_profile import draw_profile
from threadpoolctl import threadpool_limits

from gaussmix import Mixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray
from gaussmix.core.whitened import WhitenedMixture
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.initialization import draw_membership, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood, Step
from gaussmix.fitting.stopping import RemainingGain

STILL = 1e-9  # nats
NEAR = 1e-3  # nats
MOST_PASSES = 20_000
MOST_ROWS = 4000
ADAM_PATIENCE, ADAM_LEAST, ADAM_MOST = 3, 300, 2000  # times the passes of EM; passes
ADAM_RATES = (0.1, 0.03, 0.01, 0.003)
FALL = 1e-12  # of the objective, relative
WANTED_RATIO, WANTED_WORST = 4.0, 1 / 1.15
HYBRID = "hybrid"
ARMS: dict[str, dict[str, Any] | None] = {
    "EM": None,
    "SQUAREM": {"memory": 0},
    "Newton": {"squared": False},
    HYBRID: {},
}


@dataclass(frozen=True)
class Problem:
    """Rows and the model to fit to them."""

    name: str
    structure: str
    n_components: int
    overlap: float | None  # None: a measured table
    number: int

    def rows(self) -> FloatArray:
        if self.overlap is None:
            return _measured_rows(self.name)
        setting = _shortened(PASS_PROBLEMS[self.number])
        return _in_deviations(draw_mixture(setting).sample(setting.n_rows, random_state=self.number)[0])


def _shortened(setting: Setting) -> Setting:
    return replace(setting, n_rows=min(setting.n_rows, MOST_ROWS))


def choose_problems(quick: bool) -> list[Problem]:
    drawn = [
        Problem(str(_shortened(setting)), setting.structure, setting.fitted, setting.overlap, number)
        for number, setting in enumerate(PASS_PROBLEMS)
    ]
    tables = (("iris", (2, 3, 4)), ("wine", (2, 3)), ("breast_cancer", (2, 4)), ("digits", (5, 10)))
    measured = [
        Problem(name, structure, k, None, 0)
        for name, sizes in tables
        for k in sizes
        for structure in ("full", "tied", "diag", "spherical")
    ]
    return (drawn + measured)[:: 10 if quick else 1]


def _measured_rows(name: str) -> FloatArray:
    import sklearn.datasets
    from sklearn.decomposition import PCA

    rows = getattr(sklearn.datasets, f"load_{name}")().data
    if name == "digits":
        rows = PCA(8, random_state=0).fit_transform(rows)
    elif name != "iris":
        rows = PCA(5, random_state=0).fit_transform(_in_deviations(rows))
    return _in_deviations(rows)


def _in_deviations(rows: FloatArray) -> FloatArray:
    return np.ascontiguousarray((rows - rows.mean(axis=0)) / rows.std(axis=0))


class WatchedEngine(NativeEngine):
    """Engine that records the log-likelihood of every pass."""

    def __init__(self, rows: FloatArray) -> None:
        super().__init__(rows)
        self.seen: list[float] = []

    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        moments = super().accumulate(mixture, log_prior, rough=rough)
        self.seen.append(moments.log_likelihood)
        return moments


@dataclass(frozen=True, eq=False)
class UntilStill(MaximumLikelihood):
    """M-step that ends a run by KeyboardInterrupt when the guaranteed gain is small or a component collapses."""

    ends: list[str] = field(default_factory=list)

    def maximize(self, mixture: Mixture, moments: Moments) -> Step:
        step = super().maximize(mixture, moments)
        if step.collapsed.any():
            self.ends.append("collapsed")
            raise KeyboardInterrupt
        return step

    def gain(self, mixture: Mixture, moments: Moments, step: Step) -> float:
        gain = super().gain(mixture, moments, step)
        if gain < STILL:
            self.ends.append("still")
            raise KeyboardInterrupt
        return gain


def run_em(rows: FloatArray, start: Mixture, options: dict[str, Any] | None) -> dict[str, Any]:
    """Run EM with one kind of acceleration until it converges."""
    engine, update = WatchedEngine(rows), UntilStill()
    accelerator = None if options is None else Accelerator(MaximumLikelihood(), **options)
    began = time.perf_counter()
    fit = fit_em(engine, update, start, RemainingGain(0.0), max_iter=MOST_PASSES - 1, accelerator=accelerator)
    seconds = time.perf_counter() - began
    reached = np.array([record.log_likelihood for record in fit.history]) * len(rows)
    falls = -np.diff(reached) / np.abs(reached[1:])
    return {
        "passes": min(fit.n_passes, MOST_PASSES),
        "end": update.ends[0] if update.ends and fit.n_passes <= MOST_PASSES else "limit",
        "log_likelihood": fit.moments.log_likelihood,
        "refused": fit.n_passes - len(fit.history),
        "fall": float(max(0.0, falls.max(initial=0.0))),
        "seconds": seconds,
        "seen": engine.seen,
    }


def run_adam(rows: FloatArray, start: Mixture, rate: float, target: float, limit: int, most: int) -> dict[str, Any]:
    """Run ADAM until it converges, for at most ``limit`` passes, of which at most ``most`` to the target."""
    engine, update, adam = NativeEngine(rows), MaximumLikelihood(), Adam(start, rate)
    mixture, best, near, end = start, -math.inf, math.inf, "limit"
    began = time.perf_counter()
    passes = 0
    while passes < (most if near == math.inf else limit):
        try:
            moments = engine.accumulate(mixture.whitened())
        except FloatingPointError:
            break
        passes += 1
        if not math.isfinite(moments.log_likelihood):
            break
        best = max(best, moments.log_likelihood)
        if moments.log_likelihood >= target:
            near = min(near, passes)
            step = update.maximize(mixture, moments)
            if not step.collapsed.any() and abs(update.gain(mixture, moments, step)) < STILL:
                end = "still"
                break
        mixture = adam.step(mixture, moments)
    return {
        "passes": passes,
        "end": end,
        "log_likelihood": best,
        "near": near,
        "rate": rate,
        "seconds": time.perf_counter() - began,
    }


def run_best_adam(rows: FloatArray, start: Mixture, target: float, limit: int) -> dict[str, Any]:
    """Return the run that reached the target first; if none did, the one with the highest final likelihood."""
    best: dict[str, Any] | None = None
    for rate in ADAM_RATES:
        most = limit if best is None else int(min(limit, best["near"] - 1))
        found = run_adam(rows, start, rate, target, limit, most)
        if best is None or (-found["near"], found["log_likelihood"]) > (-best["near"], best["log_likelihood"]):
            best = found
    assert best is not None
    return best


def measure(task: tuple[Problem, bool]) -> dict[str, Any]:
    problem, with_adam = task
    rows = problem.rows()
    membership = draw_membership(NativeEngine(rows), problem.n_components, "kmeans", np.random.RandomState(0))
    start = mixture_from_membership(membership, covariance_class(problem.structure), MaximumLikelihood())
    arms: dict[str, Any] = {}
    for name, options in ARMS.items():
        arms[name] = run_em(rows, start, options)
        if arms["EM"]["end"] == "collapsed":
            break
    target = arms["EM"]["log_likelihood"] - NEAR
    for arm in arms.values():
        there = np.flatnonzero(np.array(arm.pop("seen")) >= target)
        arm["near"] = int(there[0]) + 1 if len(there) else math.inf
    if with_adam and arms["EM"]["end"] != "collapsed":
        limit = min(ADAM_MOST, max(ADAM_LEAST, ADAM_PATIENCE * arms["EM"]["passes"]))
        arms["ADAM"] = run_best_adam(rows, start, target, limit)
    for arm in arms.values():
        above = arm["log_likelihood"] - arms["EM"]["log_likelihood"]
        arm["basin"] = "same" if abs(above) <= NEAR else "better" if above > 0 else "worse"
    return {
        "problem": f"{problem.name} {problem.structure} k={problem.n_components}"
        if problem.overlap is None
        else problem.name,
        "overlap": problem.overlap,
        "n_rows": len(rows),
        "n_features": rows.shape[1],
        "n_components": problem.n_components,
        "arms": arms,
    }


def measure_all(problems: list[Problem], *, with_adam: bool = True) -> Iterator[dict[str, Any]]:
    with multiprocessing.get_context("fork").Pool(2, threadpool_limits, (1,)) as pool:
        yield from pool.imap(measure, [(problem, with_adam) for problem in problems], chunksize=1)


def geometric(values: FloatArray) -> float:
    return float(np.exp(np.log(values).mean())) if len(values) else math.nan


def ratios(results: list[dict[str, Any]], arm: str, what: str = "passes") -> FloatArray:
    """Return the number of EM divided by that of the method, (problems,); 0 where the method did not come near."""
    return np.array([result["arms"]["EM"][what] / result["arms"][arm][what] for result in results])


def print_groups(results: list[dict[str, Any]]) -> None:
    groups = ((2, 3), (5, 8), (12, 20), (32, 50))
    print("\nPasses of EM divided by those of the hybrid: geometric means")
    print(f"{'average overlap':18}" + "".join(f"{f'k={low} to {high}':>14}" for low, high in groups) + f"{'all':>10}")
    overlaps = sorted({result["overlap"] for result in results if result["overlap"] is not None})
    for overlap in [*overlaps, None]:
        row = [result for result in results if result["overlap"] == overlap]
        cells = [[result for result in row if low <= result["n_components"] <= high] for low, high in groups]
        words = [f"{geometric(ratios(cell, HYBRID)):14.2f}" if cell else f"{'-':>14}" for cell in cells]
        label = "measured tables" if overlap is None else f"{overlap:g}"
        print(f"{label:18}" + "".join(words) + f"{geometric(ratios(row, HYBRID)):10.2f}" if row else label)


def summarize(results: list[dict[str, Any]], arm: str) -> dict[str, Any]:
    """Return the figures of one method: ``near`` over the problems where it came near, the others over all."""
    arms = [result["arms"][arm] for result in results]
    still = ratios(results, arm)
    near = ratios(results, arm, "near")
    return {
        "ratio": geometric(still),
        "same basin": geometric(still[[found["basin"] == "same" for found in arms]]),
        "worst": float(still.min()),
        "not faster": float((still <= 1).mean()),
        "too slow": int((still < WANTED_WORST).sum()),
        "near": geometric(near[near > 0]),
        "never near": int((near == 0).sum()),
        "time": geometric(ratios(results, arm, "seconds")),
        "not arrived": sum(found["end"] != "still" for found in arms),
        "better": sum(found["basin"] == "better" for found in arms),
        "worse": sum(found["basin"] == "worse" for found in arms),
        "fall": max(found.get("fall", math.nan) for found in arms),
        "refused": sum(found.get("refused", 0) for found in arms) / sum(found["passes"] for found in arms),
    }


def print_arms(results: list[dict[str, Any]], summaries: dict[str, dict[str, Any]]) -> None:
    print(f"\nNumber of EM divided by that of each method: geometric means over {len(results)} problems")
    heads = ("until still", "same basin", "worst", "not faster", "within 1e-3", "never", "time")
    heads += ("not arrived", "better", "worse", "refused", "largest fall")
    print(f"{'':10}" + "".join(f"{head:>13}" for head in heads))
    for arm, found in summaries.items():
        print(
            f"{arm:10}{found['ratio']:13.2f}{found['same basin']:13.2f}{found['worst']:13.2f}"
            f"{found['not faster']:13.0%}{found['near']:13.2f}{found['never near']:13d}{found['time']:13.2f}"
            f"{found['not arrived']:13d}{found['better']:13d}{found['worse']:13d}{found['refused']:13.1%}"
            f"{found['fall']:13.1e}"
        )

    if any(found["not arrived"] for found in summaries.values()):
        print("runs that did not converge count with their passes so far: those ratios are too large")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every tenth problem")
    quick = parser.parse_args().quick
    warn_when_unfair()
    problems = choose_problems(quick)
    everything = list(measure_all(problems))
    results = [found for found in everything if found["arms"]["EM"]["end"] != "collapsed"]
    passes = np.array([found["arms"]["EM"]["passes"] for found in results])
    print(
        f"{len(problems)} problems; plain EM collapses on {len(problems) - len(results)}, which are left out, "
        f"takes fewer than 10 passes on {(passes < 10).sum()}, has not converged after {MOST_PASSES} on "
        f"{(passes == MOST_PASSES).sum()}; its median is {np.median(passes):.0f}"
    )
    print_groups(results)
    summaries = {arm: summarize(results, arm) for arm in results[0]["arms"]}
    print_arms(results, summaries)
    name = "acceleration-quick" if quick else "acceleration"
    draw_profile(name, {arm: _until_still(results, arm) for arm in summaries}, f"until a step gains {STILL:g} nats")

    ours = summaries[HYBRID]
    slow = [
        found for found in results if found["arms"]["EM"]["passes"] < WANTED_WORST * found["arms"][HYBRID]["passes"]
    ]
    for found in slow:
        print(f"too slow: {found['problem']}: {found['arms'][HYBRID]['passes']} for {found['arms']['EM']['passes']}")
    held = ours["ratio"] >= WANTED_RATIO and not slow and ours["fall"] <= FALL
    print(f"\nthe claim {'holds' if held else 'DOES NOT HOLD'}")
    machine = describe_machine()
    print_machine(machine)
    for arm in (arm for found in everything for arm in found["arms"].values()):
        arm["near"] = arm["near"] if math.isfinite(arm["near"]) else None  # JSON has no infinity
    write_results(name, {"machine": machine, "quick": quick, "summaries": summaries, "problems": everything})
    if not held and not quick:
        raise SystemExit(1)


def _until_still(results: list[dict[str, Any]], arm: str) -> FloatArray:
    """Return the passes (problems,), infinite for runs that did not converge."""
    found = [result["arms"][arm] for result in results]
    return np.array([one["passes"] if one["end"] == "still" else math.inf for one in found])


if __name__ == "__main__":
    main()
