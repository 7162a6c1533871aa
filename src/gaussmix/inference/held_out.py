"""Cross-validation of a fitted model."""

from dataclasses import replace
from typing import Any, Literal

from gaussmix.core.engines import engine_for
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.typing import Seed
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
    noise_covariance: Any = None,
    random_state: Seed = 0,
) -> HeldOut:
    """Compute the log density of each row under a refit to the other folds.

    A warm start runs EM to convergence from the responsibilities of the full fit. The held-out rows then influence
    which optimum is found, but not its parameters. A cold start searches anew in each fold, so the held-out rows have
    no influence.

    Parameters
    ----------
    model : GaussianMixture or Mixture
        Fitted to X. A `Mixture` is refitted with the default penalty.
    X : (n, d) array-like
        The rows of the fit.
    n_folds : int
        From 2 to n. Folds are drawn at random, with numbers of rows that differ by at most one.
    start : {"warm", "cold"}
        Start of the refits.
    sample_weight : (n,) array-like, optional
        A row of weight 2 counts as two rows of the same fold.
    noise_covariance : array-like, optional
        Covariance of the measurement errors, as in `GaussianMixture.fit`.
    random_state : int, Generator, RandomState or None
        Source of randomness of the folds; with the default, all models have the same folds and can be compared.

    Returns
    -------
    gaussmix.selection.cross_validation.HeldOut
        With ``mean``, its ``standard_error``, and ``criterion`` (lower is better).

    Raises
    ------
    ValueError
        If there are fewer rows than folds, or fewer rows than components without a fold.
    gaussmix.fitting.refit.FitFailedError
        If a component collapses without one of the folds.

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
    fitted = Fitted.of(model, X, sample_weight, noise_covariance)
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
    # the density of redundant columns, given the others, is the same in all components
    reduced = engine_for(fitted.rows).score_rows(fitted.reduced.whitened(), "log_density")
    shift = fitted.mixture.log_density(X, noise_covariance) - reduced
    return replace(held_out, log_density=held_out.log_density + shift)
