"""A default fit to rows in a Parquet file that is read in pieces: peak memory, passes, and the time of a pass.

Claims: a whole default fit of 40,000,000 x 8 float32 numbers, k=10, full covariances, takes at most 1.2 GB of memory at
its peak, and at most 8 passes over all rows until it is within 1e-6 nats per row of its end. A pass over rows in a file
takes at most 1.1 times as long as one over rows in memory, or 1.3 times over rows that were decoded from Parquet; with
diagonal covariances 1.5 times.

Method: the script writes the file. A new process opens it with a memory limit of 400 MB, fits, and reads its peak
resident memory (``ru_maxrss``); passes are calls of the engine with all rows, and the log-likelihood of each is
recorded. Another process times passes over the same rows in memory, in a .npy file and in the scratch file of the
Parquet file, in turns; the ratio is that of the least times. scikit-learn fits a sample of so many rows that its fit
takes as long as the whole fit: the sample is grown by the ratio of times, three times. Both models are scored on
100,000 other rows.

``--rows`` sets the number of rows, ``--quick`` uses 1,000,000. The folder of the files is that of ``TMPDIR``.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair, write_results

N_FEATURES, N_COMPONENTS, PIECE = 8, 10, 500_000
LEAST_LIMIT, MOST_LIMIT = 16e6, 400e6  # bytes; a quarter of the rows in between
WITHIN = 1e-6  # nats per row
ROUNDS = 5
PARTS = ("memory", "npy", "parquet")


def draw(n_rows: int, seed: int) -> np.ndarray[Any, Any]:
    """Return rows (n, 8) of ten overlapping clusters, always the same clusters."""
    shapes = np.random.default_rng(18)
    means = shapes.normal(0, 3, (N_COMPONENTS, N_FEATURES))
    roots = np.eye(N_FEATURES) + 0.5 * shapes.normal(size=(N_COMPONENTS, N_FEATURES, N_FEATURES))
    weights = shapes.dirichlet(np.full(N_COMPONENTS, 5.0))
    rng = np.random.default_rng([18, seed])
    labels = np.repeat(np.arange(N_COMPONENTS), rng.multinomial(n_rows, weights))
    rows = np.empty((n_rows, N_FEATURES), dtype=np.float32)
    for component in range(N_COMPONENTS):
        which = labels == component
        rows[which] = means[component] + rng.standard_normal((int(which.sum()), N_FEATURES)) @ roots[component]
    return rows[rng.permutation(n_rows)]


def write_files(folder: Path, n_rows: int) -> None:
    """Write the rows as Parquet and as .npy."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(f"x{column}", pa.float32()) for column in range(N_FEATURES)])
    mapped = np.lib.format.open_memmap(folder / "rows.npy", mode="w+", dtype=np.float32, shape=(n_rows, N_FEATURES))
    with pq.ParquetWriter(folder / "rows.parquet", schema, use_dictionary=False) as writer:
        for start in range(0, n_rows, PIECE):
            rows = draw(min(PIECE, n_rows - start), start + 1)
            mapped[start : start + len(rows)] = rows
            writer.write_table(pa.table(list(map(np.ascontiguousarray, rows.T)), schema=schema))


def limit_for(folder: Path) -> float:
    """Return a memory limit beyond which the rows of the benchmark are."""
    return max(LEAST_LIMIT, min(MOST_LIMIT, os.path.getsize(folder / "rows.npy") / 4))


def fit_in_this_process(folder: Path) -> dict[str, Any]:
    """Run in a new process: fit to the Parquet file; count passes and measure the peak of memory."""
    import resource

    from gaussmix import GaussianMixture, open_rows
    from gaussmix.core.engines import NativeEngine

    began = time.perf_counter()
    rows = open_rows(folder / "rows.parquet", memory_limit=limit_for(folder))
    opened = time.perf_counter() - began
    baseline = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    n_rows, passes, scored = len(rows), [], []
    accumulate, score_rows = NativeEngine.accumulate, NativeEngine.score_rows

    def counted(self: NativeEngine, mixture: Any, *args: Any, **options: Any) -> Any:
        moments = accumulate(self, mixture, *args, **options)
        if self.n_rows == n_rows:
            passes.append((mixture.n_components, moments.mean_log_likelihood))
        return moments

    def counted_scores(self: NativeEngine, *args: Any, **options: Any) -> Any:
        if self.n_rows == n_rows:
            scored.append(1)
        return score_rows(self, *args, **options)

    NativeEngine.accumulate, NativeEngine.score_rows = counted, counted_scores  # type: ignore[method-assign]
    began = time.perf_counter()
    model = GaussianMixture(N_COMPONENTS, random_state=0).fit(rows)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model.mixture_.save(folder / "model.json")
    levels = [level for k, level in passes if k == N_COMPONENTS]
    within = next(at for at, level in enumerate(levels) if level >= model.lower_bound_ - WITHIN) + 1
    others = len(passes) - len(levels) + len(scored)
    return {
        "opened": opened,
        "seconds": seconds,
        "baseline": 1024 * baseline,
        "peak": 1024 * peak,
        "passes": len(levels),
        "passes within": within,
        "passes of one component": others,
        "lower bound": model.lower_bound_,
    }


