"""
Tissues of a brain
==================

A slice through the MNI152 template, an average of many T1-weighted images of magnetic resonance. Fluid is dark, white
matter is bright, gray matter lies between. Three classes of brightness find them, and fractions say how much of each is
in a pixel.
"""

# %%
# The slice and what is known about it
# ------------------------------------
#
# nilearn (``pip install nilearn``) ships the template, and maps of gray and of white matter, which are averages over
# many brains too. So what is measured below is an agreement with the maps, not an accuracy. Pixels outside the brain do
# not count: a mask says which.

import matplotlib.pyplot as plt
import numpy as np
from nilearn.datasets import (
    load_mni152_gm_template,
    load_mni152_template,
    load_mni152_wm_template,
)

from gaussmix import Mixture
from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.imaging.metrics import dice
from gaussmix.plots import HistogramDisplay, SegmentationDisplay

TISSUES = ("fluid", "gray matter", "white matter")
HEIGHT = 18.0  # of the slice, in millimeters

slices = []
for load in (load_mni152_template, load_mni152_gm_template, load_mni152_wm_template):
    template = load(resolution=1)
    level = round((HEIGHT - template.affine[2, 3]) / template.affine[2, 2])
    slices.append(np.rot90(template.get_fdata(dtype=np.float32)[10:-10, 15:-20, level]))
brain, gray, white = slices
mask = brain > 0
maps = np.stack([1 - gray - white, gray, white], axis=-1)

# %%
# Labels
# ------
#
# Three strengths of the neighbors. The overlap with the maps' own labels is the Dice coefficient of each tissue: twice
# what both have in common, divided by the sum of both.

found = {}
print(f"{'Dice':22}" + "".join(f"{tissue:>14}" for tissue in TISSUES) + f"{'strength':>12}")
for name, strength in {
    "pixels alone": 0,
    "neighbors, a little": 0.3,
    "neighbors, estimated": "auto",
}.items():
    found[name] = GaussianMixtureSegmenter(3, smoothing=strength, random_state=0).fit(
        brain, mask
    )
    overlaps = dice(found[name].predict(brain, mask), maps.argmax(axis=-1), mask)[:3]
    print(
        f"{name:22}"
        + "".join(f"{value:14.3f}" for value in overlaps)
        + f"{found[name].smoothing_:12.2f}"
    )

# %%
# The strength estimated is too great here: thin folds are lost. (An average of many brains is smooth, which neighbors
# take for agreement.) The pictures are of the small strength. It was chosen by this table, so it is no estimate, and
# its overlaps are flattered.

segmenter = found["neighbors, a little"]
figure, places = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained")
display = SegmentationDisplay.from_estimator(
    segmenter, brain, mask, ax=places[0], show="picture"
)
display.plot(places[1])
places[1].set_title("Fluid, gray and white matter", loc="left", fontsize=11)
display.plot(places[2], show="certainty")
plt.show()

# %%
# Brightness
# ----------
#
# The same classes as densities. Where neighbors count, the weights of a mixture are what a class has beside them; its
# share of the pixels takes their place here. Gray and white matter overlap, and nothing in one pixel's brightness can
# settle it.

classes = segmenter.mixture_
shares = np.bincount(segmenter.predict(brain, mask)[mask]) / mask.sum()
shown = Mixture.from_parameters(
    shares, classes.means, classes.covariance.dense(), covariance_type="full"
)
display = HistogramDisplay.from_estimator(shown, brain[mask][:, None])
display.ax_.set_xlabel("brightness")
plt.show()

# %%
# Fractions
# ---------
#
# At a border a pixel holds some of both sides. Its probabilities say how sure the label is; fractions say how much of
# each tissue there is, and their sum is an area. Beside the error in a pixel, root mean square against the maps, is how
# much each area differs from that in the maps.

estimates = {
    "labels": np.eye(3)[np.where(mask, segmenter.predict(brain, mask), 0)],
    "probabilities": segmenter.predict_proba(brain, mask),
    "fractions": segmenter.predict_fractions(brain, mask),
}
print(
    f"{'difference in area':22}"
    + "".join(f"{tissue:>14}" for tissue in TISSUES)
    + f"{'in a pixel':>12}"
)
errors = {
    name: np.sqrt(((estimate - maps)[mask] ** 2).mean())
    for name, estimate in estimates.items()
}
for name, estimate in estimates.items():
    areas = 100 * (estimate[mask].sum(axis=0) / maps[mask].sum(axis=0) - 1)
    print(
        f"{name:22}"
        + "".join(f"{area:+12.1f} %" for area in areas)
        + f"{errors[name]:12.3f}"
    )
assert errors["fractions"] < errors["probabilities"] < errors["labels"]

figure, places = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained")
for axes, tissue, fraction in zip(
    places, TISSUES, np.moveaxis(estimates["fractions"], -1, 0), strict=True
):
    axes.imshow(np.where(mask, fraction, np.nan), cmap="gray_r", vmin=0, vmax=1)
    axes.set_title(f"Fraction of {tissue}", loc="left", fontsize=11)
    axes.set_axis_off()
plt.show()

# %%
# Labels give the pixels at a border to one side, mostly to the gray matter between the other two. Where an area or a
# volume is asked for, add fractions. :doc:`volume` does the same where the truth is known.
