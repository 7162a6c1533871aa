"""Parts shared by the scripts of this folder: modules of the parent folder, scikit-learn's fits, their bound."""

import argparse
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture as TheirBayesianGaussianMixture

from gaussmix import BayesianGaussianMixture, Mixture
from gaussmix.core.covariance import COVARIANCES
from gaussmix.core.engines import NativeEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.prior_of_rows import PriorSettings
from gaussmix.fitting.variational import VariationalUpdate

sys.path.append(str(Path(__file__).resolve().parents[1]))

from machine import describe_machine, print_machine, warn_when_unfair, write_results
from overlaps import Setting, draw_mixture

__all__ = ["Setting", "describe_machine", "draw_mixture", "print_machine", "warn_when_unfair", "write_results"]

OCCUPIED = 1.0
"""Expected rows from which on a component counts."""


@dataclass(frozen=True)
class Outcome:
    """Number of components with rows, evidence lower bound in nats, and processor seconds."""

    n_components: int
    bound: float
    seconds: float


def parser_for(text: str | None) -> argparse.ArgumentParser:
    """Return a parser with --quick."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer problems")
    return parser


def our_fit(rows: FloatArray, **parameters: Any) -> tuple[Outcome, BayesianGaussianMixture]:
    """Fit with all components kept, so that the bound is that of the same model as scikit-learn's."""
    began = time.process_time()
    model = BayesianGaussianMixture(random_state=0, prune=False, **parameters).fit(rows)
    seconds = time.process_time() - began
    bound = bound_of(model, rows, parameters["n_components"])
    return Outcome(_occupied(model), bound, seconds), model


def their_fit(rows: FloatArray, **parameters: Any) -> Outcome:
    """Fit scikit-learn's class, and compute the complete bound of its posterior."""
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = TheirBayesianGaussianMixture(random_state=0, **parameters).fit(rows)
    seconds = time.process_time() - began
    return Outcome(_occupied(model), bound_of(model, rows, parameters["n_components"]), seconds)


def bound_of(model: Any, rows: FloatArray, n_components: int) -> float:
    """Return the complete evidence lower bound of a posterior for a model with ``n_components``.

    Components that were removed have no rows. Sticks of a Dirichlet process are put in the order of descending
    counts, which is to the benefit of scikit-learn's.
    """
    structure = COVARIANCES[model.covariance_type]
    settings = PriorSettings(
        structure, n_components, model.weight_concentration_prior_type, float(model.weight_concentration_prior_)
    )
    update = VariationalUpdate(settings.prior_of(WeightedRows(rows), 0.0), float(len(rows)))
    counts = np.maximum(np.asarray(model.mean_precision_) - model.mean_precision_prior_, 0.0)
    order = np.argsort(-counts, kind="stable")
    covariance = structure.from_covariances(model.covariances_, *model.means_.shape).take(order)
    state = Mixture(counts[order] / counts.sum(), model.means_[order], covariance)
    return update.accumulate(NativeEngine(rows), state, rough=False).log_likelihood


def _occupied(model: Any) -> int:
    return int((np.asarray(model.mean_precision_) - model.mean_precision_prior_ >= OCCUPIED).sum())
