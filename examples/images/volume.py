"""A noisy volume with known classes: what neighbors are worth, and how much of each class is in a voxel.

Balls with a core and a coat are drawn on a grid so fine that a voxel of 1 by 1 by 3 millimeters has 24 of its points:
at a border it holds some of both. Fractions are estimates for classes that are next to each other in brightness, as
cores and coats, coats and what is outside.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.imaging.metrics import dice
from gaussmix.typing import Rows

SPACING = (3.0, 1.0, 1.0)
POINTS = (6, 2, 2)  # of the fine grid in a voxel
NOISE = 0.2  # of classes that are 1 apart


def main(folder: Path, every: int = 1) -> None:
    """Segment a volume of 96 millimeters (a smaller one for larger ``every``), print errors, save ``volume.png``."""
    shares = shares_of(materials(6 * (32 // every)))
    truth = shares.argmax(axis=-1)
    noise = np.random.default_rng(0).normal(scale=NOISE, size=truth.shape)
    volume = (shares @ np.arange(3) + noise).astype(np.float32)
    ways = {
        "voxels alone": {"smoothing": 0},
        "6 neighbors": {"spacing": SPACING},
        "26 neighbors": {"spacing": SPACING, "n_neighbors": 26},
    }
    found = {}
    print(f"{truth.size:,} voxels, noise {NOISE} of the distance of the classes")
    print(f"{'Dice':14}{'class 0':>10}{'class 1':>10}{'class 2':>10}{'strength':>10}")
    for name, how in ways.items():
        segmenter = GaussianMixtureSegmenter(3, channel_axis=None, random_state=0, **how).fit(volume)
        found[name] = segmenter.predict(volume)
        overlaps = "".join(f"{value:10.3f}" for value in dice(found[name], truth))
        print(f"{name:14}{overlaps}{segmenter.smoothing_:10.2f}")
        if name == "6 neighbors":
            estimates = {
                "labels": np.eye(3)[found[name]],
                "probabilities": segmenter.predict_proba(volume),
                "fractions": segmenter.predict_fractions(volume),
            }
    print(f"{'how much of each class (6 neighbors)':40}{'error in a voxel':>18}{'error of the volumes':>28}")
    for name, estimate in estimates.items():
        error = np.sqrt(((estimate - shares) ** 2).mean())
        volumes = 100 * (estimate.sum(axis=(0, 1, 2)) / shares.sum(axis=(0, 1, 2)) - 1)
        print(f"{name:40}{error:18.3f}" + "".join(f"{value:+8.1f} %" for value in volumes))

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    shown = {"volume": volume, "truth, shares": shares @ np.arange(3)} | found
    shown["fractions"] = estimates["fractions"] @ np.arange(3)
    places = figure.subplots(2, len(shown))
    for column, (name, values) in zip(places.T, shown.items(), strict=True):
        parts = values[len(values) // 2], values[:, values.shape[1] // 2]
        for axes, part, aspect in zip(column, parts, (1, SPACING[0]), strict=True):
            axes.imshow(part, cmap="gray", vmin=-0.5, vmax=2.5, aspect=aspect)
            axes.set_axis_off()
        column[0].set_title(name, loc="left", fontsize=11)
    figure.savefig(folder / "volume.png", dpi=110)


def materials(size: int) -> Rows:
    """(size, size, size) array of int: 2 in the cores of balls, 1 in their coats, 0 elsewhere."""
    axes = np.meshgrid(*[(np.arange(size) + 0.5) / size] * 3, indexing="ij", sparse=True)
    truth = np.zeros((size, size, size), dtype=np.int8)
    rng = np.random.default_rng(1)
    for center, radius in zip(rng.uniform(0.1, 0.9, size=(16, 3)), rng.uniform(0.1, 0.22, size=16), strict=True):
        distance = np.sqrt(sum((axis - at) ** 2 for axis, at in zip(axes, center, strict=True)))
        np.maximum(truth, (distance < radius).astype(np.int8) + (distance < radius - 0.06), out=truth)
    return truth


def shares_of(fine: Rows) -> Rows:
    """(depth, height, width, 3) how much of each material is in a voxel."""
    depth, height, width = (size // points for size, points in zip(fine.shape, POINTS, strict=True))
    blocks = fine.reshape(depth, POINTS[0], height, POINTS[1], width, POINTS[2])
    return np.stack([(blocks == material).mean(axis=(1, 3, 5)) for material in range(3)], axis=-1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
