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
# Two of the blobs are stretched by a matrix, the third is round and has fewer rows. All are made from Gaussians, so
# the parameters that a fit should find are known.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from gaussmix import GaussianMixture
from gaussmix.plots import MixtureDisplay

stretch, shift = np.array([[0.374, 0.95], [0.732, 0.598]]), np.array([6, -8])
stretched, which = make_blobs(n_samples=1000, centers=((4, -4), (0, 0)), random_state=42)
round_one, _, center = make_blobs(n_samples=250, centers=1, random_state=42, return_centers=True)
X = np.concatenate([stretched @ stretch, round_one + shift])
blob = np.concatenate([which, np.full(250, 2)])
true_weights = np.bincount(blob) / len(X)
true_means = np.concatenate([np.array([(4, -4), (0, 0)]) @ stretch, center + shift])

# %%
# Three components are fitted. Their order is by weight; here they are put in the order of the blobs.

gm = GaussianMixture(n_components=3, random_state=42).fit(X)
nearest = np.argmin(np.linalg.norm(gm.means_ - true_means[:, None], axis=2), axis=1)
assert sorted(nearest) == [0, 1, 2]
print("weight (true)     mean (true)")
for component, true_weight, true_mean in zip(nearest, true_weights, true_means, strict=True):
    weight, mean = gm.weights_[component], gm.means_[component]
    print(
        f"{weight:.3f} ({true_weight:.3f})     ({mean[0]:5.2f}, {mean[1]:5.2f})   "
        f"({true_mean[0]:5.2f}, {true_mean[1]:5.2f})"
    )
print(f"rows given to the component of their blob: {np.mean(nearest[blob] == gm.predict(X)):.1%}")

# %%
# Figure 9-16
# -----------
#
# How to read it:
#
# * The shades and contours are the density, on a log scale. Each contour is labeled by the share of all rows expected
#   inside it.
# * An ellipse belongs to one component and holds the labeled share of it; the lines through its center are its
#   principal axes (:doc:`mahalanobis`).
# * On a dashed line the two most probable components tie. It is the boundary of ``predict``.
# * Points have the color of their component. The paler, the less certain.

MixtureDisplay.from_estimator(gm, X)
plt.show()

# %%
# The density is a true one: over a wide grid it adds up to one.

steps = np.linspace(-15, 15, 601)
grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
total = np.exp(gm.score_samples(grid)).sum() * (steps[1] - steps[0]) ** 2
print(f"sum over the grid: {total:.6f}")
assert abs(total - 1) < 1e-4

# %%
# Figure 9-17
# -----------
#
# With ``covariance_type="tied"`` all components have one shape, and the boundaries are straight (:doc:`lda`). With
# ``"spherical"`` each component is a circle of its own size.

tied = GaussianMixture(n_components=3, covariance_type="tied", random_state=42).fit(X)
spherical = GaussianMixture(n_components=3, covariance_type="spherical", random_state=42).fit(X)
figure, places = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained", sharex=True, sharey=True)
for axes, model in zip(places, (tied, spherical), strict=True):
    MixtureDisplay.from_estimator(model, X, ax=axes)
    axes.set_title(model.covariance_type, loc="left")
plt.show()

# %%
# Both have fewer parameters than the full model, and both pay for it here: neither can give two blobs one shape and
# the third another. BIC weighs fit against parameters; lower is better. The adjusted Rand index compares the labels
# with the true blobs; one is agreement, zero is chance.

print("covariances   parameters   log-likelihood per row      BIC   adjusted Rand index")
for model in (gm, tied, spherical):
    print(
        f"{model.covariance_type:11s} {model.mixture_.n_parameters:12d} {model.score(X):24.4f} "
        f"{model.bic(X):8.0f} {adjusted_rand_score(blob, model.predict(X)):21.3f}"
    )
assert gm.bic(X) < min(tied.bic(X), spherical.bic(X))
