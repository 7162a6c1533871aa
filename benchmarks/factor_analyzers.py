"""Mixtures of factor analyzers on a wide table: time per pass, and log density of held-out rows.

Rows are simulated: k components in d columns, each with q factors and independent noise. Passes are those of the
structures of gaussmix, and E-step and M-step of scikit-learn's "diag", in one process and in turn, by the time of the
processor; each is the least of several rounds. For factors there are three numbers, because a pass knows bounds from
the pass before it: the first pass, the mean over a run of EM from k-means, and the last pass of that run.

Then each model is fitted to rows of a mixture with half as many factors again, and the mean log density of other rows
is printed. In the wide table, models without factors start from the labels of the factor model, which are the true
clusters, and run for a few iterations: their own search would take hours. Last are the digits of scikit-learn, with the
number of factors that BIC chooses.

Run with ``python benchmarks/factor_analyzers.py``; ``--quick`` is a small table.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture as Peer
from threadpoolctl import threadpool_limits

from gaussmix import GaussianMixture, Mixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.environment import one_blas_thread
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.factor_starts import factor_start
from gaussmix.fitting.factor_step import FactorUpdate
from gaussmix.fitting.sample import Sample

_RUN = 15  # steps of EM


def population(k: int, d: int, q: int, rng: np.random.Generator) -> Mixture:
    """Return the mixture of which rows are drawn."""
    loadings, noise = 0.4 * rng.standard_normal((k, d, q)), rng.uniform(0.5, 1.5, (k, d))
    covariance = covariance_class(f"factor({q})").from_parts(noise, loadings)
    return Mixture(np.full(k, 1 / k), 0.15 * rng.standard_normal((k, d)), covariance)


def misfit(k: int, d: int, q: int, rng: np.random.Generator) -> Mixture:
    """Return a mixture with half as many factors again, weaker ones, which q factors cannot describe."""
    plain, more = population(k, d, q, rng).covariance, q // 2
    further = 0.15 * rng.standard_normal((k, d, more))
    loadings = np.concatenate([plain.loadings, further], axis=2)
    covariance = covariance_class(f"factor({q + more})").from_parts(plain.noise_variances, loadings)
    return Mixture(rng.dirichlet(np.full(k, 5.0)), 0.15 * rng.standard_normal((k, d)), covariance)


def processor_seconds(call: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    began = time.process_time()
    call()
    return time.process_time() - began


def peer_pass(rows: np.ndarray, k: int, kind: str) -> Callable[[], object]:
    """Return one iteration of scikit-learn from the same clusters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Peer(k, covariance_type=kind, max_iter=1, init_params="random_from_data", random_state=0).fit(rows)

    def iterate() -> None:
        model._m_step(rows, model._e_step(rows)[1])

    return iterate


def own_pass(rows: np.ndarray, mixture: Mixture) -> Callable[[], object]:
    """Return one pass of gaussmix by an engine that knows nothing of earlier passes."""
    whitened = mixture.whitened()
    return lambda: NativeEngine(rows).accumulate(whitened)


def mixtures_of_a_run(rows: np.ndarray, start: Mixture, n_iter: int) -> list[Mixture]:
    """Return the parameters of a run of EM."""
    update, engine, mixtures = FactorUpdate.of("auto", rows.var(axis=0)), NativeEngine(rows), [start]
    for _ in range(n_iter):
        mixtures.append(update.maximize(mixtures[-1], engine.accumulate(mixtures[-1].whitened())).mixture)
    return mixtures


def time_run(rows: np.ndarray, mixtures: list[Mixture]) -> list[float]:
    """Return the processor time of each pass of a run, by an engine that knows what the passes before it found."""
    engine, whitened = NativeEngine(rows), [mixture.whitened() for mixture in mixtures]
    return [processor_seconds(lambda one=one: engine.accumulate(one)) for one in whitened]


