"""Standard errors of the parameters of a fit, from the curvature of its log-likelihood."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from scipy.special import expit, logit, ndtri
from sklearn.exceptions import ConvergenceWarning

from gaussmix.core.cached_values import cached_property
from gaussmix.core.environment import one_blas_thread
from gaussmix.core.errors import FlatLikelihoodWarning
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.notebook import stacked_html
from gaussmix.core.number_checks import require_level
from gaussmix.core.student import refuse_degrees
from gaussmix.core.text import join_words
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.core.warning_values import warn
from gaussmix.inference.asymptotic_covariance import AsymptoticCovariance
from gaussmix.inference.information import Information
from gaussmix.inference.jacobian import Derivative, derivatives
from gaussmix.inference.parameter_table import parameter_html, parameter_lines, parameter_text
from gaussmix.inference.parameters import Parameters
from gaussmix.inference.parametrization import Parametrization
from gaussmix.inference.refitting import Fitted

KINDS = ("observed", "opg", "sandwich")
"""Kinds of standard errors: inverse observed information, inverse squared scores, or the sandwich of both."""

_MOST = 5000  # coordinates; a matrix of 200 MB
_SHIFT = 0.25  # allowed distance from the maximum, in standard errors
_ENOUGH = 50  # least information in rows for accurate intervals; benchmarks/coverage.py has cases with less
_SHARE = 0.1  # share of the greatest part in a flat direction above which parameters are named


@dataclass(frozen=True, eq=False)
class StandardErrors:
    """Standard errors of the parameters of a fit.

    Attributes
    ----------
    mixture : Mixture
        Fitted mixture.
    kind : {"observed", "opg", "sandwich"}
        Kind of standard errors.
    n : float
        Sum of the row weights.
    weights : (k,) array
        Standard errors of the weights; NaN for parameters that the rows do not determine.
    means : (k, d) array
        Standard errors of the means.
    covariances : (k, d, d) array
        Standard errors of the covariances; zero for entries that the structure fixes.
    least_information : float
        Information about the least determined direction of the parameters, as a share of the information with known
        components: about 1 for well-separated components, near 0 for components that overlap almost completely.
    noise_weight : float, or None
        Standard error of the weight of the noise, whose volume counts as known; None without noise.
    """

    mixture: Mixture
    kind: str
    n: float
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    least_information: float
    _derivatives: tuple[Derivative, ...] = field(repr=False)
    _spread: AsymptoticCovariance = field(repr=False)
    noise_weight: float | None = None

    @underflow_to_zero
    def interval(self, level: float = 0.95) -> tuple[Parameters, Parameters]:
        """Return the lower and upper ends of confidence intervals for each parameter.

        Intervals are symmetric about the estimates of means and of covariances between features. For weights and
        variances they are symmetric in log-odds and logarithms, and contain possible values only.

        Parameters
        ----------
        level : float
            Confidence level, between 0 and 1.

        Returns
        -------
        lower : Parameters
            The lower end of each parameter's interval.
        upper : Parameters
            The upper end.
        """
        require_level(level)
        reach = float(ndtri(0.5 * (1 + level)))
        covariances, diagonal = self.mixture.covariance.dense(), np.arange(self.mixture.n_features)
        variances = self.mixture.covariance.variances()
        relative = self.covariances[:, diagonal, diagonal] / variances
        ends = []
        for side in (-reach, reach):
            ends.append(
                Parameters(
                    _moved_in_log_odds(self.mixture.weights, side * self.weights),
                    self.mixture.means + side * self.means,
                    covariances + side * self.covariances,
                    self._moved_noise_weight(side),
                )
            )
            with np.errstate(over="ignore", under="ignore"):  # uninformative intervals may end at zero and infinity
                ends[-1].covariances[:, diagonal, diagonal] = variances * np.exp(side * relative)
        return ends[0], ends[1]

    def _moved_noise_weight(self, side: float) -> float | None:
        """Return an end of the interval of the weight of the noise."""
        if self.noise_weight is None or self.mixture.background is None:
            return None
        weight = np.array([self.mixture.background.weight])
        return float(_moved_in_log_odds(weight, np.array([side * self.noise_weight]))[0])

    @cached_property
    def joint(self) -> FloatArray:
        """Joint covariance (m, m) of all estimates, with m = k (1 + d + d^2).

        Parameters are in the order of ``weights``, ``means.ravel()`` and ``covariances.ravel()``; the weight of the
        noise, if there is any, is one more and last. It gives the standard
        errors of differences and other functions. NaN where standard errors are.
        """
        k, d = self.mixture.means.shape
        noise = [] if self.noise_weight is None else [self.noise_weight]
        roots = np.full((k * (1 + d + d * d) + len(noise), self._spread.root.shape[1]), np.nan)
        for part in self._derivatives:
            roots[part.where] = part.scale[:, None] * (part.slopes @ self._spread.root[part.places])
        errors = np.concatenate([self.weights, self.means.ravel(), self.covariances.ravel(), noise])
        roots[np.isnan(errors)] = np.nan
        return np.asarray(roots @ roots.T)

    @underflow_to_zero
    def summary(self, level: float = 0.95) -> str:
        """Return a table of each weight, mean and variance with its standard error and interval.

        Parameters
        ----------
        level : float, default=0.95
            Level of the intervals.

        Returns
        -------
        str
            Lines of text.
        """
        lines = parameter_lines(self.mixture, self, *self.interval(level))
        return f"{parameter_text(self._title(level), lines)}\n{self._footnote()}"

    def __str__(self) -> str:
        return self.summary()

    @underflow_to_zero
    def _repr_html_(self) -> str:
        table = parameter_html(self._title(0.95), parameter_lines(self.mixture, self, *self.interval(0.95)))
        return stacked_html(table, self._footnote())

    def _title(self, level: float) -> str:
        source = {
            "observed": "observed information",
            "opg": "squared scores",
            "sandwich": "sandwich of observed information and squared scores",
        }[self.kind]
        return f"{source}, {self.n:g} rows; intervals of {100 * level:g} %"

    def _footnote(self) -> str:
        share, rows = self.least_information, self.n * self.least_information
        doubt = f"; with fewer than {_ENOUGH}, intervals tend to be too short" if rows < _ENOUGH else ""
        return f"least information: {share:.2g} of that with known components, equivalent to {rows:.0f} rows{doubt}"


@underflow_to_zero
def standard_errors(
    model: Any,
    X: Any,
    sample_weight: Any = None,
    kind: Literal["observed", "opg", "sandwich"] = "observed",
    noise_covariance: Any = None,
) -> StandardErrors:
    """Estimate the standard errors of the parameters of a fitted mixture.

    They are those of maximum likelihood, for any covariance structure, and take one pass over the rows and a matrix of
    the size of the free parameters. Penalties are ignored. That of ``reg_covar="auto"`` is far too weak to matter, but
    with a strong penalty or a large ridge, estimates are not at the maximum of the likelihood, and vary less than these
    standard errors indicate. The information of missing values, and of true values behind measurement errors, is
    subtracted as that of the components is.

    Parameters
    ----------
    model : GaussianMixture or Mixture
        A model that maximizes the likelihood of these rows.
    X : (n, d) array-like
        The rows of the fit.
    sample_weight : (n,) array-like, optional
        A weight of 2 counts as two equal rows.
    kind : {"observed", "opg", "sandwich"}
        The inverse of the observed information; the inverse of the outer product of gradients, which is never
        indefinite but varies more between tables; or the sandwich of the two, which is also valid if the components are
        not normal.
    noise_covariance : array-like, optional
        Covariance of the measurement errors, as in `GaussianMixture.fit`.

    Returns
    -------
    StandardErrors
        Standard errors, with intervals; ``print`` shows a table.

    Raises
    ------
    ValueError
        If an argument is invalid, there are more than 5,000 free parameters, or the structure is not one of the
        fourteen.
    TypeError
        If the model is neither a fitted `GaussianMixture` nor a `Mixture`.
    FloatingPointError
        If a row is more than 1e75 standard deviations from a mean.

    Warns
    -----
    FlatLikelihoodWarning
        If the matrix has no positive definite inverse. Standard errors that depend on the directions without
        information are NaN; the others are as if these directions were known.
    ConvergenceWarning
        If the maximum of the likelihood is more than a quarter of a standard error away.

    References
    ----------
    Louis, Journal of the Royal Statistical Society B 44 (1982), 226-233. Boldea and Magnus, Maximum likelihood
    estimation of the multivariate normal mixture model, Journal of the American Statistical Association 104 (2009),
    1539-1549.

    Examples
    --------
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.datasets import load_old_faithful
    >>> eruptions, names = load_old_faithful()
    >>> gm = GaussianMixture(2, random_state=0).fit(eruptions)
    >>> errors = standard_errors(gm, eruptions)
    >>> errors.weights.round(3)
    array([0.029, 0.029])
    >>> lower, upper = errors.interval(0.95)
    >>> lower.means[0].round(1), upper.means[0].round(1)
    (array([ 4.2, 79.1]), array([ 4.4, 80.9]))
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}; got {kind!r}")
    fit = Fitted.of(model, X, sample_weight, noise_covariance)
    refuse_degrees(fit.mixture.degrees_of_freedom, "standard_errors")
    (k, d), mixture = fit.mixture.means.shape, fit.reduced
    if mixture.n_parameters > _MOST:
        raise ValueError(
            f"{mixture.n_parameters} free parameters exceed the limit of {_MOST} for the information matrix: use the "
            "bootstrap, a simpler covariance_type or fewer components"
        )
    components = np.flatnonzero(mixture.weights > 0)
    features = np.arange(d) if fit.columns is None else fit.columns.kept
    parametrization = Parametrization.about(mixture.take(components) if len(components) < k else mixture)
    with one_blas_thread():
        information = Information.at(parametrization, fit.rows, squares=kind != "observed")
    spread = AsymptoticCovariance.of(information, kind)
    parts = tuple(derivatives(parametrization, components, features, (k, d)))
    errors = np.full(k * (1 + d + d * d) + (mixture.background is not None), np.nan)
    for part in parts:
        errors[part.where] = part.scale * spread.deviations(part.places, part.slopes)
    _warn(parametrization, spread, components, errors)
    weights, means, covariances, noise = np.split(errors, [k, k + k * d, k * (1 + d + d * d)])
    return StandardErrors(
        fit.mixture,
        kind,
        information.weight,
        weights,
        means.reshape(k, d),
        covariances.reshape(k, d, d),
        spread.least,
        parts,
        spread,
        float(noise[0]) if len(noise) else None,
    )


