"""Time of `import gaussmix` in a new interpreter, and the large libraries that it imports.

Claim: importing the package is fast, and imports none of matplotlib, pandas, torch, dask, PIL, sklearn.

Method: each import runs in a new interpreter, which times the import statement; the start of Python is not counted. The
first interpreter fills the file cache and is not counted; the table shows the median and the extremes of the others,
next to NumPy alone and scikit-learn's mixtures. The libraries are looked up in ``sys.modules`` after the import.
``--quick`` starts fewer interpreters. The exit status is 1 when `import gaussmix` imported one of them.
"""

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any

from machine import describe_machine, print_machine, write_results

INTERPRETERS = 9
HEAVY = ("matplotlib", "pandas", "torch", "dask", "PIL", "sklearn")
STATEMENTS = (
    "import numpy",
    "import gaussmix",
    "from gaussmix import GaussianMixture",
    "from sklearn.mixture import GaussianMixture",
)
PROGRAM = """
import sys, time
began = time.perf_counter()
{statement}
took = time.perf_counter() - began
import json
print(json.dumps([took, [name for name in {heavy!r} if name in sys.modules]]))
"""


def time_import(statement: str) -> tuple[float, list[str]]:
    """Return the seconds of the import in a new interpreter, and the large libraries loaded by it."""
    program = PROGRAM.format(statement=statement, heavy=HEAVY)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"{statement!r} failed in a fresh interpreter:\n{run.stderr}")
    seconds, loaded = json.loads(run.stdout)
    return float(seconds), list(loaded)


def measure(statement: str, interpreters: int) -> dict[str, Any]:
    _, loaded = time_import(statement)
    milliseconds = [1e3 * time_import(statement)[0] for _ in range(interpreters)]
    return {"statement": statement, "milliseconds": milliseconds, "loaded": loaded}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three interpreters")
    quick = parser.parse_args().quick
    interpreters = 3 if quick else INTERPRETERS
    print(f"Import in a fresh interpreter, median of {interpreters}")
    print(f"{'statement':46}{'ms':>8}{'least':>8}{'most':>8}  loaded")
    results = []
    for statement in STATEMENTS:
        result = measure(statement, interpreters)
        results.append(result)
        times = result["milliseconds"]
        loaded = ", ".join(result["loaded"]) or "none"
        print(f"{statement:46}{statistics.median(times):8.0f}{min(times):8.0f}{max(times):8.0f}  {loaded}", flush=True)
    machine = describe_machine()
    print()
    print_machine(machine)
    write_results("import_time-quick" if quick else "import_time", {"machine": machine, "imports": results})
    ours = next(result for result in results if result["statement"] == "import gaussmix")
    if ours["loaded"]:
        print(f"import gaussmix must not load {', '.join(ours['loaded'])}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
