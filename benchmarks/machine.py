"""What the benchmarks share: the description of the machine, and the file of results."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gaussmix.versions import describe_versions, installed_version

RESULTS = Path(__file__).parent / "results"
KERNEL_CHOICES = ("OPENBLAS_CORETYPE", "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "DAAL_CPU_TYPE")


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


def warn_when_unfair() -> None:
    """Print the load of the machine, and a warning when other programs run or a peer's kernels are chosen for it."""
    load = os.getloadavg()[0]
    print(f"load of the last minute: {load:.2f}" + ("; OTHER PROGRAMS ARE RUNNING, do not trust times" * (load > 0.5)))
    for name in KERNEL_CHOICES:
        if name in os.environ:
            print(f"{name}={os.environ[name]} CHOOSES THE KERNELS OF A PEER: unset it, or it may be slower than it is")


def write_results(name: str, results: dict[str, Any]) -> None:
    """Write benchmarks/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten: {path.relative_to(Path(__file__).parent.parent)}")
