"""What a mixture says of each of some rows: how probable they are, and how sure it is of their components."""

from dataclasses import dataclass

import numpy as np

from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Rows

CERTAINTIES = (0.99, 0.9, 0.6)
"""Rows are counted by the probability of their most probable component: at least the first, below that, ..."""

MOST_LISTED = 10

RARE = 0.01
"""Of rows drawn from the mixture, this share is less dense than a rare row."""

_BLOCK = 1 << 22  # responsibilities that are held at a time
_DRAWS, _LEAST_DRAWS, _NUMBERS = 100_000, 10_000, 4_000_000


@dataclass(frozen=True, eq=False)
class RowScores:
    """Rows are counted from 0; a row of weight zero is not there.

    Attributes
    ----------
    n_rows : int
    moments : Moments
        The sums of a pass over them.
    counts : (k,) array
        The weight of the rows of which a component is the most probable.
    certainty_counts : (k, 4) array
        These by the probability of the component: see `CERTAINTIES`.
    doubtful : (m,) array of int
        The rows whose most probable component is least probable, the most doubtful first.
    doubtful_responsibilities : (m, k) array
    unlikely : (m,) array of int
        The least dense rows, the least dense first.
    unlikely_log_density, unlikely_shares : (m,) arrays
        Their log density, and of rows drawn from the mixture the share that is less dense.
    unlikely_labels : (m,) array of int
        Their most probable components.
    n_draws : int
        How many rows were drawn.
    rare_log_density, rare_share : float
        Below which `RARE` of the drawn rows are, and the share of the rows that is.
    """

    n_rows: int
    moments: Moments
    counts: FloatArray
    certainty_counts: FloatArray
    doubtful: IntArray
    doubtful_responsibilities: FloatArray
    unlikely: IntArray
    unlikely_log_density: FloatArray
    unlikely_shares: FloatArray
    unlikely_labels: IntArray
    n_draws: int
    rare_log_density: float
    rare_share: float

    @property
    def weight(self) -> float:
        """The sum of the weights of the rows."""
        return self.moments.weight


def look_at_rows(mixture: Mixture, rows: WeightedRows) -> RowScores:
    """Two passes over the rows, and one over rows that are drawn from the mixture, the same ones every time.

    Parameters
    ----------
    mixture : Mixture
    rows : WeightedRows
        Finite numbers.
    """
    k, d = mixture.n_components, mixture.n_features
    engine, whitened = NativeEngine.of(rows), mixture.whitened()
    moments = engine.accumulate(whitened)
    log_density = np.asarray(engine.score_rows(whitened, "log_density"), dtype=np.float64)
    weights = rows.explicit_weights
    labels, certainty = _most_probable(mixture, rows.values)
    classes = np.searchsorted(-np.array(CERTAINTIES), -certainty, side="left")
    certainty_counts = np.bincount(labels * 4 + classes, weights=weights, minlength=4 * k).astype(np.float64)
    certainty_counts = certainty_counts.reshape(k, 4)

    present = np.flatnonzero(weights)
    doubtful = _least(certainty, present) if k > 1 else present[:0]
    doubtful = doubtful[certainty[doubtful] < CERTAINTIES[1]]
    unlikely = _least(log_density, present)
    n_draws = max(_LEAST_DRAWS, min(_DRAWS, _NUMBERS // d))
    drawn = np.sort(mixture.log_density(mixture.sample(n_draws, 0)[0]))
    limit = float(drawn[int(RARE * n_draws)])
    return RowScores(
        len(present),
        moments,
        certainty_counts.sum(axis=1),
        certainty_counts,
        doubtful,
        mixture.responsibilities(rows.values[doubtful]),
        unlikely,
        log_density[unlikely],
        np.searchsorted(drawn, log_density[unlikely]) / n_draws,
        labels[unlikely],
        n_draws,
        limit,
        float(weights[log_density < limit].sum() / weights.sum()),
    )


def _most_probable(mixture: Mixture, rows: Rows) -> tuple[IntArray, FloatArray]:
    """(n,) twice: the most probable component of each row, and its probability."""
    step = max(1, _BLOCK // mixture.n_components)
    labels, certainty = np.empty(len(rows), dtype=np.int64), np.empty(len(rows))
    for start in range(0, len(rows), step):
        shares = mixture.responsibilities(rows[start : start + step])
        labels[start : start + step] = shares.argmax(axis=1)
        certainty[start : start + step] = shares.max(axis=1)
    return labels, certainty


def _least(values: FloatArray, present: IntArray) -> IntArray:
    """The rows of least value, in order; of equal ones those that come first."""
    kept = values[present]
    n = min(MOST_LISTED, len(kept))
    border = np.partition(kept, n - 1)[n - 1]
    candidates = present[kept <= border]
    return candidates[np.lexsort([candidates, values[candidates]])][:n].astype(np.int64)
