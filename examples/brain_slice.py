"""Fluid, gray and white matter in a slice of the MNI152 template that nilearn ships.

The slice is T1-weighted: the darkest class is fluid, the brightest white matter. The template's own tissue maps are
averages of many brains: what is printed is an agreement, not an accuracy.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from nilearn.datasets import load_mni152_gm_template, load_mni152_template, load_mni152_wm_template
from scipy.stats import entropy

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.imaging.metrics import dice

TISSUES = ("fluid", "gray matter", "white matter")
HEIGHT = 18.0  # of the slice, in millimeters


def main(folder: Path, every: int = 1) -> None:
    """Segment every n-th line and column of the slice, print the agreement, save ``brain_slice.png``."""
    template = load_mni152_template(resolution=1)
    level = round((HEIGHT - template.affine[2, 3]) / template.affine[2, 2])
    images = (template, load_mni152_gm_template(resolution=1), load_mni152_wm_template(resolution=1))
    brain, gray, white = (np.rot90(image.get_fdata(dtype=np.float32)[::every, ::every, level]) for image in images)
    mask = brain > 0
    published = np.stack([1 - gray - white, gray, white]).argmax(axis=0)

    print(f"{'Dice with the maps':20}" + "".join(f"{tissue:>14}" for tissue in TISSUES) + f"{'strength':>14}")
    for name, how in {"pixels alone": {"smoothing": 0}, "with neighbors": {}}.items():
        segmenter = GaussianMixtureSegmenter(3, random_state=0, **how).fit(brain, mask)
        labels = segmenter.predict(brain, mask)
        agreements = dice(labels, published, mask)[:3]
        print(f"{name:20}" + "".join(f"{value:14.3f}" for value in agreements) + f"{segmenter.smoothing_:14.2f}")
    probabilities = segmenter.predict_proba(brain, mask)

    figure = Figure(figsize=(13, 8), layout="constrained")
    places = figure.subplots(2, 4).ravel()
    lines, columns = (slice(found.min(), found.max() + 1) for found in np.nonzero(mask))
    hidden = np.where(mask, 1.0, np.nan)
    doubt = np.full(mask.shape, np.nan)
    doubt[mask] = entropy(probabilities[mask], base=2, axis=1)
    tissues = np.where(mask, labels, np.nan)
    pictures = [("T1-weighted", brain * hidden, "gray", None), ("classes, with neighbors", tissues, "gray", 2)]
    pictures += [("the template's own maps", published * hidden, "gray", 2), ("entropy, bits", doubt, "magma_r", None)]
    pictures += [(f"probability of {tissue}", probabilities[..., at], "gray_r", 1) for at, tissue in enumerate(TISSUES)]
    for axes, (name, pixels, colors, most) in zip(places, pictures, strict=False):
        shown = axes.imshow(pixels[lines, columns], cmap=colors, vmin=0, vmax=most)
        axes.set_title(name, loc="left")
        if "entropy" in name:
            figure.colorbar(shown, ax=axes, location="bottom", shrink=0.8)
    places[-1].hist(brain[mask], bins=80, density=True, color="#dfe2e5")
    grid = np.linspace(brain[mask].min(), brain[mask].max(), 400)
    for tissue, (mean, variance, share) in zip(
        TISSUES,
        zip(
            segmenter.mixture_.means[:, 0],
            segmenter.mixture_.covariance.variances()[:, 0],
            probabilities[mask].mean(axis=0),
            strict=True,
        ),
        strict=True,
    ):
        height = share / np.sqrt(2 * np.pi * variance)
        places[-1].plot(grid, height * np.exp(-0.5 * (grid - mean) ** 2 / variance), label=tissue)
    places[-1].set_title("brightness and classes", loc="left")
    places[-1].set_yticks([])
    places[-1].legend(frameon=False)
    for axes in places[:-1]:
        axes.set_axis_off()
    figure.savefig(folder / "brain_slice.png", dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
