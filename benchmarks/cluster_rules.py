"""How well the short rules of `describe` select the rows of a cluster.

Claim: over the clusters of fits to tables, the best rule of one or two thresholds has on average at least the F1 (the
harmonic mean of precision and recall) of the best leaf of a decision tree of depth 2, and is nowhere worse by more than
0.02, although its thresholds are rounded. A cluster has no rule only if the tree has no leaf of F1 0.4 either.

Method: diagonal mixtures of 2, 3, 5 and 8 components are fitted to tables of scikit-learn and to drawn ones. For each
cluster of at least five rows, scikit-learn's tree of depth 2 is fitted to the labels of this cluster against the rest.
Both are evaluated on all rows.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Iterator

import numpy as np
from machine import describe_machine, print_machine
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.tree import DecisionTreeClassifier

from gaussmix import GaussianMixture, Mixture, describe
from gaussmix.core.typing import FloatArray

WORST = -0.02
LEAST_ROWS, LEAST_F1 = 5, 0.4


def tables(quick: bool) -> Iterator[tuple[str, FloatArray]]:
    """Yield names and rows."""
    for load in (load_iris, load_wine, load_diabetes, load_breast_cancer):
        yield load.__name__.removeprefix("load_"), load().data
    for d, k, n in [(2, 6, 1_000), (10, 6, 5_000)] + ([] if quick else [(30, 10, 50_000)]):
        rng = np.random.default_rng(d)
        mixture = Mixture.from_parameters(
            rng.dirichlet(np.full(k, 5.0)),
            rng.normal(0, 2, (k, d)),
            rng.uniform(0.5, 2, (k, d)),
            covariance_type="diag",
        )
        yield f"drawn, d={d}, n={n}", mixture.sample(n, 0)[0]


def best_leaf(rows: FloatArray, belongs: FloatArray) -> float:
    """Return the greatest F1 of a leaf of a tree of depth 2."""
    leaves = DecisionTreeClassifier(max_depth=2, random_state=0).fit(rows, belongs).apply(rows)
    taken = np.bincount(leaves)
    right = np.bincount(leaves, belongs)
    return float((2 * right / (taken + belongs.sum())).max())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller tables")
    quick = parser.parse_args().quick
    print_machine(describe_machine())
    gains: list[float] = []
    for name, rows in tables(quick):
        for k in (2, 5) if quick else (2, 3, 5, 8):
            with warnings.catch_warnings():  # columns of few values make some components doubtful
                warnings.simplefilter("ignore")
                gm = GaussianMixture(k, covariance_type="diag", random_state=0).fit(rows)
            labels = gm.predict(rows)
            began = time.process_time()
            description = describe(gm, rows)
            seconds = time.process_time() - began
            found = []
            for cluster in description:
                if LEAST_ROWS <= cluster.n_rows < len(rows):
                    best = max((rule.f1 for rule in cluster.rules), default=0.0)
                    leaf = best_leaf(rows, (labels == cluster.cluster).astype(float))
                    if cluster.rules or leaf >= LEAST_F1:
                        found.append((best, leaf))
            ours, theirs = np.array(found).T
            gains += (ours - theirs).tolist()
            print(f"{name:22s} k={k}: mean F1 {ours.mean():.3f}, tree {theirs.mean():.3f}; {seconds:.2f} s")
    mean, worst = float(np.mean(gains)), min(gains)
    better = float(np.mean(np.array(gains) > 0.005))
    print(f"{len(gains)} clusters: mean gain {mean:+.4f}, better by 0.005 in {better:.0%}, worst {worst:+.4f}")
    return int(mean < 0 or worst < WORST)


if __name__ == "__main__":
    sys.exit(main())
