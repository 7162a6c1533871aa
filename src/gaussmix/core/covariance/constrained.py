"""Base class of structures with a constraint, such as the ten whose components share something."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.covariance.base import AbstractCovariance
from gaussmix.core.typing import FloatArray, IntArray

MOST_TURNS, SETTLED = 200, 1e-12
"""Maximum number of inner iterations, and the relative change of volumes at which they end."""
_NOBODY = 1e-30  # count of a component without rows, so that it does not affect the others
_SAME = 1e-6  # tolerance for rounded covariances, relative to the product of two standard deviations


class AbstractConstrained(AbstractCovariance):
    """A free structure with a constraint across or within components.

    The M-step computes the free covariances, and then the covariances that maximize the likelihood under the
    constraint; counts and free covariances are sufficient statistics. Other methods are those of the free structure.
    """

    free: ClassVar[type[AbstractCovariance]]

    @abstractmethod
    def nearest_roots(self, counts: FloatArray, roots: FloatArray) -> FloatArray:
        """Return the roots of `nearest`; inner iterations start from this structure.

        Parameters
        ----------
        counts : (k,) array
            Positive numbers of rows.
        roots : array
            Roots of free covariances, which are not singular in all components.

        Returns
        -------
        array
            Roots in the same shape.
        """

    def nearest(self, counts: FloatArray, roots: FloatArray) -> Self:
        """Return the maximum-likelihood structure for free covariances ``S_k = root_k root_k'``.

        It maximizes ``sum_k counts_k [log det W_k - 1/2 tr(inverse(covariance_k) S_k)]``. If there is no maximum
        because free covariances are singular, the result is as singular as they are.

        Parameters
        ----------
        counts : (k,) array
            Positive numbers of rows.
        roots : array
            Roots of the free covariances.

        Returns
        -------
        AbstractConstrained
            Object of this class.
        """
        return type(self)(self.nearest_roots(counts, roots), self.n_components, self.n_features)

    @cached_property
    def _free(self) -> AbstractCovariance:
        return self.free(self.roots, self.n_components, self.n_features)

    def is_kept(self) -> bool:
        """Return whether the roots obey the constraint.

        Returns
        -------
        bool
            True if they do up to rounding.
        """
        dense = self.dense()
        apart = np.abs(self.nearest(np.ones(self.n_components), self.roots).dense() - dense)
        deviations = np.sqrt(self.variances())
        return bool((apart <= _SAME * deviations[:, :, None] * deviations[:, None, :]).all())

    @classmethod
    def identity(cls, n_components: int, n_features: int) -> Self:
        return cls(cls.free.identity(n_components, n_features).roots, n_components, n_features)

    @classmethod
    def from_covariances(cls, covariances: FloatArray, n_components: int, n_features: int) -> Self:
        return cls._checked(cls.free.from_covariances(covariances, n_components, n_features), "covariances")

    @classmethod
    def from_precisions(cls, precisions: FloatArray, n_components: int, n_features: int) -> Self:
        return cls._checked(cls.free.from_precisions(precisions, n_components, n_features), "precisions")

    @classmethod
    def _checked(cls, free: AbstractCovariance, what: str) -> Self:
        given = cls(free.roots, free.n_components, free.n_features)
        if not given.is_kept():
            raise ValueError(
                f"the {what} given do not obey the constraint of {cls.name!r}: use covariance_type={cls.free.name!r}"
            )
        return given

    def factors(self) -> FloatArray:
        return self._free.factors()

    def log_det(self) -> FloatArray:
        return self._free.log_det()

    def maximize(self, counts: FloatArray, scatter: FloatArray, ridge: float = 0.0) -> Self:
        """Add the ridge to the free covariances, before the constraint."""
        roots = self._free.maximize(counts, scatter, ridge).roots
        return self.nearest(np.where(counts > 0, counts, _NOBODY), roots)

    def inflated(self, variances: FloatArray) -> Self:
        """Start the inner iterations from the identity, because this structure may be singular."""
        roots = self._free.inflated(variances).roots
        return self.identity(self.n_components, self.n_features).nearest(np.ones(self.n_components), roots)

    def pivots(self) -> FloatArray:
        return self._free.pivots()

    def color(self, noise: FloatArray, component: int) -> FloatArray:
        return self._free.color(noise, component)

    def color_each(self, noise: FloatArray) -> FloatArray:
        return self._free.color_each(noise)

    def whiten_each(self, rows: FloatArray) -> FloatArray:
        return self._free.whiten_each(rows)

    def whitened_scatter(self, root: FloatArray) -> FloatArray:
        return self._free.whitened_scatter(root)

    def precision_traces(self) -> FloatArray:
        return self._free.precision_traces()

    def variances(self) -> FloatArray:
        return self._free.variances()

    def dense(self) -> FloatArray:
        return self._free.dense()

    def marginal(self, features: Sequence[int]) -> AbstractCovariance:
        """Return the same class if shapes and orientations are shared, else the free structure."""
        free = self._free.marginal(features)
        same = type(self)(free.roots, free.n_components, free.n_features)
        return same if self._marginals_are_kept() else free

    @classmethod
    def _marginals_are_kept(cls) -> bool:
        """Return whether marginals obey the constraint: shapes and orientations are shared."""
        return cls.letters[1] != "V" and cls.letters[2] != "V"

    @classmethod
    def root_of_rows(cls, rows: FloatArray) -> FloatArray:
        return cls.free.root_of_rows(rows)

    def rescale(self, root: FloatArray) -> AbstractCovariance:
        """Return the same class if the constraint holds in all units, else the free structure."""
        free = self._free.rescale(root)
        same = type(self)(free.roots, self.n_components, self.n_features)
        return same if self._units_are_free() else free

    @classmethod
    def _units_are_free(cls) -> bool:
        """Return whether the constraint holds in all units: not if components share only axes or only a shape."""
        return cls.letters[2] in ("I", cls.letters[1])

    @classmethod
    def _roots_of(cls, covariance: AbstractCovariance) -> FloatArray:
        return cls.free._roots_of(covariance)

    def relative_variances(
        self, weights: FloatArray, target_root: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        return self._free.relative_variances(weights, target_root)

    def merge_costs(self, first: IntArray, second: IntArray, counts: FloatArray, shifts: FloatArray) -> FloatArray:
        return self._free.merge_costs(first, second, counts, shifts)

    def with_average(self, component: int, weights: FloatArray) -> Self:
        return self.nearest(weights, self._free.with_average(component, weights).roots)

    @property
    def covariances(self) -> FloatArray:
        return self._free.covariances

    @property
    def precisions(self) -> FloatArray:
        return self._free.precisions


def with_common_shape(counts: FloatArray, lengths: FloatArray, log_volumes: FloatArray) -> FloatArray | None:
    """Return the lengths (k, d) with one shape that are nearest to free ones; None if there is no maximum.

    Volumes and shape are updated in turn. The shape is ``sum_k counts_k variances_k / volume_k`` over its geometric
    mean, a volume the mean of ``variances_k / shape`` (Celeux and Govaert 1995, section 3.2, model [lambda_k B]).

    Parameters
    ----------
    counts : (k,) array
        Positive numbers of rows.
    lengths : (k, d) array
        Roots of the free variances. There is no maximum if all variances of a component or of a column are zero, or
        are so much smaller than the greatest one that they underflow.
    log_volumes : (k,) array
        Logarithms of the initial volumes, of which only the differences count.
    """
    unit = lengths.max()
    variances = (lengths / (unit if unit > 0 else 1.0)) ** 2
    if not (variances > 0).any(axis=1).all() or not (variances > 0).any(axis=0).all():
        return None
    volumes = np.exp(log_volumes - log_volumes.mean())
    for _ in range(MOST_TURNS):
        shape = (counts / volumes) @ variances
        shape = shape / np.exp(np.log(shape).mean())
        before, volumes = volumes, (variances / shape).mean(axis=1)
        if np.abs(volumes / before - 1).max() < SETTLED:
            break
    return np.asarray(unit * np.sqrt(np.outer(volumes, shape)))
