"""Processor time of a clean build, of this checkout and of another one.

Claim: a clean build takes less than 90 seconds of processor time.

Method: each build compiles everything in a temporary folder, without ccache, by CMake and Ninja of this interpreter's
environment; the processor time is that of all child processes, user and system. The time spent on a busy machine with
hyperthreads is longer, so ``--against`` builds another checkout in turns and prints the ratio of the least times.
The exit status is 1 when the least time of this checkout exceeds the claim.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import describe_machine, print_machine, write_results

CLAIM = 90.0  # seconds
HERE = Path(__file__).resolve().parent.parent


def build_seconds(checkout: Path) -> float:
    """Return the seconds of processor time of a clean build in a temporary folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CMAKE_CXX_COMPILER")}
    environment |= {"CCACHE_DISABLE": "1", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", str(checkout)]
        command += ["--wheel-dir", f"{folder}/wheels", "--config-settings", f"build-dir={folder}/build"]
        subprocess.run(command, env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="another checkout to build in turns")
    parser.add_argument("--rounds", type=int, default=1, help="builds of each checkout")
    arguments = parser.parse_args()
    checkouts = {"this": HERE} | ({"other": arguments.against.resolve()} if arguments.against else {})
    seconds: dict[str, list[float]] = {name: [] for name in checkouts}
    for _ in range(arguments.rounds):
        for name, checkout in checkouts.items():
            seconds[name].append(build_seconds(checkout))
            print(f"{name:6} {seconds[name][-1]:7.1f} s of processor time", flush=True)
    if arguments.against:
        print(f"ratio of the least: {min(seconds['this']) / min(seconds['other']):.2f}")
    machine = describe_machine()
    print_machine(machine)
    write_results("build_time", {"machine": machine, "seconds": seconds})
    return int(min(seconds["this"]) > CLAIM)


if __name__ == "__main__":
    sys.exit(main())
