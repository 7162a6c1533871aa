"""Kinds of tables that were thought of after the search was made; generators with a seed, as in table_kinds.py."""

from collections.abc import Callable

import numpy as np
from other_kinds import random_covariances, replaced, ring, sparse, spread_apart, unequal, wide
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
    needles,
    scaled,
    scattered,
    t_columns,
)

from gaussmix.core.typing import FloatArray


def along_curve(n: int, k: int, noise: float, curve: Callable[[FloatArray], FloatArray]) -> Draw:
    """Return a generator of rows about a curve (n, d) of numbers between 0 and 1; the labels are k parts of it."""

    def draw(rng: np.random.Generator) -> Drawn:
        places = rng.uniform(size=n)
        rows = curve(places)
        return rows + noise * rng.normal(size=rows.shape), np.minimum((k * places).astype(int), k - 1)

    return draw


def spiral(places: FloatArray) -> FloatArray:
    angles = 1.5 * np.pi + 5 * np.pi * np.sqrt(places)
    return angles[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])


def helix(places: FloatArray) -> FloatArray:
    angles = 6 * np.pi * places
    return np.column_stack([8 * np.cos(angles), 8 * np.sin(angles), 3 * angles])


def circle(places: FloatArray) -> FloatArray:
    return 10 * np.column_stack([np.cos(2 * np.pi * places), np.sin(2 * np.pi * places)])


def flat(n: int, d: int, ranks: list[int], width: float, thickness: float) -> Draw:
    """Return a generator of clusters of different dimensions in random directions, their centers in a cube."""

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % len(ranks)
        rows = thickness * rng.normal(size=(n, d))
        for at, rank in enumerate(ranks):
            own = labels == at
            axes = special_ortho_group.rvs(d, random_state=rng)[:rank]
            rows[own] += rng.uniform(-width, width, size=d) + 5.0 * rng.normal(size=(own.sum(), rank)) @ axes
        return rows, labels

    return draw


def bars_through_zero(n: int, d: int, k: int, length: float) -> Draw:
    """Return a generator of thin clusters in random directions that cross at one point."""
    return needles(n, d, k, length, 1e-9)


def pairs(n: int, d: int, correlation: float) -> Draw:
    """Return a generator of two clusters that differ in the sign of the correlation of each pair of columns."""

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % 2
        rows = rng.normal(size=(n, d))
        signs = np.where(labels == 0, 1.0, -1.0)[:, None]
        rows[:, 1::2] = signs * correlation * rows[:, ::2] + np.sqrt(1 - correlation**2) * rows[:, 1::2]
        return rows, labels

    return draw


def processes(n: int, d: int, *dependences: float) -> Draw:
    """Return a generator of autoregressive series of unit variance that differ in their dependence."""

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % len(dependences)
        rows = rng.normal(size=(n, d))
        phi = np.asarray(dependences)[labels]
        for column in range(1, d):
            rows[:, column] = phi * rows[:, column - 1] + np.sqrt(1 - phi**2) * rows[:, column]
        return rows, labels

    return draw


def groups_of_groups(n: int, d: int, sizes: list[int], far: float, near: float) -> Draw:
    """Return a generator of groups of different numbers of clusters."""

    def draw(rng: np.random.Generator) -> Drawn:
        centers = []
        for at, size in enumerate(sizes):
            own = spread_apart(size, d, near)(rng)
            centers.append(far * np.eye(len(sizes), d)[at] * (1 + at) + own)
        return balls(n, np.concatenate(centers))(rng)

    return draw


def one_direction(n: int, d: int, gap: float, freedom: float) -> Draw:
    """Return a generator of two clusters along a direction of three columns, beside t noise in the others."""

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % 2
        rows = rng.standard_t(freedom, size=(n, d))
        basis = special_ortho_group.rvs(3, random_state=rng)
        signal = np.column_stack([gap * (labels - 0.5), np.zeros((n, 2))]) + rng.normal(size=(n, 3))
        rows[:, :3] = signal @ basis
        return rows, labels

    return draw


def parity(n: int, d: int, gap: float) -> Draw:
    """Return a generator of the corners of a cube with an even sum, beside noise: no two columns tell of clusters."""
    corners = lattice(2, 2, 2, gap=1.0)
    even = corners[corners.sum(axis=1) % 2 == 0]
    return balls(n, gap * np.column_stack([even, np.zeros((4, d - 3))]))


