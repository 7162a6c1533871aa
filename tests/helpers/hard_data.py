"""Degenerate data, and a check of models fitted to them."""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import make_circles

from helpers.datasets import COVARIANCE_TYPES, read_only

ALL, MATRICES, NONE = frozenset(COVARIANCE_TYPES), frozenset({"full", "tied"}), frozenset()
COLUMNS = ALL - {"spherical"}


@dataclass(frozen=True, eq=False)
class Case:
    """Rows for k components, with the covariance types whose fit must warn for any start, or the expected error."""

    rows: np.ndarray
    n_components: int = 3
    must_warn: frozenset = NONE
    weights: np.ndarray | None = None
    error: str | None = None

    def __post_init__(self):
        read_only(self.rows)
        if self.weights is not None:
            read_only(self.weights)


def _rng(seed=0):
    return np.random.default_rng(seed)


def _normal(*shape, seed=0):
    return _rng(seed).standard_normal(shape)


BASE = _normal(300, 3) + 4.0 * (np.arange(300) < 150)[:, None]
SMALL = _normal(40, 2, seed=1)
LINE = _normal(300, seed=2)
BITS = _rng(3).integers(0, 2, (200, 4))
PIXELS = _rng(4).integers(0, 256, (400, 3))
WEIGHTS = _rng(5).uniform(0.5, 2.0, 300)
HALF = np.arange(300) % 2 == 0


def _with(rows, row, column, value):
    changed = np.array(rows, dtype=float)
    changed[row, column] = value
    return changed


def _planes():
    planes = _normal(300, 3, seed=6)
    planes[:150, 2] = 0.0
    planes[150:, 2] = planes[150:, 0] + 5.0
    return planes


