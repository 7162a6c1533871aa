"""
Regression with several answers
===============================

The same measurement may have several causes. A regression that predicts the mean then predicts a value that never
occurs. A mixture predicts the whole distribution of the target: here, where the causes are and how probable each of
them is.
"""

# %%
# An inverse problem
# ------------------
#
# The forward relation is a function: a cause :math:`y` leads to a measurement :math:`x = y + 0.3 \sin(2 \pi y)`, with
# noise. Its inverse is not: in the middle, one measurement has three possible causes (Bishop 2006, section 5.6).

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestRegressor

from gaussmix import GaussianMixtureRegressor
from gaussmix.plots.drawing import PALETTE, quiet_axes


def draw(n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return measurements (n, 1) and causes (n,)."""
    rng = np.random.default_rng(seed)
    causes = rng.uniform(0, 1, n_rows)
    noise = 0.05 * rng.standard_normal(n_rows)
    return (causes + 0.3 * np.sin(2 * np.pi * causes) + noise)[:, None], causes


x, y = draw(1000, seed=0)
new, causes = draw(4000, seed=1)
model = GaussianMixtureRegressor(random_state=0).fit(x, y)
print(f"{model.n_components_} components, covariance type {model.covariance_type_}")

# %%
# The distribution of the cause
# -----------------------------
#
# The left panel is the density of :math:`y` for each :math:`x`. The dashed line is the expected value. The right panel
# is the density for one measurement, whose expected value lies between the branches.

at = 0.62
grid = np.linspace(-0.1, 1.1, 300)
columns = np.linspace(0, 1, 200)
density = np.exp(
    model.log_density(np.repeat(columns, len(grid))[:, None], np.tile(grid, len(columns)))
).reshape(len(columns), len(grid))
slice_ = np.exp(model.log_density(np.full((len(grid), 1), at), grid))
middle = model.predict([[at]])[0]

figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 4.2), layout="constrained", sharey=True, width_ratios=[2, 1]
)
inks = quiet_axes(left)
left.imshow(
    density.T,
    origin="lower",
    extent=(columns[0], columns[-1], grid[0], grid[-1]),
    aspect="auto",
    cmap="Blues",
    vmax=np.quantile(density, 0.96),
)
left.scatter(x[:, 0], y, s=3, color=inks.ink, alpha=0.4, linewidths=0)
left.plot(columns, model.predict(columns[:, None]), color=PALETTE[1], linestyle="--")
left.axvline(at, color=inks.quiet, linewidth=1)
left.set(xlim=(0, 1), ylim=(grid[0], grid[-1]), xlabel="measurement x", ylabel="cause y")
left.set_title("density of y given x", loc="left", fontsize=11)
quiet_axes(right)
right.fill_betweenx(grid, slice_, color=PALETTE[0], alpha=0.4, linewidth=0)
right.plot(slice_, grid, color=PALETTE[0])
right.axhline(middle, color=PALETTE[1], linestyle="--")
right.set(xlabel="density")
right.set_title(f"x = {at}", loc="left", fontsize=11)
plt.show()

peaks = grid[1:-1][(slice_[1:-1] > slice_[:-2]) & (slice_[1:-1] > slice_[2:])]
print(f"expected value {middle:.2f}; most probable values {peaks.round(2)}")
assert len(peaks) >= 2

# %%
# New rows
# --------
#
# The expected values are as close to the causes as those of a random forest; no regression can do better where the
# answer is not unique. The intervals contain the share of new causes that they state, and draws from the distribution
# look like the causes.

forest = RandomForestRegressor(min_samples_leaf=20, random_state=0).fit(x, y)
for name, mean in (("mixture", model.predict(new)), ("forest", forest.predict(new))):
    print(f"root mean square error, {name:<8} {np.sqrt(np.mean((mean - causes) ** 2)):.3f}")
for coverage in (0.5, 0.9, 0.95):
    low, high = model.predict_interval(new, coverage).T
    share = np.mean((low <= causes) & (causes <= high))
    print(f"{coverage:.0%} interval contains {share:.1%} of the causes")
    assert abs(share - coverage) < 0.05
drawn = model.sample_y(new, random_state=0)[:, 0]
quartiles = [np.quantile(each, [0.25, 0.5, 0.75]).round(2) for each in (causes, drawn)]
print(f"quartiles of the causes {quartiles[0]}, of draws {quartiles[1]}")
