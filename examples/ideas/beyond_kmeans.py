"""
Clusters that k-means cannot find
=================================

k-means assigns each row to the nearest center. This works well if all clusters are round and have the same width and
the same number of rows. A mixture estimates the shape, the width and the weight of each cluster. This page shows
three data sets on which k-means fails and a mixture succeeds, and one on which both fail because the clusters are not
Gaussian.
"""

# %%
# Three data sets
# ---------------
#
# The first data set has three elongated clusters. The second has one wide cluster beside two narrow ones with few rows.
# The third has a narrow cluster inside a wide one, with the same center. All are drawn from mixtures, so the true
# cluster of each row is known.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from gaussmix import GaussianMixture, Mixture, merge_components
from gaussmix.components.merging import MergedMixture
from gaussmix.plots import MixtureDisplay
from gaussmix.plots.drawing import PALETTE

truths = {
    "Elongated": Mixture.from_parameters(
        [1 / 3, 1 / 3, 1 / 3],
        [[-1.6, 1.6], [0, 0], [1.6, -1.6]],
        [[4.6, 4.4], [4.4, 4.6]],
        covariance_type="tied",
    ),
    "Unequal": Mixture.from_parameters(
        [0.8, 0.1, 0.1],
        [[0, 0], [5, 1.5], [5, -1.5]],
        [4, 0.15, 0.15],
        covariance_type="spherical",
    ),
    "Concentric": Mixture.from_parameters(
        [0.5, 0.5], [[0, 0], [0, 0]], [0.1, 6], covariance_type="spherical"
    ),
}


def as_mixture(kmeans: KMeans) -> Mixture:
    """Return a mixture of equal spheres, which has the boundaries of k-means."""
    k = kmeans.n_clusters
    return Mixture.from_parameters(
        np.full(k, 1 / k),
        kmeans.cluster_centers_,
        np.full(k, 0.01),
        covariance_type="spherical",
    )


# %%
# k-means compared with a mixture
# -------------------------------
#
# Both methods are given the number of clusters and nothing else. In the figure, k-means is drawn as a mixture of equal
# spheres, which has the same boundaries (:doc:`kmeans_limit`).
#
# The adjusted Rand index compares labels with the true clusters: 1 is perfect agreement, 0 is agreement by chance.
# Standardizing the features before k-means does not solve the problem. Where clusters overlap, no method is always
# right. The last column therefore shows the index of the true mixture. A fitted mixture can exceed it slightly by
# chance, because the index is computed on the rows used for the fit.

print("            k-means   k-means, standardized   mixture   true mixture")
figure, panels = plt.subplots(
    2, 3, figsize=(9, 6), layout="constrained", sharex="col", sharey="col"
)
for (upper, lower), (name, truth) in zip(panels.T, truths.items(), strict=True):
    X, cluster = truth.sample(1000, random_state=0)
    kmeans = KMeans(truth.n_components, n_init=10, random_state=0).fit(X)
    standardized = clone(kmeans).fit_predict(StandardScaler().fit_transform(X))
    gm = GaussianMixture(truth.n_components, random_state=0).fit(X)
    indices = [
        adjusted_rand_score(cluster, labels)
        for labels in (kmeans.labels_, standardized, gm.predict(X), truth.labels(X))
    ]
    print("{:12s}{:7.2f}{:24.2f}{:10.2f}{:15.2f}".format(name, *indices))
    assert indices[2] > max(indices[:2]) + 0.2
    MixtureDisplay.from_estimator(
        as_mixture(kmeans), X, ax=upper, density=False, ellipses=False, axes=False
    )
    MixtureDisplay.from_estimator(gm, X, ax=lower, masses=(0.95,), density=False)
    upper.set_title(f"{name}: k-means", loc="left")
    lower.set_title(f"{name}: mixture", loc="left")
    for axes in (upper, lower):
        axes.set(xlabel="", ylabel="")
plt.show()

# %%
# k-means cuts across the elongated clusters, divides the wide cluster among all three centers, and cuts through the
# concentric clusters. Its boundaries are straight lines halfway between centers. The boundaries of the mixture are
# curved, because its covariances differ (:doc:`quadratic_boundaries`).
#
# Clusters that are not Gaussian
# ------------------------------
#
# Half moons are not Gaussian. Neither k-means nor a mixture of two components separates them.

X, moon = make_moons(1000, noise=0.08, random_state=0)
two = GaussianMixture(2, random_state=0).fit(X)
for name, labels in (
    ("k-means", KMeans(2, n_init=10, random_state=0).fit_predict(X)),
    ("mixture", two.predict(X)),
):
    agreement = adjusted_rand_score(moon, labels)
    print(f"{name} with two clusters: adjusted Rand index {agreement:.2f}")
    assert agreement < 0.5

# %%
# A mixture with more components can still describe the density. BIC selects their number. Each cluster then consists of
# several components. :func:`gaussmix.merge_components` finds the components that belong together (:doc:`/merging`). The
# method "demp" merges components whose rows are likely to be misclassified into each other. It also determines the
# number of clusters.


def merge(X: np.ndarray) -> tuple[GaussianMixture, MergedMixture]:
    """Return the fit with the lowest BIC and its merged clusters."""
    fits = [GaussianMixture(k, random_state=0).fit(X) for k in range(2, 13)]
    best = min(fits, key=lambda fit: fit.bic(X))
    return best, merge_components(best.mixture_, X, method="demp").cut()


best, merged = merge(X)
agreement = adjusted_rand_score(moon, merged.predict(X))
print(
    f"components selected by BIC: {best.n_components}; "
    f"clusters after merging: {merged.n_clusters}; adjusted Rand index {agreement:.2f}"
)
assert merged.n_clusters == 2
assert agreement > 0.95

# %%
# The merging stops at a threshold, and the threshold is not right for every sample. On five other samples of half
# moons, it gives these numbers of clusters:

other_samples = [
    merge(make_moons(1000, noise=0.08, random_state=seed)[0])[1] for seed in range(1, 6)
]
print("clusters after merging:", *(sample.n_clusters for sample in other_samples))

# %%
# The figure shows the mixture of two components and the merged mixture. In the right panel, each component has the
# color of its cluster.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.6), layout="constrained", sharex=True, sharey=True
)
left.set(xlim=(-1.7, 2.7), ylim=(-1.3, 1.7))
MixtureDisplay.from_estimator(two, X, ax=left, density=False)
MixtureDisplay.from_estimator(best, ax=right, boundaries=False, ellipses=False, axes=False)
for cluster, color in enumerate(PALETTE[: merged.n_clusters]):
    right.plot(*X[merged.predict(X) == cluster].T, ".", color=color, markersize=3)
    means = best.means_[merged.component_clusters == cluster]
    right.plot(*means.T, "o", color=color, markeredgecolor="white", markersize=13, zorder=7)
left.set_title("Two components", loc="left")
right.set_title(
    f"{best.n_components} components, merged into {merged.n_clusters} clusters", loc="left"
)
for axes in (left, right):
    axes.set(xlabel="", ylabel="")
plt.show()
