"""The same mixture in other coordinates: rows after an affine map of their features."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.core.covariance import MODELS, AbstractCovariance, Full, is_model
from gaussmix.core.number_checks import as_numbers
from gaussmix.core.typing import ArrayLike, FloatArray

if TYPE_CHECKING:
    from gaussmix.core.mixture import Mixture

_ORTHOGONAL = 1e-10  # relative tolerance


def rescaled(self: "Mixture", center: ArrayLike = 0.0, scale: ArrayLike = 1.0) -> "Mixture":
    """Return the mixture of ``center + scale * x``: in the units before a scaler, if x are its results.

    Log densities change by the sum of ``-log(scale)``, labels and responsibilities do not.

    Parameters
    ----------
    center : float or (d,) array-like, default=0
        Added to the scaled features, such as ``mean_`` of scikit-learn's ``StandardScaler``.
    scale : float or (d,) array-like, default=1
        Positive factors of the features, such as ``scale_`` of a ``StandardScaler``.

    Returns
    -------
    Mixture
        Mixture with the same structure where unequal scales keep its constraint, else with a more general one.

    Raises
    ------
    ValueError
        If a number is not finite or a scale is not positive; the message names the feature.
    """
    shift = _one_per_feature(self, center, "center")
    factors = _one_per_feature(self, scale, "scale")
    if (factors <= 0).any():
        at = int(np.flatnonzero(factors <= 0)[0])
        raise ValueError(f"scale must be positive, got {factors[at]:g} for feature {self.names[at]!r}")
    background = self.background and self.background.mapped(np.diag(factors), shift)
    means, covariance = self.means * factors + shift, _scaled(self.covariance, factors)
    return replace(self, means=means, covariance=covariance, background=background)


def mapped(mixture: "Mixture", matrix: FloatArray, shift: FloatArray) -> "Mixture":
    """Return the mixture of ``x @ matrix + shift``.

    Parameters
    ----------
    mixture : Mixture
        Mixture of x.
    matrix : (d, d) array
        Invertible.
    shift : (d,) array
        Added to every row.

    Returns
    -------
    Mixture
        Mixture with the same structure where the map keeps its constraint, else with a more general one.
    """
    covariance = mixture.covariance
    rows = np.swapaxes(covariance.dense_roots(), 1, 2) @ matrix
    roots = np.stack([Full.root_of_rows(part) for part in rows])
    structure = _structure_after(type(covariance), _is_rotation(matrix))
    means, background = mixture.means @ matrix + shift, mixture.background and mixture.background.mapped(matrix, shift)
    return replace(mixture, means=means, covariance=structure.from_dense_roots(roots), background=background)


def _one_per_feature(mixture: "Mixture", given: ArrayLike, name: str) -> FloatArray:
    values = as_numbers(given, name)
    if values.shape not in ((), (mixture.n_features,)):
        raise ValueError(
            f"{name} must be a number or one for each of {mixture.n_features} features, got {values.shape}"
        )
    values = np.broadcast_to(values, mixture.n_features)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(f"{name} must be finite, got {values[bad[0]]} for feature {mixture.names[bad[0]]!r}")
    return values


def _scaled(covariance: AbstractCovariance, factors: FloatArray) -> AbstractCovariance:
    if (factors == factors[0]).all():
        return type(covariance)(factors[0] * covariance.roots, covariance.n_components, covariance.n_features)
    if covariance.form == "spherical":
        covariance = covariance.promote_to(MODELS["EEI" if covariance.letters[0] == "E" else "VEI"])
    scaled = covariance.rescale(np.diag(factors) if covariance.form in ("full", "tied") else factors)
    if covariance.form != "full" or not is_model(type(covariance)):
        return scaled
    return _structure_after(type(covariance), False)(scaled.roots, covariance.n_components, covariance.n_features)


def _is_rotation(matrix: FloatArray) -> bool:
    """Return whether a matrix is a multiple of an orthogonal one."""
    products = matrix @ matrix.T
    size = float(np.trace(products)) / len(matrix)
    return bool(np.abs(products - size * np.eye(len(matrix))).max() <= _ORTHOGONAL * size)


def _structure_after(structure: type[AbstractCovariance], rotation: bool) -> type[AbstractCovariance]:
    """Return the structure of mapped covariances.

    A rotation keeps volumes and shapes, and whether axes are shared. Any map keeps covariances equal up to a factor,
    and equal volumes equal, because it multiplies all determinants by the same number.
    """
    if not is_model(structure):
        return Full
    volume, shape, orientation = tuple(structure.letters)
    if rotation:
        letters = structure.letters if shape == "I" else volume + shape + orientation.replace("I", "E")
    else:
        letters = volume + ("EE" if shape != "V" and orientation != "V" else "VV")
    return MODELS[letters]
