"""Fluid, gray and white matter in a slice of the MNI152 template that nilearn ships.

The slice is T1-weighted: the darkest class is fluid, the brightest white matter. The template's own tissue maps are
averages of many brains: what is printed is an agreement, not an accuracy. The template is an average too, so smooth
that the strength of the neighbors estimated from it is too great; a small number takes its place.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from nilearn.datasets import load_mni152_gm_template, load_mni152_template, load_mni152_wm_template
from scipy.stats import entropy

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.imaging.metrics import dice
from gaussmix.typing import FloatArray

TISSUES = ("fluid", "gray matter", "white matter")
HEIGHT = 18.0  # of the slice, in millimeters
SMOOTHING = {"pixels alone": 0, "neighbors": 0.3, "neighbors, estimated": "auto"}


def main(folder: Path, every: int = 1) -> None:
    """Segment every n-th line and column of the slice, print the agreement, save ``brain_slice.png``."""
    template = load_mni152_template(resolution=1)
    level = round((HEIGHT - template.affine[2, 3]) / template.affine[2, 2])
    images = (template, load_mni152_gm_template(resolution=1), load_mni152_wm_template(resolution=1))
    brain, gray, white = (np.rot90(image.get_fdata(dtype=np.float32)[::every, ::every, level]) for image in images)
    mask = brain > 0
    maps = np.stack([1 - gray - white, gray, white], axis=-1)

    print(f"{'Dice with the maps':22}" + "".join(f"{tissue:>14}" for tissue in TISSUES) + f"{'strength':>14}")
    found = {}
    for name, smoothing in SMOOTHING.items():
        found[name] = GaussianMixtureSegmenter(3, smoothing=smoothing, random_state=0).fit(brain, mask)
        agreements = dice(found[name].predict(brain, mask), maps.argmax(axis=-1), mask)[:3]
        print(f"{name:22}" + "".join(f"{value:14.3f}" for value in agreements) + f"{found[name].smoothing_:14.2f}")
    segmenter = found["neighbors"]
    probabilities, fractions = segmenter.predict_proba(brain, mask), segmenter.predict_fractions(brain, mask)
    print(f"{'differences in area':22}" + "".join(f"{tissue:>14}" for tissue in TISSUES) + f"{'in a pixel':>14}")
    for name, shares in {"probabilities": probabilities, "fractions": fractions}.items():
        areas = 100 * (shares[mask].sum(axis=0) / maps[mask].sum(axis=0) - 1)
        error = np.sqrt(((shares - maps)[mask] ** 2).mean())
        print(f"{name:22}" + "".join(f"{value:+12.1f} %" for value in areas) + f"{error:14.3f}")

    doubt = np.zeros(mask.shape)
    doubt[mask] = entropy(probabilities[mask], base=2, axis=1)
    pictures = [
        ("T1-weighted", brain, "gray", None),
        ("classes", segmenter.predict(brain, mask), "gray", 2),
        ("the template's own maps", maps.argmax(axis=-1), "gray", 2),
        ("entropy, bits", doubt, "magma_r", 1),
    ]
    pictures += [(f"fraction of {tissue}", fractions[..., at], "gray_r", 1) for at, tissue in enumerate(TISSUES)]
    figure = Figure(figsize=(13, 8), layout="constrained")
    places = figure.subplots(2, 4).ravel()
    lines, columns = (slice(there.min(), there.max() + 1) for there in np.nonzero(mask))
    for axes, (name, pixels, colors, most) in zip(places, pictures, strict=False):
        shown = axes.imshow(np.where(mask, pixels, np.nan)[lines, columns], cmap=colors, vmin=0, vmax=most)
        axes.set_title(name, loc="left")
        axes.set_axis_off()
        if colors == "magma_r":
            figure.colorbar(shown, ax=axes, location="bottom", shrink=0.8)
    draw_histogram(places[-1], segmenter, brain[mask], probabilities[mask].mean(axis=0))
    figure.savefig(folder / "brain_slice.png", dpi=110)


def draw_histogram(axes: Axes, segmenter: GaussianMixtureSegmenter, values: FloatArray, shares: FloatArray) -> None:
    """Brightness, and the density of each class times its share."""
    axes.hist(values, bins=80, density=True, color="#dfe2e5")
    grid = np.linspace(values.min(), values.max(), 400)
    mixture = segmenter.mixture_
    for tissue, mean, variance, share in zip(
        TISSUES, mixture.means[:, 0], mixture.covariance.variances()[:, 0], shares, strict=True
    ):
        density = np.exp(-0.5 * (grid - mean) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
        axes.plot(grid, share * density, label=tissue)
    axes.set_title("brightness and classes", loc="left")
    axes.set_yticks([])
    axes.legend(frameon=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
