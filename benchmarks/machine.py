"""What the benchmarks share: the description of the machine, and the file of results."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gaussmix.versions import describe_versions, installed_version

RESULTS = Path(__file__).parent / "results"


def describe_machine() -> dict[str, Any]:
    """Versions, processor and threads: everything that a number depends on and a reader cannot see."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **describe_versions(),
        "scikit-learn-intelex": installed_version("scikit-learn-intelex"),
    }


def print_machine(machine: dict[str, Any]) -> None:
    print(f"{machine['processor']}, {machine['cores']} cores; {machine['system']}; Python {machine['Python']}")
    packages = ("gaussmix", "numpy", "scipy", "scikit-learn", "scikit-learn-intelex")
    print(", ".join(f"{name} {machine[name]}" for name in packages))
    print(
        f"gaussmix: {machine['threads']} threads, {machine['instructions']}, {machine['compiled by']}; "
        f"pools in the process: {', '.join(machine['thread pools'])}"
    )
    print(f"environment: {', '.join(machine['environment']) or 'nothing set for threads or kernels'}")


def warn_when_busy() -> None:
    """Print the load of the machine, and a warning when other programs keep a core busy."""
    load = os.getloadavg()[0]
    print(f"load of the last minute: {load:.2f}" + ("; OTHER PROGRAMS ARE RUNNING, do not trust times" * (load > 0.5)))


def write_results(name: str, results: dict[str, Any]) -> None:
    """Write benchmarks/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten: {path.relative_to(Path(__file__).parent.parent)}")
