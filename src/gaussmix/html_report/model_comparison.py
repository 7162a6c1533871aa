"""A small search beside a model: what other numbers of components and structures would give on the same rows."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gaussmix.core.covariance import COVARIANCES
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.row_sampling import fixed_subsample
from gaussmix.core.rows import WeightedRows
from gaussmix.diagnostics import FitRecord
from gaussmix.estimators import GaussianMixtureIC
from gaussmix.selection import criteria
from gaussmix.selection.model_names import code_of
from gaussmix.selection.table import SelectionTable

MORE = 3
"""By default one component to so many more than the model has are compared."""

MOST_NUMBERS = 12
"""A model with more components is compared with those of nearly as many, and with one."""


@dataclass(frozen=True, eq=False)
class Fitness:
    """How well a mixture describes some rows; criteria are lower for better models.

    Attributes
    ----------
    name : str
        Structure and number of components, such as "VEV 2".
    log_likelihood : float
        In nats, of all rows.
    n_parameters : int
    bic, icl, aic : float
    """

    name: str
    log_likelihood: float
    n_parameters: int
    bic: float
    icl: float
    aic: float

    @classmethod
    def of(cls, name: str, n_parameters: int, moments: Moments) -> Self:
        """From the sums of a pass over the rows."""
        log_likelihood, p = moments.log_likelihood, n_parameters
        return cls(
            name,
            log_likelihood,
            p,
            float(criteria.bic(log_likelihood, p, moments.weight)),
            float(criteria.icl(log_likelihood, p, moments.weight, moments.entropy)),
            float(criteria.aic(log_likelihood, p)),
        )

    @classmethod
    def in_table(cls, table: SelectionTable, line: int) -> Self:
        """A line of a table of models."""
        numbers = (float(table[name][line]) for name in ("bic", "icl", "aic"))
        return cls(table.name_of(line), float(table.log_likelihood[line]), int(table.n_parameters[line]), *numbers)


@dataclass(frozen=True, eq=False)
class Alternatives:
    """A search, and the model beside it.

    Attributes
    ----------
    search : GaussianMixtureIC
    n_rows : int
        How many rows it was fitted to.
    model : Fitness
        On the columns that the search has kept.
    dropped : tuple of int
        The columns it has left out: they are constant or follow from others.
    refit : Fitness or None
        The cell of the table with the model's structure and number of components.
    notes : tuple of str
        What the search warned of.
    """

    search: GaussianMixtureIC
    n_rows: int
    model: Fitness
    dropped: tuple[int, ...]
    refit: Fitness | None
    notes: tuple[str, ...]


def default_numbers(n_components: int) -> tuple[int, ...]:
    """Numbers of components to compare a model with."""
    last = n_components + MORE
    return tuple(range(1, last + 1)) if last <= MOST_NUMBERS else (1, *range(n_components - MORE, last + 1))


def find_alternatives(
    mixture: Mixture,
    rows: WeightedRows,
    n_components: Iterable[int],
    *,
    random_state: Any,
    n_jobs: int | None,
    progress: bool,
) -> tuple[Alternatives, KeyboardInterrupt | None]:
    """Search among the model's own structure and scikit-learn's four; with what interrupted it, if it got a result.

    Of many rows, some are looked at, the same ones every time.
    """
    some = fixed_subsample(rows)
    if not some.complete:
        rows = some.rows
    search = GaussianMixtureIC(
        n_components,
        covariance_types=(mixture.covariance_type, *COVARIANCES),
        random_state=random_state,
        n_jobs=n_jobs,
        progress=progress,
    )
    interrupt = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            search.fit(rows.values, sample_weight=rows.weights)
        except KeyboardInterrupt as pressed:
            if not hasattr(search, "results_"):
                raise
            interrupt = pressed
    notes = tuple(dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught))
    return beside(mixture, search, rows, notes), interrupt


def beside(
    mixture: Mixture, search: GaussianMixtureIC, rows: WeightedRows, notes: tuple[str, ...] = ()
) -> Alternatives:
    """A search that was made of these rows, and the model on the columns that the search has kept."""
    data_range = FitRecord.of(search.best_estimator_).data_range
    structure, k, name = type(mixture.covariance), mixture.n_components, mixture.covariance_type
    dropped: tuple[int, ...] = ()
    if data_range is not None:
        dropped = tuple(data_range.dropped.tolist())
        mixture = mixture.marginal(data_range.kept.tolist())
        rows = rows.with_values(data_range.reduce(rows.values))
    d = mixture.n_features
    n_parameters = k - 1 + k * d + structure.count_parameters(k, d)
    moments = NativeEngine.of(rows).accumulate(mixture.whitened())
    table = search.results_
    same = [
        line
        for line, (size, other) in enumerate(map(table.key_of, range(len(table))))
        if size == k and code_of(other, d) == code_of(name, d) and table.status[line] != "failed"
    ]
    return Alternatives(
        search,
        rows.n_rows,
        Fitness.of(f"{name} {k}", n_parameters, moments),
        dropped,
        Fitness.in_table(table, same[0]) if same else None,
        notes,
    )


def was_made_of(search: GaussianMixtureIC, rows: WeightedRows) -> bool:
    """Whether a search was fitted to these rows: its winner has the same likelihood on them."""
    fitted = search.best_estimator_
    if fitted.n_features_in_ != rows.n_features:
        return False
    moments = NativeEngine.of(rows).accumulate(fitted.mixture_.whitened())
    return bool(np.isclose(moments.mean_log_likelihood, fitted.lower_bound_, rtol=1e-9, atol=1e-9))
