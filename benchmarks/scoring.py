"""Time of predict and score_samples, compared with scikit-learn.

Claim: gaussmix takes at most a fifth of scikit-learn's time on all seven shapes of passes.py, for the same labels and
the same log densities.

Method: both estimators get the same parameters by one iteration of EM from the same start, and are called in this
process on the same float64 rows, in turns (timing.py), validation included. The table shows medians, the ratios of the
medians, and in parentheses those of the fastest turns, which other programs disturbed least. ``labels`` is the share of
rows with the same label, ``difference`` the largest between two log densities. ``--quick`` uses a tenth of the rows and
fewer turns. The exit status is 1 when a ratio of the fastest turns is below 5.
"""

import argparse
import warnings
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from peer import Start
from problems import Shape, choose_shapes, draw_problem
from timing import time_in_turns

LEAST_RATIO = 5.0
METHODS = ("predict", "score_samples")


def measure(shape: Shape, rounds: int) -> dict[str, Any]:
    from sklearn.mixture import GaussianMixture as Theirs

    from gaussmix import GaussianMixture as Ours

    problem = draw_problem(shape)
    start, rows = Start(shape.structure, problem.start_means), problem.rows
    models = []
    for kind in (Ours, Theirs):
        model = kind(
            shape.n_components,
            covariance_type=shape.structure,
            max_iter=1,
            weights_init=start.weights,
            means_init=start.means,
            precisions_init=start.precisions,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no convergence with one iteration
            models.append(model.fit(rows))
    ours, theirs = models
    found: dict[str, Any] = {"shape": shape.__dict__}
    for method in METHODS:
        calls = [lambda model=model, method=method: getattr(model, method)(rows) for model in models]
        mine, other = time_in_turns(calls, rounds)
        found[method] = {
            "gaussmix": mine.__dict__,
            "scikit-learn": other.__dict__,
            "ratio": other.median / mine.median,
            "quickest_ratio": other.quickest / mine.quickest,
        }
    found["labels"] = float((ours.predict(rows) == theirs.predict(rows)).mean())
    found["difference"] = float(np.abs(ours.score_samples(rows) - theirs.score_samples(rows)).max())
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, fewer turns")
    quick = parser.parse_args().quick
    warn_when_unfair()
    print("Milliseconds of predict and score_samples, gaussmix (ours) and scikit-learn (theirs)")
    columns = "".join(f"{method + ', ours':>20}{'theirs':>9}{'ratio':>16}" for method in METHODS)
    print(f"{'rows x features':32}{columns}{'labels':>9}{'difference':>12}")
    results = []
    for shape in choose_shapes(quick):
        found = measure(shape, 3 if quick else 5)
        results.append(found)
        cells = ""
        for method in METHODS:
            times = found[method]
            ratios = f"{times['ratio']:.1f}x ({times['quickest_ratio']:.1f}x)"
            mine, other = times["gaussmix"]["median"], times["scikit-learn"]["median"]
            cells += f"{1e3 * mine:20.2f}{1e3 * other:9.1f}{ratios:>16}"
        print(f"{shape!s:32}{cells}{found['labels']:9.4f}{found['difference']:12.1e}", flush=True)
    worst = min(found[method]["quickest_ratio"] for found in results for method in METHODS)
    print(f"worst ratio of the fastest turns: {worst:.1f}x")
    machine = describe_machine()
    print()
    print_machine(machine)
    write_results("scoring-quick" if quick else "scoring", {"machine": machine, "quick": quick, "scoring": results})
    return 0 if worst >= LEAST_RATIO else 1


if __name__ == "__main__":
    raise SystemExit(main())
