"""The result from which a warm start continues."""

from typing import TYPE_CHECKING

from gaussmix.estimators.factor_checks import structure_for
from gaussmix.fitting.fit_result import FitResult

if TYPE_CHECKING:
    from gaussmix.estimators.gaussian import GaussianMixture


def result_to_continue(estimator: "GaussianMixture", n_features: int) -> FitResult | None:
    """Return the result of the previous fit, None if the fit is not a warm start.

    Parameters
    ----------
    estimator : GaussianMixture
        The estimator.
    n_features : int
        Number of columns of the rows.

    Returns
    -------
    FitResult or None
        The result.

    Raises
    ------
    ValueError
        If the previous model is another one than the estimator asks for.
    """
    previous: FitResult | None = getattr(estimator, "fit_result_", None) if estimator.warm_start else None
    if previous is None:
        return None
    found = (previous.reduced.covariance_type, *previous.mixture.means.shape)
    wanted = (structure_for(estimator.covariance_type, estimator.n_factors).name, estimator.n_components, n_features)
    if found != wanted:
        raise ValueError(
            f"warm_start continues from {found}, this fit asks for {wanted} (covariance_type, n_components, "
            "n_features): set warm_start=False"
        )
    if (previous.mixture.background is None) != (estimator.noise is None):
        noise = estimator.noise
        raise ValueError(f"warm_start continues from another fit than noise={noise!r}: set warm_start=False")
    return previous
