"""A prior with the user's own numbers: normal means, inverse Wishart covariances, Dirichlet weights."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.covariance.triangular import lower_root, not_positive_definite
from gaussmix.core.forms import FORMS
from gaussmix.core.number_checks import as_numbers
from gaussmix.core.typing import ArrayLike, FloatArray
from gaussmix.fitting.prior import Prior

_ONCE = ("EII", "EEI", "EEE")  # letters of structures with one covariance for all components


@dataclass(frozen=True, eq=False)
class NormalInverseWishart:
    """A prior of means, covariances and weights with given numbers, for ``GaussianMixture(prior=...)``.

    A covariance has an inverse Wishart distribution, and given the covariance C the mean of the component is normal
    with mean ``mean`` and covariance ``C / mean_strength``. The variances of diagonal and spherical covariances have
    inverse gamma distributions with ``degrees_of_freedom / 2`` and ``scale / 2``. The weights have a Dirichlet
    distribution. A fit has the greatest posterior density: it behaves like one to which rows were added,
    ``mean_strength`` of them at ``mean`` and others with the scatter ``scale``.

    Parameters
    ----------
    mean : (d,) array-like
        Mean of the means, in the units of the rows.
    scale : float, (d,) or (d, d) array-like
        Scale matrix of the inverse Wishart distribution, in squared units of the rows; numbers are those of a diagonal.
        It must be a multiple of the identity for spherical covariances, and diagonal for diagonal ones.
    mean_strength : float, default=0.01
        What the prior of a mean is worth, in rows; 0 for no prior of the means.
    degrees_of_freedom : float, optional
        More than d - 1; by default d + 2, where the mean of the covariances is ``scale``.
    weight_concentration : float or (k,) array-like, default=1.0
        Parameter of the Dirichlet distribution, at least 1: each component gets this number less one as additional
        rows. An array needs components that have places: labels in ``init_params``, or ``means_init``.

    Raises
    ------
    ValueError
        If a number is not valid; the message names it.

    Notes
    -----
    The modes are those of Fraley and Raftery, Journal of Classification 24 (2007), 155-181, section 3. For ``n`` rows
    of a component with mean m and scatter S about it, ``kappa`` the mean strength and ``nu`` the degrees of freedom,
    the mean is ``(n m + kappa mean) / (n + kappa)`` and the covariance ``(scale + S + n kappa / (n + kappa)
    (m - mean)(m - mean)') / (n + nu + d + 2)``. The prior of a covariance that all components share counts once.

    Examples
    --------
    The default prior of mclust for ellipsoids:

    >>> import numpy as np
    >>> from gaussmix import GaussianMixture, NormalInverseWishart
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> k, d = 3, 2
    >>> prior = NormalInverseWishart(X.mean(axis=0), np.cov(X.T) / k ** (2 / d))
    >>> GaussianMixture(k, prior=prior, random_state=0).fit(X).converged_
    True
    """

    mean: ArrayLike
    scale: ArrayLike
    mean_strength: float = field(default=0.01, kw_only=True)
    degrees_of_freedom: float | None = field(default=None, kw_only=True)
    weight_concentration: ArrayLike = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        mean = _numbers(self.mean, "mean")
        if mean.ndim != 1 or not mean.size:
            raise ValueError(f"mean must have the shape (n_features,), got {mean.shape}")
        d = len(mean)
        scale = _numbers(self.scale, "scale")
        if scale.shape not in ((), (d,), (d, d)):
            raise ValueError(f"scale must be a number or have the shape ({d},) or ({d}, {d}), got {scale.shape}")
        scale = scale if scale.ndim == 2 else np.diag(np.broadcast_to(scale, (d,)))
        if not_positive_definite(scale[None])[0]:
            raise ValueError("scale must be symmetric and positive-definite")
        strength = float(_numbers(self.mean_strength, "mean_strength").reshape(-1)[0])
        if np.ndim(self.mean_strength) or strength < 0:
            raise ValueError(f"mean_strength must be a number, at least 0; got {self.mean_strength!r}")
        degrees = (
            d + 2.0 if self.degrees_of_freedom is None else _numbers(self.degrees_of_freedom, "degrees_of_freedom")
        )
        if np.ndim(degrees) or not degrees > d - 1:
            raise ValueError(
                f"degrees_of_freedom must be more than {d - 1}, one less than the number of features; got {degrees}"
            )
        concentration = _numbers(self.weight_concentration, "weight_concentration")
        if concentration.ndim > 1 or not (concentration >= 1).all():
            raise ValueError(
                "weight_concentration must be at least 1, where the density has a maximum; got "
                f"{self.weight_concentration!r}"
            )
        for name, value in (("mean", mean), ("scale", scale), ("mean_strength", strength)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "degrees_of_freedom", float(degrees))
        object.__setattr__(self, "weight_concentration", concentration if concentration.ndim else float(concentration))

    @property
    def n_features(self) -> int:
        """The number of features."""
        return len(np.asarray(self.mean))

    def prior_for(self, structure: type[AbstractCovariance], n_components: int) -> Prior:
        """Return the prior of means and covariances in terms of pseudo-rows.

        Parameters
        ----------
        structure : subclass of AbstractCovariance
            Covariance structure.
        n_components : int
            Number of components.

        Returns
        -------
        Prior
            The prior.

        Raises
        ------
        ValueError
            If the scale does not belong to the structure.
        """
        form, d, scale = FORMS[structure.form], self.n_features, np.asarray(self.scale)
        variances = scale.diagonal()
        if form.is_diagonal and (scale != np.diag(variances)).any():
            raise ValueError(f"the prior's scale must be diagonal for covariance_type={structure.name!r}")
        if form.features_per_variance(d) > 1 and (variances != variances[0]).any():
            raise ValueError(f"the prior's scale must be one number for covariance_type={structure.name!r}")
        root = np.sqrt(variances / form.features_per_variance(d)) if form.is_diagonal else lower_root(scale[None])[0]
        has_means = self.mean_strength > 0
        rows = form.inverse_wishart_rows(n_components, d, float(self.degrees_of_freedom or 0.0))
        if form.is_shared:
            rows -= 0 if has_means else n_components
        else:
            rows -= 0 if has_means else 1
            if structure.letters in _ONCE:  # the form has a covariance for each component
                rows, root = (rows + (n_components - 1) * has_means) / n_components, root / math.sqrt(n_components)
        return Prior(rows, root, self.mean_strength, np.asarray(self.mean))


def _numbers(value: Any, name: str) -> FloatArray:
    """Return finite numbers as an array that nobody else changes; ValueError that names them."""
    numbers = np.array(as_numbers(value, name), dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} must be finite")
    numbers.flags.writeable = False
    return numbers
