"""A red saucer on a wooden table: colors tell them apart, gray levels do not.

Each segmentation has four classes, with and without neighbors. How well classes describe the photograph is measured by
the distance of a pixel to the mean color of its class.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from skimage.data import coffee
from sklearn.metrics import adjusted_rand_score

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.typing import Rows

WAYS = {
    "RGB": {"color_space": "rgb", "smoothing": 0},
    "RGB, neighbors": {"color_space": "rgb"},
    "gray": {"color_space": "gray", "smoothing": 0},
    "gray, neighbors": {"color_space": "gray"},
}


def main(folder: Path, every: int = 1) -> None:
    """Segment every n-th line and column of the photograph, print the comparison, save ``photo_rgb_and_gray.png``."""
    photo = coffee()[::every, ::every]
    found = {name: GaussianMixtureSegmenter(4, random_state=0, **how).fit_predict(photo) for name, how in WAYS.items()}
    print(f"{'4 classes':18}{'distance':>10}{'changes':>10}{'agreement with RGB':>20}")
    for name, labels in found.items():
        distance = np.sqrt(((photo - colored(photo, labels)) ** 2).sum(axis=2).mean())
        changes = (labels[:, 1:] != labels[:, :-1]).mean()
        agreement = adjusted_rand_score(found["RGB"].ravel(), labels.ravel())
        print(f"{name:18}{distance:10.1f}{100 * changes:9.1f}%{agreement:20.2f}")
    print("distance: to the mean color of the class; changes: neighbors beside each other with different labels")

    figure = Figure(figsize=(12, 5.8), layout="constrained")
    places = figure.subplots(2, 3).T.ravel()
    gray = np.repeat(photo @ [0.299, 0.587, 0.114], 3).reshape(photo.shape) / 255
    shown = {"photograph": photo, "in gray": gray}
    shown |= {f"4 classes: {name}": colored(photo, found[name]) / 255 for name in ("RGB", "gray")}
    shown |= {f"4 classes: {name}": colored(photo, found[name]) / 255 for name in ("RGB, neighbors", "gray, neighbors")}
    for axes, (name, pixels) in zip(places, shown.items(), strict=True):
        axes.imshow(pixels)
        axes.set_title(name, loc="left")
        axes.set_axis_off()
    figure.savefig(folder / "photo_rgb_and_gray.png", dpi=110)


def colored(photo: Rows, labels: Rows) -> Rows:
    """Each pixel in the mean color of its class."""
    return np.stack([photo[labels == label].mean(axis=0) for label in np.unique(labels)])[
        np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