def skewed(n: int, d: int, k: int, width: float) -> Draw:
    """Return a generator of clusters with exponential deviations in random directions."""

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % k
        centers = spread_apart(k, d, width)(rng)
        signs = rng.choice([-1.0, 1.0], size=(k, d))
        return centers[labels] + signs[labels] * rng.exponential(size=(n, d)), labels

    return draw


def inflated(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Return columns most of whose values are near zero, and the others exponential."""
    return np.where(rng.uniform(size=shape) < 0.8, 0.01 * rng.normal(size=shape), rng.exponential(size=shape))


def shares(rows: FloatArray, _: np.random.Generator) -> FloatArray:
    """Return rows as proportions, without one that follows from the others."""
    odds = np.exp(rows)
    return (odds / odds.sum(axis=1, keepdims=True))[:, 1:]


def coarse(rows: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return rounded rows with a little noise."""
    return np.round(2 * rows) / 2 + 1e-3 * rng.normal(size=rows.shape)


def rotated_units(rows: FloatArray, rng: np.random.Generator) -> FloatArray:
    d = rows.shape[1]
    return (rows * 10.0 ** np.linspace(0, 4, d)) @ special_ortho_group.rvs(d, random_state=rng)


def in_three(rows: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the rows of the plane rolled up in three dimensions."""
    angle = rows[:, 0]
    return np.column_stack([angle * np.cos(angle), rows[:, 1], angle * np.sin(angle)]) + 0.1 * rng.normal(
        size=(len(rows), 3)
    )


def hexagons(rng: np.random.Generator) -> FloatArray:
    """Return 14 of the 20 points of a hexagonal grid."""
    points = lattice(4, 5, gap=7.0)
    points[:, 0] += 3.5 * (np.arange(len(points)) % 2)
    return points[rng.permutation(len(points))[:14]]


def moons(rng: np.random.Generator, n: int = 1200) -> Drawn:
    angles, second = np.pi * rng.uniform(size=n), np.arange(n) % 2
    x, y = np.cos(angles) * (1 - 2 * second) + second, np.sin(angles) * (1 - 2 * second) + 0.5 * second
    return np.column_stack([x, y]) + 0.08 * rng.normal(size=(n, 2)), second


def noise_of_scales(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    return rng.normal(size=shape) * np.geomspace(0.1, 1000.0, shape[1])


def variances_apart(n: int, d: int, telling: int, times: float) -> Draw:
    """Return a generator of two clusters that differ in the variance of some columns."""

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % 2
        rows = rng.normal(size=(n, d))
        rows[labels == 1, :telling] *= times
        return rows, labels

    return draw


def ovals(n: int, k: int, d: int, width: float, lengths: FloatArray) -> Draw:
    """Return a generator of clusters with the same axes, long where they do not differ."""

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % k
        centers = rng.uniform(-width, width, size=(k, d)) * (np.asarray(lengths) < 2)
        return centers[labels] + rng.normal(size=(n, d)) * lengths, labels

    return draw


def shuffled(draw: Draw) -> Draw:
    """Return a generator of the same rows in random order."""

    def shuffle(rng: np.random.Generator) -> Drawn:
        rows, labels = draw(rng)
        order = rng.permutation(len(rows))
        return rows[order], labels[order]

    return shuffle


def inside(n: int, d: int, share: float, width: float, away: float) -> Draw:
    """Return a generator of a small cluster inside a wide one, in random order."""

    def draw(rng: np.random.Generator) -> Drawn:
        centers = np.stack([np.zeros(d), away * rng.normal(size=d)])
        return shuffled(balls(n, centers, np.r_[1.0, width], np.r_[1 - share, share]))(rng)

    return draw


def uniform(n: int, d: int, k: int) -> Draw:
    return lambda rng: (rng.uniform(size=(n, d)), np.arange(n) % k)


def one_normal(n: int, d: int, k: int) -> Draw:
    return lambda rng: (rng.normal(size=(n, d)), np.arange(n) % k)


FURTHER_KINDS = (
    Kind("spiral curve", 12, "full", along_curve(1500, 12, 0.4, spiral), False),
    Kind("helix", 10, "full", along_curve(1200, 10, 0.5, helix), False),
    Kind("circle cut in arcs", 8, "full", along_curve(1200, 8, 0.4, circle), False),
    Kind("circle cut in arcs, diag", 10, "diag", along_curve(1200, 10, 0.4, circle), False),
    Kind("huge and tiny at one mean", 2, "full", balls(1500, np.zeros((2, 3)), np.r_[10.0, 0.1], np.r_[95.0, 5])),
    Kind(
        "huge and tiny at one mean, 3 in 6",
        3,
        "diag",
        balls(1500, np.zeros((3, 6)), np.r_[30, 1, 0.03], np.r_[90.0, 5, 5]),
    ),
    Kind("thin bars cross in 10 columns", 4, "full", bars_through_zero(1200, 10, 4, 25.0)),
    Kind("thin bars cross in 4 columns, 6", 6, "full", bars_through_zero(1500, 4, 6, 30.0)),
    Kind(
        "small counts, diag",
        3,
        "diag",
        changed(
            balls(900, np.array([[1.0, 3, 5, 2], [3.0, 1, 2, 4], [4.0, 4, 1, 1]]), 0.01),
            lambda m, rng: rng.poisson(m**2).astype(float),
        ),
        False,
    ),
    Kind("proportions", 3, "full", changed(balls(900, 3 * np.eye(3, 4), 0.4), shares), False),
    Kind("logs are normal", 4, "full", changed(balls(1200, 1.2 * np.eye(4, 3), 0.3), lambda r, _: np.exp(r)), False),
    Kind("logs are normal, diag", 5, "diag", changed(scattered(1200, 4, 5, 6.0), lambda r, _: np.exp(0.3 * r)), False),
    Kind("only correlations differ", 2, "full", pairs(1000, 6, 0.8)),
    Kind("only correlations differ, 2 columns", 2, "full", pairs(800, 2, 0.9)),
    Kind("condition 1e6", 6, "full", random_covariances(1500, 4, 6, 500.0, 1e6)),
    Kind("condition 1e6, close", 4, "full", random_covariances(1500, 5, 4, 50.0, 1e6)),
    Kind("hexagons with gaps", 14, "full", unequal(hexagons, 1500, 0.03, 1.0)),
    Kind("hexagons with gaps, spherical", 14, "spherical", unequal(hexagons, 1400, 0.05, 1.0)),
    Kind("groups of 1, 2, 4 and 5", 12, "full", groups_of_groups(1800, 5, [1, 2, 4, 5], 40.0, 8.0)),
    Kind("groups of 1, 3 and 6, spherical", 10, "spherical", groups_of_groups(1000, 3, [1, 3, 6], 60.0, 9.0)),
    Kind("a t column beside needles", 4, "full", beside(needles(1200, 3, 4, 20.0, 40.0), t_columns(2, 5.0), 1), False),
    Kind("t(1.5) columns beside", 3, "full", beside(ladder(1200, 2, 3, 8.0), t_columns(1.5, 3.0), 3), False),
    Kind("t(1.5) columns beside, diag", 4, "diag", beside(scattered(1200, 3, 4, 8.0), t_columns(1.5, 3.0), 2), False),
    Kind("units of 1e4, turned, tied", 5, "tied", changed(scattered(1000, 5, 5, 5.0), rotated_units)),
    Kind("units of 1e4, turned", 5, "full", changed(scattered(1200, 6, 5, 5.0), rotated_units)),
    Kind("coarse with jitter", 4, "full", changed(scattered(1000, 3, 4, 6.0), coarse), False),
    Kind("6 for 3 clusters", 6, "full", scattered(900, 3, 3, 8.0), False),
    Kind("5 for 3 clusters, diag", 5, "diag", scattered(900, 4, 3, 8.0), False),
    Kind("1 % spread 30 times", 4, "full", replaced(scattered(1500, 4, 3, 7.0), 0.01, wide(30.0), own_label=True)),
    Kind(
        "1 % spread 30 times, no component",
        3,
        "full",
        replaced(scattered(1500, 4, 3, 7.0), 0.01, wide(30.0), own_label=False),
        False,
    ),
    Kind("300 rows in 40 columns, diag", 4, "diag", scattered(300, 40, 4, 2.0)),
    Kind("300 rows in 40 columns, tied", 3, "tied", sparse(300, 40, 3, 5, 5.0)),
    Kind("300 rows in 50 columns, spherical", 5, "spherical", sparse(300, 50, 5, 4, 5.0)),
    Kind("300 rows in 30 columns", 2, "full", sparse(300, 30, 2, 5, 5.0), False),
    Kind("simplex in 20, spherical", 21, "spherical", balls(2100, 7.0 * np.eye(21, 20))),
    Kind("simplex in 20, tied", 12, "tied", balls(1800, 7.0 * np.eye(12, 20))),
    Kind("one direction of 3 columns, t(4) noise", 2, "full", one_direction(1200, 12, 7.0, 4.0), False),
    Kind("one direction of 3 columns, t(2) noise", 2, "full", one_direction(1200, 8, 8.0, 2.0), False),
    Kind("planes in 8 columns", 4, "full", flat(1500, 8, [2, 2, 2, 2], 6.0, 0.2)),
    Kind("point, line, plane and ball", 4, "full", flat(1200, 4, [0, 1, 2, 4], 8.0, 0.3)),
    Kind("exponential deviations", 5, "full", skewed(1200, 3, 5, 9.0), False),
    Kind("exponential deviations, diag", 5, "diag", skewed(1200, 3, 5, 9.0), False),
    Kind("processes in 12 columns", 3, "full", processes(1800, 12, 0.9, 0.0, -0.8)),
    Kind("parity of three columns beside 7", 4, "full", parity(1200, 10, 6.0)),
    Kind("parity of three columns beside 20, diag", 4, "diag", parity(1000, 23, 5.0)),
    Kind("near zero or exponential beside", 4, "full", beside(scattered(1200, 3, 4, 8.0), inflated, 2), False),
    Kind("noise of many scales beside", 5, "full", beside(ladder(1200, 1, 5, 7.0), noise_of_scales, 7)),
    Kind(
        "roll in three columns",
        10,
        "full",
        changed(uniform(1500, 2, 10), lambda r, g: in_three(r * [9.0, 10] + [4.0, 0], g)),
        False,
    ),
    Kind("moons in 6 columns", 6, "full", beside(moons, lambda rng, shape: 0.1 * rng.normal(size=shape), 4), False),
    Kind("variances of 4 in 30 columns, diag", 2, "diag", variances_apart(1000, 30, 4, 4.0)),
    Kind("variances of 3 in 10 columns", 2, "full", variances_apart(1500, 10, 3, 5.0)),
    Kind("long along the same axes, tied", 8, "tied", ovals(1200, 8, 4, 12.0, np.r_[1.0, 1, 30, 100])),
    Kind("long along the same axes, diag", 6, "diag", ovals(1200, 6, 5, 12.0, np.r_[1.0, 1, 1, 30, 100])),
    Kind("ovals as balls", 5, "spherical", random_covariances(1000, 3, 5, 20.0, 20.0), False),
    Kind("turned ovals, diag", 5, "diag", random_covariances(1200, 3, 5, 25.0, 50.0), False),
    Kind("2 % inside, 3 columns", 2, "full", inside(1500, 3, 0.02, 0.01, 0.0)),
    Kind("2 % inside, 2 columns, diag", 2, "diag", inside(1500, 2, 0.02, 0.01, 0.5)),
    Kind("3 % inside, 6 columns", 2, "full", inside(1500, 6, 0.03, 0.02, 0.5)),
    Kind("5 % inside, 3 columns", 2, "full", inside(1500, 3, 0.05, 0.05, 0.5)),
    Kind("3 % inside, 4 columns, spherical", 2, "spherical", inside(1000, 4, 0.03, 0.03, 0.3)),
    Kind("uniform cube", 4, "full", uniform(1000, 3, 4), False),
    Kind("uniform square, spherical", 6, "spherical", uniform(1000, 2, 6), False),
    Kind("one normal, 3", 3, "full", one_normal(800, 3, 3), False),
    Kind("one normal, 3, diag", 3, "diag", one_normal(800, 5, 3), False),
    Kind("one column, 15", 15, "full", ladder(1800, 1, 15, 7.0)),
    Kind(
        "Hadamard corners of 16 beside 5, tied",
        16,
        "tied",
        balls(1600, np.c_[2.2 * hadamard(16)[:, 1:], np.zeros((16, 5))]),
    ),
    Kind(
        "wheel",
        9,
        "full",
        balls(1500, np.r_[np.zeros((1, 2)), ring(8, 12.0)], np.r_[3.0, np.ones(8)], np.r_[4.0, np.ones(8)]),
    ),
    Kind("sizes 1:200 of 12", 12, "full", unequal(spread_apart(12, 4, 12.0), 3000, 0.008, 1.0)),
    Kind("five in units of 1e6, diag", 5, "diag", scaled(scattered(800, 8, 5, 4.0), 6.0)),
)
"""Further kinds."""
