"""Random well-conditioned covariances and mixtures."""

from dataclasses import replace
from typing import Literal

import numpy as np

from gaussmix.core.background import Background
from gaussmix.core.covariance import AbstractCovariance, Factor
from gaussmix.core.covariance.full import Full
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray
from gaussmix.core.whitened import CommonBasis, WhitenedMixture

SIZES = ((1, 1), (2, 3), (3, 2), (4, 5), (2, 9))
"""Numbers of components and features used in the tests."""


def random_covariance(
    structure: type[AbstractCovariance], n_components: int, n_features: int, rng: np.random.Generator
) -> AbstractCovariance:
    """Draw a well-conditioned structure without special properties."""
    noise = rng.standard_normal((n_components, 4 * n_features + 4, n_features))
    form = FORMS[structure.form]
    scatter = form.total([form.scatter_of(part, np.ones(len(part))) for part in noise])
    counts = np.full(n_components, noise.shape[1] * 1.5)
    return structure.identity(n_components, n_features).maximize(counts, scatter)


def random_factors(
    structure: type[AbstractCovariance], n_components: int, n_features: int, rng: np.random.Generator
) -> Factor:
    """Draw factor covariances."""
    assert issubclass(structure, Factor)
    noise = rng.uniform(0.3, 2.0, (n_components, n_features))
    return structure.from_parts(noise, rng.standard_normal((n_components, n_features, structure.n_factors)))


def random_mixture(
    structure: type[AbstractCovariance], n_components: int, n_features: int, rng: np.random.Generator
) -> Mixture:
    """Draw a mixture with moderate overlap."""
    weights = rng.dirichlet(np.full(n_components, 5.0))
    means = 2.0 * rng.standard_normal((n_components, n_features))
    return Mixture(weights, means, random_covariance(structure, n_components, n_features, rng))


def with_random_degrees(mixture: Mixture, rng: np.random.Generator) -> Mixture:
    """Draw degrees of freedom from one to infinity for the components of a mixture."""
    degrees = rng.choice([1.0, 2.5, 7.0, 40.0, 100.0, np.inf], mixture.n_components)
    return replace(mixture, degrees_of_freedom=degrees)


def with_noise(mixture: Mixture, weight: float = 0.2) -> Mixture:
    """Return the mixture with uniform noise in a box around its means."""
    reach = np.abs(mixture.means).max(axis=0) + 3 * np.sqrt(mixture.covariance.variances().max(axis=0))
    background = Background(weight, np.zeros(mixture.n_features), np.diag(2 * reach))
    return replace(mixture, weights=(1 - weight) * mixture.weights, background=background)


def random_with_common_basis(
    form: Literal["diagonal", "spherical"], n_components: int, n_features: int, n_rows: int, rng: np.random.Generator
) -> tuple[WhitenedMixture, FloatArray]:
    """Draw a mixture whose factors have a common basis, and rows from it."""
    sizes = n_components, n_features
    root = 0.3 * np.tril(rng.standard_normal((n_features, n_features)))
    root[np.diag_indices(n_features)] = rng.uniform(0.5, 2.0, n_features)
    axes = np.asarray(np.linalg.qr(root)[0])
    deviations = rng.uniform(0.5, 2.0, sizes if form == "diagonal" else n_components)
    if form == "diagonal":
        covariances = (axes * deviations[:, None] ** 2) @ axes.T
        common = CommonBasis(form, axes, 1.0 / deviations)
    else:
        covariances = deviations[:, None, None] ** 2 * (root @ root.T)
        common = CommonBasis(form, np.asarray(np.linalg.inv(root).T), 1.0 / deviations)
    means = 2.0 * rng.standard_normal(sizes)
    full = Mixture(rng.dirichlet(np.full(n_components, 5.0)), means, Full.from_covariances(covariances, *sizes))
    return replace(full.whitened(), common=common), full.sample(n_rows, rng)[0]
