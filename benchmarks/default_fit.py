"""Time of a default fit, which is a search for the best optimum, compared with single starts.

Claim: a default fit of iris (k=3, full) takes at most 25 ms, and one of 1,000,000 x 3 rows (k=5, full) at most twice
the time of a single k-means start that runs to the same likelihood.

Method: fits take turns in one process, with the seeds 0, 1, ...; the figures are medians after one fit that is not
counted. On iris all four structures are compared with scikit-learn with ten starts. On the large table, drawn from five
components that overlap as in passes.py, the default is compared with ``init_params="kmeans"`` (accelerated, with the
same stopping rule) and with the same without acceleration. Pauses let the threads of the last fit go to sleep.
``--quick`` takes a tenth of the rows and fewer seeds.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from problems import SHAPES, Shape, draw_problem
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture as Theirs

from gaussmix import GaussianMixture as Ours
from gaussmix.core.typing import FloatArray

MOST_MILLISECONDS, MOST_TIMES = 25.0, 2.0
PAUSE = 0.3  # seconds
Contender = Callable[[int], Any]


def in_turns(contenders: dict[str, Contender], rows: FloatArray, seeds: int) -> dict[str, dict[str, Any]]:
    """Return the seconds and mean log-likelihoods of each contender's fits."""
    found: dict[str, dict[str, Any]] = {name: {"seconds": [], "log_likelihoods": []} for name in contenders}
    for seed in range(-1, seeds):
        for name, make in contenders.items():
            model = make(max(seed, 0))
            time.sleep(PAUSE)
            began = time.perf_counter()
            model.fit(rows)
            if seed >= 0:
                found[name]["seconds"].append(time.perf_counter() - began)
                found[name]["log_likelihoods"].append(float(model.score(rows)))
    return found


def print_table(title: str, found: dict[str, dict[str, Any]]) -> None:
    print(f"\n{title}")
    first = statistics.median(next(iter(found.values()))["seconds"])
    for name, values in found.items():
        median = statistics.median(values["seconds"])
        likelihoods = values["log_likelihoods"]
        print(
            f"  {name:34}{1e3 * median:10.1f} ms{median / first:8.2f}x   mean log-likelihood "
            f"{min(likelihoods):.8f} to {max(likelihoods):.8f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, fewer seeds")
    quick = parser.parse_args().quick
    warn_when_unfair()
    iris, results = load_iris().data, {}
    for structure in ("full", "tied", "diag", "spherical"):
        contenders: dict[str, Contender] = {
            "gaussmix, default": lambda seed, s=structure: Ours(3, covariance_type=s, random_state=seed),
            "scikit-learn, ten starts": lambda seed, s=structure: Theirs(
                3, covariance_type=s, n_init=10, random_state=seed
            ),
        }
        results[structure] = in_turns(contenders, iris, 5 if quick else 20)
        print_table(f"iris, k=3, {structure}", results[structure])
    shape = SHAPES[0]
    shape = Shape(shape.n_rows // 10, shape.n_features, shape.n_components, shape.structure) if quick else shape
    rows, k = draw_problem(shape).rows, shape.n_components
    results["large"] = in_turns(
        {
            "default": lambda seed: Ours(k, random_state=seed),
            "one k-means start": lambda seed: Ours(k, init_params="kmeans", random_state=seed),
            "one k-means start, plain EM": lambda seed: Ours(
                k, init_params="kmeans", acceleration="none", random_state=seed
            ),
        },
        np.ascontiguousarray(rows),
        3 if quick else 5,
    )
    print_table(f"{shape}: until the remaining gain is 1e-4 nats", results["large"])
    milliseconds = 1e3 * statistics.median(results["full"]["gaussmix, default"]["seconds"])
    ours, single = (statistics.median(results["large"][name]["seconds"]) for name in ("default", "one k-means start"))
    holds = milliseconds <= MOST_MILLISECONDS and ours <= MOST_TIMES * single
    print(
        f"\niris, full: {milliseconds:.1f} ms (at most {MOST_MILLISECONDS:.0f}); large: {ours / single:.2f} times one "
        f"k-means start (at most {MOST_TIMES:.0f}): {'holds' if holds else 'DOES NOT HOLD'}"
    )
    machine = describe_machine()
    print_machine(machine)
    write_results("default-fit-quick" if quick else "default-fit", {"machine": machine, **results})
    raise SystemExit(not holds)


if __name__ == "__main__":
    main()
