"""Time of a k-means start, in passes of EM.

Claim: the number of passes over the rows that a k-means start costs.

Method: ``draw_membership`` and ``mixture_from_membership``, which is all that a fit does between the check of the rows
and the first pass, with the method "kmeans" and five seeds, on the shapes of passes.py. The median is divided by the
median time of a pass (timing.py) in the same process. A start uses 100,000 rows at most, so its relative cost falls
with the number of rows. ``--quick`` uses a tenth of the rows and three seeds.
"""

import argparse
import statistics
import time
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from problems import Shape, choose_shapes, draw_problem
from timing import time_in_turns

from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.fitting.initialization import draw_membership, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood


def measure(shape: Shape, seeds: int) -> dict[str, Any]:
    problem = draw_problem(shape)
    engine, mixture = NativeEngine(problem.rows), problem.truth.whitened()
    structure, update = covariance_class(shape.structure), MaximumLikelihood(ridge=1e-6)
    seconds = []
    for seed in range(-1, seeds):  # the first run is not counted
        began = time.perf_counter()
        rng = np.random.RandomState(max(seed, 0))
        mixture_from_membership(draw_membership(engine, shape.n_components, "kmeans", rng), structure, update)
        if seed >= 0:
            seconds.append(time.perf_counter() - began)
    one_pass = time_in_turns([lambda: engine.accumulate(mixture)], 5)[0].median
    start = statistics.median(seconds)
    return {"shape": shape.__dict__, "seconds": seconds, "start": start, "pass": one_pass, "passes": start / one_pass}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, three seeds")
    quick = parser.parse_args().quick
    warn_when_unfair()
    print("A k-means start")
    print(f"{'rows x features':32}{'start, ms':>11}{'least':>9}{'most':>9}{'pass, ms':>10}{'passes':>9}")
    results = []
    for shape in choose_shapes(quick):
        found = measure(shape, 3 if quick else 5)
        results.append(found)
        times = "".join(f"{1e3 * value:9.1f}" for value in (min(found["seconds"]), max(found["seconds"])))
        print(
            f"{shape!s:32}{1e3 * found['start']:11.1f}{times}{1e3 * found['pass']:10.2f}{found['passes']:9.1f}",
            flush=True,
        )
    machine = describe_machine()
    print()
    print_machine(machine)
    write_results("starts-quick" if quick else "starts", {"machine": machine, "quick": quick, "starts": results})


if __name__ == "__main__":
    main()
