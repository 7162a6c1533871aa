"""Linear projections of a mixture: the directions in which its components separate, and random ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.core.covariance import Full
from gaussmix.core.covariance.triangular import root_of_rows
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_input import mixture_of
from gaussmix.core.notebook import table_html
from gaussmix.core.text import align_columns, default_names
from gaussmix.core.typing import ArrayLike, FloatArray, Seed
from gaussmix.core.validation import as_generator, as_rows

_TITLE = "coefficients of standardized features"
_SEPARATES = 1e-10  # share of the greatest eigenvalue below which a direction does not separate
_SINGULAR = 1e-10  # eigenvalue of the correlation matrix below which a direction does not vary


@dataclass(frozen=True, eq=False)
class LinearProjection:
    """Linear map of rows to a few directions.

    Attributes
    ----------
    mixture : Mixture
        The distribution of the projected rows, with a feature for each direction.
    center : (d,) array
        Mean of the original mixture, which is mapped to 0.
    coefficients : (d, m) array
        Coefficients of the features in each direction.
    input_names : tuple of d str, or None
        Names of the original features, if known.
    """

    mixture: Mixture
    center: FloatArray
    coefficients: FloatArray
    input_names: tuple[str, ...] | None

    def transform(self, X: ArrayLike) -> FloatArray:
        """Project rows.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with all features of the original mixture.

        Returns
        -------
        (n, m) array
            Coordinates in the directions.

        Raises
        ------
        ValueError
            If X has other features, or a value that is NaN or infinite.
        """
        rows = as_rows(X, len(self.center), self.input_names)
        return np.asarray((rows - self.center) @ self.coefficients)


@dataclass(frozen=True, eq=False)
class DiscriminantDirections(LinearProjection):
    """Directions in which the components of a mixture separate; ``print`` shows them as a table.

    Coordinates have variance 1 under the mixture and are uncorrelated.

    Attributes
    ----------
    mixture : Mixture
        The distribution of the projected rows, with a feature for each direction.
    center : (d,) array
        Mean of the original mixture, which is mapped to 0.
    coefficients : (d, m) array
        Coefficients of the features in each direction.
    input_names : tuple of d str, or None
        Names of the original features, if known.
    eigenvalues : (m,) array
        Separation in each direction, in descending order.
    shares : (m,) array
        Shares in the sum of the eigenvalues of all directions.
    standardized : (d, m) array
        Coefficients of features of variance 1, which can be compared with each other.
    """

    eigenvalues: FloatArray
    shares: FloatArray
    standardized: FloatArray

    def __str__(self) -> str:
        return f"{_TITLE}\n{align_columns(self._lines())}"

    def _repr_html_(self) -> str:
        headings, *lines = self._lines()
        return table_html(_TITLE, headings, lines)

    def _lines(self) -> list[list[str]]:
        names = self.input_names or default_names(len(self.center))
        lines = [["", *self.mixture.names], ["share", *(f"{share:.1%}" for share in self.shares)]]
        lines += [
            [name, *(f"{value:.3f}" for value in values)] for name, values in zip(names, self.standardized, strict=True)
        ]
        return lines


@underflow_to_zero
def discriminant_directions(
    model: Any, *, mean_weight: float = 0.5, n_directions: int | None = None
) -> DiscriminantDirections:
    """Return the directions in which the components of a mixture separate.

    They are eigenvectors of ``2 w M1 + 2 (1 - w) M2`` with respect to the covariance of the mixture, S, where ``w`` is
    ``mean_weight``, ``M1 = B inverse(S) B`` with the covariance B between the means, and ``M2`` the weighted sum of
    ``(S_j - W) inverse(S) (S_j - W)`` over the components, W being the mean of their covariances S_j. Directions
    separate by means or by covariances: Scrucca, Dimension reduction for model-based clustering, Statistics and
    Computing 20 (2010), 471-484. Coordinates do not depend on units or on a rotation of the features.

    Parameters
    ----------
    model : Mixture or fitted estimator
        A model of gaussmix or scikit-learn with at least two features.
    mean_weight : float, default=0.5
        1 uses the means only, as ``MclustDR`` does by default, and 0 the covariances only.
    n_directions : int, optional
        Number of directions; by default all that separate. If there are fewer, the directions of greatest variance
        that are uncorrelated with them are added, with the eigenvalue 0.

    Returns
    -------
    DiscriminantDirections
        Coefficients, eigenvalues and the projected mixture.

    Raises
    ------
    ValueError
        If an argument is out of range, or if the components do not separate and ``n_directions`` is not given.

    Examples
    --------
    >>> from gaussmix import Mixture, discriminant_directions
    >>> means = [[0.0, 0.0, 0.0], [3.0, 3.0, 0.0]]
    >>> two = Mixture.from_parameters([0.5, 0.5], means, [1.0, 1.0], covariance_type="spherical")
    >>> print(discriminant_directions(two))
    coefficients of standardized features
           direction 1
    share       100.0%
    x0          -0.544
    x1          -0.544
    x2           0.000
    """
    mixture = mixture_of(model).without_noise()
    if not 0 <= mean_weight <= 1:
        raise ValueError(f"mean_weight must be from 0 to 1; got {mean_weight}")
    scales, values, axes = _principal_axes(mixture)
    if n_directions is not None and not 1 <= n_directions <= len(values):
        raise ValueError(f"n_directions must be from 1 to {len(values)}, the directions that vary; got {n_directions}")
    whiten = axes / np.sqrt(values) / scales[:, None]
    eigenvalues, vectors = _separation(mixture, whiten, mean_weight)
    kept = int((eigenvalues > _SEPARATES * eigenvalues[0]).sum()) if eigenvalues[0] > 0 else 0
    if n_directions is None and kept == 0:
        raise ValueError("the components do not separate: n_directions=2 gives the directions of greatest variance")
    if n_directions is not None:
        vectors = np.hstack([vectors[:, :kept], _most_variable(vectors[:, kept:], values)])
    eigenvalues[kept:] = 0.0
    some = slice(kept if n_directions is None else n_directions)
    shares = eigenvalues / (eigenvalues.sum() or 1.0)
    coefficients = whiten @ vectors[:, some]
    center = mixture.weights @ mixture.means
    coefficients *= _signs(mixture.means - center, coefficients, scales)
    return DiscriminantDirections(
        _projected(mixture, center, coefficients, "direction"),
        center,
        coefficients,
        mixture.feature_names,
        eigenvalues[some],
        shares[some],
        coefficients * scales[:, None],
    )


@underflow_to_zero
def random_projection(model: Any, *, n_directions: int = 2, random_state: Seed = None) -> LinearProjection:
    """Return random directions, to look at a mixture of many features from several sides.

    The directions are orthonormal in standardized features: each feature is divided by its standard deviation under the
    mixture.

    Parameters
    ----------
    model : Mixture or fitted estimator
        A model of gaussmix or scikit-learn.
    n_directions : int, default=2
        Number of directions.
    random_state : int, numpy Generator or RandomState, optional
        Source of random numbers.

    Returns
    -------
    LinearProjection
        Coefficients and the projected mixture.

    Raises
    ------
    ValueError
        If ``n_directions`` is not between 1 and the number of features.

    Examples
    --------
    >>> from gaussmix import Mixture, random_projection
    >>> one = Mixture.from_parameters([1.0], [[0.0, 0.0, 0.0]], [1.0], covariance_type="spherical")
    >>> random_projection(one, random_state=0).transform([[0.0, 0.0, 0.0]])
    array([[0., 0.]])
    """
    mixture = mixture_of(model).without_noise()
    d = mixture.n_features
    if not 1 <= n_directions <= d:
        raise ValueError(f"n_directions must be from 1 to {d}, the number of features; got {n_directions}")
    drawn = as_generator(random_state).standard_normal((d, n_directions))
    coefficients = np.linalg.qr(drawn)[0] / _scales(mixture)[:, None]
    center = mixture.weights @ mixture.means
    return LinearProjection(
        _projected(mixture, center, coefficients, "projection"), center, coefficients, mixture.feature_names
    )


def _scales(mixture: Mixture) -> FloatArray:
    """Return the standard deviations (d,) of the features under the mixture."""
    away = mixture.means - mixture.weights @ mixture.means
    return np.sqrt(mixture.weights @ (away**2 + mixture.covariance.variances()))


def _principal_axes(mixture: Mixture) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the scales (d,) of the features, and eigenvalues (r,) and eigenvectors (d, r) of their correlations."""
    scales = _scales(mixture)
    away = (mixture.means - mixture.weights @ mixture.means) / scales
    within = np.tensordot(mixture.weights, mixture.covariance.dense() / scales / scales[:, None], axes=1)
    values, axes = np.linalg.eigh(within + (mixture.weights * away.T) @ away)
    varying = values > _SINGULAR * values[-1]
    return scales, values[varying], axes[:, varying]


