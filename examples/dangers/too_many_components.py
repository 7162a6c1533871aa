"""
Too many components, too many parameters
========================================

A mixture can always be given one more component, and will always fit its rows at least as well with it. This page
counts what a model has to learn, shows what happens when that is too much for the rows, and how the Bayesian
information criterion (BIC) holds against it.
"""

# %%
# What there is to learn
# ----------------------
#
# :math:`k` components in :math:`d` features have :math:`k - 1` weights and :math:`k d` means. A free covariance
# (the model VVV, or "full") is a symmetric matrix, so that all of them together have
#
# .. math::
#
#    p = (k - 1) + k d + k \frac{d (d + 1)}{2}
#
# parameters. The last part grows with the square of :math:`d`. The other models share volumes, shapes or orientations
# among components, or leave out correlations, and grow more slowly (Celeux and Govaert 1995, table 1; the letters are
# explained in :doc:`/choosing`).

import matplotlib.pyplot as plt
import numpy as np

from gaussmix import GaussianMixtureIC, Mixture
from gaussmix.core.covariance import MODELS
from gaussmix.plots import CriterionDisplay
from gaussmix.plots.drawing import PALETTE, quiet_axes


def n_parameters(model: str, k: int, d: int) -> int:
    """Of a mixture of k components in d features."""
    return Mixture(
        np.full(k, 1 / k), np.zeros((k, d)), MODELS[model].identity(k, d)
    ).n_parameters


dimensions = [2, 5, 10, 20, 50, 100]
print(
    "parameters of three components in d features\nd    "
    + "".join(f"{d:8d}" for d in dimensions)
)
for model in MODELS:
    print(f"{model:5s}" + "".join(f"{n_parameters(model, 3, d):8d}" for d in dimensions))
assert all(
    n_parameters("VVV", 3, d) == 2 + 3 * d + 3 * d * (d + 1) // 2 for d in dimensions
)

figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
inks = quiet_axes(axes)
many = np.unique(np.geomspace(2, 100, 40).astype(int))
for model in MODELS:
    axes.loglog(
        many, [n_parameters(model, 3, d) for d in many], color=inks.line, linewidth=1
    )
for color, style, model in zip(
    PALETTE, ("-", "--", "-.", ":"), ("VVV", "EEE", "VVI", "EII"), strict=False
):
    counts = [n_parameters(model, 3, d) for d in many]
    axes.loglog(many, counts, linestyle=style, color=color)
    axes.annotate(
        model,
        (many[-1], counts[-1]),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        color=color,
    )
axes.set(xlabel="features", ylabel="parameters of three components")
plt.show()

# %%
# What more components do
# -----------------------
#
# The rows of this page come from three clusters with equal covariances. The first two features tell them apart; the
# others are noise. In five features, 300 rows are fitted with one to eight components of free covariances. The
# likelihood of these rows can only rise. What counts is the likelihood of rows that the fit has not seen; it falls
# again once components are spent on accidents.


def three_clusters(d: int) -> Mixture:
    """The mixture that makes the rows."""
    means = np.zeros((3, d))
    means[1, 0] = means[2, 1] = 4
    covariance = np.diag(np.linspace(0.5, 1.5, d))
    return Mixture.from_parameters(
        [0.4, 0.35, 0.25], means, covariance, covariance_type="tied"
    )


truth = three_clusters(5)
X, unseen = truth.sample(300, 1)[0], truth.sample(20_000, 2)[0]
search = GaussianMixtureIC(range(1, 9), covariance_types="VVV", random_state=0).fit(X)
table = search.results_
fitted = table.log_likelihood / len(X)
held_out = np.array(
    [
        search.cells_[table.key_of(line)].mixture.log_density(unseen).mean()
        for line in range(len(table))
    ]
)
best = search.best_n_components_
print("components   parameters   fitted rows   unseen rows   BIC above the lowest")
for line, k in enumerate(table.n_components):
    numbers = f"{fitted[line]:14.3f} {held_out[line]:13.3f} {table.difference[line]:22.1f}"
    print(f"{k:10d} {table.n_parameters[line]:12d}" + numbers)
