"""Description of the machine, and files of results."""

import json
import os
import resource
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gaussmix.core.environment import describe_versions, installed_version

RESULTS = Path(__file__).parent / "results"
DISTURBED = 0.1  # cores
KERNEL_CHOICES = ("OPENBLAS_CORETYPE", "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "DAAL_CPU_TYPE")


def seconds_of_others() -> float:
    """Return the processor time that other programs, or other virtual machines of this host, used since the start."""
    try:
        words = Path("/proc/stat").read_text(encoding="utf-8").split(maxsplit=9)
    except OSError:
        return float("nan")
    user, nice, system, _, _, interrupts, soft_interrupts, stolen = map(float, words[1:9])
    everything = (user + nice + system + interrupts + soft_interrupts + stolen) / os.sysconf("SC_CLK_TCK")
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return everything - sum(usage.ru_utime + usage.ru_stime for usage in used)


BEGAN = time.perf_counter(), seconds_of_others()


def describe_machine() -> dict[str, Any]:
    """Return versions, processor and threads, on which the results depend."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores busy with other programs": (seconds_of_others() - BEGAN[1]) / (time.perf_counter() - BEGAN[0]),
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
    others = machine["cores busy with other programs"]
    disturbed = "; TIMES ARE DISTURBED, run again" if others > DISTURBED else ""
    print(f"other programs used {others:.2f} cores during the run{disturbed}")


def warn_when_unfair() -> None:
    """Print the load of the machine, and a warning if other programs run or a peer's kernels are preset."""
    load = os.getloadavg()[0]
    print(f"load of the last minute: {load:.2f}" + ("; OTHER PROGRAMS ARE RUNNING, do not trust times" * (load > 0.5)))
    for name in KERNEL_CHOICES:
        if name in os.environ:
            print(f"{name}={os.environ[name]} SELECTS THE KERNELS OF A PEER: unset it, or the peer may be slower")


def write_results(name: str, results: dict[str, Any]) -> None:
    """Write benchmarks/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten: {path.relative_to(Path(__file__).parent.parent)}")
