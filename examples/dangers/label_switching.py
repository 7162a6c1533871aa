"""
The identity crisis
===================

The components of a mixture have no names. Component 0 of one fit can be component 2 of the next, and both models are
the same. Whoever averages, compares or tracks components over several fits has to say first which is which.
"""

# %%
# The same model six times
# ------------------------
#
# Nothing in the likelihood tells components apart: with :math:`k` of them, :math:`k!` orders of the same numbers give
# every row the same density (Bishop 2006, section 9.2.1). When the order changes from fit to fit, that is called *label
# switching* (Redner and Walker 1984). Here are three components of the petals of irises.

import math
from itertools import permutations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris

from gaussmix import GaussianMixture, align, bootstrap, match_components, order_components
from gaussmix.plots.drawing import PALETTE, quiet_axes

flowers = load_iris()
X, names = (
    flowers.data[:, 2:],
    [name.removesuffix(" (cm)") for name in flowers.feature_names[2:]],
)
gm = GaussianMixture(3, covariance_type="tied", random_state=0).fit(X)
reference = gm.mixture_
orders = list(permutations(range(3)))
for order in orders:
    assert np.allclose(
        reference.reordered(order).log_density(X),
        reference.log_density(X),
        rtol=0,
        atol=1e-12,
    )
assert len(orders) == math.factorial(3)
print(
    f"{len(orders)} orders, one log-likelihood: {reference.log_density(X).sum():.3f} nats"
)
for component, (weight, mean) in enumerate(
    zip(reference.weights, reference.means, strict=True)
):
    print(
        f"component {component}: weight {weight:.3f}, "
        + ", ".join(map("{} {:.2f}".format, names, mean))
    )

# %%
# Two hundred fits
# ----------------
#
# A bootstrap draws as many rows as there are, with replacement, and fits again (Efron and Tibshirani 1993). How much
# the fits differ says how sure the first one is. A fit of ``gaussmix`` numbers its components by weight, the heaviest
# first. These three weigh almost the same, so it takes little to change the order.

rng = np.random.default_rng(1)
resampled = [X[rng.integers(0, len(X), len(X))] for _ in range(200)]
fits = [
    GaussianMixture(3, covariance_type="tied", random_state=0).fit(rows).mixture_
    for rows in resampled
]
matchings = [match_components(mixture, reference) for mixture in fits]
changed = np.array([not np.array_equal(matching.order, range(3)) for matching in matchings])
print(f"draws in which some number has changed its owner: {changed.sum()} of {len(fits)}")
owners = np.array(
    [
        [np.sum([m.order[old] == new for m in matchings]) for old in range(3)]
        for new in range(3)
    ]
)
print("\nnumber in a draw   is component 0, 1, 2 of the fit")
for number, line in enumerate(owners):
    print(f"{number:16d}   " + "".join(f"{count:6d}" for count in line))
assert (owners.sum(axis=0) == len(fits)).all()

# %%
# Who is who
# ----------
#
# :func:`gaussmix.align` puts the components of a mixture in the order of a reference. It chooses the pairs so that the
# sum of their divergences is least (the Hungarian method, Kuhn 1955). Below are the mean petal lengths of the first
# 60 fits, from left to right. The color is the component's number: on top the one that it came with, at the bottom the
# one that alignment gave it.

before = np.array([mixture.means for mixture in fits])  # draws, components, features
after = np.array([align(mixture, reference).means for mixture in fits])
figure, places = plt.subplots(2, 1, figsize=(9, 5), layout="constrained", sharex=True)
for axes, means, name in zip(
    places, (before, after), ("as they come", "aligned"), strict=True
):
    quiet_axes(axes)
    for component, marker in enumerate("o^s"):
        axes.plot(means[:60, component, 0], marker, color=PALETTE[component], markersize=5)
        axes.annotate(
            str(component), (1, means[59, component, 0]),
            xycoords=("axes fraction", "data"), va="center",
            color=PALETTE[component], fontweight="bold",
        )  # fmt: skip
    axes.set_title(name, loc="left", fontsize=11)
    axes.set_ylabel(names[0])
