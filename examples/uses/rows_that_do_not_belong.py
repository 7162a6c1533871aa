"""
Rows that do not belong
=======================

The same three groups in three tables: with rows from nowhere, with heavy tails, and with wrong readings. Four models
are fitted to each: a plain mixture, one with a noise component, a mixture of t distributions, and a trimmed one.
:doc:`/robust-mixtures` says when each one is right.
"""

# %%
# The tables
# ----------

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import adjusted_rand_score

from gaussmix import GaussianMixture, Mixture, StudentMixture
from gaussmix.plots import MixtureDisplay

rng = np.random.default_rng(1)
truth = Mixture.from_parameters(
    [0.5, 0.3, 0.2],
    [[0, 0], [5, 1], [2, 5]],
    [np.eye(2), [[1, 0.7], [0.7, 1]], [[1.5, -0.5], [-0.5, 0.6]]],
)
rows, groups = truth.sample(300, rng)
noise = rng.uniform(rows.min(axis=0) - 3, rows.max(axis=0) + 3, (60, 2))
stretch = np.sqrt(3 / rng.chisquare(3, 300))[:, None]
wrong = rows.copy()
wrong[rng.choice(300, 10, replace=False)] *= 100
tables = {
    "noise": np.concatenate([rows, noise]),
    "heavy tails": truth.means[groups] + stretch * (rows - truth.means[groups]),
    "wrong readings": wrong,
}

# %%
# Twelve fits
# -----------
#
# Each panel shows the part of the plane where the groups are. Its number is the adjusted Rand index of the rows of the
# groups. Gray rows were left out, as noise or by trimming. The ellipses of t distributions hold the same share of a
# component as those of normal ones.

models = {
    "plain": GaussianMixture(3, random_state=0),
    "noise component": GaussianMixture(3, noise="uniform", random_state=0),
    "t mixture": StudentMixture(3, random_state=0),
    "trimmed": GaussianMixture(3, trim=0.1, random_state=0),
}
figure, panels = plt.subplots(
    3, 4, figsize=(12, 9), layout="constrained", sharex=True, sharey=True
)
for line, (title, table) in zip(panels, tables.items(), strict=True):
    for axes, (name, model) in zip(line, models.items(), strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # components at a few wrong readings
            model.fit(table)
        labels = model.predict(table)
        index = adjusted_rand_score(groups, labels[:300])
        MixtureDisplay.from_estimator(model, table, ax=axes)
        axes.set(xlim=(-6, 11), ylim=(-6, 11))
        axes.set_title(f"{title}: {name}, {index:.2f}", loc="left", fontsize=10)
plt.show()

# %%
# Tails
# -----
#
# The degrees of freedom say how heavy the tails are. In the second table they were 3 for all groups; with so few rows
# the estimates vary.

heavy = models["t mixture"].fit(tables["heavy tails"])
print(heavy.degrees_of_freedom_.round(1))
shared = StudentMixture(3, degrees_of_freedom="shared", random_state=0)
print(shared.fit(tables["heavy tails"]).degrees_of_freedom_.round(1))
