"""Regression by a mixture, beside Gaussian processes, kernel ridge and random forests.

Claim: the 90 % intervals of ``GaussianMixtureRegressor`` contain 88 to 92 % of the targets of new rows, on average over
draws, for each of eight tables.

Method: two thirds of each table are fitted, and the others are predicted. Errors are root mean squares, in standard
deviations of the target. The intervals of a Gaussian process are its own; those of kernel ridge and of the forest are
the prediction plus and minus the 90 % quantile of the absolute residuals in five folds. Parameters of the peers are
chosen by cross-validation or by likelihood. The table shows means over draws; ``wide`` is the mean width of the
interval. The log density is that of the targets given the features (a normal distribution for the peers).
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from scipy.stats import norm
from sklearn.datasets import load_diabetes, make_friedman1, make_friedman2, make_friedman3
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gaussmix import GaussianMixtureRegressor
from gaussmix.core.typing import FloatArray

DRAWS, QUICK_DRAWS, N = 10, 1, 600
COVERAGE, LEAST, MOST = 0.9, 0.88, 0.92


class Prediction(NamedTuple):
    """Means, ends of intervals and log densities of new rows."""

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    log_density: FloatArray


Fit = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], dict[str, Prediction]]
"""(features, targets, new features, new targets) -> predictions by the name of the method."""

OURS, UNCALIBRATED = "gaussmix", "  not calibrated"


def draw_table(name: str, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return the features and the target of a table, in random order."""
    rng = np.random.default_rng(seed)
    x, noise = rng.uniform(-3, 3, N), rng.standard_normal(N)
    match name:
        case "diabetes":
            X, y = load_diabetes(return_X_y=True)
            order = rng.permutation(len(y))
            return X[order], y[order]
        case "growing noise":
            return x[:, None], x + noise * (0.2 + 0.3 * np.abs(x))
        case "two branches":
            X = rng.uniform(-2, 2, (N, 2))
            return X, rng.choice([-1.0, 1.0], N) * (1 + X[:, 0] ** 2 / 2) + 0.3 * noise
        case "noisy sine":
            return x[:, None], np.sin(2 * x) + noise * (0.05 + 0.2 * (1 + np.sin(x)))
        case "friedman 1":
            return make_friedman1(N, noise=1.0, random_state=seed)
        case "friedman 2":
            return make_friedman2(N, noise=125.0, random_state=seed)
        case "friedman 3":
            return make_friedman3(N, noise=0.1, random_state=seed)
        case "30 noise columns":
            X = rng.standard_normal((300, 32))
            return X, X[:, 0] + 0.5 * X[:, 1] + rng.standard_normal(300)
    raise ValueError(name)


TABLES = (
    "diabetes",
    "growing noise",
    "two branches",
    "noisy sine",
    "friedman 1",
    "friedman 2",
    "friedman 3",
    "30 noise columns",
)


def fit_mixture(X: FloatArray, y: FloatArray, new: FloatArray, targets: FloatArray) -> dict[str, Prediction]:
    model = GaussianMixtureRegressor(random_state=0).fit(X, y)
    plain = model.model_.mixture_.condition(new, on=list(range(X.shape[1])))
    return {
        name: Prediction(given.means[:, 0], *given.interval(COVERAGE).T, given.log_density(targets))
        for name, given in ((OURS, model.condition(new)), (UNCALIBRATED, plain))
    }


def normal(mean: FloatArray, half: FloatArray, targets: FloatArray) -> Prediction:
    """Return normal predictions with intervals of these half widths."""
    log_density = norm.logpdf(targets, mean, half / norm.ppf((1 + COVERAGE) / 2))
    return Prediction(mean, mean - half, mean + half, log_density)


def fit_gaussian_process(X: FloatArray, y: FloatArray, new: FloatArray, targets: FloatArray) -> dict[str, Prediction]:
    kernel = ConstantKernel(1.0, (1e-3, 1e3)) * RBF(np.ones(X.shape[1]), (1e-2, 1e4)) + WhiteKernel(0.1, (1e-6, 10))
    process = make_pipeline(StandardScaler(), GaussianProcessRegressor(kernel, normalize_y=True, random_state=0))
    mean, deviation = process.fit(X, y).predict(new, return_std=True)
    return {"Gaussian process": normal(mean, deviation * norm.ppf((1 + COVERAGE) / 2), targets)}


