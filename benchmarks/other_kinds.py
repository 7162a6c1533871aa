"""Kinds of tables on which no start was chosen; each is a generator with a seed, as in table_kinds.py."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import hadamard
from scipy.stats import special_ortho_group
from table_kinds import (
    Draw,
    Drawn,
    Kind,
    balls,
    beside,
    changed,
    ladder,
    lattice,
    repeated,
    scaled,
    scattered,
    star,
    turned,
)

from gaussmix.core.typing import FloatArray

Replacement = Callable[[np.random.Generator, FloatArray, int], FloatArray]
"""Function that draws so many rows, given all rows."""


def unequal(draw_centers: Callable[[np.random.Generator], FloatArray], n: int, least: float, spread: float) -> Draw:
    """Return a generator of round clusters about random centers, with Dirichlet weights not below ``least``."""

    def draw(rng: np.random.Generator) -> Drawn:
        centers = draw_centers(rng)
        shares = least + (1 - least * len(centers)) * rng.dirichlet(np.ones(len(centers)))
        return balls(n, centers, spread, shares)(rng)

    return draw


def random_covariances(n: int, d: int, k: int, width: float, condition: float, *, tied: bool = False) -> Draw:
    """Return a generator of clusters with random covariances of a given condition number, their centers in a cube."""

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % k
        sizes = np.geomspace(1.0, condition**0.5, d)
        roots = np.stack(
            [sizes[rng.permutation(d), None] * special_ortho_group.rvs(d, random_state=rng) for _ in range(k)]
        )
        if tied:
            roots[:] = roots[0]
        centers = rng.uniform(-width, width, size=(k, d))
        return centers[labels] + np.einsum("nd,nde->ne", rng.normal(size=(n, d)), roots[labels]), labels

    return draw


def arcs(n: int, k: int, radius: float, noise: float) -> Draw:
    """Return a generator of two interlocking half circles; the labels are parts of them."""

    def draw(rng: np.random.Generator) -> Drawn:
        angles = np.pi * rng.uniform(size=n)
        second = np.arange(n) % 2
        x = radius * (np.cos(angles) * (1 - 2 * second) + second)
        y = radius * (np.sin(angles) * (1 - 2 * second) + 0.5 * second)
        labels = np.minimum((angles / np.pi * (k // 2)).astype(int), k // 2 - 1) + second * (k // 2)
        return np.column_stack([x, y]) + noise * rng.normal(size=(n, 2)), labels

    return draw


def replaced(draw: Draw, share: float, values: Replacement, *, own_label: bool) -> Draw:
    """Return a generator in which some rows are replaced; they keep their labels, or have one of their own."""

    def add(rng: np.random.Generator) -> Drawn:
        rows, labels = draw(rng)
        some = rng.permutation(len(rows))[: round(share * len(rows))]
        rows, labels = rows.copy(), labels.copy()
        rows[some] = values(rng, rows, len(some))
        if own_label:
            labels[some] = labels.max() + 1
        return rows, labels

    return add


def uniform(width: float) -> Replacement:
    """Return a function that draws rows in a cube about zero."""
    return lambda rng, rows, n: rng.uniform(-width, width, size=(n, rows.shape[1]))


def wide(times: float) -> Replacement:
    """Return a function that draws normal rows about the mean of all rows."""
    return lambda rng, rows, n: rows.mean(axis=0) + times * rng.normal(size=(n, rows.shape[1]))


def noise_of_processes(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Return rows (n, d) of a first-order autoregressive process with correlation 0.9."""
    noise = rng.normal(size=shape)
    for column in range(1, shape[1]):
        noise[:, column] = 0.9 * noise[:, column - 1] + np.sqrt(1 - 0.9**2) * noise[:, column]
    return noise


def factors_beside(draw: Draw, d: int, n_factors: int) -> Draw:
    """Return a generator of the same rows with strong common factors added in ``d`` columns, turned."""

    def add(rng: np.random.Generator) -> Drawn:
        rows, labels = draw(rng)
        rows = np.column_stack([rows, rng.normal(size=(len(rows), d - rows.shape[1]))])
        loadings = 30.0 * rng.normal(size=(n_factors, d))
        loadings[:, :3] = 0.0
        rows = rows + rng.normal(size=(len(rows), n_factors)) @ loadings
        return rows @ special_ortho_group.rvs(d, random_state=rng), labels

    return add


