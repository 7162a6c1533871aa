"""Time of whole searches compared with mclust: the fourteen models with 1 to 9 components, for six tables.

    python benchmarks/selection/timing.py --data FOLDER [--quick]

Claim: a search takes at most half the time of mclust's ``Mclust(data, G = 1:9)``, which has one start for each
cell; and its BIC is as good.

Method: R stays loaded, and times the call alone; for gaussmix it is the time of ``fit``. The two take turns; the
figures are medians of five turns (``--turns``), after one of each that is not counted.
"""

import statistics
from pathlib import Path

from ours import search
from peers import Choice, Mclust, r_versions
from shared import (
    Verdicts,
    describe_machine,
    parser_for,
    print_machine,
    read_table,
    warn_when_unfair,
    write_results,
)

TABLES = ("iris", "faithful", "diabetes", "thyroid", "crabs", "wine13")
LIMIT, K_MAX = 0.5, 9
WORSE = 1e-2  # BIC


def main() -> int:
    parser = parser_for(__doc__)
    parser.add_argument("--data", type=Path, metavar="FOLDER", required=True, help="of CSV files")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--only", default="", metavar="NAME", help="tables with this in their name")
    options = parser.parse_args()
    warn_when_unfair()
    print(r_versions())
    turns = 1 if options.quick else options.turns
    verdicts, results = Verdicts(), []
    with Mclust() as mclust:
        print(f"{'':12}{'ours, s':>10}{'mclust, s':>11}{'ratio':>8}   chosen by ours, by mclust (BIC, lower is better)")
        for name in TABLES:
            if options.only not in name:
                continue
            rows = read_table(options.data, name)
            ours: list[Choice] = []
            theirs: list[Choice] = []
            for turn in range(turns + 1):
                both = search(rows, K_MAX).choice, mclust.select(rows, K_MAX)
                if turn > 0:
                    ours.append(both[0])
                    theirs.append(both[1])
            seconds = [statistics.median(choice.seconds for choice in some) for some in (ours, theirs)]
            ratio, (one, other) = seconds[0] / seconds[1], (ours[0], theirs[0])
            print(
                f"{name:12}{seconds[0]:10.3f}{seconds[1]:11.3f}{ratio:8.2f}   {one.model} {one.k} {one.bic:.3f}, "
                f"{other.model} {other.k} {other.bic:.3f}",
                flush=True,
            )
            results.append(
                {"table": name, "ours": [c._asdict() for c in ours], "mclust": [c._asdict() for c in theirs]}
            )
            verdicts.check(f"{name}, time", f"{ratio:.2f} of mclust's", f"at most {LIMIT:g}", ratio <= LIMIT)
            gap = one.bic - other.bic
            verdicts.check(f"{name}, BIC", f"{gap:+.4f} beside mclust's", f"at most {WORSE:g}", gap <= WORSE)
    machine = describe_machine()
    print_machine(machine)
    write_results(
        "selection-timing" + "-quick" * options.quick,
        {"machine": machine, "tables": results, "missed": verdicts.missed},
    )
    return verdicts.finish()


if __name__ == "__main__":
    raise SystemExit(main())