CASES = {
    # too little
    "fewer rows than components": Case(BASE[:2].copy(), error="n_samples >= n_components|fewer"),
    "one row": Case(BASE[:1].copy(), 1, error="minimum of 2"),
    "two rows": Case(BASE[:2].copy(), 2, ALL),
    "two rows, one component": Case(BASE[:2].copy(), 1, MATRICES),
    "as many components as rows": Case(SMALL[:10].copy(), 10, ALL),
    "one component less than rows": Case(SMALL[:10].copy(), 9),
    "three rows per component": Case(SMALL[:30].copy(), 10),
    "fewer rows than columns": Case(_normal(20, 30, seed=7), 2, MATRICES),
    "as many rows as columns": Case(_normal(20, 20, seed=7), 2, MATRICES),
    "64 columns, 70 rows": Case(_normal(70, 64, seed=8), 2),
    "more components than different rows": Case(np.repeat(SMALL[:3], 4, axis=0), 5, ALL),
    # equal rows
    "all rows equal": Case(np.tile([3.0, -1.0, 0.1], (50, 1)), 3, ALL),
    "all rows zero": Case(np.zeros((50, 2)), 2, ALL),
    "all rows equal, one component": Case(np.full((20, 2), 1e8), 1, ALL),
    "all rows twice": Case(np.repeat(BASE, 2, axis=0)),
    "half of the rows equal": Case(np.where(HALF[:, None], BASE[:1], BASE)),
    "three different rows": Case(np.repeat(BASE[:3], 60, axis=0), 3, ALL),
    "five different rows": Case(np.repeat(BASE[:5], 60, axis=0)),
    "one row 200 times in noise": Case(np.r_[np.tile(BASE[:1], (200, 1)), BASE]),
    "spike and slab": Case(np.r_[np.zeros((150, 2)), 10 * _normal(150, 2, seed=9)], 2),
    "two different numbers": Case(np.where(HALF, 0.0, 1.0)[:, None], 2, ALL),
    "plus and minus one": Case(np.where(HALF, 1.0, -1.0)[:, None] * np.ones(2), 3, ALL),
    # columns
    "constant column": Case(np.c_[BASE, np.ones(300)], 3, COLUMNS),
    "column of zeros": Case(np.c_[np.zeros(300), BASE], 3, COLUMNS),
    "column of 1e8": Case(np.c_[BASE, np.full(300, 1e8)], 3, COLUMNS),
    "column of 0.1": Case(np.c_[BASE, np.full(300, 0.1)], 3, COLUMNS),
    "column of 1e-300": Case(np.c_[BASE, np.full(300, 1e-300)], 3, COLUMNS),
    "column of about 1e-300": Case(np.c_[BASE, 1e-300 * LINE], 3),
    "column of one other value": Case(np.c_[BASE, np.arange(300) == 7]),
    "column twice": Case(np.c_[BASE, BASE[:, 1]], 3, MATRICES),
    "column twice in other units": Case(np.c_[BASE, 1e-8 * BASE[:, 1] + 3], 3, MATRICES),
    "sum of columns": Case(np.c_[BASE, BASE @ [1.0, -2.0, 0.5]], 3, MATRICES),
    "almost a sum of columns": Case(np.c_[BASE, BASE @ [1.0, -2.0, 0.5] + 1e-6 * LINE], 3),
    "line in 3 dimensions": Case(np.outer(LINE, [1.0, 2.0, -3.0]) + 1, 3, MATRICES),
    "parallel lines": Case(np.c_[LINE, np.where(HALF, 0.0, 1.0)], 2),
    "two planes": Case(_planes(), 2),
    "one column": Case(BASE[:, :1].copy(), 2),
    "one column, many components": Case(LINE[:, None].copy(), 20),
    # whole numbers
    "small grid": Case(_rng(10).integers(0, 4, (300, 2)).astype(float), 3),
    "one of five": Case(np.eye(5)[_rng(11).integers(0, 5, 300)], 3, MATRICES),
    "one of five, as many components": Case(np.eye(5)[_rng(11).integers(0, 5, 300)], 5, ALL),
    "binary columns": Case(BITS.astype(float), 3),
    "bool": Case(BITS.astype(bool), 3),
    "uint8": Case(PIXELS.astype(np.uint8), 4),
    "uint8, two levels": Case((255 * BITS).astype(np.uint8), 3),
    "uint16": Case((256 * PIXELS).astype(np.uint16), 4),
    "int64": Case((PIXELS * 10**12).astype(np.int64), 4),
    "float32": Case(BASE.astype(np.float32)),
    "float32 at 1e6": Case((BASE + 1e6).astype(np.float32)),
    "float32 at 1e7, where numbers are one apart": Case((BASE + 1e7).astype(np.float32)),
    # scales
    "columns from 1e-12 to 1e12": Case(BASE * [1e-12, 1.0, 1e12]),
    "offset of 1e12": Case(BASE + 1e12),
    "offset of 1e15": Case(BASE + 1e15),
    "offset of 1e8 in a column": Case(BASE + np.array([0.0, 1e8, 0.0])),
    "one outlier at 1e12": Case(np.r_[BASE, [[1e12, 0.0, 0.0]]]),
    "one outlier at 1e140": Case(np.r_[BASE, [[1e140, 0.0, 0.0]]]),
    "outliers in every column": Case(np.r_[BASE, 1e6 * np.eye(3)]),
    "tiny": Case(BASE * 1e-150),
    "denormals": Case(BASE * 1e-310, error="x0, x1 and x2 .*underflow: multiply"),
    "large": Case(BASE * 1e140),
    "1e300": Case(BASE * 1e300, error="row 0, column 0.*overflows"),
    "one 1e300": Case(_with(BASE, 7, 1, 1e300), error="row 7, column 1.*overflows"),
    "NaN": Case(_with(BASE, 5, 2, np.nan)),
    "a row of NaN": Case(np.where(np.arange(len(BASE))[:, None] == 5, np.nan, BASE)),
    "a column of NaN": Case(np.where(np.arange(3) == 1, np.nan, BASE), error="no value in column 1"),
    "infinity": Case(_with(BASE, 5, 2, -np.inf), error="infinity at row 5, column 2"),
    # shapes
    "Cauchy": Case(_rng(12).standard_cauchy((300, 2))),
    "exponential": Case(_rng(13).exponential(size=(300, 3))),
    "log-normal, heavy": Case(np.exp(5 * _normal(300, 2, seed=14))),
    "geometric steps": Case(2.0 ** np.arange(-60, 60)[:, None] * np.ones(1), 4),
    "nested circles": Case(make_circles(300, noise=0.0, factor=0.3, random_state=0)[0], 2),
    "far clusters": Case(BASE[:, :2] + 1e9 * HALF[:, None], 2),
    "tight clusters, far apart": Case(1e-9 * BASE + np.where(HALF, -1.0, 1.0)[:, None], 2),
    "one point and a cloud": Case(np.r_[BASE[:, :2], [[50.0, 50.0]]], 2),
    "one component": Case(BASE.copy(), 1),
    "many components": Case(BASE.copy(), 40),
    # weights
    "weights of zero": Case(BASE.copy(), weights=np.where(HALF, WEIGHTS, 0.0)),
    "weights of zero but for three": Case(BASE.copy(), 3, ALL, np.r_[np.ones(3), np.zeros(297)]),
    "fewer weights than components": Case(
        BASE.copy(), 3, weights=np.r_[1.0, 1.0, np.zeros(298)], error="leaves 2 rows"
    ),
    "weights of 1e-300": Case(BASE.copy(), weights=1e-300 * WEIGHTS),
    "weights of 1e300": Case(BASE.copy(), weights=1e300 * WEIGHTS),
    "weights of 1 and 1e12": Case(BASE.copy(), weights=np.where(HALF, 1.0, 1e12)),
    "one weight of 1e12": Case(BASE.copy(), weights=np.r_[1e12, np.ones(299)]),
    "a NaN weight": Case(BASE.copy(), weights=_with(WEIGHTS[None], 0, 4, np.nan)[0], error="sample_weight.*row 4"),
    # memory
    "Fortran order": Case(np.asfortranarray(BASE)),
    "every second row, backwards": Case(np.repeat(BASE, 2, axis=0)[::-2]),
    "every second column": Case(np.repeat(BASE, 2, axis=1)[:, ::2]),
    "big-endian": Case(BASE.astype(">f8")),
    "half precision": Case(BASE.astype(np.float16)),
}


