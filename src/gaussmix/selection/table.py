"""Table of models: one line for each cell, and the line of the best model."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gaussmix.core.covariance import display_name
from gaussmix.core.output_files import complete_file
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.selection import criteria
from gaussmix.selection.cells import Cell
from gaussmix.selection.model_names import ModelSpec, family_of

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

CRITERIA = (*criteria.CRITERIA, "cv")
"""Names of the criteria that can select a model."""

_TIE = 1e-4  # difference of a criterion: fits end that close to the optimum


@dataclass(frozen=True, eq=False)
class SelectionTable:
    """Table of the models of a search, one line for each; lower criteria are better. Read-only.

    Attributes
    ----------
    criterion : str
        Criterion that selects the model.
    n_features : int
        Number of features of the rows.
    best : int
        Line of the selected model.
    n_components : (m,) array of int
        Number of components of each model.
    covariance_type : (m,) array of str
        Covariance model.
    log_likelihood : (m,) array
        Log-likelihood in nats; like entropy and criteria, NaN for failed models.
    n_parameters : (m,) array of int
        Number of free parameters; 0 for failed models.
    entropy : (m,) array
        Entropy of the responsibilities, summed over the rows, in nats.
    bic, icl, aic, aicc : (m,) array
        Information criteria; `aicc` is infinite if there are at most ``n_parameters + 1`` rows.
    cv : (m,) array
        Minus twice the log-likelihood of held-out rows; NaN if it was not computed.
    n_unsound : (m,) array of int
        Number of unsound components.
    converged : (m,) array of bool
        Whether the fit converged.
    status : (m,) array of str
        "sound", "doubtful" or "failed".
    trouble : (m,) array of str
        Reasons why the model is doubtful or failed.
    origin : (m,) array of str
        Start that led to the fit.
    seconds : (m,) array
        Time spent on the model.
    noise : (m,) array of bool, or None
        Whether the model has uniform noise; None if no model of the search has.
    family : (m,) array of str, or None
        "gaussian", or "student" for t distributions; None if all models are of normal distributions.
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
    noise: BoolArray | None = None
    family: Any = None

    @classmethod
    def of(
        cls,
        cells: Mapping[ModelSpec, Cell],
        criterion: str,
        n_features: int,
        types: Sequence[str],
        held_out: Mapping[ModelSpec, float] | None = None,
    ) -> Self:
        """Make the table of cells, sorted by number of components, then in the order of ``types``.

        Sound cells are preferred to doubtful ones, and of these, the ones with the fewest unsound components. Ties are
        resolved by the fewest parameters, then the fewest components, then the order of the table.

        Parameters
        ----------
        cells : mapping
            A `Cell` for each `ModelSpec`.
        criterion : str
            Criterion that selects the model.
        n_features : int
            Number of features of the rows.
        types : sequence of str
            Covariance types, in the order of the table.
        held_out : mapping, optional
            Values of "cv".

        Returns
        -------
        SelectionTable
            One line for each cell.

        Raises
        ------
        ValueError
            If no cell has a fit, or the criterion is defined for none.
        """
        specs = sorted(cells, key=lambda spec: (spec.n_components, types.index(spec.covariance_type), *spec[2:]))
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
        if any(cell.noise for cell in lines):
            columns["noise"] = [cell.noise for cell in lines]
        if any(cell.family == "student" for cell in lines):
            columns["family"] = [cell.family for cell in lines]
        arrays = {name: _read_only(np.array(column)) for name, column in columns.items()}
        best = _choose(arrays, criterion)
        if best is None and any(cell.fit for cell in lines):
            raise ValueError(f'criterion="{criterion}" is defined for none of the models: there are too few rows')
        if best is None:
            raise ValueError(f"No model could be fitted: {lines[0].failure}")
        return cls(criterion, n_features, best, **arrays)

    def __len__(self) -> int:
        return len(self.n_components)

    def __getitem__(self, name: str) -> Any:
        """Return a column by name."""
        if name not in self.names:
            raise KeyError(f"there is no column {name!r}; the columns are {', '.join(self.names)}")
        return self.to_arrays()[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns; the last is ``difference``, the difference from the best model."""
        arrays = (field.name for field in fields(self) if isinstance(getattr(self, field.name), np.ndarray))
        return (*arrays, "difference")

    @property
    def value(self) -> FloatArray:
        """Values of the selecting criterion, ``(m,)``."""
        return np.asarray(getattr(self, self.criterion))

    @property
    def difference(self) -> FloatArray:
        """Differences from the best model, ``(m,)``; negative for doubtful models with lower values."""
        return self.value - self.value[self.best]

    @property
    def is_sound(self) -> BoolArray:
        """Whether each model is sound, ``(m,)``."""
        return np.asarray(self.status == "sound")

    @property
    def ranked(self) -> IntArray:
        """Lines of the sound models, best first; if none is sound, of those with the fewest unsound components."""
        which = np.flatnonzero(_eligible(self.status, self.n_unsound, self.value))
        order = which[np.argsort(np.round(self.value[which] / _TIE), kind="stable")]
        return np.concatenate([[self.best], order[order != self.best]])

    def by(self, criterion: str) -> "SelectionTable":
        """Return the table with the best model by another criterion.

        Parameters
        ----------
        criterion : {"bic", "icl", "aic", "aicc", "cv"}
            The other criterion; "cv" only if it was computed.

        Returns
        -------
        SelectionTable
            The same lines and values.

        Raises
        ------
        ValueError
            If there is no such criterion, or it is defined for none of the models.
        """
        if criterion not in CRITERIA:
            raise ValueError(f"criterion must be one of {CRITERIA}; got {criterion!r}")
        best = _choose(self.to_arrays(), criterion)
        if best is None:
            remedy = ': search with criterion="cv"' if criterion == "cv" else ""
            raise ValueError(f'criterion="{criterion}" is defined for none of the models{remedy}')
        return replace(self, criterion=criterion, best=best)

    def families(self) -> list[str]:
        """Return a key for each line; with one component, several names denote the same model and share a key.

        Returns
        -------
        list of str
            Lines of the same model have the same key.
        """
        names = zip(self.n_components.tolist(), self.covariance_type.tolist(), strict=True)
        return [
            f"{k} {family_of(name, k, self.n_features)}{self.kind_of(line, ' noise', ' t')}"
            for line, (k, name) in enumerate(names)
        ]

    def name_of(self, line: int) -> str:
        """Return the name of a model.

        Parameters
        ----------
        line : int
            Line of the table, from 0.

        Returns
        -------
        str
            Such as "VEV 2", "tied (EEE) 3" or "VVV 2 with noise".
        """
        kind = self.kind_of(line, " with noise", " of t distributions")
        return f"{self.structure_of(line)} {self.n_components[line]}{kind}"

    def structure_of(self, line: int) -> str:
        """Return the name of the covariance structure of a model in texts.

        Parameters
        ----------
        line : int
            Line of the table, from 0.

        Returns
        -------
        str
            Such as "VEV" or "tied (EEE)".
        """
        return display_name(str(self.covariance_type[line]), self.n_features)

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
        spec = ModelSpec(int(self.n_components[line]), str(self.covariance_type[line]))
        if self.family is not None and self.family[line] == "student":
            return spec.of_family("student")
        return spec.with_noise() if self.has_noise(line) else spec

    def kind_of(self, line: int, noise: str, student: str) -> str:
        """Return one of two texts for a model with noise or of t distributions, else nothing.

        Parameters
        ----------
        line : int
            Line of the table, from 0.
        noise, student : str
            The texts.

        Returns
        -------
        str
            A text.
        """
        if self.family is not None and self.family[line] == "student":
            return student
        return noise if self.has_noise(line) else ""

    @property
    def models(self) -> list[str]:
        """The name of the model of each line without the number of components, such as "VVV" or "VVV+noise"."""
        names = self.covariance_type.tolist()
        return [f"{name}{self.kind_of(line, '+noise', '+t')}" for line, name in enumerate(names)]

    def has_noise(self, line: int) -> bool:
        """Return whether the model of a line has uniform noise.

        Parameters
        ----------
        line : int
            Line of the table, from 0.

        Returns
        -------
        bool
            False if no model of the search has noise.
        """
        return self.noise is not None and bool(self.noise[line])

    def to_arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the columns as arrays.

        Returns
        -------
        dict of str to array
            Columns by name; ``difference`` is last.
        """
        return {name: getattr(self, name) for name in self.names}

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns as lists, for ``json.dumps`` or a data frame.

        Returns
        -------
        dict of str to list
            Columns by name; None for numbers that are not finite.
        """
        return {name: [_plain(value) for value in column.tolist()] for name, column in self.to_arrays().items()}

    def to_csv(self, path: str | PathLike[str] | None = None) -> str:
        """Return the table as CSV.

        Parameters
        ----------
        path : str or path, optional
            File to write.

        Returns
        -------
        str
            One line for each model, with empty cells for numbers that are not finite.
        """
        columns = self.to_dict()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        return _written(text.getvalue(), path)

    def to_json(self, path: str | PathLike[str] | None = None, **more: Any) -> str:
        """Return the table as JSON.

        Parameters
        ----------
        path : str or path, optional
            File to write.
        **more : JSON values
            Additional entries, by name.

        Returns
        -------
        str
            The criterion, the best model, and a record for each model.
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
    """Return the line of the selected model, or None."""
    value = columns[criterion]
    lines = np.flatnonzero(_eligible(columns["status"], columns["n_unsound"], value)).tolist()
    if not lines:
        return None
    least = min(value[line] for line in lines)
    tied = [line for line in lines if value[line] <= least + _TIE]
    return int(min(tied, key=lambda line: (columns["n_parameters"][line], columns["n_components"][line], line)))


def _eligible(status: np.ndarray[Any, Any], n_unsound: IntArray, value: FloatArray) -> BoolArray:
    """Return (m,) whether each line is sound or, if none is, has the fewest unsound components."""
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
