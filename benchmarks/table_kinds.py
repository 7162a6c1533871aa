"""Kinds of tables on which searches for the best optimum differ; each is a generator with a seed.

A kind is sound if the model is right and its clusters are clear, so that one sound optimum is the best. The others are
ambiguous: the model is wrong (heavy tails, clipped or rounded values), clusters have hardly more rows than parameters,
or components overlap.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import special_ortho_group

from gaussmix.core.typing import FloatArray, IntArray

Drawn = tuple[FloatArray, IntArray]
Draw = Callable[[np.random.Generator], Drawn]


@dataclass(frozen=True)
class Kind:
    """Generator of tables, with the model to fit.

    Attributes
    ----------
    name : str
        Name of the kind.
    k : int
        Number of components.
    structure : str
        Covariance type.
    draw : callable
        Function of a generator that returns rows (n, d) and the true components (n,).
    is_sound : bool
        Whether the model is right, and its clusters clear.
    is_big : bool
        Whether a quick run leaves it out.
    """

    name: str
    k: int
    structure: str
    draw: Draw
    is_sound: bool = True
    is_big: bool = False

    def table(self, variant: int) -> Drawn:
        """Return rows (n, d) and true components (n,) of one of the tables of this kind."""
        return self.draw(np.random.default_rng([zlib.crc32(self.name.encode()), variant]))


def balls(n: int, centers: FloatArray, spreads: float | FloatArray = 1.0, shares: FloatArray | None = None) -> Draw:
    """Return a generator of round clusters about the centers (k, d), with equal shares by default."""

    def draw(rng: np.random.Generator) -> Drawn:
        k, d = np.shape(centers)
        parts = np.full(k, 1 / k) if shares is None else np.asarray(shares) / np.sum(shares)
        labels = np.searchsorted(np.cumsum(parts), (np.arange(n) + 0.5) / n)
        widths = np.broadcast_to(np.asarray(spreads, dtype=float), (k,))
        return np.asarray(centers)[labels] + widths[labels, None] * rng.normal(size=(n, d)), labels

    return draw


def ladder(n: int, d: int, k: int, gap: float, directions: int = 1) -> Draw:
    """Return a generator of balls at equal distances along the diagonal of the first columns, beside noise."""
    step = np.r_[np.full(directions, gap), np.zeros(d - directions)]
    return balls(n, np.arange(k)[:, None] * step)


def scattered(n: int, d: int, k: int, width: float, telling: int | None = None) -> Draw:
    """Return a generator of balls at random places of a cube, or of a cube of the first columns beside noise."""

    def draw(rng: np.random.Generator) -> Drawn:
        centers = np.zeros((k, d))
        while True:
            centers[:, :telling] = rng.uniform(-width, width, size=(k, telling or d))
            gaps = np.linalg.norm(centers[:, None] - centers, axis=2) + 1e9 * np.eye(k)
            if gaps.min() > 5.5:
                return balls(n, centers)(rng)

    return draw


def turned(draw: Draw, stretch: float = 1.0) -> Draw:
    """Return a generator of the same rows after a random rotation, and another one after scaling the axes."""

    def turn(rng: np.random.Generator) -> Drawn:
        rows, labels = draw(rng)
        d = rows.shape[1]
        axes = np.geomspace(1.0, stretch, d)[:, None] * special_ortho_group.rvs(d, random_state=rng)
        return rows @ special_ortho_group.rvs(d, random_state=rng) @ axes, labels

    return turn


def scaled(draw: Draw, decades: float) -> Draw:
    """Return a generator of the same rows, each column in other units."""

    def scale(rng: np.random.Generator) -> Drawn:
        rows, labels = draw(rng)
        units = 10.0 ** rng.permutation(np.linspace(-decades, decades, rows.shape[1]))
        return rows * units, labels

    return scale


def beside(draw: Draw, columns: Callable[[np.random.Generator, tuple[int, int]], FloatArray], n_columns: int) -> Draw:
    """Return a generator of the same rows with columns that do not depend on the component."""

    def add(rng: np.random.Generator) -> Drawn:
        rows, labels = draw(rng)
        return np.column_stack([rows, columns(rng, (len(rows), n_columns))]), labels

    return add


def changed(draw: Draw, change: Callable[[FloatArray, np.random.Generator], FloatArray]) -> Draw:
    """Return a generator of the same rows after a change of their values."""

    def apply(rng: np.random.Generator) -> Drawn:
        rows, labels = draw(rng)
        return change(rows, rng), labels

    return apply


def repeated(draw: Draw, times: int, jitter: float) -> Draw:
    """Return a generator of rows that occur several times, but for small differences."""

    def repeat(rng: np.random.Generator) -> Drawn:
        rows, labels = draw(rng)
        many = np.repeat(rows, times, axis=0)
        return many + jitter * rng.normal(size=many.shape), np.repeat(labels, times)

    return repeat


def needles(n: int, d: int, k: int, length: float, width: float) -> Draw:
    """Return a generator of thin clusters in random directions, their centers in a cube."""

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % k
        centers = rng.uniform(-width, width, size=(k, d))
        directions = rng.normal(size=(k, d))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        along = length * rng.normal(size=n)
        return centers[labels] + along[:, None] * directions[labels] + rng.normal(size=(n, d)), labels

    return draw


def star(n: int, k: int, length: float) -> Draw:
    """Return a generator of thin clusters that cross at one point of the plane."""
    angles = np.pi * np.arange(k) / k

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % k
        along, across = length * rng.normal(size=n), rng.normal(size=n)
        cos, sin = np.cos(angles)[labels], np.sin(angles)[labels]
        return np.column_stack([along * cos - across * sin, along * sin + across * cos]), labels

    return draw


def bars(n: int, d: int, k: int, length: float, gap: float) -> Draw:
    """Return a generator of parallel long clusters side by side, turned by 45 degrees in the first two columns."""

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % k
        rows = rng.normal(size=(n, d))
        rows[:, 0] *= length
        rows[:, 1] += gap * labels
        rows[:, :2] = rows[:, :2] @ np.array([[1.0, 1.0], [-1.0, 1.0]])
        return rows, labels

    return draw


def chain(n: int, k: int) -> Draw:
    """Return a generator of clusters along an arc, each of them long in its direction."""

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % k
        angles = np.pi * labels / k
        radius = 4.5 * k / np.pi
        along, across = 1.0 * rng.normal(size=n), 0.4 * rng.normal(size=n)
        x = (radius + across) * np.cos(angles) - along * np.sin(angles)
        y = (radius + across) * np.sin(angles) + along * np.cos(angles)
        return np.column_stack([x, y]), labels

    return draw


def lattice(*sizes: int, gap: float) -> FloatArray:
    """Return the points of a grid with some sizes."""
    return gap * np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1).reshape(-1, len(sizes))


def families(n: int, d: int) -> Draw:
    """Return a generator of three groups of three clusters, the groups far apart."""

    def draw(rng: np.random.Generator) -> Drawn:
        groups = 60.0 * np.eye(3, d)
        children = 5.0 * np.stack([np.eye(3, d) @ special_ortho_group.rvs(d, random_state=rng) for _ in range(3)])
        return balls(n, (groups[:, None] + children).reshape(9, d))(rng)

    return draw


def sizes_with_spread(n: int, d: int, k: int) -> Draw:
    """Return a generator of clusters in a row; those with more rows are wider."""
    spreads = np.geomspace(0.3, 4.0, k)
    places = np.cumsum(np.r_[0.0, 4.0 * (spreads[1:] + spreads[:-1])])
    return balls(n, places[:, None] * np.eye(1, d), spreads, spreads)


def waves(n: int, d: int, k: int, noise: float) -> Draw:
    """Return a generator of sine waves of different frequencies with noise."""
    times = np.linspace(0, 1, d)
    return changed(
        balls(n, np.array([np.sin(2 * np.pi * (c + 1) * times) for c in range(k)]) / noise),
        lambda rows, _: noise * rows,
    )


def same_shape(n: int, d: int, k: int, shape: FloatArray, *, shared_axes: bool, spreads: FloatArray) -> Draw:
    """Return a generator of clusters of one shape, with common or random axes, in different sizes."""

    def draw(rng: np.random.Generator) -> Drawn:
        labels = np.arange(n) % k
        turns = np.stack([special_ortho_group.rvs(d, random_state=rng) for _ in range(k)])
        if shared_axes:
            turns[:] = turns[0]
        centers = rng.uniform(-9, 9, size=(k, d))
        noise = rng.normal(size=(n, d)) * np.asarray(shape) * np.asarray(spreads)[labels, None]
        return centers[labels] + np.einsum("nd,nde->ne", noise, turns[labels]), labels

    return draw


def corners(n: int, d: int, gap: float) -> Draw:
    """Return a generator of four clusters at the corners of a square of two columns, beside noise."""
    return balls(n, np.column_stack([lattice(2, 2, gap=gap), np.zeros((4, d - 2))]))


def t_columns(freedom: float, scale: float) -> Callable[[np.random.Generator, tuple[int, int]], FloatArray]:
    return lambda rng, shape: scale * rng.standard_t(freedom, size=shape)


EDGE = np.array([[0.0, 0.0, 0.0], [6.0, 0.0, 0.0], [0.0, 6.0, 0.0]])
UNIFORM = np.array([[1.0, 1.0], [5.0, 2.0], [3.0, 6.0]])

KINDS = (
    Kind("one column, 5 in 12", 5, "full", ladder(1000, 12, 5, 8.0)),
    Kind("a line in 12 columns", 5, "full", ladder(1000, 12, 5, 5.0, 12)),
    Kind("one turned direction, 5 in 15", 5, "full", turned(ladder(1000, 15, 5, 7.0))),
    Kind("one column, 3 in 50, diag", 3, "diag", ladder(1000, 50, 3, 8.0)),
    Kind("one column, 3 in 20, tied", 3, "tied", ladder(300, 20, 3, 10.0)),
    Kind("one column, 2 in 60", 2, "full", ladder(1500, 60, 2, 8.0)),
    Kind("one hidden direction, 3 in 8", 3, "full", turned(ladder(800, 8, 3, 7.0), 300.0)),
    Kind("a line in 16 columns", 5, "full", ladder(1000, 16, 5, 3.0, 16)),
    Kind("chain along an arc", 8, "full", chain(1600, 8)),
    Kind("touching in a row, tied", 6, "tied", ladder(1200, 2, 6, 4.5)),
    Kind("sizes 90:7:3", 3, "full", balls(1500, EDGE, 1.0, np.array([90.0, 7.0, 3.0]))),
    Kind("sizes 1:50, diag", 5, "diag", balls(2000, 7 * np.eye(5, 5), 1.0, np.geomspace(1, 50, 5))),
    Kind("one of 1 % in 8 columns", 2, "full", balls(2000, 8.0 * np.eye(2, 8), 1.0, np.array([99.0, 1.0]))),
    Kind("same means, spherical", 2, "spherical", balls(800, np.zeros((2, 3)), np.array([1.0, 4.0]))),
    Kind("same means, 3 spreads", 3, "full", balls(1500, np.zeros((3, 2)), np.array([0.2, 1.5, 10.0]))),
    Kind("same means in 10 columns", 2, "diag", balls(800, np.zeros((2, 10)), np.array([1.0, 2.0]))),
    Kind("nested", 3, "full", balls(1200, np.array([[0.0, 0], [1, 1], [30, 0]]), np.array([0.3, 5.0, 1.0]))),
    Kind("needles in the plane", 6, "full", needles(1200, 2, 6, 20.0, 60.0)),
    Kind("needles in 5 columns", 4, "full", needles(1000, 5, 4, 25.0, 20.0)),
    Kind("star of 3 needles", 3, "full", star(900, 3, 15.0)),
    Kind("parallel bars", 4, "full", bars(1000, 2, 4, 25.0, 7.0)),
    Kind("turned bars in 6, tied", 5, "tied", turned(bars(1000, 6, 5, 25.0, 7.0))),
    Kind("bars beside 10 of noise", 3, "full", bars(1500, 12, 3, 40.0, 7.0)),
    Kind("grid 4x4, spherical", 16, "spherical", balls(1600, lattice(4, 4, gap=7.0))),
    Kind("grid 5x5", 25, "full", balls(2500, lattice(5, 5, gap=7.0))),
    Kind("grid 2x2x2x2, diag", 16, "diag", balls(1600, lattice(2, 2, 2, 2, gap=7.0))),
    Kind("grid 8x8", 64, "spherical", balls(3200, lattice(8, 8, gap=8.0)), is_big=True),
    Kind("3 of 30 tell, diag", 4, "diag", scattered(1000, 30, 4, 7.0, 3)),
    Kind("2 of 20 tell", 4, "full", scattered(1500, 20, 4, 9.0, 2)),
    Kind("4 corners in 10 columns", 4, "full", corners(1200, 10, 7.0)),
    Kind("t columns beside", 3, "full", beside(scattered(1500, 2, 3, 9.0), t_columns(3, 5.0), 4), False),
    Kind("t columns beside, diag", 3, "diag", beside(scattered(1500, 2, 3, 9.0), t_columns(3, 5.0), 4), False),
    Kind("wide t(2) columns beside, tied", 4, "tied", beside(ladder(1000, 1, 4, 9.0), t_columns(2, 20.0), 3), False),
    Kind("mixed units", 4, "full", scaled(scattered(800, 6, 4, 6.0), 3.0)),
    Kind("mixed units, noise", 3, "diag", scaled(ladder(900, 12, 3, 7.0), 3.0)),
    Kind("mixed units, noise, full", 3, "full", scaled(ladder(900, 10, 3, 7.0), 3.0)),
    Kind("40 rows for 45 parameters", 3, "full", scattered(120, 8, 3, 6.0), False),
    Kind("blobs of 75 rows in 30", 4, "full", scattered(300, 30, 4, 10.0)),
    Kind("20 rows in 25 columns", 3, "full", ladder(60, 25, 3, 10.0), False),
    Kind("size and spread together", 5, "spherical", sizes_with_spread(1500, 3, 5)),
    Kind("size and spread together, full", 4, "full", sizes_with_spread(1500, 4, 4)),
    Kind("near-duplicates", 3, "full", repeated(scattered(200, 3, 3, 6.0), 4, 1e-2), False),
    Kind("clipped", 3, "full", changed(balls(900, UNIFORM), lambda rows, _: np.clip(rows, 0.0, 7.0)), False),
    Kind("rounded", 4, "full", changed(scattered(800, 3, 4, 7.0), lambda rows, _: np.round(rows)), False),
    Kind("100 columns, diag", 5, "diag", scattered(1500, 100, 5, 1.2)),
    Kind("waves of 100 samples", 5, "spherical", waves(1000, 100, 5, 1.5)),
    Kind("waves of 25 samples", 5, "full", waves(2000, 25, 5, 0.6)),
    Kind("50 rows", 2, "full", scattered(50, 2, 2, 6.0)),
    Kind("50 rows of a column", 3, "full", ladder(50, 1, 3, 7.0)),
    Kind("100,000 rows", 8, "full", scattered(100_000, 2, 8, 18.0), is_big=True),
    Kind("30,000 rows, one of 10 tells", 4, "full", ladder(30_000, 10, 4, 7.0), is_big=True),
    Kind("50,000 rows, diag", 20, "diag", scattered(50_000, 4, 20, 15.0), is_big=True),
    Kind("VVI", 4, "VVI", scaled(scattered(800, 6, 4, 5.0), 1.0)),
    Kind("EEV", 3, "EEV", same_shape(900, 3, 3, np.r_[1.0, 1, 8], shared_axes=False, spreads=np.ones(3))),
    Kind("VEE", 4, "VEE", same_shape(1000, 3, 4, np.r_[1.0, 2, 6], shared_axes=True, spreads=np.r_[0.2, 0.5, 1, 2])),
    Kind("EII beside noise", 4, "EII", ladder(400, 20, 4, 7.0)),
    Kind("64 in 8 columns, diag", 64, "diag", scattered(6400, 8, 64, 10.0), is_big=True),
    Kind("3 groups of 3", 9, "full", families(1800, 4)),
    Kind("clusters and background", 4, "full", balls(1500, 2.0 * np.eye(4, 3), np.r_[0.1, 0.1, 0.1, 4.0])),
    Kind("skewed columns", 3, "full", changed(balls(900, UNIFORM, 0.6), lambda rows, _: np.exp(0.5 * rows)), False),
    Kind("one turned direction in 15, units", 5, "full", turned(ladder(1500, 15, 5, 7.0), 300.0)),
    Kind("2 of 12 tell, turned, units", 4, "full", turned(scattered(1500, 12, 4, 9.0, 2), 300.0)),
    Kind("3 of 20 tell, units", 4, "full", scaled(scattered(1500, 20, 4, 7.0, 3), 3.0)),
    Kind("Cauchy columns beside", 3, "full", beside(scattered(1500, 2, 3, 9.0), t_columns(1, 20.0), 4), False),
    Kind("Cauchy columns beside, diag", 3, "diag", beside(scattered(1500, 2, 3, 9.0), t_columns(1, 20.0), 4), False),
    Kind("one of 5 % in 15, units", 2, "full", scaled(balls(1500, 8.0 * np.eye(2, 15), 1.0, np.r_[95.0, 5.0]), 2.0)),
    Kind("50 rows each in 10 columns", 3, "full", ladder(150, 10, 3, 10.0), False),
    Kind("one of 50 tells, units, tied", 3, "tied", scaled(ladder(500, 50, 3, 8.0), 2.0)),
)
"""All kinds; starts were chosen on those with even positions (half a) and confirmed on the others (half b)."""
