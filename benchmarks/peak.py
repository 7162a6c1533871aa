"""Peak performance of this machine: multiply-adds per second, and bytes read from memory per second.

Claim: none; other benchmarks compare a pass with these peaks, measured in the same run instead of taken from a data
sheet.

Method: peak.cpp is compiled once per instruction set that gaussmix has here, with its flags from CMakeLists.txt. Each
program runs independent multiply-adds in registers (baseline x86 has no fused ones: a multiplication and then an
addition), in float64 and float32, and sums a buffer of 1 GB, far larger than the last-level cache, with one thread and
with all. The best of ten tries of 0.06 s counts. Other programs can only make a peak too low, and so a share of it too
high: if all threads reach less than 0.9 of their number times the peak of one, they are measured again, twice at
most, and if that remains the report says so. Threads that share a core never reach it.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from machine import describe_machine, print_machine, warn_when_unfair, write_results

from gaussmix.core import _native

FLAGS = {  # of gaussmix_kernels in CMakeLists.txt
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mfma", "-mprefer-vector-width=512"],
}
BUFFER_MEGABYTES = 1000
ATTEMPTS = 3

PeakRates = dict[str, dict[str, dict[str, float]]]
"""Instruction set, "one" or "all" threads, "float64" and "float32" (GFLOP/s) or "reading" (GB/s)."""


def find_compiler() -> str | None:
    return shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


def measure_peak(instruction_sets: list[str] | None = None) -> PeakRates:
    """Return the peaks of these instruction sets, by default of all available; empty without a compiler."""
    compiler = find_compiler()
    if compiler is None:
        print("The peak is left out: no C++ compiler (c++, g++ or clang++) was found. Install one to measure it.")
        return {}
    peak: PeakRates = {}
    threads = _native.max_threads()
    with tempfile.TemporaryDirectory() as folder:
        for name in instruction_sets or _native.instruction_sets():
            program = compile_peak(compiler, FLAGS[name], Path(folder) / name)
            one = run_peak(program, 1)
            every = dict(one)
            for _ in range(ATTEMPTS if threads > 1 else 0):
                again = run_peak(program, threads)
                every = {key: max(every[key], again[key]) for key in again}
                if every["float64"] >= 0.9 * threads * one["float64"]:
                    break
            peak[name] = {"one": one, "all": every}
    return peak


def compile_peak(compiler: str, flags: list[str], program: Path) -> Path:
    source = Path(__file__).with_name("peak.cpp")
    command = [compiler, "-O3", "-std=c++20", "-pthread", *flags, "-o", str(program), str(source)]
    subprocess.run(command, check=True)
    return program


def run_peak(program: Path, threads: int) -> dict[str, float]:
    command = [str(program), str(threads), str(BUFFER_MEGABYTES)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name: float(value) for name, value in (line.split() for line in run.stdout.splitlines())}


def larger(first: PeakRates, second: PeakRates) -> PeakRates:
    """Return the larger of two measurements of the same peaks, which other programs disturbed less."""
    return {
        name: {
            which: {key: max(value, second[name][which][key]) for key, value in values.items()}
            for which, values in threads.items()
        }
        for name, threads in first.items()
    }


def print_peak(peak: PeakRates) -> None:
    threads = _native.max_threads()
    print(f"{'peak':12}{'threads':>8}{'float64 GFLOP/s':>17}{'float32 GFLOP/s':>17}{'reading GB/s':>14}")
    for name, measured in peak.items():
        for which, count in (("one", 1), ("all", threads)):
            row = measured[which]
            print(f"{name:12}{count:8}{row['float64']:17.1f}{row['float32']:17.1f}{row['reading']:14.1f}")
        if measured["all"]["float64"] < 0.9 * threads * measured["one"]["float64"]:
            print(f"{'':12}THE THREADS DID NOT HAVE A CORE EACH: shares of this peak are too high")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only the instruction set that gaussmix uses")
    quick = parser.parse_args().quick
    warn_when_unfair()
    peak = measure_peak([_native.selected_instruction_set()] if quick else None)
    print_peak(peak)
    report: dict[str, Any] = {"machine": describe_machine(), "peak": peak}
    print()
    print_machine(report["machine"])
    write_results("peak-quick" if quick else "peak", report)


if __name__ == "__main__":
    main()
