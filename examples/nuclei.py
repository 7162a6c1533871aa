"""Nuclei in a stained section of the colon: blue, where the brown stain is not.

Four classes of lightness and the blue-yellow axis of CIE L*a*b*: the bluest class is that of the nuclei. Without
neighbors, specks are taken for nuclei.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import label
from skimage.color import rgb2lab
from skimage.data import immunohistochemistry

from gaussmix.imaging import GaussianMixtureSegmenter

SPECK = 20  # pixels


def main(folder: Path, every: int = 1) -> None:
    """Segment every n-th line and column of the section, print the counts, save ``nuclei.png``."""
    section = immunohistochemistry()[::every, ::every]
    lightness_and_blue = rgb2lab(section)[..., [0, 2]].astype(np.float32)
    figure = Figure(figsize=(13, 4.7), layout="constrained")
    places = figure.subplots(1, 3)
    places[0].imshow(section)
    places[0].set_title("section", loc="left")
    for axes, (name, how) in zip(places[1:], {"alone": {"smoothing": 0}, "with neighbors": {}}.items(), strict=True):
        segmenter = GaussianMixtureSegmenter(4, random_state=0, **how)
        labels = segmenter.fit_predict(lightness_and_blue)
        bluest = segmenter.mixture_.means[:, 1].argmin()
        objects, n_objects = label(labels == bluest)
        sizes = np.bincount(objects.ravel())[1:]
        nuclei = np.flatnonzero(sizes >= SPECK / every**2) + 1
        print(
            f"pixels {name}: {len(nuclei)} objects of {np.median(sizes[nuclei - 1]):.0f} pixels (median), nuclei and "
            f"clumps of them; {n_objects - len(nuclei)} specks; {100 * (labels == bluest).mean():.1f} % of the section"
        )
        kept = np.isin(objects, nuclei)
        shown = np.repeat(255 - 0.45 * (255 - section.mean(axis=2)), 3).reshape(section.shape).astype(np.uint8)
        shown[kept], shown[(objects > 0) & ~kept] = (0, 114, 178), (213, 94, 0)
        axes.imshow(shown)
        axes.set_title(f"{name}: {len(nuclei)} objects, {n_objects - len(nuclei)} specks (orange)", loc="left")
    for axes in places:
        axes.set_axis_off()
    figure.savefig(folder / "nuclei.png", dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
