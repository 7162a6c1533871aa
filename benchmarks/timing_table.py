"""Processor time, likelihood and peak memory of default fits of fourteen kinds of tables, compared with scikit-learn.

Claim: on each table the default fit takes at most 1.5 times the processor time of scikit-learn with ``n_init=10``. It
finds a likelihood that is not lower, or scikit-learn's fit has unsound components. Its peak memory, beyond that after
the imports, is at most 100 MB plus 4 times the bytes of the rows.

Method: each fit runs in a new process with one thread, which imports NumPy and the estimator, draws the rows, fits, and
reads its processor time and its peak resident memory (``ru_maxrss``). Rounds alternate between the contenders; the
least time of the rounds counts. ``--quick`` leaves out the tables on which scikit-learn takes more than ten seconds.
``--against PYTHON`` adds the gaussmix of another environment.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, write_results

FACTOR, MEGABYTES, COPIES, LEAST_NATS = 1.5, 100.0, 4.0, 1e-3
CONTENDERS = ("gaussmix", "scikit-learn 1", "scikit-learn 10")
Random = np.random.Generator


@dataclass(frozen=True)
class Table:
    """A kind of table: its size, the function that draws it, and the form of the covariances."""

    n: int
    d: int
    k: int
    kind: str
    slow: bool = False  # scikit-learn takes more than ten seconds
    form: str = "full"

    @property
    def name(self) -> str:
        return f"{self.n} x {self.d}, k={self.k} {self.kind}{'' if self.form == 'full' else ', ' + self.form}"

    def draw(self) -> Any:
        return np.ascontiguousarray(KINDS[self.kind](np.random.default_rng(0), self), dtype=np.float64)


def blobs(rng: Random, table: Table) -> Any:
    centers = rng.uniform(-3, 3, (table.k, table.d))
    return centers[rng.integers(table.k, size=table.n)] + 0.5 * rng.normal(size=(table.n, table.d))


def far_away(rng: Random, table: Table) -> Any:
    return 1e14 + rng.normal(size=(table.n, table.d)) + 7 * rng.integers(2, size=(table.n, 1))


def poisson(rng: Random, table: Table) -> Any:
    rates = rng.uniform(1, 12, (table.k, table.d))
    return rng.poisson(rates[rng.integers(table.k, size=table.n)])


KINDS: dict[str, Callable[[Random, Table], Any]] = {
    "blobs": blobs,
    "normal": lambda rng, table: rng.normal(size=(table.n, table.d)),
    "uniform": lambda rng, table: rng.uniform(size=(table.n, table.d)),
    "Cauchy": lambda rng, table: rng.standard_cauchy(size=(table.n, table.d)),
    "integers 0-5": lambda rng, table: rng.integers(0, 6, size=(table.n, table.d)),
    "Poisson": poisson,
    "offset 1e14": lambda rng, table: (
        rng.normal(size=(table.n, table.d)) + 7 * rng.integers(2, size=(table.n, 1)) + 1e14
    ),
}
TABLES = [
    Table(1_000, 50, 10, "blobs"),
    Table(5_000, 100, 20, "blobs"),
    Table(500, 300, 3, "blobs"),
    Table(5_000, 300, 3, "blobs"),
    Table(20_000, 30, 50, "blobs", slow=True),
    Table(200, 1, 50, "normal"),
    Table(5_000, 3, 8, "integers 0-5"),
    Table(5_000, 4, 6, "Poisson"),
    Table(20_000, 10, 20, "normal", slow=True),
    Table(3_000, 20, 20, "uniform", slow=True),
    Table(2_000, 1, 20, "Cauchy"),
    Table(120, 2, 2, "offset 1e14"),
    Table(20_000, 100, 5, "normal", slow=True),
    Table(30, 2_000, 2, "normal", form="diag"),
]


def fit_in_this_process(contender: str, at: int) -> dict[str, float]:
    """Run in the new process: fit one table and return what was measured."""
    import warnings

    if contender.startswith("gaussmix"):
        from gaussmix import GaussianMixture as Model
    else:
        from sklearn.mixture import GaussianMixture as Model

    warnings.simplefilter("ignore")
    table = TABLES[at]
    options: dict[str, Any] = {"covariance_type": table.form, "random_state": 0}
    if contender == "scikit-learn 10":
        options["n_init"] = 10
    model = Model(table.k, **options)
    imported = peak_bytes()
    rows = table.draw()
    began = time.process_time()
    model.fit(rows)
    seconds = time.process_time() - began
    peak = peak_bytes() - imported
    nats, unsound = judge(model, rows)
    return {"seconds": seconds, "nats": nats, "peak": peak, "data": rows.nbytes, "unsound": unsound}


def judge(model: Any, rows: Any) -> tuple[float, int]:
    """Return the mean log-likelihood and the number of unsound components, computed alike for all contenders.

    A component is unsound if it has at most d rows (two if it is diagonal) or a variance near the least that
    scikit-learn adds.
    """
    from scipy.linalg import solve_triangular
    from scipy.special import logsumexp, softmax

    d = rows.shape[1]
    center = rows[0]
    scores = []
    least = []
    for weight, mean, covariance in zip(model.weights_, model.means_, model.covariances_, strict=True):
        moved = (rows - center) - (mean - center)
        if covariance.ndim == 1:
            roots, whitened = np.sqrt(covariance), moved / np.sqrt(covariance)
            least.append(covariance.min())
        else:
            root = np.linalg.cholesky(covariance)
            roots, whitened = root.diagonal(), solve_triangular(root, moved.T, lower=True).T
            least.append(np.linalg.eigvalsh(covariance)[0])
        with np.errstate(divide="ignore"):
            scores.append(np.log(weight) - np.log(roots).sum() - 0.5 * (whitened**2).sum(axis=1))
    scores = np.stack(scores, axis=1) - 0.5 * d * np.log(2 * np.pi)
    few = softmax(scores, axis=1).sum(axis=0) <= (d if model.covariance_type == "full" else 2)
    return float(logsumexp(scores, axis=1).mean()), int((few | (np.array(least) < 1e-5)).sum())


def peak_bytes() -> float:
    """Return the peak resident memory of this process."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else 1024 * peak)  # macOS counts bytes, Linux kilobytes


