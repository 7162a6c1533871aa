"""
k-means as a limit of EM
========================

k-means is a limiting case of EM. Suppose that all components have the same weight and the same spherical covariance,
and that this covariance shrinks to zero. Then the responsibilities become hard labels, and the means become the
centers of k-means.
"""

# %%
# EM with a fixed spherical covariance
# ------------------------------------
#
# All :math:`K` components have the weight :math:`1/K` and the covariance :math:`\epsilon I`. The variance
# :math:`\epsilon` is fixed, so EM estimates the means only (Bishop 2006, section 9.3.2, equations 9.42 and 9.17):
#
# .. math::
#
#    r_{nk} = \frac{\exp(-|x_n - \mu_k|^2 / 2 \epsilon)}{\sum_j \exp(-|x_n - \mu_j|^2 / 2 \epsilon)}, \qquad
#    \mu_k = \frac{\sum_n r_{nk} x_n}{\sum_n r_{nk}}
#
# As :math:`\epsilon` goes to zero, the responsibility of the nearest center goes to one. The E-step then assigns each
# row to its nearest center, and the M-step computes the mean of the rows assigned to each center. These are the two
# steps of k-means (Lloyd's algorithm).

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import xlogy
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from gaussmix import GaussianMixture, Mixture
from gaussmix.plots import MixtureDisplay
from gaussmix.plots.drawing import PALETTE, quiet_axes

deviation = 1.2
X, cluster = make_blobs(
    n_samples=400, centers=[[-2, 0], [2, 0], [0, 3]], cluster_std=deviation, random_state=0
)
start = X[:3]


def spherical_mixture(means: np.ndarray, variance: float) -> Mixture:
    """Return a mixture of components with equal weights and variances."""
    k = len(means)
    return Mixture.from_parameters(
        np.full(k, 1 / k), means, np.full(k, variance), covariance_type="spherical"
    )


def fit_means(variance: float, n_iter: int = 500) -> Mixture:
    """Run EM for the means only, from the common start."""
    mixture = spherical_mixture(start, variance)
    for _ in range(n_iter):
        responsibilities = mixture.responsibilities(X)
        mixture = spherical_mixture(
            responsibilities.T @ X / responsibilities.sum(axis=0)[:, None], variance
        )
    return mixture


# %%
# Decreasing the variance
# -----------------------
#
# k-means and EM start from the same three rows. The table shows three quantities for a decreasing variance. The first
# is the entropy of the responsibilities in bits per row, which is zero if all assignments are hard. The second is the
# share of rows whose largest responsibility is below 99 %. The third is the largest distance between a fitted mean and
# its k-means center.

kmeans = KMeans(3, init=start, n_init=1, max_iter=1000, tol=0).fit(X)
variances = 10.0 ** np.arange(0, -3.25, -0.25)
fits = [fit_means(variance) for variance in variances]
responsibilities = [fit.responsibilities(X) for fit in fits]
entropies = np.array(
    [-xlogy(r, r).sum(axis=1).mean() / np.log(2) for r in responsibilities]
)
distances = np.array(
    [np.linalg.norm(fit.means - kmeans.cluster_centers_, axis=1).max() for fit in fits]
)
uncertain = [np.mean(r.max(axis=1) < 0.99) for r in responsibilities]

print("variance   entropy, bits   rows below 99 %   distance of means")
for number in range(0, len(variances), 2):
    print(
        f"{variances[number]:8.1e} {entropies[number]:15.1e} "
        f"{uncertain[number]:17.1%} {distances[number]:19.1e}"
    )
assert np.all(np.diff(entropies) < 0)
assert distances[-1] < 1e-6
assert entropies[-1] < 1e-12
assert np.array_equal(fits[-1].labels(X), kmeans.labels_)

# %%
# In the figure, pale rows are shared between components. They lie in a band along the boundaries, and the band becomes
# narrower as the variance decreases. The boundaries hardly move, because the boundary between equal spheres lies
# halfway between their centers, whatever the variance.

figure, panels = plt.subplots(
    1, 3, figsize=(9, 3.4), layout="constrained", sharex=True, sharey=True
)
for axes, variance, fit in zip(panels, variances[:6:2], fits[:6:2], strict=True):
    MixtureDisplay.from_estimator(
        fit, X, ax=axes, masses=(0.95,), density=False, axes=False
    )
    axes.set(xlabel="", ylabel="", aspect="equal")
    axes.set_title(f"variance {variance:.2g}", loc="left")
plt.show()

# %%
# The entropy and the distance decrease together. They decrease faster than any power of the variance, because the
# responsibility of the second nearest center decreases exponentially with :math:`1 / \epsilon`.

figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
quiet_axes(axes)
axes.loglog(variances, entropies, "-o", color=PALETTE[0], markersize=5)
axes.loglog(variances, distances, "--s", color=PALETTE[3], markersize=5)
axes.text(0.09, 0.04, "entropy, bits per row", color=PALETTE[0])
axes.text(0.0039, 1e-14, "distance of means, up to rounding", color=PALETTE[3], ha="right")
axes.invert_xaxis()
axes.set(ylim=(1e-16, 1), xlabel="variance of the components")
plt.show()

# %%
# The log-likelihood and the inertia
# ----------------------------------
#
# EM maximizes the log-likelihood, k-means minimizes the inertia, which is the sum of squared distances to the nearest
# center. The two are related (compare Bishop 2006, equation 9.43). Drop the terms of the log-likelihood that do not
# depend on the means, and multiply it by :math:`-2 \epsilon`. As :math:`\epsilon` goes to zero, the result converges to
# the inertia.

n, d = X.shape
for variance, fit in zip(variances[::4], fits[::4], strict=True):
    constants = n * np.log(3) + n * d / 2 * np.log(2 * np.pi * variance)
    scaled = -2 * variance * (fit.log_density(X).sum() + constants)
    print(
        f"variance {variance:7.3f}: {scaled:9.3f}"
        f"   inertia of k-means {kmeans.inertia_:9.3f}"
    )
assert np.isclose(scaled, kmeans.inertia_, rtol=1e-12)

# %%
# What k-means does not estimate
# ------------------------------
#
# k-means has no variance, so it cannot tell how certain a label is. The model EII consists of equal spheres with a
# fitted variance and fitted weights (:doc:`/choosing`). It comes closer to the true width of the clusters. The clusters
# of k-means are too narrow, because their tails are cut off at the boundaries and assigned to the neighboring clusters.

eii = GaussianMixture(3, covariance_type="EII", random_state=0).fit(X)
within_kmeans = kmeans.inertia_ / (n * d)
within_true = np.mean([X[cluster == number].var(axis=0) for number in range(3)])
print(f"true variance:                         {deviation**2:.2f}")
print(f"sample variance within true clusters:  {within_true:.2f}")
print(f"variance fitted by EII:                {eii.covariances_[0]:.2f}")
print(f"variance within k-means clusters:      {within_kmeans:.2f}")
uncertain = np.mean(eii.predict_proba(X).max(axis=1) < 0.99)
print(f"rows below 99 % under EII:             {uncertain:.1%}")
assert within_kmeans < eii.covariances_[0]
assert within_kmeans < within_true
