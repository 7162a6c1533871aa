"""Time of a pass by threads, rows, components and features.

Claim: twice the threads need half the time; the time is linear in rows and components; and the share of the bound for
this machine at each number of features.

Method: calls of ``NativeEngine.accumulate`` at the true mixture on float64 rows with moderate overlap (problems.py), a
pass and nothing else. The points of a curve take turns (timing.py). ``threads`` sets the threads of OpenMP in this
process with threadpoolctl and divides the median of one thread by that of all; 1 is no gain. Along a curve the time per
row and component is divided by that of the middle point: 1 everywhere is linear. ``share`` is the least time by
model.py over the median one, with the peaks that peak.py measures before and after (the larger counts). The features
grow with a number of rows that makes 4e9 operations, between 16,384 rows and 200 MB. ``--quick`` has fewer points and
turns, and a tenth of the operations.
"""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from machine import RESULTS, describe_machine, print_machine, warn_when_unfair, write_results
from model import bound_seconds, pass_flops
from peak import PeakRates, larger, measure_peak, print_peak
from problems import Problem, Shape, choose_shapes, draw_problem
from timing import time_in_turns

from gaussmix.core import _native
from gaussmix.core.engines import NativeEngine

ROWS = (10_000, 30_000, 100_000, 300_000, 1_000_000)
COMPONENTS = (2, 5, 10, 20, 50, 100, 200)
FEATURES = (2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 200, 300)
STRUCTURES = ("full", "diag", "spherical", "tied")
CURVES = {
    "rows, d=8, k=8, full": [Shape(n, 8, 8, "full") for n in ROWS],
    "rows, d=3, k=5, full": [Shape(n, 3, 5, "full") for n in ROWS],
    "components, n=100,000, d=8, diag": [Shape(100_000, 8, k, "diag") for k in COMPONENTS],
    "components, n=100,000, d=8, full": [Shape(100_000, 8, k, "full") for k in COMPONENTS],
}
OPERATIONS = 4e9
LEAST_ROWS = 16_384
MOST_BYTES = 200e6


def pass_over(problem: Problem) -> Callable[[], object]:
    engine, mixture = NativeEngine(problem.rows), problem.truth.whitened()
    return lambda: engine.accumulate(mixture)


def measure_curve(shapes: list[Shape], rounds: int) -> list[dict[str, Any]]:
    """Return the seconds of a pass at each shape, and the share of pairs that have to be summed."""
    problems = [draw_problem(shape) for shape in shapes]
    seconds = time_in_turns([pass_over(problem) for problem in problems], rounds)
    return [
        {
            "shape": asdict(p.shape),
            "seconds": s.median,
            "quickest": s.quickest,
            "pairs": p.pairs,
            "certainty": p.certainty,
        }
        for p, s in zip(problems, seconds, strict=True)
    ]


def measure_threads(shape: Shape, rounds: int) -> dict[str, Any]:
    """Return the seconds of a pass with one thread and with all."""
    from threadpoolctl import threadpool_limits

    call = pass_over(draw_problem(shape))
    most = _native.max_threads()

    def limited(threads: int) -> Callable[[], object]:
        def run() -> None:
            with threadpool_limits(threads, user_api="openmp"):
                if _native.max_threads() != threads:
                    raise RuntimeError(f"threadpoolctl did not set {threads} threads")
                call()

        return run

    # setting the threads takes a millisecond, which is timed and subtracted
    calls = [lambda: threadpool_limits(most, user_api="openmp").restore_original_limits(), limited(1), limited(most)]
    setting, one, every = time_in_turns(calls, rounds)
    return {
        "shape": asdict(shape),
        "threads": most,
        "one": one.median - setting.median,
        "all": every.median - setting.median,
        "ratio": (one.median - setting.median) / (every.median - setting.median),
        "quickest_ratio": (one.quickest - setting.quickest) / (every.quickest - setting.quickest),
    }


def shape_of_features(n_features: int, structure: str, operations: float) -> Shape:
    per_row = pass_flops(Shape(1, n_features, 8, structure), pairs=1.0)
    n_rows = min(max(operations / per_row, LEAST_ROWS), MOST_BYTES / (8 * n_features))
    return Shape(int(n_rows), n_features, 8, structure)


def add_shares(points: list[dict[str, Any]], peak: PeakRates) -> None:
    for point in points:
        shape = Shape(**point["shape"])
        point["gigaflops"] = 1e-9 * pass_flops(shape, point["pairs"]) / point["seconds"]
        if peak:
            bound, point["limit"] = bound_seconds(shape, point["pairs"], peak)
            point["share"] = bound / point["seconds"]


