"""Why the winner won, in words."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.core.text import Entry, counted, entry_grid, format_entries, join_clauses, join_words
from gaussmix.selection.criteria import differences_in_words
from gaussmix.selection.model_names import family_of
from gaussmix.selection.rendering import CRITERION_NAMES
from gaussmix.selection.table import CRITERIA, SelectionTable

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN = 6
_TIE = 2.0  # of a criterion: not worth a mention


@dataclass(frozen=True)
class Explanation:
    """Why a model was chosen; ``str`` returns the text.

    Attributes
    ----------
    entries : tuple of Entry
        The choice, then what it depends on; entries that need attention are flagged.
    """

    entries: tuple[Entry, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """The texts of the flagged entries."""
        return tuple(entry.text for entry in self.entries if entry.flagged)

    def __str__(self) -> str:
        return format_entries(self.entries)

    def __rich__(self) -> "RenderableType":
        return entry_grid(self.entries)


def explain(
    table: SelectionTable, margin_error: float = math.nan, weight: float = math.nan, n_rows: int = 0
) -> Explanation:
    """The reason for the choice of a table.

    Parameters
    ----------
    table : SelectionTable
    margin_error : float
        Of cross-validation: the standard error of the difference from the runner-up.
    weight : float
        The sum of the weights of the rows.
    n_rows : int
        How many have a weight.
    """
    entries = [
        Entry("chosen", _chosen(table), not table.is_sound[table.best]),
        Entry("runner-up", _runner_up(table, margin_error)),
        Entry("same model", _same(table)),
        Entry("nearly as good", _near(table)),
        Entry("by components", _best_of_each(table, table.n_components.tolist())),
        Entry("by model", _best_of_each(table, table.covariance_type.tolist())),
        Entry("other criteria", _others(table)),
        Entry("overlap", _overlap(table), True),
        Entry("at the edge", _edge(table), True),
        Entry("doubtful", _doubtful(table), _lower_doubtful(table).size > 0),
        Entry("failed", _failed(table), True),
        Entry("weights", _weights(weight, n_rows), True),
    ]
    return Explanation(tuple(entry for entry in entries if entry.text))


def in_short(table: SelectionTable) -> str:
    """The choice in a sentence."""
    return _chosen(table)


def runner_up(table: SelectionTable) -> int | None:
    """The line of the best model that is another one than the winner."""
    families = table.families()
    return next((int(line) for line in table.ranked if families[line] != families[table.best]), None)


def _chosen(table: SelectionTable) -> str:
    name, value = CRITERION_NAMES[table.criterion], table.value[table.best]
    count = int(table.is_sound.sum())
    said = f"{_in_full(table, table.best)}: {name} {value:.2f}"
    if not count:
        return f"{said}. No model is sound; this one is doubtful too: {table.trouble[table.best]}."
    others = f", the lowest of {count} sound models" if count > 1 else ", the only sound model"
    second = runner_up(table)
    if second is None:
        return f"{said}{others}."
    gap = float(table.difference[second])
    word = "" if table.criterion == "cv" else f" ({differences_in_words(gap)})"
    return f"{said}{others}, {gap:.2f} below the next{word}."


def _runner_up(table: SelectionTable, margin_error: float) -> str:
    second = runner_up(table)
    if second is None:
        return ""
    gap = float(table.difference[second])
    said = f"{_in_full(table, second)}, {CRITERION_NAMES[table.criterion]} {gap:.2f} higher. "
    odds = f"about {math.exp(gap / 2):.3g}" if gap < 18 else "more than 8,000"
    match table.criterion:
        case "bic":
            return said + (
                f"A difference of BIC is about twice the log of a Bayes factor: odds of {odds} to 1, which is "
                f"{differences_in_words(gap)} (Kass and Raftery 1995: weak below 2, strong from 6, decisive from 10)."
            )
        case "icl":
            return said + f"There is no scale for ICL; by that of BIC the difference is {differences_in_words(gap)}."
        case "cv":
            if not math.isfinite(margin_error):
                return said.rstrip()
            times = "" if not margin_error else f", {gap / margin_error:.1f} times its standard error"
            return said + f"The difference is {gap:.2f} ± {margin_error:.2f}{times}, over the rows."
        case _:
            return said + (
                f"The runner-up is exp(-difference / 2) = {math.exp(-gap / 2):.2g} times as likely to predict best "
                "(Burnham and Anderson 2002: up to 2 as good, from 4 on considerably less so, from 10 on not at all). "
                "AIC is for prediction; for the number of components it takes too many."
            )


def _same(table: SelectionTable) -> str:
    families = table.families()
    same = [line for line in range(len(table)) if families[line] == families[table.best]]
    if len(same) < 2:
        return ""
    names = ", ".join(table.covariance_type[same].tolist())
    return f"with one component {names} mean the same; the first stands for all."


def _near(table: SelectionTable) -> str:
    families = table.families()
    seen = {families[table.best]}
    near = []
    for line in table.ranked.tolist():
        if families[line] not in seen and table.difference[line] < _TIE:
            seen.add(families[line])
            near.append(f"{table.name_of(line)} (+{table.difference[line]:.2f})")
    return f"{join_words(near, _SHOWN)}: less than 2 apart is a tie." if near else ""


def _best_of_each(table: SelectionTable, groups: list[object]) -> str:
    if len(set(groups)) < 2:
        return ""
    best: dict[object, int] = {}
    for line in table.ranked.tolist():
        best.setdefault(groups[line], line)
    order = [group for group in dict.fromkeys(groups) if group in best]
    ahead = table.difference
    return ", ".join(
        f"{table.name_of(line)} {'(the winner)' if line == table.best else f'{round(ahead[line], 1) + 0.0:+.1f}'}"
        for line in map(best.__getitem__, order)
    )


def _others(table: SelectionTable) -> str:
    said = []
    for name in CRITERIA:
        line = _best_by(table, name)
        if name != table.criterion and line is not None:
            said.append(f"{CRITERION_NAMES[name]} {table.name_of(line)}")
    return ", ".join(said)


def _best_by(table: SelectionTable, criterion: str) -> int | None:
    """The line that another criterion would choose among those that may win."""
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
        f"ICL, which asks that clusters be separate, takes {_in_full(table, line)}: some of the "
        f"{table.n_components[table.best]} components overlap, and describe one cluster together. Where clusters are "
        "wanted, `merge_components(search.mixture_, X)` finds them, and so does `gaussmix report`; nothing is left out."
    )


def _edge(table: SelectionTable) -> str:
    tried, k = set(table.n_components[table.status != "failed"].tolist()), int(table.n_components[table.best])
    if len(tried) < 2:
        return ""
    if k == max(tried):
        return (
            f"no more than {k} components were fitted: extend(X, n_components=range({k + 1}, {k + 5})) adds more (in a "
            f"terminal, -k {min(tried)}:{k + 4})."
        )
    if k == min(tried) and k > 1:
        return f"no fewer than {k} components were fitted: extend(X, n_components=range(1, {k})) adds fewer."
    return ""


def _lower_doubtful(table: SelectionTable) -> np.ndarray:
    """Lines of doubtful models that lie below a sound winner, the lowest first."""
    value = table.value if table.criterion != "cv" else table.bic
    lines = np.flatnonzero((table.status == "doubtful") & (value < value[table.best]) & table.is_sound[table.best])
    return np.asarray(lines[np.argsort(value[lines], kind="stable")])


def _doubtful(table: SelectionTable) -> str:
    count = int((table.status == "doubtful").sum())
    if not count or not table.is_sound.any():
        return ""
    lower = _lower_doubtful(table)
    said = f"{count} of {len(table)} models. "
    if not lower.size:
        return said + "None has a better value than the winner."
    first = int(lower[0])
    name = CRITERION_NAMES[table.criterion if table.criterion != "cv" else "bic"]
    value = getattr(table, table.criterion if table.criterion != "cv" else "bic")
    more = f", and {lower.size - 1} more lie below the winner" if lower.size > 1 else ""
    return (
        f"{said}{_in_full(table, first)} has a {name} {value[table.best] - value[first]:.2f} below the winner's, "
        f"but is not to be trusted: {table.trouble[first]}{more}. The likelihood has no bound there, so criteria "
        "do not hold."
    )


def _failed(table: SelectionTable) -> str:
    lines = np.flatnonzero(table.status == "failed").tolist()
    if not lines:
        return ""
    by_trouble: dict[str, list[str]] = {}
    for line in lines:
        by_trouble.setdefault(str(table.trouble[line]), []).append(table.name_of(line))
    said = [f"{join_words(names, _SHOWN)}: {trouble}" for trouble, names in by_trouble.items()]
    return f"{len(lines)} of {len(table)} models. {join_clauses(said, 3)}."


def _weights(weight: float, n_rows: int) -> str:
    if not weight < n_rows:
        return ""
    return (
        f"the weights of {n_rows} rows sum to {weight:g}: criteria count that as {weight:g} rows. Weights are "
        "numbers of rows; multiply them if these are something else."
    )


def _in_full(table: SelectionTable, line: int) -> str:
    k = int(table.n_components[line])
    name = str(table.covariance_type[line])
    if k == 1:
        name = {"XII": "a sphere", "XXI": "a normal distribution without correlations"}.get(
            family_of(name, 1, table.n_features), "a normal distribution"
        )
        return f"{table.covariance_type[line]} with 1 component ({name})"
    return f"{name} with {counted(k, 'component')}"
