"""
Mahalanobis distance and covariance ellipses
============================================

The Euclidean distance of a row from a mean treats all directions alike. The Mahalanobis distance takes the covariance
of a Gaussian into account: a deviation counts more in a direction in which rows vary little. Curves of equal
Mahalanobis distance are the ellipses drawn in plots of mixtures.
"""

# %%
# The density of a Gaussian
# -------------------------
#
# Consider a Gaussian in :math:`d` features with the mean :math:`\mu` and the covariance :math:`\Sigma`. Its density at
# a row :math:`x` depends on :math:`x` only through the Mahalanobis distance :math:`\Delta` (Bishop 2006, equations 2.43
# and 2.44):
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
    """Return the distance (n,) of each row from the mean."""
    centered = x - mean
    return np.sqrt(np.sum(centered @ np.linalg.inv(covariance) * centered, axis=1))


height = 1 / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
assert np.allclose(
    np.exp(gaussian.log_density(rows)),
    height * np.exp(-(mahalanobis(rows) ** 2) / 2),
    rtol=1e-12,
)

# %%
# Principal axes
# --------------
#
# The eigenvectors of the covariance are the axes of its ellipses. The eigenvalue :math:`\lambda_i` is the variance of
# the rows along the corresponding axis. The ellipse of Mahalanobis radius :math:`r` has semi-axes of length
# :math:`r \sqrt{\lambda_i}` (Bishop 2006, section 2.3, figure 2.7).

eigenvalues, eigenvectors = (
    part[..., ::-1] for part in np.linalg.eigh(covariance)
)  # the longest axis first
eigenvectors = eigenvectors * np.sign(
    eigenvectors[1]
)  # in columns, with signs such that each axis points up
for value, axis in zip(eigenvalues, eigenvectors.T, strict=True):
    print(
        f"along ({axis[0]:+.3f}, {axis[1]:+.3f}): "
        f"variance {value:.3f}, standard deviation {np.sqrt(value):.3f}"
    )
endpoints = mean + 2 * (np.sqrt(eigenvalues) * eigenvectors).T
assert np.allclose(mahalanobis(endpoints), 2)
assert np.allclose(mahalanobis(ellipse(mean, covariance, radius=2)), 2)

# %%
# Probability inside an ellipse
# -----------------------------
#
# In one dimension, the probabilities within one, two and three standard deviations are well known. In more dimensions
# they are smaller: :math:`\Delta^2` has a chi-square distribution with :math:`d` degrees of freedom. In two dimensions,
# the probability within radius :math:`r` is :math:`1 - e^{-r^2 / 2}`. The last column of the table is the share
# observed among a million rows drawn from the Gaussian above.

radii = np.array([1.0, 2.0, 3.0])
sample, _ = gaussian.sample(1_000_000, random_state=1)
observed = np.array([np.mean(mahalanobis(sample) < radius) for radius in radii])
print("within   d = 1    d = 2    d = 3   d = 10   observed, d = 2")
for radius, share in zip(radii, observed, strict=True):
    print(
        f"{radius:.0f} sd  ",
        *(f"{chi2.cdf(radius**2, d):7.1%} " for d in (1, 2, 3, 10)),
        f"{share:13.2%}",
    )
expected = chi2.cdf(radii**2, 2)
assert np.allclose(expected, 1 - np.exp(-(radii**2) / 2))
assert np.all(
    np.abs(observed - expected) < 5 * np.sqrt(expected * (1 - expected) / len(sample))
)

# %%
# A radius in standard deviations therefore says little unless the dimension is known. The displays label each ellipse
# with the probability inside it. The next figure shows the ellipses of one, two and three standard deviations. Their
# labels are rounded.

display = MixtureDisplay.from_estimator(
    gaussian, rows, masses=expected.round(3), density=False
)
display.ax_.set_aspect("equal")
plt.show()

# %%
# Conversely, the ellipse that contains the probability :math:`p` has the squared radius :math:`\chi^2_{d, p}`, the
# quantile of the chi-square distribution. Its semi-axes are :math:`\sqrt{\lambda_i \, \chi^2_{d, p}}`.

for probability in (0.5, 0.95, 0.99):
    radius = np.sqrt(chi2.ppf(probability, 2))
    long, short = radius * np.sqrt(eigenvalues)
    inside = np.mean(mahalanobis(sample) < radius)
    print(
        f"{probability:.0%}: radius {radius:.3f}, semi-axes {long:.3f} and {short:.3f}; "
        f"observed {inside:.2%}"
    )

# %%
# Whitening
# ---------
#
# The points A and B have the same Euclidean distance from the mean. A lies on the long axis, B on the short axis.
# Whitening rotates the rows onto the principal axes and divides by the standard deviations. After whitening, the
# ellipses are circles, and the Euclidean distance equals the Mahalanobis distance.

points = mean + 3 * eigenvectors.T
whiten = eigenvectors / np.sqrt(eigenvalues)
assert np.allclose(np.linalg.norm((points - mean) @ whiten, axis=1), mahalanobis(points))

figure, panels = plt.subplots(1, 2, figsize=(8.4, 4.4), layout="constrained")
for axes, transform, center, title in (
    (panels[0], np.eye(2), np.zeros(2), "Original rows"),
    (panels[1], whiten, mean, "Whitened rows"),
):
    quiet_axes(axes)
    axes.plot(*((rows - center) @ transform).T, ".", color="0.7", markersize=3)
    for radius in radii:
        axes.plot(
            *((ellipse(mean, covariance, radius) - center) @ transform).T,
            color="0.4",
            linewidth=1,
        )
    for name, point, color in zip("AB", points, PALETTE[::3], strict=False):
        segment = (np.array([mean, point]) - center) @ transform
        axes.plot(*segment.T, "-o", color=color, linewidth=2, markersize=5)
        axes.annotate(
            name,
            segment[1],
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
        f"{name}: Euclidean distance {np.linalg.norm(point - mean):.2f}, "
        f"Mahalanobis distance {mahalanobis(point[None])[0]:.2f}, "
        f"rows farther out {np.mean(mahalanobis(sample) > mahalanobis(point[None])):.2%}"
    )

# %%
# Under the Gaussian, A is an ordinary row and B is a rare one, although their Euclidean distances are the same. A
# mixture computes the Mahalanobis distance of each row from every component, with the covariance of that component.
