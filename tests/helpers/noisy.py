"""Tables with uniform noise."""

import numpy as np


def noisy_clusters(seed, n=300, noise=0.2, k=3, d=2, reach=10.0):
    """Rows of k round clusters in a box, and rows of uniform noise; labels, -1 for noise."""
    rng = np.random.default_rng(seed)
    n_noise = round(noise * n)
    centers = rng.uniform(-0.7 * reach, 0.7 * reach, (k, d))
    while k > 1 and min(np.linalg.norm(a - b) for i, a in enumerate(centers) for b in centers[:i]) < 5:
        centers = rng.uniform(-0.7 * reach, 0.7 * reach, (k, d))
    labels = np.append(rng.integers(k, size=n - n_noise), np.full(n_noise, -1))
    rows = rng.uniform(-reach, reach, (n, d))
    rows[labels >= 0] = centers[labels[labels >= 0]] + 0.7 * rng.standard_normal((n - n_noise, d))
    order = rng.permutation(n)
    return rows[order], labels[order]


def noisy_chevron(seed, n=600, noise=0.65):
    """Two thin lines that meet, in much noise; labels, -1 for noise."""
    rng = np.random.default_rng(seed)
    n_noise = round(noise * n)
    labels = np.append(rng.integers(2, size=n - n_noise), np.full(n_noise, -1))
    along = rng.normal(0, 10, n)
    rows = np.column_stack([along, np.where(labels == 0, 1, -1) * along]) + rng.normal(0, 1.5, (n, 2))
    rows += np.where(labels[:, None] == 0, [-20.0, 0.0], [20.0, 0.0])
    rows[labels < 0] = rng.uniform([-60, -60], [60, 60], (n_noise, 2))
    return rows, labels
