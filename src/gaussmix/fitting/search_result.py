"""The result of a search, with the optimum that it passed over."""

import math
from dataclasses import dataclass, replace
from typing import Self

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.degeneracy import Soundness
from gaussmix.fitting.em import Fit
from gaussmix.fitting.m_step import MaximumLikelihood

_CLEARLY = 1e-2  # nats: smaller differences are not reported


@dataclass(frozen=True, eq=False)
class HigherOptimum:
    """An unsound optimum whose likelihood is higher than that of the result of a search.

    Attributes
    ----------
    excess : float
        Difference of the two objectives in nats, on the rows that were searched.
    mixture : Mixture
        The mixture.
    counts : (k,) array
        Sums of its weighted responsibilities.
    soundness : Soundness
        Its degenerate components.
    """

    excess: float
    mixture: Mixture
    counts: FloatArray
    soundness: Soundness


@dataclass(frozen=True)
class TruncationReport:
    """How many components the rows of a truncated fit looked at in the end, and what that left out.

    Attributes
    ----------
    n_candidates : int
        Components that had a responsibility for a row; all of them if the fit became exact.
    lost : float
        Mean probability of the others, in an exact audit of some rows at the final parameters.
    most_lost : float
        What may be lost: 1e-4 with ``truncation="auto"``, no limit with a number of candidates.
    """

    n_candidates: int
    lost: float
    most_lost: float = math.inf

    @property
    def lost_too_much(self) -> bool:
        """Whether more is lost than may be."""
        return self.lost > self.most_lost


@dataclass(frozen=True, eq=False)
class SearchResult:
    """Result of a search.

    Attributes
    ----------
    fit : Fit
        Best fit.
    update : MaximumLikelihood
        M-step of the fit.
    soundness : Soundness
        Soundness of the components.
    optima : tuple of float
        Final log-likelihoods, in nats, of the starts that were not abandoned, on the rows that were searched; greatest
        first. Optima that are higher than the result were passed over and are left out.
    gain : float
        Nats by which moves of components raised the best of them.
    higher : HigherOptimum or None
        The highest of the unsound optima above the result, if the search met one.
    truncation : TruncationReport or None
        What a truncated fit left out.
    """

    fit: Fit
    update: MaximumLikelihood
    soundness: Soundness
    optima: tuple[float, ...]
    gain: float = 0.0
    higher: HigherOptimum | None = None
    truncation: TruncationReport | None = None

    @classmethod
    def of(
        cls,
        fit: Fit,
        update: MaximumLikelihood,
        soundness: Soundness,
        reached: list[float],
        found: Fit,
        highest: tuple[Fit, Soundness] | None,
    ) -> Self:
        """Compare the optimum of a search with those of its starts and with the highest unsound one.

        Parameters
        ----------
        fit : Fit
            The result on all rows.
        update : MaximumLikelihood
            M-step of the fit.
        soundness : Soundness
            Soundness of the components.
        reached : list of float
            Final log-likelihoods of the starts that were not abandoned.
        found : Fit
            The optimum on the rows that were searched.
        highest : (Fit, Soundness), optional
            The unsound run with the highest objective.

        Returns
        -------
        SearchResult
            The result.
        """
        top, higher = found.moments.log_likelihood, None
        optima = sorted((value for value in reached if value <= top + _CLEARLY), reverse=True) or [top]
        if highest is not None and highest[0].objective > found.objective + _CLEARLY:
            other, its_soundness = highest
            excess = other.objective - found.objective
            higher = HigherOptimum(excess, other.mixture, other.moments.counts, its_soundness)
        return cls(fit, update, soundness, tuple(optima), max(top - optima[0], 0.0), higher)

    def reordered(self, order: IntArray) -> "SearchResult":
        """Return the same result with the components in another order.

        Parameters
        ----------
        order : (k,) array of int
            Current positions of the components, in the new order.

        Returns
        -------
        SearchResult
            The components in that order.
        """
        return replace(self, fit=self.fit.reordered(order), soundness=self.soundness.reordered(order))
