"""What may be wrong with the classes of a fit, in terms of images."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from gaussmix.core.errors import DegenerateComponentWarning, DegenerateDataWarning
from gaussmix.core.rows import WeightedRows
from gaussmix.core.warning_values import collected_warnings
from gaussmix.estimators import GaussianMixture
from gaussmix.fitting.fit_result import FitResult


def fit_estimator(estimator: GaussianMixture, rows: WeightedRows, names: tuple[str, ...]) -> tuple[Warning, ...]:
    """Fit an estimator to the colors of images and return warnings about its classes.

    The warnings of the estimator are about tables, and advise parameters that a segmenter does not have.

    Parameters
    ----------
    estimator : GaussianMixture
        The estimator to fit.
    rows : WeightedRows
        Features of the pixels.
    names : tuple of str
        Names of the features.

    Returns
    -------
    tuple of Warning
        About columns, convergence and classes.
    """
    with collected_warnings():  # those of the estimator are replaced
        estimator.fit(rows.values, sample_weight=rows.weights)
    result = estimator.fit_result_
    found: list[Warning] = []
    if result.columns is not None:
        found.append(DegenerateDataWarning(result.columns.dropped, result.columns.describe(names), noun="feature"))
    if not result.fit.stop.is_converged:
        found.append(ConvergenceWarning(f"The mixture of the colors has not converged. {result.fit.reason}"))
    return (*found, *_class_warnings(result, is_regular=isinstance(estimator.reg_covar, str)))


def _class_warnings(result: FitResult, *, is_regular: bool) -> list[Warning]:
    """Return warnings about classes; a number for ``reg_covar`` keeps their covariances regular otherwise."""
    soundness, step = result.soundness, result.fit.last_step
    empty, collapsed = soundness.empty, soundness.collapsed & is_regular
    if step is not None:
        empty, collapsed = empty | step.empty, collapsed | step.collapsed
    collapsed = collapsed & ~empty
    few = soundness.few & ~collapsed & ~empty & is_regular
    spurious = soundness.spurious & ~collapsed & ~few & ~empty & is_regular
    return [
        DegenerateComponentWarning(np.flatnonzero(which), f"{trouble} Use fewer classes.", "Class")
        for which, trouble in (
            (collapsed, "collapsed: in some direction the pixels have one color."),
            (few, "may be unreliable: there are fewer pixels than the covariance needs."),
            (spurious, "may be spurious: few pixels that have similar colors by chance."),
            (empty, "lost all pixels."),
        )
        if which.any()
    ]
