"""Time and bound of a default fit, compared with ten starts of scikit-learn's class.

    python benchmarks/bayesian/default_fit.py [--quick] [--tables FOLDER]

Claim: on every problem of optima.py with one of scikit-learn's four covariance types, a default fit, moves included, is
faster than scikit-learn's with n_init=10, and its evidence lower bound is not below.

Method: both get the number of components of the problem, and find at most as many. Bounds are complete and of the same
model (shared.py). Processor seconds; the least of some rounds where a fit takes less than half a second.
"""

import sys
from pathlib import Path

import numpy as np
from shared import describe_machine, our_fit, parser_for, print_machine, their_fit, warn_when_unfair, write_results

from gaussmix.core.covariance import COVARIANCES

TABLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "tabular"
SAME, ROUNDS, SLOW = 1e-3, 3, 0.5


def main() -> int:
    from optima import list_problems

    parser = parser_for(__doc__)
    parser.add_argument("--tables", type=Path, default=TABLES, help="folder with tables, as for optima.py")
    options = parser.parse_args()
    warn_when_unfair()
    makers = [maker for name, maker in list_problems(options.tables)]
    slower, below, ratios = [], [], []
    for make in makers[::8] if options.quick else makers:
        problem = make()
        if problem.structure not in COVARIANCES:
            continue
        rows = np.ascontiguousarray(problem.rows, dtype=np.float64)
        settings = {"n_components": problem.k, "covariance_type": problem.structure}
        ours, theirs = our_fit(rows, **settings)[0], their_fit(rows, n_init=10, **settings)
        pairs = [(ours.seconds, theirs.seconds)]
        while len(pairs) < ROUNDS and max(pairs[0]) < SLOW:
            pairs.append((our_fit(rows, **settings)[0].seconds, their_fit(rows, n_init=10, **settings).seconds))
        our_time, their_time = (min(times) for times in zip(*pairs, strict=True))
        ratios.append(their_time / our_time)
        behind = theirs.bound - ours.bound
        slower += [problem.name] * (ratios[-1] < 1)
        below += [problem.name] * (behind > SAME)
        print(f"{problem.name}: {our_time:.3f} s, theirs {their_time:.3f} s; bound {-behind:+.3f} nats", flush=True)
    print(f"faster by {np.median(ratios):.1f} (median of {len(ratios)}), at least {min(ratios):.2f}")
    print(f"slower: {slower or 'never'}\nbound below: {below or 'never'}")
    machine = describe_machine()
    print_machine(machine)
    write_results("bayesian-default", {"machine": machine, "ratios": ratios, "slower": slower, "below": below})
    return int(bool(slower or below))


if __name__ == "__main__":
    sys.exit(main())