def add_ratios(points: list[dict[str, Any]]) -> None:
    """Add the time per row and component, divided by that of the middle point."""
    pairs = [point["shape"]["n_rows"] * point["shape"]["n_components"] for point in points]
    for name, which in (("ratio", "seconds"), ("quickest_ratio", "quickest")):
        costs = [point[which] / size for point, size in zip(points, pairs, strict=True)]
        for point, cost in zip(points, costs, strict=True):
            point[name] = cost / costs[len(costs) // 2]
    for point, size in zip(points, pairs, strict=True):
        point["nanoseconds"] = 1e9 * point["seconds"] / size


def print_curve(name: str, points: list[dict[str, Any]]) -> None:
    along = "n_rows" if name.startswith("rows") else "n_components"
    print(f"\n{name}: time per row and component, relative to the middle point")
    print("".join(f"{point['shape'][along]:>11,}" for point in points))
    print("".join(f"{point['nanoseconds']:>8.2f} ns" for point in points))
    print("".join(f"{point['ratio']:>11.2f}" for point in points))
    print("".join(f"{point['quickest_ratio']:>11.2f}" for point in points) + "  quickest turns")
    worst, least = (max(abs(point[ratio] - 1) for point in points) for ratio in ("ratio", "quickest_ratio"))
    print(f"farthest from linear: {worst:.0%}, by the quickest turns {least:.0%}", flush=True)


def print_features(curves: dict[str, list[dict[str, Any]]]) -> None:
    print("\nGFLOP/s and share of the bound by features, k=8 (* bound by reading)")
    print(f"{'features':>8}" + "".join(f"{structure:>17}" for structure in curves))
    for row in zip(*curves.values(), strict=True):
        cells = "".join(
            f"{point['gigaflops']:10.1f}{point.get('share', float('nan')):6.0%}"
            + ("*" if point.get("limit") == "reading" else " ")
            for point in row
        )
        print(f"{row[0]['shape']['n_features']:8}{cells}")


def plot(curves: dict[str, list[dict[str, Any]]], features: dict[str, list[dict[str, Any]]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (rows, components, shares) = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
    for name, points in curves.items():
        axes, along = (rows, "n_rows") if name.startswith("rows") else (components, "n_components")
        label = name.split(", ", 1)[1]
        axes.plot([p["shape"][along] for p in points], [p["ratio"] for p in points], "o-", label=label)
    for axes, label in ((rows, "rows"), (components, "components")):
        axes.axhspan(0.9, 1.1, color="0.9")
        axes.set(xscale="log", xlabel=label, ylabel="relative time per row and component", ylim=(0, None))
        axes.legend()
    quantity, label = ("share", "share of the bound") if "share" in features["full"][0] else ("gigaflops", "GFLOP/s")
    for structure, points in features.items():
        shares.plot([p["shape"]["n_features"] for p in points], [p[quantity] for p in points], "o-", label=structure)
    shares.set(xscale="log", xlabel="features", ylabel=label, ylim=(0, None))
    shares.legend()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer points and turns, a tenth of the operations")
    quick = parser.parse_args().quick
    rounds, step = (3, 2) if quick else (5, 1)

    warn_when_unfair()
    instructions = [_native.selected_instruction_set()]
    peak = measure_peak(instructions)
    print(f"Threads: a pass with 1 and with {_native.max_threads()}, ratio of the medians and of the quickest turns")
    threads = []
    for shape in choose_shapes(quick):
        threads.append(found := measure_threads(shape, rounds))
        times = f"{1e3 * found['one']:8.1f} ms{1e3 * found['all']:8.1f} ms"
        print(f"{shape!s:32}{times}{found['ratio']:8.2f}x{found['quickest_ratio']:8.2f}x", flush=True)

    curves = {}
    for name, shapes in CURVES.items():
        curves[name] = points = measure_curve(shapes[::step], rounds)
        add_ratios(points)
        print_curve(name, points)

    operations = OPERATIONS / 10 if quick else OPERATIONS
    features = {
        structure: [
            point
            for d in FEATURES[::step]
            for point in measure_curve([shape_of_features(d, structure, operations)], rounds)
        ]
        for structure in STRUCTURES
    }
    if peak:
        peak = larger(peak, measure_peak(instructions))
    for points in features.values():
        add_shares(points, peak)
    print_features(features)
    if peak:
        print_peak(peak)

    name = "scaling-quick" if quick else "scaling"
    machine = describe_machine()
    print()
    print_machine(machine)
    plot(curves, features, RESULTS / f"{name}.png")
    report = {"machine": machine, "quick": quick, "peak": peak, "threads": threads}
    write_results(name, report | {"curves": curves, "features": features})


if __name__ == "__main__":
    main()
