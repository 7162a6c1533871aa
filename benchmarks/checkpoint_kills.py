"""Fits that are killed at random moments and go on from a checkpoint, compared with fits that are left alone.

Claim: a fit of 1,000,000 x 8 rows, k=10, that is killed 20 times ends in the same bits: parameters, log-likelihood, and
history and report except seconds. The checkpoint takes at most 10 per cent of the time of a fit of a second; half of
that is reading all rows for their digest.

Method: each fit runs in a child process, forked from one that has the rows. For the times, fits without and with a new
checkpoint alternate, and the least processor time of the rounds counts, in one thread. Then a fit gets SIGKILL at a
moment drawn from the time that an undisturbed fit takes, and is started again, until it ends. Its bits are compared. If
it ended before it was killed 20 times, it begins anew. The fit that finds everything in its checkpoint shows what is
repeated at every start: reading and hashing the rows, and drawing samples. ``--quick`` has a tenth of the rows.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, write_results

from gaussmix import GaussianMixture, StudentMixture

N_ROWS, N_FEATURES, N_COMPONENTS = 1_000_000, 8, 10
KILLS, MOST_OVERHEAD = 20, 10.0

KINDS: dict[str, Callable[[], GaussianMixture]] = {
    "full": lambda: GaussianMixture(N_COMPONENTS, random_state=0),
    "diag": lambda: GaussianMixture(N_COMPONENTS, covariance_type="diag", random_state=0),
    "tied": lambda: GaussianMixture(N_COMPONENTS, covariance_type="tied", random_state=0),
    "weights": lambda: GaussianMixture(N_COMPONENTS, random_state=0),
    "missing values": lambda: GaussianMixture(N_COMPONENTS, init_params="kmeans", max_iter=20, random_state=0),
    "uniform noise": lambda: GaussianMixture(
        N_COMPONENTS, noise="uniform", init_params="kmeans", max_iter=30, random_state=0
    ),
    "trimmed": lambda: GaussianMixture(N_COMPONENTS, trim=0.05, random_state=0),
    "t distributions": lambda: StudentMixture(N_COMPONENTS, init_params="kmeans", max_iter=30, random_state=0),
    "plain EM": lambda: GaussianMixture(
        N_COMPONENTS, init_params="random", acceleration="none", tol=1e-9, max_iter=60, random_state=0
    ),
}


def draw_rows(n_rows: int) -> np.ndarray:
    """Return rows (n, 8) of ten clusters that overlap."""
    rng = np.random.default_rng(5)
    means = rng.normal(0, 1.2, (N_COMPONENTS, N_FEATURES))
    roots = rng.normal(0, 0.35, (N_COMPONENTS, N_FEATURES, N_FEATURES)) + np.eye(N_FEATURES)
    labels = rng.choice(N_COMPONENTS, n_rows, p=rng.dirichlet(np.full(N_COMPONENTS, 3.0)))
    rows = rng.normal(size=(n_rows, N_FEATURES))
    for at in range(N_COMPONENTS):
        own = labels == at
        rows[own] = means[at] + rows[own] @ roots[at]
    return rows


def fit_in_child(kind: str, rows: np.ndarray, checkpoint: Path | None, result: Path, ready: Any) -> None:
    """Fit, and write all bits of the result and the seconds: of the processor, and of the clock."""
    warnings.simplefilter("ignore")  # some kinds do not converge
    rng = np.random.default_rng(6)
    weights = rng.uniform(0.5, 2.0, len(rows)) if kind == "weights" else None
    if kind == "missing values":
        rows = np.where(rng.random(rows.shape) < 0.05, np.nan, rows)
    model = KINDS[kind]()
    ready.set()
    began, wall = time.process_time(), time.perf_counter()
    model.fit(rows, sample_weight=weights, checkpoint=checkpoint)
    seconds = time.process_time() - began, time.perf_counter() - wall
    mixture, history = model.mixture_, model.history_
    bits = [mixture.weights, mixture.means, mixture.covariance.roots, history["log_likelihood"], history["gain"]]
    if mixture.degrees_of_freedom is not None:
        bits.append(mixture.degrees_of_freedom)
    report = str(model.report(rows[:20_000])) if kind == "full" else model.stop_reason_
    said = "\n".join(line for line in report.splitlines() if not line.startswith("time "))
    np.savez(result, *bits, told=[said, str(model.fit_result_.fit.n_passes)], seconds=seconds)


class Child:
    """A fit in a process of its own."""

    def __init__(self, kind: str, rows: np.ndarray, folder: Path, checkpoint: Path | None) -> None:
        fork = multiprocessing.get_context("fork")
        ready, self.result = fork.Event(), folder / "result.npz"
        self.result.unlink(missing_ok=True)
        self.process = fork.Process(target=fit_in_child, args=(kind, rows, checkpoint, self.result, ready))
        self.process.start()
        ready.wait()

    def killed_after(self, seconds: float) -> bool:
        """Kill the process after a time; return False if it has ended before."""
        self.process.join(seconds)
        if self.process.exitcode is not None:
            return False
        self.process.kill()
        self.process.join()
        return True

    def bits(self) -> dict[str, np.ndarray]:
        """Return the result when the process has ended."""
        self.process.join()
        with np.load(self.result) as found:
            return dict(found)


def differences(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[str]:
    """Return the names of arrays that are not equal to the last bit."""
    return [
        name
        for name in one
        if name != "seconds" and (one[name].shape != other[name].shape or one[name].tobytes() != other[name].tobytes())
    ]


def measure(kind: str, rows: np.ndarray, folder: Path, rounds: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return times, sizes, kills and differences of one kind."""
    path = folder / "fit.checkpoint"
    plain, kept, again = [], [], []
    wrong: list[str] = []
    for _ in range(rounds):
        path.unlink(missing_ok=True)
        whole = Child(kind, rows, folder, None).bits()
        plain.append(whole["seconds"])
        for times in (kept, again):
            found = Child(kind, rows, folder, path).bits()
            times.append(found["seconds"])
            wrong += differences(whole, found)
    size = path.stat().st_size
    path.unlink()
    kills = ends = 0
    wall = min(seconds[1] for seconds in plain)
    while kills < KILLS or path.exists():
        child = Child(kind, rows, folder, path)
        if kills < KILLS and child.killed_after(rng.uniform(0, wall)):
            kills += 1
            continue
        wrong += differences(whole, child.bits())
        ends += 1
        path.unlink()
    seconds = [min(each[0] for each in times) for times in (plain, kept, again)]
    return {
        "seconds": seconds[0],
        "overhead": 100 * (seconds[1] / seconds[0] - 1),
        "again": 100 * seconds[2] / seconds[0],
        "kilobytes": size / 1e3,
        "passes": int(whole["told"][1]),
        "kills": kills,
        "fits": ends,
        "different": sorted(set(wrong)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--rounds", type=int, default=3, help="of the times")
    options = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"OMP_NUM_THREADS": "1"})
    n_rows = N_ROWS // 10 if options.quick else N_ROWS
    rng, rows = np.random.default_rng(), draw_rows(n_rows)
    print(f"{n_rows:,} x {N_FEATURES} rows, k={N_COMPONENTS}, {KILLS} kills of each kind\n")
    print("kind            | seconds | passes | checkpoint adds | file    | read again | kills, fits | other bits")
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in options.kinds:
            found = results[kind] = measure(kind, rows, folder, options.rounds, rng)
            print(
                f"{kind:<15} | {found['seconds']:7.2f} | {found['passes']:6} | {found['overhead']:13.1f} % | "
                f"{found['kilobytes']:4.0f} kB | {found['again']:8.0f} % | {found['kills']:5}, {found['fits']:4} | "
                f"{', '.join(found['different']) or 'none'}",
                flush=True,
            )
    machine = describe_machine()
    print()
    print_machine(machine)
    write_results("checkpoint_kills", {"machine": machine, "n_rows": n_rows, "results": results})
    if any(found["different"] for found in results.values()):
        sys.exit("MISSED: a fit that was killed ends in other bits")
    if any(found["overhead"] > MOST_OVERHEAD for found in results.values()):
        sys.exit(f"MISSED: a checkpoint adds more than {MOST_OVERHEAD:g} %")


if __name__ == "__main__":
    main()
