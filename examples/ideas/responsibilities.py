"""
Responsibilities and hard labels
================================

A mixture computes the probability of each component for each row. These probabilities are called responsibilities.
This page constructs a row with responsibilities of 60 % and 40 %, explains what these numbers mean, and shows what is
lost when they are rounded to labels.
"""

# %%
# A row with 60 % and 40 %
# ------------------------
#
# Two components overlap. On the line from the first mean to the second, the responsibility of the first component falls
# from almost one to far below one half. Somewhere on the line it is 0.6. A root finder locates this point.

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm

from gaussmix import GaussianMixture, Mixture
from gaussmix.plots import MixtureDisplay, ResponsibilityDisplay, UncertaintyDisplay
from gaussmix.plots.drawing import PALETTE, quiet_axes

truth = Mixture.from_parameters(
    [0.6, 0.4], [[0, 0], [2.4, 1.2]], [[[1.4, 0.5], [0.5, 0.8]], [[0.6, -0.2], [-0.2, 0.5]]]
)
X, component = truth.sample(600, random_state=0)
gm = GaussianMixture(2, random_state=0).fit(X)
first, second = gm.means_


def between_means(t: float | np.ndarray) -> np.ndarray:
    """Return rows between the first mean (t = 0) and the second (t = 1)."""
    return first + np.reshape(t, (-1, 1)) * (second - first)


position = brentq(
    lambda t: gm.predict_proba(between_means(t))[0, 0] - 0.6, 0, 1, xtol=1e-14
)
row = between_means(position)
shares = gm.predict_proba(row)[0]
assert np.allclose(shares, [0.6, 0.4], rtol=0, atol=1e-10)
print(f"the row ({row[0, 0]:.3f}, {row[0, 1]:.3f}): {shares[0]:.1%} and {shares[1]:.1%}")

# %%
# The same result follows from Bayes' rule (Bishop 2006, equation 9.13): multiply weight and density of each component,
# and normalize the products.

joint = [
    w * multivariate_normal.pdf(row[0], m, c)
    for w, m, c in zip(gm.weights_, gm.means_, gm.covariances_, strict=True)
]
print(
    "weight x density:",
    *(f"{value:.5f}" for value in joint),
    "  normalized:",
    *(f"{v / sum(joint):.3f}" for v in joint),
)
assert np.allclose(joint / np.sum(joint), shares, rtol=0, atol=1e-10)

# %%
# The star marks the row. All rows on the thin line have responsibilities of 60 % and 40 %, all rows on the dashed line
# 50 % and 50 %. The right panel shows both responsibilities along the line between the means.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
display = MixtureDisplay.from_estimator(gm, X, ax=left, density=False, axes=False)
plane = np.stack(np.meshgrid(display.x, display.y), axis=-1)
surface = gm.predict_proba(plane.reshape(-1, 2))[:, 0].reshape(plane.shape[:2])
left.contour(display.x, display.y, surface, levels=[0.6], colors="black", linewidths=0.8)
left.plot(*row[0], "*", markersize=15, color="black", markeredgecolor="white", zorder=7)

quiet_axes(right)
positions = np.linspace(0, 1, 200)
for number, name, x in ((0, "first component", 0.2), (1, "second component", 0.8)):
    curve = gm.predict_proba(between_means(positions))[:, number]
    right.plot(positions, curve, "-" if number == 0 else "--", color=PALETTE[number])
    right.text(x, 1.02, name, color=PALETTE[number], ha="center")
right.vlines(position, 0, 1, color="black", linewidth=0.8)
right.plot(
    [position, position], shares, "*", markersize=13, color="black", markeredgecolor="white"
)
right.set(
    xlabel="position from the first mean to the second",
    ylabel="responsibility",
    ylim=(0, 1),
)
plt.show()

# %%
# The meaning of 60 %
# -------------------
#
# Of all rows to which the true mixture gives a responsibility of 60 %, six in ten come from that component. A large
# sample with known components confirms this. The table groups the rows by the responsibility of the first component and
# shows how many of each group come from it.

sample, true_component = truth.sample(500_000, random_state=1)
responsibility = truth.responsibilities(sample)[:, 0]
print("responsibility     rows   from the first component")
for value in (0.1, 0.3, 0.5, 0.6, 0.8, 0.95):
    near = np.abs(responsibility - value) < 0.01
    share = np.mean(true_component[near] == 0)
    error = np.sqrt(value * (1 - value) / near.sum())
    print(f"{value:14.0%} {near.sum():8d}   {share:6.1%} ± {error:.1%}")
    assert abs(share - value) < 4 * error + 0.002

# %%
# The number of wrong labels can therefore be predicted from the true mixture alone. The label of a row is wrong with a
# probability of one minus the largest responsibility, which is called the uncertainty of the row. The prediction of a
# fitted mixture is only as good as its approximation of the true mixture. In the fit to the small sample, the
# components overlap more than in the true mixture, so it predicts too many wrong labels.

