"""
Clusters that k-means cannot find
=================================

k-means gives each row to the nearest center. That is right where all clusters are round, equally wide and equally
frequent. A mixture learns the shape, the width and the weight of each cluster instead. This page shows three tables
that need it, and one where Gaussians are not enough either.
"""

# %%
# Three tables
# ------------
#
# Three stretched clusters; a wide cluster beside two narrow ones of few rows; a narrow cluster within a wide one, about
# the same center. All are drawn from mixtures, so the cluster of each row is known.

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
    "Stretched": Mixture.from_parameters(
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
    """Spheres of one small size: the mixture that decides as k-means does."""
    k = kmeans.n_clusters
    return Mixture.from_parameters(
        np.full(k, 1 / k),
        kmeans.cluster_centers_,
        np.full(k, 0.01),
        covariance_type="spherical",
    )


# %%
# k-means beside the mixture
# --------------------------
#
# Both are told the number of clusters and nothing else. In the pictures k-means is drawn as a mixture of equal spheres,
# which decides in the same way (:doc:`kmeans_limit`).
#
# The adjusted Rand index compares labels with the true clusters: one is agreement, zero is chance. Standardizing the
# features before k-means is not enough. Where clusters overlap no rule is always right, so the last column shows what
# the true mixture reaches; on the rows that it was fitted to, another may by chance reach a little more.

print("            k-means   k-means, standardized   mixture   true mixture")
figure, places = plt.subplots(
    2, 3, figsize=(9, 6), layout="constrained", sharex="col", sharey="col"
)
for (upper, lower), (name, truth) in zip(places.T, truths.items(), strict=True):
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
# k-means cuts the stretched clusters across, shares the wide one out among all centers, and cuts through the concentric
# pair. Its boundaries are straight and lie halfway between centers. Those of the mixture bend with the covariances
# (:doc:`quadratic_boundaries`).
#
# Where two Gaussians fail too
# ----------------------------
#
# A moon is no Gaussian. Neither k-means nor a mixture of two finds the moons.

X, moon = make_moons(1000, noise=0.08, random_state=0)
two = GaussianMixture(2, random_state=0).fit(X)
for name, labels in (
    ("k-means", KMeans(2, n_init=10, random_state=0).fit_predict(X)),
    ("mixture", two.predict(X)),
):
    agreement = adjusted_rand_score(moon, labels)
    print(f"{name}, two clusters: adjusted Rand index {agreement:.2f}")
    assert agreement < 0.5

# %%
# A mixture can still describe the density, with more components, as many as BIC asks for. Then components are no
# longer clusters: several make up one. :func:`gaussmix.merge_components` says which belong together (:doc:`/merging`).
# The method "demp" joins those that are taken for each other, and is not told how many clusters to leave.


def merge(X: np.ndarray) -> tuple[GaussianMixture, MergedMixture]:
    """The fit with the least BIC, and its clusters."""
    fits = [GaussianMixture(k, random_state=0).fit(X) for k in range(2, 13)]
    best = min(fits, key=lambda fit: fit.bic(X))
    return best, merge_components(best.mixture_, X, method="demp").cut()


best, merged = merge(X)
agreement = adjusted_rand_score(moon, merged.predict(X))
print(
    f"components by BIC: {best.n_components}; clusters after merging: {merged.n_clusters}; "
    f"index {agreement:.2f}"
)
assert merged.n_clusters == 2
assert agreement > 0.95

# %%
# When to stop is a rule with a threshold, and a rule can err. In five other tables of moons these are the clusters:

others = [
    merge(make_moons(1000, noise=0.08, random_state=seed)[0])[1] for seed in range(1, 6)
]
print("clusters after merging:", *(each.n_clusters for each in others))

# %%
# On the right every component has the color of its cluster.

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
    f"{best.n_components} components, merged to {merged.n_clusters} clusters", loc="left"
)
for axes in (left, right):
    axes.set(xlabel="", ylabel="")
plt.show()
