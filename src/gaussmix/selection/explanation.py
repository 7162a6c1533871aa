"""Explanation of the choice of a model, as text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.notebook import entries_html
from gaussmix.core.text import Entry, counted, entry_grid, format_entries, join_clauses, join_words
from gaussmix.selection.criteria import differences_in_words
from gaussmix.selection.model_names import family_of
from gaussmix.selection.rendering import CRITERION_NAMES
from gaussmix.selection.table import CRITERIA, SelectionTable

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN = 6
_TIE = 2.0  # difference of a criterion


@dataclass(frozen=True)
class Explanation:
    """Explanation of why a model was chosen; ``str`` returns the text.

    Attributes
    ----------
    entries : tuple of Entry
        The choice and what it depends on; entries that need attention are flagged.
    """

    entries: tuple[Entry, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Texts of the flagged entries."""
        return tuple(entry.text for entry in self.entries if entry.flagged)

    def __str__(self) -> str:
        return format_entries(self.entries)

    def __rich__(self) -> "RenderableType":
        return entry_grid(self.entries)

    def _repr_html_(self) -> str:
        return entries_html(self.entries)


@underflow_to_zero
def explain(
    table: SelectionTable, margin_error: float = math.nan, weight: float = math.nan, n_rows: int = 0
) -> Explanation:
    """Explain which model of a table was chosen.

    Parameters
    ----------
    table : SelectionTable
        Table of models.
    margin_error : float
        Standard error of the difference from the runner-up, for cross-validation.
    weight : float
        Sum of the row weights.
    n_rows : int
        Number of rows of positive weight.
    """
    entries = [
        Entry("chosen", _chosen(table), not table.is_sound[table.best]),
        Entry("runner-up", _runner_up(table, margin_error)),
        Entry("same model", _same(table)),
        Entry("nearly as good", _near(table)),
        Entry("by components", _best_of_each(table, table.n_components.tolist())),
        Entry("by model", _best_of_each(table, table.models)),
        Entry("other criteria", _others(table)),
        Entry("overlap", _overlap(table), True),
        Entry("at the edge", _edge(table), True),
        Entry("doubtful", _doubtful(table), _lower_doubtful(table).size > 0),
        Entry("failed", _failed(table), True),
        Entry("weights", _weights(weight, n_rows), True),
    ]
    return Explanation(tuple(entry for entry in entries if entry.text))


def summarize_choice(table: SelectionTable) -> str:
    """Return the choice as one sentence."""
    return _chosen(table)


def runner_up(table: SelectionTable) -> int | None:
    """Return the line of the second-best model, ignoring other names of the best model."""
    families = table.families()
    return next((int(line) for line in table.ranked if families[line] != families[table.best]), None)


def _chosen(table: SelectionTable) -> str:
    name, value = CRITERION_NAMES[table.criterion], table.value[table.best]
    count = int(table.is_sound.sum())
    text = f"{_describe(table, table.best)}: {name} {value:.2f}"
    if not count:
        return f"{text}. No model is sound; reasons to doubt this one: {table.trouble[table.best]}."
    others = f", the lowest of {count} sound models" if count > 1 else ", the only sound model"
    second = runner_up(table)
    if second is None:
        return f"{text}{others}."
    gap = float(table.difference[second])
    word = "" if table.criterion == "cv" else f" ({differences_in_words(gap)} evidence)"
    return f"{text}{others}, {gap:.2f} below the next{word}."


def _runner_up(table: SelectionTable, margin_error: float) -> str:
    second = runner_up(table)
    if second is None:
        return ""
    gap = float(table.difference[second])
    text = f"{_describe(table, second)}; its {CRITERION_NAMES[table.criterion]} is {gap:.2f} higher. "
    odds = f"about {math.exp(gap / 2):.3g}" if gap < 18 else "more than 8,000"
    match table.criterion:
        case "bic":
            return text + (
                f"A BIC difference is about twice the log of the Bayes factor, here odds of {odds} to 1: "
                f"{differences_in_words(gap)} evidence (Kass and Raftery 1995: weak below 2, strong from 6, decisive "
                "from 10)."
            )
        case "icl":
            return text + f"ICL has no scale of evidence; on that of BIC, this is {differences_in_words(gap)} evidence."
        case "cv":
            if not math.isfinite(margin_error):
                return text.rstrip()
            errors = f", or {gap / margin_error:.1f} standard errors" if margin_error else ""
            return text + f"The difference over the rows is {gap:.2f} ± {margin_error:.2f}{errors}."
        case _:
            return text + (
                f"The runner-up is exp(-difference / 2) = {math.exp(-gap / 2):.2g} times as likely to predict best "
                "(Burnham and Anderson 2002: up to 2 about as good, from 4 considerably worse, from 10 not supported). "
                "AIC is for prediction; it tends to choose too many components."
            )


def _same(table: SelectionTable) -> str:
    families = table.families()
    same = [line for line in range(len(table)) if families[line] == families[table.best]]
    if len(same) < 2:
        return ""
    return f"with one component, {join_words(map(table.structure_of, same))} are the same model."


