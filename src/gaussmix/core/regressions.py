"""Regression of some features on the others, in each component of a mixture.

With L the root of a covariance whose features are ordered so that the observed ones (s) come before the targets (t),

    L = [[L_ss, 0], [L_ts, L_tt]],    E[t | s] = m_t + L_ts inverse(L_ss) (s - m_s),    Cov[t | s] = L_tt L_tt'

(Bishop 2006, section 2.3.1). So no covariance is formed or inverted, and nothing is subtracted from a variance.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import lapack

import gaussmix.core._native as _native
from gaussmix.core.covariance import AbstractCovariance, structure_of
from gaussmix.core.covariance.triangular import root_of_some
from gaussmix.core.forms import FORMS
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.core.whitened import WhitenedMixture

_PIECE = 1 << 17  # rows for each call, so that Ctrl-C takes effect


@dataclass(frozen=True, eq=False)
class ComponentRegressions:
    """Linear regressions of q target features on s observed ones, one for each component.

    In component k, targets are ``target_means[k] + coefficients[k] (x - observed_means[k])`` plus a normal residual.

    Attributes
    ----------
    observed_means : (k, s) array
        Means of the observed features.
    target_means : (k, q) array
        Means of the targets.
    coefficients : (k, q, s) array
        Slopes, ``C_ts inverse(C_ss)``, in units of the targets per unit of the observed features. A view of a single
        zero if features are independent within components.
    residual : AbstractCovariance
        Covariances of the residuals: those of the targets given the observed features.
    """

    observed_means: FloatArray
    target_means: FloatArray
    coefficients: FloatArray
    residual: AbstractCovariance

    @classmethod
    def of(
        cls, means: FloatArray, covariance: AbstractCovariance, observed: Sequence[int], targets: Sequence[int]
    ) -> Self:
        """Return the regressions of the components of a mixture.

        Parameters
        ----------
        means : (k, d) array
            Means of the components.
        covariance : AbstractCovariance
            Their covariances.
        observed : sequence of int
            Positions of the observed features.
        targets : sequence of int
            Positions of the targets; no feature is in both.

        Returns
        -------
        ComponentRegressions
            With residuals of the structure of ``covariance`` if features are independent within components, else
            "tied" or "full".
        """
        k, s, q = len(means), len(observed), len(targets)
        at = means[:, list(observed)], means[:, list(targets)]
        if FORMS[covariance.form].is_diagonal:
            return cls(*at, np.broadcast_to(0.0, (k, q, s)), covariance.marginal(targets))
        roots = root_of_some(covariance.dense_roots(), [*observed, *targets])
        # B L_ss = L_ts: the transposed system has an upper triangular matrix
        solved = [lapack.dtrtrs(root[:s, :s], root[s:, :s].T, lower=1, trans=1)[0].T for root in roots]
        structure = structure_of(covariance.form)
        return cls(*at, np.stack(solved), structure.from_dense_roots(roots[:, s:, s:]))

    def predict(self, row: FloatArray) -> FloatArray:
        """Return the conditional mean of each component for one row.

        Parameters
        ----------
        row : (s,) array
            Observed values.

        Returns
        -------
        (k, q) array
            Means of the targets.
        """
        if self._are_independent:
            return self.target_means
        shifts = (self.coefficients @ (row - self.observed_means)[:, :, None])[:, :, 0]
        return np.asarray(self.target_means + shifts)

    def component_means(self, rows: Rows, mixture: WhitenedMixture) -> FloatArray:
        """Return the conditional means of each component for many rows.

        Parameters
        ----------
        rows : (n, s) array
            Observed values.
        mixture : WhitenedMixture
            Mixture of the observed features.

        Returns
        -------
        (n, k, q) array
            Means of the targets.
        """
        found = np.empty((len(rows), *self.target_means.shape))
        for part in pieces_of(len(rows)):
            self._fill(rows[part], mixture, component_means=found[part])
        return found

    def moments(self, rows: Rows, mixture: WhitenedMixture) -> tuple[FloatArray, FloatArray]:
        """Return means and variances of the targets over all components.

        Parameters
        ----------
        rows : (n, s) array
            Observed values.
        mixture : WhitenedMixture
            Mixture of the observed features.

        Returns
        -------
        means : (n, q) array
            Expected values; zero, like the variances, in rows whose density is zero in double precision.
        variances : (n, q) array
            Variances within components and between their means.
        """
        shape = len(rows), self.target_means.shape[1]
        means, variances = np.empty(shape), np.empty(shape)
        for part in pieces_of(len(rows)):
            self._fill(rows[part], mixture, means=means[part], variances=variances[part])
        return means, variances

    def covariances(self, rows: Rows, mixture: WhitenedMixture) -> FloatArray:
        """Return covariances of the targets over all components.

        Parameters
        ----------
        rows : (n, s) array
            Observed values.
        mixture : WhitenedMixture
            Mixture of the observed features.

        Returns
        -------
        (n, q, q) array
            Symmetric matrices; zero in rows whose density is zero in double precision.
        """
        q = self.target_means.shape[1]
        found = np.empty((len(rows), q, q))
        for part in pieces_of(len(rows)):
            self._fill(rows[part], mixture, covariances=found[part])
        return found

    @property
    def _are_independent(self) -> bool:
        return FORMS[self.residual.form].is_diagonal

    def _fill(
        self,
        rows: Rows,
        mixture: WhitenedMixture,
        *,
        means: FloatArray | None = None,
        variances: FloatArray | None = None,
        covariances: FloatArray | None = None,
        component_means: FloatArray | None = None,
    ) -> None:
        mixture = mixture.as_full()
        _native.condition_rows(
            np.ascontiguousarray(rows, dtype=np.float64),
            mixture.form,
            mixture.offsets,
            self.observed_means,
            mixture.factors,
            self.target_means,
            None if self._are_independent else self.coefficients,
            self.residual.variances(),
            None if covariances is None else self.residual.dense(),
            means,
            covariances,
            variances,
            component_means,
        )


def pieces_of(n_rows: int) -> Iterator[slice]:
    """Yield slices of a number of rows, each for one call of compiled code."""
    for start in range(0, n_rows, _PIECE):
        yield slice(start, min(start + _PIECE, n_rows))


def scaled_each(covariance: AbstractCovariance, factors: FloatArray) -> AbstractCovariance:
    """Return covariances, each times a factor of its own.

    Parameters
    ----------
    covariance : AbstractCovariance
        Covariances of k components.
    factors : (k,) array
        Positive numbers.

    Returns
    -------
    AbstractCovariance
        "diag", "spherical" or "full", by the form of the covariances.
    """
    form = FORMS[covariance.form]
    structure = structure_of("full" if form.name == "tied" else form.name)
    roots = covariance.dense_roots() * np.sqrt(factors)[:, None, None]
    return structure.from_dense_roots(roots)


def with_scaled_residuals(covariance: AbstractCovariance, n_targets: int, factor: float) -> AbstractCovariance:
    """Return covariances in which the last features vary more, or less, given the others.

    Regressions on the other features, and the covariances of these, stay the same.

    Parameters
    ----------
    covariance : AbstractCovariance
        Covariances of all features, the targets last.
    n_targets : int
        Number of targets.
    factor : float
        Factor of the standard deviations of the targets given the other features.

    Returns
    -------
    AbstractCovariance
        "diag" for structures without correlations, else "tied" or "full".
    """
    structure = structure_of("diagonal" if FORMS[covariance.form].is_diagonal else covariance.form)
    roots = covariance.dense_roots().copy()
    roots[:, -n_targets:, -n_targets:] *= factor
    return structure.from_dense_roots(roots)
