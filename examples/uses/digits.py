"""
New digits drawn from a mixture
===============================

A mixture is a recipe for rows: choose a component by its weight, then draw from its normal distribution. Fitted to
pictures of handwritten digits, it writes digits that nobody wrote.
"""

# %%
# From pixels to fewer features
# -----------------------------
#
# The pictures have 8 by 8 pixels. Some of these never vary, and neighbors vary together. Principal components keep
# 99 % of the variance in fewer numbers (Géron, *Hands-On Machine Learning*, chapter 9, does the same with faces).
# A quarter of the pictures is held out.

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
seen, held_out, digit, _ = train_test_split(
    digits.data, digits.target, test_size=0.25, random_state=0
)
projection = PCA(0.99, random_state=0).fit(seen)
X, unseen = projection.transform(seen), projection.transform(held_out)
print(f"{len(X)} pictures to fit, {len(unseen)} held out, {X.shape[1]} features")

# %%
# How many components
# -------------------
#
# The log-likelihood of the pictures that were held out decides. Free covariances (VVV) and one covariance for all
# (EEE) are tried; beside each number stands how many parameters there are for the numbers in the table, and whether
# the fit warned of components that are not to be trusted.

numbers = {"VVV": (1, 2, 4, 6, 8, 10, 12, 14, 16), "EEE": (1, 5, 10, 20, 40, 80)}
fits, warned = {}, {}
for key in ((name, k) for name, ks in numbers.items() for k in ks):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fits[key] = GaussianMixture(
            key[1], covariance_type=key[0], init_params="kmeans", random_state=0
        ).fit(X)
    warned[key] = any(
        issubclass(one.category, DegenerateComponentWarning) for one in caught
    )
held_out_scores = {key: model.score(unseen) for key, model in fits.items()}
for (name, k), score in held_out_scores.items():
    share = fits[name, k].mixture_.n_parameters / X.size
    trouble = ", not sound" if warned[name, k] else ""
    print(
        f"{name} {k:3d}: {score:8.2f} nats per picture, {share:.2f} parameters per number{trouble}"
    )
best = max(held_out_scores, key=held_out_scores.get)
gm = fits[best]
print(f"chosen: {best[0]} with {best[1]} components")
assert best[0] == "VVV"
assert not warned[best]
assert 1 < best[1] < 16

figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
inks = quiet_axes(axes)
for color, style, (name, ks) in zip(PALETTE, ("-o", "--s"), numbers.items(), strict=False):
    values = [held_out_scores[name, k] for k in ks]
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
axes.set(xlabel="components", ylabel="held-out log-likelihood, nats per picture")
plt.show()

# %%
# What the components are
# -----------------------
#
# The mixture has not been told which digit a picture shows. Still most components are one digit, or one way of
# writing it.

counts = contingency_matrix(digit, gm.predict(X))  # digits by components
majority = counts.argmax(axis=0)
for component, (most, column) in enumerate(zip(majority, counts.T, strict=True)):
    share = column[most] / column.sum()
    print(
        f"component {component:2d}: {column.sum():4d} pictures, {share:4.0%} show the digit {most}"
    )

# %%
# New digits
# ----------
#
# A line for each component: its mean, and digits drawn from it.


def show(axes: plt.Axes, values: np.ndarray, title: str = "") -> None:
    """Draw a picture, dark on light."""
    axes.imshow(values.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
    axes.set_axis_off()
    axes.set_title(title, fontsize=9)


rows, labels = gm.sample(2000, random_state=0)
pictures = projection.inverse_transform(rows)
means = projection.inverse_transform(gm.means_)
figure, places = plt.subplots(
    best[1], 11, figsize=(7, 0.66 * best[1] + 0.3), layout="constrained"
)
for component, line in enumerate(places):
    show(line[0], means[component], "mean" if component == 0 else "")
    for axes, picture in zip(line[1:], pictures[labels == component], strict=False):
        show(axes, picture)
plt.show()

# %%
# Are they new?
# -------------
#
# A model that has learned its pictures by heart would draw them again. Below each new digit (top) stands the picture
# most like it among those that were fitted (bottom), and above it their distance. In the median, new digits are even
# farther from the nearest picture than digits that people wrote and the model has not seen. So they are no copies.
# Whether they are any good is another question, which comes next.

nearest = NearestNeighbors(n_neighbors=1).fit(X)
distances, neighbors = (found[:, 0] for found in nearest.kneighbors(rows))
figure, places = plt.subplots(2, 12, figsize=(9, 1.9), layout="constrained")
for axes_new, axes_old, new in zip(*places, range(12), strict=True):
    show(axes_new, pictures[new], f"{distances[new]:.0f}")
    show(axes_old, seen[neighbors[new]])
plt.show()
real = nearest.kneighbors(unseen)[0][:, 0]
print("distance to the nearest fitted picture:   least   median")
print(
    f"new digits                            {distances.min():9.1f} {np.median(distances):8.1f}"
)
print(f"digits held out                       {real.min():9.1f} {np.median(real):8.1f}")
assert np.median(distances) > np.median(real)

# %%
# Can they be read? A classifier that has learned the real digits reads the new ones. It agrees with the digit of the
# component in most cases. More than that cannot be asked for: some components have more than one digit, as the second
# number says. But this reader always names a digit, and the pictures above have some that people would not.

reader = KNeighborsClassifier(3).fit(X, digit)
agreement = np.mean(reader.predict(rows) == majority[labels])
purity = counts.max(axis=0).sum() / counts.sum()
print(f"new digits read as the digit of their component: {agreement:.1%}")
print(f"real digits that are the digit of their component: {purity:.1%}")
assert agreement > 0.7
