"""What the server keeps about an open table: the chosen columns, the models that were found, and the selected rows."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.app.tables import equivalents
from gaussmix.app.tables.em_runs import EMSteps
from gaussmix.app.tables.model_search import FoundModels
from gaussmix.app.tables.open_table import OpenTable
from gaussmix.app.tables.row_scores import RowScores
from gaussmix.app.tables.views import ranges_of
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.plots.inputs import chosen_rows
from gaussmix.selection.model_names import ModelSpec

_KEPT = 6  # models whose scores of all rows are kept


@dataclass(frozen=True, eq=False)
class ChosenRows:
    """The rows of the chosen columns.

    Attributes
    ----------
    names : tuple of str
        Names of the columns.
    rows : (n, d) array
        All rows; NaN is a missing value.
    drawn : (m,) array of int
        Positions of the rows that are drawn.
    ranges : list of pairs of float
        Range of the axis of each column.
    """

    names: tuple[str, ...]
    rows: FloatArray
    drawn: IntArray
    ranges: list[tuple[float, float]]


@dataclass(eq=False)
class TableSession:
    """State of an open table. Its methods may be called from several threads.

    A model is named by a key: "cell 3 tied" is a model of the search, "em 5" a frame of the run of EM.

    Attributes
    ----------
    name : str
        Name of the file as the user knows it.
    path : Path
        The file.
    table : OpenTable or None
        The table, after it was read.
    chosen : ChosenRows or None
        The chosen columns.
    found : FoundModels or None
        Result of the last search.
    steps : EMSteps or None
        The last run of EM.
    report : str
        The last report; empty if there is none.
    selected : (n,) array of bool
        The selected rows.
    jobs : dict
        Purpose of a job -> its identifier, for a page that is loaded again.
    closing : callable
        Called with the session when its document is closed.
    """

    name: str
    path: Path
    closing: "Callable[[TableSession], None]"
    table: OpenTable | None = None
    chosen: ChosenRows | None = None
    found: FoundModels | None = None
    steps: EMSteps | None = None
    report: str = ""
    selected: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    jobs: dict[str, str] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _scores: "OrderedDict[str, RowScores]" = field(default_factory=OrderedDict)

    def open(self, header: bool | None) -> OpenTable:
        """Return the table; it is read again if its first line shall be read in another way."""
        with self._lock:
            asked = None if self.table is None else None if self.table.is_doubtful else self.table.header
            if self.table is None or asked != header:
                self.table = OpenTable.open(self.path, header)
                self._forget()
                self.chosen = None
            return self.table

    def opened(self) -> OpenTable:
        """Return the table as it was read last, or read it."""
        with self._lock:
            return self.open(None) if self.table is None else self.table

    def choose(self, names: Sequence[str]) -> ChosenRows:
        """Choose columns and read their rows; models of other columns are forgotten."""
        with self._lock:
            wanted = tuple(names)
            if self.chosen is None or self.chosen.names != wanted:
                rows = self.opened().rows_of(wanted)
                self._forget()
                self.chosen = ChosenRows(wanted, rows, chosen_rows(len(rows)), ranges_of(rows))
                self.selected = np.zeros(len(rows), dtype=np.bool_)
            return self.chosen

    def require_chosen(self) -> ChosenRows:
        """Return the chosen columns; raise ValueError if none are chosen."""
        with self._lock:
            if self.chosen is None:
                raise ValueError("Choose columns first")
            return self.chosen

    def close(self) -> None:
        """End what is still done about the table."""
        self.closing(self)

    def keep_models(self, chosen: ChosenRows, found: FoundModels) -> None:
        """Keep the models of a search, unless other columns were chosen meanwhile."""
        with self._lock:
            if chosen is self.chosen:
                self.found = found
                self._forget_scores("cell ")

    def keep_steps(self, chosen: ChosenRows, steps: EMSteps) -> None:
        """Keep a run of EM, unless other columns were chosen meanwhile."""
        with self._lock:
            if chosen is self.chosen:
                self.steps = steps
                self._forget_scores("em ")

    def keep_report(self, chosen: ChosenRows, page: str) -> None:
        """Keep a report, unless other columns were chosen meanwhile."""
        with self._lock:
            if chosen is self.chosen:
                self.report = page

    def mixture(self, key: str) -> Mixture:
        """Return the mixture that is drawn for a model; raise ValueError if there is no such model."""
        with self._lock:
            kind, _, which = key.partition(" ")
            return self._steps().mixture_at(_whole(which)) if kind == "em" else self._cell(key)[1]

    def scores(self, key: str) -> RowScores | None:
        """Return the rows under a model; None before the first E-step of a run of EM."""
        with self._lock:
            rows, kind = self.require_chosen().rows, key.partition(" ")[0]
            if key not in self._scores:
                mixture = self._steps().assigning_at(_whole(key[3:])) if kind == "em" else self._cell(key)[1]
                if mixture is None:
                    return None
                self._scores[key] = RowScores(mixture, rows)
                while len(self._scores) > _KEPT:
                    self._scores.popitem(last=False)
            self._scores.move_to_end(key)
            return self._scores[key]

    def require_scores(self, key: str) -> RowScores:
        """Return the rows under a model; raise ValueError before the first E-step."""
        scores = self.scores(key)
        if scores is None:
            raise ValueError("The start of EM has no probabilities of rows yet; take a step")
        return scores

    def reported(self, key: str) -> Any:
        """Return what the report is about: the search if the model is its best one, else the mixture."""
        with self._lock:
            if key.startswith("em "):
                return self.mixture(key)
            spec, mixture = self._cell(key)
            found = self._found()
            return found.search if spec == _best(found) else mixture

    def equivalent(self, key: str) -> dict[str, str]:
        """Return the command lines and the Python lines that give a model."""
        with self._lock:
            names, header = self.require_chosen().names, self.opened().header
            if key.startswith("em "):
                steps, frame = self._steps(), _whole(key[3:])
                steps.mixture_at(frame)
                python = equivalents.python_of_em(self.name, names, header, steps.request, frame // 2)
                return {"command": equivalents.commands_of_em(), "python": python}
            (spec, _), found = self._cell(key), self._found()
            arguments = (self.name, names, header, found.request, spec)
            is_best = spec == _best(found)
            return {
                "command": equivalents.commands_of_search(*arguments, is_best=is_best),
                "python": equivalents.python_of_search(*arguments, is_best=is_best),
            }

    def select(self, which: BoolArray, how: str) -> int:
        """Select rows; ``how`` is "replace", "add" or "remove". Return the number of selected rows."""
        with self._lock:
            if how not in ("replace", "add", "remove"):
                raise ValueError(f"how must be replace, add or remove; got {how!r}")
            before = self.selected
            self.selected = which if how == "replace" else before | which if how == "add" else before & ~which
            return int(self.selected.sum())

    def _found(self) -> FoundModels:
        if self.found is None:
            raise ValueError("Search models first")
        return self.found

    def _steps(self) -> EMSteps:
        if self.steps is None:
            raise ValueError("Run EM first")
        return self.steps

    def _cell(self, key: str) -> tuple[ModelSpec, Mixture]:
        """Return a model of the search and its mixture."""
        found, parts = self._found(), key.split(" ")
        if len(parts) != 3 or parts[0] != "cell":
            raise ValueError(f"There is no model {key[:40]!r}")
        spec = ModelSpec(_whole(parts[1]), parts[2])
        if spec not in found.search.cells_:
            raise ValueError(f"The search has no model of {spec.n_components} components of {spec.covariance_type!r}")
        if spec not in found.mixtures:
            raise ValueError(f"This model could not be fitted: {found.search.cells_[spec].failure}")
        return spec, found.mixtures[spec]

    def _forget(self) -> None:
        self.found = self.steps = None
        self.report = ""
        self._scores.clear()

    def _forget_scores(self, kind: str) -> None:
        for key in [key for key in self._scores if key.startswith(kind)]:
            del self._scores[key]


def key_of(spec: ModelSpec) -> str:
    """Return the key of a model of the search."""
    return f"cell {spec.n_components} {spec.covariance_type}"


def _best(found: FoundModels) -> ModelSpec:
    return found.search.results_.spec_of(found.search.results_.best)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{text[:20]!r} is not a number")
    return int(text)
