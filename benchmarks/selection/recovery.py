"""Recovery of the number of components: 200 simulated tables, compared with mclust and scikit-learn.

    python benchmarks/selection/recovery.py [--quick]

Claim: gaussmix chooses the true number at least as often as either peer, and takes a fifth of the time of either or
less for all tables together.

Method: mixsim.py draws mixtures of 2 to 8 components in 2 to 8 features, with an overlap of 0.01 and 0.05, half of the
tables by the average pair and half by the maximal one; 100 rows for each component. All choose by BIC among 1 to 10
components: gaussmix and mclust (``Mclust(G = 1:10)``) among fourteen models, scikit-learn among its four, with one and
with five starts; gaussmix among these four as well, which is not judged. Each has a process of its own, one after the
other, all with the same tables; seconds are those of the choices alone.
"""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from mixsim import Drawn, draw_rows, problems
from ours import search
from peers import Choice, Mclust, loop_of_sklearn, r_versions
from shared import Verdicts, describe_machine, parser_for, print_machine, warn_when_unfair, write_results

from gaussmix.core.typing import FloatArray

OVERLAPS, KINDS, EACH, EACH_QUICK = (0.01, 0.05), ("average", "maximal"), 50, 3
K_MAX, FASTER = 10, 5.0
OURS, FOUR = "gaussmix", "ours, 4 models"
CONTENDERS = (OURS, FOUR, "mclust", "sklearn", "sklearn, 5 starts")


def choose_all(contender: str, tables: list[FloatArray]) -> list[Choice]:
    """Return the choices, after a first one that is not counted."""
    if contender == "mclust":
        with Mclust() as mclust:
            mclust.select(tables[0], 2)
            return [mclust.select(rows, K_MAX) for rows in tables]
    if contender in (OURS, FOUR):
        types = "all" if contender == OURS else "sklearn"
        search(tables[0], 2, types)
        return [search(rows, K_MAX, types).choice for rows in tables]
    loop_of_sklearn(tables[0], 2, 1)
    return [loop_of_sklearn(rows, K_MAX, 1 if contender == "sklearn" else 5) for rows in tables]


def in_own_process(contender: str, path: Path) -> list[Choice]:
    command = [sys.executable, __file__, "--contender", contender, "--tables", str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [Choice(*words) for words in json.loads(done.stdout)]


def main() -> int:
    parser = parser_for(__doc__)
    parser.add_argument("--each", type=int, help="tables for each overlap and kind")
    parser.add_argument("--peers", nargs="*", default=CONTENDERS[2:], choices=CONTENDERS[2:])
    parser.add_argument("--contender", choices=CONTENDERS, help="only print the choices of this contender for --tables")
    parser.add_argument("--tables", type=Path, metavar="FILE", help="tables drawn by another process")
    options = parser.parse_args()
    if options.contender:
        with np.load(options.tables) as file:
            tables = [file[name] for name in file.files]
        print(json.dumps(choose_all(options.contender, tables)))
        return 0
    warn_when_unfair()
    print(r_versions())
    each = options.each or (EACH_QUICK if options.quick else EACH)
    wanted = [drawn for kind in KINDS for drawn in problems(OVERLAPS, kind, each)]
    names = (OURS, FOUR, *options.peers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tables.npz"
        np.savez(path, *(draw_rows(drawn)[0] for drawn in wanted))
        choices = {name: in_own_process(name, path) for name in names}
    return report(wanted, choices, "selection-recovery" + "-quick" * options.quick)


def report(wanted: list[Drawn], choices: dict[str, list[Choice]], name: str) -> int:
    groups: dict[str, list[int]] = defaultdict(list)
    for at, drawn in enumerate(wanted):
        groups[f"{drawn.kind} {drawn.overlap:g}"].append(at)
    groups["all"] = list(range(len(wanted)))
    right = {name: [c.k == drawn.k for c, drawn in zip(some, wanted, strict=True)] for name, some in choices.items()}
    seconds = {name: sum(choice.seconds for choice in some) for name, some in choices.items()}
    print(f"{'overlap':16}{'tables':>8}" + "".join(f"{name:>20}" for name in choices))
    for group, members in groups.items():
        counts = (sum(right[name][at] for at in members) for name in choices)
        print(f"{group:16}{len(members):8d}" + "".join(f"{count:20d}" for count in counts))
    print(f"{'seconds':24}" + "".join(f"{seconds[name]:20.2f}" for name in choices))
    print(f"{'times ours':24}" + "".join(f"{seconds[name] / seconds[OURS]:20.2f}" for name in choices))
    verdicts = Verdicts()
    own = sum(right[OURS])
    for peer in list(choices)[2:]:
        other, ratio = sum(right[peer]), seconds[peer] / seconds[OURS]
        words = f"ours {own}, {peer} {other} of {len(wanted)}"
        verdicts.check(f"right number, beside {peer}", words, "at least as often", own >= other)
        words = f"{ratio:.2f} times as fast; {seconds[peer] / seconds[FOUR]:.2f} with scikit-learn's four models"
        verdicts.check(f"speed, beside {peer}", words, f"{FASTER:g}", ratio >= FASTER)
    machine = describe_machine()
    print_machine(machine)
    lines: list[dict[str, Any]] = [
        {"name": drawn.name, "k": drawn.k, **{peer: some[at]._asdict() for peer, some in choices.items()}}
        for at, drawn in enumerate(wanted)
    ]
    write_results(name, {"machine": machine, "tables": lines, "missed": verdicts.missed})
    return verdicts.finish()


if __name__ == "__main__":
    raise SystemExit(main())
