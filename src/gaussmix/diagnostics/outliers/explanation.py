"""Which features of a row are unusual given the others."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.core.engines import NativeEngine
from gaussmix.core.engines.far_rows import assign_rows
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.text import align_columns, join_words
from gaussmix.core.typing import FloatArray, IntArray, Rows

_OFF = 3.0  # standard deviations
_MOST_FEATURES, _MOST_ROWS = 4, 20  # of a text


@dataclass(frozen=True, eq=False)
class OutlierExplanation:
    """Flagged rows, with the value that each feature would be expected to have given the other features.

    The expectation and the standard deviation of a feature are those of the component that is most probable given the
    other features. ``print(explanation)`` shows the features that are most standard deviations away.

    Attributes
    ----------
    rows : (m,) array of int
        Positions of the flagged rows, lowest p-value first.
    p_values : (m,) array
        Their p-values.
    components : (m,) array of int
        The most probable component of each row.
    values, expected, deviations : (m, d) arrays
        Features of the rows, their expectations given the other features, and the standard deviations.
    feature_names : tuple of d str
        Names of the features.
    """

    rows: IntArray
    p_values: FloatArray
    components: IntArray
    values: FloatArray
    expected: FloatArray
    deviations: FloatArray
    feature_names: tuple[str, ...]

    @property
    def z_scores(self) -> FloatArray:
        """Differences from the expected values in standard deviations, ``(m, d)``."""
        return (self.values - self.expected) / self.deviations

    @property
    def reasons(self) -> list[str]:
        """A text for each row: the features that are at least three standard deviations away, or the farthest one."""
        return [self._reason(*line) for line in zip(self.values, self.expected, self.z_scores, strict=True)]

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the table by columns, one line for each row; ``pandas.DataFrame`` takes it.

        Returns
        -------
        dict of lists
            ``row``, ``p_value``, ``component``, ``feature`` (the one that is farthest off), ``value``, ``expected``,
            ``z_score`` and ``reason``.
        """
        scores = self.z_scores
        line, worst = np.arange(len(self)), np.abs(scores).argmax(axis=1)
        columns = {
            "row": self.rows,
            "p_value": self.p_values,
            "component": self.components,
            "feature": np.array(self.feature_names, dtype=object)[worst],
            "value": self.values[line, worst],
            "expected": self.expected[line, worst],
            "z_score": scores[line, worst],
        }
        return {name: column.tolist() for name, column in columns.items()} | {"reason": self.reasons}

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        if not len(self):
            return "No row is flagged."
        shown = zip(self.rows, self.p_values, self.components, self.reasons, strict=True)
        lines = [(str(row), f"{p:.2g}", str(component), reason) for row, p, component, reason in shown]
        table = align_columns(
            [("row", "p-value", "component", "unusual given the other features"), *lines[:_MOST_ROWS]], (3,)
        )
        return table if len(lines) <= _MOST_ROWS else f"{table}\nand {len(lines) - _MOST_ROWS} more rows"

    def _reason(self, values: FloatArray, expected: FloatArray, scores: FloatArray) -> str:
        order = np.argsort(-np.abs(scores), kind="stable")
        off = order[: max(1, int((np.abs(scores) >= _OFF).sum()))].tolist()
        said = [
            f"{self.feature_names[at]} {values[at]:.4g} (expected {expected[at]:.4g}, {scores[at]:+.1f} sd)"
            for at in off
        ]
        return join_words(said, _MOST_FEATURES)


@underflow_to_zero
def explain_rows(mixture: Mixture, rows: Rows, positions: IntArray, p_values: FloatArray) -> OutlierExplanation:
    """Explain flagged rows.

    Parameters
    ----------
    mixture : Mixture
        Mixture that describes ordinary rows.
    rows : (m, d) array
        The flagged rows.
    positions : (m,) array of int
        Their positions in the table.
    p_values : (m,) array
        Their p-values.

    Returns
    -------
    OutlierExplanation
        The rows by ascending p-value.
    """
    order = np.argsort(p_values, kind="stable")
    values = np.asarray(rows[order], dtype=np.float64)
    expected, deviations = _given_the_others(mixture, values)
    labels = np.asarray(assign_rows(NativeEngine(values), mixture.whitened(), "labels"))
    return OutlierExplanation(positions[order], p_values[order], labels, values, expected, deviations, mixture.names)


def _given_the_others(mixture: Mixture, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean and the standard deviation (m, d) of each feature given the others, in the likeliest component.

    The precision matrix P of a component gives them: the mean is ``x - (P (x - mean)) / diag(P)``, and the variance
    ``1 / diag(P)`` (Bishop 2006, equations 2.73 and 2.75). The weight of a component given the other features is its
    weighted density of the row over the conditional density of the feature.
    """
    whitened = mixture.whitened()
    scores = NativeEngine(rows).score_rows(whitened, "scores")
    nearest = assign_rows(NativeEngine(rows), whitened, "labels")
    expected, deviations = np.empty(rows.shape), np.empty(rows.shape)
    best = np.full(rows.shape, -np.inf)
    factors = mixture.covariance.dense_factors()
    for component, factor in enumerate(factors):
        precisions = (factor**2).sum(axis=1)
        away = (rows - mixture.means[component]) @ factor @ factor.T / precisions
        with np.errstate(over="ignore", invalid="ignore"):  # rows so far away that their density is zero
            weight = scores[:, component, None] + 0.5 * away**2 * precisions - 0.5 * np.log(precisions)
        better = (weight > best) | ((nearest == component)[:, None] & np.isneginf(best))
        best = np.where(weight > best, weight, best)
        expected = np.where(better, rows - away, expected)
        deviations = np.where(better, 1 / np.sqrt(precisions), deviations)
    return expected, deviations
