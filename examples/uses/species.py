"""
Clustering and classification of irises
=======================================

Fisher's irises are flowers of three species, each described by four lengths. The first part of this page clusters the
flowers without using the species. The second part fits a mixture to each species and classifies flowers. Both parts
compare mixtures with standard methods and use the known species to evaluate the results.
"""

# %%
# The number of clusters
# ----------------------
#
# :class:`gaussmix.GaussianMixtureIC` fits all fourteen covariance models with one to nine components.

import textwrap
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_moons
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import scale

from gaussmix import DegenerateDataWarning, GaussianMixture, GaussianMixtureIC, Mixture
from gaussmix.plots import CriterionDisplay, MixtureDisplay
from gaussmix.plots.drawing import PALETTE

flowers = load_iris()
X, species = flowers.data, flowers.target
assert X.shape == (150, 4)
names = [name.removesuffix(" (cm)") for name in flowers.feature_names]
search = GaussianMixtureIC(random_state=0).fit(X)
CriterionDisplay.from_estimator(search)
plt.show()

# %%
# A model with two components has the lowest BIC. The best model with three components is almost as good: a difference
# below 2 is negligible (Kass and Raftery 1995). Two of the species overlap, and the four lengths alone do not show
# whether they are one group or two. ``search.why()`` returns the full comparison (:doc:`/choosing`).

print(textwrap.fill(search.reason_, 88))
table = search.results_
three = next(line for line in table.ranked if table.n_components[line] == 3)
print(
    f"best model with three components: {table.name_of(three)}, "
    f"BIC higher by {table.difference[three]:.2f}"
)
assert search.best_n_components_ == 2
assert table.difference[three] < 2

# %%
# Clustering
# ----------
#
# If the number of species is known, it can be used as the number of components. The adjusted Rand index compares
# clusters with species: 1 is perfect agreement, 0 is agreement by chance (Hubert and Arabie 1985). k-means assumes
# round clusters of equal size. The clusters of the irises are neither round nor of equal size.

best = GaussianMixture(
    3, covariance_type=str(table.covariance_type[three]), random_state=0
).fit(X)
found = {
    "k-means": KMeans(3, n_init=10, random_state=0).fit_predict(X),
    "k-means, standardized": KMeans(3, n_init=10, random_state=0).fit_predict(scale(X)),
    "mixture, 2 components": search.predict(X),
    "mixture, 3 components": best.predict(X),
}
rand = {name: adjusted_rand_score(species, labels) for name, labels in found.items()}
for name, index in rand.items():
    print(f"{name:23s} adjusted Rand index {index:.3f}")
assert max(rand, key=rand.get) == "mixture, 3 components"
counts = contingency_matrix(species, found["mixture, 3 components"])
print(f"\n{'':14s}component 0, 1, 2")
for name, row in zip(flowers.target_names, counts, strict=True):
    print(f"{name:12s}" + "".join(f"{count:6d}" for count in row))

# %%
# The next figure shows the petal lengths and widths. In the left panel, the colors show the species, and the ellipses
# show the mean and the covariance of each species. The right panel shows the mixture of three components, which was
# fitted without the species.

petals = [2, 3]
known = Mixture.from_parameters(
    np.bincount(species) / len(X),
    [X[species == one].mean(axis=0) for one in range(3)],
    [np.cov(X[species == one], rowvar=False, bias=True) for one in range(3)],
    feature_names=names,
)
order = [int(np.argmax(row)) for row in counts]  # the component of each species
assert sorted(order) == [0, 1, 2]
clusters = Mixture(
    best.mixture_.weights, best.mixture_.means, best.mixture_.covariance, tuple(names)
).reordered(order)
figure, panels = plt.subplots(
    1, 2, figsize=(9, 4.4), layout="constrained", sharex=True, sharey=True
)
for axes, mixture, title in zip(
    panels, (known, clusters), ("known species", "fitted mixture"), strict=True
):
    points = mixture is clusters
    MixtureDisplay.from_estimator(
        mixture, X, features=petals, ax=axes, density=False, boundaries=False, points=points
    )
    axes.set_title(title, loc="left", fontsize=11)
panels[0].scatter(
    *X[:, petals].T, c=np.array(PALETTE)[species], s=22, linewidths=0, alpha=0.9
)
plt.show()

# %%
# Classification
# --------------
#
# If the species are known, a mixture can be fitted to each. Bayes' rule assigns a flower to the species with the
# largest product of weight and density. With one component per class, this is quadratic discriminant analysis (QDA).
# With one covariance for all classes, it is linear discriminant analysis (LDA). The table shows the accuracy of each
# method with its standard error, computed as that of a binomial proportion.


class MixtureClassifier(ClassifierMixin, BaseEstimator):
    """Fit a mixture to each class and classify by Bayes' rule."""

    def __init__(self, n_components: int = 1) -> None:
        self.n_components = n_components

    def fit(self, X: np.ndarray, y: np.ndarray) -> "MixtureClassifier":
        """Fit a mixture to each class."""
        self.classes_, counts = np.unique(y, return_counts=True)
        self.log_shares_ = np.log(counts / len(y))
        with warnings.catch_warnings():  # half of a species may have the same rounded width
            warnings.simplefilter("ignore", DegenerateDataWarning)
            self.mixtures_ = [
                GaussianMixture(self.n_components, random_state=0).fit(X[y == one])
                for one in self.classes_
            ]
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most probable class of each row."""
        scores = np.stack([mixture.score_samples(X) for mixture in self.mixtures_], axis=1)
        return self.classes_[(scores + self.log_shares_).argmax(axis=1)]


def compare(
    X: np.ndarray, y: np.ndarray, n_components: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Predict each of ten folds from the other nine and print the accuracy."""
    models = {"LDA": LinearDiscriminantAnalysis(), "QDA": QuadraticDiscriminantAnalysis()}
    models |= {
        f"{k} component{'s' * (k > 1)} per class": MixtureClassifier(k)
        for k in n_components
    }
    folds = StratifiedKFold(10, shuffle=True, random_state=0)
    predicted = {
        name: cross_val_predict(model, X, y, cv=folds) for name, model in models.items()
    }
    print("                       accuracy")
    for name, labels in predicted.items():
        accuracy = np.mean(labels == y)
        error = np.sqrt(accuracy * (1 - accuracy) / len(y))
        print(f"{name:22s} {accuracy:6.1%} ± {error:.1%}")
    return predicted


predicted = compare(X, species, (1, 2))
assert np.array_equal(predicted["QDA"], predicted["1 component per class"])
accuracy = {name: np.mean(labels == species) for name, labels in predicted.items()}
assert abs(accuracy["LDA"] - accuracy["QDA"]) < np.sqrt(0.02 * 0.98 / len(X))
assert accuracy["2 components per class"] <= accuracy["QDA"]

# %%
# The accuracies of LDA and QDA differ by less than their standard errors. A second component does not help, because
# each species is a single cluster. More components help if the classes are curved, as in the following half moons.

X_moons, y_moons = make_moons(600, noise=0.2, random_state=0)
predicted = compare(X_moons, y_moons, (1, 3))
accuracy = {name: np.mean(labels == y_moons) for name, labels in predicted.items()}
assert accuracy["3 components per class"] > accuracy["QDA"] + 0.05
