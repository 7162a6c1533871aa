"""
Soft decisions: 60 % and 40 %
=============================

A mixture does not only say which component a row belongs to. It says how sure that is. This page looks for a row that
is 60 % of one component and 40 % of the other, asks what that means, and shows what is lost when such shares are
rounded to labels.
"""

# %%
# Find the row
# ------------
#
# Two components overlap. On the way from the mean of the first to that of the second, the responsibility of the first
# falls from almost one to far below one half, so somewhere it is 0.6. A root finder finds the place.

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


def on_the_line(t: float | np.ndarray) -> np.ndarray:
    """Rows on the way from the first mean to the second."""
    return first + np.reshape(t, (-1, 1)) * (second - first)


at = brentq(lambda t: gm.predict_proba(on_the_line(t))[0, 0] - 0.6, 0, 1, xtol=1e-14)
row = on_the_line(at)
shares = gm.predict_proba(row)[0]
assert np.allclose(shares, [0.6, 0.4], rtol=0, atol=1e-10)
print(f"the row ({row[0, 0]:.3f}, {row[0, 1]:.3f}): {shares[0]:.1%} and {shares[1]:.1%}")

# %%
# Bayes' rule by hand (Bishop 2006, equation 9.13): weight times density, for each component, and then as shares.

joint = [
    w * multivariate_normal.pdf(row[0], m, c)
    for w, m, c in zip(gm.weights_, gm.means_, gm.covariances_, strict=True)
]
print(
    "weight x density:",
    *(f"{value:.5f}" for value in joint),
    "  as shares:",
    *(f"{v / sum(joint):.3f}" for v in joint),
)
assert np.allclose(joint / np.sum(joint), shares, rtol=0, atol=1e-10)

# %%
# The row is the star. All rows on the thin line are 60 % and 40 %, those on the dashed line 50 % and 50 %. On the right
# the way from mean to mean.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
display = MixtureDisplay.from_estimator(gm, X, ax=left, density=False, axes=False)
plane = np.stack(np.meshgrid(display.x, display.y), axis=-1)
surface = gm.predict_proba(plane.reshape(-1, 2))[:, 0].reshape(plane.shape[:2])
left.contour(display.x, display.y, surface, levels=[0.6], colors="black", linewidths=0.8)
left.plot(*row[0], "*", markersize=15, color="black", markeredgecolor="white", zorder=7)

quiet_axes(right)
way = np.linspace(0, 1, 200)
for number, name, place in ((0, "the first", 0.16), (1, "the second", 0.84)):
    curve = gm.predict_proba(on_the_line(way))[:, number]
    right.plot(way, curve, "-" if number == 0 else "--", color=PALETTE[number])
    right.text(place, 0.93, name, color=PALETTE[number], ha="center")
right.vlines(at, 0, 1, color="black", linewidth=0.8)
right.plot([at, at], shares, "*", markersize=13, color="black", markeredgecolor="white")
right.set(
    xlabel="the way from the first mean to the second", ylabel="responsibility", ylim=(0, 1)
)
plt.show()

# %%
# What 60 % means
# ---------------
#
# Of all rows to which the true mixture gives 60 %, six in ten do come from that component. A sample of known origin
# shows it: rows are sorted by what they are given, and counted.

many, origin = truth.sample(500_000, random_state=1)
given = truth.responsibilities(many)[:, 0]
print("given     rows   from the first component")
for share in (0.1, 0.3, 0.5, 0.6, 0.8, 0.95):
    near = np.abs(given - share) < 0.01
    found = np.mean(origin[near] == 0)
    error = np.sqrt(share * (1 - share) / near.sum())
    print(f"{share:5.0%} {near.sum():8d}   {found:6.1%} ± {error:.1%}")
    assert abs(found - share) < 4 * error + 0.002

# %%
# So the true mixture knows how many labels will be wrong, before anybody has seen one of them: each row's label is
# wrong with a probability of one minus its largest responsibility, the row's uncertainty. A fitted mixture knows it
# only as well as it has found the truth. The fit to few rows above takes its components to overlap more than they do.

expected = np.mean(1 - truth.responsibilities(many).max(axis=1))
wrong = np.mean(truth.labels(many) != origin)
print(f"labels that are expected to be wrong: {expected:.2%}, that are: {wrong:.2%}")
assert abs(expected - wrong) < 0.002
print(f"the same for the {len(X)} rows:     expected       are")
expected_of = {}
for name, mixture in {"the true mixture": truth, "the fitted mixture": gm.mixture_}.items():
    expected_of[name] = np.mean(1 - mixture.responsibilities(X).max(axis=1))
    print(
        f"{name:27s} {expected_of[name]:10.2%} {np.mean(mixture.labels(X) != component):10.2%}"
    )