def passes_in_this_process(folder: Path) -> dict[str, Any]:
    """Run in a new process: times of a pass over rows in memory and in files, full and diagonal, in turns."""
    from gaussmix import Mixture, open_rows
    from gaussmix.core.engines import NativeEngine

    mixture = Mixture.load(folder / "model.json")
    diagonal = Mixture.from_parameters(
        mixture.weights, mixture.means, mixture.covariance.variances(), covariance_type="diag"
    )
    mapped = np.load(folder / "rows.npy", mmap_mode="r")
    decoded = open_rows(folder / "rows.parquet", memory_limit=limit_for(folder)).values
    engines = dict(zip(PARTS, map(NativeEngine, (np.array(mapped), mapped, decoded)), strict=True))
    times: dict[str, Any] = {}
    for form, whitened in (("full", mixture.whitened()), ("diag", diagonal.whitened())):
        each: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(ROUNDS):
            for name, engine in engines.items():
                began = time.perf_counter()
                engine.accumulate(whitened)
                each[name].append(time.perf_counter() - began)
        times[form] = {name: min(seconds) for name, seconds in each.items()}
    return times


def sklearn_in_this_process(folder: Path, seconds: float) -> dict[str, Any]:
    """Run in a new process: scikit-learn on a sample that takes it about as long; held-out log-likelihoods of both."""
    import warnings

    from sklearn.mixture import GaussianMixture as Theirs

    from gaussmix import Mixture

    mapped = np.load(folder / "rows.npy", mmap_mode="r")
    size, best = 20_000, {}
    for _ in range(4):
        size = min(size, len(mapped))
        sample = np.array(mapped[:size], dtype=np.float64)
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = Theirs(N_COMPONENTS, random_state=0).fit(sample)
        taken = time.perf_counter() - began
        best = {"rows": size, "seconds": taken, "model": model}
        if not 0.5 < taken / seconds < 1.0:
            size = max(1000, int(0.8 * size * seconds / taken))
            continue
        break
    held_out = draw(100_000, 0).astype(np.float64)
    return {
        "rows": best["rows"],
        "seconds": best["seconds"],
        "held out": float(best["model"].score(held_out)),
        "held out of gaussmix": float(Mixture.load(folder / "model.json").log_density(held_out).mean()),
    }


def in_new_process(job: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--job", job, *arguments]
    text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return dict(json.loads(text.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=40_000_000)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--job", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        name, folder, *numbers = options.job
        jobs = {"fit": fit_in_this_process, "passes": passes_in_this_process, "sklearn": sklearn_in_this_process}
        print(json.dumps(jobs[name](Path(folder), *map(float, numbers))))  # type: ignore[operator]
        return
    warn_when_unfair()
    n_rows = 1_000_000 if options.quick else options.rows
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, n_rows)
        size = os.path.getsize(folder / "rows.parquet")
        fit = in_new_process("fit", name)
        times = in_new_process("passes", name)
        theirs = in_new_process("sklearn", name, str(fit["opened"] + fit["seconds"]))
    report(n_rows, size, fit, times, theirs)
    machine = describe_machine()
    print_machine(machine)
    write_results(
        "larger_than_memory", {"machine": machine, "rows": n_rows, "fit": fit, "passes": times, "scikit-learn": theirs}
    )


def report(n_rows: int, size: float, fit: dict[str, Any], times: dict[str, Any], theirs: dict[str, Any]) -> None:
    print(
        f"{n_rows:,} rows of {N_FEATURES} float32, {size / 1e9:.2f} GB of Parquet, k={N_COMPONENTS}, full covariances"
    )
    print(f"decoding into the scratch file {fit['opened']:.1f} s, default fit {fit['seconds']:.1f} s")
    print(f"peak memory {fit['peak'] / 1e9:.2f} GB, of which {fit['baseline'] / 1e9:.2f} GB before the fit")
    print(
        f"passes over all rows with k={N_COMPONENTS}: {fit['passes']}, until within {WITHIN:g} nats per row of the end "
        f"{fit['passes within']}; with one component {fit['passes of one component']}"
    )
    for form, each in times.items():
        ratios = ", ".join(f"{name} {each[name]:.2f} s ({each[name] / each['memory']:.2f})" for name in PARTS)
        print(f"a pass, {form}: {ratios}")
    print(
        f"scikit-learn on {theirs['rows']:,} rows, {theirs['seconds']:.1f} s: held-out log-likelihood "
        f"{theirs['held out']:.5f} nats per row, gaussmix {theirs['held out of gaussmix']:.5f}"
    )


if __name__ == "__main__":
    main()