def planets(n: int, d: int) -> Draw:
    """Return a generator of five small balls inside one that is twenty times as wide."""

    def draw(rng: np.random.Generator) -> Drawn:
        centers = np.concatenate([np.zeros((1, d)), rng.normal(size=(5, d)) * 12.0])
        return balls(n, centers, np.r_[20.0, np.ones(5)], np.r_[3.0, np.ones(5)])(rng)

    return draw


def sparse(n: int, d: int, k: int, telling: int, gap: float) -> Draw:
    """Return a generator of balls whose centers differ from zero in a few columns each."""

    def draw(rng: np.random.Generator) -> Drawn:
        centers = np.zeros((k, d))
        for center in centers:
            center[rng.choice(d, telling, replace=False)] = gap * rng.choice([-1.0, 1.0], telling)
        return balls(n, centers)(rng)

    return draw


def trees(n: int, d: int, *gaps: float) -> Draw:
    """Return a generator of clusters of clusters: three at each level, with the distances of the levels."""

    def draw(rng: np.random.Generator) -> Drawn:
        centers = np.zeros((1, d))
        for gap in gaps:
            moves = np.stack(
                [gap * np.eye(3, d) @ special_ortho_group.rvs(d, random_state=rng) for _ in range(len(centers))]
            )
            centers = (centers[:, None] + moves).reshape(-1, d)
        return balls(n, centers)(rng)

    return draw


def ring(k: int, radius: float) -> FloatArray:
    angles = 2 * np.pi * np.arange(k) / k
    return radius * np.column_stack([np.cos(angles), np.sin(angles)])


def spiral(k: int) -> FloatArray:
    angles = np.cumsum(1.4 / np.sqrt(1 + 0.5 * np.arange(k)))
    return (3.0 + 4.0 * angles)[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])


