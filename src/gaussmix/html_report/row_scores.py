"""Scores of rows under a mixture: density, certainty of the component, and unusual rows."""

from dataclasses import dataclass

import numpy as np

from gaussmix.core.engines import engine_for
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Rows

CERTAINTIES = (0.99, 0.9, 0.6)
"""Limits between classes of certainty, which is the probability of the most probable component."""

MOST_LISTED = 10

RARE = 0.01
"""Share of rows drawn from the mixture whose density is called rare."""

_BLOCK = 1 << 22  # responsibilities in memory at a time
_DRAWS, _LEAST_DRAWS, _NUMBERS = 100_000, 10_000, 4_000_000


@dataclass(frozen=True, eq=False)
class RowScores:
    """Scores of the rows of positive weight; row numbers count all rows from 0.

    Attributes
    ----------
    n_rows : int
        Number of rows of positive weight.
    moments : Moments
        Moments of a pass over the rows.
    counts : (k,) array
        Weight of the rows for which each component is the most probable. With noise, it is one more component here.
    certainty_counts : (k, 4) array
        Counts split by the probability of the component at `CERTAINTIES`, most certain first.
    uncertain : (m,) array of int
        Rows whose most probable component has the lowest probability, least certain first.
    uncertain_responsibilities : (m, k) array
        Responsibilities of these rows.
    unlikely : (m,) array of int
        Rows of lowest density, lowest first.
    unlikely_log_density, unlikely_shares : (m,) arrays
        Log density of these rows, and the share of rows drawn from the mixture with a lower one.
    unlikely_labels : (m,) array of int
        Most probable components of these rows.
    n_draws : int
        Number of rows drawn from the mixture.
    rare_log_density, rare_share : float
        Log density below which a share `RARE` of the drawn rows is, and the share of the complete rows below it.
    """

    n_rows: int
    moments: Moments
    counts: FloatArray
    certainty_counts: FloatArray
    uncertain: IntArray
    uncertain_responsibilities: FloatArray
    unlikely: IntArray
    unlikely_log_density: FloatArray
    unlikely_shares: FloatArray
    unlikely_labels: IntArray
    n_draws: int
    rare_log_density: float
    rare_share: float

    @property
    def weight(self) -> float:
        """Sum of the weights of the rows."""
        return self.moments.weight


def score_rows(mixture: Mixture, rows: WeightedRows) -> RowScores:
    """Score rows, and compare them with rows drawn from the mixture with a fixed seed.

    Parameters
    ----------
    mixture : Mixture
        Mixture with the features of the rows.
    rows : WeightedRows
        Rows; NaN is a missing value. Rows with missing values are not compared with drawn rows, because the density of
        fewer values is another one.
    """
    d, engine, whitened = mixture.n_features, engine_for(rows), mixture.whitened()
    k = whitened.n_scores
    moments = engine.accumulate(whitened)
    log_density = np.asarray(engine.score_rows(whitened, "log_density"), dtype=np.float64)
    weights = rows.explicit_weights
    labels, certainty = _most_probable(mixture, rows.values)
    classes = np.searchsorted(-np.array(CERTAINTIES), -certainty, side="left")
    certainty_counts = np.bincount(labels * 4 + classes, weights=weights, minlength=4 * k).astype(np.float64)
    certainty_counts = certainty_counts.reshape(k, 4)

    present = np.flatnonzero(weights)
    uncertain = _least(certainty, present) if k > 1 else present[:0]
    uncertain = uncertain[certainty[uncertain] < CERTAINTIES[1]]
    complete = weights > 0 if rows.missing is None else (weights > 0) & ~rows.missing.any(axis=1)
    unlikely = _least(log_density, np.flatnonzero(complete))
    n_draws = max(_LEAST_DRAWS, min(_DRAWS, _NUMBERS // d))
    drawn = np.sort(mixture.log_density(mixture.sample(n_draws, 0)[0]))
    limit = float(drawn[int(RARE * n_draws)])
    return RowScores(
        len(present),
        moments,
        certainty_counts.sum(axis=1),
        certainty_counts,
        uncertain,
        mixture.responsibilities(rows.values[uncertain]),
        unlikely,
        log_density[unlikely],
        np.searchsorted(drawn, log_density[unlikely]) / n_draws,
        labels[unlikely],
        n_draws,
        limit,
        float(weights[complete & (log_density < limit)].sum() / max(weights[complete].sum(), 1e-300)),
    )


def _most_probable(mixture: Mixture, rows: Rows) -> tuple[IntArray, FloatArray]:
    """Return the most probable component (n,) of each row, and its probability (n,)."""
    step = max(1, _BLOCK // mixture.n_components)
    labels, certainty = np.empty(len(rows), dtype=np.int64), np.empty(len(rows))
    for start in range(0, len(rows), step):
        shares = mixture.responsibilities(rows[start : start + step])
        labels[start : start + step] = shares.argmax(axis=1)
        certainty[start : start + step] = shares.max(axis=1)
    return labels, certainty


def _least(values: FloatArray, present: IntArray) -> IntArray:
    """Return the rows of smallest value in ascending order; of equal values the first rows."""
    if not len(present):
        return present
    kept = values[present]
    n = min(MOST_LISTED, len(kept))
    border = np.partition(kept, n - 1)[n - 1]
    candidates = present[kept <= border]
    return candidates[np.lexsort([candidates, values[candidates]])][:n].astype(np.int64)
