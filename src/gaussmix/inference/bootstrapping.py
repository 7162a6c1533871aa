"""Bootstrap of the parameters: refits to resampled rows."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

from gaussmix.components.matching import align
from gaussmix.core.cached_values import cached_property
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.number_checks import require_level
from gaussmix.core.rows import WeightedRows
from gaussmix.core.student import refuse_degrees
from gaussmix.core.typing import FloatArray, IntArray, Seed
from gaussmix.fitting.refit import FitFailedError, refit, seed_of, stream
from gaussmix.inference.parameter_table import parameter_html, parameter_lines, parameter_text
from gaussmix.inference.parameters import Parameters
from gaussmix.inference.refitting import Fitted, draw_each

KINDS = ("nonparametric", "weighted", "parametric", "jackknife")
"""Kinds of resampling."""

Kind = Literal["nonparametric", "weighted", "parametric", "jackknife"]
Method = Literal["percentile", "normal"]

_DRAWS = 999


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Refits to resampled rows, with components matched to those of the fit.

    Attributes
    ----------
    mixture : Mixture
        Original fit.
    kind : {"nonparametric", "weighted", "parametric", "jackknife"}
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
    noise_weights : (b,) array, or None
        Their weights of the noise, whose volume is that of the fit; None without noise.
    """

    mixture: Mixture
    kind: str
    n_draws: int
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    failures: dict[str, int]
    noise_weights: FloatArray | None = None

    @property
    def n_failed(self) -> int:
        """Number of failed draws."""
        return sum(self.failures.values())

    @cached_property
    def estimates(self) -> Parameters:
        """Parameters of the original fit."""
        noise = self.mixture.background
        weight = None if noise is None else noise.weight
        return Parameters(self.mixture.weights, self.mixture.means, self.mixture.covariance.dense(), weight)

    @cached_property
    @underflow_to_zero
    def standard_errors(self) -> Parameters:
        """Standard deviation of each parameter over the draws; for a jackknife times ``(b - 1) / sqrt(b)``.

        The jackknife is that of Efron and Tibshirani (1993), equation 11.5.
        """
        b = len(self.weights)
        factor = (b - 1) / math.sqrt(b) if self.kind == "jackknife" else 1.0
        return Parameters(*(factor * np.std(values, axis=0, ddof=1) for values in self._values()))

    @underflow_to_zero
    def interval(self, level: float = 0.95, method: Method | None = None) -> tuple[Parameters, Parameters]:
        """Return the lower and upper ends of confidence intervals for each parameter.

        Parameters
        ----------
        level : float, default=0.95
            Confidence level, between 0 and 1.
        method : {"percentile", "normal"}, optional
            By default "percentile", for a jackknife "normal". "percentile": quantiles of the draws (Efron and
            Tibshirani 1993, section 13.3). "normal": the estimate plus and minus a normal quantile times the standard
            error; the interval may contain impossible values, such as negative weights.

        Returns
        -------
        lower : Parameters
            The lower end of each parameter's interval.
        upper : Parameters
            The upper end.

        Raises
        ------
        ValueError
            If ``level`` is not between 0 and 1, ``method`` is unknown, or percentiles of a jackknife are asked for.
        """
        require_level(level)
        method = method or self._method
        tails = (0.5 * (1 - level), 0.5 * (1 + level))
        if method == "percentile" and self.kind == "jackknife":
            raise ValueError('the draws of a jackknife have no percentiles: use method="normal"')
        if method == "percentile":
            lower, upper = zip(*(np.quantile(values, tails, axis=0) for values in self._values()), strict=True)
            return Parameters(*lower), Parameters(*upper)
        if method != "normal":
            raise ValueError(f'method must be "percentile" or "normal"; got {method!r}')
        reach = float(ndtri(tails[1]))
        pairs = [
            (getattr(self.estimates, name), reach * getattr(self.standard_errors, name))
            for name in ("weights", "means", "covariances", "noise_weight")
            if name != "noise_weight" or self.noise_weights is not None
        ]
        return (
            Parameters(*(value - half for value, half in pairs)),
            Parameters(*(value + half for value, half in pairs)),
        )

    @underflow_to_zero
    def summary(self, level: float = 0.95, method: Method | None = None) -> str:
        """Return a table of each weight, mean and variance with its standard error and interval.

        Parameters
        ----------
        level : float, default=0.95
            Confidence level, between 0 and 1.
        method : {"percentile", "normal"}, optional
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
        return parameter_text(self._title(level, method), self._lines(level, method))

    def __str__(self) -> str:
        return self.summary()

    @underflow_to_zero
    def _repr_html_(self) -> str:
        return parameter_html(self._title(0.95, None), self._lines(0.95, None))

    @property
    def _method(self) -> Method:
        return "normal" if self.kind == "jackknife" else "percentile"

    def _title(self, level: float, method: Method | None) -> str:
        drawn = f"{self.kind} bootstrap" if self.kind != "jackknife" else self.kind
        drawn += f", {self.n_draws} draws"
        if self.failures:
            reasons = "; ".join(f"{count}: {reason}" for reason, count in self.failures.items())
            drawn += f", {self.n_failed} failed and left out ({reasons})"
        return f"{drawn}; {method or self._method} intervals of {100 * level:g} %"

    def _lines(self, level: float, method: Method | None) -> list[tuple[str, ...]]:
        return parameter_lines(self.mixture, self.standard_errors, *self.interval(level, method))

    def _values(self) -> list[FloatArray]:
        noise = [] if self.noise_weights is None else [self.noise_weights]
        return [self.weights, self.means, self.covariances, *noise]


@underflow_to_zero
def bootstrap(
    model: Any,
    X: Any,
    *,
    kind: Kind = "nonparametric",
    n_draws: int | None = None,
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
    kind : {"nonparametric", "weighted", "parametric", "jackknife"}, default="nonparametric"
        "nonparametric": rows drawn with replacement. "weighted": all rows with random weights of mean one from a
        Dirichlet distribution (Newton and Raftery, Journal of the Royal Statistical Society B 56 (1994), 3-48; O'Hagan,
        Murphy, Scrucca and Gormley, Computational Statistics 34 (2019), 1779-1813). "parametric": new rows drawn from
        the model. "jackknife": all rows but one, each in turn (Quenouille, Biometrika 43 (1956), 353-360).
    n_draws : int, optional
        Number of refits, at least 2; by default 999. A jackknife has one for each row.
    sample_weight : (n,) array-like, optional
        A weight of 2 counts as two equal rows, which are drawn separately. The number of rows of each draw is the sum
        of the weights, rounded. For a jackknife they must be whole numbers.
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
    refuse_degrees(fitted.mixture.degrees_of_freedom, "bootstrap")
    if kind == "jackknife":
        left_out = _left_out(fitted, n_draws)
        n_draws, repeats = len(left_out), fitted.rows.explicit_weights[left_out].astype(np.int64)
    else:
        left_out, repeats = np.empty(0, dtype=np.int64), None
        n_draws = _DRAWS if n_draws is None else n_draws

    def rows_of(draw: int) -> WeightedRows:
        match kind:
            case "nonparametric":
                return fitted.resampled(stream(seed, draw))
            case "weighted":
                return fitted.reweighted(stream(seed, draw))
            case "parametric":
                return fitted.simulated(stream(seed, draw))
            case "jackknife":
                return fitted.without(int(left_out[draw]))

    def make(draw: int) -> Mixture:
        fit = refit(rows_of(draw), fitted.update, fitted.reduced)
        return align(fitted.lift(fit.mixture), fitted.mixture)

    drawn = draw_each(make, n_draws, n_jobs=n_jobs, progress=progress, title="bootstrap")
    if repeats is not None:
        drawn = [result for result, times in zip(drawn, repeats, strict=True) for _ in range(times)]
    failures = Counter(str(result) for result in drawn if isinstance(result, FitFailedError))
    mixtures = [result for result in drawn if isinstance(result, Mixture)]
    return Bootstrap(
        fitted.mixture,
        kind,
        len(drawn),
        np.stack([mixture.weights for mixture in mixtures]),
        np.stack([mixture.means for mixture in mixtures]),
        np.stack([mixture.covariance.dense() for mixture in mixtures]),
        dict(failures),
        np.array([mixture.background.weight for mixture in mixtures if mixture.background is not None])
        if fitted.mixture.background is not None
        else None,
    )


def _left_out(fitted: Fitted, n_draws: int | None) -> IntArray:
    """Return the positions of the rows that a jackknife leaves out, each once."""
    if n_draws is not None:
        raise ValueError("n_draws must be None for a jackknife, which has one draw for each row")
    weights = fitted.rows.explicit_weights
    fractions = np.flatnonzero(weights != np.rint(weights))
    if fractions.size:
        row = int(fractions[0])
        raise ValueError(
            f"sample_weight must be whole numbers for a jackknife; row {row} has {weights[row]}: use "
            "kind='nonparametric'"
        )
    return np.flatnonzero(weights).astype(np.int64)
