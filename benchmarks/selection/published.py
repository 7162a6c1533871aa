"""Published choices compared with those of gaussmix: model, number of components, BIC, and the reason.

    python benchmarks/selection/published.py --data FOLDER [--quick]

Claim: a search chooses the published model, or a sound one with a lower BIC.

Method: the folder has the tables, and mclust's choices in ``mclust_reference.csv`` (the better of two agglomerations)
and ``mclust_reference_extra.csv``. A search has all models and 1 to 9 components, up to 20 for the wreath. BIC is
-2 log-likelihood + parameters log n: lower is better.
"""

import csv
import math
from pathlib import Path

from ours import search
from peers import Choice
from shared import Verdicts, describe_machine, parser_for, print_machine, read_table, write_results
from tables import State

TABLES = {
    "faithful": 9,
    "iris": 9,
    "thyroid": 9,
    "banknote": 9,
    "crabs": 9,
    "wine13": 9,
    "penguins4": 9,
    "wreath": 20,
}
FILES = ("mclust_reference.csv", "mclust_reference_extra.csv")
OTHER_NAMES = {"wine13": "wine13_raw"}
SAME = 1e-3  # BIC: the last digit in print


def read_choices(folder: Path) -> dict[str, Choice]:
    """Return the choice for each table; BIC lower is better."""
    found: dict[str, Choice] = {}
    for name in FILES:
        with (folder / name).open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                choice = Choice(line["model"], int(line["G"]), float(line["loglik"]), -float(line["BIC"]), math.nan)
                table = line["dataset"]
                if table not in found or choice.bic < found[table].bic:
                    found[table] = choice
    return found


def main() -> int:
    parser = parser_for(__doc__)
    parser.add_argument("--data", type=Path, metavar="FOLDER", required=True, help="of CSV files")
    parser.add_argument("--only", default="", metavar="NAME", help="tables with this in their name")
    options = parser.parse_args()
    known = read_choices(options.data)
    verdicts, results = Verdicts(), []
    for name, k_max in TABLES.items():
        if options.only not in name or (options.quick and k_max > 9):
            continue
        rows = read_table(options.data, name)
        printed = known[OTHER_NAMES.get(name, name)]
        found = search(rows, k_max)
        ours, own = found.choice, found.cells.get((printed.model, printed.k))
        state = State.of(rows, found.cells[ours.model, ours.k].mixture)
        gap = ours.bic - printed.bic
        same = (ours.model, ours.k) == (printed.model, printed.k)
        print(f"\n{name}, published {printed.model} {printed.k}: BIC {printed.bic:.4f}")
        print(f"  ours {ours.model} {ours.k}: BIC {ours.bic:.4f}, {state}, {ours.seconds:.1f} s")
        if own is not None and not same:
            print(f"  ours of {printed.model} {printed.k}: BIC {own.bic:.4f}")
        print(f"  {found.reason}")
        holds = gap <= SAME and (same or state.unsound == 0)
        verdicts.check(f"  {name}", f"{'the same' if same else 'another'}, {gap:+.4f}", "no higher, sound", holds)
        results.append({"table": name, "ours": ours._asdict(), "published": printed._asdict(), "same": same})
    machine = describe_machine()
    print()
    print_machine(machine)
    write_results(
        "selection-published" + "-quick" * options.quick,
        {"machine": machine, "tables": results, "missed": verdicts.missed},
    )
    return verdicts.finish()


if __name__ == "__main__":
    raise SystemExit(main())
