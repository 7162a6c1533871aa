"""Fits to rows that arrive in parts: blocks of a stream, or sums of several sites."""

from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np

from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import AnyRows, engine_for
from gaussmix.core.environment import one_blas_thread
from gaussmix.core.stored_moments import StoredMoments
from gaussmix.core.text import join_words
from gaussmix.estimators.constraint_checks import refuse_constraints
from gaussmix.estimators.fit_warnings import warn_of_fit
from gaussmix.estimators.fitted_run import FittedRunMixin
from gaussmix.estimators.parameter_checks import check_gaussian_mixture
from gaussmix.estimators.rollback import RestoredOnFailure
from gaussmix.estimators.verbose import VerbosePrinter
from gaussmix.fitting.fit_result import FitResult
from gaussmix.fitting.online import fit_block, merged
from gaussmix.fitting.settings import FitSettings, regularized_update
from gaussmix.fitting.spread import Spread
from gaussmix.fitting.stopping import Stop


class OnlineFitMixin(FittedRunMixin):
    """``partial_fit``, ``merge`` and ``moments_``; a subclass has ``fit_result_`` and the parameters of a fit."""

    covariance_type: str
    n_components: int
    reg_covar: float | str
    noise: str | None
    verbose_interval: int
    _fit: Callable[..., AnyRows]
    _checked_rows: Callable[..., AnyRows]
    _settings: Callable[..., FitSettings]

    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        noise_covariance: Any = None,
        *,
        forgetting: float = 0.0,
    ) -> Self:
        """Fit the mixture to further rows, of which only sums are kept (docs/streams.md).

        The first call, if no ``fit`` came before, is a fit to its rows. Later calls take EM steps on the new rows and
        the sums of all earlier ones, whose responsibilities no longer change (Neal and Hinton 1998). Memory does not
        grow with the number of calls. The volume of noise is that of the first call: give a number as ``noise_volume``
        if later rows have a wider range.

        Parameters
        ----------
        X : (n, d) array-like or table
            New rows; at least ``n_components`` in the first call.
        y : ignored
            Present for scikit-learn's pipelines.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.
        forgetting : float, default=0
            Share of the weight that all earlier rows lose before this call, from 0 up to but not including 1. For a
            stream that drifts, blocks of n rows with a share f leave the weight of the last n / f rows.

        Returns
        -------
        GaussianMixture
            The estimator.

        Raises
        ------
        ValueError
            If a parameter, the rows or the weights are not valid, or if an earlier fit left out columns.
        """
        share = _share_kept(forgetting)
        refuse_constraints(self, "partial_fit")
        with RestoredOnFailure(self, "fit_result_"), np.errstate(under="ignore"):
            if not hasattr(self, "fit_result_"):
                self._fit(X, sample_weight, noise_covariance)
                _require_all_columns(self.fit_result_)
                return self
            self._go_on(X, sample_weight, noise_covariance, share)
        return self

    def _go_on(self, X: Any, sample_weight: Any, noise_covariance: Any, share: float) -> None:
        check_gaussian_mixture(self)
        rows: AnyRows = self._checked_rows(X, sample_weight, noise_covariance, reset=False)
        past, base = _stored_moments(self.fit_result_).faded(share), self.fit_result_.update
        settings = self._settings(None, None, self._watcher(VerbosePrinter(self.verbose, self.verbose_interval)))
        rows = rows.informative()
        if not rows.n_positive:
            return
        with one_blas_thread():
            self.fit_result_ = fit_block(engine_for(rows), base, past, settings.search)
        if self.fit_result_.fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        warn_of_fit(self.fit_result_, self.reg_covar)

    def merge(self, moments: StoredMoments | Iterable[StoredMoments]) -> Self:
        """Take one step of EM from sums over rows elsewhere, which this estimator never sees (docs/streams.md).

        If all sums are those of one shared mixture, this is the step of EM on the rows of all sites together.

        Parameters
        ----------
        moments : StoredMoments or iterable of StoredMoments
            Sums of each site, from `StoredMoments.of` or ``moments_``. Their components correspond by position.

        Returns
        -------
        GaussianMixture
            The estimator. ``moments_`` has the total, and ``lower_bound_`` is the mean log-likelihood of the rows
            under the mixtures of their passes.

        Raises
        ------
        ValueError
            If the sums belong to mixtures of another size or type than this estimator's.
        """
        self._merge([moments] if isinstance(moments, StoredMoments) else list(moments))
        return self

    @property
    def moments_(self) -> StoredMoments:
        """Sums over all rows of the fit, at the fitted mixture: what later rows are added to."""
        result: FitResult = self.fit_result_
        try:
            return _stored_moments(result)
        except ValueError as error:  # hasattr and dir, with which notebooks show an estimator, expect the other kind
            raise AttributeError(str(error)) from None

    def _merge(self, parts: list[StoredMoments]) -> None:
        check_gaussian_mixture(self)
        refuse_constraints(self, "merge")
        self._require_mergeable(parts)
        total = StoredMoments.total(parts, parts[0].mixture)
        structure, k = covariance_class(self.covariance_type), self.n_components
        spread = Spread.of(parts[0].mixture)
        update = regularized_update(self.reg_covar, structure, k, total.weight, spread, spread.root_within)
        self.fit_result_ = merged(total, update)
        self.n_features_in_ = total.mixture.n_features
        if total.mixture.feature_names is not None:
            self.feature_names_in_ = np.array(total.mixture.feature_names, dtype=object)
        warn_of_fit(self.fit_result_, self.reg_covar)

    def _require_mergeable(self, parts: list[StoredMoments]) -> None:
        if not parts:
            raise ValueError("moments is empty: give the sums of at least one site")
        wanted = covariance_class(self.covariance_type).name, self.n_components, parts[0].mixture.n_features
        for at, part in enumerate(parts):
            if not isinstance(part, StoredMoments):
                raise ValueError(f"moments[{at}] must be StoredMoments, got {type(part).__name__}")
            mixture = part.mixture
            found = mixture.covariance_type, mixture.n_components, mixture.n_features
            if found != wanted:
                raise ValueError(
                    f"moments[{at}] belongs to a mixture with (covariance_type, n_components, n_features) = {found}, "
                    f"but {wanted} is needed: make the sums of all sites with one shared mixture"
                )


def _share_kept(forgetting: Any) -> float:
    if isinstance(forgetting, bool) or not isinstance(forgetting, int | float | np.number) or not 0 <= forgetting < 1:
        raise ValueError(f"forgetting must be a number from 0 up to but not including 1, got {forgetting!r}")
    return 1.0 - float(forgetting)


def _stored_moments(result: FitResult) -> StoredMoments:
    _require_all_columns(result)
    return StoredMoments(result.mixture, result.fit.moments)


def _require_all_columns(result: FitResult) -> None:
    """Raise a ValueError if the fit left out columns, so that its sums lack them."""
    if result.columns is None:
        return
    names = result.mixture.names
    left = [names[at] for at in range(len(names)) if at not in set(result.columns.kept.tolist())]
    raise ValueError(
        f"the fit left out {join_words(left, 5)}, constant or a function of other columns, so its sums cannot be "
        "continued: leave the columns out yourself, or begin with rows in which they vary"
    )