def _near(table: SelectionTable) -> str:
    families = table.families()
    seen = {families[table.best]}
    near = []
    for line in table.ranked.tolist():
        if families[line] not in seen and table.difference[line] < _TIE:
            seen.add(families[line])
            near.append(f"{table.name_of(line)} (+{table.difference[line]:.2f})")
    return f"{join_words(near, _SHOWN)}: differences below 2 are ties." if near else ""


def _best_of_each(table: SelectionTable, groups: Sequence[object]) -> str:
    if len(set(groups)) < 2:
        return ""
    best: dict[object, int] = {}
    for line in table.ranked.tolist():
        best.setdefault(groups[line], line)
    order = [group for group in dict.fromkeys(groups) if group in best]
    ahead = table.difference
    return ", ".join(
        f"{table.name_of(line)} {'(chosen)' if line == table.best else f'{round(ahead[line], 1) + 0.0:+.1f}'}"
        for line in map(best.__getitem__, order)
    )


def _others(table: SelectionTable) -> str:
    choices = []
    for name in CRITERIA:
        line = _best_by(table, name)
        if name != table.criterion and line is not None:
            choices.append(f"{CRITERION_NAMES[name]} {table.name_of(line)}")
    return ", ".join(choices)


def _best_by(table: SelectionTable, criterion: str) -> int | None:
    """Return the line that a criterion chooses among the ranked models."""
    values = getattr(table, criterion)[table.ranked]
    if not np.isfinite(values).any():
        return None
    families = table.families()
    line = int(table.ranked[np.nanargmin(values)])
    return table.best if families[line] == families[table.best] else line


def _overlap(table: SelectionTable) -> str:
    line = _best_by(table, "icl")
    if table.criterion == "icl" or line is None or table.n_components[line] >= table.n_components[table.best]:
        return ""
    return (
        f"ICL, which favors separated clusters, chooses {_describe(table, line)}: some of the "
        f"{table.n_components[table.best]} components overlap and describe one cluster together. To find clusters, use "
        "`merge_components(search.mixture_, X)`, which merges by entropy; `gaussmix report` merges components that "
        'share a mode (method="ridgeline-unimodal"). Other methods may give other clusters; none changes the mixture.'
    )


def _edge(table: SelectionTable) -> str:
    tried, k = set(table.n_components[table.status != "failed"].tolist()), int(table.n_components[table.best])
    if len(tried) < 2:
        return ""
    if k == max(tried):
        return (
            f"{k} is the largest number of components fitted: extend(X, n_components=range({k + 1}, {k + 5})) "
            f"adds more (on the command line, -k {min(tried)}:{k + 4})."
        )
    if k == min(tried) and k > 1:
        return (
            f"{k} is the smallest number of components fitted: extend(X, n_components=range(1, {k})) adds smaller ones."
        )
    return ""


def _lower_doubtful(table: SelectionTable) -> np.ndarray:
    """Return the lines of doubtful models with a lower criterion than the sound best model, lowest first."""
    value = table.value if table.criterion != "cv" else table.bic
    lines = np.flatnonzero((table.status == "doubtful") & (value < value[table.best]) & table.is_sound[table.best])
    return np.asarray(lines[np.argsort(value[lines], kind="stable")])


def _doubtful(table: SelectionTable) -> str:
    count = int((table.status == "doubtful").sum())
    if not count or not table.is_sound.any():
        return ""
    lower = _lower_doubtful(table)
    text = f"{count} of {len(table)} models. "
    if not lower.size:
        return text + "None has a lower value than the chosen model."
    first = int(lower[0])
    name = CRITERION_NAMES[table.criterion if table.criterion != "cv" else "bic"]
    value = getattr(table, table.criterion if table.criterion != "cv" else "bic")
    more = f" {lower.size - 1} more are also lower." if lower.size > 1 else ""
    return (
        f"{text}{_describe(table, first)} has a {name} {value[table.best] - value[first]:.2f} below that of the chosen "
        f"model, but is unsound: {table.trouble[first]}.{more} The likelihood of such models is "
        "unbounded, so criteria are not valid."
    )


def _failed(table: SelectionTable) -> str:
    lines = np.flatnonzero(table.status == "failed").tolist()
    if not lines:
        return ""
    by_trouble: dict[str, list[str]] = {}
    for line in lines:
        by_trouble.setdefault(str(table.trouble[line]), []).append(table.name_of(line))
    clauses = [f"{join_words(names, _SHOWN)}: {trouble}" for trouble, names in by_trouble.items()]
    return f"{len(lines)} of {len(table)} models. {join_clauses(clauses, 3)}."


def _weights(weight: float, n_rows: int) -> str:
    if not weight < n_rows:
        return ""
    return (
        f"the weights of {n_rows} rows sum to {weight:g}, so the criteria assume {weight:g} rows. Rescale the weights "
        "if they are not numbers of rows."
    )


def _describe(table: SelectionTable, line: int) -> str:
    k = int(table.n_components[line])
    name, noise = table.structure_of(line), table.kind_of(line, " and noise", " of t distributions")
    if k == 1:
        shape = {"XII": "a sphere", "XXI": "a normal distribution without correlations"}.get(
            family_of(str(table.covariance_type[line]), 1, table.n_features), "a normal distribution"
        )
        return f"{name} with 1 component ({shape}){noise}"
    return f"{name} with {counted(k, 'component')}{noise}"