def time_passes(rows: np.ndarray, model: Mixture, rounds: int) -> dict[str, float]:
    """Return the least processor time of each kind of pass, in seconds, with one thread."""
    k, q, seconds = model.n_components, model.covariance.n_factors, {}
    labels = KMeans(k, n_init=1, max_iter=20, random_state=0).fit_predict(rows)
    data = Sample.of(WeightedRows(rows), "diagonal")
    start = factor_start(data, labels, covariance_class(f"factor({q})"), k, np.random.default_rng(0))
    run = mixtures_of_a_run(rows, start, _RUN)
    structures = {"factor": model.covariance, "full": model.covariance.promote_to(covariance_class("full"))}
    structures["diag"] = model.covariance.promote_to(covariance_class("diag"))
    calls = {name: own_pass(rows, Mixture(model.weights, model.means, one)) for name, one in structures.items()}
    calls["first factor"] = calls.pop("factor")
    calls["scikit-learn diag"] = peer_pass(rows, k, "diag")
    with threadpool_limits(1), one_blas_thread():  # as in a fit
        for _ in range(rounds):
            for name, call in calls.items():
                if name == "full" and name in seconds:  # takes long
                    continue
                seconds[name] = min(seconds.get(name, np.inf), processor_seconds(call))
            each = time_run(rows, run)
            for name, one in {"factor": float(np.mean(each)), "last factor": each[-1]}.items():
                seconds[name] = min(seconds.get(name, np.inf), one)
            print("  passes of a run, ms: " + " ".join(f"{1e3 * one:.0f}" for one in each), flush=True)
    return seconds


def fit_and_print(train: np.ndarray, test: np.ndarray, model: GaussianMixture, name: str) -> GaussianMixture:
    """Fit a model; print the mean log density of other rows, and the processor time of the fit."""
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(train)
    print(f"  {name:<20}{model.score(test):12.2f}{time.process_time() - began:10.1f} s", flush=True)
    return model


def held_out(train: np.ndarray, test: np.ndarray, k: int, factors: Sequence[int]) -> None:
    """Print the figures of each model, by its own search; BIC chooses among the numbers of factors."""
    for name in ("factor", "diag", "tied", "full", "factor-UUC", "factor-CUU"):
        numbers = factors if name.startswith("factor") else [None]
        models = [
            fit_and_print(
                train,
                test,
                GaussianMixture(k, covariance_type=name, n_factors=q, random_state=0),
                f"{name}({q})" if q else name,
            )
            for q in numbers
        ]
        if len(models) > 1:
            print(f"    BIC chooses {min(models, key=lambda model: model.bic(train)).n_factors} factors", flush=True)


def held_out_from_labels(train: np.ndarray, test: np.ndarray, labels: np.ndarray, k: int, q: int) -> None:
    """Print the figures of the factor model by its own search, and of others from the labels that it finds."""
    model = GaussianMixture(k, covariance_type="factor", n_factors=q, random_state=0)
    found = fit_and_print(train, test, model, "factor").predict(train)
    print(f"    adjusted Rand index with the true clusters {adjusted_rand_score(labels, found):.3f}")
    for name, n_iter in {"diag": 20, "tied": 5, "full": 3}.items():
        other = GaussianMixture(k, covariance_type=name, init_params=found, max_iter=n_iter)
        fit_and_print(train, test, other, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small table")
    parser.add_argument("--passes-only", action="store_true", help="no fits")
    parser.add_argument("--fits-only", action="store_true", help="no passes")
    options = parser.parse_args()
    n, d, k, q = (2_000, 100, 3, 3) if options.quick else (20_000, 784, 10, 10)
    n_fit = 1_500 if options.quick else 20_000
    rng = np.random.default_rng(0)
    if not options.fits_only:
        model = population(k, d, q, rng)
        rows, _ = model.sample(n, rng)
        print(f"passes: N={n:,}, d={d}, k={k}, q={q}, one thread, processor time")
        seconds = time_passes(rows, model, 2 if options.quick else 3)
        for name, each in seconds.items():
            print(
                f"  {name:<20}{each:9.4f} s"
                f"{each / seconds['factor']:10.2f} times factor{each / seconds['last factor']:10.2f} times its last",
                flush=True,
            )
    if options.passes_only:
        return
    rng = np.random.default_rng(0)
    truth = misfit(k, d, q, rng)
    (train, labels), (test, _) = truth.sample(n_fit, rng), truth.sample(n // 2, rng)
    print(f"fits to {n_fit:,} rows: log density of {len(test):,} other rows, nats per row; processor time")
    print(f"  {'the population':<20}{truth.log_density(test).mean():12.2f}")
    if options.quick:
        held_out(train, test, k, [q])
        return
    held_out_from_labels(train, test, labels, k, q)
    rng = np.random.default_rng(0)
    order = rng.permutation(1797)
    images = (load_digits().data + rng.uniform(0, 1, (1797, 64)))[order]  # whole numbers from 0 to 16
    print("digits of scikit-learn, 64 columns: fits to 1,200 rows, log density of 597 others")
    held_out(images[:1200], images[1200:], 10, [1, 2, 4, 6, 8, 10])


if __name__ == "__main__":
    main()
