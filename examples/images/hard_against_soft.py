"""
Hard labels against soft ones
=============================

A label says which class a pixel belongs to. A mixture knows more: with which probability. This page shows what is in
the difference, what k-means makes of the same pixels, and what probabilities are not.
"""

# %%
# A label for each pixel
# ----------------------
#
# Four classes of the colors of a dahlia, each pixel in the mean color of its class: by k-means, and by a mixture.

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


figure, places = plt.subplots(1, 3, figsize=(11, 2.8), layout="constrained")
show(places[0], pixels, "photograph")
show(places[1], recolored["k-means"], "k-means")
show(places[2], recolored["mixture, labels"], "mixture")
plt.show()

# %%
# The same with probabilities
# ---------------------------
#
# The soft picture blends the mean colors of the classes, each as much as it is probable:
#
# .. math:: s_n = \sum_k r_{nk} m_k
#
# where :math:`r_{nk}` is the probability of class *k* for pixel *n*, and :math:`m_k` the mean color of the class.
# Petals come back that a label had to give to one class or the other. Below on the right: the probability of the most
# probable class, white where it is sure.

detail = np.s_[150:300, 150:375]
figure, places = plt.subplots(2, 2, figsize=(9, 6.6), layout="constrained")
show(places[0, 0], pixels, "photograph, a part of it", detail)
for axes, name in zip(
    places.ravel()[1:], ("mixture, labels", "mixture, probabilities"), strict=False
):
    show(axes, recolored[name], name, detail)
certainty = probabilities.max(axis=1)
show(places[1, 1], 255 * certainty, "certainty", detail, cmap="gray", vmin=0.25, vmax=1)
plt.show()

# %%
# Doubt lives at the borders. A border pixel, here, is one whose label is not that of all its four neighbors.

labels = probabilities.argmax(axis=1).reshape(photo.shape[:2])
cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)
border = maximum_filter(labels, footprint=cross) > minimum_filter(labels, footprint=cross)
doubtful = certainty.reshape(labels.shape) < 0.9
print(
    "pixels whose best class has a probability below 0.9: "
    f"{100 * doubtful.mean():.1f} % of all"
)
print(
    f"{100 * doubtful[border].mean():.1f} % at a border, "
    f"{100 * doubtful[~border].mean():.1f} % elsewhere"
)
assert doubtful[border].mean() > 5 * doubtful[~border].mean()

# %%
# How far from the photograph?
# ----------------------------
#
# The root mean square distance of each picture to the photograph, in levels of a channel. One more mixture is in the
# table: its components are spheres of one size, which is what k-means believes in
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
# k-means looks for the labels and colors with the least such distance, so no labels are better than k-means' labels, as
# long as it finds the best. Probabilities are: the same spheres, blended, come closer than any label can.
#
# The mixture with free shapes is farther away by this measure. It does not look for four colors that stand for all
# others, but for classes, each with a spread of its own. Its brown is hardly a color of the photograph: it is the
# middle of a wide class, in which are the shadows between the petals and the stem.
#
# A probability is not a share
# ----------------------------
#
# A pixel on an edge can hold some of both sides. It is tempting to read its probabilities as shares. They are not: they
# say how sure the label is. A disk with a known, blurred edge shows it. The curves are means over all pixels at the
# same distance from the edge.

ink, paper = np.array([180, 60, 40]), np.array([230, 220, 200])
across, down = np.meshgrid(*[np.arange(200) - 99.5] * 2)
from_edge = np.hypot(across, down) - 60
share = gaussian_filter((from_edge < 0).astype(float), 2)
clean = share[..., None] * ink + (1 - share[..., None]) * paper
image = clean + np.random.default_rng(0).normal(scale=15, size=clean.shape)

segmenter = GaussianMixtureSegmenter(2, smoothing=0, random_state=0).fit(
    image
)  # class 0 is the darker one: ink
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
        f"{name:14} distance to the disk without noise {distance:5.1f}, "
        f"error of the share {error:.3f}"
    )

figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.4), layout="constrained", width_ratios=(1, 1.8)
)
left.imshow(image.clip(0, 255) / 255)
left.set_axis_off()
bins = np.arange(-8.5, 9)
curves = {
    "truth": (share, "black", "-", (-3.4, 0.86)),
    "probability": (estimates["probabilities"][..., 0], "#D55E00", "--", (0.4, 0.86)),
    "fraction": (estimates["fractions"][..., 0], "#0072B2", ":", (2.7, 0.16)),
}
for name, (values, color, line, at) in curves.items():
    profile = [
        values[np.digitize(from_edge, bins) == number].mean()
        for number in range(1, len(bins))
    ]
    right.plot(bins[:-1] + 0.5, profile, color=color, linestyle=line, linewidth=2)
    right.annotate(name, at, color=color, ha="right" if name == "truth" else "left")
quiet_axes(right)
right.set_xlabel("pixels from the edge, outwards")
right.set_ylabel("share of ink")
plt.show()

# %%
# :meth:`~gaussmix.imaging.GaussianMixtureSegmenter.predict_fractions` estimates shares, from a model in which pixels
# may be mixed. :doc:`volume` measures them in three dimensions.
