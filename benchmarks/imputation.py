"""Errors of filled-in values, compared with scikit-learn's imputers.

Claim: where there is more than one cluster, values that `GaussianMixtureImputer` fills in have a smaller error than
those of IterativeImputer, KNNImputer and SimpleImputer, on every table and share of missing values.

Method: simulated tables with 2 to 6 components in 3 to 10 columns, of which some overlap, and scikit-learn's iris, wine
and breast cancer. Values are missing at random places. Columns are standardized first, and the error is the root mean
square over the missing values. ``--quick`` takes six of the simulated tables.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, write_results
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from gaussmix import GaussianMixtureImputer, Mixture
from gaussmix.core.typing import FloatArray

SHARES = (0.05, 0.2, 0.4)
N_TABLES, N_ROWS = 30, 500
OURS = "GaussianMixtureImputer"


def simulated(seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    k, d = int(rng.integers(2, 7)), int(rng.integers(3, 11))
    means = rng.normal(size=(k, d)) * rng.choice([1.5, 2.5, 4.0])
    roots = rng.normal(size=(k, d, d)) / np.sqrt(d) + 0.3 * np.eye(d)
    weights = rng.dirichlet(np.full(k, 5.0))
    mixture = Mixture.from_parameters(weights, means, roots @ roots.transpose(0, 2, 1))
    return mixture.sample(N_ROWS, rng)[0]


def tables(n_simulated: int) -> Iterator[tuple[str, FloatArray]]:
    for seed in range(n_simulated):
        rows = simulated(seed)
        yield f"simulated {seed} ({rows.shape[1]} columns)", rows
    for name, load in (("iris", load_iris), ("wine", load_wine), ("breast cancer", load_breast_cancer)):
        yield name, load().data


def imputers() -> dict[str, Any]:
    return {
        OURS: GaussianMixtureImputer(random_state=0),
        "IterativeImputer": IterativeImputer(max_iter=30, random_state=0),
        "KNNImputer": KNNImputer(),
        "SimpleImputer": SimpleImputer(),
    }


def errors(rows: FloatArray, share: float) -> tuple[dict[str, float], dict[str, float]]:
    """Return the error of each imputer and its seconds."""
    standard = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    hole = np.random.default_rng(1).random(rows.shape) < share
    holed = np.where(hole, np.nan, standard)
    found, seconds = {}, {}
    for name, imputer in imputers().items():
        began = time.process_time()
        filled = imputer.fit_transform(holed)
        seconds[name] = time.process_time() - began
        found[name] = float(np.sqrt(((filled - standard)[hole] ** 2).mean()))
    return found, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="six of the simulated tables")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    names = list(imputers())
    print(f"{'table':32s} missing " + " ".join(f"{name:>22s}" for name in names) + "   seconds")
    results, worse = [], []
    for table, rows in tables(6 if options.quick else N_TABLES):
        for share in SHARES:
            found, seconds = errors(rows, share)
            print(
                f"{table:32s} {share:7.0%} "
                + " ".join(f"{found[name]:22.3f}" for name in names)
                + "   "
                + " ".join(f"{seconds[name]:.2f}" for name in names),
                flush=True,
            )
            results.append({"table": table, "share": share, "errors": found, "seconds": seconds})
            if found[OURS] > min(found.values()):
                worse.append(f"{table} at {share:.0%}")
    ratios = [line["errors"][OURS] / min(line["errors"][name] for name in names[1:]) for line in results]
    print(f"\nerror over the best of the others: median {np.median(ratios):.3f}, greatest {max(ratios):.3f}")
    print(f"best of all in {len(results) - len(worse)} of {len(results)}")
    machine = describe_machine()
    print_machine(machine)
    write_results("imputation", {"machine": machine, "tables": results})
    if worse:
        sys.exit(f"missed the claim: {', '.join(worse)}")


if __name__ == "__main__":
    main()
