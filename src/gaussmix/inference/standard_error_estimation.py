"""How sure the parameters of a fit are, by the curvature of its likelihood."""

import math
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy.special import expit, logit, ndtri
from sklearn.exceptions import ConvergenceWarning

from gaussmix.core.environment import one_blas_thread
from gaussmix.core.errors import FlatLikelihoodWarning
from gaussmix.core.mixture import Mixture
from gaussmix.core.text import join_words
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.inference.asymptotic_covariance import AsymptoticCovariance
from gaussmix.inference.information import Information
from gaussmix.inference.jacobian import Derivative, derivatives
from gaussmix.inference.parameter_table import table_of_parameters
from gaussmix.inference.parameters import Parameters
from gaussmix.inference.parametrization import Parametrization
from gaussmix.inference.refitting import Fitted

KINDS = ("observed", "opg", "sandwich")
"""What is inverted: the observed information, the squared scores, or one after the other."""

_MOST = 5000  # coordinates: a matrix of 200 MB
_SHIFT = 0.25  # standard errors that a maximum may be away
_ENOUGH = 50  # rows' worth of information: benchmarks/coverage.py has cases with fewer
_SHARE = 0.1  # of a flat direction, for a part of the mixture to be named


@dataclass(frozen=True, eq=False)
class StandardErrors:
    """The standard errors of a fit.

    Attributes
    ----------
    mixture : Mixture
        The fit.
    kind : {"observed", "opg", "sandwich"}
        Which matrix was inverted.
    n : float
        The sum of the weights of the rows.
    weights : (k,) array
        Standard errors of the weights: NaN for what the rows do not determine.
    means : (k, d) array
        The same of the means.
    covariances : (k, d, d) array
        The same of the covariances; zero for what the structure fixes.
    least_information : float
        What the rows tell of the direction of which they tell least, as a share of what they would if their components
        were known: about 1 where components are far apart, near 0 where they can hardly be told apart.
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

    def interval(self, level: float = 0.95) -> tuple[Parameters, Parameters]:
        """The lower and the upper ends of intervals that hold each parameter with probability ``level``.

        They are symmetric in the log-odds of weights and in the logarithms of variances, and so stay within what is
        possible; of means, and of the covariance of two features, in the parameters themselves.

        Parameters
        ----------
        level : float
            Between 0 and 1.

        Returns
        -------
        lower : Parameters
            The lower end of each parameter's interval.
        upper : Parameters
            The upper end.
        """
        if not 0 < level < 1:
            raise ValueError(f"level must be between 0 and 1; got {level!r}")
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
                )
            )
            with np.errstate(over="ignore", under="ignore"):  # of what is hardly known, from zero to infinity
                ends[-1].covariances[:, diagonal, diagonal] = variances * np.exp(side * relative)
        return ends[0], ends[1]

    @cached_property
    def joint(self) -> FloatArray:
        """(m, m) the covariance of all estimates together, with m = k (1 + d + d^2).

        In the order of ``weights``, ``means.ravel()`` and ``covariances.ravel()``, for the standard errors of
        differences and of other functions; NaN where these are.
        """
        k, d = self.mixture.means.shape
        roots = np.full((k * (1 + d + d * d), self._spread.root.shape[1]), np.nan)
        for part in self._derivatives:
            roots[part.where] = part.scale[:, None] * (part.slopes @ self._spread.root[part.places])
        errors = np.concatenate([self.weights, self.means.ravel(), self.covariances.ravel()])
        roots[np.isnan(errors)] = np.nan
        return np.asarray(roots @ roots.T)

    def summary(self, level: float = 0.95) -> str:
        """A table in words: each weight, mean and variance with its standard error and interval.

        Parameters
        ----------
        level : float, default=0.95
            That of the intervals.

        Returns
        -------
        str
            Lines of text.
        """
        source = {
            "observed": "observed information",
            "opg": "squared scores",
            "sandwich": "sandwich of observed information and squared scores",
        }[self.kind]
        title = f"{source}, {self.n:g} rows; intervals of {100 * level:g} %"
        table = table_of_parameters(title, self.mixture, self, *self.interval(level))
        rows = self.n * self.least_information
        least = f"least information: {self.least_information:.2g} of that with known components, {rows:.0f} rows' worth"
        doubt = f"; with fewer than {_ENOUGH}, intervals tend to be too short" if rows < _ENOUGH else ""
        return f"{table}\n{least}{doubt}"

    def __str__(self) -> str:
        return self.summary()


def standard_errors(
    model: Any,
    X: Any,
    sample_weight: Any = None,
    kind: Literal["observed", "opg", "sandwich"] = "observed",
) -> StandardErrors:
    """The standard errors of the parameters of a mixture that was fitted to rows.

    They are those of maximum likelihood, for each of the fourteen covariance structures, and cost one pass and a matrix
    of the free parameters. A penalty is not in them: that of ``reg_covar="auto"`` is far too weak to matter; a strong
    one, or a large ridge, moves the estimates off the top, and makes them vary less than is said here.

    Parameters
    ----------
    model : GaussianMixture or Mixture
        At the top of its likelihood for these rows.
    X : (n, d) array-like
        The rows of the fit.
    sample_weight : (n,) array-like, optional
        A weight of 2 counts as two equal rows.
    kind : {"observed", "opg", "sandwich"}
        The inverse of the observed information; of the outer product of gradients, which is never indefinite but varies
        more from table to table; or the sandwich of the two, which holds when the components are not normal as well.

    Returns
    -------
    StandardErrors
        As numbers, as intervals, and in words (``print``).

    Raises
    ------
    ValueError
        If an argument is not what it should be, if there are more than 5,000 free parameters, or if the structure is
        not one of the fourteen.
    TypeError
        If the model is neither a fitted `GaussianMixture` nor a `Mixture`.
    FloatingPointError
        If a row is more than 1e75 deviations from a mean.

    Warns
    -----
    FlatLikelihoodWarning
        When the matrix has no inverse. What depends on the directions in which it has none is NaN; the rest is as if
        these were known.
    ConvergenceWarning
        When the top is a quarter of a standard error away or farther.

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
    fit = Fitted.of(model, X, sample_weight)
    (k, d), mixture = fit.mixture.means.shape, fit.reduced
    if mixture.n_parameters > _MOST:
        raise ValueError(
            f"{mixture.n_parameters} free parameters are more than the {_MOST} that a matrix is made for: use the "
            "bootstrap, a simpler covariance_type or fewer components"
        )
    components = np.flatnonzero(mixture.weights > 0)
    features = np.arange(d) if fit.columns is None else fit.columns.kept
    parametrization = Parametrization.about(mixture.take(components) if len(components) < k else mixture)
    with one_blas_thread(*fit.rows.shape):
        information = Information.at(parametrization, fit.rows, squares=kind != "observed")
    spread = AsymptoticCovariance.of(information, kind)
    parts = tuple(derivatives(parametrization, components, features, (k, d)))
    errors = np.full(k * (1 + d + d * d), np.nan)
    for part in parts:
        errors[part.where] = part.scale * spread.deviations(part.places, part.slopes)
    _warn(parametrization, spread, components, errors)
    weights, means, covariances = np.split(errors, [k, k + k * d])
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
    )


