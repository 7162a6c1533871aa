"""Posterior files: a posterior written to JSON and read back without rounding (docs/model-file.md)."""

import json
import math
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from gaussmix.core.errors import ModelFileError
from gaussmix.core.model_file import components_of, document_in, names_of, numbers_of, sizes_of
from gaussmix.core.output_files import complete_file
from gaussmix.core.posterior.prior import MixturePrior
from gaussmix.core.typing import FloatArray

if TYPE_CHECKING:
    from gaussmix.core.posterior.posterior import Posterior

FORMAT = "gaussmix posterior"
VERSION = 1
KINDS = ("dirichlet_process", "dirichlet_distribution")


def write_posterior(path: str | PathLike[str], posterior: "Posterior") -> None:
    """Write a posterior file; an existing file is replaced only when the new one is complete."""
    prior, covariance = posterior.prior, posterior.covariance
    log_empty = posterior.log_empty
    document = {
        "format": FORMAT,
        "version": VERSION,
        "covariance_type": covariance.name,
        "n_components": covariance.n_components,
        "n_features": covariance.n_features,
        "feature_names": None if posterior.feature_names is None else list(posterior.feature_names),
        "counts": posterior.counts.tolist(),
        "means": posterior.means.tolist(),
        "covariances": covariance.covariances.tolist(),
        "roots": covariance.roots.tolist(),
        "probabilities_empty": None if log_empty is None else np.exp(log_empty).tolist(),
        "prior": {
            "n_components": prior.n_components,
            "weight_concentration_prior_type": prior.weight_kind,
            "weight_concentration": prior.concentration,
            "mean": prior.mean.tolist(),
            "mean_precision": prior.mean_precision,
            "degrees_of_freedom": prior.degrees,
            "root": prior.root.tolist(),
            "as_sklearn": prior.as_sklearn,
        },
    }
    text = json.dumps(document, allow_nan=False, indent=1)
    with complete_file(path) as partial:
        partial.write_text(f"{text}\n", encoding="utf-8")


def read_posterior(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the fields of the posterior in a file.

    Raises
    ------
    FileNotFoundError
    ModelFileError
        If the file is invalid; the message gives the reason.
    """
    try:
        with np.errstate(all="ignore"):
            return _fields_of(document_in(path, FORMAT))
    except ModelFileError as error:
        raise ModelFileError(f"{path} is not a gaussmix posterior: {error}") from error


def _fields_of(document: dict[str, Any]) -> dict[str, Any]:
    structure, k, d = sizes_of(document)
    means, covariance = components_of(document, structure, k, d)
    counts = numbers_of(document, "counts", (k,))
    if (counts < 0).any():
        raise ModelFileError("its counts are negative")
    given = document.get("prior")
    if not isinstance(given, dict):
        raise ModelFileError("it has no prior")
    kind, n_components, as_sklearn = (
        given.get(name) for name in ("weight_concentration_prior_type", "n_components", "as_sklearn")
    )
    if kind not in KINDS:
        raise ModelFileError(f"weight_concentration_prior_type is {kind!r}")
    if type(n_components) is not int or n_components < k or not isinstance(as_sklearn, bool):
        raise ModelFileError("its prior has invalid n_components or as_sklearn")
    root = numbers_of(given, "root", (d, d))
    if np.triu(root, 1).any() or (root.diagonal() <= 0).any():
        raise ModelFileError("the root of its prior is not lower triangular with a positive diagonal")
    prior = MixturePrior(
        structure,
        n_components,
        kind,
        _positive(given, "weight_concentration", 0.0),
        numbers_of(given, "mean", (d,)),
        _positive(given, "mean_precision", 0.0),
        _positive(given, "degrees_of_freedom", d - 1.0),
        root,
        as_sklearn,
    )
    return {
        "prior": prior,
        "counts": counts,
        "means": means,
        "covariance": covariance,
        "feature_names": names_of(document, d),
        "log_empty": _log_empty(document, k),
    }


def _log_empty(document: dict[str, Any], n_components: int) -> FloatArray | None:
    if document.get("probabilities_empty") is None:
        return None
    probabilities = numbers_of(document, "probabilities_empty", (n_components,))
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ModelFileError("probabilities_empty has numbers that are no probabilities")
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(probabilities))


def _positive(document: dict[str, Any], name: str, least: float) -> float:
    value = float(numbers_of(document, name, ()))
    if not least < value < math.inf:
        raise ModelFileError(f"{name} is {value}, not more than {least:g}")
    return value
