"""
One covariance for all, and LDA
===============================

Components that share one covariance meet in straight lines. With the labels known, that mixture is linear
discriminant analysis, number for number. Without them, it finds clusters, and its boundaries stay straight.
"""

# %%
# Why the boundaries are straight
# -------------------------------
#
# The log-density of a Gaussian has one quadratic term, :math:`-x^T \Sigma^{-1} x / 2`. With the same :math:`\Sigma` in
# every component it cancels where two are compared, and what is left is linear (Bishop 2006, equations 4.62 and 4.68
# to 4.70):
#
# .. math::
#
#    a_k(x) = x^T \Sigma^{-1} \mu_k - \frac{1}{2} \mu_k^T \Sigma^{-1} \mu_k + \log \, w_k, \qquad
#    r_k(x) = \frac{e^{a_k(x)}}{\sum_j e^{a_j(x)}}

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import softmax
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import adjusted_rand_score

from gaussmix import GaussianMixture, align
from gaussmix.plots import MixtureDisplay

iris = load_iris()
X, species = iris.data[:, 2:], iris.target

# %%
# With the labels: LDA
# --------------------
#
# Known labels are responsibilities of zero and one. One M-step turns them into weights, means and the tied
# covariance. A fit with labels in ``init_params``, no iterations and no penalty is exactly that step.

labeled = GaussianMixture(
    3, covariance_type="tied", init_params=species, max_iter=0, reg_covar=0
).fit(X)


def linear_form(model: GaussianMixture) -> tuple[np.ndarray, np.ndarray]:
    """The coefficients (k, d) and intercepts (k,) of the formula above."""
    coefficients = model.means_ @ model.precisions_
    return coefficients, np.log(model.weights_) - np.sum(
        coefficients * model.means_, axis=1
    ) / 2


coefficients, intercepts = linear_form(labeled)
lda = LinearDiscriminantAnalysis(solver="lsqr").fit(X, species)
apart = max(
    np.abs(coefficients - lda.coef_).max(), np.abs(intercepts - lda.intercept_).max()
)
print(f"greatest coefficient:                      {np.abs(lda.coef_).max():.1f}")
print(f"greatest difference from scikit-learn's:   {apart:.1e}")
print(
    "greatest difference of a probability:      "
    f"{np.abs(labeled.predict_proba(X) - lda.predict_proba(X)).max():.1e}"
)
assert apart < 1e-8
assert np.allclose(
    labeled.predict_proba(X), softmax(X @ coefficients.T + intercepts, axis=1), atol=1e-10
)

# %%
# The boundary between any two components is straight: the difference of two log-densities, weights included, is an
# affine function. So halfway between two points it is the mean of its values there.

rng = np.random.default_rng(0)
low, high = X.min(axis=0), X.max(axis=0)
here, there = rng.uniform(low, high, (2, 10_000, 2))


def log_odds(points: np.ndarray) -> np.ndarray:
    """(n,) of the second component against the third."""
    shares = labeled.predict_proba(points)
    return np.log(shares[:, 1] / shares[:, 2])


curved = np.abs(log_odds((here + there) / 2) - (log_odds(here) + log_odds(there)) / 2).max()
print(
    f"greatest departure from a straight line: {curved:.1e}, "
    f"of log-odds up to {np.abs(log_odds(here)).max():.0f}"
)
assert curved < 1e-9

# %%
# Which divisor
# -------------
#
# Maximum likelihood divides the squares within classes by :math:`n`, the unbiased estimate by :math:`n - k`.
# scikit-learn's solver "lsqr" divides by :math:`n`; its default solver "svd" divides by :math:`n - k` in version 1.8
# and before, and by :math:`n` in the newest. The divisor enters in one place: with :math:`n - k` the covariance is
# larger, so the coefficients are smaller. All of the log-odds shrink a little but for the logarithms of the weights.

n, k = len(X), 3
svd = LinearDiscriminantAnalysis(solver="svd").fit(X, species)
ratio = (svd.coef_[1] - svd.coef_[2]) / (lda.coef_[1] - lda.coef_[2])
print(
    f"coefficients of svd over those of lsqr: {ratio[0]:.6f}; "
    f"(n - k) / n = {(n - k) / n:.6f}"
)
assert np.allclose(ratio, 1) or np.allclose(ratio, (n - k) / n)

shrunk = softmax(
    (n - k) / n * (X @ coefficients.T + intercepts - np.log(labeled.weights_))
    + np.log(labeled.weights_),
    axis=1,
)
print(
    "greatest difference that n - k makes to a probability: "
    f"{np.abs(shrunk - lda.predict_proba(X)).max():.4f}"
)
print(
    f"rows that get another label by it: {np.sum(shrunk.argmax(axis=1) != lda.predict(X))}"
)

# %%
# Without the labels
# ------------------
#
# EM knows no species. It repeats the same M-step with responsibilities of its own in place of the labels, until they
# agree with each other. For the picture, the components are put in the order of the species. Rings mark rows of
# another species than that of their component.

found = GaussianMixture(3, covariance_type="tied", random_state=0).fit(X)
clusters = align(found.mixture_, labeled.mixture_)
figure, places = plt.subplots(
    1, 2, figsize=(9, 4.3), layout="constrained", sharex=True, sharey=True
)
for axes, mixture, title in zip(
    places,
    (labeled.mixture_, clusters),
    ("Labels known: LDA", "Labels unknown: EM"),
    strict=True,
):
    wrong = mixture.labels(X) != species
    MixtureDisplay.from_estimator(mixture, X, ax=axes)
    axes.plot(*X[wrong].T, "o", color="black", fillstyle="none", markersize=9)
    axes.set(xlabel=iris.feature_names[2], ylabel=iris.feature_names[3])
    axes.set_title(title, loc="left")
    axes.label_outer()
    print(
        f"{title:20s} {wrong.sum()} of {n} rows with another species; "
        f"adjusted Rand index {adjusted_rand_score(species, mixture.labels(X)):.3f}"
    )
plt.show()

# %%
# Neither fit maximizes the number of right labels; both maximize a likelihood. All boundaries are straight. Without
# the labels they turn, but few rows change sides.

print(
    "rows with another component than LDA gives them: "
    f"{np.sum(clusters.labels(X) != lda.predict(X))} of {n}"
)
