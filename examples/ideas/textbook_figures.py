"""
How to read a plot of a mixture
===============================

One figure can show everything that a mixture model says about two features: the positions and shapes of its
components, the density of the data, and the boundaries between components. This page reproduces figures 9-16 and 9-17
of Géron, *Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow* (third edition, 2022, chapter 9) from
the same data.
"""

# %%
# The data
# --------
#
# Two clusters are stretched by a matrix. The third cluster is round and has fewer rows. All three are drawn from
# Gaussian distributions, so the true mixture is known.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from gaussmix import GaussianMixture, Mixture, align
from gaussmix.plots import MixtureDisplay

stretch, shift = np.array([[0.374, 0.95], [0.732, 0.598]]), np.array([6, -8])
centers = np.array([(4, -4), (0, 0)])
first_two, label = make_blobs(n_samples=1000, centers=centers, random_state=42)
third, _, third_center = make_blobs(
    n_samples=250, centers=1, random_state=42, return_centers=True
)
X = np.concatenate([first_two @ stretch, third + shift])
cluster = np.concatenate([label, np.full(250, 2)])
truth = Mixture.from_parameters(
    np.bincount(cluster) / len(X),
    np.concatenate([centers @ stretch, third_center + shift]),
    [stretch.T @ stretch, stretch.T @ stretch, np.eye(2)],
)

# %%
# A mixture of three components is fitted. ``align`` puts the components in the order of the true ones.

gm = GaussianMixture(n_components=3, random_state=42).fit(X)
fitted = align(gm.mixture_, truth)
print("weight (true)     mean             (true)")
for component in range(3):
    print(
        f"{fitted.weights[component]:.3f} ({truth.weights[component]:.3f})    "
        f"({fitted.means[component, 0]:5.2f}, {fitted.means[component, 1]:5.2f})   "
        f"({truth.means[component, 0]:5.2f}, {truth.means[component, 1]:5.2f})"
    )
print(f"rows assigned to the correct component: {np.mean(fitted.labels(X) == cluster):.1%}")
assert np.allclose(fitted.means, truth.means, atol=0.15)

# %%
# Figure 9-16
# -----------
#
# The elements of the plot are:
#
# * The shading shows the density on a log scale. The density falls by the same factor from one shade to the next. The
#   thin lines are contours of the density, labeled with the share of rows expected inside.
# * Each colored ellipse belongs to one component and contains the labeled share of its probability. The lines through
#   the center are the principal axes (:doc:`mahalanobis`).
# * On the dashed lines, the two most probable components are equally probable. These lines are the decision boundaries
#   of ``predict`` (:doc:`quadratic_boundaries`).
# * Each point has the color of its most probable component. Paler points are less certain.

display = MixtureDisplay.from_estimator(fitted, X)
display.ax_.set(xlabel="$x_1$", ylabel="$x_2$")
plt.show()

# %%
# The shading shows a probability density: its integral over the plane is one.

steps = np.linspace(-15, 15, 601)
grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
integral = np.exp(fitted.log_density(grid)).sum() * (steps[1] - steps[0]) ** 2
print(f"integral of the density: {integral:.6f}")
assert abs(integral - 1) < 1e-6

# %%
# Figure 9-17
# -----------
#
# With ``covariance_type="tied"``, all components have the same covariance, and the boundaries are straight
# (:doc:`lda`). With ``"spherical"``, the contours of each component are circles, and each component has its own
# variance.

tied = GaussianMixture(n_components=3, covariance_type="tied", random_state=42).fit(X)
spherical = GaussianMixture(
    n_components=3, covariance_type="spherical", random_state=42
).fit(X)
figure, panels = plt.subplots(
    1, 2, figsize=(9, 4.2), layout="constrained", sharex=True, sharey=True
)
for axes, model in zip(panels, (tied, spherical), strict=True):
    MixtureDisplay.from_estimator(align(model.mixture_, truth), X, ax=axes)
    axes.set(xlabel="$x_1$", ylabel="$x_2$")
    axes.set_title(model.covariance_type, loc="left")
    axes.label_outer()
plt.show()

# %%
# Both models have fewer parameters than the full model, and both fit these data worse: neither can represent two
# stretched clusters beside a round one. BIC balances the fit against the number of parameters; lower is better. The
# adjusted Rand index compares the labels with the true clusters: 1 is perfect agreement, 0 is agreement by chance.

print("covariances   parameters   log-likelihood per row      BIC   adjusted Rand index")
for model in (gm, tied, spherical):
    print(
        f"{model.covariance_type:11s} {model.mixture_.n_parameters:12d} "
        f"{model.score(X):24.4f} "
        f"{model.bic(X):8.0f} {adjusted_rand_score(cluster, model.predict(X)):21.3f}"
    )
assert gm.bic(X) < min(tied.bic(X), spherical.bic(X))
