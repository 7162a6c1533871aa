"""Stability of the labels under resampling."""

from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gaussmix.core.engines import engine_for
from gaussmix.core.engines.far_rows import assign_rows
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.notebook import table_html
from gaussmix.core.text import align_columns
from gaussmix.core.typing import FloatArray, Seed
from gaussmix.fitting.refit import FitFailedError, refit, search_anew, seed_of, stream
from gaussmix.inference.refitting import Fitted, draw_each


@dataclass(frozen=True, eq=False)
class Stability:
    """Agreement of the labels of refits to resampled rows with those of the fit.

    Attributes
    ----------
    mixture : Mixture
        Original fit.
    rand : (b,) array
        Adjusted Rand index of each draw: 1 for equal partitions, 0 on average for unrelated ones.
    jaccard : (b, k) array
        Greatest Jaccard similarity of each component of the fit with a component of the refit: rows of both over rows
        of either. NaN for a component to which no row is assigned.
    n_failed : int
        Number of failed draws.
    """

    mixture: Mixture
    rand: FloatArray
    jaccard: FloatArray
    n_failed: int

    def summary(self) -> str:
        """Return the components as a table.

        Returns
        -------
        str
            A line for each component: weight, mean Jaccard similarity, and share of draws in which it is dissolved.
        """
        return f"{self._title()}\n{align_columns(self._lines())}"

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        headings, *lines = self._lines()
        return table_html(self._title(), headings, lines)

    def _title(self) -> str:
        n_draws = len(self.rand) + self.n_failed
        failed = f", {self.n_failed} failed" if self.n_failed else ""
        low, middle = np.quantile(self.rand, [0.1, 0.5])
        return f"{n_draws} draws{failed}; adjusted Rand index: median {middle:.2f}, 10 % quantile {low:.2f}"

    def _lines(self) -> list[tuple[str, ...]]:
        lines: list[tuple[str, ...]] = [("component", "weight", "Jaccard", "dissolved")]
        for k, (weight, shared) in enumerate(zip(self.mixture.weights, self.jaccard.T, strict=True)):
            lines.append((f"{k}", f"{weight:.3f}", f"{shared.mean():.2f}", f"{(shared <= 0.5).mean():.0%}"))
        return lines


@underflow_to_zero
def stability(
    model: Any,
    X: Any,
    *,
    n_draws: int = 100,
    start: Literal["search", "warm"] = "search",
    sample_weight: Any = None,
    noise_covariance: Any = None,
    random_state: Seed = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Stability:
    """Refit to rows drawn with replacement, and compare the labels of the original rows with those of the fit.

    According to Hennig (Computational Statistics and Data Analysis 52 (2007), 258-271), a component with a mean Jaccard
    similarity below 0.6 should not be trusted, from 0.75 on it is valid, and from 0.85 on highly stable. It is
    dissolved in a draw if the similarity is 0.5 or less.

    Parameters
    ----------
    model : GaussianMixture or Mixture
        Fitted to X.
    X : (n, d) array-like
        The rows of the fit.
    n_draws : int
        Number of refits.
    start : {"search", "warm"}
        "search" takes the better of a new search and of EM from the fitted parameters, so it finds other optima. "warm"
        only runs EM from the fitted parameters, which takes a hundredth of the time and hardly ever finds other optima.
    sample_weight : (n,) array-like, optional
        A weight of 2 counts as two equal rows.
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
    Stability
        ``print`` shows a table.

    Examples
    --------
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.datasets import load_old_faithful
    >>> eruptions, names = load_old_faithful()
    >>> gm = GaussianMixture(2, random_state=0).fit(eruptions)
    >>> bool((stability(gm, eruptions, n_draws=10, random_state=0).rand > 0.9).all())
    True
    """
    if start not in ("search", "warm"):
        raise ValueError(f'start must be "search" or "warm"; got {start!r}')
    fitted, seed = Fitted.of(model, X, sample_weight, noise_covariance), seed_of(random_state)
    fitted.mixture.refuse_noise("stability")
    k = fitted.mixture.n_components
    engine = engine_for(fitted.rows)
    labels = assign_rows(engine, fitted.reduced.whitened(), "labels")

    def make(draw: int) -> tuple[float, FloatArray]:
        rng = stream(seed, draw)
        rows = fitted.resampled(rng)
        fits = []
        if start == "search":
            fits.append(search_anew(rows, fitted.update, fitted.reduced, rng))
        with suppress(FitFailedError) if fits else nullcontext():
            fits.append(refit(rows, fitted.update, fitted.reduced))
        fit = max(fits, key=lambda found: found.log_likelihood)
        own = assign_rows(engine, fit.mixture.whitened(), "labels")
        pairs = np.bincount(k * labels + own, fitted.rows.weights, k * k)
        shared = pairs.astype(np.float64).reshape(k, k)
        return adjusted_rand(shared), greatest_jaccard(shared)

    drawn = draw_each(make, n_draws, n_jobs=n_jobs, progress=progress, title="stability")
    kept = [result for result in drawn if not isinstance(result, FitFailedError)]
    return Stability(
        fitted.mixture,
        np.array([rand for rand, _ in kept]),
        np.stack([jaccard for _, jaccard in kept]),
        n_draws - len(kept),
    )


def adjusted_rand(shared: FloatArray) -> float:
    """Return the adjusted Rand index of two partitions with ``shared[i, j]`` common (weighted) rows.

    It is 1 if neither divides the rows. Hubert and Arabie, Comparing partitions, Journal of Classification 2 (1985),
    193-218, equation 5.
    """

    def pairs(counts: FloatArray) -> float:
        return float((counts * (counts - 1)).sum() / 2)

    together, total = pairs(shared), pairs(shared.sum(keepdims=True))
    first, second = pairs(shared.sum(axis=1)), pairs(shared.sum(axis=0))
    expected, most = first * second / total, (first + second) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)


def greatest_jaccard(shared: FloatArray) -> FloatArray:
    """Return the greatest Jaccard similarity (k,) in each row of the table; NaN for empty rows."""
    own, others = shared.sum(axis=1), shared.sum(axis=0)
    either = own[:, None] + others - shared
    similarity = np.divide(shared, either, out=np.zeros(shared.shape), where=either > 0).max(axis=1)
    return np.where(own > 0, similarity, np.nan)
