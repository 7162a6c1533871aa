"""
Too many components and parameters
==================================

An additional component never decreases the maximum likelihood of the rows that a mixture is fitted to. This page
counts the parameters of a mixture, gives an example of overfitting, and shows how the Bayesian information criterion
(BIC) prevents it.
"""

# %%
# The number of parameters
# ------------------------
#
# A mixture of :math:`k` components in :math:`d` features has :math:`k - 1` free weights and :math:`k d` parameters for
# the means. A free covariance (the model VVV, or "full") is a symmetric matrix. The total number of parameters is
#
# .. math::
#
#    p = (k - 1) + k d + k \frac{d (d + 1)}{2}
#
# The last term grows with the square of :math:`d`. The other models share volumes, shapes or orientations among
# components, or have no correlations. Their number of parameters grows more slowly (Celeux and Govaert 1995, table 1;
# :doc:`/choosing` explains the letters).

import matplotlib.pyplot as plt
import numpy as np

from gaussmix import GaussianMixtureIC, Mixture
from gaussmix.core.covariance import MODELS
from gaussmix.plots import CriterionDisplay
from gaussmix.plots.drawing import PALETTE, quiet_axes


def n_parameters(model: str, k: int, d: int) -> int:
    """Return the number of parameters of k components in d features."""
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
n_features = np.unique(np.geomspace(2, 100, 40).astype(int))
for model in MODELS:
    axes.loglog(
        n_features,
        [n_parameters(model, 3, d) for d in n_features],
        color=inks.line,
        linewidth=1,
    )
for color, style, model in zip(
    PALETTE, ("-", "--", "-.", ":"), ("VVV", "EEE", "VVI", "EII"), strict=False
):
    counts = [n_parameters(model, 3, d) for d in n_features]
    axes.loglog(n_features, counts, linestyle=style, color=color)
    axes.annotate(
        model,
        (n_features[-1], counts[-1]),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        color=color,
    )
axes.set(xlabel="number of features", ylabel="parameters of three components")
plt.show()

# %%
# Overfitting
# -----------
#
# The rows of this page come from three clusters with equal covariances. The first two features separate the clusters;
# the others are noise. Mixtures of one to eight components with free covariances are fitted to 300 rows with five
# features. The likelihood of the training rows can only increase with the number of components. The likelihood of test
# rows decreases as soon as the additional components fit random variation.


def three_clusters(d: int) -> Mixture:
    """Return the mixture that generates the rows."""
    means = np.zeros((3, d))
    means[1, 0] = means[2, 1] = 4
    covariance = np.diag(np.linspace(0.5, 1.5, d))
    return Mixture.from_parameters(
        [0.4, 0.35, 0.25], means, covariance, covariance_type="tied"
    )


truth = three_clusters(5)
X, X_test = truth.sample(300, 1)[0], truth.sample(20_000, 2)[0]
search = GaussianMixtureIC(range(1, 9), covariance_types="VVV", random_state=0).fit(X)
table = search.results_
training = table.log_likelihood / len(X)
test = np.array(
    [search.cells_[k, "VVV"].mixture.log_density(X_test).mean() for k in table.n_components]
)
best = search.best_n_components_
print("components   parameters   training rows   test rows   BIC above the lowest")
for line, k in enumerate(table.n_components):
    numbers = f"{training[line]:16.3f} {test[line]:11.3f} {table.difference[line]:22.1f}"
    print(f"{k:10d} {table.n_parameters[line]:12d}" + numbers)
assert (np.diff(training) > 0).all()
assert best == table.n_components[test.argmax()] == 3

figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
inks = quiet_axes(axes)
for values, style, color, name, shift in (
    (training, "-o", PALETTE[0], "training rows", 8),
    (test, "--s", PALETTE[3], "test rows", -16),
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
axes.axhline(truth.log_density(X_test).mean(), color=inks.quiet, linewidth=0.8)
axes.annotate(
    "true mixture, test rows", (8, truth.log_density(X_test).mean()),
    xytext=(0, -4), textcoords="offset points", ha="right", va="top", color=inks.quiet,
)  # fmt: skip
axes.axvline(best, color=inks.ink, linewidth=0.8, linestyle=":")
axes.annotate(
    "selected by BIC", (best, axes.get_ylim()[0]), xytext=(4, 4), textcoords="offset points"
)
axes.set(xlabel="number of components", ylabel="log-likelihood, nats per row")
plt.show()

# %%
# The penalty of BIC
# ------------------
#
# BIC adds a penalty to the log-likelihood for each of the :math:`p` parameters. The penalty depends on the number of
# rows :math:`n` (Schwarz 1978):
#
# .. math::
#
#    \mathrm{BIC} = -2 \log L + p \log n
#
# The model with the lowest BIC is selected. An additional parameter lowers BIC only if it increases the log-likelihood
# by more than half the logarithm of the number of rows.
#
# BIC needs no test rows. In the table above, it selects the number of components that is best for test rows. It does
# not always do so: the penalty is large, and with few rows it can exceed the gain from a real cluster. The next table
# compares the number selected by BIC with the best number for test rows, in ten data sets of each size.

print("rows    best for test rows (ten data sets)   selected by BIC")
selected = {}
for n in (200, 300, 600):
    best_for_test, selected[n] = [], []
    for seed in range(10):
        rows = truth.sample(n, seed)[0]
        search = GaussianMixtureIC(range(1, 6), covariance_types="VVV", random_state=0).fit(
            rows
        )
        cells = [search.cells_[k, "VVV"].mixture for k in range(1, 6)]
        best_for_test.append(
            1 + int(np.argmax([cell.log_density(X_test).mean() for cell in cells]))
        )
        selected[n].append(search.best_n_components_)
    print(
        f"{n:4d}    {' '.join(map(str, best_for_test)):37s}{' '.join(map(str, selected[n]))}"
    )
    assert max(selected[n]) <= 3
assert set(selected[600]) == {3}

# %%
# The effect of more features
# ---------------------------
#
# In the next table, the same clusters have more features, and the number of rows stays the same. If only free
# covariances are available, the penalty for a component soon exceeds the gain from any cluster, and BIC selects too few
# components. If simpler models are available, BIC selects all three.

models = ["EII", "EEI", "VVI", "EEE", "VVV"]
searches = {}
print(f"     {'VVV only':34s}{'five models':34s}true")
print(" d" + 2 * "   parameters  selected  test rows" + "   mixture")
for d in (2, 5, 10, 20):
    truth = three_clusters(d)
    X, X_test = truth.sample(300, 1)[0], truth.sample(20_000, 2)[0]
    searches[d] = GaussianMixtureIC(
        range(1, 6), covariance_types=models, random_state=0
    ).fit(X)
    vvv_only = GaussianMixtureIC(range(1, 6), covariance_types="VVV", random_state=0).fit(X)
    line = f"{d:2d}"
    for search in (vvv_only, searches[d]):
        name = search.results_.name_of(search.results_.best)
        line += (
            f"{search.mixture_.n_parameters:13d} {name:>9s} {search.score(X_test):10.2f}"
        )
    print(line + f" {truth.log_density(X_test).mean():9.2f}")
    assert searches[d].best_n_components_ == 3
    assert searches[d].score(X_test) >= vvv_only.score(X_test)
    assert searches[d].best_covariance_type_ == "EEI"
assert vvv_only.best_n_components_ == 1

# %%
# With twenty features, the free covariances have a much higher BIC than all other models. The model that generated the
# rows has one axis-parallel covariance for all components (EEI). With three components, it has the lowest BIC.

CriterionDisplay.from_estimator(searches[20])
plt.show()
