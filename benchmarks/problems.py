"""Benchmark problems: rows drawn from a mixture with moderate overlap.

The means come from a normal distribution so wide that two of them are 4 standard deviations apart (root mean square)
for any number of features, and the covariances are near the identity; above 64 features they are nearer to it, because
components that differ a little in each of many features would not overlap. `Problem.pairs` and `Problem.certainty`
report the overlap.
"""

from dataclasses import dataclass

import numpy as np

from gaussmix import Mixture
from gaussmix.core.typing import FloatArray

SEED = 20
LEAST_SHARE = 1e-16  # kNegligible in cpp/kernels/softmax.hpp


@dataclass(frozen=True)
class Shape:
    """Rows, features and components of a problem, and the structure of its covariances."""

    n_rows: int
    n_features: int
    n_components: int
    structure: str

    def __str__(self) -> str:
        return f"{self.n_rows:,} x {self.n_features}, k={self.n_components}, {self.structure}"


SHAPES = (
    Shape(1_000_000, 3, 5, "full"),
    Shape(200_000, 16, 16, "full"),
    Shape(50_000, 64, 16, "full"),
    Shape(100_000, 8, 128, "diag"),
    Shape(500_000, 32, 32, "diag"),
    Shape(500_000, 8, 16, "spherical"),
    Shape(200_000, 16, 16, "tied"),
)


def choose_shapes(quick: bool) -> list[Shape]:
    """Return the seven shapes, with a tenth of the rows for a quick run."""
    return [Shape(s.n_rows // 10, s.n_features, s.n_components, s.structure) if quick else s for s in SHAPES]


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows, the mixture they come from, and the overlap of its components on the first 20,000 of them.

    ``certainty`` is the mean of the largest responsibility of a row: 1 without overlap. ``pairs`` is the share of the
    pairs of a row and a component whose responsibility is not negligible (1e-16), which have to be summed.
    """

    shape: Shape
    rows: FloatArray
    truth: Mixture
    start_means: FloatArray
    certainty: float
    pairs: float


def draw_problem(shape: Shape) -> Problem:
    """Return rows and a start: the true means shifted by half a standard deviation."""
    rng = np.random.default_rng(SEED)
    d, k = shape.n_features, shape.n_components
    means = rng.standard_normal((k, d)) * (4.0 / np.sqrt(2.0 * d))
    nearer = min(1.0, np.sqrt(64.0 / d))
    covariances: FloatArray
    match shape.structure:
        case "full" | "tied":
            bends = np.eye(d) + 0.3 * nearer * rng.standard_normal((k, d, d)) / np.sqrt(d)
            covariances = bends @ bends.transpose(0, 2, 1)
        case "diag":
            covariances = 1.0 + nearer * rng.uniform(-0.5, 0.5, (k, d))
        case _:
            covariances = 1.0 + nearer * rng.uniform(-0.5, 0.5, k)
    if shape.structure == "tied":
        covariances = covariances[0]
    truth = Mixture.from_parameters(np.full(k, 1.0 / k), means, covariances, covariance_type=shape.structure)
    rows, _ = truth.sample(shape.n_rows, rng)
    shift = rng.standard_normal((k, d))
    shift *= 0.5 / np.linalg.norm(shift, axis=1, keepdims=True)
    shares = truth.responsibilities(rows[:20_000])
    certainty, pairs = shares.max(axis=1).mean(), (shares >= LEAST_SHARE).mean()
    return Problem(shape, rows, truth, means + shift, float(certainty), float(pairs))
