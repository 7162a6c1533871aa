"""
Tied covariances and LDA
========================

If all components share one covariance, the boundaries between them are straight. If the labels are known as well, the
mixture is identical to linear discriminant analysis (LDA). Without labels, EM finds clusters with straight
boundaries.
"""

# %%
# Why the boundaries are straight
# -------------------------------
#
# The log-density of a Gaussian has one quadratic term, :math:`-x^T \Sigma^{-1} x / 2`. If all components have the same
# :math:`\Sigma`, this term cancels when two components are compared. The remaining terms are linear (Bishop 2006,
# equations 4.62 and 4.68 to 4.70):
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
# Known labels: LDA
# -----------------
#
# Known labels are responsibilities of zero and one. One M-step computes the weights, the means and the tied covariance
# from them. A fit with labels as ``init_params``, no iterations and no regularization performs exactly this step.

labeled = GaussianMixture(
    3, covariance_type="tied", init_params=species, max_iter=0, reg_covar=0
).fit(X)


def linear_form(model: GaussianMixture) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients (k, d) and intercepts (k,) of the formula above."""
    coefficients = model.means_ @ model.precisions_
    return coefficients, np.log(model.weights_) - np.sum(
        coefficients * model.means_, axis=1
    ) / 2


coefficients, intercepts = linear_form(labeled)
lda = LinearDiscriminantAnalysis(solver="lsqr").fit(X, species)
difference = max(
    np.abs(coefficients - lda.coef_).max(), np.abs(intercepts - lda.intercept_).max()
)
print(f"largest coefficient:                       {np.abs(lda.coef_).max():.1f}")
print(f"largest difference of a coefficient:       {difference:.1e}")
print(
    "largest difference of a probability:       "
    f"{np.abs(labeled.predict_proba(X) - lda.predict_proba(X)).max():.1e}"
)
assert difference < 1e-8
assert np.allclose(
    labeled.predict_proba(X), softmax(X @ coefficients.T + intercepts, axis=1), atol=1e-10
)

# %%
# The boundary between any two components is straight, because the difference of their log-densities is an affine
# function. At the midpoint of two points, an affine function is the mean of its values at these points. The code below
# checks this property.

rng = np.random.default_rng(0)
low, high = X.min(axis=0), X.max(axis=0)
first, second = rng.uniform(low, high, (2, 10_000, 2))


def log_odds(points: np.ndarray) -> np.ndarray:
    """Return the log-odds (n,) of the second component against the third."""
    shares = labeled.predict_proba(points)
    return np.log(shares[:, 1] / shares[:, 2])


at_midpoint, mean = log_odds((first + second) / 2), (log_odds(first) + log_odds(second)) / 2
deviation = np.abs(at_midpoint - mean).max()
print(
    f"largest deviation from an affine function: {deviation:.1e}; "
    f"largest log-odds: {np.abs(log_odds(first)).max():.0f}"
)
assert deviation < 1e-9

# %%
# The divisor of the covariance
# -----------------------------
#
# Maximum likelihood divides the sum of squares within the classes by :math:`n`. The unbiased estimate divides by
# :math:`n - k`. scikit-learn's solver "lsqr" divides by :math:`n`. Its default solver "svd" divides by :math:`n - k` up
# to version 1.8 and by :math:`n` in later versions. The divisor has one effect: with :math:`n - k` the covariance is
# larger, so the coefficients are smaller. The log-odds shrink slightly, except for the logarithms of the weights.

n, k = len(X), 3
svd = LinearDiscriminantAnalysis(solver="svd").fit(X, species)
ratio = (svd.coef_[1] - svd.coef_[2]) / (lda.coef_[1] - lda.coef_[2])
print(
    f"ratio of the coefficients of svd and lsqr: {ratio[0]:.6f}; "
    f"(n - k) / n = {(n - k) / n:.6f}"
)
assert np.allclose(ratio, 1) or np.allclose(ratio, (n - k) / n)

shrunk = softmax(
    (n - k) / n * (X @ coefficients.T + intercepts - np.log(labeled.weights_))
    + np.log(labeled.weights_),
    axis=1,
)
print(
    "largest difference of a probability due to the divisor n - k: "
    f"{np.abs(shrunk - lda.predict_proba(X)).max():.4f}"
)
print(
    f"labels changed by the divisor n - k: {np.sum(shrunk.argmax(axis=1) != lda.predict(X))}"
)

# %%
# Unknown labels: EM
# ------------------
#
# EM does not use the species. It applies the same M-step to responsibilities that it computes from the current
# parameters, and repeats both steps until convergence. For the figure, the components are put in the order of the
# species. Rings mark the rows whose species differs from that of their component.

fit = GaussianMixture(3, covariance_type="tied", random_state=0).fit(X)
fit = align(fit.mixture_, labeled.mixture_)
figure, panels = plt.subplots(
    1, 2, figsize=(9, 4.3), layout="constrained", sharex=True, sharey=True
)
for axes, mixture, title in zip(
    panels,
    (labeled.mixture_, fit),
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
        f"{title:20s} {wrong.sum()} of {n} rows with a different species; "
        f"adjusted Rand index {adjusted_rand_score(species, mixture.labels(X)):.3f}"
    )
plt.show()

# %%
# Neither fit maximizes the number of correct labels; both maximize a likelihood. All boundaries are straight. Without
# the labels, the boundaries are rotated, but few rows change sides.

print(
    "rows whose component differs from the label of LDA: "
    f"{np.sum(fit.labels(X) != lda.predict(X))} of {n}"
)
