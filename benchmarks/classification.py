"""Accuracy and log loss of classifiers on held-out rows, and with ten labels for each class.

Claims: on average over the tables, at least the accuracy of the best peer and a lower log loss; with ten labels for
each class, a higher accuracy than without the other rows, and than that of every peer.

    python benchmarks/classification.py [--tables FOLDER] [--repeats 10] [--folds 10] [--draws 10] [--seed 0] [--quick]

Peers are scikit-learn's linear and quadratic discriminant analysis, its Gaussian mixture for each class (numbers of
components by BIC), mclust's MclustDA if Rscript and mclust are installed; with few labels, label propagation, label
spreading and self-training. The last two lines are means over the tables. ``--quick`` has a third of the tables, one
repeat, 5 folds, 2 draws and no R.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from classification_tables import tables
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier

from gaussmix import GaussianMixtureClassifier
from gaussmix.core.typing import FloatArray, IntArray

LEAST = 1e-15  # probabilities are raised to it before their logarithm is taken, as everywhere
LABELS = 10
_MOST_UNLABELED = 600


class MixtureForEachClass(ClassifierMixin, BaseEstimator):
    """scikit-learn's mixture for each class, with 1 to 4 components by BIC."""

    def fit(self, X: FloatArray, y: IntArray) -> "MixtureForEachClass":
        """Fit a mixture to the rows of each class."""
        self.classes_ = np.unique(y)
        self.mixtures_, self.priors_ = [], []
        for label in self.classes_:
            rows = X[y == label]
            fits = [GaussianMixture(k, n_init=3, random_state=0).fit(rows) for k in range(1, 5) if k < len(rows)]
            self.mixtures_.append(min(fits, key=lambda fit: fit.bic(rows)))
            self.priors_.append(np.log(len(rows) / len(X)))
        return self

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Return the probabilities of the classes by Bayes' rule."""
        scores = np.stack([mixture.score_samples(X) for mixture in self.mixtures_], axis=1) + self.priors_
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def predict(self, X: FloatArray) -> IntArray:
        """Return the most probable class."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


SUPERVISED: dict[str, Callable[[], Any]] = {
    "LDA": LinearDiscriminantAnalysis,
    "QDA": lambda: make_pipeline(StandardScaler(), QuadraticDiscriminantAnalysis(reg_param=1e-3)),  # 0 refuses cancer
    "sklearn mixtures": MixtureForEachClass,
    "gaussmix": lambda: GaussianMixtureClassifier(random_state=0),
    "gaussmix bic": lambda: GaussianMixtureClassifier(selection="bic", random_state=0),
}


def main() -> None:
    """Run both comparisons and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, help="folder with banknote.csv, crabs.csv, ...")
    for name, default in (("repeats", 10), ("folds", 10), ("draws", 10), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", help="names of tables, separated by commas")
    parser.add_argument("--part", choices=("supervised", "semi"), help="one of the two comparisons")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.folds, options.draws = 1, 5, 2
    warnings.simplefilter("ignore")
    some = [
        table
        for table in tables(options.tables, options.seed, quick=options.quick)
        if options.only is None or table[0] in options.only.split(",")
    ]
    holds = True
    if options.part != "semi":
        print(f"{options.repeats} x {options.folds}-fold cross-validation: accuracy in %, log loss in nats")
        holds &= compare_supervised(some, options)
    if options.part != "supervised":
        print(f"\n{LABELS} labels for each class, {options.draws} draws: accuracy on the other rows in %")
        holds &= compare_few_labels(some, options)
    sys.exit(0 if holds else 1)


def compare_supervised(some: list[tuple[str, FloatArray, IntArray]], options: argparse.Namespace) -> bool:
    """Print accuracy and log loss of each method on each table, and their means; return whether the claim holds."""
    accuracies: dict[str, list[float]] = {}
    losses: dict[str, list[float]] = {}
    seconds: dict[str, float] = {}
    for name, X, y in some:
        turns = [_folds(X, y, options.folds, options.seed + turn) for turn in range(options.repeats)]
        found = {method: _held_out(make, X, y, turns, seconds, method) for method, make in SUPERVISED.items()}
        if not options.quick and shutil.which("Rscript"):
            found["MclustDA"] = _mclust(X, y, turns, seconds)
        line = []
        for method, shares in found.items():
            truth = np.broadcast_to(y, shares.shape[:2])
            accuracies.setdefault(method, []).append(100 * float((shares.argmax(axis=2) == truth).mean()))
            own = np.take_along_axis(shares, truth[:, :, None], axis=2)
            losses.setdefault(method, []).append(float(-np.log(np.maximum(own, LEAST)).mean()))
            line.append(f"{method} {accuracies[method][-1]:.2f} {losses[method][-1]:.3f}")
        print(f"  {name:16s}", " | ".join(line), flush=True)
    means = {method: np.mean(values) for method, values in accuracies.items()}
    print("mean accuracy  ", {method: round(float(value), 2) for method, value in means.items()})
    print("mean log loss  ", {method: round(float(np.mean(values)), 3) for method, values in losses.items()})
    print("CPU seconds    ", {method: round(value, 1) for method, value in seconds.items()})
    others = [method for method in means if not method.startswith("gaussmix")]
    best = np.max([accuracies[method] for method in others], axis=0)
    print(f"gaussmix minus the best peer on average: {means['gaussmix'] - max(means[one] for one in others):+.2f} %")
    print(f"gaussmix minus the best peer of each table: {float(np.mean(accuracies['gaussmix'] - best)):+.2f} %")
    least = min(float(np.mean(losses[method])) for method in others)
    return bool(means["gaussmix"] >= max(means[one] for one in others) and np.mean(losses["gaussmix"]) < least)


def _folds(X: FloatArray, y: IntArray, n_folds: int, seed: int) -> IntArray:
    folds = np.empty(len(y), dtype=np.int64)
    for at, (_, held) in enumerate(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(X, y)):
        folds[held] = at
    return folds


def _held_out(
    make: Callable[[], Any], X: FloatArray, y: IntArray, turns: list[IntArray], seconds: dict[str, float], method: str
) -> FloatArray:
    """Return the probabilities (repeats, n, c) of held-out rows; equal ones where a fit fails."""
    shares = np.full((len(turns), len(y), y.max() + 1), 1 / (y.max() + 1))
    began = time.process_time()
    for at, folds in enumerate(turns):
        for fold in range(folds.max() + 1):
            held = folds == fold
            try:
                shares[at, held] = make().fit(X[~held], y[~held]).predict_proba(X[held])
            except (ValueError, np.linalg.LinAlgError) as error:
                print(f"    {method} failed: {error}")
    seconds[method] = seconds.get(method, 0.0) + time.process_time() - began
    return shares


def _mclust(X: FloatArray, y: IntArray, turns: list[IntArray], seconds: dict[str, float]) -> FloatArray:
    """Return the probabilities of MclustDA; equal ones where it fails."""
    n_classes = int(y.max()) + 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        header = ",".join([*(f"x{at}" for at in range(X.shape[1])), "class"])
        np.savetxt(folder / "rows.csv", np.column_stack([X, y]), delimiter=",", header=header, comments="", fmt="%.17g")
        header = ",".join(f"t{at}" for at in range(len(turns)))
        np.savetxt(folder / "folds.csv", np.stack(turns, axis=1), delimiter=",", header=header, comments="", fmt="%d")
        script = Path(__file__).with_suffix(".R")
        done = subprocess.run(["Rscript", str(script), name], capture_output=True, text=True, check=True)
        seconds["MclustDA"] = seconds.get("MclustDA", 0.0) + float(done.stdout.split()[-1])
        read = np.genfromtxt(folder / "probabilities.csv", delimiter=",", skip_header=1)
    shares = read[:, 2:].reshape(len(turns), len(y), n_classes)
    return np.asarray(np.where(np.isfinite(shares), shares, 1 / n_classes))


FEW: dict[str, Callable[[int], Any]] = {
    "gaussmix": lambda d: GaussianMixtureClassifier(random_state=0),
    "gaussmix, labels only": lambda d: GaussianMixtureClassifier(unlabeled_weight=0, random_state=0),
    "propagation": lambda d: make_pipeline(StandardScaler(), LabelPropagation(gamma=1 / d)),
    "spreading": lambda d: make_pipeline(StandardScaler(), LabelSpreading(gamma=1 / d)),
    "spreading knn": lambda d: make_pipeline(StandardScaler(), LabelSpreading(kernel="knn")),
    "self-training LDA": lambda d: SelfTrainingClassifier(LinearDiscriminantAnalysis()),
    "self-training QDA": lambda d: SelfTrainingClassifier(QuadraticDiscriminantAnalysis(reg_param=0.1)),
}


def compare_few_labels(some: list[tuple[str, FloatArray, IntArray]], options: argparse.Namespace) -> bool:
    """Print the accuracy on rows without a label of each method, and its mean; return whether the claim holds."""
    means: dict[str, list[float]] = {}
    for name, X, y in some:
        correct: dict[str, list[float]] = {}
        for draw in range(options.draws):
            rng = np.random.default_rng([options.seed, draw])
            kept = rng.permutation(len(y))[:_MOST_UNLABELED]
            rows, truth = X[kept], y[kept]
            given = np.full(len(kept), -1)
            for label in range(y.max() + 1):
                mine = np.flatnonzero(truth == label)
                given[rng.choice(mine, min(LABELS, len(mine) // 2), replace=False)] = label
            hidden = given < 0
            for method, make in FEW.items():
                try:
                    found = make(X.shape[1]).fit(rows, given).predict(rows[hidden])
                    correct.setdefault(method, []).append(100 * float((found == truth[hidden]).mean()))
                except (ValueError, np.linalg.LinAlgError):
                    correct.setdefault(method, []).append(100 / (1 + int(y.max())))
        for method, values in correct.items():
            means.setdefault(method, []).append(float(np.mean(values)))
        print(f"  {name:16s}", " | ".join(f"{one} {values[-1]:.1f}" for one, values in means.items()), flush=True)
    print("mean accuracy  ", {method: round(float(np.mean(values)), 2) for method, values in means.items()})
    return max(means, key=lambda method: float(np.mean(means[method]))) == "gaussmix"


if __name__ == "__main__":
    main()
