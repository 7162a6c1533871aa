"""
k-means as the limit of shrinking spheres
=========================================

k-means is a limit of EM. Give every component the same weight and the same sphere, and let the spheres shrink:
responsibilities harden into labels, and the means become the centers of k-means.
"""

# %%
# EM with spheres of a fixed size
# -------------------------------
#
# All :math:`K` components have the weight :math:`1/K` and the covariance :math:`\epsilon I`, and :math:`\epsilon` is
# not fitted. Only the means are left to learn (Bishop 2006, section 9.3.2, equations 9.42 and 9.17):
#
# .. math::
#
#    r_{nk} = \frac{\exp(-|x_n - \mu_k|^2 / 2 \epsilon)}{\sum_j \exp(-|x_n - \mu_j|^2 / 2 \epsilon)}, \qquad
#    \mu_k = \frac{\sum_n r_{nk} x_n}{\sum_n r_{nk}}
#
# As :math:`\epsilon` goes to zero, the nearest center takes all of a row: the E-step assigns rows to centers, and the
# M-step takes the mean of the rows assigned. Those are the two steps of k-means (Lloyd's algorithm).

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import xlogy
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from gaussmix import GaussianMixture, Mixture
from gaussmix.plots import MixtureDisplay
from gaussmix.plots.drawing import PALETTE, quiet_axes

deviation = 1.2
X, blob = make_blobs(
    n_samples=400, centers=[[-2, 0], [2, 0], [0, 3]], cluster_std=deviation, random_state=0
)
start = X[:3]


def spheres(means: np.ndarray, variance: float) -> Mixture:
    """Components of one weight and one variance."""
    k = len(means)
    return Mixture.from_parameters(
        np.full(k, 1 / k), means, np.full(k, variance), covariance_type="spherical"
    )


def fit_means(variance: float, passes: int = 500) -> Mixture:
    """EM for the means alone, from the common start."""
    mixture = spheres(start, variance)
    for _ in range(passes):
        responsibilities = mixture.responsibilities(X)
        mixture = spheres(
            responsibilities.T @ X / responsibilities.sum(axis=0)[:, None], variance
        )
    return mixture


# %%
# Shrinking
# ---------
#
# k-means and EM begin at the same three rows. The table shows, for smaller and smaller spheres, the entropy of the
# responsibilities in bits per row (zero when all are hard), how many rows are less than certain, and how far the
# means are from the centers of k-means.

kmeans = KMeans(3, init=start, n_init=1, max_iter=1000, tol=0).fit(X)
variances = 10.0 ** np.arange(0, -3.25, -0.25)
fits = [fit_means(variance) for variance in variances]
soft = [fit.responsibilities(X) for fit in fits]
entropies = np.array([-xlogy(r, r).sum(axis=1).mean() / np.log(2) for r in soft])
distances = np.array(
    [np.linalg.norm(fit.means - kmeans.cluster_centers_, axis=1).max() for fit in fits]
)
doubtful = [np.mean(r.max(axis=1) < 0.99) for r in soft]

print("variance   entropy, bits   rows below 99 %   means from k-means'")
for number in range(0, len(variances), 2):
    print(
        f"{variances[number]:8.1e} {entropies[number]:15.1e} "
        f"{doubtful[number]:17.1%} {distances[number]:21.1e}"
    )
assert np.all(np.diff(entropies) < 0)
assert distances[-1] < 1e-6
assert entropies[-1] < 1e-12
assert np.array_equal(fits[-1].labels(X), kmeans.labels_)

# %%
# The pale rows are shared between components. They are a belt along the boundaries, which narrows as the spheres
# shrink. The boundaries hardly move: between spheres of one size they lie halfway, whatever the size.

figure, places = plt.subplots(
    1, 3, figsize=(9, 3.4), layout="constrained", sharex=True, sharey=True
)
for axes, variance, fit in zip(places, variances[:6:2], fits[:6:2], strict=True):
    MixtureDisplay.from_estimator(
        fit, X, ax=axes, masses=(0.95,), density=False, axes=False
    )
    axes.set(xlabel="", ylabel="", aspect="equal")
    axes.set_title(f"variance {variance:.2g}", loc="left")
plt.show()

# %%
# Entropy and distance fall together, and faster than any power of the variance: how much of a row the second nearest
# center keeps is an exponential of :math:`-1 / \epsilon`.

figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
quiet_axes(axes)
axes.loglog(variances, entropies, "-o", color=PALETTE[0], markersize=5)
axes.loglog(variances, distances, "--s", color=PALETTE[3], markersize=5)
axes.text(0.09, 0.04, "entropy, bits per row", color=PALETTE[0])
axes.text(
    0.0039, 1e-14, "distance of the means, down to rounding", color=PALETTE[3], ha="right"
)
axes.invert_xaxis()
axes.set(ylim=(1e-16, 1), xlabel="variance of the spheres")
plt.show()

# %%
# What EM maximizes becomes what k-means minimizes
# ------------------------------------------------
#
# Times :math:`-2 \epsilon`, and without the constants, the log-likelihood tends to the sum of squared distances from
# the nearest center, which scikit-learn calls inertia (compare Bishop 2006, equation 9.43).

n, d = X.shape
for variance, fit in zip(variances[::4], fits[::4], strict=True):
    constants = n * np.log(3) + n * d / 2 * np.log(2 * np.pi * variance)
    limit = -2 * variance * (fit.log_density(X).sum() + constants)
    print(
        f"variance {variance:7.3f}: {limit:9.3f}"
        f"   inertia of k-means {kmeans.inertia_:9.3f}"
    )
assert np.isclose(limit, kmeans.inertia_, rtol=1e-12)

# %%
# What gets lost in the limit
# ---------------------------
#
# k-means has no variance, so it cannot say how sure a label is. The same spheres with a variance and weights that are
# fitted are called EII (:doc:`/choosing`), and come nearer to the width of the clusters. k-means makes them too narrow:
# it cuts off their tails at the boundaries and gives them to the neighbors.

eii = GaussianMixture(3, covariance_type="EII", random_state=0).fit(X)
within = kmeans.inertia_ / (n * d)
own = np.mean([X[blob == each].var(axis=0) for each in range(3)])
print(f"variance that made the rows: {deviation**2:.2f}")
print(f"of these rows, within blobs: {own:.2f}")
print(f"fitted with the means (EII): {eii.covariances_[0]:.2f}")
print(f"within clusters of k-means:  {within:.2f}")
print(
    f"rows below 99 % in EII:      {np.mean(eii.predict_proba(X).max(axis=1) < 0.99):.1%}"
)
assert within < eii.covariances_[0]
assert within < own