def _separation(mixture: Mixture, whiten: FloatArray, mean_weight: float) -> tuple[FloatArray, FloatArray]:
    """Return the eigenvalues (r,), descending, and eigenvectors (r, r) of the kernel in whitened coordinates."""
    weights = mixture.weights
    away = (mixture.means - weights @ mixture.means) @ whiten
    between = (weights * away.T) @ away
    kernel = 2 * mean_weight * between @ between
    if mean_weight < 1:
        spreads = whiten.T @ mixture.covariance.dense() @ whiten
        apart = spreads - np.tensordot(weights, spreads, axes=1)
        kernel += 2 * (1 - mean_weight) * np.einsum("k,kij,kjl->il", weights, apart, apart)
    values, vectors = np.linalg.eigh(0.5 * (kernel + kernel.T))
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def _most_variable(basis: FloatArray, values: FloatArray) -> FloatArray:
    """Rotate an orthonormal basis (r, m) of whitened coordinates: the directions of greatest variance first.

    The variance is that of the standardized features that lie along a direction; ``values`` are those of their axes.
    """
    return basis @ np.linalg.eigh(basis.T @ (values[:, None] * basis))[1][:, ::-1]


def _signs(away: FloatArray, coefficients: FloatArray, scales: FloatArray) -> FloatArray:
    """Return signs (m,) with which the mean that is farthest from the center is positive.

    Of two equally far means, the first one counts, and of directions without differences of means the greatest
    standardized coefficient.
    """
    means = np.vstack([away @ coefficients, 1e-6 * coefficients * scales[:, None]])
    distances = np.abs(means)
    first = (distances >= (1 - 1e-6) * distances.max(axis=0, initial=0.0)).argmax(axis=0)
    return np.where(means[first, np.arange(means.shape[1])] < 0, -1.0, 1.0)


def _projected(mixture: Mixture, center: FloatArray, coefficients: FloatArray, name: str) -> Mixture:
    """Return the mixture of the projected rows; features are numbered from 1."""
    n_directions = coefficients.shape[1]
    roots = np.array([root_of_rows(root.T @ coefficients) for root in mixture.covariance.dense_roots()])
    roots = roots.reshape(mixture.n_components, n_directions, n_directions)
    names = tuple(f"{name} {at + 1}" for at in range(n_directions))
    covariance = Full(roots, mixture.n_components, n_directions)
    means, degrees = (mixture.means - center) @ coefficients, mixture.degrees_of_freedom
    return Mixture(mixture.weights, means, covariance, names, degrees_of_freedom=degrees)
