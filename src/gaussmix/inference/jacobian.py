"""Derivatives of weights, means and covariances by the coordinates of a parametrization."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.inference.parametrization import Parametrization


@dataclass(frozen=True, eq=False)
class Derivative:
    """Derivatives of some parameters by the coordinates on which they depend.

    Attributes
    ----------
    where : (m,) array of int
        Positions of the parameters in the order of weights (k), means (k d), covariances (k d d) and, with noise, its
        weight.
    places : (q,) array of int
        Positions of the coordinates.
    slopes : (m, q) array
        Derivatives, divided by ``scale``.
    scale : (m,) array
        Scale of each parameter in the units of the data.
    """

    where: IntArray
    places: IntArray
    slopes: FloatArray
    scale: FloatArray


def derivatives(
    parametrization: Parametrization, components: IntArray, features: IntArray, shape: tuple[int, int]
) -> Iterator[Derivative]:
    """Yield the derivatives of all parameters of a parametrization.

    Parameters
    ----------
    parametrization : Parametrization
        Coordinates of the mixtures near a fit.
    components, features : arrays of int
        Positions of its components and features in a mixture that may have more of them.
    shape : (k, d)
        Shape of the means of that mixture.
    """
    k, d = shape
    weights = parametrization.mixture.weights
    of_weights, noise = np.arange(parametrization.n_weights), parametrization.mixture.background
    yield Derivative(components, of_weights, parametrization.contrasts[: len(weights)], weights)
    if noise is not None:
        last = np.array([k * (1 + d + d * d)])
        yield Derivative(last, of_weights, parametrization.contrasts[-1:], np.array([noise.weight]))
    for at, component in enumerate(components.tolist()):
        deviations = np.sqrt(parametrization.mixture.covariance.variances()[at])
        root, tangent = parametrization.roots[at] / deviations[:, None], parametrization.tangents[at]
        mean = parametrization.mean_places(at)
        yield Derivative(k + component * d + features, mean, root / np.sqrt(weights[at]), deviations)
        pairs = (component * d + features)[:, None] * d + features
        slopes = (root @ tangent.slopes @ root.T).reshape(len(tangent.places), -1).T
        yield Derivative(k + k * d + pairs.ravel(), tangent.places, slopes, np.outer(deviations, deviations).ravel())
