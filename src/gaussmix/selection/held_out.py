"""Cross-validation of a cell: how probable rows are under fits that have not seen them."""

import math

import numpy as np

from gaussmix.acceleration import Accelerator
from gaussmix.em import Ahead, Stop, fit_em
from gaussmix.engines import NativeEngine
from gaussmix.selection.cells import Cell
from gaussmix.typing import FloatArray, IntArray

_MOST = 1000  # iterations of a fold
_NEAR = Ahead(0.01)


def draw_folds(n_rows: int, n_folds: int, rng: np.random.RandomState) -> IntArray:
    """(n,) the fold of each row: folds of equal size, but for one row, drawn at random."""
    folds = np.arange(n_rows) % n_folds
    rng.shuffle(folds)
    return folds


def held_out_log_density(cell: Cell, rows: FloatArray, row_weights: FloatArray | None, folds: IntArray) -> FloatArray:
    """(n,) log density of each row under the model fitted without the rows of its fold, in nats.

    Each of these fits starts from the fit to all rows. So the rows that are left out have had a say in which optimum is
    climbed, none in where its top is.

    Parameters
    ----------
    cell : Cell
        With a fit.
    rows : (n, d) array
    row_weights : (n,) array, optional
    folds : (n,) array of int

    Returns
    -------
    (n,) array
        Minus infinity in folds without which nothing could be fitted.
    """
    assert cell.fit is not None
    assert cell.update is not None
    log_density = np.empty(len(rows))
    for fold in np.unique(folds):
        out = folds == fold
        engine = NativeEngine(rows[~out], None if row_weights is None else row_weights[~out])
        try:
            fit = fit_em(
                engine, cell.update, cell.fit.mixture, _NEAR, max_iter=_MOST, accelerator=Accelerator(cell.update)
            )
        except FloatingPointError:
            log_density[out] = -math.inf
            continue
        if fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        log_density[out] = NativeEngine(rows[out]).score_rows(fit.mixture.whitened(), "log_density")
    return log_density
