"""
Singularities of the likelihood
===============================

The likelihood of a Gaussian mixture is unbounded unless the components share their covariance. If a component sits on
a single row and its variance shrinks, the likelihood grows without limit, although the model learns nothing. A search
for the highest likelihood finds such singularities, and more starts make this more likely.
"""

# %%
# A singularity by construction
# -----------------------------
#
# The data are a hundred rows from two clusters. The mixture has two components. The first component covers all rows.
# The second component is centered on one row, with a weight of one percent and the covariance :math:`v I`. Its density
# at this row is :math:`1 / (2 \pi v)`, so the log-likelihood is at least
#
# .. math::
#
#    \log \frac{0.01}{2 \pi v} + \sum_{n \neq 0} \log \bigl( 0.99 \, N(x_n \mid \mu, \Sigma) \bigr)
#
# (Bishop 2006, section 9.2.1). As :math:`v` goes to zero, the second term does not change and the first goes to
# infinity.

import textwrap
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.mixture import GaussianMixture as SklearnMixture

from gaussmix import DegenerateComponentWarning, GaussianMixture, GaussianMixtureIC, Mixture
from gaussmix.plots import MixtureDisplay
from gaussmix.plots.drawing import PALETTE, quiet_axes


def draw(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw rows from two clusters, three fifths of them from the first."""
    first, second = (
        rng.normal([0, 0], [1, 0.6], (3 * n // 5, 2)),
        rng.normal([4, 2], [0.6, 1], (2 * n // 5, 2)),
    )
    return np.concatenate([first, second])


rng = np.random.default_rng(0)
X, X_test = draw(rng, 100), draw(rng, 10_000)
broad = np.cov(X, rowvar=False)
variances = 10.0 ** np.arange(1, -21, -1)
log_likelihoods = np.array(
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
for v, log_likelihood in list(zip(variances, log_likelihoods, strict=True))[::3]:
    print(f"{v:8.0e} {log_likelihood:22.1f}")
gains = np.diff(log_likelihoods)[-5:]
assert np.allclose(gains, np.log(10), atol=1e-6)
print(f"dividing the variance by ten adds {gains.mean():.4f} nats, the logarithm of ten")

# %%
# The log-likelihood grows as far as floating-point numbers allow.

figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
inks = quiet_axes(axes)
axes.semilogx(variances, log_likelihoods, "-o", color=PALETTE[0], markersize=4)
axes.invert_xaxis()
axes.axhline(log_likelihoods[0], color=inks.quiet, linewidth=0.8, linestyle="--")
axes.annotate(
    "initial value",
    (variances[-1], log_likelihoods[0]),
    (0, 4),
    textcoords="offset points",
    ha="right",
    va="bottom",
)
axes.set(xlabel="variance of the second component", ylabel="log-likelihood, nats")
plt.show()

# %%
# Singularities found by EM
# -------------------------
#
# From some starts, EM converges to a singularity. If the start with the highest likelihood is kept, such a start wins.
# In this example, scikit-learn fits six components from ten starts. Its protection against singularities is
# ``reg_covar``, a constant that is added to every variance.

reg_covars = [1e-6, 1e-9, 1e-12, 1e-15]
settings = {
    "init_params": "random_from_data",
    "n_init": 10,
    "max_iter": 1000,
    "random_state": 0,
}
sklearn_fits = [
    SklearnMixture(6, reg_covar=reg_covar, **settings).fit(X) for reg_covar in reg_covars
]
print("reg_covar   log-likelihood   smallest variance   rows in this component")
for reg_covar, model in zip(reg_covars, sklearn_fits, strict=True):
    smallest = np.linalg.eigvalsh(model.covariances_).min(axis=1)
    rows = 100 * model.weights_[smallest.argmin()]
    print(
        f"{reg_covar:9.0e} {100 * model.score(X):16.2f} {smallest.min():19.1e} {rows:24.2f}"
    )
gains = np.diff([100 * model.score(X) for model in sklearn_fits])
assert np.allclose(gains, np.log(1000), atol=1e-3)
try:
    SklearnMixture(6, reg_covar=0, **settings).fit(X)
except ValueError as error:
    print(textwrap.fill(f"reg_covar=0: {error}", 88))

# %%
# One component contains a single row, and its variance equals ``reg_covar``. The value of ``reg_covar`` therefore
# determines the likelihood: each line of the table divides it by a thousand and gains the logarithm of a thousand. The
# right value depends on the units of the data, and no value separates a small but real cluster from a singularity.
#
# Detection of degenerate components
# ----------------------------------
#
# ``gaussmix`` checks every component of each local maximum that it finds (:doc:`/degenerate`). A maximum with a
# collapsed component, or with a component that can be due to chance, ranks below all maxima without one, whatever
# its likelihood. The left panel shows the fit with the highest likelihood of ten starts. The right panel shows the
# default fit of ``gaussmix``.

gm = GaussianMixture(6, random_state=0).fit(X)
smallest = np.linalg.eigvalsh(gm.covariances_).min()
print(f"log-likelihood {100 * gm.score(X):.2f}, smallest variance {smallest:.1e}")
assert smallest > 1e-3

figure, panels = plt.subplots(
    1, 2, figsize=(9, 4), layout="constrained", sharex=True, sharey=True
)
degenerate = int(sklearn_fits[-1].weights_.argmin())
for axes, model, name in zip(
    panels,
    (sklearn_fits[-1], gm),
    ("scikit-learn, reg_covar=1e-15", "gaussmix"),
    strict=True,
):
    axes.set(xlim=(-3.2, 6.4), ylim=(-2.2, 5.2))
    MixtureDisplay.from_estimator(model, X, ax=axes, density=False, boundaries=False)
    axes.set_title(name, loc="left", fontsize=11)
panels[0].annotate(
    f"component {degenerate} is on this row",
    sklearn_fits[-1].means_[degenerate],
    (-60, -36),
    textcoords="offset points",
    arrowprops={"arrowstyle": "-", "shrinkB": 8},
)  # fmt: skip
plt.show()

# %%
# Warnings about degenerate components
# ------------------------------------
#
# Some fits cannot avoid degenerate components, for example with a given start, with fewer rows than the components
# need, or with many equal rows. Such a fit returns a valid model and a warning that names the component and suggests a
# remedy. The next fit starts in the same way as the fits of scikit-learn above.

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    gm_random_starts = GaussianMixture(
        6, init_params="random_from_data", n_init=10, random_state=0
    ).fit(X)
for warning in caught:
    assert issubclass(warning.category, DegenerateComponentWarning)
    print(textwrap.fill(f"{warning.category.__name__}: {warning.message}", 88), end="\n\n")
assert np.isfinite(gm_random_starts.score_samples(X_test)).all()

# %%
# Overfitting without singularities
# ---------------------------------
#
# A fit without degenerate components can still have too many components for its rows. The log-likelihood of test rows
# shows this. Both models with six components are worse than the model with two. Of the models with six components, the
# one with the singularity is better: its component on a single row hardly affects the other rows, so only five
# components fit those. The data come from two clusters, and the Bayesian information criterion (BIC) selects two
# components (:doc:`too_many_components`).

best = GaussianMixtureIC(range(1, 7), covariance_types="full", random_state=0).fit(X)
print("log-likelihood, nats per row     training rows   test rows")
for name, model in {
    "scikit-learn, six components": sklearn_fits[-1],
    "gaussmix, six components": gm,
    f"gaussmix, {best.best_n_components_} components (BIC)": best,
}.items():
    print(f"{name:32s} {model.score(X):13.3f} {model.score(X_test):11.3f}")
assert best.best_n_components_ == 2
assert gm.score(X_test) < sklearn_fits[-1].score(X_test) < best.score(X_test)
