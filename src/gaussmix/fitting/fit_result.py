"""The result of a fit to a table, which estimators keep."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from gaussmix.core.engines import AnyRows, TrimmedEngine, Trimming, engine_for
from gaussmix.core.engines.distant_rows import require_in_memory
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.fitting.degeneracy import Soundness
from gaussmix.fitting.em import Fit
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.fitting.search_result import HigherOptimum, SearchResult, TruncationReport


@dataclass(frozen=True, eq=False)
class TrimmedRows:
    """Rows that a trimmed fit leaves out, by a threshold that also holds for other rows.

    Attributes
    ----------
    rule : Trimming
        Share of the rows, and what missing values count.
    threshold : float
        Least ``max_k log w_k N(x | k)`` of the rows that are kept.
    weight : float
        Total weight of the rows that are left out.
    log_likelihood : float
        Mean classification log-likelihood of the rows that are kept, in nats.
    """

    rule: Trimming
    threshold: float
    weight: float
    log_likelihood: float

    @classmethod
    def of(cls, mixture: Mixture, rows: WeightedRows, share: float) -> Self:
        """Find the threshold of a fit.

        Parameters
        ----------
        mixture : Mixture
            Fitted mixture of all columns.
        rows : WeightedRows
            Rows of the fit with all columns.
        share : float
            Share of the rows that is left out.

        Returns
        -------
        TrimmedRows
            The threshold.
        """
        rule = Trimming.of(share, rows)
        engine, whitened = TrimmedEngine(rows, engine_for(rows), rule), mixture.whitened()
        moments = engine.accumulate(whitened)
        return cls(rule, engine.threshold(whitened), rows.total - moments.weight, moments.mean_log_likelihood)

    def are_kept(self, mixture: Mixture, rows: WeightedRows) -> BoolArray:
        """Return which rows (n,) reach the threshold.

        Parameters
        ----------
        mixture : Mixture
            The fitted mixture.
        rows : WeightedRows
            Any rows with its columns.

        Returns
        -------
        (n,) array of bool
            False for rows that would be left out.
        """
        density = TrimmedEngine(rows, engine_for(rows), self.rule).judge(mixture.whitened())[1]
        return np.asarray(density >= self.threshold)


@dataclass(frozen=True, eq=False)
class FitResult:
    """A fitted mixture, with information about the fit.

    Attributes
    ----------
    mixture : Mixture
        Mixture of all columns.
    mean_log_likelihood : float
        Mean log-likelihood of the rows under this mixture, in nats.
    fit : Fit
        Best run of EM, on the columns it used.
    update : MaximumLikelihood
        M-step of the run.
    soundness : Soundness
        Soundness of the components.
    optima : tuple of float
        Final log-likelihoods of the starts, greatest first.
    gain : float
        Nats by which moves of the search raised the best of them.
    higher : HigherOptimum or None
        An unsound optimum above the result, on the columns that the run used.
    trimmed : TrimmedRows or None
        Rows that were left out, if the fit was trimmed.
    truncation : TruncationReport or None
        What a truncated fit left out.
    columns : ColumnReduction or None
        Reduction of the columns, if redundant columns were left out.
    reason : str
        Reason for the end of the fit, as a sentence.
    is_last_run : bool
        Whether the run only completes a search over models, so that its time is not that of the fit.
    """

    mixture: Mixture
    mean_log_likelihood: float
    fit: Fit
    update: MaximumLikelihood
    soundness: Soundness
    optima: tuple[float, ...]
    columns: ColumnReduction | None
    reason: str
    is_last_run: bool = False
    gain: float = 0.0
    higher: HigherOptimum | None = None
    trimmed: TrimmedRows | None = None
    truncation: TruncationReport | None = None

    @classmethod
    def of(
        cls,
        search: SearchResult,
        rows: AnyRows,
        columns: ColumnReduction | None = None,
        reason: str | None = None,
        trim: float | None = None,
    ) -> "FitResult":
        """Extend the result of a search to all columns of the rows.

        Parameters
        ----------
        search : SearchResult
            Result for the columns that were kept.
        rows : WeightedRows or AbstractDistantRows
            Rows with all columns; their names become those of the mixture.
        columns : ColumnReduction, optional
            Reduction of the columns; by default all were kept.
        reason : str, optional
            Reason for the end of the fit; by default that of the run.
        trim : float, optional
            Share of the rows that the fit left out; None for a fit to all rows.

        Returns
        -------
        FitResult
            The result.
        """
        fit = search.fit
        mixture, log_likelihood, trimmed = fit.mixture, fit.moments.mean_log_likelihood, None
        if columns is not None:
            mixture = columns.lift(mixture)
        if trim is not None:
            trimmed = TrimmedRows.of(mixture, require_in_memory(rows, "trim"), trim)
            log_likelihood = trimmed.log_likelihood
        elif columns is not None:
            log_likelihood = engine_for(rows).accumulate(mixture.whitened()).mean_log_likelihood
        mixture = replace(mixture, feature_names=rows.names)
        reason = fit.reason if reason is None else reason
        return cls(
            mixture,
            log_likelihood,
            fit,
            search.update,
            search.soundness,
            search.optima,
            columns,
            reason,
            gain=search.gain,
            higher=search.higher,
            trimmed=trimmed,
            truncation=search.truncation,
        )

    def names_of_reduced(self) -> list[str]:
        """Return the names of the columns that the run used.

        Returns
        -------
        list of str
            One name for each column.
        """
        names = self.mixture.names
        return list(names) if self.columns is None else [names[at] for at in self.columns.kept]

    @property
    def reduced(self) -> Mixture:
        """The mixture of the columns that the run used."""
        return self.fit.mixture

    def history(self) -> dict[str, FloatArray]:
        """Return the history of the run as arrays, with log-likelihoods of all columns.

        Returns
        -------
        dict from str to (i + 1,) array
            Arrays "log_likelihood", "gain" and "seconds".
        """
        records = {
            name: np.array([getattr(record, name) for record in self.fit.history])
            for name in ("log_likelihood", "gain", "seconds")
        }
        records["log_likelihood"] += self.mean_log_likelihood - self.fit.moments.mean_log_likelihood
        return records

    def reordered(self, order: IntArray) -> "FitResult":
        """Return the same result with the components in another order.

        Parameters
        ----------
        order : (k,) array of int
            Current positions of the components, in the new order.

        Returns
        -------
        FitResult
            The components in that order.
        """
        return replace(
            self,
            mixture=self.mixture.reordered(order),
            fit=self.fit.reordered(order),
            soundness=self.soundness.reordered(order),
        )
