"""The prior of a Bayesian mixture: given numbers, and defaults from the rows."""

import math
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.column_sums import average_columns
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.covariance.triangular import lower_root
from gaussmix.core.engines import NativeEngine
from gaussmix.core.forms import FORMS
from gaussmix.core.posterior import MixturePrior
from gaussmix.core.posterior.weights import WeightKind
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.core.whitened import WhitenedMixture
from gaussmix.fitting.completed_rows import normal_of

_LEAST_SPREAD = 1e-7  # least residual standard deviation of a column given the others, as a share
_BELOW_RIDGE = 1e-4  # the same for a constant column with a ridge, as a share of the root of the ridge


@dataclass(frozen=True, eq=False)
class PriorSettings:
    """Parameters of the prior as an estimator has them; None for defaults.

    Attributes
    ----------
    structure : subclass of AbstractCovariance
        One of the four structures of scikit-learn.
    n_components : int
        Number of components.
    weight_kind : {"dirichlet_process", "dirichlet_distribution"}
        Kind of the prior of the weights.
    concentration : float, optional
        By default 1 / n_components.
    mean_precision : float
        Precision of the mean of a component, in rows.
    mean : (d,) array, optional
        By default the mean of the rows.
    degrees : float, optional
        By default d.
    root : (d, d) array, optional
        Root of the covariance, restricted to the form; by default that of the rows.
    as_sklearn : bool
        Whether the E-step has scikit-learn's expectations.
    """

    structure: type[AbstractCovariance]
    n_components: int
    weight_kind: WeightKind
    concentration: float | None = None
    mean_precision: float = 1.0
    mean: FloatArray | None = None
    degrees: float | None = None
    root: FloatArray | None = None
    as_sklearn: bool = False

    def with_components(self, n_components: int) -> "PriorSettings":
        """Return the same settings with the same concentration for another number of components.

        Parameters
        ----------
        n_components : int
            Number of components.

        Returns
        -------
        PriorSettings
            Settings without a default concentration.
        """
        concentration = 1 / self.n_components if self.concentration is None else self.concentration
        return replace(self, n_components=n_components, concentration=concentration)

    def prior_of(self, rows: WeightedRows, ridge: float) -> MixturePrior:
        """Return the prior for rows.

        Parameters
        ----------
        rows : WeightedRows
            Rows of the fit.
        ridge : float
            Number that is added to the variances of the rows.

        Returns
        -------
        MixturePrior
            The prior.
        """
        mean, root = _center_and_root(rows, self.structure, ridge)
        return MixturePrior(
            self.structure,
            self.n_components,
            self.weight_kind,
            1 / self.n_components if self.concentration is None else self.concentration,
            mean if self.mean is None else self.mean,
            self.mean_precision,
            float(rows.n_features) if self.degrees is None else self.degrees,
            root if self.root is None else self.root,
            self.as_sklearn,
        )


def _moments_of(rows: WeightedRows) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the mean and a unit (d,) of each column, and the covariance (d, d) of the rows in these units."""
    if not rows.is_exact:
        mean, covariance = normal_of(rows)
        scale = np.sqrt(covariance.diagonal())
        return mean, scale, covariance / scale[:, None] / scale
    mean = average_columns(np.ascontiguousarray(rows.values), rows.weights)
    size = np.maximum(np.abs(rows.values.max(axis=0) - mean), np.abs(rows.values.min(axis=0) - mean))
    scale = np.where(size > 0, size, 1.0)
    unit = WhitenedMixture("full", np.zeros(1), mean[None], np.diag(1 / scale)[None])
    moments = NativeEngine.of(rows).accumulate(unit)
    shift = moments.shifts[0] / moments.counts[0]
    return mean, scale, moments.scatter[0] / moments.counts[0] - np.outer(shift, shift)


def _center_and_root(
    rows: WeightedRows, structure: type[AbstractCovariance], ridge: float
) -> tuple[FloatArray, FloatArray]:
    """Return the mean of the rows and a regular root of their unbiased covariance, restricted to the structure.

    A weight of 2 counts as two rows. The root of a singular covariance gets the least spread that double precision
    resolves; a constant column, without a ridge, the standard deviation 1. Incomplete rows have those of `normal_of`.
    """
    d, total = rows.n_features, rows.total
    mean, scale, covariance = _moments_of(rows.positive())
    covariance *= total / max(total - 1, 0.5 * total)
    form = FORMS[structure.form]
    is_pooled = form.features_per_variance(d) > 1
    if is_pooled:
        covariance = np.eye(d) * (covariance.diagonal() * scale**2).mean()
        scale = np.ones(d)
    elif form.is_diagonal:
        covariance = np.diag(covariance.diagonal())
    root = scale[:, None] * lower_root(covariance[None])[0]
    deviations = np.sqrt((root**2).sum(axis=1))
    constant = _BELOW_RIDGE * math.sqrt(ridge) if ridge > 0 else 1.0
    least = np.where(deviations > 0, _LEAST_SPREAD * deviations, constant)
    if is_pooled:
        least = np.full(d, least.max())
    root[np.diag_indices(d)] = np.maximum(root.diagonal(), least)
    return mean, root
