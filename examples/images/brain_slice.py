"""
Tissues in a slice of the brain
===============================

The image is a slice of the MNI152 template, an average of many T1-weighted magnetic resonance images. Fluid is dark,
gray matter is intermediate, and white matter is bright. A mixture of three classes segments the tissues. Fractions
estimate how much of each tissue a pixel contains.
"""

# %%
# The slice and the reference maps
# --------------------------------
#
# nilearn (``pip install nilearn``) contains the template and maps of gray and white matter, which are also averages
# over many brains. The results below therefore measure agreement with the maps, not accuracy. A mask excludes the
# pixels outside the brain.

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
HEIGHT = 18.0  # z coordinate of the slice, in millimeters

slices = []
for load in (load_mni152_template, load_mni152_gm_template, load_mni152_wm_template):
    template = load(resolution=1)
    z = round((HEIGHT - template.affine[2, 3]) / template.affine[2, 2])
    slices.append(np.rot90(template.get_fdata(dtype=np.float32)[10:-10, 15:-20, z]))
brain, gray, white = slices
mask = brain > 0
maps = np.stack([1 - gray - white, gray, white], axis=-1)

# %%
# Labels
# ------
#
# The table compares three strengths of smoothing. The Dice coefficient measures the overlap of each tissue with the
# labels of the maps: twice the size of the intersection, divided by the sum of both sizes.

segmenters = {}
print(
    f"{'Dice coefficient':22}"
    + "".join(f"{tissue:>14}" for tissue in TISSUES)
    + f"{'strength':>12}"
)
for name, strength in {
    "no smoothing": 0,
    "weak smoothing": 0.3,
    "estimated smoothing": "auto",
}.items():
    segmenters[name] = GaussianMixtureSegmenter(3, smoothing=strength, random_state=0).fit(
        brain, mask
    )
    overlaps = dice(segmenters[name].predict(brain, mask), maps.argmax(axis=-1), mask)[:3]
    print(
        f"{name:22}"
        + "".join(f"{value:14.3f}" for value in overlaps)
        + f"{segmenters[name].smoothing_:12.2f}"
    )

# %%
# The estimated strength is too high here: narrow folds are lost. The template is an average of many brains and
# therefore smooth, and the estimate attributes this smoothness to agreement between neighbors. The figures use weak
# smoothing. This strength was chosen from the table and not estimated, so its overlaps are optimistic.

segmenter = segmenters["weak smoothing"]
figure, panels = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained")
display = SegmentationDisplay.from_estimator(
    segmenter, brain, mask, ax=panels[0], show="picture"
)
display.plot(panels[1])
panels[1].set_title("Fluid, gray and white matter", loc="left", fontsize=11)
display.plot(panels[2], show="certainty")
plt.show()

# %%
# Densities of the classes
# ------------------------
#
# The figure shows the densities of the three classes. With smoothing, the weights of the mixture do not include the
# influence of the neighbors. The figure therefore uses the share of each class among the pixels as its weight. The
# densities of gray and white matter overlap, so the brightness of a single pixel does not always determine its tissue.

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
# A pixel at a border contains parts of several tissues. Its class probabilities measure how certain the label is.
# Fractions estimate how much of each tissue the pixel contains, and their sum is the area of the tissue. The table
# compares labels, probabilities and fractions with the maps. It shows the relative error of the area of each tissue,
# and the root mean square error per pixel.

estimates = {
    "labels": np.eye(3)[np.where(mask, segmenter.predict(brain, mask), 0)],
    "probabilities": segmenter.predict_proba(brain, mask),
    "fractions": segmenter.predict_fractions(brain, mask),
}
print(
    f"{'error of the area':22}"
    + "".join(f"{tissue:>14}" for tissue in TISSUES)
    + f"{'per pixel':>12}"
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

figure, panels = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained")
for axes, tissue, fraction in zip(
    panels, TISSUES, np.moveaxis(estimates["fractions"], -1, 0), strict=True
):
    axes.imshow(np.where(mask, fraction, np.nan), cmap="gray_r", vmin=0, vmax=1)
    axes.set_title(f"Fraction of {tissue}", loc="left", fontsize=11)
    axes.set_axis_off()
plt.show()

# %%
# Labels assign each border pixel to a single tissue, mostly to the gray matter between the other two. To measure an
# area or a volume, sum the fractions. :doc:`volume` makes the same comparison with data whose true fractions are known.
