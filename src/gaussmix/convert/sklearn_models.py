"""Models of scikit-learn."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gaussmix.core.covariance import Full, structure_of
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_input import fitted_model, mixture_of
from gaussmix.core.student import refuse_degrees

if TYPE_CHECKING:
    from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

_FARTHEST = 1e3
"""Distance of a mean from zero, in standard deviations, from which scikit-learn's formula for uncorrelated features,
a difference of sums of squares, keeps fewer than ten digits of a squared distance."""


def to_sklearn(model: Any) -> "GaussianMixture":
    """Convert a mixture to a fitted ``GaussianMixture`` of scikit-learn that predicts the same.

    Parameters
    ----------
    model : Mixture or fitted estimator
        `Mixture`, `GaussianMixture`, or `GaussianMixtureIC` (its best model).

    Returns
    -------
    sklearn.mixture.GaussianMixture
        Its covariance type is "tied" for EEE, "diag" for EEI, VEI, EVI and VVI, "spherical" for EII and VII, else
        "full". It is also "full" for uncorrelated features with a mean more than 1,000 standard deviations from zero,
        where scikit-learn's formula for "diag" and "spherical" is inaccurate.

    Raises
    ------
    TypeError
        If the model is Bayesian: it predicts by expected log densities, which this class of scikit-learn does not have.
        ``model.mixture_``, the mixture of the expected parameters, can be converted.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> from gaussmix.convert import to_sklearn
    >>> mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 2.0], covariance_type="spherical")
    >>> to_sklearn(mixture).predict([[1.0], [3.0]])
    array([0, 1])
    """
    from sklearn.mixture import GaussianMixture

    fitted = fitted_model(model)
    if hasattr(fitted, "posterior_"):
        raise TypeError(
            f"{type(fitted).__name__} predicts by expected log densities, which scikit-learn's GaussianMixture does "
            "not have: pass model.mixture_, the mixture of the expected parameters"
        )
    mixture = mixture_of(fitted)
    mixture.refuse_noise("to_sklearn")
    refuse_degrees(mixture.degrees_of_freedom, "to_sklearn")
    covariance = mixture.covariance
    far = np.abs(mixture.means) > _FARTHEST * np.sqrt(covariance.variances())
    structure = Full if FORMS[covariance.form].is_diagonal and far.any() else structure_of(covariance.form)
    covariance = covariance.promote_to(structure)
    result = GaussianMixture(mixture.n_components, covariance_type=structure.name)
    result.weights_, result.means_ = mixture.weights.copy(), mixture.means.copy()
    result.covariances_, result.precisions_ = covariance.covariances, covariance.precisions
    result.precisions_cholesky_ = covariance.factors().copy()
    result.converged_ = getattr(fitted, "converged_", True)
    result.n_iter_ = getattr(fitted, "n_iter_", 0)
    result.lower_bound_ = getattr(fitted, "lower_bound_", math.nan)
    result.lower_bounds_ = list(getattr(fitted, "lower_bounds_", []))
    result.n_features_in_ = mixture.n_features
    if mixture.feature_names is not None:
        result.feature_names_in_ = np.array(mixture.feature_names, dtype=object)
    return result


def from_sklearn(model: "GaussianMixture | BayesianGaussianMixture") -> Mixture:
    """Convert a fitted mixture of scikit-learn.

    Parameters
    ----------
    model : sklearn.mixture.GaussianMixture or sklearn.mixture.BayesianGaussianMixture
        Fitted estimator.

    Returns
    -------
    Mixture
        Mixture of the weights, means and covariances. Of a Bayesian model these are expectations, whereas it predicts
        by expected log densities: for some rows between components, its labels are not those of this mixture.

    Raises
    ------
    TypeError
        If the model is anything else.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    Examples
    --------
    >>> from sklearn.mixture import GaussianMixture
    >>> from gaussmix.convert import from_sklearn
    >>> from_sklearn(GaussianMixture(2, random_state=0).fit([[0.0], [1.0], [7.0], [8.0]]))
    Mixture(n_components=2, n_features=1, covariance_type='full')
    """
    from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
    from sklearn.utils.validation import check_is_fitted

    if not isinstance(model, GaussianMixture | BayesianGaussianMixture):
        raise TypeError(
            f"model must be a GaussianMixture or BayesianGaussianMixture of scikit-learn; got {type(model)}"
        )
    check_is_fitted(model)
    return mixture_of(model)
