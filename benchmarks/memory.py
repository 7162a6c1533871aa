"""Peak memory of a fit of 5 million rows of 3 float32 numbers, k=5, compared with scikit-learn.

Claim: a fit needs little memory besides the rows; the n x k table of responsibilities and a float64 copy of the
rows never exist.

Method: each fit runs in a new process, which imports gaussmix, numpy and scikit-learn, draws the rows piece by piece
into one float32 array, fits, and reads its peak resident memory (``ru_maxrss``) after each of these steps. The baseline
is the peak after the imports; the memory of the fit is the peak at the end minus the peak before the fit, with the rows
in memory. gaussmix starts from k-means, so its start is counted. scikit-learn gets a start and does fewer iterations,
which does not change its peak; it is left out when there is not enough free memory for it. ``--quick`` uses a tenth of
the rows.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from machine import describe_machine, print_machine, write_results

N_ROWS, N_FEATURES, N_COMPONENTS = 5_000_000, 3, 5
ITERATIONS = {"gaussmix": 10, "scikit-learn": 2}
MEGABYTE = 1e6


def fit_in_this_process(name: str, n_rows: int) -> dict[str, float]:
    """Run in the new process: return the peak bytes after the imports, after drawing the rows, after the fit."""
    import warnings

    import numpy as np
    from sklearn.mixture import GaussianMixture as Theirs

    from gaussmix import GaussianMixture as Ours

    baseline = peak_bytes()
    rows, means = draw_rows(n_rows)
    with_rows = peak_bytes()
    options: dict[str, Any] = {"max_iter": ITERATIONS[name], "tol": 0.0, "random_state": 0}
    if name == "scikit-learn":
        options |= {
            "weights_init": np.full(N_COMPONENTS, 1 / N_COMPONENTS, dtype=np.float32),
            "means_init": means,
            "precisions_init": np.tile(np.eye(N_FEATURES, dtype=np.float32), (N_COMPONENTS, 1, 1)),
        }
    if name == "gaussmix":  # one k-means start and plain EM, like scikit-learn
        options |= {"init_params": "kmeans", "reg_covar": 1e-6, "acceleration": "none"}
    model = (Ours if name == "gaussmix" else Theirs)(N_COMPONENTS, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no convergence with few iterations
        model.fit(rows)
    return {"baseline": baseline, "data": rows.nbytes, "with_rows": with_rows, "peak": peak_bytes()}


def draw_rows(n_rows: int) -> tuple[Any, Any]:
    """(n_rows, 3) float32 rows about five means, and the means; drawn in pieces to save memory."""
    import numpy as np

    rng = np.random.default_rng(20)
    means = rng.normal(0.0, 3.0, (N_COMPONENTS, N_FEATURES)).astype(np.float32)
    rows = np.empty((n_rows, N_FEATURES), dtype=np.float32)
    for first in range(0, n_rows, 100_000):
        piece = rows[first : first + 100_000]
        piece[:] = rng.standard_normal(piece.shape, dtype=np.float32)
        piece += means[rng.integers(0, N_COMPONENTS, len(piece))]
    return rows, means


def peak_bytes() -> float:
    """Return the peak resident memory of this process."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else 1024 * peak)  # macOS counts bytes, Linux kilobytes


def free_bytes() -> float:
    """Return the free memory; infinite where the system does not report it."""
    try:
        with open("/proc/meminfo", encoding="utf-8") as lines:
            return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return float("inf")


def measure(name: str, n_rows: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--fit", name, "--rows", str(n_rows)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"the fit of {name} failed with status {run.returncode}:\n{run.stderr}")
    measured: dict[str, float] = json.loads(run.stdout)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--fit", choices=list(ITERATIONS), help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        print(json.dumps(fit_in_this_process(options.fit, options.rows)))
        return

    n_rows = N_ROWS // 10 if options.quick else N_ROWS
    print(f"Peak resident memory in MB, {n_rows:,} x {N_FEATURES} float32 rows, k={N_COMPONENTS}, full covariances")
    print(
        f"{'':14}{'iterations':>11}{'peak':>9}{'data':>9}{'peak - data':>13}{'baseline':>10}"
        f"{'needed by the fit':>19}{'of the data':>13}"
    )
    results = {}
    for name, iterations in ITERATIONS.items():
        likely = n_rows * 8.0 * (4 * N_COMPONENTS + 4 * N_FEATURES)
        if name == "scikit-learn" and free_bytes() < 2 * likely:
            print(f"{name:14} left out: it may need {likely / MEGABYTE:.0f} MB, {free_bytes() / MEGABYTE:.0f} are free")
            continue
        found = measure(name, n_rows)
        results[name] = found
        needed = found["peak"] - found["with_rows"]
        print(
            f"{name:14}{iterations:11}{found['peak'] / MEGABYTE:9.0f}{found['data'] / MEGABYTE:9.0f}"
            f"{(found['peak'] - found['data']) / MEGABYTE:13.0f}{found['baseline'] / MEGABYTE:10.0f}"
            f"{needed / MEGABYTE:19.1f}{needed / found['data']:13.2f}",
            flush=True,
        )
    machine = describe_machine()
    print()
    print_machine(machine)
    write_results("memory-quick" if options.quick else "memory", {"machine": machine, "bytes": results})


if __name__ == "__main__":
    main()