def _warn(
    parametrization: Parametrization, spread: AsymptoticCovariance, components: IntArray, errors: FloatArray
) -> None:
    if spread.flat.size and np.isnan(errors).any():
        loads = _loads(parametrization, spread.flat)
        named = loads > _SHARE * loads.max()
        kinds = [kind for kind, which in zip(("weights", "means", "covariances"), named, strict=True) if which.any()]
        trouble = (
            "cannot be estimated from these rows: the log-likelihood has no strict maximum along a direction of the "
            f"{join_words(kinds)}, and parameters that change along it have no standard error (NaN). Use fewer "
            "components, a simpler covariance_type, or the bootstrap."
        )
        warn(FlatLikelihoodWarning(components[named.any(axis=0)], trouble), stacklevel=4)
    elif (shift := math.sqrt(2 * spread.ahead)) > _SHIFT:
        text = (
            f"The maximum of the log-likelihood is {spread.ahead:.2g} nats higher, up to {shift:.2g} standard errors "
            "away from the parameters: pass the rows and weights of the fit, or fit with a smaller tol or reg_covar"
        )
        warn(ConvergenceWarning(text), stacklevel=4)


def _loads(parametrization: Parametrization, directions: FloatArray) -> FloatArray:
    """Return the shares (3, k) of the weights, means and covariances of each component in directions (p, b)."""
    (k, d), first = parametrization.mixture.means.shape, parametrization.n_weights
    squares = (directions**2).sum(axis=1)
    weights = (
        (np.sqrt(parametrization.mixture.weights)[:, None] * parametrization.contrasts[:k] @ directions[:first]) ** 2
    ).sum(axis=1)
    means = squares[first : first + k * d].reshape(k, d).sum(axis=1)
    covariances = np.array([squares[tangent.places].sum() for tangent in parametrization.tangents])
    return np.stack([weights, means, covariances])


def _moved_in_log_odds(weights: FloatArray, changes: FloatArray) -> FloatArray:
    """Return weights (k,) moved in log-odds by the equivalent of the changes; zero changes leave them exact."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        moved = expit(logit(weights) + changes / (weights * (1 - weights)))
    return np.where(changes == 0, weights, moved)
