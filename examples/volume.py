"""A noisy volume with known classes: what neighbors are worth, and that flat voxels need their spacing.

Balls and a shell of two materials in a third, with voxels 1 by 1 by 3; noise of 0.4 times the distance of the classes.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.imaging.metrics import dice
from gaussmix.typing import Rows

SPACING = (3.0, 1.0, 1.0)
NOISE = 0.4  # of classes that are 1 apart


def main(folder: Path, every: int = 1) -> None:
    """Segment a volume of 96 millimeters (a smaller one for larger ``every``), print Dice, save ``volume.png``."""
    truth = materials(96 // every)
    volume = (truth + np.random.default_rng(0).normal(scale=NOISE, size=truth.shape)).astype(np.float32)
    ways = {
        "voxels alone": {"smoothing": 0},
        "6 neighbors": {},
        "6 neighbors, spacing": {"spacing": SPACING},
        "26 neighbors, spacing": {"spacing": SPACING, "n_neighbors": 26},
    }
    found = {}
    print(f"{truth.size:,} voxels, noise {NOISE} of the distance of the classes")
    print(f"{'Dice':24}{'class 0':>9}{'class 1':>9}{'class 2':>9}{'right':>9}{'strength':>10}")
    for name, how in ways.items():
        segmenter = GaussianMixtureSegmenter(3, channel_axis=None, random_state=0, **how)
        found[name] = segmenter.fit_predict(volume)
        overlaps = "".join(f"{value:9.3f}" for value in dice(found[name], truth))
        right = (found[name] == truth).mean()
        print(f"{name:24}{overlaps}{right:9.3f}{segmenter.smoothing_:10.2f}")

    figure = Figure(figsize=(13, 4.6), layout="constrained")
    middle = len(truth) // 2
    shown = {"truth": truth, "volume": volume} | found
    places = figure.subplots(2, len(shown), height_ratios=(1, 1))
    for column, (name, values) in zip(places.T, shown.items(), strict=True):
        row = values.shape[1] // 2
        for axes, part, aspect in ((column[0], values[middle], 1), (column[1], values[:, row], SPACING[0])):
            axes.imshow(part, cmap="gray", vmin=-0.5, vmax=2.5, aspect=aspect)
            axes.set_axis_off()
        column[0].set_title(name, loc="left", fontsize=11)
    figure.savefig(folder / "volume.png", dpi=110)


def materials(size: int) -> Rows:
    """(size / 3, size, size) array of int: 1 in balls, 2 in smaller ones and in a shell, 0 elsewhere."""
    axes = [step * (np.arange(int(size / step)) + 0.5) for step in SPACING]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) / size
    truth = np.zeros(places.shape[:-1], dtype=np.int64)
    rng = np.random.default_rng(1)
    for material, n_balls, radius in ((1, 14, 0.16), (2, 10, 0.09)):
        for center in rng.uniform(0.1, 0.9, size=(n_balls, 3)):
            truth[((places - center) ** 2).sum(axis=-1) < radius**2] = material
    to_middle = np.sqrt(((places - 0.5) ** 2).sum(axis=-1))
    truth[(to_middle > 0.42) & (to_middle < 0.47)] = 2
    return truth


if __name__ == "__main__":
    main(Path(sys.argv[1]))
