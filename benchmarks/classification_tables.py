"""Tables with known classes: of scikit-learn, of CSV files with a column ``class``, and simulated ones."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.decomposition import PCA

from gaussmix.core.typing import FloatArray, IntArray

Labeled = tuple[FloatArray, IntArray]

FILES = ("banknote", "crabs", "diabetes", "olive", "penguins4", "thyroid")
CLASS_COLUMNS = ("class", "region")
NOT_MEASURED = ("rownames", "area", *CLASS_COLUMNS)
_N = 400


def unequal(rng: np.random.Generator) -> Labeled:
    """Return three classes whose covariances differ in every way."""
    d, labels = 6, np.arange(_N) % 3
    shapes = rng.normal(size=(3, d, d)) * 0.6 + np.eye(d)
    centers = rng.normal(size=(3, d)) * 0.8
    return np.einsum("nd,nde->ne", rng.normal(size=(_N, d)), shapes[labels]) + centers[labels], labels


def crossed(rng: np.random.Generator) -> Labeled:
    """Return two classes of two clusters each, at opposite corners of a square, and three columns of noise."""
    corners = 1.2 * np.array([[1, 1], [-1, -1], [1, -1], [-1, 1]])
    part = rng.integers(0, 4, _N)
    rows = corners[part] + 0.7 * rng.normal(size=(_N, 2))
    return np.column_stack([rows, rng.normal(size=(_N, 3))]), part // 2


def heavy(rng: np.random.Generator) -> Labeled:
    """Return three classes with Student's t distribution of three degrees of freedom."""
    labels = rng.integers(0, 3, _N)
    return 1.5 * rng.normal(size=(3, 5))[labels] + 0.8 * rng.standard_t(3, size=(_N, 5)), labels


def one_covariance(rng: np.random.Generator) -> Labeled:
    """Return four classes with the same covariance in 15 columns."""
    labels = rng.integers(0, 4, _N)
    shape = 0.4 * rng.normal(size=(15, 15)) + np.eye(15)
    return 0.7 * rng.normal(size=(4, 15))[labels] + rng.normal(size=(_N, 15)) @ shape, labels


def skew(rng: np.random.Generator) -> Labeled:
    """Return three classes with log-normal columns."""
    labels = rng.integers(0, 3, _N)
    return np.exp(0.6 * (0.8 * rng.normal(size=(3, 4))[labels] + rng.normal(size=(_N, 4)))), labels


SIMULATED: dict[str, Callable[[np.random.Generator], Labeled]] = {
    "unequal": unequal,
    "crossed": crossed,
    "heavy tails": heavy,
    "one covariance": one_covariance,
    "skew": skew,
    "moons": lambda rng: datasets.make_moons(_N, noise=0.25, random_state=int(rng.integers(1000))),
    "circles": lambda rng: datasets.make_circles(_N, noise=0.15, factor=0.5, random_state=int(rng.integers(1000))),
}


def tables(folder: Path | None, seed: int, *, quick: bool) -> Iterator[tuple[str, FloatArray, IntArray]]:
    """Yield the name, the rows (n, d) and the classes (n,) of each table; a quick run has a third of them."""
    found: list[tuple[str, Labeled]] = []
    for name in ("iris", "wine", "breast_cancer", "digits"):
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        found.append((name, (PCA(16).fit_transform(X) if name == "digits" else X, y)))
    if folder is not None:
        found += [(name, _read(folder / f"{name}.csv")) for name in FILES]
    for name, draw in SIMULATED.items():
        found.append((name, draw(np.random.default_rng([seed, len(name)]))))
    for at, (name, (X, y)) in enumerate(found):
        if not quick or at % 3 == 0:
            yield name, np.ascontiguousarray(X, dtype=np.float64), np.unique(y, return_inverse=True)[1]


def _read(path: Path) -> Labeled:
    with path.open(newline="") as file:
        names, *lines = list(csv.reader(file))
    label = next(at for at, name in enumerate(names) if name in CLASS_COLUMNS)
    measured = [at for at, name in enumerate(names) if name not in NOT_MEASURED]
    rows = np.array([[float(line[at]) for at in measured] for line in lines])
    return rows, np.unique([line[label] for line in lines], return_inverse=True)[1]
