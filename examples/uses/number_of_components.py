"""
The number of components from variational Bayes
===============================================

A Bayesian mixture starts with more components than necessary, and components that the rows do not need become empty.
This page shows what the evidence lower bound says about the number of components, what the concentration of the
weights does, and what the posterior distribution adds to a single mixture. :doc:`/bayes` explains the method.
"""

# %%
# Fifteen components for five groups
# ----------------------------------
#
# The rows come from five groups of different sizes and shapes. The fit may use up to fifteen components. It returns
# five; the others had no rows and were removed.

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from sklearn.mixture import BayesianGaussianMixture as TheirBayesianGaussianMixture

from gaussmix import BayesianGaussianMixture, GaussianMixture, GaussianMixtureIC, Mixture
from gaussmix.plots import MixtureDisplay
from gaussmix.plots.drawing import PALETTE, quiet_axes

LIMIT = 15
truth = Mixture.from_parameters(
    [0.3, 0.25, 0.2, 0.15, 0.1],
    [[0, 0], [6, 1], [2, 6], [-5, 5], [7, 7]],
    [
        [[1.5, 0.8], [0.8, 1.0]],
        [[0.6, -0.3], [-0.3, 1.2]],
        [[1.6, 0.0], [0.0, 0.4]],
        [[0.8, 0.5], [0.5, 1.4]],
        [[0.5, 0.0], [0.0, 0.5]],
    ],
)
X, X_test = truth.sample(600, 3)[0], truth.sample(20_000, 4)[0]

bgm = BayesianGaussianMixture(n_components=LIMIT, random_state=0).fit(X)
print(bgm.report(X))
assert len(bgm.weights_) == 5

MixtureDisplay.from_estimator(bgm, X)
plt.show()

# %%
# What the bound says
# -------------------
#
# The evidence lower bound can also be compared between fits with a fixed number of components. It is greatest for five.
# Beyond, it falls by little, because additional components stay empty. scikit-learn's number of the same name lacks the
# constants of the prior, so it cannot be compared between these fits: here it rises to the end. Half the negative BIC
# approximates the log evidence without a prior. The figure begins at four components.

sizes = range(1, 9)
weights = {
    "weight_concentration_prior_type": "dirichlet_distribution",
    "weight_concentration_prior": 0.001,
}
ours = [
    BayesianGaussianMixture(n_components=k, prune=False, random_state=0, **weights)
    .fit(X)
    .lower_bound_
    for k in sizes
]
theirs = [
    TheirBayesianGaussianMixture(
        n_components=k, n_init=5, max_iter=1000, random_state=0, **weights
    )
    .fit(X)
    .lower_bound_
    for k in sizes
]
search = GaussianMixtureIC(sizes, covariance_types="full", random_state=0).fit(X)
half_bic = -0.5 * search.results_.bic
print(" k   evidence lower bound   scikit-learn's number   -BIC / 2")
for k, *values in zip(sizes, ours, theirs, half_bic, strict=True):
    print(f"{k:2d} {values[0]:22.2f} {values[1]:23.2f} {values[2]:10.2f}")
assert 1 + int(np.argmax(ours)) == 5
assert (np.diff(theirs) > 0).all()

figure, panels = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained", sharex=True)
for axes, values, title, color in zip(
    panels,
    (ours, half_bic, theirs),
    ("evidence lower bound", "-BIC / 2", "scikit-learn's lower_bound_"),
    PALETTE[:3],
    strict=True,
):
    quiet_axes(axes)
    axes.plot(sizes[3:], values[3:], "-o", color=color, markersize=5)
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel("number of components")
panels[0].set_ylabel("nats")
plt.show()

# %%
# The concentration
# -----------------
#
# The concentration is the only number of the prior of the weights. Each column of the next figure is a fit with up to
# fifteen components, of which all are kept, and shows their expected weights. In a Dirichlet distribution, a large
# concentration favors equal weights, so that all components have rows. With stick-breaking weights, the concentration
# hardly matters here.

concentrations = np.geomspace(0.01, 100, 5)
kinds = {
    "dirichlet_process": "stick-breaking (Dirichlet process)",
    "dirichlet_distribution": "Dirichlet distribution",
}
figure, panels = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
print("number of components with one expected row or more, by concentration")
for axes, (kind, title) in zip(panels, kinds.items(), strict=True):
    quiet_axes(axes)
    occupied = []
    for column, concentration in enumerate(concentrations):
        fit = BayesianGaussianMixture(
            n_components=LIMIT,
            weight_concentration_prior_type=kind,
            weight_concentration_prior=concentration,
            prune=False,
            random_state=0,
        ).fit(X)
        bottom = 0.0
        for k, weight in enumerate(np.sort(fit.weights_)[::-1]):
            color = PALETTE[k] if k < 5 else "#c8ccd0"
            axes.bar(
                column, weight, bottom=bottom, color=color, edgecolor="white", width=0.8
            )
            bottom += weight
        occupied.append(int((fit.posterior_.counts >= 1).sum()))
    print(f"{title:36s}" + "".join(f"{number:4d}" for number in occupied))
    axes.set_xticks(range(len(concentrations)), [f"{c:g}" for c in concentrations])
    axes.set_xlabel("concentration")
    axes.set_title(title, loc="left", fontsize=11)
    assert occupied[:2] == [5, 5]
