"""Mixtures with a given overlap of their components, and two sets of problems drawn from them.

The overlap of two components is the sum of the two probabilities of assigning a row of one to the other, by the greater
of the two weighted densities (Maitra & Melnykov 2010, section 2.1). A mixture is drawn, and the distances between its
means are scaled until the *average* overlap of all pairs is the wanted one. The probabilities are shares of draws that
stay the same while the scale changes: with ``x = s m_i + L_i z`` the squared distance from component j is
``|s W_j'(m_i - m_j) + W_j' L_i z|^2``, a parabola in the scale s whose three coefficients are computed once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, product

import numpy as np

from gaussmix import Mixture
from gaussmix.core.typing import FloatArray

PAIR_DRAWS = 400_000  # of all pairs together
MOST_DRAWS = 40_000  # of one component
HALVINGS = 20


@dataclass(frozen=True)
class Setting:
    """Settings to draw a problem and fit it.

    ``overlap`` is the average of all pairs of components. ``imbalance`` is the greatest weight over the least;
    the weights between grow geometrically. ``stretch`` is the greatest standard deviation along the axes of a
    component over the least. ``surplus`` is the number of components fitted beyond the true number.
    """

    structure: str
    n_rows: int
    n_features: int
    n_components: int
    overlap: float
    imbalance: float = 1.0
    stretch: float = 3.0
    surplus: int = 0
    seed: int = 0

    @property
    def fitted(self) -> int:
        return self.n_components + self.surplus

    def __str__(self) -> str:
        more = [f"overlap={self.overlap:g}"]
        more += [f"weights 1:{self.imbalance:g}"] * (self.imbalance > 1)
        more += [f"stretch={self.stretch:g}"] * (self.stretch > 3)
        more += [f"true k={self.n_components}"] * (self.surplus > 0)
        return f"{self.structure} {self.n_rows}x{self.n_features} k={self.fitted} {' '.join(more)}"


def draw_mixture(setting: Setting) -> Mixture:
    """Draw a mixture with the average overlap of its setting.

    Raises
    ------
    ValueError
        If the covariances differ so much that the components overlap less even with equal means.
    """
    d, k = setting.n_features, setting.n_components
    rng = np.random.default_rng([setting.seed, setting.n_rows, d, k, round(1e6 * setting.overlap)])
    weights = np.geomspace(1.0, setting.imbalance, k)
    weights /= weights.sum()
    means = rng.uniform(size=(k, d))
    roots = _draw_roots(setting, rng)
    scale = find_scale(weights, means, roots, setting.overlap, rng)
    dense = roots @ roots.transpose(0, 2, 1)
    covariances = {
        "full": dense,
        "tied": dense[0],
        "diag": dense.diagonal(axis1=1, axis2=2),
        "spherical": dense[:, 0, 0],
    }[setting.structure]
    return Mixture.from_parameters(weights, scale * means, covariances, covariance_type=setting.structure)


def _draw_roots(setting: Setting, rng: np.random.Generator) -> FloatArray:
    """Return roots of the covariances (k, d, d): deviations between 1 and the stretch, along random axes if full.

    Components that differ in each of many features would not overlap, so above four features the deviations are closer
    to each other.
    """
    d, k = setting.n_features, setting.n_components
    reach = math.log(setting.stretch) * min(1.0, 2.0 / math.sqrt(d))
    shared = setting.structure == "tied"
    directions = setting.structure in ("full", "tied")
    deviations = np.exp(rng.uniform(0.0, reach, (k, 1 if setting.structure == "spherical" else d)))
    if setting.stretch > 3 and d > 1:  # asked for: every component has an axis of each length
        deviations[:, 0], deviations[:, -1] = math.exp(reach), 1.0
    roots: FloatArray = np.einsum("kd,de->kde", np.broadcast_to(deviations, (k, d)), np.eye(d))
    if directions:
        axes = np.linalg.qr(rng.standard_normal((k, d, d)))[0]
        roots = np.linalg.cholesky(axes @ roots**2 @ axes.transpose(0, 2, 1))
    return np.broadcast_to(roots[:1], roots.shape) if shared else roots


def find_scale(
    weights: FloatArray,
    means: FloatArray,
    roots: FloatArray,
    overlap: float,
    rng: np.random.Generator,
    *,
    of_pairs: Callable[[FloatArray], float] = np.mean,
) -> float:
    """Return the factor of the means for the wanted overlap, the average of the pairs or another number."""
    k, d = means.shape
    above = np.triu_indices(k, 1)
    draws = min(MOST_DRAWS, PAIR_DRAWS // (k * (k - 1)))
    factors = np.linalg.inv(roots)  # (k, d, d), W'
    heights = 2.0 * (np.log(weights) - np.log(roots.diagonal(axis1=1, axis2=2)).sum(axis=1))
    noise = rng.standard_normal((k, draws, d))
    square = np.empty((k, k))
    cross, rest = np.empty((k, k, draws)), np.empty((k, k, draws))
    for i in range(k):
        gaps = np.einsum("jde,je->jd", factors, means[i] - means)
        turns = (factors @ roots[i]).reshape(k * d, d)
        whitened = (turns @ noise[i].T).reshape(k, d, draws)
        square[i] = (gaps**2).sum(axis=1)
        cross[i] = 2.0 * (gaps[:, None, :] @ whitened)[:, 0]
        rest[i] = np.einsum("jdn,jdn->jn", whitened, whitened) - (noise[i] ** 2).sum(axis=1)
    rest += (heights[:, None] - heights[None, :])[:, :, None]  # component j wins where the parabola is negative
    rest[np.arange(k), np.arange(k)] = np.inf

    def reached(scale: float) -> float:
        wins = (scale**2 * square[:, :, None] + scale * cross + rest < 0).mean(axis=2)
        return float(of_pairs((wins + wins.T)[above]))

    near, far = 1e-6, 1.0  # not 0, where components with the same covariance are equal
    if reached(near) < overlap:
        raise ValueError(f"an overlap of {overlap:g} is impossible: with equal means it is {reached(near):.3g}")
    while reached(far) > overlap:
        near, far = far, 2.0 * far
    for _ in range(HALVINGS):
        middle = 0.5 * (near + far)
        near, far = (middle, far) if reached(middle) > overlap else (near, middle)
    return far


def average_overlap(mixture: Mixture, n_rows: int, seed: int = 0) -> float:
    """Return the average overlap of a mixture by new draws, as a check of `find_scale`."""
    rng = np.random.default_rng(seed)
    k, d = mixture.means.shape
    total = 0.0
    dense = mixture.covariance.dense()
    for i, j in product(range(k), repeat=2):
        if i != j:
            pair = Mixture.from_parameters(
                mixture.weights[[i, j]] / mixture.weights[[i, j]].sum(), mixture.means[[i, j]], dense[[i, j]]
            )
            rows = pair.means[0] + pair.covariance.color(rng.standard_normal((n_rows, d)), 0)
            total += float(pair.labels(rows).mean())
    return total / (k * (k - 1) / 2)


def _pass_problems() -> tuple[Setting, ...]:
    """Return 210 problems for comparing numbers of passes: overlaps, sizes and rows per component, all structures."""
    sizes = ((2, 1), (2, 2), (3, 2), (3, 8), (5, 3), (5, 16), (8, 2), (8, 32), (12, 4), (20, 8), (32, 16), (50, 32))
    structures, rows_each = cycle(("full", "tied", "diag", "spherical")), cycle((40, 100, 400, 2000, 200))
    table = []
    for seed, overlap in enumerate((0.001, 0.005, 0.02, 0.05, 0.1, 0.2)):
        for number, (k, d) in enumerate(sizes):
            table += [
                Setting(next(structures), k * next(rows_each), d, k, overlap, seed=seed)
                for _ in range(3 if number else 2)
            ]
            next(structures)  # so that a size has other structures at the next overlap
    return tuple(table)


def _optima_problems() -> tuple[Setting, ...]:
    """Return problems of moderate size for comparing optima: all four structures of each."""
    usual = (
        (200, 2, 2, 0.05),
        (300, 1, 3, 0.02),
        (500, 2, 3, 0.01),
        (500, 2, 4, 0.05),
        (500, 4, 3, 0.05),
        (800, 3, 5, 0.01),
        (1000, 2, 5, 0.03),
        (1000, 4, 4, 0.1),
        (1000, 6, 6, 0.01),
        (1000, 2, 8, 0.005),
        (1500, 5, 8, 0.01),
        (1500, 8, 4, 0.03),
        (1500, 2, 12, 0.003),
        (2000, 3, 10, 0.005),
        (2000, 4, 15, 0.002),
        (2000, 8, 10, 0.005),
        (2000, 16, 5, 0.01),
        (3000, 4, 20, 0.002),
        (3000, 10, 12, 0.005),
        (3000, 16, 8, 0.005),
        (5000, 2, 6, 0.05),
        (5000, 8, 20, 0.002),
        (10000, 6, 10, 0.005),
        (20000, 3, 5, 0.02),
    )
    table = []
    for structure in ("full", "tied", "diag", "spherical"):
        table += [Setting(structure, *sizes) for sizes in usual if sizes[1] > 1 or structure in ("full", "tied")]
        table += [
            Setting(structure, 1500, 2, 6, 0.01, imbalance=20.0),
            Setting(structure, 2000, 4, 8, 0.005, imbalance=20.0),
            Setting(structure, 3000, 3, 10, 0.003, imbalance=20.0),
            Setting(structure, 800, 2, 3, 0.01, surplus=2),
            Setting(structure, 1000, 4, 3, 0.02, surplus=2),
        ]
        if structure != "spherical":
            table += [
                Setting(structure, 1000, 2, 4, 0.005, stretch=20.0),
                Setting(structure, 1500, 4, 5, 0.005, stretch=10.0),
            ]
    return tuple(table)


PASS_PROBLEMS = _pass_problems()
OPTIMA_PROBLEMS = _optima_problems()
