"""Time of default fits to degenerate data.

Claim: none takes more than two seconds. The data are those of the tests (tests/helpers/hard_data.py). A fit that fails
is reported and counts as a failure.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from gaussmix import GaussianMixture

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from helpers.datasets import COVARIANCE_TYPES
from helpers.hard_data import CASES, what_is_wrong

LIMIT = 2.0  # seconds


def fit(name: str, covariance_type: str) -> tuple[float, str]:
    """Return the seconds of the fit and the faults of its result."""
    case = CASES[name]
    gm = GaussianMixture(case.n_components, covariance_type=covariance_type, random_state=0)
    began = time.perf_counter()
    try:
        gm.fit(case.rows, sample_weight=case.weights)
    except Exception as error:
        trouble = "" if case.error and isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        return time.perf_counter() - began, trouble
    seconds = time.perf_counter() - began
    return seconds, ", ".join(
        ["an error", *what_is_wrong(gm, case.rows)] if case.error else what_is_wrong(gm, case.rows)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", type=int, default=10, help="number of slowest fits to print")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    GaussianMixture().fit(np.eye(3))  # so that the first fit does not include imports
    times = {}
    failures = []
    for name in CASES:
        for covariance_type in COVARIANCE_TYPES:
            seconds, trouble = fit(name, covariance_type)
            times[f"{name}, {covariance_type}"] = seconds
            if trouble:
                failures.append(f"{name}, {covariance_type}: {trouble}")
    for title, seconds in sorted(times.items(), key=lambda item: -item[1])[: options.show]:
        print(f"{1e3 * seconds:9.1f} ms  {title}")
    print(f"{1e3 * np.median(list(times.values())):9.1f} ms  median of {len(times)} fits")
    print("\n".join(["", "failed:", *failures]) if failures else "all sound")
    return int(bool(failures) or max(times.values()) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