def lines(n: int, k: int, d: int, correlation: float) -> Draw:
    """Return a generator of clusters at one place, each with two columns that are highly correlated."""

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % k
        rows = rng.normal(size=(n, d))
        for c in range(k):
            own, (i, j) = labels == c, ((c % d), ((c + 1 + c // d) % d))
            sign = -1.0 if (c // 2) % 2 else 1.0
            rows[own, j] = sign * (correlation * rows[own, i] + np.sqrt(1 - correlation**2) * rows[own, j])
        return rows + 0.5 * np.eye(k, d)[labels], labels

    return draw


def discrete(n_values: int) -> Callable[[np.random.Generator, tuple[int, int]], FloatArray]:
    return lambda rng, shape: rng.integers(n_values, size=shape).astype(float)


def normal_squares(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    return np.exp(1.2 * rng.normal(size=shape))


def spread_apart(k: int, d: int, width: float) -> Callable[[np.random.Generator], FloatArray]:
    """Return a function of centers in a cube that are not close together."""

    def draw(rng: np.random.Generator) -> FloatArray:
        while True:
            centers = rng.uniform(-width, width, size=(k, d))
            if (np.linalg.norm(centers[:, None] - centers, axis=2) + 1e9 * np.eye(k)).min() > 6:
                return centers

    return draw


def uniform_squares(rows: FloatArray, rng: np.random.Generator) -> FloatArray:
    return np.round(rows / 12) * 12 + rng.uniform(-3, 3, size=rows.shape)


def student_rows(freedom: float) -> Callable[[FloatArray, np.random.Generator], FloatArray]:
    """Return a change that divides the deviations from the nearest point of a grid of width 14 by a chi variable."""

    def change(rows: FloatArray, rng: np.random.Generator) -> FloatArray:
        places = np.round(rows / 14) * 14
        scale = np.sqrt(rng.chisquare(freedom, size=len(rows)) / freedom)
        return places + (rows - places) / scale[:, None]

    return change


CORNERS = hadamard(8)[:, 1:].astype(float)

OTHER_KINDS = (
    Kind("ring of 10", 10, "full", balls(1500, ring(10, 10.0))),
    Kind("ring of 24, spherical", 24, "spherical", balls(1800, ring(24, 25.0))),
    Kind("ring of 12 in 8 columns, diag", 12, "diag", balls(1500, np.c_[ring(12, 13.0), np.zeros((12, 6))])),
    Kind("spiral of 12", 12, "full", balls(1500, spiral(12))),
    Kind("spiral of 20, tied", 20, "tied", balls(2000, spiral(20))),
    Kind(
        "one huge and 8 tiny",
        9,
        "full",
        balls(3000, np.r_[np.zeros((1, 8)), 9 * np.eye(8)], 1.0, np.r_[92.0, np.ones(8)]),
    ),
    Kind(
        "one huge and 8 tiny, diag",
        9,
        "diag",
        balls(2000, np.r_[np.zeros((1, 8)), 9 * np.eye(8)], 1.0, np.r_[92.0, np.ones(8)]),
    ),
    Kind("Dirichlet weights, 8 in 3", 8, "full", unequal(spread_apart(8, 3, 10.0), 2000, 0.02, 1.0)),
    Kind(
        "Dirichlet weights, 15 in the plane, spherical",
        15,
        "spherical",
        unequal(spread_apart(15, 2, 18.0), 2000, 0.01, 1.0),
    ),
    Kind("Dirichlet weights, 6 in 10, tied", 6, "tied", unequal(spread_apart(6, 10, 5.0), 1500, 0.02, 1.0)),
    Kind("lognormal columns beside", 4, "full", beside(scattered(1500, 3, 4, 8.0), normal_squares, 2), False),
    Kind("lognormal columns beside, diag", 4, "diag", beside(scattered(1500, 3, 4, 8.0), normal_squares, 4), False),
    Kind("columns of 5 values beside", 4, "full", beside(scattered(1200, 3, 4, 8.0), discrete(5), 3), False),
    Kind("columns of 3 values beside, diag", 4, "diag", beside(scattered(1200, 3, 4, 8.0), discrete(3), 3), False),
    Kind(
        "counts",
        3,
        "full",
        changed(
            balls(1200, np.array([[1.0, 3, 1], [3.0, 1, 2], [2.0, 2, 4]]), 0.01),
            lambda m, rng: rng.poisson(m**2).astype(float),
        ),
        False,
    ),
    Kind("3 groups of 3 of 3", 27, "full", trees(2700, 4, 120.0, 30.0, 6.0)),
    Kind("3 groups of 3 of 3, spherical", 27, "spherical", trees(2000, 3, 100.0, 28.0, 7.0)),
    Kind("3 groups of 3 of 3, diag", 27, "diag", trees(2000, 6, 100.0, 28.0, 7.0)),
    Kind(
        "two scales",
        6,
        "full",
        balls(1800, np.r_[lattice(3, gap=1.0) * [[1.0, 1, 1]], 30.0 * np.eye(3)], np.r_[0.1, 0.1, 0.1, 4, 4, 4]),
    ),
    Kind(
        "two scales, spherical",
        6,
        "spherical",
        balls(
            1200, np.r_[lattice(3, gap=1.0) * [[1.0, 1]], [[30.0, 0], [0, 30], [30, 30]]], np.r_[0.1, 0.1, 0.1, 4, 4, 4]
        ),
    ),
    Kind("crossing lines, 2 in the plane", 2, "full", star(600, 2, 10.0)),
    Kind("crossing lines, 5 in the plane", 5, "full", star(2000, 5, 30.0)),
    Kind("correlations of 0.99, 3 in 4", 3, "full", lines(1200, 3, 4, 0.99)),
    Kind("correlations of 0.99, 5 in 5", 5, "full", lines(2000, 5, 5, 0.99)),
    Kind("Hadamard corners", 8, "full", balls(1600, 2.5 * CORNERS)),
    Kind("Hadamard corners beside 12, diag", 8, "diag", balls(1200, np.c_[2.0 * CORNERS, np.zeros((8, 12))])),
    Kind("Hadamard corners, turned, units", 8, "full", turned(balls(1600, 2.5 * CORNERS), 100.0)),
    Kind("cube corners in 4, tied", 16, "tied", balls(1600, lattice(2, 2, 2, 2, gap=6.0))),
    Kind("sparse blobs in 60, diag", 6, "diag", sparse(1500, 60, 6, 4, 4.0)),
    Kind("sparse blobs in 25", 5, "full", sparse(1500, 25, 5, 3, 5.0)),
    Kind("sparse blobs in 40, tied", 6, "tied", sparse(900, 40, 6, 3, 5.0)),
    Kind("simplex, 10 in 9", 10, "full", balls(2000, 7.0 * np.eye(10, 9))),
    Kind("shells, 4 in 6, spherical", 4, "spherical", balls(1500, np.zeros((4, 6)), np.geomspace(0.3, 30, 4))),
    Kind("shells, 3 in 4, diag", 3, "diag", balls(1200, np.zeros((3, 4)), np.geomspace(0.5, 20, 3))),
    Kind("random covariances, 10 in 5", 10, "full", random_covariances(2500, 5, 10, 30.0, 100.0)),
    Kind("random covariances, 4 in 12", 4, "full", random_covariances(2000, 12, 4, 12.0, 100.0)),
    Kind("random covariances, 8 in the plane", 8, "full", random_covariances(1600, 2, 8, 40.0, 100.0)),
    Kind("common random covariance, tied", 8, "tied", random_covariances(1600, 4, 8, 60.0, 3000.0, tied=True)),
    Kind("uniform squares", 6, "full", changed(balls(1200, lattice(2, 3, gap=12.0), 1.0), uniform_squares), False),
    Kind("two arcs", 6, "full", arcs(1500, 6, 10.0, 0.6), False),
    Kind("Student clusters", 4, "full", changed(balls(1500, lattice(2, 2, gap=14.0), 1.0), student_rows(3.0)), False),
    Kind(
        "Student clusters, 3 in 5, diag",
        3,
        "diag",
        changed(balls(1500, 14.0 * np.eye(3, 5), 1.0), student_rows(2.0)),
        False,
    ),
    Kind(
        "outliers with a component",
        5,
        "full",
        replaced(scattered(1500, 3, 4, 8.0), 0.04, uniform(40.0), own_label=True),
    ),
    Kind(
        "outliers without", 4, "full", replaced(scattered(1500, 3, 4, 8.0), 0.02, uniform(40.0), own_label=False), False
    ),
    Kind("planets", 6, "full", planets(1600, 3)),
    Kind("planets, spherical", 6, "spherical", planets(1600, 3)),
    Kind("far from zero", 5, "full", changed(scattered(1000, 4, 5, 6.0), lambda rows, _: rows + 1e6)),
    Kind("columns of a process beside", 4, "full", beside(scattered(1500, 2, 4, 9.0), noise_of_processes, 15)),
    Kind("factors beside", 3, "full", factors_beside(ladder(1500, 2, 3, 8.0), 12, 3)),
    Kind("2 in 30, in all columns", 2, "full", balls(1000, np.c_[[0.0, 1.4]] * np.ones(30))),
    Kind("3 in 40, in all columns, tied", 3, "tied", scattered(600, 40, 3, 1.5)),
    Kind("20 in 10, spherical", 20, "spherical", scattered(1500, 10, 20, 5.0)),
    Kind("30 in 6", 30, "full", scattered(3000, 6, 30, 9.0)),
    Kind(
        "sums of columns, nearly",
        4,
        "full",
        changed(
            scattered(1000, 3, 4, 8.0), lambda rows, rng: np.c_[rows, rows.sum(1) + 1e-3 * rng.normal(size=len(rows))]
        ),
    ),
    Kind(
        "a cell of a grid missing, units", 8, "diag", scaled(balls(1200, np.delete(lattice(3, 3, gap=6.5), 4, 0)), 2.0)
    ),
    Kind("repeated twice", 5, "full", repeated(scattered(500, 3, 5, 8.0), 2, 1e-6), False),
    Kind("one column, 8", 8, "full", ladder(1200, 1, 8, 6.0)),
    Kind(
        "one column, 6, unequal",
        6,
        "full",
        balls(1500, np.cumsum([0.0, 3, 5, 9, 16, 40])[:, None], np.r_[0.3, 0.5, 1, 2, 4, 8]),
    ),
)
"""All other kinds."""
