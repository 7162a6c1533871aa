"""
The textbook's figures
======================

One picture shows all that a mixture says about two features: where its components are, how they spread, how dense
the rows lie, and where one component takes over from another. This page draws figures 9-16 and 9-17 of Géron,
*Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow* (third edition, 2022, chapter 9), from the same
rows.
"""

# %%
# Three blobs
# -----------
#
# Two of the blobs are stretched by a matrix. The third is round and has fewer rows. All are drawn from Gaussians, so
# the mixture that a fit should find is known.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from gaussmix import GaussianMixture, Mixture, align
from gaussmix.plots import MixtureDisplay

stretch, shift = np.array([[0.374, 0.95], [0.732, 0.598]]), np.array([6, -8])
centers = np.array([(4, -4), (0, 0)])
two, which = make_blobs(n_samples=1000, centers=centers, random_state=42)
third, _, center = make_blobs(
    n_samples=250, centers=1, random_state=42, return_centers=True
)
X = np.concatenate([two @ stretch, third + shift])
blob = np.concatenate([which, np.full(250, 2)])
truth = Mixture.from_parameters(
    np.bincount(blob) / len(X),
    np.concatenate([centers @ stretch, center + shift]),
    [stretch.T @ stretch, stretch.T @ stretch, np.eye(2)],
)

# %%
# Three components are fitted. ``align`` puts them in the order of the blobs.

gm = GaussianMixture(n_components=3, random_state=42).fit(X)
found = align(gm.mixture_, truth)
print("weight (true)     mean             (true)")
for number in range(3):
    print(
        f"{found.weights[number]:.3f} ({truth.weights[number]:.3f})    "
        f"({found.means[number, 0]:5.2f}, {found.means[number, 1]:5.2f})   "
        f"({truth.means[number, 0]:5.2f}, {truth.means[number, 1]:5.2f})"
    )
print(f"rows given to the component of their blob: {np.mean(found.labels(X) == blob):.1%}")
assert np.allclose(found.means, truth.means, atol=0.15)

# %%
# Figure 9-16
# -----------
#
# How to read it:
#
# * The shades are the density, on a log scale: each ends where the density has fallen by a like factor. The thin lines
#   are its contours, labeled by the share of all rows expected inside.
# * The colored ellipses belong to one component each, and hold the labeled shares of it. The lines through the center
#   are the principal axes (:doc:`mahalanobis`).
# * On the dashed lines the two most probable components tie. They are the boundaries of ``predict``
#   (:doc:`quadratic_boundaries`).
# * Points have the color of their component; the paler, the less certain.

display = MixtureDisplay.from_estimator(found, X)
display.ax_.set(xlabel="$x_1$", ylabel="$x_2$")
plt.show()

# %%
# The shades are a true density: over a wide grid it adds up to one.

steps = np.linspace(-15, 15, 601)
grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
total = np.exp(found.log_density(grid)).sum() * (steps[1] - steps[0]) ** 2
print(f"sum over the grid: {total:.6f}")
assert abs(total - 1) < 1e-6

# %%
# Figure 9-17
# -----------
#
# With ``covariance_type="tied"`` all components have one shape, and the boundaries are straight (:doc:`lda`). With
# ``"spherical"`` each component is a circle of its own size.

tied = GaussianMixture(n_components=3, covariance_type="tied", random_state=42).fit(X)
spherical = GaussianMixture(
    n_components=3, covariance_type="spherical", random_state=42
).fit(X)
figure, places = plt.subplots(
    1, 2, figsize=(9, 4.2), layout="constrained", sharex=True, sharey=True
)
for axes, model in zip(places, (tied, spherical), strict=True):
    MixtureDisplay.from_estimator(align(model.mixture_, truth), X, ax=axes)
    axes.set(xlabel="$x_1$", ylabel="$x_2$")
    axes.set_title(model.covariance_type, loc="left")
    axes.label_outer()
plt.show()

# %%
# Both have fewer parameters than the full model, and both pay for it here: neither can give two blobs one shape and
# the third another. BIC weighs fit against parameters; lower is better. The adjusted Rand index compares the labels
# with the true blobs: one is agreement, zero is chance.

print("covariances   parameters   log-likelihood per row      BIC   adjusted Rand index")
for model in (gm, tied, spherical):
    print(
        f"{model.covariance_type:11s} {model.mixture_.n_parameters:12d} "
        f"{model.score(X):24.4f} "
        f"{model.bic(X):8.0f} {adjusted_rand_score(blob, model.predict(X)):21.3f}"
    )
assert gm.bic(X) < min(tied.bic(X), spherical.bic(X))
