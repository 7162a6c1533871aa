"""A fitted model judged by rows that its refits have not seen."""

from dataclasses import replace
from typing import Any, Literal

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.typing import Seed
from gaussmix.core.validation import as_rows
from gaussmix.fitting.refit import seed_of
from gaussmix.inference.refitting import Fitted
from gaussmix.selection.cross_validation import HeldOut, hold_out


@underflow_to_zero
def cross_validated_log_likelihood(
    model: Any,
    X: Any,
    *,
    n_folds: int = 10,
    start: Literal["warm", "cold"] = "warm",
    sample_weight: Any = None,
    random_state: Seed = 0,
) -> HeldOut:
    """The log density of each row under a fit to the folds that it is not in.

    A warm start begins with the responsibilities that the full fit gives to the rows of the other folds. EM runs to
    the top from there, so nothing of the held-out rows remains in the parameters; what may remain is the choice of
    the basin, which the full fit made with them. A cold start searches anew in each fold, and leaks nothing.

    Parameters
    ----------
    model : GaussianMixture or Mixture
        Fitted to X. A `Mixture` is refitted with the default penalty.
    X : (n, d) array-like
        The rows of the fit.
    n_folds : int
        From 2 to n. Folds are drawn without regard to anything, and are as equal in their number of rows as can be.
    start : {"warm", "cold"}
    sample_weight : (n,) array-like, optional
        A row of weight 2 counts as two rows that are in one fold.
    random_state : int, Generator, RandomState or None
        The same int gives every model the same folds: leave it as it is to compare models.

    Returns
    -------
    gaussmix.selection.cross_validation.HeldOut
        Its ``mean`` with its ``standard_error``, and ``criterion``: lower is better.

    Raises
    ------
    ValueError
        When there are not so many rows, or too few are left for the components.
    gaussmix.fitting.refit.FitFailedError
        When a component collapses without one of the folds.

    Examples
    --------
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.datasets import load_old_faithful
    >>> eruptions, names = load_old_faithful()
    >>> fits = [GaussianMixture(k, random_state=0).fit(eruptions) for k in (1, 2)]
    >>> one, two = (cross_validated_log_likelihood(gm, eruptions) for gm in fits)
    >>> two.criterion < one.criterion
    True
    """
    fitted = Fitted.of(model, X, sample_weight)
    held_out = hold_out(
        fitted.rows,
        fitted.reduced,
        fitted.update,
        n_folds=n_folds,
        seed=seed_of(random_state),
        start=start,
    )
    if fitted.columns is None:
        return held_out
    # columns that follow from others have the same density in every component
    rows = as_rows(X, fitted.mixture.n_features, fitted.mixture.feature_names)
    shift = fitted.mixture.log_density(rows) - fitted.reduced.log_density(fitted.rows.values)
    return replace(held_out, log_density=held_out.log_density + shift)
