"""Named data sets with suitable numbers of components."""

import numpy as np
from sklearn.datasets import load_iris, load_wine

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")


def read_only(array):
    array.flags.writeable = False
    return array


def blobs(n_rows=600, n_features=3, n_components=3, separation=4.0, seed=0):
    """Return rows of separated clusters of different sizes and shapes."""
    rng = np.random.default_rng(seed)
    means = separation * rng.standard_normal((n_components, n_features))
    shapes = np.eye(n_features) + 0.4 * rng.standard_normal((n_components, n_features, n_features))
    labels = rng.choice(n_components, n_rows, p=rng.dirichlet(np.full(n_components, 8.0)))
    rows = means[labels] + np.einsum("nij,nj->ni", shapes[labels], rng.standard_normal((n_rows, n_features)))
    return read_only(rows)


def overlapping(seed=1):
    """Return rows of clusters that EM needs many iterations to separate."""
    return blobs(500, 2, 3, separation=1.0, seed=seed)


# name -> (rows, suitable number of components)
TABLES = {
    "iris": (read_only(load_iris().data), 3),
    "wine": (read_only(load_wine().data[:, [0, 1, 6, 9]]), 3),
    "blobs": (blobs(), 3),
    "wide": (blobs(400, 8, 4, seed=3), 4),
    "line": (blobs(300, 1, 2, seed=4), 2),
    "overlapping": (overlapping(), 3),
}