def fit_kernel_ridge(X: FloatArray, y: FloatArray, new: FloatArray, targets: FloatArray) -> dict[str, Prediction]:
    center, scale = y.mean(), y.std()
    grid = {"kernelridge__alpha": np.logspace(-3, 1, 5), "kernelridge__gamma": np.logspace(-3, 1, 5)}
    ridge = GridSearchCV(make_pipeline(StandardScaler(), KernelRidge(kernel="rbf")), grid)
    best = ridge.fit(X, (y - center) / scale).best_estimator_
    half = np.quantile(np.abs((y - center) / scale - cross_val_predict(best, X, (y - center) / scale)), COVERAGE)
    return {"kernel ridge": normal(center + scale * best.predict(new), np.full(len(new), scale * half), targets)}


def fit_forest(X: FloatArray, y: FloatArray, new: FloatArray, targets: FloatArray) -> dict[str, Prediction]:
    forest = RandomForestRegressor(200, random_state=0).fit(X, y)
    half = np.quantile(np.abs(y - cross_val_predict(forest, X, y)), COVERAGE)
    return {"random forest": normal(forest.predict(new), np.full(len(new), half), targets)}


METHODS: dict[str, Fit] = {
    "mixture": fit_mixture,
    "process": fit_gaussian_process,
    "ridge": fit_kernel_ridge,
    "forest": fit_forest,
}


def measure(fit: Fit, table: str, seed: int) -> dict[str, tuple[float, ...]]:
    """Return error, coverage, width, log density and processor time of each method of a fit."""
    X, y = draw_table(table, seed)
    n, scale = 2 * len(y) // 3, float(y.std())
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peers do not always converge
        found = fit(X[:n], y[:n], X[n:], y[n:])
    seconds = time.process_time() - began
    return {name: (*judge(each, y[n:], scale), seconds) for name, each in found.items()}


def judge(found: Prediction, targets: FloatArray, scale: float) -> tuple[float, ...]:
    """Return error, coverage, width and log density in units of the scale."""
    inside = (found.low <= targets) & (targets <= found.high)
    error = np.sqrt(np.mean((found.mean - targets) ** 2)) / scale
    width = (found.high - found.low).mean() / scale
    return float(error), float(inside.mean()), float(width), float((found.log_density + np.log(scale)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one draw")
    parser.add_argument("--only", nargs="*", choices=tuple(METHODS), default=tuple(METHODS), help="methods to run")
    options = parser.parse_args()
    draws = QUICK_DRAWS if options.quick else DRAWS
    warn_when_unfair()
    results: dict[str, dict[str, list[float]]] = {}
    print(f"{draws} draws\n{'':<19}{'method':<18}{'error':>8}{'coverage':>10}{'wide':>8}{'density':>9}{'seconds':>9}")
    for table in TABLES:
        results[table] = {}
        for method in options.only:
            found = [measure(METHODS[method], table, seed) for seed in range(draws)]
            for name in found[0]:
                means = np.mean([each[name] for each in found], axis=0)
                results[table][name] = means.tolist()
                error, coverage, width, density, seconds = means
                print(
                    f"{table:<19}{name:<18}{error:>8.3f}{coverage:>10.1%}{width:>8.2f}{density:>9.3f}{seconds:>9.2f}",
                    flush=True,
                )
    covered = {table: found[OURS][1] for table, found in results.items() if OURS in found}
    worst = max(covered, key=lambda table: abs(covered[table] - COVERAGE), default=None)
    if worst is not None:
        print(f"\nfarthest from {COVERAGE:.0%}: {worst}, {covered[worst]:.1%}\n")
    machine = describe_machine()
    print_machine(machine)
    write_results("regression", {"machine": machine, "results": results})
    if not options.quick and not all(LEAST <= share <= MOST for share in covered.values()):
        raise SystemExit("the claim fails")


if __name__ == "__main__":
    main()
