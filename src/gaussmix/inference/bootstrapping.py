"""Bootstrap of the parameters: refits to resampled rows."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

from gaussmix.components.matching import align
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.number_checks import require_level
from gaussmix.core.typing import FloatArray, Seed
from gaussmix.fitting.refit import FitFailedError, refit, seed_of, stream
from gaussmix.inference.parameter_table import table_of_parameters
from gaussmix.inference.parameters import Parameters
from gaussmix.inference.refitting import Fitted, draw_each

KINDS = ("nonparametric", "weighted", "parametric")
"""Kinds of resampling."""


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Refits to resampled rows, with components matched to those of the fit.

    Attributes
    ----------
    mixture : Mixture
        Original fit.
    kind : {"nonparametric", "weighted", "parametric"}
        Kind of resampling.
    n_draws : int
        Number of draws, including failed ones.
    weights : (b, k) array
        Weights of the ``b`` successful draws.
    means : (b, k, d) array
        Their means.
    covariances : (b, k, d, d) array
        Their covariances.
    failures : dict of str to int
        Number of failed draws for each reason.
    """

    mixture: Mixture
    kind: str
    n_draws: int
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    failures: dict[str, int]

    @property
    def n_failed(self) -> int:
        """Number of failed draws."""
        return sum(self.failures.values())

    @cached_property
    def estimates(self) -> Parameters:
        """Parameters of the original fit."""
        return Parameters(self.mixture.weights, self.mixture.means, self.mixture.covariance.dense())

    @cached_property
    @underflow_to_zero
    def standard_errors(self) -> Parameters:
        """Standard deviation of each parameter over the draws."""
        return Parameters(*(np.std(values, axis=0, ddof=1) for values in self._values()))

    @underflow_to_zero
    def interval(
        self, level: float = 0.95, method: Literal["percentile", "normal"] = "percentile"
    ) -> tuple[Parameters, Parameters]:
        """Return the lower and upper ends of confidence intervals for each parameter.

        Parameters
        ----------
        level : float, default=0.95
            Confidence level, between 0 and 1.
        method : {"percentile", "normal"}, default="percentile"
            "percentile": quantiles of the draws (Efron and Tibshirani 1993, section 13.3). "normal": the estimate plus
            and minus a normal quantile times the standard error; the interval may contain impossible values, such as
            negative weights.

        Returns
        -------
        lower : Parameters
            The lower end of each parameter's interval.
        upper : Parameters
            The upper end.

        Raises
        ------
        ValueError
            If ``level`` is not between 0 and 1, or ``method`` is unknown.
        """
        require_level(level)
        tails = (0.5 * (1 - level), 0.5 * (1 + level))
        if method == "percentile":
            lower, upper = zip(*(np.quantile(values, tails, axis=0) for values in self._values()), strict=True)
            return Parameters(*lower), Parameters(*upper)
        if method != "normal":
            raise ValueError(f'method must be "percentile" or "normal"; got {method!r}')
        reach = float(ndtri(tails[1]))
        pairs = [
            (getattr(self.estimates, name), reach * getattr(self.standard_errors, name))
            for name in ("weights", "means", "covariances")
        ]
        return (
            Parameters(*(value - half for value, half in pairs)),
            Parameters(*(value + half for value, half in pairs)),
        )

    @underflow_to_zero
    def summary(self, level: float = 0.95, method: Literal["percentile", "normal"] = "percentile") -> str:
        """Return a table of each weight, mean and variance with its standard error and interval.

        Parameters
        ----------
        level : float, default=0.95
            Confidence level, between 0 and 1.
        method : {"percentile", "normal"}, default="percentile"
            As in `interval`.

        Returns
        -------
        str
            Lines of text.

        Raises
        ------
        ValueError
            As in `interval`.
        """
        drawn = f"{self.kind} bootstrap, {self.n_draws} draws"
        if self.failures:
            reasons = "; ".join(f"{count}: {reason}" for reason, count in self.failures.items())
            drawn += f", {self.n_failed} failed and left out ({reasons})"
        title = f"{drawn}; {method} intervals of {100 * level:g} %"
        return table_of_parameters(title, self.mixture, self.standard_errors, *self.interval(level, method))

    def __str__(self) -> str:
        return self.summary()

    def _values(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        return self.weights, self.means, self.covariances


@underflow_to_zero
def bootstrap(
    model: Any,
    X: Any,
    *,
    kind: Literal["nonparametric", "weighted", "parametric"] = "nonparametric",
    n_draws: int = 999,
    sample_weight: Any = None,
    noise_covariance: Any = None,
    random_state: Seed = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Bootstrap:
    """Refit a model to resampled rows, to estimate the uncertainty of its parameters.

    Every refit starts from the fitted parameters and uses the M-step of the fit. The bootstrap therefore shows how the
    optimum varies, and not whether a search would find other optima (see `stability`). The components of each draw are
    matched to those of the fit (`gaussmix.components.matching.align`).

    Parameters
    ----------
    model : GaussianMixture or Mixture
        Fitted to X. A `Mixture` is refitted with the default penalty.
    X : (n, d) array-like
        The rows of the fit.
    kind : {"nonparametric", "weighted", "parametric"}, default="nonparametric"
        "nonparametric": rows drawn with replacement. "weighted": all rows with random weights of mean one from a
        Dirichlet distribution (Newton and Raftery, Journal of the Royal Statistical Society B 56 (1994), 3-48; O'Hagan,
        Murphy, Scrucca and Gormley, Computational Statistics 34 (2019), 1779-1813). "parametric": new rows drawn from
        the model.
    n_draws : int, default=999
        Number of refits, at least 2.
    sample_weight : (n,) array-like, optional
        A weight of 2 counts as two equal rows, which are drawn separately. The number of rows of each draw is the sum
        of the weights, rounded.
    noise_covariance : array-like, optional
        Covariance of the measurement errors, as in `GaussianMixture.fit`.
    random_state : int, Generator, RandomState or None
        Source of randomness; the result does not depend on ``n_jobs``.
    n_jobs : int or None
        Number of threads as in joblib: None is one, -1 all processors. More threads do not help for a few hundred
        rows, where a draw takes less than a millisecond.
    progress : bool
        Whether a progress bar is shown on stderr.

    Returns
    -------
    Bootstrap
        All refits, with standard errors and intervals; ``print`` shows a table.

    Raises
    ------
    TypeError
        If the model is neither a `GaussianMixture` nor a `Mixture`.
    ValueError
        If another argument is invalid, or if fewer than two draws succeed.

    Examples
    --------
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.datasets import load_old_faithful
    >>> eruptions, names = load_old_faithful()
    >>> gm = GaussianMixture(2, random_state=0).fit(eruptions)
    >>> draws = bootstrap(gm, eruptions, n_draws=100, random_state=0)
    >>> draws.standard_errors.weights.round(2)
    array([0.03, 0.03])
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}; got {kind!r}")
    fitted, seed = Fitted.of(model, X, sample_weight, noise_covariance), seed_of(random_state)
    draw_rows = {
        "nonparametric": fitted.resampled,
        "weighted": fitted.reweighted,
        "parametric": fitted.simulated,
    }[kind]

    def make(draw: int) -> Mixture:
        fit = refit(draw_rows(stream(seed, draw)), fitted.update, fitted.reduced)
        return align(fitted.lift(fit.mixture), fitted.mixture)

    drawn = draw_each(make, n_draws, fitted.rows.shape, n_jobs=n_jobs, progress=progress, title="bootstrap")
    failures = Counter(str(result) for result in drawn if isinstance(result, FitFailedError))
    mixtures = [result for result in drawn if isinstance(result, Mixture)]
    return Bootstrap(
        fitted.mixture,
        kind,
        n_draws,
        np.stack([mixture.weights for mixture in mixtures]),
        np.stack([mixture.means for mixture in mixtures]),
        np.stack([mixture.covariance.dense() for mixture in mixtures]),
        dict(failures),
    )