def what_is_wrong(gm, rows):
    """Return the properties that a fitted model lacks, in words; empty if it is sound."""
    scores, shares, covariance = gm.score_samples(rows), gm.predict_proba(rows), gm.mixture_.covariance
    numbers = np.arange(shares.shape[1])
    labels = np.where(numbers < len(gm.means_), numbers, -1)[shares.argmax(axis=1)]
    diagonal = np.diagonal(covariance.roots, axis1=-2, axis2=-1) if gm.covariance_type in MATRICES else covariance.roots
    rules = {
        "weights that sum to 1": abs(gm.weights_.sum() + gm.noise_weight_ - 1) < 1e-12 and (gm.weights_ >= 0).all(),
        "finite means": np.isfinite(gm.means_).all(),
        "finite covariances": np.isfinite(gm.covariances_).all() and np.isfinite(covariance.roots).all(),
        "positive-definite covariances": (diagonal > 0).all() and (covariance.variances() > 0).all(),
        "finite factors": np.isfinite(gm.precisions_cholesky_).all() and np.isfinite(gm.precisions_).all(),
        "a finite lower bound": np.isfinite(gm.lower_bound_),
        "finite densities": np.isfinite(scores).all(),
        "shares that sum to 1": np.abs(shares.sum(axis=1) - 1).max() < 1e-12 and (shares >= 0).all(),
        "labels of the greatest shares": (gm.predict(rows) == labels).all(),
    }
    return [rule for rule, holds in rules.items() if not holds]
