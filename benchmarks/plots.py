"""Time of each display of a million rows.

Claim: every display of 1,000,000 rows is drawn in less than 2 seconds.

Method: a known mixture of 50 components in 8 features, and 1,000,000 rows drawn from it; a search over some of them for
the criterion, and a segmenter of an image of as many pixels. Each display is computed and drawn (`return`), and written
as a picture of 100 dots per inch (`picture`); the figures are medians of several times without the first. ``--quick``
draws each one less often. The exit status is 1 when a display takes more than 2 seconds to return.
"""

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair, write_results

mpl.use("agg")

import matplotlib.pyplot as plt

from gaussmix import GaussianMixture, GaussianMixtureIC, Mixture, plots
from gaussmix.imaging import GaussianMixtureSegmenter

ROWS, FEATURES, COMPONENTS, LIMIT = 1_000_000, 8, 50, 2.0


def drawn(draw: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds until the display returns, and until its picture is written."""
    began = time.perf_counter()
    draw()
    returned = time.perf_counter()
    plt.gcf().savefig(io.BytesIO(), dpi=100)
    written = time.perf_counter()
    plt.close("all")
    return returned - began, written - began


def displays() -> dict[str, Callable[[], object]]:
    """Return a call that draws each display, by name."""
    rng = np.random.default_rng(0)
    roots = rng.normal(scale=0.4, size=(COMPONENTS, FEATURES, FEATURES)) + np.eye(FEATURES)
    covariances = roots @ roots.transpose(0, 2, 1)
    means = rng.normal(scale=6.0, size=(COMPONENTS, FEATURES))
    mixture = Mixture.from_parameters(np.full(COMPONENTS, 1 / COMPONENTS), means, covariances)
    rows, _ = mixture.sample(ROWS, 0)
    few = rows[:, :2]
    two = GaussianMixture(3, random_state=0).fit(few)
    search = GaussianMixtureIC(range(1, 4), random_state=0).fit(few[:2000])
    image = np.clip(rows[:, :3].reshape(1000, 1000, 3) * 10 + 128, 0, 255).astype(np.uint8)
    segmenter = GaussianMixtureSegmenter(5, random_state=0).fit(image)
    return {
        "MixtureDisplay": lambda: plots.MixtureDisplay.from_estimator(mixture, rows, features=(0, 1)),
        "MixtureDisplay, 3 components": lambda: plots.MixtureDisplay.from_estimator(two, few),
        "HistogramDisplay": lambda: plots.HistogramDisplay.from_estimator(mixture, rows),
        "PairsDisplay, 4 features": lambda: plots.PairsDisplay.from_estimator(mixture, rows, features=range(4)),
        "PairsDisplay, 8 features": lambda: plots.PairsDisplay.from_estimator(mixture, rows),
        "ResponsibilityDisplay": lambda: plots.ResponsibilityDisplay.from_estimator(mixture, rows),
        "UncertaintyDisplay": lambda: plots.UncertaintyDisplay.from_estimator(mixture, rows, features=(0, 1)),
        "CriterionDisplay": lambda: plots.CriterionDisplay.from_estimator(search),
        "TraceDisplay": lambda: plots.TraceDisplay.from_estimator(two),
        "SegmentationDisplay": lambda: plots.SegmentationDisplay.from_estimator(segmenter, image),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    times = 3 if parser.parse_args().quick else 6
    warn_when_unfair()
    print(f"{ROWS:,} rows x {FEATURES}, k={COMPONENTS}; seconds\n")
    print(f"{'':30}{'return':>8}{'picture':>9}")
    results = {}
    for name, draw in displays().items():
        returned, written = map(statistics.median, zip(*[drawn(draw) for _ in range(times)][1:], strict=True))
        results[name] = {"return": returned, "picture": written}
        print(f"{name:30}{returned:8.2f}{written:9.2f}", flush=True)
    slow = [name for name, seconds in results.items() if seconds["return"] > LIMIT]
    print(f"\nover {LIMIT:g} s: {', '.join(slow) or 'none'}\n")
    machine = describe_machine()
    print_machine(machine)
    write_results("plots", {"machine": machine, "seconds": results})
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
