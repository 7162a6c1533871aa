"""Whether components keep their names when a model is fitted again.

Claim: of 100 refits to resampled rows, `align` gives at most one an order that is not the true one: on iris, on three
designs of overlapping components and on two components with one center, for each way of drawing rows.

Method: the true order is known in two ways. A refit that starts at the reference keeps its order, because EM moves each
component from its place ("path"). A refit that starts from new starts and ends in the same optimum must get the order
that leads there ("anew"; fits that end in another optimum have no true order and are left out). Rows are drawn with
replacement, or get Dirichlet weights, or are new tables drawn from the reference. Besides the symmetric
Kullback-Leibler divergence that `align` uses, two other costs are counted: responsibilities on common rows, and
distances of means.
"""

import argparse
import sys
import warnings
from collections.abc import Callable

import numpy as np
from machine import describe_machine, print_machine
from overlaps import Setting, draw_mixture
from sklearn.datasets import load_iris

from gaussmix import GaussianMixture, Mixture
from gaussmix.components.distances import jeffreys
from gaussmix.components.matching import match_costs
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.refit import FitFailedError, refit, search_anew, stream
from gaussmix.inference.refitting import Fitted

DESIGNS = {
    "overlap 0.1, d=2, k=3, n=1000": Setting("full", 1000, 2, 3, 0.1),
    "overlap 0.05, d=2, k=6, n=1500": Setting("full", 1500, 2, 6, 0.05),
    "overlap 0.1, d=4, k=4, n=1000": Setting("full", 1000, 4, 4, 0.1),
}
CONCENTRIC = Mixture.from_parameters([0.5, 0.5], np.zeros((2, 2)), [1.0, 9.0], covariance_type="spherical")
SAME = 1e-2  # nats between all components below which optima are the same
MOST_FLIPS = 0.01

Cost = Callable[[Mixture, Mixture, FloatArray], FloatArray]
COSTS: dict[str, Cost] = {
    "divergence": lambda mixture, reference, rows: jeffreys(mixture, reference),
    "responsibilities": lambda mixture, reference, rows: (
        -(mixture.responsibilities(rows).T @ reference.responsibilities(rows))
    ),
    "means": lambda mixture, reference, rows: ((mixture.means[:, None] - reference.means) ** 2 / rows.var(axis=0)).sum(
        axis=2
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=100)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    tables = {"iris, k=3": (np.ascontiguousarray(load_iris().data), 3)}
    for name, setting in DESIGNS.items():
        tables[name] = (draw_mixture(setting).sample(setting.n_rows, 0)[0], setting.n_components)
    print(f"{'':32}{'':15}{'draws':>8}" + "".join(f"{name:>18}" for name in COSTS) + "   with another order")
    missed = False
    tables["one center, d=2, k=2, n=500"] = (CONCENTRIC.sample(500, 0)[0], 2)
    for name, (rows, k) in tables.items():
        fitted = Fitted.of(GaussianMixture(k, random_state=0).fit(rows), rows, None)
        for kind, draw in (("rows", fitted.resampled), ("weights", fitted.reweighted), ("tables", fitted.simulated)):
            for way, (n_draws, flips) in _count(fitted, draw, arguments.draws).items():
                print(
                    f"{name:32}{kind + ', ' + way:15}{n_draws:8}" + "".join(f"{flips[cost]:18}" for cost in COSTS),
                    flush=True,
                )
                missed |= flips["divergence"] > MOST_FLIPS * max(n_draws, 1)
    print_machine(describe_machine())
    if missed:
        sys.exit(f"align gave more than {MOST_FLIPS:.0%} of refits another order")


def _count(
    fitted: Fitted, draw: Callable[[np.random.Generator], WeightedRows], n_draws: int
) -> dict[str, tuple[int, dict[str, int]]]:
    """Return the number of draws and of wrong orders by each cost, for each source of the true order."""
    reference = fitted.reduced
    k = reference.n_components
    counts = {"path": 0, "anew": 0}
    flips = {way: dict.fromkeys(COSTS, 0) for way in counts}
    for at in range(n_draws):
        rng = stream(0, at)
        rows = draw(rng)
        try:
            near = refit(rows, fitted.update, reference).mixture
            anew = search_anew(rows, fitted.update, reference, rng).mixture
        except FitFailedError:
            continue
        anew = anew.reordered(rng.permutation(k).tolist())
        same = match_costs(jeffreys(anew, near), anew.weights)
        orders: dict[str, tuple[Mixture, IntArray]] = {"path": (near, np.arange(k))}
        if same.cost < SAME:
            orders["anew"] = (anew, same.order)
        for way, (mixture, true) in orders.items():
            counts[way] += 1
            for name, cost in COSTS.items():
                found = match_costs(cost(mixture, reference, fitted.rows.values), mixture.weights).order
                flips[way][name] += int((found != true).any())
    return {way: (counts[way], flips[way]) for way in counts}


if __name__ == "__main__":
    main()
