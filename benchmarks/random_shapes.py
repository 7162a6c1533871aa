"""gaussmix compared with oneDAL on random shapes.

Claim: the ratio of the times per pass on ten shapes drawn at random, and the worst of them.

Method: as in passes.py, both in this process and from the same start, on full or diagonal covariances. Features and
components are drawn log-uniformly from 1 to 300; the number of rows makes 3e9 operations by model.py, about 0.15 s of a
pass of oneDAL, between 10,000 rows and 400 MB. EM on full covariances needs several rows for each feature of each
component, 5 k d, and on diagonal ones 20 k: a shape for which that would be more than 15e9 operations is drawn again,
and the number of such draws is printed. ``--seed`` draws other shapes. ``--quick`` draws four with a tenth of the
operations.
"""

import argparse
from dataclasses import replace

import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from model import pass_flops
from passes import measure
from peers import find_peers
from problems import Shape

SEED = 1
OPERATIONS = 3e9
MOST_OPERATIONS = 15e9
MOST_BYTES = 400e6


def draw_shape(rng: np.random.Generator, operations: float) -> Shape | None:
    """Return a shape, or None if it would need too many rows."""
    d, k = (int(number) for number in np.exp(rng.uniform(0.0, np.log(301.0), size=2)))
    structure = ("full", "diag")[rng.integers(2)]
    per_row = pass_flops(Shape(1, d, k, structure), pairs=1.0)
    least = max(10_000, 5 * k * d if structure == "full" else 20 * k)
    if least * per_row > MOST_OPERATIONS:
        return None
    return Shape(max(least, int(min(operations / per_row, MOST_BYTES / (8 * d)))), d, k, structure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="four shapes, a tenth of the operations")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the shapes (default {SEED})")
    options = parser.parse_args()
    quick = options.quick

    peers, missing = find_peers(("oneDAL",))
    if missing:
        print(missing[0])
        return 1
    peers = [replace(peer, rounds=2 if quick else 5 if peer.name == "gaussmix" else 3) for peer in peers]
    rng = np.random.default_rng(options.seed)
    shapes: list[Shape] = []
    too_large = 0
    while len(shapes) < (4 if quick else 10):
        shape = draw_shape(rng, OPERATIONS / 10 if quick else OPERATIONS)
        if shape is None:
            too_large += 1
        else:
            shapes.append(shape)

    warn_when_unfair()
    print(f"Milliseconds per pass of EM, {len(shapes)} shapes drawn with seed {options.seed}, {too_large} drawn again")
    columns = f"{'gaussmix':>10}{'oneDAL':>10}{'ratio':>8}{'quickest':>10}{'pairs':>7}{'difference':>12}"
    print(f"{'rows x features':32}{columns}")
    results, ratios = [], []
    for shape in shapes:
        result = measure(shape, peers)
        results.append(result)
        median, quickest = result["median"], result["quickest"]
        if "oneDAL" not in median:
            print(f"{shape!s:32}{median['gaussmix']:10.1f}{'-':>10}")
            continue
        ratios.append(median["oneDAL"] / median["gaussmix"])
        print(
            f"{shape!s:32}{median['gaussmix']:10.1f}{median['oneDAL']:10.1f}{ratios[-1]:7.2f}x"
            f"{quickest['oneDAL'] / quickest['gaussmix']:9.2f}x{result['pairs']:7.2f}"
            f"{result['largest_difference']:12.1e}",
            flush=True,
        )
    print(f"worst {min(ratios):.2f}x, median {np.median(ratios):.2f}x, best {max(ratios):.2f}x")
    machine = describe_machine()
    print()
    print_machine(machine)
    report = {"machine": machine, "quick": quick, "seed": options.seed, "drawn_again": too_large, "passes": results}
    write_results("random_shapes-quick" if quick else "random_shapes", report)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