assert (np.diff(fitted) > 0).all()
assert best == table.n_components[held_out.argmax()] == 3

figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
inks = quiet_axes(axes)
for values, style, color, name, shift in (
    (fitted, "-o", PALETTE[0], "rows that were fitted", 8),
    (held_out, "--s", PALETTE[3], "rows not seen", -16),
):
    axes.plot(table.n_components, values, style, color=color, markersize=5)
    axes.annotate(
        name,
        (8, values[-1]),
        xytext=(0, shift),
        textcoords="offset points",
        ha="right",
        color=color,
    )
axes.axhline(truth.log_density(unseen).mean(), color=inks.quiet, linewidth=0.8)
axes.annotate(
    "the truth, rows not seen", (8, truth.log_density(unseen).mean()),
    xytext=(0, -4), textcoords="offset points", ha="right", va="top", color=inks.quiet,
)  # fmt: skip
axes.axvline(best, color=inks.ink, linewidth=0.8, linestyle=":")
axes.annotate(
    "BIC's choice", (best, axes.get_ylim()[0]), xytext=(4, 4), textcoords="offset points"
)
axes.set(xlabel="components", ylabel="log-likelihood, nats per row")
plt.show()

# %%
# What BIC does
# -------------
#
# BIC asks of every parameter half a logarithm of the number of rows, in nats (Schwarz 1978):
#
# .. math::
#
#    \mathrm{BIC} = -2 \log L + p \log n
#
# It needs no rows set aside, and on the table above it chooses the number that is best for unseen rows. That is not
# always so: its charge is a high one, and where rows are few it can be higher than what a cluster brings. Here are the
# numbers that it chooses, and those that are best for unseen rows, in ten tables of each size.

print("rows    best for unseen rows (ten tables)    chosen by BIC")
chosen = {}
for n in (200, 300, 600):
    wanted, chosen[n] = [], []
    for seed in range(10):
        rows = truth.sample(n, seed)[0]
        search = GaussianMixtureIC(range(1, 6), covariance_types="VVV", random_state=0).fit(
            rows
        )
        cells = [search.cells_[search.results_.key_of(line)].mixture for line in range(5)]
        wanted.append(
            1 + int(np.argmax([cell.log_density(unseen).mean() for cell in cells]))
        )
        chosen[n].append(search.best_n_components_)
    print(f"{n:4d}    {' '.join(map(str, wanted)):37s}{' '.join(map(str, chosen[n]))}")
    assert max(chosen[n]) <= 3
assert set(chosen[600]) == {3}

# %%
# The curse
# ---------
#
# Now the same clusters with more features and no more rows. With free covariances alone to choose from, a component
# soon costs more than any cluster can pay: BIC gives up clusters that are there. Give it simpler models, and it keeps
# them.

models = ["EII", "EEI", "VVI", "EEE", "VVV"]
searches = {}
print("              VVV alone                      five models")
print(" d   parameters   chosen   unseen    parameters   chosen   unseen    truth")
for d in (2, 5, 10, 20):
    truth = three_clusters(d)
    X, unseen = truth.sample(300, 1)[0], truth.sample(20_000, 2)[0]
    searches[d] = GaussianMixtureIC(
        range(1, 6), covariance_types=models, random_state=0
    ).fit(X)
    alone = GaussianMixtureIC(range(1, 6), covariance_types="VVV", random_state=0).fit(X)
    line = f"{d:2d}"
    for search in (alone, searches[d]):
        name = search.results_.name_of(search.results_.best)
        line += f"{search.mixture_.n_parameters:13d} {name:>8s} {search.score(unseen):8.2f}"
    print(line + f" {truth.log_density(unseen).mean():8.2f}")
    assert searches[d].best_n_components_ == 3
    assert searches[d].score(unseen) >= alone.score(unseen)
    assert searches[d].best_covariance_type_ == "EEI"
assert alone.best_n_components_ == 1

# %%
# In twenty features the free covariances lie far above the others. Three components of the model that made the
# rows, one axis-parallel covariance for all (EEI), are the lowest.

CriterionDisplay.from_estimator(searches[20])
plt.show()
