"""Choice of a model of classes, by BIC or by the losses of held-out rows."""

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.classification.candidates import Candidate
from gaussmix.classification.class_model import ClassFit, ClassRows
from gaussmix.classification.held_out import HeldOutScores, draw_folds, hold_out_classes
from gaussmix.classification.proposals import Asked, propose, with_unlabeled_weight
from gaussmix.fitting.refit import FitFailedError

FOLDS, MOST_FOLDS, FEW_ROWS = 5, 10, 100
"""Folds of a choice, and those with up to ``FEW_ROWS`` rows with labels."""

_EVIDENCE = 0.03  # share of the BIC of rows without labels, in the sum with the log loss of held-out labels
_HARDLY, _CLEARLY = 0.5, 2.0  # standard errors of the difference between the log losses of two models


@dataclass(frozen=True, eq=False)
class Compared:
    """A candidate with its fit and what held-out rows say of it.

    Attributes
    ----------
    candidate : Candidate
        The candidate.
    fit : ClassFit
        Its fit to all rows.
    held_out : HeldOutScores or None
        Scores of held-out rows; None without cross-validation.
    temperature : float
        Temperature with the least log loss of held-out rows; 1 without cross-validation.
    loss : float
        Mean log loss of held-out rows at the temperature, in nats; NaN without cross-validation.
    """

    candidate: Candidate
    fit: ClassFit
    held_out: HeldOutScores | None
    temperature: float
    loss: float

    @property
    def uses_unlabeled(self) -> bool:
        """Whether rows without a label took part in the fit."""
        return self.held_out is not None and self.fit.n > 1.0000001 * float(self.held_out.weights.sum())

    @property
    def score(self) -> float:
        """What cross-validated models are compared by, per row with a label; lower is better.

        It is the log loss. If rows without a label take part, a small share of half the BIC is added: with few labels,
        the density of all rows says more about the structure than the labels.
        """
        if not self.uses_unlabeled:
            return self.loss
        assert self.held_out is not None
        return self.loss + _EVIDENCE * 0.5 * self.fit.bic / float(self.held_out.weights.sum())


@dataclass(frozen=True, eq=False)
class Choice:
    """The chosen model, and all that were compared.

    Attributes
    ----------
    best : Compared
        The chosen model.
    compared : tuple of Compared
        All models, the best first.
    criterion : {"bic", "cv", "given"}
        What the models were compared by; "given" if there was one.
    n_folds : int
        Number of folds; 0 without cross-validation.
    """

    best: Compared
    compared: tuple[Compared, ...]
    criterion: str
    n_folds: int


def choose(data: ClassRows, asked: Asked, *, calibrates: bool | None) -> Choice:
    """Fit the models that are asked for, and choose one.

    Parameters
    ----------
    data : ClassRows
        Rows and labels.
    asked : Asked
        What the user asks for.
    calibrates : bool or None
        Whether the temperature is estimated from held-out rows; None if models are cross-validated anyway.

    Raises
    ------
    FitFailedError
        If no model can be fitted.
    """
    candidates = list(propose(data, asked))
    is_open = bool(data.is_unlabeled.any()) and asked.unlabeled_weight is None
    if is_open and not asked.by_criterion:
        candidates += [with_unlabeled_weight(candidate, 0.0) for candidate in candidates]
    if not candidates:
        raise FitFailedError("no mixture of a class is sound")
    most_folds = number_of_folds(data)
    cross = not asked.by_criterion and len(candidates) > 1 and most_folds > 1
    n_folds = most_folds if (cross or calibrates) and most_folds > 1 else 0
    compared = []
    failure: Exception | None = None
    for candidate in candidates:
        try:
            compared.append(_compare(data, candidate, n_folds if cross else 0, asked.random_state))
        except FitFailedError as error:
            failure = error
    if not compared:
        assert failure is not None
        raise failure
    compared.sort(key=(lambda one: one.score) if cross else (lambda one: one.fit.bic))
    if cross:
        compared = _first_if_better(compared) if is_open else _first_by_bic(compared)
    if calibrates and n_folds and not cross:
        compared[0] = _compare(data, compared[0].candidate, n_folds, asked.random_state)
    if calibrates is False:
        compared = [replace(one, temperature=1.0) for one in compared]
    criterion = "given" if len(candidates) == 1 else "cv" if cross else "bic"
    return Choice(compared[0], tuple(compared), criterion, n_folds)


def _first_by_bic(compared: list[Compared]) -> list[Compared]:
    """Put first the model of least BIC among those whose log loss is hardly worse than the least."""
    best = compared[0]
    near = [one for one in compared if np.less_equal(*_difference(one, best, _HARDLY))]
    first = min(near, key=lambda one: one.fit.bic)
    return [first, *(one for one in compared if one is not first)]


def _first_if_better(compared: list[Compared]) -> list[Compared]:
    """Put models that use rows without labels first, unless held-out labels clearly speak against the best of them."""
    together = [one for one in compared if one.uses_unlabeled]
    alone = [one for one in compared if not one.uses_unlabeled]
    if not together or not alone:
        return compared
    worse, limit = _difference(together[0], alone[0], _CLEARLY)
    return alone + together if worse > limit else together + alone


def _difference(one: Compared, other: Compared, errors: float) -> tuple[float, float]:
    """Return the difference between two log losses, and a number of its standard errors."""
    assert one.held_out is not None
    assert other.held_out is not None
    weights = one.held_out.weights
    worse = one.held_out.losses(one.temperature) - other.held_out.losses(other.temperature)
    mean = float(np.average(worse, weights=weights))
    return mean, errors * float(np.sqrt(np.average((worse - mean) ** 2, weights=weights) / weights.sum()))


def number_of_folds(data: ClassRows) -> int:
    """Return the number of folds: 5, or 10 if there are few rows, but not more than some class has distinct rows."""
    few = data.known.rows.n_rows <= FEW_ROWS
    return min(MOST_FOLDS if few else FOLDS, data.fewest_different)


def _compare(data: ClassRows, candidate: Candidate, n_folds: int, seed: int) -> Compared:
    fit = candidate.fit(data)
    if not n_folds:
        return Compared(candidate, fit, None, 1.0, np.nan)
    held_out = hold_out_classes(data, candidate, draw_folds(data, n_folds, seed))
    temperature = held_out.best_temperature()
    return Compared(candidate, fit, held_out, temperature, held_out.log_loss(temperature))
