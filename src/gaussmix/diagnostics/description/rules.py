"""Rules that select rows: conjunctions of thresholds on features."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.core.typing import BoolArray, FloatArray, Rows

_LEAST_SHARE = 0.0005  # rounded to 0.1 %


@dataclass(frozen=True)
class Condition:
    """A threshold on a feature.

    Attributes
    ----------
    feature : int
        Position of the feature.
    name : str
        Name of the feature.
    is_below : bool
        Whether values below the threshold are selected, or else the threshold and values above it.
    threshold : float
        The threshold, in the units of the feature.
    """

    feature: int
    name: str
    is_below: bool
    threshold: float

    def holds(self, values: Rows) -> BoolArray:
        """Return whether the condition holds.

        Parameters
        ----------
        values : (n, d) array
            Rows with all features.

        Returns
        -------
        (n,) array of bool
            True where it holds.
        """
        column, threshold = values[:, self.feature], np.float64(self.threshold)  # not rounded to float32
        return np.asarray(column < threshold if self.is_below else column >= threshold)

    def __str__(self) -> str:
        return f"{self.name} {'<' if self.is_below else '>='} {number_text(self.threshold)}"


@dataclass(frozen=True)
class Rule:
    """A conjunction of one or two conditions, with its accuracy on the labels of rows.

    Attributes
    ----------
    conditions : tuple of Condition
        The conditions; all of them must hold.
    precision : float
        Share of the selected rows that belong to the cluster.
    recall : float
        Share of the rows of the cluster that are selected.
    """

    conditions: tuple[Condition, ...]
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return f1_score(self.precision, self.recall)

    def holds(self, values: Rows) -> BoolArray:
        """Return whether all conditions hold.

        Parameters
        ----------
        values : (n, d) array
            Rows with all features.

        Returns
        -------
        (n,) array of bool
            True for the selected rows.
        """
        return all_hold(self.conditions, values)

    @property
    def text(self) -> str:
        """The conditions as text, such as ``2.5 <= length < 4.9 and width < 1``."""
        if len(self.conditions) == 2:
            low, high = sorted(self.conditions, key=lambda condition: condition.is_below)
            if low.feature == high.feature and high.is_below and not low.is_below:
                return f"{number_text(low.threshold)} <= {low.name} < {number_text(high.threshold)}"
        return " and ".join(map(str, self.conditions))

    def __str__(self) -> str:
        return f"{self.text}: precision {share_text(self.precision)}, recall {share_text(self.recall)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as plain values.

        Returns
        -------
        dict
            The text, the conditions, precision and recall.
        """
        return {
            "text": self.text,
            "conditions": [
                {"feature": each.name, "side": "<" if each.is_below else ">=", "threshold": each.threshold}
                for each in self.conditions
            ],
            "precision": self.precision,
            "recall": self.recall,
        }


def measured(conditions: tuple[Condition, ...], values: Rows, belongs: BoolArray, weights: FloatArray) -> Rule:
    """Return the rule with its precision and recall on weighted rows."""
    selected = all_hold(conditions, values)
    right = float(weights[selected & belongs].sum())
    n_selected, n_belonging = float(weights[selected].sum()), float(weights[belongs].sum())
    return Rule(conditions, right / n_selected if n_selected else 0.0, right / n_belonging if n_belonging else 0.0)


def all_hold(conditions: tuple[Condition, ...], values: Rows) -> BoolArray:
    """Return (n,) whether all conditions hold."""
    return np.logical_and.reduce([condition.holds(values) for condition in conditions])


def f1_score(precision: float, recall: float) -> float:
    """Return the harmonic mean of precision and recall."""
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def number_text(value: float) -> str:
    """Return a number without trailing zeros."""
    return f"{value + 0.0:.15g}"  # -0.0 becomes 0


def share_text(share: float) -> str:
    """Return a share in percent with one decimal; only all rows are 100%, and only none are 0%."""
    if 0 < share < _LEAST_SHARE:
        return "<0.1%"
    if 1 - _LEAST_SHARE < share < 1:
        return ">99.9%"
    return f"{share:.0%}" if share in (0.0, 1.0) else f"{share:.1%}"
