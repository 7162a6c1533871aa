"""
The singularity trap
====================

The likelihood of a Gaussian mixture has no maximum, unless its components share their covariance. Put one component on
one row, let its variance shrink, and the likelihood grows without bound, while the model learns nothing. A program that
looks for the highest likelihood finds such places, and the more it tries the surer.
"""

# %%
# By hand
# -------
#
# A hundred rows from two clusters, and a mixture of two components. The first takes care of all rows. The second
# stands on a row, with a weight of one percent and the covariance :math:`v I`. Its density there is
# :math:`1 / (2 \pi v)`, and so the log-likelihood is at least
#
# .. math::
#
#    \log \frac{0.01}{2 \pi v} + \sum_{n \neq 0} \log \bigl( 0.99 \, N(x_n \mid \mu, \Sigma) \bigr)
#
# (Bishop 2006, section 9.2.1). The second term stays as it is while :math:`v` goes to zero; the first goes to infinity.

import textwrap
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.mixture import GaussianMixture as SklearnMixture

from gaussmix import DegenerateComponentWarning, GaussianMixture, GaussianMixtureIC, Mixture
from gaussmix.plots import MixtureDisplay
from gaussmix.plots.drawing import PALETTE, quiet_axes


def draw(rng: np.random.Generator, n: int) -> np.ndarray:
    """Rows of two clusters: three fifths in the first."""
    first, second = (
        rng.normal([0, 0], [1, 0.6], (3 * n // 5, 2)),
        rng.normal([4, 2], [0.6, 1], (2 * n // 5, 2)),
    )
    return np.concatenate([first, second])


rng = np.random.default_rng(0)
X, unseen = draw(rng, 100), draw(rng, 10_000)
broad = np.cov(X, rowvar=False)
variances = 10.0 ** np.arange(1, -21, -1)
totals = np.array(
    [
        Mixture.from_parameters(
            [0.99, 0.01], [X.mean(axis=0), X[0]], [broad, v * np.eye(2)]
        )
        .log_density(X)
        .sum()
        for v in variances
    ]
)
print("variance   log-likelihood, nats")
for v, total in list(zip(variances, totals, strict=True))[::3]:
    print(f"{v:8.0e} {total:16.1f}")
rise = np.diff(totals)[-5:]
assert np.allclose(rise, np.log(10), atol=1e-6)
print(f"each tenth of the variance adds {rise.mean():.4f} nats: the logarithm of ten")

# %%
# There is no end to this: the line goes on as far as the computer has numbers.

figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
inks = quiet_axes(axes)
axes.semilogx(variances, totals, "-o", color=PALETTE[0], markersize=4)
axes.invert_xaxis()
axes.axhline(totals[0], color=inks.quiet, linewidth=0.8, linestyle="--")
axes.annotate(
    "where it began",
    (variances[-1], totals[0]),
    (0, 4),
    textcoords="offset points",
    ha="right",
    va="bottom",
)
axes.set(xlabel="variance of the component on one row", ylabel="log-likelihood, nats")
plt.show()

# %%
# By accident
# -----------
#
# Nobody does that by hand. EM does, from an unlucky start, and when the best of several starts is kept, the unlucky
# one wins. Here scikit-learn fits six components from ten starts. Its guard is ``reg_covar``, a number that is added to
# every variance.

ridges = [1e-6, 1e-9, 1e-12, 1e-15]
settings = {
    "init_params": "random_from_data",
    "n_init": 10,
    "max_iter": 1000,
    "random_state": 0,
}
theirs = [SklearnMixture(6, reg_covar=ridge, **settings).fit(X) for ridge in ridges]
print("reg_covar   log-likelihood   least variance   rows in that component")
for ridge, model in zip(ridges, theirs, strict=True):
    least = np.linalg.eigvalsh(model.covariances_).min(axis=1)
    rows = 100 * model.weights_[least.argmin()]
    print(f"{ridge:9.0e} {100 * model.score(X):14.2f} {least.min():18.1e} {rows:14.2f}")
gains = np.diff([100 * model.score(X) for model in theirs])
assert np.allclose(gains, np.log(1000), atol=1e-3)
try:
    SklearnMixture(6, reg_covar=0, **settings).fit(X)
except ValueError as error:
    print(textwrap.fill(f"reg_covar=0: {error}", 88))

# %%
# One component has one row, and its variance is ``reg_covar``. So ``reg_covar`` sets the likelihood, too: a thousandth
# of it adds the logarithm of a thousand, in every line of the table. Which value is right depends on the units of the
# data, and no value tells a real but small cluster from an accident.
#
# With safeguards
# ---------------
#
# ``gaussmix`` looks at every component that a start leads to (:doc:`/degenerate`). An optimum with a component that has
# collapsed, or that chance explains, ranks below any without, however high its likelihood. On the left, ten starts and
# the highest likelihood; on the right, the search of ``gaussmix``, with its defaults.

gm = GaussianMixture(6, random_state=0).fit(X)
least = np.linalg.eigvalsh(gm.covariances_).min()
print(f"log-likelihood {100 * gm.score(X):.2f}, least variance {least:.1e}")
assert least > 1e-3

figure, places = plt.subplots(
    1, 2, figsize=(9, 4), layout="constrained", sharex=True, sharey=True
)
lone = int(theirs[-1].weights_.argmin())
for axes, model, name in zip(
    places, (theirs[-1], gm), ("scikit-learn, reg_covar=1e-15", "gaussmix"), strict=True
):
    axes.set(xlim=(-3.2, 6.4), ylim=(-2.2, 5.2))
    MixtureDisplay.from_estimator(model, X, ax=axes, density=False, boundaries=False)
    axes.set_title(name, loc="left", fontsize=11)
places[0].annotate(
    f"component {lone} is on this row",
    theirs[-1].means_[lone],
    (-60, -36),
    textcoords="offset points",
    arrowprops={"arrowstyle": "-", "shrinkB": 8},
)  # fmt: skip
plt.show()

# %%
# Where it is asked for
# ---------------------
#
# Some fits cannot avoid the trap: a start that is given, fewer rows than components need, many equal rows. Then the
# fit returns a valid model and a warning that names the component and says what may help. Here is
# scikit-learn's way of starting once more.

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    given = GaussianMixture(
        6, init_params="random_from_data", n_init=10, random_state=0
    ).fit(X)
for one in caught:
    assert issubclass(one.category, DegenerateComponentWarning)
    print(textwrap.fill(f"{one.category.__name__}: {one.message}", 88), end="\n\n")
assert np.isfinite(given.score_samples(unseen)).all()

# %%
# Sound is not yet useful
# -----------------------
#
# A fit without accidents can still have too many components for its rows, and rows that no model has seen tell. Both
# models with six components lose to the one with two. The one with the accident even loses less: on one row a component
# does little harm to the others, and five are left for these. Two made the rows, and two is what the Bayesian
# information criterion chooses
# (:doc:`too_many_components`).

best = GaussianMixtureIC(range(1, 7), covariance_types="full", random_state=0).fit(X)
print("                                  fitted rows   unseen rows  (nats per row)")
for name, model in {
    "scikit-learn, six components": theirs[-1],
    "gaussmix, six components": gm,
    f"gaussmix, {best.best_n_components_} chosen by BIC": best,
}.items():
    print(f"{name:32s} {model.score(X):11.3f} {model.score(unseen):13.3f}")
assert best.best_n_components_ == 2
assert gm.score(unseen) < theirs[-1].score(unseen) < best.score(unseen)
