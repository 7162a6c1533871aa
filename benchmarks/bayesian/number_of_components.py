"""The number of components that variational Bayes finds, with an upper limit of 30.

    python benchmarks/bayesian/number_of_components.py [--quick] [--without-ten]

Claim: the default fit of `BayesianGaussianMixture` finds the true number of components of at least 85 % of 60 simulated
tables, and its evidence lower bound is never below that of the best of ten starts of scikit-learn's class.

Method: tables of 2 to 15 components in 2 to 10 features, 500 rows for each component, weights up to 1:4, and an average
overlap of 0.001 (overlaps.py). A component counts if it has one expected row or more. Beside it: scikit-learn's class
with its defaults and with ten starts, both with 30 components, and our search by BIC over 1 to 20 components with full
covariances. Bounds are complete and of the same model with 30 components (shared.py). Times are processor seconds.
"""

import sys
import time

import numpy as np
from shared import (
    Outcome,
    Setting,
    describe_machine,
    draw_mixture,
    our_fit,
    parser_for,
    print_machine,
    their_fit,
    write_results,
)

from gaussmix import GaussianMixtureIC
from gaussmix.core.typing import FloatArray

LIMIT, TABLES, QUICK = 30, 60, 8
WANTED = 0.85
ROWS_EACH, OVERLAP = 500, 0.001
SAME = 1e-3


def draw_table(number: int) -> tuple[Setting, FloatArray]:
    """Return the setting and the rows of a table."""
    rng = np.random.default_rng([number, 7])
    k, d = int(rng.integers(2, 16)), int(rng.integers(2, 11))
    setting = Setting("full", ROWS_EACH * k, d, k, OVERLAP, imbalance=float(rng.uniform(1, 4)), seed=number)
    return setting, draw_mixture(setting).sample(setting.n_rows, number)[0]


def by_bic(rows: FloatArray) -> Outcome:
    began = time.process_time()
    search = GaussianMixtureIC(range(1, 21), covariance_types=["full"], random_state=0).fit(rows)
    return Outcome(search.mixture_.n_components, float("nan"), time.process_time() - began)


def main() -> int:
    parser = parser_for(__doc__)
    parser.add_argument("--without-ten", action="store_true", help="leave out scikit-learn's ten starts")
    parser.add_argument("--first", type=int, default=0, help="number of the first table")
    options = parser.parse_args()
    found: dict[str, list[Outcome]] = {}
    truth, below = [], []
    for number in range(options.first, QUICK if options.quick else TABLES):
        setting, rows = draw_table(number)
        truth.append(setting.n_components)
        outcomes = {
            "gaussmix": our_fit(rows, n_components=LIMIT)[0],
            "scikit-learn": their_fit(rows, n_components=LIMIT),
        }
        outcomes["BIC search"] = by_bic(rows)
        if not options.without_ten:
            outcomes["scikit-learn, 10 starts"] = their_fit(rows, n_components=LIMIT, n_init=10)
        for name, outcome in outcomes.items():
            found.setdefault(name, []).append(outcome)
        best = max(outcome.bound for name, outcome in outcomes.items() if name.startswith("scikit-learn"))
        behind = best - outcomes["gaussmix"].bound
        if behind > SAME:
            below.append(number)
        numbers = "  ".join(f"{name} {outcome.n_components}" for name, outcome in outcomes.items())
        print(f"table {number}: {setting}: {numbers}  bound {-behind:+.2f} nats", flush=True)
    print(f"\n{'':25}{'right':>8}{'mean error':>12}{'seconds':>10}")
    shares = {}
    for name, outcomes in found.items():
        errors = np.array([outcome.n_components for outcome in outcomes]) - truth
        shares[name] = float((errors == 0).mean())
        seconds = np.mean([outcome.seconds for outcome in outcomes])
        print(f"{name:25}{shares[name]:8.0%}{np.abs(errors).mean():12.2f}{seconds:10.2f}")
    print(f"bound below scikit-learn's: {below or 'never'}")
    machine = describe_machine()
    print_machine(machine)
    write_results("bayesian-number", {"machine": machine, "shares": shares, "below": below})
    return int(shares["gaussmix"] < WANTED or bool(below))


if __name__ == "__main__":
    sys.exit(main())
