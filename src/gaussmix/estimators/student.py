"""`StudentMixture` estimator: a mixture of multivariate t distributions."""

from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import Any, Self

import numpy as np

from gaussmix.core.covariance import AbstractCovariance, refuse_factor_type
from gaussmix.core.forms import FORMS
from gaussmix.core.student import covariance_factors, n_different
from gaussmix.core.text import Entry
from gaussmix.core.typing import FloatArray
from gaussmix.estimators.gaussian import GaussianMixture
from gaussmix.fitting.em import Progress
from gaussmix.fitting.settings import FitSettings


class StudentMixture(GaussianMixture):
    """Mixture of multivariate t distributions, for clusters with tails heavier than normal and for outliers.

    A row far from a component has a small weight in its mean and its scale matrix, so a few outliers move neither
    (Peel and McLachlan 2000). Parameters, methods and attributes are those of `GaussianMixture`, with the differences
    below. Infinite degrees of freedom are a normal component: where the tails are not heavier than normal, the fit is
    that of `GaussianMixture`.

    The parameter of a component is its *scale matrix*. Its covariance is ``nu / (nu - 2)`` times as large for more than
    2 degrees of freedom nu, and infinite otherwise. Penalties and initial values are those of scale matrices.

    Parameters
    ----------
    n_components : int, default=1
        Number of components.
    degrees_of_freedom : {"each", "shared"} or float, default="each"
        Degrees of freedom: estimated for each component, estimated and the same for all, or a given number, which may
        be infinite. Estimates are between 1 and infinity. With fewer, the likelihood has no upper bound.
    covariance_type : str, default="full"
        Structure of the scale matrices, one of those of `GaussianMixture`.
    tol : "auto" or float, default="auto"
        As in `GaussianMixture`.
    reg_covar : "auto", float, "chen-tan" or "inverse-wishart", default="auto"
        Regularization of the scale matrices.
    max_iter : "auto" or int, default="auto"
        "auto" is 10,000.
    n_init : "auto" or int, default="auto"
        Number of starts.
    init_params : {"auto", "kmeans", "k-means++", "random", "random_from_data"} or array-like, default="auto"
        "auto" is a search, as in `GaussianMixture`.
    weights_init : (k,) array-like, optional
        Initial weights.
    means_init : (k, d) array-like, optional
        Initial means.
    precisions_init : array-like, optional
        Initial inverse scale matrices, in the shape of ``covariance_type``.
    random_state : int, RandomState instance or None, default=None
        Random state of the starts.
    warm_start : bool, default=False
        Continue from the parameters of the previous fit.
    verbose : int, default=0
        1 prints the runs and some iterations, 2 also gains.
    verbose_interval : int, default=10
        Number of iterations between printed ones.
    callback : callable, optional
        Called with a `gaussmix.fitting.em.Progress` at every start and after every iteration.
    acceleration : {"auto", "none"}, default="auto"
        "none" takes plain steps, which are slow where there are many degrees of freedom, and never reach infinity.
    time_budget : float, optional
        Seconds after which the best model so far is returned.
    order_by : "auto", "weight", "variance", "principal", or a feature's name or position, default="auto"
        The order of the components.

    Attributes
    ----------
    degrees_of_freedom_ : (k,) array
        Degrees of freedom of the components.
    scale_matrices_ : array
        Scale matrices, in the shape of ``covariance_type``. They are finite for any degrees of freedom.
    covariances_, precisions_, precisions_cholesky_ : array
        Covariances, their inverses, and upper triangular W with ``W W' = precision``. A component with 2 degrees of
        freedom or fewer has no finite covariance: its variances are infinite, and its precisions zero; use
        ``scale_matrices_``. One for each component if ``covariance_type`` is "tied".
    weights_ : (k,) array
        Mixing proportions.
    means_ : (k, d) array
        Centers of the components, which are their means for more than one degree of freedom.
    mixture_ : Mixture
        The fitted model, which is immutable and can be saved, sampled and marginalized.

    See Also
    --------
    GaussianMixture : A mixture of normal distributions, with all other attributes.

    References
    ----------
    Peel and McLachlan, Robust mixture modelling using the t distribution, Statistics and Computing 10 (2000), 339-348.

    Examples
    --------
    Five outliers among 300 rows draw a component of a normal mixture away, but not one of a t mixture.

    >>> import numpy as np
    >>> from gaussmix import StudentMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (150, 2)), rng.normal(8, 1, (150, 2)), rng.normal(0, 40, (5, 2))])
    >>> model = StudentMixture(n_components=2, random_state=0).fit(X)
    >>> np.sort(model.means_[:, 0]).round()
    array([-0.,  8.])
    >>> bool((model.degrees_of_freedom_ < 10).any())
    True
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        degrees_of_freedom: float | str = "each",
        covariance_type: str = "full",
        tol: float | str = "auto",
        reg_covar: float | str = "auto",
        max_iter: int | str = "auto",
        n_init: int | str = "auto",
        init_params: Any = "auto",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        callback: Callable[[Progress], object] | None = None,
        acceleration: str = "auto",
        time_budget: float | None = None,
        order_by: int | str = "auto",
    ) -> None:
        super().__init__(
            n_components,
            covariance_type=covariance_type,
            tol=tol,
            reg_covar=reg_covar,
            max_iter=max_iter,
            n_init=n_init,
            init_params=init_params,
            weights_init=weights_init,
            means_init=means_init,
            precisions_init=precisions_init,
            random_state=random_state,
            warm_start=warm_start,
            verbose=verbose,
            verbose_interval=verbose_interval,
            callback=callback,
            acceleration=acceleration,
            time_budget=time_budget,
            order_by=order_by,
        )
        self.degrees_of_freedom = degrees_of_freedom

    def partial_fit(self, *rows: Any, **options: Any) -> Self:
        """Raise a ValueError: t distributions are fitted to all rows at once, by ``fit``."""
        raise ValueError("partial_fit is not defined for t distributions: use fit, or a GaussianMixture")

    def merge(self, *moments: Any) -> Self:
        """Raise a ValueError: t distributions are fitted to all rows at once, by ``fit``."""
        raise ValueError("merge is not defined for t distributions: use fit, or a GaussianMixture")

    @property
    def degrees_of_freedom_(self) -> FloatArray:
        """Degrees of freedom of the components, ``(k,)``."""
        degrees = self.mixture_.degrees_of_freedom
        assert degrees is not None
        return degrees

    @property
    def scale_matrices_(self) -> FloatArray:
        """Scale matrices, in the shape of ``covariance_type``."""
        return super().covariances_

    @property
    def covariances_(self) -> FloatArray:
        """Covariances; infinite for 2 degrees of freedom or fewer, where ``scale_matrices_`` is finite."""
        matrices = self._each(super().covariances_)
        return np.multiply(self._factors(matrices), matrices, out=np.zeros_like(matrices), where=matrices != 0)

    @property
    def precisions_(self) -> FloatArray:
        """Inverse covariances; zero for 2 degrees of freedom or fewer."""
        matrices = self._each(super().precisions_)
        return np.asarray(matrices / self._factors(matrices))

    @property
    def precisions_cholesky_(self) -> FloatArray:
        """Upper triangular ``W`` with ``W W' = precision``; zero for 2 degrees of freedom or fewer."""
        matrices = self._each(super().precisions_cholesky_)
        return np.asarray(matrices / np.sqrt(self._factors(matrices)))

    def _each(self, matrices: FloatArray) -> FloatArray:
        """Return one matrix for each component, also if they share it."""
        shared = FORMS[self.mixture_.covariance.form].is_shared
        return np.tile(matrices, (len(self.degrees_of_freedom_), 1, 1)) if shared else matrices

    def _factors(self, matrices: FloatArray) -> FloatArray:
        return covariance_factors(self.degrees_of_freedom_).reshape(-1, *[1] * (matrices.ndim - 1))

    @property
    def _structure(self) -> type[AbstractCovariance]:
        refuse_factor_type(self.covariance_type, "StudentMixture")
        return super()._structure

    def _settings(self, *context: Any) -> FitSettings:
        return replace(super()._settings(*context), degrees=self._checked_degrees())

    def _checked_degrees(self) -> float | str:
        degrees: Any = self.degrees_of_freedom
        if isinstance(degrees, str):
            if degrees not in ("each", "shared"):
                raise ValueError(f'degrees_of_freedom must be "each", "shared" or a number; got {degrees!r}')
            return degrees
        if isinstance(degrees, bool) or not isinstance(degrees, Real) or not float(degrees) > 0:  # NaN included
            raise ValueError(f"degrees_of_freedom must be positive, and may be infinite; got {degrees!r}")
        return float(degrees)

    @property
    def _n_parameters(self) -> int:
        free = {"each": self.mixture_.n_components, "shared": 1}
        mixture = self.mixture_
        normal = mixture.n_parameters - n_different(mixture.degrees_of_freedom)
        return normal + (free[self.degrees_of_freedom] if isinstance(self.degrees_of_freedom, str) else 0)

    def _result_entries(self) -> list[Entry]:
        degrees = ", ".join(f"{value:.3g}" for value in self.degrees_of_freedom_)
        return [*super()._result_entries(), Entry("degrees of freedom", degrees)]
