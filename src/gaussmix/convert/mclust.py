"""Models of the R package mclust."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gaussmix.core.covariance import covariance_class
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.noise_region import region_of

_SINGLE = {"X": "E", "XII": "EII", "XXI": "EEI", "XXX": "EEE"}
"""Names of models with one component."""


def from_mclust(model: Mapping[str, Any]) -> Mixture:
    """Convert a model of mclust.

    Parameters
    ----------
    model : mapping
        An object of class Mclust or densityMclust, as ``rdata.read_rds`` reads it from a file written by ``saveRDS``.
        Any mapping with ``modelName`` and ``parameters`` (``pro``, ``mean`` and ``variance``) in R's layout will do.

    Returns
    -------
    Mixture
        Mixture with the same parameters, structure and order of components, which count from 0. A single component,
        which mclust calls X, XII, XXI or XXX, becomes E, EII, EEI or EEE. Noise becomes the `Background`; its region is
        a box around the rows if the model has them (``data``), else around the means, with the volume ``1 / Vinv``.

    Raises
    ------
    ValueError
        If an entry is missing.

    Examples
    --------
    >>> from gaussmix.convert import from_mclust
    >>> variance = {"modelName": "V", "sigmasq": [34.8, 34.2]}
    >>> parameters = {"pro": [0.36, 0.64], "mean": [54.6, 80.1], "variance": variance}
    >>> from_mclust({"modelName": "V", "parameters": parameters}).means
    array([[54.6],
           [80.1]])
    """
    parameters = _entry(model, "parameters", "model")
    name = str(np.ravel(_entry(model, "modelName", "model"))[0])
    structure = covariance_class(_SINGLE.get(name, name))
    given = _entry(parameters, "mean", "parameters")
    means = np.atleast_2d(np.asarray(given, dtype=np.float64)).T
    weights = np.ravel(np.asarray(_entry(parameters, "pro", "parameters"), dtype=np.float64))
    k, d = means.shape
    variance = _entry(parameters, "variance", "parameters")
    if d == 1:
        covariances = np.broadcast_to(np.ravel(np.asarray(_entry(variance, "sigmasq", "variance"))), k)
    else:
        dense = np.moveaxis(np.asarray(_entry(variance, "sigma", "variance"), dtype=np.float64), 2, 0)
        covariances = FORMS[structure.form].from_dense(dense)
    noise = float(weights[k]) if len(weights) == k + 1 else 0.0
    mixture = Mixture.from_parameters(
        weights[:k] / (1 - noise),
        means,
        covariances,
        covariance_type=structure.name,
        feature_names=_names(given) if d > 1 else None,
    )
    if len(weights) == k:
        return mixture
    volume = 1 / float(np.ravel(_entry(parameters, "Vinv", "parameters"))[0])
    rows = np.asarray(model.get("data", mixture.means), dtype=np.float64).reshape(-1, d)
    background = region_of(WeightedRows(rows), volume).with_weight(noise)
    return replace(mixture, weights=(1 - noise) * mixture.weights, background=background)


def _names(mean: Any) -> list[str] | None:
    """Return the names of the rows of a matrix with names, which rdata reads as a DataArray."""
    coordinates = getattr(mean, "coords", {})
    return [str(name) for name in np.asarray(coordinates["dim_0"])] if "dim_0" in coordinates else None


def _entry(mapping: Any, name: str, of: str) -> Any:
    if not isinstance(mapping, Mapping):
        raise ValueError(f"{of} must be a list with names, read from .rds; got {type(mapping).__name__}")
    if name not in mapping:
        raise ValueError(f"{of} has no entry {name!r}; its entries are {', '.join(map(str, mapping))}")
    return mapping[name]
