"""The reference engine, in NumPy, against which the other engines are tested.

Equation numbers are those of Bishop, Pattern Recognition and Machine Learning (2006), section 9.2. Of t distributions
the sums are those of Peel and McLachlan, Statistics and Computing 10 (2000), 339-348.
"""

import numpy as np
from scipy.special import logsumexp, xlogy

from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.coresets import coreset_of
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.forms import FORMS
from gaussmix.core.moments import Moments
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.student import RowTerms
from gaussmix.core.typing import FloatArray, Random, Rows, Want
from gaussmix.core.whitened import WhitenedMixture


class ReferenceEngine(AbstractEngine):
    """Rows in memory, with passes in NumPy for reading and tests.

    Parameters
    ----------
    rows : (n, d) array of numbers
        Finite numbers.
    row_weights : (n,) array, optional
        Nonnegative weights; a weight of 2 counts as two equal rows.
    """

    def __init__(self, rows: Rows, row_weights: FloatArray | None = None) -> None:
        self._rows = WeightedRows(rows, row_weights)
        self.n_rows, self.n_features = rows.shape
        self.weight = self._rows.total

    @underflow_to_zero
    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        weights = self._rows.explicit_weights
        scores = self._scores(mixture, log_prior)
        log_density = logsumexp(scores, axis=1)
        responsibilities = _responsibilities(scores, log_density)
        weighted = weights[:, None] * responsibilities
        counted = weights > 0
        whitened = [self._whiten(mixture, k) for k in range(mixture.n_components)]
        form, scaled, slopes = FORMS[mixture.form], weighted, None
        if mixture.degrees_of_freedom is not None:
            terms = self._terms(mixture)
            scaled = weighted[:, : mixture.n_components] * np.stack([one.u for one in terms], axis=1)
            slopes = np.array([weighted[:, k] @ one.slope for k, one in enumerate(terms)])
        scatter = [form.scatter_in(whitened[k], scaled[:, k], mixture.factors, k) for k in range(mixture.n_components)]
        return Moments(
            mixture.form,
            counts=weighted[:, : mixture.n_components].sum(axis=0),  # (9.18)
            shifts=np.stack([scaled[:, k] @ whitened[k] for k in range(mixture.n_components)]),  # (9.17)
            scatter=form.total(scatter),  # (9.19)
            log_likelihood=float(weights[counted] @ log_density[counted]),  # (9.14)
            entropy=-float((weights[:, None] * xlogy(responsibilities, responsibilities)).sum()),
            weight=self.weight,
            background=None if mixture.background is None else float(weighted[:, -1].sum()),
            scaled_counts=None if slopes is None else scaled.sum(axis=0),
            slopes=slopes,
        )

    @underflow_to_zero
    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        scores = self._scores(mixture, log_prior)
        match want:
            case "scores":
                return scores
            case "labels":
                return scores.argmax(axis=1)
            case "log_density":
                return logsumexp(scores, axis=1)
            case "responsibilities":
                return _responsibilities(scores, logsumexp(scores, axis=1))

    def sample_rows(self, limit: int, rng: Random, center: WhitenedMixture | None = None) -> WeightedRows:
        if center is None:
            return draw_rows(self._rows, limit, rng)
        return coreset_of(self._rows, self.score_rows(center, "log_density"), limit, rng)

    def _whiten(self, mixture: WhitenedMixture, component: int) -> FloatArray:
        difference = self._rows.values.astype(float) - mixture.means[component]
        return FORMS[mixture.form].whiten(difference, mixture.factors, component)

    def _scores(self, mixture: WhitenedMixture, log_prior: FloatArray | None) -> FloatArray:
        """Return the scores (n, n_scores), log w_k N(x | k) and that of the background, plus the log prior."""
        kernels = np.stack([one.log_kernel for one in self._terms(mixture)], axis=1)
        scores: FloatArray = mixture.offsets + kernels
        if mixture.background is not None:
            noise = mixture.background.scores(self._rows.values.astype(float))
            scores = np.column_stack([scores, noise])
        return scores if log_prior is None else scores + log_prior

    def _terms(self, mixture: WhitenedMixture) -> list[RowTerms]:
        """Return what each component says of the rows; without degrees of freedom it is a normal distribution."""
        k, d = mixture.means.shape
        degrees = np.full(k, np.inf) if mixture.degrees_of_freedom is None else mixture.degrees_of_freedom
        squares = [(self._whiten(mixture, component) ** 2).sum(axis=1) for component in range(k)]
        return [RowTerms.of(square, float(nu), d) for square, nu in zip(squares, degrees, strict=True)]


def _responsibilities(scores: FloatArray, log_density: FloatArray) -> FloatArray:
    """Return responsibilities (n, k), equation (9.13); all are zero in rows whose density is zero."""
    reference = np.where(np.isfinite(log_density), log_density, np.inf)
    return np.exp(scores - reference[:, None])
