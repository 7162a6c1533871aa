"""Search for short rules that select the rows of a cluster."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.diagnostics.description.rules import Condition, Rule, all_hold, measured

MOST_RULES = 3
"""Greatest number of rules of a cluster."""

_STARTS = 6  # single conditions to which a second one is added
_POLISHED = 8  # pairs of conditions whose thresholds are improved in turns
_ROUNDS = 2
_WORTH = 0.01  # F1 that a second condition must add
_USEFUL, _BEHIND = 0.4, 0.3  # lowest F1 of a rule, and its greatest distance from the best one
_ROUNDING = 0.004  # F1 that rounding of a threshold may cost
_TINY_GAP = 1e-3  # share of the range of a feature
_DIGITS = 12


@dataclass(frozen=True, eq=False)
class RuleSearch:
    """Rows among which rules are searched; columns are sorted when they are needed first.

    Attributes
    ----------
    values : (m, d) array
        The rows; NaN is a missing value.
    weights : (m,) array
        Their positive weights.
    names : tuple of d str
        Names of the features.
    """

    values: FloatArray
    weights: FloatArray
    names: Sequence[str]
    _orders: dict[int, IntArray] = field(default_factory=dict)

    def rules(self, belongs: BoolArray, features: Sequence[int]) -> list[Rule]:
        """Return up to `MOST_RULES` rules for a cluster, best first by the harmonic mean of precision and recall.

        Single thresholds are compared at all values. A second threshold is added to the best of them, and the two are
        improved in turns. A pair needs to be better than each of its thresholds alone, and a rule after the first one
        has a feature that those before it lack.

        Parameters
        ----------
        belongs : (m,) array of bool
            Whether each row belongs to the cluster.
        features : sequence of int
            Features that rules may use.
        """
        singles = sorted(self._best_conditions(belongs, features), key=lambda rule: -rule.f1)
        pairs = [pair for single in singles[:_STARTS] for pair in self._extended(single, belongs, features)]
        pairs.sort(key=lambda rule: -rule.f1)
        polished = [self._polished(pair, belongs) for pair in _of_different_features(pairs)[:_POLISHED]]
        best_single = {rule.conditions[0].feature: rule.f1 for rule in reversed(singles)}
        worthy = [
            pair
            for pair in polished
            if pair.f1 >= _WORTH + max(best_single[condition.feature] for condition in pair.conditions)
        ]
        rules = [self._rounded(rule, belongs) for rule in [*singles[: 2 * MOST_RULES], *worthy]]
        return _chosen(rules)

    def _best_conditions(
        self, belongs: BoolArray, features: Sequence[int], within: BoolArray | None = None
    ) -> Iterator[Rule]:
        """Yield the best threshold of each feature on each side, among the rows of ``within``."""
        order = np.stack([self._order(feature) for feature in features])
        if within is not None:
            order = order[within[order]].reshape(len(features), -1)
        if order.shape[1] < 2:
            return
        columns = np.take_along_axis(self.values.T[list(features)], order, axis=1)
        weights = self.weights[order] * ~np.isnan(columns)  # a missing value satisfies no condition
        selected = np.cumsum(weights, axis=1)
        right = np.cumsum(weights * belongs[order], axis=1)
        total, found = selected[:, -1:], right[:, -1:]
        all_right = float(self.weights[belongs].sum())
        is_cut = columns[:, 1:] > columns[:, :-1]
        for is_below in (True, False):
            taken, hits = (selected, right) if is_below else (total - selected, found - right)
            scores = np.where(is_cut, 2 * hits[:, :-1] / (taken[:, :-1] + all_right), -1.0)
            best = scores.argmax(axis=1)
            for line, (feature, at) in enumerate(zip(features, best.tolist(), strict=True)):
                if scores[line, at] > 0:
                    middle = _middle(columns[line, at], columns[line, at + 1])
                    condition = Condition(feature, self.names[feature], is_below, middle)
                    n_taken, n_right = float(taken[line, at]), float(hits[line, at])
                    yield Rule((condition,), n_right / n_taken, n_right / all_right)

    def _extended(self, rule: Rule, belongs: BoolArray, features: Sequence[int]) -> Iterator[Rule]:
        """Yield the rule with a second condition, one for each feature and side."""
        within = rule.holds(self.values)
        for other in self._best_conditions(belongs, features, within):
            yield replace(other, conditions=(*rule.conditions, *other.conditions))

    def _polished(self, rule: Rule, belongs: BoolArray) -> Rule:
        """Improve each condition while the other one is fixed."""
        for _ in range(_ROUNDS):
            for at in (0, 1):
                moved, fixed = rule.conditions[at], rule.conditions[1 - at]
                found = self._best_conditions(belongs, [moved.feature], fixed.holds(self.values))
                for one in found:
                    if one.conditions[0].is_below == moved.is_below and one.f1 > rule.f1:
                        pair = (one.conditions[0], fixed) if at == 0 else (fixed, one.conditions[0])
                        rule = replace(one, conditions=pair)
        return rule

    def _rounded(self, rule: Rule, belongs: BoolArray) -> Rule:
        """Round each threshold to the fewest digits that cost no accuracy to speak of."""
        for at in reversed(range(len(rule.conditions))):
            rule = self._round_one(rule, at, belongs)
        return rule

    def _round_one(self, rule: Rule, at: int, belongs: BoolArray) -> Rule:
        condition = rule.conditions[at]
        others = rule.conditions[:at] + rule.conditions[at + 1 :]
        column = self.values[all_hold(others, self.values) if others else slice(None), condition.feature]
        below, above = column[column < condition.threshold], column[column >= condition.threshold]
        if not (below.size and above.size):  # the other condition implies this one
            return measured(others or rule.conditions, self.values, belongs, self.weights)
        low, high = float(below.max()), float(above.min())
        extent = float(above.max() - below.min())
        margin = 0.25 * (high - low) if high - low > _TINY_GAP * extent else 0.0
        middle, first = _middle(low, high), math.floor(math.log10(extent))
        for digits in range(-first, -first + _DIGITS):
            threshold = round(middle, digits)
            is_inside = low < threshold <= high
            if is_inside and not low + margin <= threshold <= high - margin:
                continue
            conditions = (*rule.conditions[:at], replace(condition, threshold=threshold), *rule.conditions[at + 1 :])
            rounded = measured(conditions, self.values, belongs, self.weights)
            if is_inside or rounded.f1 >= rule.f1 - _ROUNDING:
                return rounded
        return measured(rule.conditions, self.values, belongs, self.weights)

    def _order(self, feature: int) -> IntArray:
        if feature not in self._orders:
            self._orders[feature] = np.argsort(self.values[:, feature], kind="stable")
        return self._orders[feature]


def _middle(low: float, high: float) -> float:
    """Return a number above ``low`` and at most ``high``."""
    middle = 0.5 * low + 0.5 * high
    return float(middle if low < middle <= high else high)


def _features_of(rule: Rule) -> frozenset[int]:
    return frozenset(condition.feature for condition in rule.conditions)


def _of_different_features(rules: Sequence[Rule]) -> list[Rule]:
    """Return the first rule of each set of features."""
    first: dict[frozenset[int], Rule] = {}
    for rule in rules:
        first.setdefault(_features_of(rule), rule)
    return list(first.values())


def _chosen(rules: Sequence[Rule]) -> list[Rule]:
    """Return the best rules that are useful and bring a feature that those before lack."""
    ranked = sorted(rules, key=lambda rule: -(rule.f1 - _WORTH * len(rule.conditions)))
    chosen: list[Rule] = []
    used: frozenset[int] = frozenset()
    for rule in ranked:
        features = _features_of(rule)
        if rule.f1 >= max(_USEFUL, ranked[0].f1 - _BEHIND) and not features <= used:
            chosen.append(rule)
            used |= features
    return chosen[:MOST_RULES]
