"""Cross-validated probabilities of the classes, their losses, and the temperature that calibrates them."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from gaussmix.classification.candidates import Candidate
from gaussmix.classification.class_model import ClassRows
from gaussmix.classification.classifier import scores_by_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.refit import FitFailedError, stream

_COLDEST, _HOTTEST = 0.2, 100.0
_SPREAD, _SPREAD_BELOW = 0.5, 0.1  # prior scale of the log temperature, above and below zero: classes are rarely normal


@dataclass(frozen=True, eq=False)
class HeldOutScores:
    """Scores of the classes for rows whose labels the fit did not see.

    Attributes
    ----------
    scores : (n, c) array
        Log of the prior probability of each class times its density, in nats.
    codes : (n,) array of int
        The true classes.
    weights : (n,) array
        Weights of the rows.
    """

    scores: FloatArray
    codes: IntArray
    weights: FloatArray

    def log_loss(self, temperature: float = 1.0) -> float:
        """Return the mean of -log probability of the true class, in nats."""
        return float(np.average(self.losses(temperature), weights=self.weights))

    @property
    def error(self) -> float:
        """The share of rows whose most probable class is not the true one."""
        return float(np.average(self.scores.argmax(axis=1) != self.codes, weights=self.weights))

    def losses(self, temperature: float) -> FloatArray:
        """Return -log probability of the true class of each row (n,), in nats."""
        logs = log_softmax(self.scores / temperature, axis=1)
        return np.asarray(-logs[np.arange(len(logs)), self.codes])

    def best_temperature(self) -> float:
        """Return the temperature with the least log loss, which few rows hardly move from one.

        Its logarithm has a normal prior with mode zero, narrow below: probabilities are rarely not sure enough.
        """
        n = float(self.weights.sum())
        found = minimize_scalar(
            lambda log_t: (
                n * self.log_loss(math.exp(log_t)) + 0.5 * (log_t / (_SPREAD if log_t > 0 else _SPREAD_BELOW)) ** 2
            ),
            bounds=(math.log(_COLDEST), math.log(_HOTTEST)),
            method="bounded",
            options={"xatol": 1e-10},
        )
        return math.exp(float(found.x))


def draw_folds(data: ClassRows, n_folds: int, seed: int) -> IntArray:
    """Return the fold (n,) of each row with a label, -1 for the others.

    Each class is spread evenly. Equal rows share a fold, and the order of the rows and rows of weight zero do not
    matter, so that a weight of 2 means the same as two rows.
    """
    folds = np.full(data.rows.n_rows, -1, dtype=np.int64)
    weights = data.rows.explicit_weights
    begin = 0
    for at in range(data.n_classes):
        mine = np.flatnonzero((data.labels.codes == at) & (weights > 0))
        _, inverse = np.unique(data.rows.values[mine], axis=0, return_inverse=True)
        n = int(inverse.max(initial=-1)) + 1
        order = stream(seed, at).permutation(n)
        folds[mine] = ((order + begin) % n_folds)[inverse.reshape(-1)]
        begin += n
    return folds


def hold_out_classes(data: ClassRows, candidate: Candidate, folds: IntArray) -> HeldOutScores:
    """Fit a candidate without the labels of each fold, and score the rows of the fold.

    Rows of a fold are left out of the fit, not used as rows without a label.

    Raises
    ------
    FitFailedError
        If a fit fails, or a class is missing without a fold.
    """
    n_classes = data.n_classes
    scores = np.zeros((data.rows.n_rows, n_classes))
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        others = data.take(~out)
        if not others.class_weights.all():
            raise FitFailedError("a class has all its rows in one fold")
        fit = candidate.fit(others)
        engine = NativeEngine(np.ascontiguousarray(data.rows.values[out]))
        scores[out] = scores_by_class(fit.mixture, engine, candidate.model.owners, n_classes)
    held = folds >= 0
    return HeldOutScores(scores[held], data.labels.codes[held], data.rows.explicit_weights[held])
