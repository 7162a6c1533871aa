"""What the benchmarks share: the description of the machine, and the file of results."""

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
SETTINGS = ("OMP_", "OPENBLAS_", "MKL_", "GOMP_", "KMP_", "DAAL_", "TBB_")
PACKAGES = ("gaussmix", "numpy", "scipy", "scikit-learn", "scikit-learn-intelex")


def describe_machine() -> dict[str, Any]:
    """Versions, processor and threads: everything that a number depends on and a reader cannot see."""
    from threadpoolctl import threadpool_info

    from gaussmix import _native

    pools = [
        f"{pool['internal_api']} {pool.get('architecture') or ''}".strip() + f" x{pool['num_threads']}"
        for pool in threadpool_info()
    ]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: package_version(name) for name in PACKAGES},
        "gaussmix threads": _native.max_threads(),
        "gaussmix instructions": _native.selected_instruction_set(),
        "thread pools": sorted(set(pools)),
        "environment": {name: value for name, value in sorted(os.environ.items()) if name.startswith(SETTINGS)},
    }


def print_machine(machine: dict[str, Any]) -> None:
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    print(f"{machine['processor']}, {machine['cores']} cores; {machine['system']}; Python {machine['python']}")
    print(versions)
    print(
        f"gaussmix: {machine['gaussmix threads']} threads, {machine['gaussmix instructions']}; "
        f"pools in the process: {', '.join(machine['thread pools'])}"
    )
    settings = ", ".join(f"{name}={value}" for name, value in machine["environment"].items())
    print(f"environment: {settings or 'nothing set for threads or kernels'}")


def warn_when_busy() -> None:
    """Print the load of the machine, and a warning when other programs keep a core busy."""
    load = os.getloadavg()[0]
    print(f"load of the last minute: {load:.2f}" + ("; OTHER PROGRAMS ARE RUNNING, do not trust times" * (load > 0.5)))


def processor_name() -> str:
    """The model of the processor and, where it says so little, its family."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name", platform.machine())
    return f"{name} (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts else name


def package_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def write_results(name: str, results: dict[str, Any]) -> None:
    """Write benchmarks/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten: {path.relative_to(Path(__file__).parent.parent)}")
