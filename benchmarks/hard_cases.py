"""Four problems on which a single k-means start ends in a worse optimum."""

import numpy as np
from overlaps import Setting, draw_mixture

from gaussmix import Mixture


def stretched() -> Mixture:
    """Three parallel clusters, 50 times as long as wide, which k-means cuts across."""
    return Mixture.from_parameters(
        np.full(3, 1 / 3), [[-5.0, 0.0], [0.0, 0.0], [5.0, 0.0]], np.tile(np.diag([1.0, 2500.0]), (3, 1, 1))
    )


def unbalanced() -> Mixture:
    """Three clusters with 28 % of the rows each close together, five with 3.2 % each far away."""
    means = [[0, 0], [6, 5], [12, 0], [50, -10], [50, 10], [60, 0], [70, -10], [70, 10]]
    covariances = np.repeat([1.0, 4.0], [3, 5])[:, None, None] * np.eye(2)
    return Mixture.from_parameters(np.repeat([0.28, 0.032], [3, 5]), means, covariances)


def grid() -> Mixture:
    """Fifteen round clusters on a grid of 5 by 3, four standard deviations apart."""
    means = [[4.0 * column, 4.0 * line] for column in range(5) for line in range(3)]
    return Mixture.from_parameters(np.full(15, 1 / 15), means, np.tile(np.eye(2), (15, 1, 1)))


def many() -> Mixture:
    """Twenty components in eight features, 75 rows each."""
    return draw_mixture(Setting("full", 1500, 8, 20, 0.002))


HARD_CASES = {"stretched": stretched, "unbalanced": unbalanced, "grid": grid, "many": many}
HARD_ROWS = 1500
