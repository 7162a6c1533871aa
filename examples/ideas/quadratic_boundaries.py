"""
Quadratic boundaries and QDA
============================

The boundary between two Gaussian components with different covariances is a conic: an ellipse, a parabola or a
hyperbola. With known labels, a mixture with one component per class is quadratic discriminant analysis (QDA).
"""

# %%
# The equation of the boundary
# ----------------------------
#
# A row lies on the boundary between two components if its log-densities under both, including the log weights, are
# equal. The difference of the two is a quadratic function:
#
# .. math::
#
#    \log \, \frac{w_1 \, p_1(x)}{w_2 \, p_2(x)} = x^T A x + b^T x + c, \qquad
#    A = \frac{1}{2} \left(\Sigma_2^{-1} - \Sigma_1^{-1}\right)
#
# The boundary is the set where this function is zero (Duda, Hart and Stork 2001, section 2.6.3). The determinant of
# :math:`A` determines the type of the conic. The conic is an ellipse if the determinant is positive, a hyperbola if it
# is negative, and a parabola if it is zero but :math:`A` is not. Each type has degenerate forms, such as two crossing
# lines. If :math:`A` itself is zero, the covariances are equal, and the boundary is a straight line (:doc:`lda`). The
# responsibility of the first component is the logistic function of the difference.

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

from gaussmix import GaussianMixture, Mixture
from gaussmix.plots import MixtureDisplay


def boundary(mixture: Mixture) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the coefficients A, b and c of the boundary between two components."""
    quadratics, lines, constants = [], [], []
    for weight, mean, covariance in zip(
        mixture.weights, mixture.means, mixture.covariance.dense(), strict=True
    ):
        precision = np.linalg.inv(covariance)
        quadratics.append(-precision / 2)
        lines.append(precision @ mean)
        constants.append(
            np.log(weight)
            + np.linalg.slogdet(precision)[1] / 2
            - mean @ precision @ mean / 2
        )
    return quadratics[0] - quadratics[1], lines[0] - lines[1], constants[0] - constants[1]


def conic_type(quadratic: np.ndarray) -> str:
    """Return the type of the conic."""
    if np.allclose(quadratic, 0):
        return "line"
    determinant = np.linalg.det(quadratic)
    if np.isclose(determinant, 0):
        return "parabola"
    return "ellipse" if determinant > 0 else "hyperbola"


# %%
# Four pairs of components
# ------------------------
#
# The first pair is a narrow component inside a wide one. The second pair has equal variances along one axis only. The
# components of the third pair are elongated in different directions. The fourth pair has equal covariances.

pairs = [
    Mixture.from_parameters(
        [0.5, 0.5], [[-0.8, 0], [0.8, 0]], [np.diag([0.3, 0.3]), np.diag([2.0, 1.5])]
    ),
    Mixture.from_parameters(
        [0.5, 0.5], [[0, -1], [0, 1.5]], [np.diag([2.0, 0.4]), np.diag([0.2, 0.4])]
    ),
    Mixture.from_parameters(
        [0.5, 0.5], [[-0.8, 0], [0.8, 0.5]], [np.diag([0.3, 2.0]), np.diag([2.0, 0.3])]
    ),
    Mixture.from_parameters([0.5, 0.5], [[-1, 0], [1, 0]], [[[1.0, 0.5], [0.5, 1.0]]] * 2),
]
rng = np.random.default_rng(0)
figure, panels = plt.subplots(
    2, 2, figsize=(8, 7.9), layout="constrained", sharex=True, sharey=True
)
for axes, pair in zip(panels.flat, pairs, strict=True):
    A, b, c = boundary(pair)
    points = rng.normal(scale=3, size=(1000, 2))
    formula = np.sum(points @ A * points, axis=1) + points @ b + c
    assert np.allclose(pair.responsibilities(points)[:, 0], expit(formula), atol=1e-12)
    assert np.array_equal(pair.labels(points) == 0, formula > 0)
    print(f"{conic_type(A):10s} det A = {np.linalg.det(A):7.3f}")
    axes.set(xlim=(-5, 5), ylim=(-5, 5), aspect="equal")
    MixtureDisplay.from_estimator(pair, ax=axes, masses=(0.95,), density=False, axes=False)
    axes.set(xlabel="", ylabel="")
    axes.set_title(conic_type(A), loc="left")
plt.show()

# %%
# A hyperbola has two branches, so a region of ``predict`` can consist of two separate parts. This is correct: on both
# sides of the narrow component, the wide component has the higher density.

assert pairs[2].labels([[-4, 0.5], [-0.8, 0.5], [4, 0.5]]).tolist() == [1, 0, 1]

# %%
# Known labels: QDA
# -----------------
#
# If the class of each row is known, the responsibilities are zero and one. A single M-step then fits the mixture: it
# computes the mean and the covariance of each class. A fit with labels as ``init_params``, no iterations and no
# regularization performs exactly this step.

iris = load_iris()
X, species = iris.data[:, 2:], iris.target
labeled = GaussianMixture(3, init_params=species, max_iter=0, reg_covar=0).fit(X)

# %%
# Quadratic discriminant analysis computes the same model, except for the divisor of the covariances. Maximum likelihood
# divides by the number of rows in the class, :math:`n_k`. The unbiased estimate divides by :math:`n_k - 1`.
# scikit-learn's ``QuadraticDiscriminantAnalysis`` is unbiased up to version 1.8 and uses maximum likelihood in later
# versions. The code below determines the divisor from the fit. With the same divisor, the probabilities agree up to
# rounding error.

qda = QuadraticDiscriminantAnalysis(store_covariance=True).fit(X, species)
counts = np.bincount(species)
factors = np.trace(qda.covariance_, axis1=1, axis2=2) / np.trace(
    labeled.covariances_, axis1=1, axis2=2
)
assert np.allclose(factors, 1) or np.allclose(factors, counts / (counts - 1))


def with_factors(factors: np.ndarray) -> Mixture:
    """Return the labeled mixture with its covariances multiplied by the factors."""
    return Mixture.from_parameters(
        labeled.weights_, labeled.means_, factors[:, None, None] * labeled.covariances_
    )


difference = np.abs(with_factors(factors).responsibilities(X) - qda.predict_proba(X)).max()
unbiased = with_factors(counts / (counts - 1))
effect = np.abs(unbiased.responsibilities(X) - labeled.predict_proba(X)).max()
print(f"largest difference from the probabilities of QDA: {difference:.1e}")
print(f"largest difference due to the other divisor:      {effect:.1e}")
print(
    "labels changed by the other divisor:              "
    f"{np.sum(unbiased.labels(X) != labeled.predict(X))}"
)
assert difference < 1e-10

# %%
# The boundaries between the species are parts of conics.

display = MixtureDisplay.from_estimator(labeled, X)
display.ax_.set(xlabel=iris.feature_names[2], ylabel=iris.feature_names[3])
plt.show()

for pair in ([0, 1], [1, 2]):
    shares = labeled.weights_[pair] / labeled.weights_[pair].sum()
    A, _, _ = boundary(
        Mixture.from_parameters(shares, labeled.means_[pair], labeled.covariances_[pair])
    )
    print(f"{iris.target_names[pair[0]]} and {iris.target_names[pair[1]]}: {conic_type(A)}")
