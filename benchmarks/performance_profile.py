"""Performance profiles (Dolan and More, Mathematical Programming 91 (2002), 201-213)."""

from pathlib import Path

import numpy as np
from machine import RESULTS

from gaussmix.core.typing import FloatArray

STYLES = {"EM": "0.35", "SQUAREM": "#0072b2", "Newton": "#d55e00", "hybrid": "black", "ADAM": "#009e73"}
FARTHEST = 64.0


def draw_profile(name: str, costs: dict[str, FloatArray], what: str) -> Path:
    """Write benchmarks/results/NAME.png: for each method the share of problems within a factor of the lowest cost.

    ``costs`` maps a method to (problems,) costs, infinite where it did not converge.
    """
    from matplotlib import ticker
    from matplotlib.figure import Figure

    best = np.min(list(costs.values()), axis=0)
    n_problems = len(best)
    figure = Figure(figsize=(7.2, 4.4), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    for arm, cost in costs.items():
        factors = np.sort(cost / best)
        factors = factors[factors <= FARTHEST]
        shares = np.arange(1, len(factors) + 1) / n_problems
        axes.step(
            np.concatenate([[1.0], factors, [FARTHEST]]),
            np.concatenate([[0.0], shares, shares[-1:] if len(shares) else [0.0]]),
            where="post",
            color=STYLES[arm],
            linewidth=2.4 if arm == "hybrid" else 1.6,
            label=arm,
        )
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlim(1, FARTHEST)
    axes.set_ylim(0, 1.01)
    axes.yaxis.set_major_formatter(ticker.PercentFormatter(1.0))
    axes.set_xlabel("passes over the rows, relative to the method with the fewest")
    axes.set_ylabel("share of the problems")
    axes.set_title(f"Passes {what}, {n_problems} problems", fontsize=11)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", frameon=True)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.png"
    figure.savefig(path)
    print(f"\nwritten: {path.relative_to(Path(__file__).parent.parent)}")
    return path
