"""
Label switching
===============

The components of a mixture have no natural order. Component 0 of one fit can correspond to component 2 of the next,
although both models are the same. Components must therefore be matched before they can be averaged, compared or
tracked over several fits.
"""

# %%
# One model with six orders
# -------------------------
#
# The likelihood does not depend on the order of the components. With :math:`k` components, all :math:`k!` orders give
# every row the same density (Bishop 2006, section 9.2.1). If the order changes from fit to fit, this is called *label
# switching* (Redner and Walker 1984). The example is a mixture of three components, fitted to the petal lengths and
# widths of irises.

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
# Two hundred bootstrap fits
# --------------------------
#
# A bootstrap draws as many rows as the data have, with replacement, and fits the model again (Efron and Tibshirani
# 1993). The variation between the fits measures the uncertainty of the original fit. ``gaussmix`` sorts the components
# of a fit by weight, the largest first. The three weights are almost equal here, so small changes of the data change
# the order.

rng = np.random.default_rng(1)
resampled = [X[rng.integers(0, len(X), len(X))] for _ in range(200)]
fits = [
    GaussianMixture(3, covariance_type="tied", random_state=0).fit(rows).mixture_
    for rows in resampled
]
matchings = [match_components(mixture, reference) for mixture in fits]
changed = np.array([not np.array_equal(matching.order, range(3)) for matching in matchings])
print(f"draws with a different order of the components: {changed.sum()} of {len(fits)}")
counts = np.array(
    [
        [np.sum([m.order[original] == drawn for m in matchings]) for original in range(3)]
        for drawn in range(3)
    ]
)
print("\ncomponent of a draw   matches component 0, 1, 2 of the original fit")
for component, row in enumerate(counts):
    print(f"{component:19d}   " + "".join(f"{count:6d}" for count in row))
assert (counts.sum(axis=0) == len(fits)).all()

# %%
# Aligning the components
# -----------------------
#
# :func:`gaussmix.align` puts the components of a mixture in the order of a reference. It minimizes the sum of the
# divergences between matched components (the Hungarian method, Kuhn 1955). The figure shows the mean petal lengths of
# the first 60 fits. The colors show the number of the component: before alignment in the upper panel, after alignment
# in the lower panel.

before = np.array([mixture.means for mixture in fits])  # draws, components, features
after = np.array([align(mixture, reference).means for mixture in fits])
figure, panels = plt.subplots(2, 1, figsize=(9, 5), layout="constrained", sharex=True)
for axes, means, name in zip(
    panels, (before, after), ("before alignment", "after alignment"), strict=True
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
panels[1].set_xlabel("draw")
plt.show()

# %%
# The next figure shows the means of all draws over the flowers. On the left, each cloud contains all three components.
# On the right, each cloud belongs to one component. Alignment does not solve every problem: component 2 has two clouds.
# Some draws lead to another local maximum of the likelihood, and no reordering changes that.

figure, panels = plt.subplots(
    1, 2, figsize=(9, 4.2), layout="constrained", sharex=True, sharey=True
)
shuffled = rng.permutation(3 * len(fits))
for axes, means, name in zip(
    panels, (before, after), ("before alignment", "after alignment"), strict=True
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
panels[0].set_ylabel(names[1])
for component, shift in enumerate([(-18, 10), (28, -4), (-34, 24)]):
    panels[1].annotate(
        str(component), reference.means[component],
        xytext=shift, textcoords="offset points", ha="right",
        color=PALETTE[component], fontweight="bold", fontsize=12,
    )  # fmt: skip
plt.show()
print(
    "draws in which the mean petal length of component 2 exceeds 6 cm: "
    f"{np.sum(after[:, 2, 0] > 6)} of {len(fits)}"
)

# %%
# Averages without alignment
# --------------------------
#
# Before alignment, an average over the draws mixes different components. The average of component 1 lies
# between two clusters, where there are hardly any flowers. Its standard error reflects the distance between the
# clusters, not the uncertainty of a mean.
#
# The margin of a matching is the difference between the best and the second-best matching. A small margin means that
# the matching is uncertain.

print(f"{names[0]:20s} component 0   component 1   component 2")
for name, means in {"before alignment": before, "after alignment": after}.items():
    shown = zip(means.mean(axis=0)[:, 0], means.std(axis=0, ddof=1)[:, 0], strict=True)
    cells = [f"{mean:.2f} ± {error:.2f}" for mean, error in shown]
    print(f"{name:20s} " + "   ".join(cells))
assert (after.std(axis=0) < before.std(axis=0)).all()
near = np.sum(np.abs(X[:, 0] - before.mean(axis=0)[1, 0]) < 0.25)
print(f"petals within 0.25 cm of the average of component 1: {near} of {len(X)}")
assert near < 5
margins = np.array([matching.margin for matching in matchings])
print(
    f"margins of the matchings: minimum {margins.min():.1f} nats, "
    f"median {np.median(margins):.1f} nats"
)

# %%
# Alternatives to alignment
# -------------------------
#
# If one feature separates the components, it can define their order. :func:`gaussmix.bootstrap` resamples, fits and
# aligns in one call. Each of its fits starts from the original fit and stays near it. Its standard errors therefore
# describe a single maximum. They do not include the possibility that another maximum is higher.

by_length = [mixture.reordered(order_components(mixture, 0)).means for mixture in fits]
same = np.isclose(by_length, after[:, order_components(reference, 0)]).all(axis=(1, 2))
print(
    f"draws in which the order by {names[0]} is the same as after alignment: "
    f"{same.sum()} of {len(fits)}"
)
bootstrapped = bootstrap(gm, X, n_draws=200, random_state=0)
errors = bootstrapped.standard_errors.means[:, 0]
print(f"standard errors of {names[0]} by bootstrap(): {errors.round(2)}")
assert (errors < after.std(axis=0, ddof=1)[:, 0]).all()
