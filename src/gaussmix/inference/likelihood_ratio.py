"""Likelihood ratio tests of the number of components, by the parametric bootstrap."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gaussmix.core.covariance import refuse_factor_type, refuse_factors
from gaussmix.core.engines import engine_for
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.notebook import text_html
from gaussmix.core.number_checks import require_level
from gaussmix.core.student import refuse_degrees
from gaussmix.core.text import counted
from gaussmix.core.typing import FloatArray, Seed
from gaussmix.estimators import GaussianMixture
from gaussmix.fitting.refit import FitFailedError, Refit, refit, seed_of, stream
from gaussmix.inference.alternative_fits import fit_one_more
from gaussmix.inference.refitting import Fitted, draw_each


@dataclass(frozen=True, eq=False)
class LikelihoodRatioTest:
    """Test of K against K + 1 components.

    Attributes
    ----------
    null : Mixture
        Fit with K components.
    alternative : Mixture or None
        Fit with K + 1 components; None if no sound one was found.
    statistic : float
        Twice the difference of the log-likelihoods.
    draws : (b,) array
        Statistics of tables drawn from the null, of the successful draws.
    n_failed : int
        Number of failed draws.
    """

    null: Mixture
    alternative: Mixture | None
    statistic: float
    draws: FloatArray
    n_failed: int

    @property
    def p_value(self) -> float:
        """P-value ``(1 + number of draws at least as great as the statistic) / (1 + number of draws)``.

        Davison and Hinkley, Bootstrap Methods and their Application (1997), equation 4.11.
        """
        return float((1 + np.count_nonzero(self.draws >= self.statistic)) / (1 + len(self.draws)))

    def __str__(self) -> str:
        k = self.null.n_components
        failed = f", {self.n_failed} failed" if self.n_failed else ""
        return (
            f"{k} against {k + 1} components: likelihood ratio statistic {self.statistic:.2f}; under the null, median "
            f"{np.median(self.draws):.2f}, 95 % quantile {np.quantile(self.draws, 0.95):.2f} ({len(self.draws)} draws"
            f"{failed}); p = {self.p_value:.3g}"
        )

    def _repr_html_(self) -> str:
        return text_html(str(self))


@dataclass(frozen=True, eq=False)
class SequentialTest:
    """Sequence of tests of increasing numbers of components, up to the first that does not reject.

    Attributes
    ----------
    tests : tuple of LikelihoodRatioTest
        Tests of 1 against 2 components, 2 against 3, ...; all but the last reject, and the last may.
    level : float
        Significance level: a test rejects if its p-value is at most this.
    """

    tests: tuple[LikelihoodRatioTest, ...]
    level: float

    @property
    def n_components(self) -> int:
        """First number of components that is not rejected; if all are, that of the last alternative."""
        last = self.tests[-1]
        return last.null.n_components + (last.p_value <= self.level)

    def __str__(self) -> str:
        lines = [str(test) for test in self.tests]
        open_end = "" if self.tests[-1].p_value > self.level else " or more (larger numbers were not tested)"
        number = counted(self.n_components, "component")
        return "\n".join([*lines, f"{number}{open_end} at the level {self.level:g}"])

    def _repr_html_(self) -> str:
        return text_html(str(self))


@underflow_to_zero
def likelihood_ratio_test(
    X: Any,
    null: int | GaussianMixture | Mixture,
    alternative: GaussianMixture | Mixture | None = None,
    *,
    covariance_type: str = "full",
    n_draws: int = 999,
    sample_weight: Any = None,
    noise_covariance: Any = None,
    random_state: Seed = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> LikelihoodRatioTest:
    """Test K components against K + 1 by the parametric bootstrap (McLachlan, Applied Statistics 36 (1987), 318-324).

    The likelihood ratio does not have a chi-squared distribution here: under the null, the weight of the additional
    component is on the boundary of the parameter space, and its mean is not identifiable. Therefore tables are drawn
    from the fitted null, with the missing values and errors of the rows, and both models are fitted to each. The null
    starts from the parameters from which the table was drawn, the alternative from several dozen starts
    (`gaussmix.inference.alternative_fits`), as for the observed table; with a worse search, the statistics of the draws
    and the p-value would be too small. Optima with unsound components (`gaussmix.fitting.degeneracy`) are ignored. If
    there is no other optimum, or it is lower than the null, the statistic is zero, because the alternative contains the
    null.

    Parameters
    ----------
    X : (n, d) array-like
        At least as many rows as components.
    null : int, GaussianMixture or Mixture
        A fit to X, or a number K of components to fit, by the default search and from the fit with K - 1 components.
    alternative : GaussianMixture or Mixture, optional
        A fit to X with one component more; by default, it is fitted as for the draws, with the M-step of the null.
    covariance_type : str
        Covariance type if the null is a number; the alternative has that of the null.
    n_draws : int
        Number of tables drawn; the p-value is at least ``1 / (n_draws + 1)``.
    sample_weight : (n,) array-like, optional
        Weights count rows; tables have as many rows as their sum, rounded.
    noise_covariance : array-like, optional
        Covariance of the measurement errors, as in `GaussianMixture.fit`.
    random_state : int, Generator, RandomState or None
        Source of randomness; the result does not depend on ``n_jobs``.
    n_jobs : int or None
        Number of threads as in joblib: None is one, -1 all processors.
    progress : bool
        Whether a progress bar is shown on stderr.

    Returns
    -------
    LikelihoodRatioTest
        ``print`` shows a summary.

    Raises
    ------
    ValueError
        If the alternative does not have one component more, or nearly all draws fail.

    Examples
    --------
    >>> from gaussmix.datasets import load_old_faithful
    >>> eruptions, names = load_old_faithful()
    >>> test = likelihood_ratio_test(eruptions, 1, n_draws=19, random_state=0)
    >>> test.p_value
    0.05
    """
    seed = seed_of(random_state)
    if isinstance(null, int | np.integer) and not isinstance(null, bool):
        small = _fit_null(X, int(null), covariance_type, sample_weight, noise_covariance, seed)
    else:
        small = Fitted.of(null, X, sample_weight, noise_covariance)
    k = small.mixture.n_components
    large = None if alternative is None else Fitted.of(alternative, X, sample_weight, noise_covariance)
    for fitted in (small, large):
        if fitted is not None:
            fitted.mixture.refuse_noise("likelihood_ratio_test")
            refuse_degrees(fitted.mixture.degrees_of_freedom, "likelihood_ratio_test")
            refuse_factors(type(fitted.mixture.covariance), "likelihood_ratio_test")
    update = small.update if large is None else large.update
    if update.prior is not None and update.prior.mean_strength > 0:
        raise ValueError("reg_covar must not put a prior on the means, because the test compares likelihoods")
    if large is not None and large.reduced.means.shape != (k + 1, small.reduced.n_features):
        raise ValueError(
            f"alternative must have {k + 1} components, one more than the null, and the same columns; it has "
            f"{large.mixture.n_components} components"
        )
    if large is None:
        found = fit_one_more(small.rows, small.reduced, update, stream(seed, n_draws))
    else:
        found = Refit(large.reduced, _log_likelihood(small, large.reduced))
    best = None if found is None else found.mixture

    def make(draw: int) -> float:
        rng = stream(seed, draw)
        rows = small.simulated(rng)
        null_fit = refit(rows, small.update, small.reduced)
        return _statistic(null_fit.log_likelihood, fit_one_more(rows, null_fit.mixture, update, rng, best))

    drawn = draw_each(make, n_draws, n_jobs=n_jobs, progress=progress, title=f"{k} against {k + 1} components")
    values = np.array([result for result in drawn if not isinstance(result, FitFailedError)])
    lifted = None if best is None else small.lift(best)
    statistic = _statistic(_log_likelihood(small, small.reduced), found)
    return LikelihoodRatioTest(small.mixture, lifted, statistic, values, n_draws - len(values))


def _statistic(null: float, alternative: Refit | None) -> float:
    """Return the statistic, zero if the alternative is not better, because it contains the null."""
    return 0.0 if alternative is None else max(0.0, 2 * (alternative.log_likelihood - null))


def _log_likelihood(fitted: Fitted, mixture: Mixture) -> float:
    return engine_for(fitted.rows).accumulate(mixture.whitened()).log_likelihood


@underflow_to_zero
def choose_n_components(
    X: Any,
    *,
    up_to: int = 9,
    level: float = 0.05,
    covariance_type: str = "full",
    n_draws: int = 999,
    sample_weight: Any = None,
    noise_covariance: Any = None,
    random_state: Seed = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> SequentialTest:
    """Test 1 against 2 components, 2 against 3, ..., until a test does not reject (mclust's mclustBootstrapLRT).

    Parameters
    ----------
    X : (n, d) array-like
        At least as many rows as components.
    up_to : int
        Largest number of components of an alternative, at least 2.
    level : float
        Significance level: a test rejects if its p-value is at most this.
    covariance_type : str
        Covariance type of all models.
    n_draws : int
        Number of tables drawn for each test.
    sample_weight : (n,) array-like, optional
        Weights count rows; tables have as many rows as their sum, rounded.
    noise_covariance : array-like, optional
        Covariance of the measurement errors, as in `GaussianMixture.fit`.
    random_state : int, Generator, RandomState or None
        Source of randomness; the result does not depend on ``n_jobs``.
    n_jobs : int or None
        Number of threads as in joblib: None is one, -1 all processors.
    progress : bool
        Whether a progress bar is shown on stderr.

    Returns
    -------
    SequentialTest
        The tests and the chosen ``n_components``.

    Raises
    ------
    ValueError
        If an argument is invalid.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import choose_n_components
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (60, 1)), rng.normal(6, 1, (60, 1))])
    >>> choose_n_components(X, up_to=3, n_draws=19, random_state=0).n_components
    2
    """
    if isinstance(up_to, bool) or not isinstance(up_to, int | np.integer) or up_to < 2:
        raise ValueError(f"up_to must be a whole number, at least 2; got {up_to!r}")
    require_level(level)
    seed = seed_of(random_state)
    tests: list[LikelihoodRatioTest] = []
    for k in range(1, up_to):
        tests.append(
            likelihood_ratio_test(
                X,
                k,
                covariance_type=covariance_type,
                n_draws=n_draws,
                sample_weight=sample_weight,
                noise_covariance=noise_covariance,
                random_state=seed,
                n_jobs=n_jobs,
                progress=progress,
            )
        )
        if tests[-1].p_value > level:
            break
    return SequentialTest(tuple(tests), level)


def _fit_null(
    X: Any, n_components: int, covariance_type: str, sample_weight: Any, noise_covariance: Any, seed: int
) -> Fitted:
    """Return the better of the fit of the default search and of fits that start from one component less."""
    refuse_factor_type(covariance_type, "likelihood_ratio_test")

    def fit(k: int) -> Fitted:
        estimator = GaussianMixture(k, covariance_type=covariance_type, random_state=seed)
        fitted = estimator.fit(X, sample_weight=sample_weight, noise_covariance=noise_covariance)
        return Fitted.of(fitted, X, sample_weight, noise_covariance)

    best = fit(n_components)
    if n_components > 1:
        smaller = fit(n_components - 1).reduced
        found = fit_one_more(best.rows, smaller, best.update, stream(seed, 0), best.reduced)
        if found is not None and found.log_likelihood > _log_likelihood(best, best.reduced):
            best = replace(best, mixture=best.lift(found.mixture), reduced=found.mixture)
    return best
