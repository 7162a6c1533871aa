"""
A table with holes
==================

Two measurements of three kinds of plants; a third of the values is missing. This page compares four ways to fit a
mixture: complete rows only, holes filled with column means, holes filled by regression, and the likelihood of what was
observed. :doc:`/missing-values` explains the method.
"""

# %%
# The table
# ---------
#
# The second value is missing more often where the first one is large: it is missing at random, because the first value
# explains it. Complete rows are then not a fair sample.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, SimpleImputer

from gaussmix import GaussianMixture, Mixture
from gaussmix.plots import MixtureDisplay
from gaussmix.plots.drawing import quiet_axes

truth = Mixture.from_parameters(
    [0.4, 0.35, 0.25],
    [[0.0, 0.0], [4.0, 0.5], [2.5, 4.0]],
    [
        [[1.0, 0.8], [0.8, 1.0]],
        [[1.0, -0.7], [-0.7, 1.0]],
        [[0.6, 0.4], [0.4, 0.6]],
    ],
)
complete, _ = truth.sample(500, 3)
fresh, _ = truth.sample(20_000, 5)
rng = np.random.default_rng(4)
rows = complete.copy()
rows[rng.random(500) < 0.8 / (1 + np.exp(2 - complete[:, 0])), 1] = np.nan
rows[(rng.random(500) < 0.2) & ~np.isnan(rows[:, 1]), 0] = np.nan
print(f"{np.isnan(rows).mean():.0%} of the values are missing")

# %%
# Four fits
# ---------
#
# Each panel has the rows that the fit got, and the ellipses of its components. The number is the loss: how much lower
# the log density of new rows is than under the true mixture. A tick on the margin is a row without the other value.
# The fit to column means warns that many rows have equal values.

tables = {
    "complete rows only": rows[~np.isnan(rows).any(axis=1)],
    "column means": SimpleImputer().fit_transform(rows),
    "IterativeImputer": IterativeImputer(max_iter=50, random_state=0).fit_transform(rows),
    "rows with holes": rows,
}
figure, panels = plt.subplots(
    1, 4, figsize=(12, 3.6), layout="constrained", sharex=True, sharey=True
)
losses = {}
for axes, (name, table) in zip(panels, tables.items(), strict=True):
    with warnings.catch_warnings():
        if name == "column means":
            warnings.simplefilter("ignore")
        fit = GaussianMixture(3, random_state=0).fit(table)
    losses[name] = np.mean(truth.log_density(fresh) - fit.mixture_.log_density(fresh))
    MixtureDisplay.from_estimator(fit, table, ax=axes)
    axes.set_title(f"{name}: {losses[name]:.2f}", loc="left", fontsize=11)
plt.show()

for name, loss in losses.items():
    print(f"{name:20s} loss {loss:.3f} nats per new row")
assert min(losses, key=losses.get) == "rows with holes"

# %%
# Filling in
# ----------
#
# A conditional mean is the best guess of a single value. Draws look like data: their spread is right. The lines join
# the first twenty rows without a second value to their true values.

fit = GaussianMixture(3, random_state=0).fit(rows)
filled = {
    "conditional means": fit.impute(rows),
    "draws": fit.impute(rows, "draw", random_state=1),
}
hole = np.isnan(rows).any(axis=1)
figure, panels = plt.subplots(
    1, 2, figsize=(9, 4), layout="constrained", sharex=True, sharey=True
)
for axes, (name, table) in zip(panels, filled.items(), strict=True):
    quiet_axes(axes)
    axes.plot(*complete[~hole].T, ".", color="#c8ccd0", markersize=4)
    axes.plot(*table[hole].T, ".", color="#d1495b", markersize=4)
    some = np.flatnonzero(np.isnan(rows[:, 1]))[:20]
    axes.plot(
        *np.stack([table[some], complete[some]]).transpose(2, 0, 1),
        color="#1a1a1a",
        linewidth=0.5,
    )
    axes.set_title(name, loc="left", fontsize=11)
    axes.set_aspect("equal")
    print(
        f"{name}: variance of the second column {table[:, 1].var():.2f}, true {complete[:, 1].var():.2f}"
    )
plt.show()
