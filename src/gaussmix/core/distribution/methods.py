"""Methods of a mixture about its distribution."""

from typing import Any, Literal, overload

import numpy as np

from gaussmix.core.distribution.cumulative import cumulative_probabilities
from gaussmix.core.distribution.interface import MixtureInterface
from gaussmix.core.distribution.log_density import LogDensityDistribution
from gaussmix.core.distribution.modes import find_modes
from gaussmix.core.distribution.quantiles import quantiles
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.number_checks import as_numbers
from gaussmix.core.typing import ArrayLike, FloatArray
from gaussmix.core.validation import as_rows


class DistributionMixin:
    """Cumulative probabilities, quantiles, modes, density levels and entropy of a mixture."""

    @underflow_to_zero
    def cdf(self: MixtureInterface, X: ArrayLike, *, return_error: bool = False) -> Any:
        """Return the probability that no feature is greater than that of the row.

        With one feature, or without correlations within components, it is exact. Otherwise it is computed by
        quasi-Monte Carlo (Genz 1992) with points that are the same at every call.

        Parameters
        ----------
        X : (n, d) array-like
            Rows with the features of the mixture.
        return_error : bool, default=False
            Whether the standard errors are returned, too.

        Returns
        -------
        probability : (n,) array
            Probabilities.
        error : (n,) array
            Standard errors, if wanted; typically 1e-5 or less.

        Raises
        ------
        ValueError
            As in `log_density`.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> Mixture.from_parameters([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.5, 1.0]]]).cdf([[0.0, 0.0]]).round(3)
        array([0.333])
        """
        self.refuse_noise("cdf")
        rows = as_rows(X, self.n_features, self.feature_names)
        probability, error = cumulative_probabilities(self, rows.astype(np.float64))
        return (probability, error) if return_error else probability

    @underflow_to_zero
    def quantile(self: MixtureInterface, q: ArrayLike) -> FloatArray:
        """Return the quantiles of a mixture of one feature, the inverse of `cdf`.

        Use ``mixture.marginal(["x"]).quantile(q)`` for a feature of several.

        Parameters
        ----------
        q : array-like
            Probabilities from 0 to 1.

        Returns
        -------
        array
            Values of the feature, in the shape of ``q``: -inf for 0, inf for 1.

        Raises
        ------
        ValueError
            If the mixture has several features, or a probability is not between 0 and 1.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> two = Mixture.from_parameters([0.5, 0.5], [[-1.0], [1.0]], [1.0, 1.0], covariance_type="spherical")
        >>> two.quantile([0.025, 0.5, 0.975]).round(3) + 0.0
        array([-2.646,  0.   ,  2.646])
        """
        self.refuse_noise("quantile")
        if self.n_features != 1:
            raise ValueError(
                f"quantiles exist for one feature, and the mixture has {self.n_features}: use "
                f"mixture.marginal([{self.names[0]!r}]).quantile(q)"
            )
        wanted = as_numbers(q, "q")
        if not ((wanted >= 0) & (wanted <= 1)).all():
            raise ValueError(f"q must be probabilities, from 0 to 1; got {wanted.tolist()}")
        return quantiles(self, wanted.ravel()).reshape(wanted.shape)

    @underflow_to_zero
    def modes(self: MixtureInterface) -> FloatArray:
        """Return all modes: the points at which the density has a local maximum.

        They are found from the means, and from the maxima of the density along the curve between each pair of means, by
        fixed-point iteration (Carreira-Perpinan 2000) and Newton's method. There can be more modes than components.

        Returns
        -------
        (m, d) array
            Modes by descending density.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> near = Mixture.from_parameters([0.5, 0.5], [[-0.9], [0.9]], [1.0, 1.0], covariance_type="spherical")
        >>> len(near.modes())
        1
        """
        self.refuse_noise("modes")
        return find_modes(self)

    @underflow_to_zero
    def mode(self: MixtureInterface) -> FloatArray:
        """Return the point of the greatest density, the first of `modes`.

        Returns
        -------
        (d,) array
            The mode.
        """
        self.refuse_noise("mode")
        return find_modes(self)[0]

    def log_density_distribution(self: MixtureInterface, *, n_points: int = 1 << 16) -> LogDensityDistribution:
        """Return the distribution of the log density of a row drawn from the mixture.

        It answers how probable a density at most this low is, also far in the tail.

        Parameters
        ----------
        n_points : int, default=2**16
            Number of rows drawn from each component; more rows give smaller errors.

        Returns
        -------
        LogDensityDistribution
            The distribution, with its quantiles and errors.
        """
        self.refuse_noise("log_density_distribution")
        return LogDensityDistribution.of(self, n_points=n_points)

    def density_level(self: MixtureInterface, mass: ArrayLike) -> FloatArray:
        """Return the log density at the edge of the highest density region of a given mass.

        A highest density region is the smallest region with its mass (Hyndman, The American Statistician 50 (1996),
        120-126). A row is inside if its `log_density` is at least the level.

        Parameters
        ----------
        mass : array-like
            Masses above 0 and below 1.

        Returns
        -------
        array
            Log densities in nats, in the shape of ``mass``. The masses are exact for one component, and else accurate
            to about 1e-4.

        Raises
        ------
        ValueError
            If a mass is not above 0 and below 1.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> normal = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
        >>> edge = normal.density_level(0.95)
        >>> bool(normal.log_density([[1.95]]) > edge > normal.log_density([[1.97]]))
        True
        """
        self.refuse_noise("density_level")
        wanted = as_numbers(mass, "mass")
        if not ((wanted > 0) & (wanted < 1)).all():
            raise ValueError(f"mass must be above 0 and below 1; got {wanted.tolist()}")
        return LogDensityDistribution.of(self).quantile(1 - wanted)

    @overload
    def entropy(self: MixtureInterface, *, return_error: Literal[False] = False) -> float: ...
    @overload
    def entropy(self: MixtureInterface, *, return_error: Literal[True]) -> tuple[float, float]: ...
    def entropy(self: MixtureInterface, *, return_error: bool = False) -> float | tuple[float, float]:
        """Return the differential entropy, minus the mean of the log density.

        Parameters
        ----------
        return_error : bool, default=False
            Whether the standard error is returned, too.

        Returns
        -------
        entropy : float
            In nats; exact for one component.
        error : float
            Standard error, if wanted.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> round(Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical").entropy(), 6)
        1.418939
        """
        self.refuse_noise("entropy")
        distribution = LogDensityDistribution.of(self)
        return (distribution.entropy, distribution.entropy_error) if return_error else distribution.entropy
