"""How sure the parameters are, by resampling: fits to many tables that might have been."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

from gaussmix.components.matching import align
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, Seed
from gaussmix.fitting.refit import FitFailedError, refit, seed_of, stream
from gaussmix.inference.parameter_table import table_of_parameters
from gaussmix.inference.parameters import Parameters
from gaussmix.inference.refitting import Fitted, draw_each

KINDS = ("nonparametric", "weighted", "parametric")
"""Ways to draw a table that might have been."""


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Fits to resampled rows, with their components in the order of the fit.

    Attributes
    ----------
    mixture : Mixture
        The fit.
    kind : {"nonparametric", "weighted", "parametric"}
        How rows were drawn.
    n_draws : int
        All draws, those that failed included.
    weights : (b, k) array
        Weights of the ``b`` draws that did not fail.
    means : (b, k, d) array
        Their means.
    covariances : (b, k, d, d) array
        Their covariances.
    failures : dict of str to int
        How many draws failed, by reason.
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
        """How many draws failed."""
        return sum(self.failures.values())

    @cached_property
    def estimates(self) -> Parameters:
        """The parameters of the fit."""
        return Parameters(self.mixture.weights, self.mixture.means, self.mixture.covariance.dense())

    @cached_property
    @underflow_to_zero
    def standard_errors(self) -> Parameters:
        """The standard deviation of each parameter over the draws."""
        return Parameters(*(np.std(values, axis=0, ddof=1) for values in self._values()))

    @underflow_to_zero
    def interval(
        self, level: float = 0.95, method: Literal["percentile", "normal"] = "percentile"
    ) -> tuple[Parameters, Parameters]:
        """The lower and the upper ends of intervals that hold each parameter with probability ``level``.

        Parameters
        ----------
        level : float
            Between 0 and 1.
        method : {"percentile", "normal"}
            Quantiles of the draws (Efron and Tibshirani 1993, section 13.3), or the estimate and as many standard
            errors on both sides as a normal distribution asks for; the latter may leave the possible values.

        Returns
        -------
        lower : Parameters
            The lower end of each parameter's interval.
        upper : Parameters
            The upper end.
        """
        if not 0 < level < 1:
            raise ValueError(f"level must be between 0 and 1; got {level!r}")
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
        """A table in words: each weight, mean and variance with its standard error and interval.

        Parameters
        ----------
        level : float, default=0.95
            That of the intervals.
        method : {"percentile", "normal"}
            As of `interval`.

        Returns
        -------
        str
            Lines of text.
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
    random_state: Seed = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Bootstrap:
    """Refit a model to resampled rows, and see how its parameters vary.

    Every refit starts at the fitted parameters and has the fit's own M-step: what is seen is how the optimum moves, not
    whether another start finds another (`stability` looks at that). Components keep their names: each draw is aligned
    with the fit (`gaussmix.components.matching.align`).

    Parameters
    ----------
    model : GaussianMixture or Mixture
        Fitted to X. A `Mixture` is refitted with the default penalty.
    X : (n, d) array-like
        The rows of the fit.
    kind : {"nonparametric", "weighted", "parametric"}
        Rows drawn with replacement; all rows with weights from a Dirichlet distribution of mean one, so that no row is
        lost and none repeats (Newton and Raftery, Journal of the Royal Statistical Society B 56 (1994), 3-48; O'Hagan,
        Murphy, Scrucca and Gormley, Computational Statistics 34 (2019), 1779-1813); or new rows drawn from the model.
    n_draws : int
        How many refits; 999 for intervals.
    sample_weight : (n,) array-like, optional
        A weight of 2 counts as two equal rows, which are drawn one by one; their sum is rounded.
    random_state : int, Generator, RandomState or None
        Each draw has its own stream: the result is the same for any ``n_jobs``.
    n_jobs : int or None
        Threads, as joblib counts: None is one, -1 all processors. Of a few hundred rows a draw takes less than a
        millisecond, and more threads do not help.
    progress : bool
        Whether a bar is drawn on stderr.

    Returns
    -------
    Bootstrap
        All refits; their standard errors, intervals, and a table in words (``print``).

    Raises
    ------
    ValueError
        Names the argument; also when nearly all draws failed.

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
    fitted, seed = Fitted.of(model, X, sample_weight), seed_of(random_state)
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
