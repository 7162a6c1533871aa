"""Detection of outliers: how well scores rank them, beside scikit-learn's detectors and those of PyOD.

    python benchmarks/outliers/detection.py [--quick] [--data FOLDER]

Claim: told the contamination, gaussmix has the greatest mean area under the ROC curve and the greatest mean average
precision. A miss ends the script with status 1.

Method: each detector with its defaults is fitted to the table with its outliers, without labels, and scores the same
rows. "gaussmix" is not told the contamination: small groups of outliers are then components like others. "gaussmix c"
is told it, and "gaussmix 2c" twice as much. The peers have an argument for the contamination, but it does not change
their scores, except those of EllipticEnvelope, which is told it, too. PyOD's GMM has one component by default; "GMM 3"
has three.

Tables: a class of a classification table is made rare, other classes are ordinary: those of scikit-learn, and with
--data those of a folder with thyroid, banknote, crabs, olive and diabetes tables. Simulated kinds: rows of a mixture
and outliers that are uniform, a far cluster, heavy tails, or rows of which one feature was exchanged with that of
another row (so that every column alone looks ordinary). PyOD is left out if it is not installed.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.covariance import EllipticEnvelope
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from gaussmix import GaussianMixtureOutlierDetector
from gaussmix.core.typing import BoolArray, FloatArray

try:  # before the path is extended: benchmarks/ has a module "coverage", and Numba looks for a package of that name
    from pyod.models.copod import COPOD
    from pyod.models.ecod import ECOD
    from pyod.models.gmm import GMM
except ImportError:
    GMM = None

sys.path.append(str(Path(__file__).resolve().parents[1]))
from machine import describe_machine, print_machine, warn_when_unfair
from p_values import design

Scorer = Callable[[FloatArray, float], FloatArray]
"""Function of rows and contamination that returns scores, low for outliers."""

SHARE = 0.1
IN_FOLDER = (
    ("thyroid", "class", "Hypo"),
    ("banknote", "class", "counterfeit"),
    ("crabs", "class", "OF"),
    ("olive", "region", "Sardinia"),
    ("diabetes", "class", "Overt"),
)
"""Files, the columns of classes, and the classes that become rare."""


def ours(rows: FloatArray, contamination: float) -> FloatArray:
    return GaussianMixtureOutlierDetector(random_state=0).fit(rows).score_samples(rows)


def ours_told(rows: FloatArray, contamination: float) -> FloatArray:
    detector = GaussianMixtureOutlierDetector(contamination=contamination, random_state=0)
    return detector.fit(rows).score_samples(rows)


def ours_told_twice(rows: FloatArray, contamination: float) -> FloatArray:
    return ours_told(rows, 2 * contamination)


def factor(rows: FloatArray, contamination: float) -> FloatArray:
    return LocalOutlierFactor().fit(rows).negative_outlier_factor_


def envelope(rows: FloatArray, contamination: float) -> FloatArray:
    return EllipticEnvelope(contamination=contamination, random_state=0).fit(rows).score_samples(rows)


def detectors() -> dict[str, Scorer]:
    """Return the detectors that are installed."""
    found: dict[str, Scorer] = {
        "gaussmix": ours,
        "gaussmix c": ours_told,
        "gaussmix 2c": ours_told_twice,
        "IsolationForest": lambda rows, _: IsolationForest(random_state=0).fit(rows).score_samples(rows),
        "LocalOutlierFactor": factor,
        "EllipticEnvelope": envelope,
    }
    if GMM is None:
        print("PyOD is not installed, and left out")
        return found
    return found | {
        "PyOD GMM": lambda rows, _: -GMM(random_state=0).fit(rows).decision_scores_,
        "PyOD GMM 3": lambda rows, _: -GMM(n_components=3, random_state=0).fit(rows).decision_scores_,
        "PyOD ECOD": lambda rows, _: -ECOD().fit(rows).decision_scores_,
        "PyOD COPOD": lambda rows, _: -COPOD().fit(rows).decision_scores_,
    }


def rare_class(rows: FloatArray, labels: FloatArray, rare: object, seed: int) -> tuple[FloatArray, BoolArray]:
    """Return all rows of the other classes, and so many of the rare one that their share is `SHARE`."""
    rng = np.random.default_rng(seed)
    ordinary, outliers = np.flatnonzero(labels != rare), np.flatnonzero(labels == rare)
    n = min(len(outliers), round(SHARE / (1 - SHARE) * len(ordinary)))
    kept = np.concatenate([ordinary, rng.choice(outliers, n, replace=False)])
    return rows[kept], np.arange(len(kept)) >= len(ordinary)


def simulated(kind: str, shape: str, d: int, seed: int) -> tuple[FloatArray, BoolArray]:
    """Return 900 rows of a mixture of four components and 100 outliers of a kind."""
    rng = np.random.default_rng(seed)
    rows = design(rng, 4, d, shape).sample(900, rng)[0]
    low, width = rows.min(axis=0), np.ptp(rows, axis=0)
    if kind == "uniform":
        outliers = low + width * rng.uniform(size=(100, d))
    elif kind == "cluster":
        outliers = low - 0.3 * width + 0.03 * width * rng.normal(size=(100, d))
    elif kind == "heavy tails":
        outliers = rows[:100] + rows.std(axis=0) * rng.standard_t(2, size=(100, d))
    else:
        outliers = rows[rng.integers(0, 900, 100)]
        column = rng.integers(0, d, 100)
        outliers[np.arange(100), column] = rows[rng.integers(0, 900, 100), column]
    return np.concatenate([rows, outliers]), np.arange(1000) >= 900


def tables(quick: bool, folder: Path | None) -> dict[str, tuple[FloatArray, BoolArray]]:
    sets = {
        "iris": (load_iris, 1),
        "wine": (load_wine, 1),
        "cancer": (load_breast_cancer, 0),
        "digits": (load_digits, 9),
    }
    found = {}
    for name, (load, rare) in list(sets.items())[: 2 if quick else None]:
        rows, labels = load(return_X_y=True)
        found[f"{name}, class {rare}"] = rare_class(rows, labels, rare, 0)
    shapes = ("overlapping", "unequal", "thin")
    kinds = [("uniform", shape) for shape in shapes] + [("exchanged feature", shape) for shape in shapes]
    kinds += [("cluster", "overlapping"), ("cluster", "thin"), ("heavy tails", "overlapping"), ("heavy tails", "thin")]
    for at, (kind, shape) in enumerate(kinds):
        d = (2, 5, 10)[at % 3]
        found[f"{kind}, {shape}, d={d}"] = simulated(kind, shape, d, at)
    for file, column, rare in IN_FOLDER if folder is not None else ():
        frame = pd.read_csv(folder / f"{file}.csv").drop(columns="rownames", errors="ignore")
        rows = frame.select_dtypes("number").to_numpy(dtype=np.float64)
        found[f"{file}, class {rare}"] = rare_class(rows, frame[column].to_numpy(), rare, 0)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer tables")
    parser.add_argument("--data", type=Path, help="folder with CSV tables")
    options = parser.parse_args()
    print_machine(describe_machine())
    warn_when_unfair()
    warnings.simplefilter("ignore")  # of small and degenerate tables, by all detectors
    peers, results = detectors(), {}
    for name, (rows, is_outlier) in tables(options.quick, options.data).items():
        line = {}
        for peer, score in peers.items():
            began = time.process_time()
            low = -score(rows, float(is_outlier.mean()))
            seconds = time.process_time() - began
            line[peer] = (roc_auc_score(is_outlier, low), average_precision_score(is_outlier, low), seconds)
        results[name] = line
        said = "  ".join(f"{peer} {area:.3f}/{precision:.3f}" for peer, (area, precision, _) in line.items())
        print(f"{name} ({len(rows)} x {rows.shape[1]}): {said}", flush=True)
    print(f"\nmean of {len(results)} tables: area under the ROC curve, average precision, worst area, CPU seconds")
    means = {}
    for peer in peers:
        found = np.array([line[peer] for line in results.values()])
        worst = min(results, key=lambda name: results[name][peer][0])
        means[peer] = found[:, :2].mean(axis=0)
        print(
            f"{peer:20s} {means[peer][0]:.3f} {means[peer][1]:.3f}   {found[:, 0].min():.3f} ({worst})   "
            f"{found[:, 2].mean():.2f}"
        )
    best = np.max([found for peer, found in means.items() if "gaussmix" not in peer], axis=0)
    return 0 if (means["gaussmix c"] >= best).all() else 1


if __name__ == "__main__":
    sys.exit(main())