def _warn(
    parametrization: Parametrization, spread: AsymptoticCovariance, components: IntArray, errors: FloatArray
) -> None:
    if spread.flat.size and np.isnan(errors).any():
        loads = _loads(parametrization, spread.flat)
        named = loads > _SHARE * loads.max()
        kinds = [kind for kind, which in zip(("weights", "means", "covariances"), named, strict=True) if which.any()]
        trouble = (
            f"cannot be told from these rows: the log-likelihood does not curve down where {join_words(kinds)} move, "
            "and what depends on it has no standard error (NaN). Use fewer components, a simpler covariance_type, or "
            "the bootstrap."
        )
        warnings.warn(FlatLikelihoodWarning(components[named.any(axis=0)], trouble), stacklevel=3)
    elif (shift := math.sqrt(2 * spread.ahead)) > _SHIFT:
        warnings.warn(
            f"The top of the likelihood is {spread.ahead:.2g} nats higher, up to {shift:.2g} standard errors away from "
            "the parameters: give the rows and the weights of the fit, or fit with a smaller tol or reg_covar",
            ConvergenceWarning,
            stacklevel=3,
        )


def _loads(parametrization: Parametrization, directions: FloatArray) -> FloatArray:
    """(3, k) the share that weights, means and covariances of each component have in directions (p, b)."""
    k, d = parametrization.mixture.means.shape
    squares = (directions**2).sum(axis=1)
    weights = (
        (np.sqrt(parametrization.mixture.weights)[:, None] * parametrization.contrasts @ directions[: k - 1]) ** 2
    ).sum(axis=1)
    means = squares[k - 1 : k - 1 + k * d].reshape(k, d).sum(axis=1)
    covariances = np.array([squares[tangent.places].sum() for tangent in parametrization.tangents])
    return np.stack([weights, means, covariances])


def _moved_in_log_odds(weights: FloatArray, changes: FloatArray) -> FloatArray:
    """(k,) weights that change as their standard errors say, with their log-odds; what is fixed stays."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        moved = expit(logit(weights) + changes / (weights * (1 - weights)))
    return np.where(changes == 0, weights, moved)