places[1].set_xlabel("draw")
plt.show()

# %%
# The same means in the plane, of all draws, over the flowers. Each cloud on the right belongs to one component; on the
# left three share it. There is something that alignment does not mend: component 2 has two clouds. Some draws lead to
# another maximum of the likelihood, and no order of the names makes one out of two.

figure, places = plt.subplots(
    1, 2, figsize=(9, 4.2), layout="constrained", sharex=True, sharey=True
)
shuffled = rng.permutation(3 * len(fits))
for axes, means, name in zip(
    places, (before, after), ("as they come", "aligned"), strict=True
):
    inks = quiet_axes(axes)
    axes.scatter(*X.T, s=8, color=inks.line, linewidths=0)
    colors = np.tile(PALETTE[:3], len(fits))
    axes.scatter(
        *means.reshape(-1, 2)[shuffled].T,
        s=26,
        c="none",
        edgecolors=colors[shuffled],
        linewidths=1,
    )
    axes.set_xlabel(names[0])
    axes.set_title(name, loc="left", fontsize=11)
places[0].set_ylabel(names[1])
for component, shift in enumerate([(-18, 10), (28, -4), (-34, 24)]):
    places[1].annotate(
        str(component), reference.means[component],
        xytext=shift, textcoords="offset points", ha="right",
        color=PALETTE[component], fontweight="bold", fontsize=12,
    )  # fmt: skip
plt.show()
print(f"draws with component 2 beyond 6 cm: {np.sum(after[:, 2, 0] > 6)} of {len(fits)}")

# %%
# What the crisis costs
# ---------------------
#
# Before alignment, an average over the draws is an average of different things. The mean of component 1 lies in the gap
# between two clusters, where no flower is, and its standard error says how far apart the clusters are, not how sure a
# mean is. Matching is less sure the nearer the second-best one comes, so each has a margin.

print(f"{names[0]:20s} component 0   component 1   component 2")
for name, means in {"before": before, "after": after}.items():
    shown = zip(means.mean(axis=0)[:, 0], means.std(axis=0, ddof=1)[:, 0], strict=True)
    cells = [f"{mean:.2f} ± {error:.2f}" for mean, error in shown]
    print(f"{name:20s} " + "   ".join(cells))
assert (after.std(axis=0) < before.std(axis=0)).all()
lengths = np.sort(X[:, 0])
gap = lengths[[np.diff(lengths).argmax(), np.diff(lengths).argmax() + 1]]
print(f"no petals are between {gap[0]:.1f} and {gap[1]:.1f} cm long")
assert gap[0] < before.mean(axis=0)[1, 0] < gap[1]
margins = np.array([matching.margin for matching in matchings])
print(
    f"least margin of a matching: {margins.min():.1f} nats; "
    f"half of them have more than {np.median(margins):.1f}"
)

# %%
# Two more ways out
# -----------------
#
# A feature can give the order, where one separates the components. And :func:`gaussmix.bootstrap` does all of
# this: it resamples, fits and aligns. Each of its fits begins at the first one and stays near it, so its standard
# errors are those of one maximum, and leave out that another one may win.

by_length = [mixture.reordered(order_components(mixture, 0)).means for mixture in fits]
same = np.isclose(by_length, after[:, order_components(reference, 0)]).all(axis=(1, 2))
print(f"ordered by {names[0]}, the same as aligned: {same.sum()} of {len(fits)}")
near = bootstrap(gm, X, n_draws=200, random_state=0)
errors = near.standard_errors.means[:, 0]
print(f"standard errors of {names[0]} by bootstrap(): {errors.round(2)}")
assert (errors < after.std(axis=0, ddof=1)[:, 0]).all()
