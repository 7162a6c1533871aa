"""Mixtures with thousands of components: truncated EM against exact passes, exact EM and vamm's published figures.

Rows are drawn from k normal components whose means have a standard deviation of 3 along each of 16 features; those of
the components are 0.5 to 1.5. Times are processor seconds. Run with OMP_NUM_THREADS=1 for the ratios.

    python benchmarks/thousands_of_components.py [--quick] [--section NAME ...]
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from peer import Start
from peers import fit_onedal, fit_sklearn

from gaussmix import GaussianMixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine, TruncatedEngine, Truncation
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.flat_start import flat_start
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import SearchSettings
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.stopping import RemainingGain
from gaussmix.fitting.truncated_fit import EXACT_ITERATIONS, TruncatedFit, neighbors_for

D = 16
VAMM = {("diag", 20_000, 1_000): 16.1, ("full", 20_000, 500): 31.6}  # processor seconds of whole fits
SIZES = (("diag", 100_000, 500), ("full", 60_000, 300))
CANDIDATES = 5


def table(n: int, k: int, seed: int = 1) -> Any:
    rng = np.random.default_rng(seed)
    means = 3 * rng.normal(size=(k, D))
    deviations = rng.uniform(0.5, 1.5, (k, D))
    labels = rng.integers(k, size=n)
    X = rng.normal(size=(n, D))
    for part in range(0, n, 65_536):
        some = slice(part, part + 65_536)
        X[some] = means[labels[some]] + deviations[labels[some]] * X[some]
    return X


def start(X: Any, k: int, covariance_type: str) -> Mixture:
    structure = covariance_class(covariance_type)
    rng = np.random.default_rng(0)
    sample = Sample.of(NativeEngine(X).sample_rows(max(20_000, 20 * k), rng), structure.form)
    return flat_start(sample, structure, k, rng)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def iterations(n: int, k: int, covariance_type: str, n_iter: int) -> float:
    """Print the times of iterations, truncated and exact."""
    X = table(n, k)
    mixture, update = start(X, k, covariance_type), MaximumLikelihood()
    exact_engine = NativeEngine(X)
    engine = TruncatedEngine(WeightedRows(X), Truncation(CANDIDATES, neighbors_for(CANDIDATES)))
    part = min(n, max(10_000, int(5e7 / k)))
    times, times_of_exact = [], []
    for number in range(n_iter):
        kind = exact_engine if number < EXACT_ITERATIONS else engine  # as in a fit
        moments, passed = timed(lambda at=mixture, kind=kind: kind.accumulate(at.whitened(), rough=kind.rough_helps))
        step, maximized = timed(lambda at=mixture, sums=moments: update.maximize(at, sums))
        mixture = step.mixture
        times.append(passed + maximized)
        if number >= n_iter // 2 and number % 3 == 0:
            _, seconds = timed(lambda at=mixture: NativeEngine(X[:part]).accumulate(at.whitened()))
            times_of_exact.append(seconds * n / part + maximized)
    exact = np.mean(times_of_exact)
    late = np.array(times[n_iter // 2 :]).mean()
    print(
        f"{covariance_type:5} N={n:,} k={k:,}: exact iteration {exact:.2f} s, truncated {np.mean(times):.3f} s "
        f"({exact / np.mean(times):.1f} times faster), second half {late:.3f} s ({exact / late:.1f} times)",
        flush=True,
    )
    return late / n


def same_start(n: int, k: int, covariance_type: str, seed: int) -> None:
    """Print the final exact log-likelihoods of truncated and exact EM from the same start."""
    X = table(n, k, seed)
    rows, update = WeightedRows(X), MaximumLikelihood()
    mixture, engine = start(X, k, covariance_type), NativeEngine(X)
    settings = SearchSettings(1, RemainingGain(), 1000)
    fit = TruncatedFit(rows, engine, update, settings, CANDIDATES, True)
    truncated, its_time = timed(lambda: fit.run(lambda: mixture, None))
    rule = RemainingGain(nats=1e-4 * n)
    exact, time_of_exact = timed(lambda: fit_em(engine, update, mixture, rule, max_iter=1000))
    difference = truncated.fit.moments.mean_log_likelihood - exact.moments.mean_log_likelihood
    print(
        f"{covariance_type:5} N={n:,} k={k:,} table {seed}: truncated {its_time:.1f} s, {truncated.fit.n_iter} "
        f"iterations, {truncated.truncation}; exact {time_of_exact:.1f} s, {exact.n_iter} iterations; "
        f"truncated less exact {difference:+.4f} nats per row",
        flush=True,
    )


def whole_fits(n: int, k: int, covariance_type: str) -> None:
    """Print the time of a whole fit, from seeding to the exact log-likelihood."""
    X = table(n, k)
    wall = time.perf_counter()
    model = GaussianMixture(k, covariance_type=covariance_type, truncation="auto", random_state=0)
    _, seconds = timed(lambda: model.fit(X))
    wall = time.perf_counter() - wall
    beside = VAMM.get((covariance_type, n, k))
    peer = "" if beside is None else f"; vamm {beside} s ({beside / seconds:.1f} times as long)"
    print(
        f"{covariance_type:5} N={n:,} k={k:,}: {seconds:.1f} s, {wall:.1f} s wall, {model.n_iter_} iterations, "
        f"{model.lower_bound_:.4f} nats per row, {model.fit_result_.truncation}{peer}",
        flush=True,
    )


def equal_time(n: int, k: int, covariance_type: str) -> None:
    """Print exact log-likelihoods of a truncated fit, and of peers after iterations that take at least as long.

    The peers take means only, and start from unit covariances. Therefore they get rows on whose scale the covariances
    of our start are units. The time of the seeding is not counted.
    """
    X = table(n, k)
    model = GaussianMixture(k, covariance_type=covariance_type, truncation="auto", random_state=0)
    _, seconds = timed(lambda: model.fit(X))
    print(f"{covariance_type:5} N={n:,} k={k:,}: {model.score(X):.4f} nats per row after {seconds:.1f} s", flush=True)
    ours = start(X, k, covariance_type)
    scale = np.linalg.cholesky(ours.covariance.dense()[0])
    X = np.linalg.solve(scale, X.T).T.copy()
    given = Start(covariance_type, np.linalg.solve(scale, ours.means.T).T.copy())
    for name, fit in (("scikit-learn", fit_sklearn), ("oneDAL", fit_onedal)):
        taken, count = 0.0, 0
        try:
            while taken < seconds:
                count = max(count + 1, int(count * min(4.0, seconds / taken))) if count else 1
                (mixture, _), taken = timed(lambda fit=fit, count=count: fit(X, given, count))
        except (ImportError, RuntimeError, ValueError) as error:
            print(f"{name} is left out: {error}", flush=True)
            continue
        exact = NativeEngine(X).accumulate(mixture.whitened()).mean_log_likelihood - np.log(np.diag(scale)).sum()
        print(f"      {name}: {exact:.4f} nats per row after {count} iterations, {taken:.1f} s", flush=True)


def scaling(rows_per_component: int, sizes: tuple[int, ...]) -> None:
    """Print how the time of an iteration grows with k, with as many rows for each component."""
    costs = [iterations(rows_per_component * k, k, "diag", 16) for k in sizes]
    exponent = np.log(costs[-1] / costs[0]) / np.log(sizes[-1] / sizes[0])
    print(f"time per row grows as k^{exponent:.2f} from k={sizes[0]:,} to {sizes[-1]:,}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--section", nargs="*", default=["iterations", "start", "equal", "fits", "scaling"])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    quick = options.quick
    if "iterations" in options.section:
        for covariance_type in ("diag", "full"):
            iterations(50_000 if quick else 500_000, 200 if quick else 1_000, covariance_type, 12 if quick else 36)
    if "start" in options.section:
        for covariance_type, n, k in SIZES:
            for seed in (1,) if quick else (1, 2, 3, 4):
                same_start(n // 5 if quick else n, k // 2 if quick else k, covariance_type, seed)
    if "equal" in options.section:
        for covariance_type, n, k in SIZES:
            equal_time(n // 5 if quick else n, k // 2 if quick else k, covariance_type)
    if "fits" in options.section:
        for covariance_type, n, k in VAMM:
            whole_fits(n // 10 if quick else n, k // 10 if quick else k, covariance_type)
        if not quick:
            whole_fits(1_000_000, 10_000, "diag")
    if "scaling" in options.section:
        scaling(50, (100, 300) if quick else (100, 1_000, 10_000))


if __name__ == "__main__":
    main()