assert expected_of["the fitted mixture"] > expected_of["the true mixture"]

# %%
# Where are the doubtful rows? The larger a point, the less sure its label; the darker the plane, the less sure a label
# would be there.

UncertaintyDisplay.from_estimator(gm, X)
plt.show()

# %%
# In the next picture each of the 600 rows is a line, divided into its shares; bars below it mark the doubtful rows.

ResponsibilityDisplay.from_estimator(gm, X)
plt.show()

# %%
# Counting shares, counting labels
# --------------------------------
#
# A weight is the mean responsibility. Labels give a row with 60 % to the first component whole, and its 40 % to nobody.
# In this table three sizes of sample are counted in both ways, with the true mixture: shares are right on average, and
# labels are wrong by an amount that no number of rows makes smaller.

assert np.allclose(gm.weights_, gm.predict_proba(X).mean(axis=0), rtol=0, atol=1e-5)
print("   rows   truth   shares   labels")
for n in (5_000, 50_000, 500_000):
    soft, hard = given[:n].mean(), np.mean(given[:n] > 0.5)
    print(f"{n:7d} {truth.weights[0]:7.3f} {soft:8.3f} {hard:8.3f}")
assert abs(soft - 0.6) < 0.003 < abs(hard - 0.6)

# %%
# Rounding moves the means apart
# ------------------------------
#
# Labels cut the overlap in two. Each component loses the rows beyond the cut, and gets those of the other on its own
# side, so the means of labeled rows are farther apart than the truth. For two components of equal weight and variance
# one, at :math:`-a` and :math:`a`, the mean of the rows labeled as the right one is that of :math:`|x|`, a folded
# normal distribution:
#
# .. math::
#
#    a' = a \, (2 \Phi(a) - 1) + 2 \varphi(a) > a

halves = np.linspace(0, 2.6, 100)
by_labels = halves * (2 * norm.cdf(halves) - 1) + 2 * norm.pdf(halves)
checked = np.arange(0.5, 2.6, 0.5)
found = []
for a in checked:
    pair = Mixture.from_parameters(
        [0.5, 0.5], [[-a], [a]], [1.0, 1.0], covariance_type="spherical"
    )
    rows, _ = pair.sample(200_000, random_state=2)
    r, labels = pair.responsibilities(rows)[:, 1], pair.labels(rows)
    found.append(
        (
            rows[labels == 1].mean() - rows[labels == 0].mean(),
            2 * (r @ rows[:, 0]) / r.sum(),
        )
    )
found = np.array(found)
formula = 2 * (checked * (2 * norm.cdf(checked) - 1) + 2 * norm.pdf(checked))
assert np.allclose(found[:, 0], formula, rtol=0, atol=0.02)
assert np.allclose(found[:, 1], 2 * checked, rtol=0, atol=0.04)

figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
quiet_axes(axes)
axes.plot(2 * halves, 2 * by_labels, "--", color=PALETTE[3])
axes.plot(2 * halves, 2 * halves, color=PALETTE[0])
axes.plot(2 * checked, found[:, 0], "s", color=PALETTE[3])
axes.plot(2 * checked, found[:, 1], "o", color=PALETTE[0])
axes.text(0.75, 1.95, "by labels", color=PALETTE[3])
axes.text(2.2, 1.8, "by shares", color=PALETTE[0])
axes.set(
    xlabel="distance of the true means, standard deviations",
    ylabel="distance of the means found",
    xlim=(0, 5.2),
    ylim=(0, 5.2),
)
plt.show()

# %%
# Lines are the formula, points are samples. Means by labels never come nearer than the folded normal distribution at
# zero, even for two components that are one:

print(f"least distance by labels: {4 * norm.pdf(0):.3f} standard deviations")
for a, (hard, soft) in zip(checked, found, strict=True):
    print(f"true distance {2 * a:.0f}: by labels {hard:.3f}, by shares {soft:.3f}")

# %%
# k-means rounds in every pass (:doc:`kmeans_limit`). Where a label is needed in the end, take it in the
# end: compute with shares for as long as possible, and let the costs of an error decide, for 60 % is enough to choose a
# color and not enough to choose a treatment.
