"""Structs with the properties of MATLAB's and Octave's ``gmdistribution``."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_input import mixture_of
from gaussmix.core.student import refuse_degrees
from gaussmix.core.typing import FloatArray


def to_matlab(model: Any) -> dict[str, Any]:
    """Convert a mixture to a struct for MATLAB or Octave.

    ``scipy.io.savemat("model.mat", to_matlab(model))`` writes it. In MATLAB, ``s = load("model.mat")`` and
    ``gm = gmdistribution(s.mu, s.Sigma, s.ComponentProportion)`` make the distribution.

    Parameters
    ----------
    model : Mixture or fitted estimator
        Of a Bayesian model, the mixture of the expected parameters.

    Returns
    -------
    dict
        ``mu`` (k, d), ``ComponentProportion`` (1, k), ``CovarianceType`` ("full" or "diagonal"), ``SharedCovariance``,
        and ``Sigma``: (d, d, k), shared (d, d), diagonal (1, d, k), or shared and diagonal (1, d).

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> from gaussmix.convert import to_matlab
    >>> to_matlab(Mixture.from_parameters([1.0], [[0.0, 1.0]], [[2.0, 3.0]], covariance_type="diag"))["CovarianceType"]
    'diagonal'
    """
    mixture = mixture_of(model)
    mixture.refuse_noise("to_matlab")
    refuse_degrees(mixture.degrees_of_freedom, "to_matlab")
    covariance = mixture.covariance
    form = FORMS[covariance.form]
    shared = covariance.letters[0] == "E" and (form.is_shared or covariance.letters in ("EEI", "EII"))
    each = covariance.variances()[:, None, :] if form.is_diagonal else covariance.dense()
    return {
        "mu": mixture.means.copy(),
        "Sigma": each[0] if shared else np.moveaxis(each, 0, 2),
        "ComponentProportion": mixture.weights[None, :].copy(),
        "CovarianceType": "diagonal" if form.is_diagonal else "full",
        "SharedCovariance": shared,
    }


def from_matlab(struct: Any) -> Mixture:
    """Convert a struct with the properties of a ``gmdistribution``.

    A ``gmdistribution`` itself is an object, which only MATLAB reads. Save its properties:
    ``s = struct("mu", gm.mu, "Sigma", gm.Sigma, "ComponentProportion", gm.ComponentProportion)`` and
    ``save("model.mat", "-struct", "s")``.

    Parameters
    ----------
    struct : mapping, structured array or object
        The result of ``scipy.io.loadmat``, or a struct in it: ``mu``, ``Sigma`` and ``ComponentProportion``, whose axes
        of length one may be left out. ``CovarianceType`` and ``SharedCovariance`` are used if they are there; they are
        needed where the shape of ``Sigma`` leaves them open.

    Returns
    -------
    Mixture
        Mixture with the structure "full", "tied", "diag" or "EEI".

    Raises
    ------
    ValueError
        If an entry is missing or has an impossible shape.

    Examples
    --------
    >>> from gaussmix.convert import from_matlab
    >>> from_matlab({"mu": [[0.0], [9.0]], "Sigma": [[1.0]], "ComponentProportion": [0.5, 0.5]}).covariance_type
    'tied'
    """
    weights = np.ravel(np.asarray(_field(struct, "ComponentProportion"), dtype=np.float64))
    k, means = len(weights), np.asarray(_field(struct, "mu"), dtype=np.float64)
    if not means.size or not k or means.size % k:
        raise ValueError(f"mu must have a row for each of {k} components, got the shape {means.shape}")
    means = means.reshape(k, -1)
    sigma = np.asarray(_field(struct, "Sigma"), dtype=np.float64)
    d = means.shape[1]
    name, shape = _kind_of(sigma, k, d, _said(struct))
    each = sigma.reshape(shape)
    match name:
        case "full":
            covariances = np.moveaxis(each, 2, 0)
        case "diag":
            covariances = each[0].T
        case "EEI":
            covariances = np.repeat(each, k, axis=0)
        case _:
            covariances = each
    return Mixture.from_parameters(weights, means, covariances, covariance_type=name)


def _kind_of(sigma: FloatArray, k: int, d: int, said: tuple[bool | None, bool | None]) -> tuple[str, tuple[int, ...]]:
    """Return the structure and the whole shape of covariances."""
    kinds = {"full": (d, d, k), "tied": (d, d), "diag": (1, d, k), "EEI": (1, d)}
    properties = {"full": (False, False), "tied": (False, True), "diag": (True, False), "EEI": (True, True)}
    agree = [
        name
        for name in kinds
        if all(wanted in (None, actual) for wanted, actual in zip(said, properties[name], strict=True))
    ]
    for squeeze in (False, True):
        for name in agree:
            if _lengths(kinds[name], squeeze) == _lengths(sigma.shape, squeeze):
                return name, kinds[name]
    shapes = ", ".join(f"{kinds[name]} ({name})" for name in agree)
    raise ValueError(f"Sigma of {k} components in {d} features must have one of the shapes {shapes}, got {sigma.shape}")


def _lengths(shape: tuple[int, ...], squeeze: bool) -> tuple[int, ...]:
    return tuple(length for length in shape if length > 1 or not squeeze)


def _said(struct: Any) -> tuple[bool | None, bool | None]:
    """Return whether covariances are diagonal, and whether they are shared; None where the struct does not say."""
    kind, shared = _field(struct, "CovarianceType", None), _field(struct, "SharedCovariance", None)
    return (
        None if kind is None else str(np.ravel(kind)[0]) == "diagonal",
        None if shared is None else bool(np.ravel(shared)[0]),
    )


_REQUIRED = object()


def _field(struct: Any, name: str, default: Any = _REQUIRED) -> Any:
    if isinstance(struct, Mapping) and name in struct:
        return struct[name]
    if isinstance(struct, np.ndarray | np.void) and struct.dtype.names and name in struct.dtype.names:
        return np.ravel(struct[name])[0] if struct[name].dtype == object else struct[name]
    if not isinstance(struct, Mapping) and hasattr(struct, name):
        return getattr(struct, name)
    if default is _REQUIRED:
        raise ValueError(f"struct has no field {name!r}: it must have mu, Sigma and ComponentProportion")
    return default
