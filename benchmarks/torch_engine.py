"""Time of a pass over rows in a torch tensor, on the devices that are here, beside that of the compiled engine.

Claim: none; the table shows what a device of yours gains. The compiled engine is the one that a fit uses for arrays and
for tensors on the CPU; `TorchEngine` is the one for other devices. It is shown on the CPU as well, where it is the same
code as on a GPU.

Method: mixtures of k components in d features, and rows drawn from them, float32 and float64. The compiled engine and
each device take turns in this process (timing.py). A pass returns its sums to the host, so its time includes all work
of the device; the tensors are on their device before. The difference is the largest between two log-likelihoods, in
nats per row. ``--quick`` uses a fiftieth of the rows and fewer turns.
"""

import argparse
from typing import Any

import numpy as np
import torch
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from timing import time_in_turns

from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.engines.torch import TorchEngine
from gaussmix.testing import random_mixture

SHAPES = ((10_000_000, 8, 10), (1_000_000, 32, 32), (1_000_000, 128, 16), (1_000_000, 16, 256))
COVARIANCES = ("full", "tied", "diag", "spherical")


def devices_here() -> dict[str, str]:
    """Return the devices of this machine, and what they are."""
    found = {"cpu": f"{torch.get_num_threads()} threads"}
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_device_name()
    if torch.backends.mps.is_available():
        found["mps"] = "Apple GPU"
    return found


def measure(
    n: int, d: int, k: int, covariance_type: str, dtype: str, rounds: int, devices: list[str]
) -> dict[str, Any]:
    rng = np.random.default_rng(d * k)
    mixture = random_mixture(covariance_class(covariance_type), k, d, rng)
    rows = mixture.sample(n, rng)[0].astype(dtype)
    whitened = mixture.whitened()
    engines = {"compiled": NativeEngine(rows)}
    for device in devices:
        if device != "mps" or dtype == "float32":
            engines[device] = TorchEngine(torch.tensor(rows, device=device))
    seconds = time_in_turns([lambda engine=engine: engine.accumulate(whitened) for engine in engines.values()], rounds)
    likelihoods = [engine.accumulate(whitened).mean_log_likelihood for engine in engines.values()]
    return {
        "n": n,
        "d": d,
        "k": k,
        "covariances": covariance_type,
        "dtype": dtype,
        "seconds": {name: each.__dict__ for name, each in zip(engines, seconds, strict=True)},
        "difference": max(abs(each - likelihoods[0]) for each in likelihoods),
    }


def print_table(found: list[dict[str, Any]], devices: list[str]) -> None:
    print("\nmilliseconds per pass; in parentheses, the time of the compiled engine divided by it")
    print(f"{'rows':>18} {'k':>4} {'form':>10} {'type':>8} {'compiled':>10}" + "".join(f"{one:>18}" for one in devices))
    for row in found:
        times = {name: each["median"] for name, each in row["seconds"].items()}
        cells = [
            f"{1e3 * times[one]:.1f} ({times['compiled'] / times[one]:.2f}x)" if one in times else "-"
            for one in devices
        ]
        print(
            f"{row['n']:>12,} x {row['d']:<3} {row['k']:>4} {row['covariances']:>10} {row['dtype']:>8} "
            f"{1e3 * times['compiled']:>10.1f}" + "".join(f"{cell:>18}" for cell in cells)
        )
    print(f"greatest difference of two log-likelihoods: {max(row['difference'] for row in found):.1e} nats per row")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the rows, fewer turns")
    quick = parser.parse_args().quick
    warn_when_unfair()
    here = devices_here()
    print(f"torch {torch.__version__}; " + "; ".join(f"{name}: {what}" for name, what in here.items()))
    if len(here) == 1:
        print("no GPU here: the table shows the CPU only, where fits take the compiled engine")
    found = [
        measure(n // (50 if quick else 1), d, k, covariance_type, dtype, 1 if quick else 5, list(here))
        for n, d, k in SHAPES
        for covariance_type in COVARIANCES
        for dtype in ("float32", "float64")
    ]
    print_table(found, list(here))
    machine = describe_machine()
    print_machine(machine)
    write_results("torch_engine", {"machine": machine, "torch": torch.__version__, "devices": here, "passes": found})


if __name__ == "__main__":
    main()
