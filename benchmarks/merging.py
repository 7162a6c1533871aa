"""Merging of components compared with clustCombi of R's mclust, and on tables with known clusters.

Claim: from the same responsibilities, the same partitions and entropies for every number of clusters, and the same
elbows by two and by three pieces, as mclust's clustCombi and clustCombiOptim (Baudry et al. 2010).

Method: GaussianMixture fits each table once for each number of components, and R reads the responsibilities. Times are
processor times, the median of five runs here, one run in R. ``--tables`` names a folder with the tables of Baudry et
al. (baudry_*.csv) and others; without it only drawn tables are used.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair
from overlaps import Setting, draw_mixture

from gaussmix import GaussianMixture, Mixture, merge_components
from gaussmix.components.merging import MergeTree
from gaussmix.components.merging.tree import Method
from gaussmix.core.typing import FloatArray

SCRIPT = Path(__file__).with_suffix(".R")
FILES = ("baudry_ex4.1", "baudry_ex4.2", "baudry_ex4.3", "baudry_ex4.4.1", "baudry_ex4.4.2", "faithful", "iris")
SIZES = (4, 6, 9)
RUNS = 5
SAME = 1e-8  # of the greatest entropy


@dataclass(frozen=True, eq=False)
class Case:
    """Fit whose components are merged."""

    name: str
    rows: FloatArray
    mixture: Mixture
    shares: FloatArray


@dataclass(frozen=True)
class Answer:
    """Result of R."""

    entropies: FloatArray
    elbows: list[int]
    seconds: float
    partitions: list[set[frozenset[int]]]


def list_cases(tables: Path | None) -> list[Case]:
    sets: dict[str, FloatArray] = {}
    for name in FILES if tables is not None else ():
        path = tables / f"{name}.csv"
        if path.exists():
            sets[name] = read_table(path)
    for seed in range(3):
        sets[f"drawn-{seed}"] = draw_mixture(Setting("full", 500, 3, 6, 0.05, seed=seed)).sample(500, seed)[0]
    return [make_case(name, rows, k) for name, rows in sets.items() for k in SIZES]


def read_table(path: Path) -> FloatArray:
    """Return the numeric columns."""
    columns = np.genfromtxt(path, delimiter=",", skip_header=1)
    return columns[:, ~np.isnan(columns).any(axis=0)]


def make_case(name: str, rows: FloatArray, k: int) -> Case:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # collapsed components are merged like others
        mixture = GaussianMixture(k, random_state=0).fit(rows).mixture_
    return Case(f"{name}-{k}", rows, mixture, mixture.responsibilities(rows))


def ask_mclust(cases: list[Case]) -> tuple[str, dict[str, Answer]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [f"{case.name} {len(case.rows)} {case.shares.shape[1]}" for case in cases]
        (folder / "tasks").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for case in cases:
            case.shares.tofile(folder / case.name)
        done = subprocess.run(["Rscript", str(SCRIPT), name], capture_output=True, text=True, check=True)
        return done.stdout.strip(), {case.name: read_answer(folder / f"{case.name}-answer") for case in cases}


def read_answer(path: Path) -> Answer:
    entropies, elbows, seconds, *labels = path.read_text(encoding="utf-8").splitlines()
    partitions = [groups_of(np.array(line.split(), dtype=int)) for line in labels]
    return Answer(np.array(entropies.split(), dtype=float), list(map(int, elbows.split())), float(seconds), partitions)


def groups_of(labels: FloatArray) -> set[frozenset[int]]:
    return {frozenset(map(int, np.flatnonzero(labels == label))) for label in np.unique(labels)}


def measure(case: Case) -> tuple[MergeTree, float]:
    seconds = []
    for _ in range(RUNS):
        began = time.process_time()
        tree = merge_components(case.mixture, responsibilities=case.shares)
        seconds.append(time.process_time() - began)
    return tree, statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, help="a folder of tables")
    cases = list_cases(parser.parse_args().tables)
    warn_when_unfair()
    version, answers = ask_mclust(cases)
    print(
        f"\nmclust {version}\n{'case':<20}{'partitions':>12}{'entropies':>12}{'elbows':>16}{'ms':>8}{'mclust ms':>12}"
    )
    failed, ratios = [], []
    for case in cases:
        answer, (tree, seconds) = answers[case.name], measure(case)
        k = case.mixture.n_components
        same = sum(groups_of(tree.cut(c).component_clusters) == answer.partitions[c - 1] for c in range(1, k + 1))
        off = float(np.abs(tree.entropies - answer.entropies).max() / max(answer.entropies.max(), 1.0))
        elbows = [tree.elbow(), tree.elbow(n_bends=2)]
        ratios.append(answer.seconds / seconds)
        print(
            f"{case.name:<20}{f'{same} of {k}':>12}{off:>12.1e}{f'{elbows} {answer.elbows}':>16}{1e3 * seconds:>8.2f}"
            f"{1e3 * answer.seconds:>12.0f}"
        )
        if same < k or off > SAME or elbows != answer.elbows:
            failed.append(case.name)
    print(f"median ratio of times: mclust / gaussmix = {statistics.median(ratios):.0f}")
    print(f"\nclusters by each method\n{'case':<20}" + "".join(f"{method:>20}" for method in get_args(Method)))
    for case in cases:
        trees = [merge_components(case.mixture, responsibilities=case.shares, method=m) for m in get_args(Method)]
        print(f"{case.name:<20}" + "".join(f"{tree.n_clusters:>20}" for tree in trees))
    print()
    print_machine(describe_machine())
    if failed:
        raise SystemExit(f"differs from mclust: {', '.join(failed)}")


if __name__ == "__main__":
    main()