panels[0].set_ylabel("expected weights")
plt.show()

# %%
# The prior of the covariances
# ----------------------------
#
# By default, as in scikit-learn, the prior adds the covariance of all rows to the scatter of each component, and one
# row at the center (``mean_precision_prior``). Components with few rows become too large, or are not found. The second
# prior below expects groups with variances near one that lie far apart. Its bound is much greater. The figure shows 60
# rows, and ellipses at one standard deviation; those of the true mixture are gray. The smallest group has very few
# rows.

own = {
    "covariance_prior": 2 * np.eye(2),
    "mean_precision_prior": 0.02,
}  # 2 degrees of freedom
priors = {"default prior": {}, "own prior": own}


def draw_ellipses(
    axes: Axes, mixture: Mixture, colors: Sequence[str], **style: float
) -> None:
    """Draw the points one standard deviation from each mean."""
    angles = np.linspace(0, 2 * np.pi, 90)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    for k, (mean, covariance) in enumerate(
        zip(mixture.means, mixture.covariance.covariances, strict=True)
    ):
        points = mean[:, None] + np.linalg.cholesky(covariance) @ circle
        axes.plot(*points, color=colors[k % len(colors)], **style)


few = X[:60]
figure, panels = plt.subplots(
    1, 2, figsize=(9, 3.4), layout="constrained", sharex=True, sharey=True
)
bounds = {}
for axes, (title, numbers) in zip(panels, priors.items(), strict=True):
    quiet_axes(axes)
    fit = BayesianGaussianMixture(n_components=LIMIT, random_state=0, **numbers).fit(few)
    bounds[title] = fit.lower_bound_
    k = len(fit.weights_)
    print(f"{title}: {k} components, evidence at least {fit.lower_bound_:.1f} nats")
    axes.plot(*few.T, ".", color="#1a1a1a", markersize=4)
    draw_ellipses(axes, truth, ["#9aa0a6"], linewidth=2)
    draw_ellipses(axes, fit.mixture_, PALETTE, linewidth=1.5)
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_aspect("equal")
assert bounds["own prior"] > bounds["default prior"]
plt.show()

# %%
# Whole mixtures from the posterior
# ---------------------------------
#
# A posterior distribution is a distribution of mixtures. The figure shows the ellipses of 30 draws, for 60 rows and for
# 600. With more rows, the draws differ less, and credible intervals are narrower.

figure, panels = plt.subplots(
    1, 2, figsize=(9, 3.4), layout="constrained", sharex=True, sharey=True
)
widths = {}
for axes, n in zip(panels, (60, 600), strict=True):
    quiet_axes(axes)
    fit = BayesianGaussianMixture(n_components=LIMIT, random_state=0, **own).fit(X[:n])
    for mixture in fit.posterior_.sample(30, random_state=0):
        draw_ellipses(axes, mixture, PALETTE, linewidth=0.6, alpha=0.5)
    axes.set_title(f"{n} rows", loc="left", fontsize=11)
    axes.set_aspect("equal")
    widths[n] = np.ptp(fit.posterior_.intervals(0.95).means, axis=2).mean()
    print(
        f"{n:3d} rows: the 95 % intervals of the means are {widths[n]:.2f} wide on average"
    )
assert widths[600] < widths[60]
plt.show()

# %%
# The density of new rows
# -----------------------
#
# The predictive density averages over this distribution, so it takes the uncertainty of the parameters into account.
# The table has the mean log density of test rows, in nats per row. With few rows, the predictive density is best; with
# many, the three are nearly equal.

print(" rows   maximum likelihood   expected parameters   predictive   true mixture")
for n in (60, 120, 600):
    fit = BayesianGaussianMixture(n_components=LIMIT, random_state=0, **own).fit(X[:n])
    likely = GaussianMixture(len(fit.weights_), random_state=0).fit(X[:n])
    scores = [
        likely.score(X_test),
        fit.mixture_.log_density(X_test).mean(),
        fit.predictive_log_density(X_test).mean(),
        truth.log_density(X_test).mean(),
    ]
    print(f"{n:5d} {scores[0]:20.3f} {scores[1]:21.3f} {scores[2]:12.3f} {scores[3]:14.3f}")
    if n == 60:
        assert max(scores[:3]) == scores[2]