expected = np.mean(1 - truth.responsibilities(sample).max(axis=1))
wrong = np.mean(truth.labels(sample) != true_component)
print(f"wrong labels in the large sample: expected {expected:.2%}, observed {wrong:.2%}")
assert abs(expected - wrong) < 0.002
print(f"wrong labels among {len(X)} rows   expected   observed")
expected_of = {}
for name, mixture in {"true mixture": truth, "fitted mixture": gm.mixture_}.items():
    expected_of[name] = np.mean(1 - mixture.responsibilities(X).max(axis=1))
    print(
        f"{name:27s} {expected_of[name]:10.2%} {np.mean(mixture.labels(X) != component):10.2%}"
    )
assert expected_of["fitted mixture"] > expected_of["true mixture"]

# %%
# The next figure shows the uncertainty. Larger points have less certain labels. In the darker parts of the plane,
# labels are less certain.

UncertaintyDisplay.from_estimator(gm, X)
plt.show()

# %%
# In the next figure, each of the 600 rows is a vertical line, divided into its responsibilities. The bars below mark
# the uncertain rows.

ResponsibilityDisplay.from_estimator(gm, X)
plt.show()

# %%
# Estimating the weights
# ----------------------
#
# The weight of a component is the mean of its responsibilities. With labels, a row with 60 % counts fully for the first
# component and not at all for the second. The table compares both estimates of the first weight for three sample sizes,
# using the true mixture. The mean responsibility is right on average. The share of labels has a bias that does not
# decrease with the number of rows.

assert np.allclose(gm.weights_, gm.predict_proba(X).mean(axis=0), rtol=0, atol=1e-5)
print("   rows    true   from responsibilities   from labels")
for n in (5_000, 50_000, 500_000):
    soft, hard = responsibility[:n].mean(), np.mean(responsibility[:n] > 0.5)
    print(f"{n:7d} {truth.weights[0]:7.3f} {soft:23.3f} {hard:13.3f}")
assert abs(soft - 0.6) < 0.003 < abs(hard - 0.6)

# %%
# Labels move the means apart
# ---------------------------
#
# Labels cut off the overlap. Each component loses its rows beyond the boundary and gains the rows of the other
# component on its own side. The means of the labeled rows are therefore farther apart than the true means. Consider two
# components with equal weights and unit variances, at :math:`-a` and :math:`a`. The mean of the rows labeled as the
# right component is the mean of :math:`|x|`, which has a folded normal distribution:
#
# .. math::
#
#    a' = a \, (2 \Phi(a) - 1) + 2 \varphi(a) > a

curve_a = np.linspace(0, 2.6, 100)
curve_labels = curve_a * (2 * norm.cdf(curve_a) - 1) + 2 * norm.pdf(curve_a)
sampled_a = np.arange(0.5, 2.6, 0.5)
estimates = []
for a in sampled_a:
    pair = Mixture.from_parameters(
        [0.5, 0.5], [[-a], [a]], [1.0, 1.0], covariance_type="spherical"
    )
    rows, _ = pair.sample(200_000, random_state=2)
    r, labels = pair.responsibilities(rows)[:, 1], pair.labels(rows)
    estimates.append(
        (
            rows[labels == 1].mean() - rows[labels == 0].mean(),
            2 * (r @ rows[:, 0]) / r.sum(),
        )
    )
estimates = np.array(estimates)
formula = 2 * (sampled_a * (2 * norm.cdf(sampled_a) - 1) + 2 * norm.pdf(sampled_a))
assert np.allclose(estimates[:, 0], formula, rtol=0, atol=0.02)
assert np.allclose(estimates[:, 1], 2 * sampled_a, rtol=0, atol=0.04)

figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
quiet_axes(axes)
axes.plot(2 * curve_a, 2 * curve_labels, "--", color=PALETTE[3])
axes.plot(2 * curve_a, 2 * curve_a, color=PALETTE[0])
axes.plot(2 * sampled_a, estimates[:, 0], "s", color=PALETTE[3])
axes.plot(2 * sampled_a, estimates[:, 1], "o", color=PALETTE[0])
axes.text(0.35, 1.95, "from labels", color=PALETTE[3])
axes.text(2.2, 1.8, "from responsibilities", color=PALETTE[0])
axes.set(
    xlabel="true distance of the means, standard deviations",
    ylabel="estimated distance",
    xlim=(0, 5.2),
    ylim=(0, 5.2),
)
plt.show()

# %%
# The lines show the formulas, the points show estimates from samples. The distance estimated from labels is never below
# its value at a true distance of zero, where both components are the same:

print(f"smallest distance from labels: {4 * norm.pdf(0):.3f} standard deviations")
for a, (hard, soft) in zip(sampled_a, estimates, strict=True):
    print(
        f"true distance {2 * a:.0f}: from labels {hard:.3f}, from responsibilities {soft:.3f}"
    )

# %%
# k-means uses labels in every iteration (:doc:`kmeans_limit`). If a label is needed, compute it at the end and use
# responsibilities until then. The choice of the label should take the cost of errors into account: a probability of
# 60 % is enough to choose a color, but not enough to choose a treatment.
