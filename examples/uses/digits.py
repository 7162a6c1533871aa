"""
Generating handwritten digits
=============================

A mixture can generate new rows: choose a component at random according to the weights, then draw a row from its
normal distribution. This page fits a mixture to images of handwritten digits and draws new digits from it.
"""

# %%
# Dimension reduction
# -------------------
#
# The images have 8 by 8 pixels. Some pixels are constant, and neighboring pixels are correlated. Principal components
# keep 99 % of the variance in fewer features (Géron, *Hands-On Machine Learning*, chapter 9, does the same with images
# of faces). A quarter of the images is held out.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics.cluster import contingency_matrix
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from gaussmix import DegenerateComponentWarning, GaussianMixture
from gaussmix.plots.drawing import PALETTE, quiet_axes

digits = load_digits()
assert digits.data.shape[1] == 64
training_images, test_images, training_digits, _ = train_test_split(
    digits.data, digits.target, test_size=0.25, random_state=0
)
projection = PCA(0.99, random_state=0).fit(training_images)
X, X_test = projection.transform(training_images), projection.transform(test_images)
print(f"{len(X)} training images, {len(X_test)} held-out images, {X.shape[1]} features")

# %%
# The number of components
# ------------------------
#
# The model with the highest log-likelihood of the held-out images is selected. The candidates have free covariances
# (VVV) or one covariance for all components (EEE). The table also shows the number of parameters divided by the number
# of values in the data, and whether the fit warned about degenerate components.

candidates = {"VVV": (1, 2, 4, 6, 8, 10, 12, 14, 16), "EEE": (1, 5, 10, 20, 40, 80)}
fits, degenerate = {}, {}
for key in ((name, k) for name, ks in candidates.items() for k in ks):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fits[key] = GaussianMixture(
            key[1], covariance_type=key[0], init_params="kmeans", random_state=0
        ).fit(X)
    degenerate[key] = any(
        issubclass(warning.category, DegenerateComponentWarning) for warning in caught
    )
test_scores = {key: model.score(X_test) for key, model in fits.items()}
print("model   components   nats per image   parameters per value")
for (name, k), score in test_scores.items():
    ratio = fits[name, k].mixture_.n_parameters / X.size
    note = "   degenerate" if degenerate[name, k] else ""
    print(f"{name:5s} {k:12d} {score:16.2f} {ratio:22.2f}{note}")
best = max(test_scores, key=test_scores.get)
gm = fits[best]
print(f"selected: {best[0]} with {best[1]} components")
assert best[0] == "VVV"
assert not degenerate[best]
assert 1 < best[1] < 16

figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
inks = quiet_axes(axes)
for color, style, (name, ks) in zip(
    PALETTE, ("-o", "--s"), candidates.items(), strict=False
):
    values = [test_scores[name, k] for k in ks]
    axes.semilogx(ks, values, style, color=color, markersize=5)
    axes.annotate(
        name,
        (ks[-1], values[-1]),
        xytext=(7, 0),
        textcoords="offset points",
        color=color,
        va="center",
    )
axes.set_xticks([1, 2, 5, 10, 20, 50], [1, 2, 5, 10, 20, 50])
axes.minorticks_off()
axes.set(xlabel="number of components", ylabel="held-out log-likelihood, nats per image")
plt.show()

# %%
# Components and digits
# ---------------------
#
# The mixture was fitted without the digit labels. Still, most components contain mainly one digit, or one way of
# writing it.

counts = contingency_matrix(training_digits, gm.predict(X))  # digits by components
majority = counts.argmax(axis=0)
for component, (digit, column) in enumerate(zip(majority, counts.T, strict=True)):
    share = column[digit] / column.sum()
    print(
        f"component {component:2d}: {column.sum():4d} images, {share:4.0%} show the digit {digit}"
    )

# %%
# New digits
# ----------
#
# Each row of the figure shows the mean of a component, followed by digits drawn from it.


def show(axes: plt.Axes, values: np.ndarray, title: str = "") -> None:
    """Draw an image, dark on light."""
    axes.imshow(values.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
    axes.set_axis_off()
    axes.set_title(title, fontsize=9)


rows, labels = gm.sample(2000, random_state=0)
images = projection.inverse_transform(rows)
means = projection.inverse_transform(gm.means_)
figure, panels = plt.subplots(
    best[1], 11, figsize=(7, 0.66 * best[1] + 0.3), layout="constrained"
)
for component, panel_row in enumerate(panels):
    show(panel_row[0], means[component], "mean" if component == 0 else "")
    for axes, image in zip(panel_row[1:], images[labels == component], strict=False):
        show(axes, image)
plt.show()

# %%
# Distance from the training images
# ---------------------------------
#
# A model that has memorized its training images would reproduce them. The figure shows new digits (top) and the most
# similar training image of each (bottom), with their distance above. In the median, the new digits are even farther
# from the nearest training image than the held-out images are. They are therefore not copies. The last part of this
# page examines their quality.

nearest = NearestNeighbors(n_neighbors=1).fit(X)
distances, neighbors = (array[:, 0] for array in nearest.kneighbors(rows))
figure, panels = plt.subplots(2, 12, figsize=(9, 1.9), layout="constrained")
for axes_new, axes_nearest, new in zip(*panels, range(12), strict=True):
    show(axes_new, images[new], f"{distances[new]:.0f}")
    show(axes_nearest, training_images[neighbors[new]])
plt.show()
held_out = nearest.kneighbors(X_test)[0][:, 0]
print("distance to the nearest training image   minimum   median")
for name, values in {"new digits": distances, "held-out images": held_out}.items():
    print(f"{name:38s} {values.min():9.1f} {np.median(values):8.1f}")
assert np.median(distances) > np.median(held_out)

# %%
# Readability of the new digits
# -----------------------------
#
# A classifier is trained on the real digits and applied to the new ones. In most cases, it finds the majority digit of
# the component. Full agreement is not possible, because some components contain more than one digit, as the second line
# of the output shows. The classifier always returns a digit, even for images that people could not read, and some of
# the images above are unreadable.

classifier = KNeighborsClassifier(3).fit(X, training_digits)
agreement = np.mean(classifier.predict(rows) == majority[labels])
purity = counts.max(axis=0).sum() / counts.sum()
print(f"new digits classified as the majority digit of their component: {agreement:.1%}")
print(f"training images that show the majority digit of their component: {purity:.1%}")
assert agreement > 0.7
