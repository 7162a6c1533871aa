"""
Mahalanobis distance and its ellipses
=====================================

How far is a row from a mean? A ruler gives one answer. A Gaussian gives another: far in directions in which rows
seldom stray, near in directions in which they often do. That is the Mahalanobis distance, and the curves of equal
distance are the ellipses in pictures of mixtures.
"""

# %%
# One Gaussian
# ------------
#
# The density of a Gaussian in :math:`d` features, with mean :math:`\mu` and covariance :math:`\Sigma`, depends on the
# row through one number, the Mahalanobis distance :math:`\Delta` (Bishop 2006, equations 2.43 and 2.44):
#
# .. math::
#
#    p(x) = \frac{1}{(2\pi)^{d/2} \, |\Sigma|^{1/2}} \exp\left(-\frac{\Delta^2}{2}\right), \qquad
#    \Delta^2 = (x - \mu)^T \Sigma^{-1} (x - \mu)

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import chi2

from gaussmix import Mixture
from gaussmix.plots import MixtureDisplay, ellipse
from gaussmix.plots.drawing import PALETTE, quiet_axes

mean = np.array([1.0, 2.0])
covariance = np.array([[3.0, 1.8], [1.8, 2.0]])
gaussian = Mixture.from_parameters([1.0], [mean], [covariance])
rows, _ = gaussian.sample(1000, random_state=0)


def mahalanobis(x: np.ndarray) -> np.ndarray:
    """(n,) the distance of each row from the mean."""
    centered = x - mean
    return np.sqrt(np.sum(centered @ np.linalg.inv(covariance) * centered, axis=1))


height = 1 / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
assert np.allclose(
    np.exp(gaussian.log_density(rows)),
    height * np.exp(-(mahalanobis(rows) ** 2) / 2),
    rtol=1e-12,
)

# %%
# Eigenvectors are the axes
# -------------------------
#
# The eigenvectors of the covariance are the axes of its ellipses. Each eigenvalue :math:`\lambda_i` is the variance
# of the rows along its axis, and the ellipse of Mahalanobis radius :math:`r` reaches :math:`r \sqrt{\lambda_i}` far
# (Bishop 2006, section 2.3, figure 2.7).

eigenvalues, eigenvectors = (
    part[..., ::-1] for part in np.linalg.eigh(covariance)
)  # the longest axis first
eigenvectors = eigenvectors * np.sign(
    eigenvectors[1]
)  # columns; an axis has two directions: the one that points up
for value, axis in zip(eigenvalues, eigenvectors.T, strict=True):
    print(
        f"along ({axis[0]:+.3f}, {axis[1]:+.3f}): "
        f"variance {value:.3f}, standard deviation {np.sqrt(value):.3f}"
    )
tips = mean + 2 * (np.sqrt(eigenvalues) * eigenvectors).T
assert np.allclose(mahalanobis(tips), 2)
assert np.allclose(mahalanobis(ellipse(mean, covariance, radius=2)), 2)

# %%
# What an ellipse holds
# ---------------------
#
# How much lies within one, two and three standard deviations is well known in one dimension. In more it is less,
# because there are more directions to stray in: :math:`\Delta^2` has a chi-square distribution with :math:`d` degrees
# of freedom. In two dimensions the share within radius :math:`r` is :math:`1 - e^{-r^2 / 2}`. The last column counts
# a million rows drawn from the Gaussian above.

radii = np.array([1.0, 2.0, 3.0])
many, _ = gaussian.sample(1_000_000, random_state=1)
counted = np.array([np.mean(mahalanobis(many) < radius) for radius in radii])
print("within   d = 1    d = 2    d = 3   d = 10   counted, d = 2")
for radius, share in zip(radii, counted, strict=True):
    print(
        f"{radius:.0f} sd  ",
        *(f"{chi2.cdf(radius**2, d):7.1%} " for d in (1, 2, 3, 10)),
        f"{share:12.2%}",
    )
held = chi2.cdf(radii**2, 2)
assert np.allclose(held, 1 - np.exp(-(radii**2) / 2))
assert np.all(np.abs(counted - held) < 5 * np.sqrt(held * (1 - held) / len(many)))

# %%
# So a label in standard deviations says little until the dimension is known. The displays label an ellipse by the
# share that it holds. Here are the ellipses of one, two and three standard deviations, with the shares rounded.

display = MixtureDisplay.from_estimator(gaussian, rows, masses=held.round(3), density=False)
display.ax_.set_aspect("equal")
plt.show()

# %%
# The other way round, the radius that holds a wanted share is the root of a chi-square quantile, and the semi-axes
# are :math:`\sqrt{\lambda_i \, \chi^2_{d, p}}`.

for wanted in (0.5, 0.95, 0.99):
    radius = np.sqrt(chi2.ppf(wanted, 2))
    long, short = radius * np.sqrt(eigenvalues)
    inside = np.mean(mahalanobis(many) < radius)
    print(
        f"{wanted:.0%}: radius {radius:.3f}, semi-axes {long:.3f} and {short:.3f}; "
        f"counted {inside:.2%}"
    )

# %%
# Two ways to see the same rows
# -----------------------------
#
# Two points lie equally far from the mean by the ruler, one along the long axis, one along the short. Turn the rows
# onto the axes and divide by the standard deviations: that is whitening. Afterwards the ellipses are circles, and the
# ruler and the Mahalanobis distance agree.

points = mean + 3 * eigenvectors.T
whiten = eigenvectors / np.sqrt(eigenvalues)
assert np.allclose(np.linalg.norm((points - mean) @ whiten, axis=1), mahalanobis(points))

figure, places = plt.subplots(1, 2, figsize=(8.4, 4.4), layout="constrained")
for axes, turn, center, title in (
    (places[0], np.eye(2), np.zeros(2), "As measured"),
    (places[1], whiten, mean, "Whitened"),
):
    quiet_axes(axes)
    axes.plot(*((rows - center) @ turn).T, ".", color="0.7", markersize=3)
    for radius in radii:
        axes.plot(
            *((ellipse(mean, covariance, radius) - center) @ turn).T,
            color="0.4",
            linewidth=1,
        )
    for name, point, color in zip("AB", points, PALETTE[::3], strict=False):
        ends = (np.array([mean, point]) - center) @ turn
        axes.plot(*ends.T, "-o", color=color, linewidth=2, markersize=5)
        axes.annotate(
            name,
            ends[1],
            xytext=(7, 2),
            textcoords="offset points",
            color=color,
            weight="bold",
            size=13,
        )
    axes.set_title(title, loc="left")
    axes.set_aspect("equal", adjustable="datalim")
plt.show()

for name, point in zip("AB", points, strict=True):
    print(
        f"{name}: {np.linalg.norm(point - mean):.2f} by the ruler, "
        f"{mahalanobis(point[None])[0]:.2f} by Mahalanobis; "
        f"rows farther out: {np.mean(mahalanobis(many) > mahalanobis(point[None])):.2%}"
    )

# %%
# By the ruler A and B are the same. To the Gaussian, A is an ordinary row and B is a rare one. A mixture measures
# each row this way, once for each component and with that component's covariance.