def measure(contender: str, at: int, python: str) -> dict[str, float]:
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [python, __file__, "--fit", contender, "--table", str(at)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | limits)
    if run.returncode != 0:
        raise RuntimeError(f"{contender} failed on {TABLES[at].name}:\n{run.stderr}")
    measured: dict[str, float] = json.loads(run.stdout)
    return measured


def compare(at: int, rounds: int, against: str | None) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Measure all contenders on one table; return the results and the claims that fail."""
    contenders = dict.fromkeys(CONTENDERS, sys.executable)
    if against:
        contenders["gaussmix before"] = against
    results: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        for name, python in contenders.items():
            measured = measure(name, at, python)
            if name in results:
                measured["seconds"] = min(measured["seconds"], results[name]["seconds"])
            results[name] = measured
    ours, ten = results["gaussmix"], results["scikit-learn 10"]
    missed = []
    if ours["seconds"] > FACTOR * ten["seconds"]:
        missed.append("time")
    if ours["nats"] < ten["nats"] - LEAST_NATS and ten["unsound"] <= ours["unsound"]:
        missed.append("likelihood")
    if ours["peak"] > 1e6 * MEGABYTES + COPIES * ours["data"]:
        missed.append("memory")
    return results, missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only the quicker tables")
    parser.add_argument("--rounds", type=int, default=1, help="fits of each contender; the least time counts")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of tables, from 0")
    parser.add_argument("--against", metavar="PYTHON", help="interpreter of another environment with gaussmix")
    parser.add_argument("--fit", help=argparse.SUPPRESS)
    parser.add_argument("--table", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        print(json.dumps(fit_in_this_process(options.fit, options.table)))
        return

    print("Processor seconds, mean log-likelihood (unsound components) and peak MB beyond the imports")
    everything, failures = {}, 0
    for at, table in enumerate(TABLES):
        if (options.quick and table.slow) or (options.only and at not in options.only):
            continue
        results, missed = compare(at, options.rounds, options.against)
        ratio = results["gaussmix"]["seconds"] / results["scikit-learn 10"]["seconds"]
        limit = MEGABYTES + COPIES * results["gaussmix"]["data"] / 1e6
        verdict = f"misses {', '.join(missed)}" if missed else "ok"
        print(f"{at:2} {table.name}: {ratio:.2f} times scikit-learn's 10 starts; {verdict}")
        for name, one in results.items():
            memory = f"{one['peak'] / 1e6:8.0f} MB" + (f" of {limit:.0f}" if name == "gaussmix" else "")
            nats = f"{one['nats']:12.4f} ({one['unsound']:.0f})"
            print(f"    {name:16}{one['seconds']:9.2f} s {nats} {memory}", flush=True)
        everything[table.name] = results | {"missed": missed}
        failures += bool(missed)
    machine = describe_machine()
    print()
    print_machine(machine)
    write_results("timing-table-quick" if options.quick else "timing-table", {"machine": machine, "tables": everything})
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
