"""
Rows with error bars
====================

Stars move in groups, and their velocities are measured with errors of different size. The mixture of the true
velocities is sharper than that of the measured ones. :doc:`/measurement-errors` explains the method.
"""

# %%
# Three groups behind errors
# --------------------------
#
# Half of the stars are measured well, half of them badly.

import matplotlib.pyplot as plt
import numpy as np

from gaussmix import GaussianMixture, Mixture
from gaussmix.plots import MixtureDisplay
from gaussmix.plots.drawing import quiet_axes

truth = Mixture.from_parameters(
    [0.5, 0.3, 0.2],
    [[0.0, 0.0], [2.5, 1.5], [-1.5, 2.5]],
    [
        [[0.8, 0.5], [0.5, 0.6]],
        [[0.1, -0.05], [-0.05, 0.2]],
        [[0.15, 0.0], [0.0, 0.1]],
    ],
)
true_rows, groups = truth.sample(1500, 1)
rng = np.random.default_rng(2)
deviations = np.where(rng.random((1500, 1)) < 0.5, 0.1, 1.2) * rng.uniform(
    0.7, 1.3, (1500, 2)
)
rows = true_rows + deviations * rng.standard_normal(true_rows.shape)

plain = GaussianMixture(3, random_state=0).fit(rows)
gm = GaussianMixture(3, random_state=0).fit(rows, noise_covariance=deviations**2)

figure, panels = plt.subplots(
    1, 3, figsize=(12, 4.2), layout="constrained", sharex=True, sharey=True
)
shown = {
    "true rows": (truth, true_rows),
    "errors ignored": (plain, rows),
    "errors known": (gm, rows),
}
for axes, (title, (model, table)) in zip(panels, shown.items(), strict=True):
    MixtureDisplay.from_estimator(model, table, ax=axes)
    axes.set_title(title, loc="left", fontsize=11)
plt.show()

for title, (model, _) in shown.items():
    mixture = model if isinstance(model, Mixture) else model.mixture_
    print(
        f"{title:15s} log density of the true rows {mixture.log_density(true_rows).mean():.3f}"
    )

# %%
# The true rows
# -------------
#
# Given its error, each measured row has a distribution of true rows. Its mean is nearer to the truth than the measured
# row, above all for large errors.

means, covariances = gm.denoise(rows, deviations**2)
for name, table in (("measured", rows), ("mean of the true row", means)):
    error = np.sqrt(((table - true_rows) ** 2).mean(axis=1))
    large = deviations[:, 0] > 0.5
    print(
        f"{name:21s} error {error[~large].mean():.3f} (small error bars), {error[large].mean():.3f} (large)"
    )

figure, axes = plt.subplots(figsize=(6, 4.5), layout="constrained")
quiet_axes(axes)
some = np.flatnonzero(deviations[:, 0] > 0.5)[:60]
axes.plot(*true_rows.T, ".", color="#c8ccd0", markersize=3)
axes.plot(
    *np.stack([rows[some], means[some]]).transpose(2, 0, 1), color="#8b8f94", linewidth=0.6
)
axes.plot(*rows[some].T, "o", color="#8b8f94", markersize=3, label="measured")
axes.plot(*means[some].T, "o", color="#d1495b", markersize=4, label="mean of the true row")
axes.set_aspect("equal")
axes.legend(frameon=False)
plt.show()
assert ((means - true_rows) ** 2).mean() < 0.5 * ((rows - true_rows) ** 2).mean()
