"""Coverage of 95 % credible intervals of means, over simulated tables with separated components.

    python benchmarks/bayesian/intervals.py [--quick]

Claim: the intervals of `Posterior.intervals` cover 92 to 98 % of the true means.

Method: 300 tables of 2 to 5 components in 1 to 4 features, 100 rows for each component, with covariances of all four
types and means at least 8 standard deviations apart. Components are matched with the true ones; a table whose number of
components is wrong counts as missed intervals.
"""

import sys

import numpy as np
from shared import describe_machine, parser_for, print_machine, write_results

from gaussmix import BayesianGaussianMixture, Mixture
from gaussmix.components.matching import match_components
from gaussmix.core.typing import FloatArray

TABLES, QUICK = 300, 40
WANTED = (0.92, 0.98)
ROWS_EACH, APART = 100, 8.0
STRUCTURES = ("full", "tied", "diag", "spherical")


def draw_truth(number: int) -> Mixture:
    """Return a mixture with separated components."""
    rng = np.random.default_rng([number, 11])
    structure = STRUCTURES[number % 4]
    k, d = int(rng.integers(2, 6)), int(rng.integers(1, 5))
    means = np.zeros((k, d))
    for component in range(k):
        while True:
            means[component] = rng.uniform(-APART * k, APART * k, d)
            if component == 0 or np.linalg.norm(means[:component] - means[component], axis=1).min() > APART:
                break
    covariances = {
        "full": lambda: np.stack([_matrix(rng, d) for _ in range(k)]),
        "tied": lambda: _matrix(rng, d),
        "diag": lambda: rng.uniform(0.5, 1.5, (k, d)),
        "spherical": lambda: rng.uniform(0.5, 1.5, k),
    }[structure]()
    return Mixture.from_parameters(rng.dirichlet(np.full(k, 20.0)), means, covariances, covariance_type=structure)


def _matrix(rng: np.random.Generator, d: int) -> FloatArray:
    axes = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return np.asarray((axes * rng.uniform(0.5, 1.5, d)) @ axes.T)


def main() -> int:
    options = parser_for(__doc__).parse_args()
    covered, wrong = {structure: [] for structure in STRUCTURES}, 0
    for number in range(QUICK if options.quick else TABLES):
        truth = draw_truth(number)
        rows, _ = truth.sample(ROWS_EACH * truth.n_components, number)
        model = BayesianGaussianMixture(n_components=8, covariance_type=truth.covariance_type, random_state=0).fit(rows)
        ends = model.posterior_.intervals(0.95).means
        matching = match_components(model.mixture_, truth)
        inside = np.zeros(truth.means.shape, dtype=bool)
        means, own = truth.means[matching.partners], ends[matching.components]
        inside[matching.partners] = (own[..., 0] <= means) & (means <= own[..., 1])
        wrong += model.mixture_.n_components != truth.n_components
        covered[truth.covariance_type] += inside.ravel().tolist()
    shares = {structure: float(np.mean(found)) for structure, found in covered.items()}
    total = float(np.mean(np.concatenate(list(covered.values()))))
    print("  ".join(f"{structure} {share:.1%}" for structure, share in shares.items()))
    print(f"all {total:.1%} of {sum(map(len, covered.values()))} intervals; wrong number of components: {wrong}")
    machine = describe_machine()
    print_machine(machine)
    write_results("bayesian-intervals", {"machine": machine, "shares": shares, "all": total})
    return int(not WANTED[0] <= total <= WANTED[1])


if __name__ == "__main__":
    sys.exit(main())
