"""
The directions in which components separate
===========================================

A mixture of many features cannot be plotted as a whole. Principal components show the directions of greatest variance,
which may have nothing to do with the components. This page shows the directions in which the components of a fit
separate, and which features they are made of. The data are chemical measurements of 178 Italian wines from three
cultivars, which the fit does not know.
"""

# %%
# Two projections of the same fit
# -------------------------------
#
# :func:`gaussmix.discriminant_directions` finds linear combinations of the features in which the means and the
# covariances of the components differ most, compared with the covariance of all rows (Scrucca 2010; ``MclustDR`` in
# R). :class:`gaussmix.plots.ProjectionDisplay` shows the first two. The plot on the left has the first two principal
# components of the same standardized rows. Colors are the components of the same fit, given all thirteen features.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from gaussmix import (
    GaussianMixture,
    describe,
    discriminant_directions,
    random_projection,
)
from gaussmix.plots import ProjectionDisplay
from gaussmix.plots.drawing import PALETTE, quiet_axes

wines = load_wine(as_frame=True)
X = wines.data
assert X.shape == (178, 13)
gm = GaussianMixture(3, covariance_type="EEE", random_state=0).fit(X)
print(f"adjusted Rand index {adjusted_rand_score(wines.target, gm.predict(X)):.2f}")

_, (left, right) = plt.subplots(1, 2, figsize=(12, 5.4), layout="constrained")
components = PCA(2).fit_transform(StandardScaler().fit_transform(X))
quiet_axes(left)
left.scatter(*components.T, c=np.array(PALETTE)[gm.predict(X)], s=16)
left.set(xlabel="principal component 1", ylabel="principal component 2")
ProjectionDisplay.from_estimator(gm, X, ax=right, density=False)
plt.show()

# %%
# Which features separate
# -----------------------
#
# Coefficients of standardized features can be compared with each other. ``shares`` says how much of the separation is
# in each direction. With equal covariances, the directions are those of linear discriminant analysis with the labels of
# the fit, and there are at most two for three components.

directions = discriminant_directions(gm)
print(directions)
assert len(directions.eigenvalues) == 2
assert np.isclose(directions.shares.sum(), 1)

# %%
# A direction combines many features. :func:`gaussmix.describe` goes the other way: it looks for one or two features
# that are enough (:doc:`/describe-clusters`).

for cluster in describe(gm, X):
    print(f"cluster {cluster.cluster}: {cluster.rules[0]}")

# %%
# Random directions
# -----------------
#
# A look from several sides shows whether a projection hides something. :func:`gaussmix.random_projection` draws
# orthonormal directions of the standardized features (``randProj`` in mclust).

_, panels = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for seed, ax in enumerate(panels):
    view = random_projection(gm, random_state=seed)
    ProjectionDisplay.from_estimator(
        gm, X, projection=view, ax=ax, density=False, boundaries=False, axes=False
    )
plt.show()
