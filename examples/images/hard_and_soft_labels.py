"""
Hard and soft segmentation
==========================

A hard segmentation gives each pixel one label. A mixture also gives the probability of each class. This page shows
what the probabilities add to the labels, compares them with k-means, and explains why a probability is not the share
of a class in a pixel.
"""

# %%
# Hard labels
# -----------
#
# k-means and a mixture divide the colors of a dahlia into four classes. The figure shows each pixel in the mean color
# of its class.

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter
from sklearn.cluster import KMeans
from sklearn.datasets import load_sample_image

from gaussmix import GaussianMixture
from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.plots.drawing import quiet_axes

photo = load_sample_image("flower.jpg")
pixels = photo.reshape(-1, 3).astype(float)
kmeans = KMeans(4, n_init=4, random_state=0).fit(pixels)
mixture = GaussianMixture(4, random_state=0).fit(pixels)
probabilities = mixture.predict_proba(pixels)

recolored = {
    "k-means": kmeans.cluster_centers_[kmeans.labels_],
    "mixture, labels": mixture.means_[probabilities.argmax(axis=1)],
    "mixture, probabilities": probabilities @ mixture.means_,
}


def show(
    axes: plt.Axes,
    picture: np.ndarray,
    name: str,
    part: tuple = np.s_[:, :],
    **options: object,
) -> None:
    axes.imshow(
        picture.reshape(*photo.shape[:2], -1)[part] / 255,
        interpolation="nearest",
        **options,
    )
    axes.set_title(name, loc="left")
    axes.set_axis_off()


figure, panels = plt.subplots(1, 3, figsize=(11, 2.8), layout="constrained")
show(panels[0], pixels, "photograph")
show(panels[1], recolored["k-means"], "k-means")
show(panels[2], recolored["mixture, labels"], "mixture")
plt.show()

# %%
# Probabilities
# -------------
#
# A soft segmentation blends the mean colors of the classes, weighted by their probabilities:
#
# .. math:: s_n = \sum_k r_{nk} m_k
#
# where :math:`r_{nk}` is the probability of class *k* for pixel *n*, and :math:`m_k` is the mean color of the class.
# The blend recovers petals that are lost when each pixel has a single label. The lower right panel shows the certainty,
# which is the probability of the most probable class. White is certain.

detail = np.s_[150:300, 150:375]
figure, panels = plt.subplots(2, 2, figsize=(9, 6.6), layout="constrained")
show(panels[0, 0], pixels, "photograph, detail", detail)
for axes, name in zip(
    panels.ravel()[1:], ("mixture, labels", "mixture, probabilities"), strict=False
):
    show(axes, recolored[name], name, detail)
certainty = probabilities.max(axis=1)
show(panels[1, 1], 255 * certainty, "certainty", detail, cmap="gray", vmin=0.25, vmax=1)
plt.show()

# %%
# Most uncertain pixels are at the borders of classes. A border pixel is a pixel whose label differs from the label of
# at least one of its four neighbors.

labels = probabilities.argmax(axis=1).reshape(photo.shape[:2])
cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)
border = maximum_filter(labels, footprint=cross) > minimum_filter(labels, footprint=cross)
uncertain = certainty.reshape(labels.shape) < 0.9
print(
    f"pixels with a certainty below 0.9: {100 * uncertain.mean():.1f} % of all pixels, "
    f"{100 * uncertain[border].mean():.1f} % of border pixels, "
    f"{100 * uncertain[~border].mean():.1f} % of the others"
)
assert uncertain[border].mean() > 5 * uncertain[~border].mean()

# %%
# Distance from the photograph
# ----------------------------
#
# The table shows the root mean square distance of each image from the photograph, in levels of a channel. It includes
# one more mixture, whose components are spheres of equal size. This is the model that k-means assumes
# (:doc:`/auto_examples/ideas/kmeans_limit`).

spheres = GaussianMixture(4, covariance_type="EII", random_state=0).fit(pixels)
recolored["spheres, labels"] = spheres.means_[spheres.predict(pixels)]
recolored["spheres, probabilities"] = spheres.predict_proba(pixels) @ spheres.means_
errors = {
    name: np.sqrt(((pixels - picture) ** 2).sum(axis=1).mean())
    for name, picture in recolored.items()
}
for name, error in errors.items():
    print(f"{name:24}{error:6.1f}")
assert errors["spheres, probabilities"] < errors["k-means"] < errors["spheres, labels"]
assert errors["mixture, probabilities"] < errors["mixture, labels"]

# %%
# k-means minimizes this distance over all labels and colors, so no labels come closer than those of k-means, provided
# that it finds the global minimum. Probabilities can come closer: the blend from equal spheres has a smaller distance
# than any labels.
#
# The mixture with free covariances has a larger distance. It does not look for the four most representative colors, but
# for four classes, each with its own spread. Its brown hardly occurs in the photograph, because it is the mean of a
# wide class that contains the shadows between the petals and the stem.
#
# Probabilities and shares
# ------------------------
#
# A pixel on an edge can contain parts of both sides. Its probabilities are not the shares of these parts; they only
# measure how certain the label is. The example is a disk with a blurred edge, for which the true shares are known. The
# curves show means over all pixels at the same distance from the edge.

disk, background = np.array([180, 60, 40]), np.array([230, 220, 200])
across, down = np.meshgrid(*[np.arange(200) - 99.5] * 2)
from_edge = np.hypot(across, down) - 60
share = gaussian_filter((from_edge < 0).astype(float), 2)
clean = share[..., None] * disk + (1 - share[..., None]) * background
image = clean + np.random.default_rng(0).normal(scale=15, size=clean.shape)

segmenter = GaussianMixtureSegmenter(2, smoothing=0, random_state=0).fit(
    image
)  # class 0 is the darker one, the disk
means = segmenter.mixture_.means
estimates = {
    "labels": np.eye(2)[segmenter.predict(image)],
    "probabilities": segmenter.predict_proba(image),
    "fractions": segmenter.predict_fractions(image),
}
for name, estimate in estimates.items():
    distance = np.sqrt(((estimate @ means - clean) ** 2).sum(axis=-1).mean())
    error = np.sqrt(((estimate[..., 0] - share) ** 2).mean())
    print(
        f"{name:14} distance from the image without noise {distance:5.1f}, "
        f"error of the share {error:.3f}"
    )

figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.4), layout="constrained", width_ratios=(1, 1.8)
)
left.imshow(image.clip(0, 255) / 255)
left.set_axis_off()
bins = np.arange(-8.5, 9)
curves = {
    "true share": (share, "black", "-", (-3.4, 0.86)),
    "probability": (estimates["probabilities"][..., 0], "#D55E00", "--", (0.4, 0.86)),
    "estimated fraction": (estimates["fractions"][..., 0], "#0072B2", ":", (2.7, 0.16)),
}
for name, (values, color, style, position) in curves.items():
    profile = [
        values[np.digitize(from_edge, bins) == number].mean()
        for number in range(1, len(bins))
    ]
    right.plot(bins[:-1] + 0.5, profile, color=color, linestyle=style, linewidth=2)
    right.annotate(
        name, position, color=color, ha="right" if name == "true share" else "left"
    )
quiet_axes(right)
right.set_xlabel("distance from the edge, pixels (positive: outside)")
right.set_ylabel("share of the disk")
plt.show()

# %%
# :meth:`~gaussmix.imaging.GaussianMixtureSegmenter.predict_fractions` estimates the shares, using a model of mixed
# pixels. :doc:`volume` evaluates it in three dimensions.
