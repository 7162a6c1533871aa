"""The table of models: a line for each cell, and which line is the best."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gaussmix.core.output_files import complete_file
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.selection import criteria
from gaussmix.selection.cells import Cell
from gaussmix.selection.model_names import ModelSpec, family_of

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

CRITERIA = (*criteria.CRITERIA, "cv")
"""What may choose."""

_TIE = 1e-4  # of a criterion: fits end that near to the top


@dataclass(frozen=True, eq=False)
class SelectionTable:
    """What a search found, a line for each model; all criteria are lower for better models. Read-only.

    Attributes
    ----------
    criterion : str
        The one that chose.
    n_features : int
        How many features the rows had.
    best : int
        The line of the winner.
    n_components : (m,) array of int
        How many components each model has.
    covariance_type : (m,) array of str
        Its covariance model.
    log_likelihood : (m,) array
        In nats; NaN where nothing could be fitted, like entropy and criteria.
    n_parameters : (m,) array of int
        0 where nothing could be fitted.
    entropy : (m,) array
        Of the responsibilities, summed over the rows, in nats.
    bic, icl, aic, aicc : (m,) array
        `aicc` is infinite where the rows do not suffice for it.
    cv : (m,) array
        Minus twice the log-likelihood of rows held out; NaN where it was not computed.
    n_unsound : (m,) array of int
        Components that are not to be trusted.
    converged : (m,) array of bool
        Whether the fit did.
    status : (m,) array of str
        "sound", "doubtful" or "failed".
    trouble : (m,) array of str
        Why.
    origin : (m,) array of str
        Which start led there.
    seconds : (m,) array
        What the model took.
    """

    criterion: str
    n_features: int
    best: int
    n_components: IntArray
    covariance_type: np.ndarray[Any, np.dtype[np.str_]]
    log_likelihood: FloatArray
    n_parameters: IntArray
    entropy: FloatArray
    bic: FloatArray
    icl: FloatArray
    aic: FloatArray
    aicc: FloatArray
    cv: FloatArray
    n_unsound: IntArray
    converged: BoolArray
    status: np.ndarray[Any, np.dtype[np.str_]]
    trouble: np.ndarray[Any, np.dtype[np.str_]]
    origin: np.ndarray[Any, np.dtype[np.str_]]
    seconds: FloatArray

    @classmethod
    def of(
        cls,
        cells: Mapping[ModelSpec, Cell],
        criterion: str,
        n_features: int,
        types: Sequence[str],
        held_out: Mapping[ModelSpec, float] | None = None,
    ) -> Self:
        """The table of some cells, by number of components, models in the order of ``types``.

        Sound cells win over doubtful ones, and among these the ones with the fewest unsound components. Of cells that
        tie, the one with the fewest parameters wins, then the one with the fewest components, then the first.

        Parameters
        ----------
        cells : mapping
            From (number of components, covariance type) to a `Cell`.
        criterion : str
            Which one chooses.
        n_features : int
            How many features the rows have.
        types : sequence of str
            The covariance types, in the order of the table.
        held_out : mapping, optional
            The values of "cv".

        Returns
        -------
        SelectionTable
            A line for each cell.

        Raises
        ------
        ValueError
            When there is no fit among the cells; says why the first one failed.
        """
        specs = sorted(cells, key=lambda spec: (spec.n_components, types.index(spec.covariance_type)))
        lines = [cells[spec] for spec in specs]
        doubts = [cell.doubts() for cell in lines]
        status = [
            "failed" if cell.fit is None else "doubtful" if why else "sound"
            for cell, why in zip(lines, doubts, strict=True)
        ]
        log_likelihood = np.array([cell.log_likelihood for cell in lines])
        n_parameters = np.array([cell.n_parameters for cell in lines])
        entropy = np.array([cell.entropy for cell in lines])
        weight = max((cell.fit.moments.weight for cell in lines if cell.fit is not None), default=1.0)
        columns: dict[str, Any] = {
            "n_components": [cell.n_components for cell in lines],
            "covariance_type": [cell.covariance_type for cell in lines],
            "log_likelihood": log_likelihood,
            "n_parameters": n_parameters,
            "entropy": entropy,
            **{name: value(log_likelihood, n_parameters, weight, entropy) for name, value in criteria.CRITERIA.items()},
            "cv": [(held_out or {}).get(spec, math.nan) for spec in specs],
            "n_unsound": [cell.n_unsound for cell in lines],
            "converged": [cell.is_converged for cell in lines],
            "status": status,
            "trouble": [cell.failure or "; ".join(why) for cell, why in zip(lines, doubts, strict=True)],
            "origin": [cell.origin for cell in lines],
            "seconds": [cell.seconds for cell in lines],
        }
        arrays = {name: _read_only(np.array(column)) for name, column in columns.items()}
        best = _choose(arrays, criterion)
        if best is None and any(cell.fit for cell in lines):
            raise ValueError(f'criterion="{criterion}" is defined for none of the models: the rows are too few for it')
        if best is None:
            raise ValueError(f"No model could be fitted: {lines[0].failure}")
        return cls(criterion, n_features, best, **arrays)

    def __len__(self) -> int:
        return len(self.n_components)

    def __getitem__(self, name: str) -> Any:
        """A column by name."""
        if name not in self.names:
            raise KeyError(f"there is no column {name!r}; the columns are {', '.join(self.names)}")
        return self.to_arrays()[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, ``difference`` from the best by the criterion at the end."""
        arrays = (field.name for field in fields(self) if isinstance(getattr(self, field.name), np.ndarray))
        return (*arrays, "difference")

    @property
    def value(self) -> FloatArray:
        """The criterion that chose, ``(m,)``."""
        return np.asarray(getattr(self, self.criterion))

    @property
    def difference(self) -> FloatArray:
        """How much worse a model is than the best, ``(m,)``; negative for doubtful ones that lie lower."""
        return self.value - self.value[self.best]

    @property
    def is_sound(self) -> BoolArray:
        """Which lines are of sound models, ``(m,)``."""
        return np.asarray(self.status == "sound")

    @property
    def ranked(self) -> IntArray:
        """The lines of sound models, the best first, ties in order; of the least doubtful where none is."""
        which = np.flatnonzero(_eligible(self.status, self.n_unsound, self.value))
        order = which[np.argsort(np.round(self.value[which] / _TIE), kind="stable")]
        return np.concatenate([[self.best], order[order != self.best]])

    def by(self, criterion: str) -> "SelectionTable":
        """The same models, with the winner that another criterion chooses.

        Parameters
        ----------
        criterion : {"bic", "icl", "aic", "aicc", "cv"}
            The other one; "cv" where it was computed.

        Returns
        -------
        SelectionTable
            Lines and values are those of this table.

        Raises
        ------
        ValueError
            When there is no such criterion, or no model has a value of it.
        """
        if criterion not in CRITERIA:
            raise ValueError(f"criterion must be one of {CRITERIA}; got {criterion!r}")
        best = _choose(self.to_arrays(), criterion)
        if best is None:
            remedy = ': search with criterion="cv"' if criterion == "cv" else ""
            raise ValueError(f'criterion="{criterion}" has a value for none of the models{remedy}')
        return replace(self, criterion=criterion, best=best)

    def families(self) -> list[str]:
        """Which lines are the same model: with one component, many names mean the same.

        Returns
        -------
        list of str
            A key for each line; lines of the same model share it.
        """
        return [
            f"{k} {family_of(name, k, self.n_features)}"
            for k, name in zip(self.n_components.tolist(), self.covariance_type.tolist(), strict=True)
        ]

    def name_of(self, line: int) -> str:
        """The name of a model.

        Parameters
        ----------
        line : int
            Which line of the table, from 0 on.

        Returns
        -------
        str
            Such as "VEV 2".
        """
        return f"{self.covariance_type[line]} {self.n_components[line]}"

    def spec_of(self, line: int) -> ModelSpec:
        """Return the model of a line.

        Parameters
        ----------
        line : int
            Line of the table, from 0.

        Returns
        -------
        ModelSpec
            Number of components and covariance type.
        """
        return ModelSpec(int(self.n_components[line]), str(self.covariance_type[line]))

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """The columns as arrays.

        Returns
        -------
        dict of str to array
            By name, ``difference`` at the end.
        """
        return {name: getattr(self, name) for name in self.names}

    def to_dict(self) -> dict[str, list[Any]]:
        """The columns as lists: ``json.dumps`` takes it, so does a data frame.

        Returns
        -------
        dict of str to list
            By name; None where there is no finite number.
        """
        return {name: [_plain(value) for value in column.tolist()] for name, column in self.to_arrays().items()}

    def to_csv(self, path: str | PathLike[str] | None = None) -> str:
        """The table as CSV.

        Parameters
        ----------
        path : str or path, optional
            A file to write to as well.

        Returns
        -------
        str
            A line for each model, empty where there is no number.
        """
        columns = self.to_dict()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        return _written(text.getvalue(), path)

    def to_json(self, path: str | PathLike[str] | None = None, **more: Any) -> str:
        """The table as JSON.

        Parameters
        ----------
        path : str or path, optional
            A file to write to as well.
        **more : anything that JSON has
            Written beside the models, by name.

        Returns
        -------
        str
            The criterion, the best, and a record for each model.
        """
        columns = self.to_dict()
        records = [dict(zip(columns, line, strict=True)) for line in zip(*columns.values(), strict=True)]
        content = {"criterion": self.criterion, "best": records[self.best], **more, "models": records}
        return _written(json.dumps(content, indent=1, allow_nan=False) + "\n", path)

    def __str__(self) -> str:
        from gaussmix.selection.rendering import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from gaussmix.selection.rendering import as_html

        return as_html(self)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from gaussmix.selection.rendering import as_rich

        yield as_rich(self, options.max_width)


def _choose(columns: Mapping[str, np.ndarray[Any, Any]], criterion: str) -> int | None:
    """The line of the winner."""
    value = columns[criterion]
    lines = np.flatnonzero(_eligible(columns["status"], columns["n_unsound"], value)).tolist()
    if not lines:
        return None
    least = min(value[line] for line in lines)
    tied = [line for line in lines if value[line] <= least + _TIE]
    return int(min(tied, key=lambda line: (columns["n_parameters"][line], columns["n_components"][line], line)))


def _eligible(status: np.ndarray[Any, Any], n_unsound: IntArray, value: FloatArray) -> BoolArray:
    """(m,) the lines that may win: sound ones; where there are none, those with the fewest unsound components."""
    which = (status == "sound") & np.isfinite(value)
    if not which.any():
        which = (status == "doubtful") & np.isfinite(value)
        which &= n_unsound == min(n_unsound[which], default=0)
    return np.asarray(which)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _written(text: str, path: str | PathLike[str] | None) -> str:
    if path is not None:
        with complete_file(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return text


def _read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    array.flags.writeable = False
    return array
