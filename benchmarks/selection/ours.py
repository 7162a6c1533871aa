"""Search of gaussmix, with an interface of its own for the scripts of this folder."""

import time
import warnings
from dataclasses import dataclass

import numpy as np
from peers import Choice

from gaussmix import GaussianMixtureIC, Mixture
from gaussmix.core.typing import FloatArray


@dataclass(frozen=True, eq=False)
class Fitted:
    """Cell of a search: log-likelihood in nats, BIC (lower is better)."""

    log_likelihood: float
    n_parameters: int
    bic: float
    n_unsound: int
    mixture: Mixture


@dataclass(frozen=True, eq=False)
class Searched:
    """Result of a search: cells by (model, k) in mclust's letters, the choice, and the reason."""

    cells: dict[tuple[str, int], Fitted]
    choice: Choice
    reason: str


def search(rows: FloatArray, k_max: int, covariance_types: str = "all") -> Searched:
    """Search all models, or scikit-learn's four, with 1 to k_max components, by BIC."""
    model = GaussianMixtureIC(range(1, k_max + 1), covariance_types=covariance_types, criterion="bic", random_state=0)
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the table marks doubtful fits
        model.fit(rows)
    seconds = time.perf_counter() - began
    table = model.results_
    cells = {}
    for line in np.flatnonzero(table.status != "failed").tolist():
        k, name = int(table.n_components[line]), str(table.covariance_type[line])
        cell = model.cells_[k, name]
        assert cell.mixture is not None
        cells[name, k] = Fitted(
            float(table.log_likelihood[line]),
            int(table.n_parameters[line]),
            float(table.bic[line]),
            cell.n_unsound,
            cell.mixture,
        )
    best = model.best_covariance_type_, model.best_n_components_
    return Searched(cells, Choice(*best, cells[best].log_likelihood, cells[best].bic, seconds), model.reason_)
