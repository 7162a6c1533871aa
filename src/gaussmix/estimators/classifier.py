"""`GaussianMixtureClassifier` estimator: checks its input, chooses a model and keeps the result."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from gaussmix.classification import MixtureClassifier
from gaussmix.classification.choice import Choice, choose
from gaussmix.classification.class_model import ClassFit, ClassModel, ClassRows
from gaussmix.classification.labels import ClassLabels, class_labels
from gaussmix.classification.proposals import Asked
from gaussmix.classification.report import ClassificationReport
from gaussmix.core.environment import one_blas_thread
from gaussmix.core.mixture import Mixture
from gaussmix.core.number_checks import as_numbers, check_numbers
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Rows
from gaussmix.core.validation import check_sample_weight, naming_columns, require_finite
from gaussmix.core.warning_values import warn
from gaussmix.estimators.classifier_checks import check_classifier, each_class, is_auto
from gaussmix.estimators.parameter_checks import refuse_unknown
from gaussmix.estimators.rollback import RestoredOnFailure
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.fitting.refit import FitFailedError


class GaussianMixtureClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifier by Bayes' rule with a Gaussian mixture for each class.

    Linear and quadratic discriminant analysis are the models ``n_components=1`` with ``covariance_type`` "tied" and
    "full"; the other structures across classes are eigenvalue decomposition discriminant analysis (EDDA), and mixtures
    of several components mixture discriminant analysis (MclustDA). By default, models of all these kinds are compared
    by cross-validation. Rows without a label take part in the fit.

    Parameters
    ----------
    n_components : "auto", int, dict or sequence, default="auto"
        Number of components of each class: a number for all classes, a dict from classes to numbers, or a sequence in
        the order of ``classes_``. "auto" tries up to 5.
    covariance_type : "auto", str, dict or sequence, default="auto"
        Covariance structure, as in `GaussianMixture`, for all classes or for each class. "auto" tries the fourteen of
        mclust; of those with common axes or orientations, fewer if there are more than 20 columns.
    shared_covariance : "auto" or bool, default="auto"
        Whether the structure is one of all components of all classes, so that "tied" means one covariance matrix for
        all of them; otherwise the components of each class have their own. "auto" shares it if each class has a single
        component, and tries both if the number of components is "auto".
    shrinkage : "auto" or float, default="auto"
        Share of the pooled covariance within classes in the covariance of a component of average size, from 0, below 1,
        as in regularized discriminant analysis. "auto" tries some shares where models are chosen by cross-validation,
        and is 0 otherwise.
    unlabeled_weight : "auto" or float, default="auto"
        Weight of rows without a label, from 0 to 1. 1 is maximum likelihood of all rows, 0 leaves them out. "auto" is
        1, or 0 if the log loss of held-out labels is lower by more than two standard errors without them.
    selection : {"cv", "bic"}, default="cv"
        What chooses among models. "cv" is the log loss of held-out rows, calibrated by one temperature for all rows, in
        5 folds (10 for up to 100 rows with labels); of the models within half a standard error of the least loss, the
        one with the least BIC is chosen. "bic" is the Bayesian information criterion of rows and labels, and is faster.
    calibrate : "auto" or bool, default="auto"
        Whether log probabilities are divided by the temperature with which held-out rows have the least log loss.
        "auto" does so if models are compared by cross-validation. The predicted classes are the same either way.
    priors : (c,) array-like or dict, optional
        Prior probabilities of the classes, in the order of ``classes_`` or by class. By default they are estimated.
    random_state : int, RandomState instance or None, default=None
        Random state of searches and folds; with an int, a fit to the same rows gives the same numbers.
    n_jobs : int, optional
        Number of threads of searches over mixtures; by default, and for -1, as many as there are processors.

    Attributes
    ----------
    classes_ : (c,) array
        The classes, sorted.
    classifier_ : MixtureClassifier
        The fitted classifier, which is immutable and can be saved.
    mixture_ : Mixture
        Joint mixture of all classes.
    component_classes_ : (k,) array
        Class of each component of ``mixture_``.
    mixtures_ : dict from classes to Mixture
        Mixture of each class.
    class_prior_ : (c,) array
        Prior probabilities of the classes.
    temperature_ : float
        Divisor of the log probabilities.
    n_components_ : dict from classes to int
        Number of components of each class.
    covariance_types_ : dict from classes to str
        Covariance structure of each class.
    choice_ : Choice
        The compared models with their fits and held-out scores.
    reason_ : str
        What was chosen and why, in a sentence; `report` says more.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : (d,) array of str
        Names of the columns, if X had names.

    See Also
    --------
    gaussmix.MixtureClassifier : A classifier with known parameters.

    References
    ----------
    Fraley and Raftery, Model-based clustering, discriminant analysis, and density estimation, Journal of the American
    Statistical Association 97 (2002), 611-631. Bensmail and Celeux, Regularized Gaussian discriminant analysis through
    eigenvalue decomposition, Journal of the American Statistical Association 91 (1996), 1743-1748. Friedman,
    Regularized discriminant analysis, Journal of the American Statistical Association 84 (1989), 165-175. Guo, Pleiss,
    Sun and Weinberger, On calibration of modern neural networks, ICML 2017 (temperature).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from gaussmix import GaussianMixtureClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> lda = GaussianMixtureClassifier(n_components=1, covariance_type="tied").fit(X, y)
    >>> lda.score(X, y)
    0.98
    """

    @refuse_unknown
    def __init__(
        self,
        n_components: Any = "auto",
        *,
        covariance_type: Any = "auto",
        shared_covariance: bool | str = "auto",
        shrinkage: float | str = "auto",
        unlabeled_weight: float | str = "auto",
        selection: str = "cv",
        calibrate: bool | str = "auto",
        priors: Any = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.shared_covariance = shared_covariance
        self.shrinkage = shrinkage
        self.unlabeled_weight = unlabeled_weight
        self.selection = selection
        self.calibrate = calibrate
        self.priors = priors
        self.random_state = random_state
        self.n_jobs = n_jobs

    classifier_: MixtureClassifier
    choice_: Choice

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the classifier.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows of finite numbers.
        y : (n,) or (n, c) array-like
            Class of each row. Rows whose label is -1, None or NaN have none (if -1 and one other number are the only
            labels, -1 is a class). A table has a nonnegative number for each row and class, the evidence of the row for
            the class: 0 excludes it, and equal numbers mean that nothing is known.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.

        Returns
        -------
        GaussianMixtureClassifier
            The estimator.

        Raises
        ------
        ValueError
            If a parameter, the rows, the labels or the weights are not valid, or no model can be fitted.

        Warns
        -----
        DegenerateDataWarning
            If columns are constant or functions of others. They are left out of the fit, but the model covers them.
        """
        with RestoredOnFailure(self, "classifier_"), np.errstate(under="ignore"):
            self._fit(X, y, sample_weight)
        return self

    def predict(self, X: Any) -> Rows:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n,) array
            Elements of ``classes_``.
        """
        values = self._checked(X)
        return self.classifier_.predict(values)

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability of each class given the row.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n, c) array
            Probabilities, in the order of ``classes_``; each row sums to one.
        """
        values = self._checked(X)
        return self.classifier_.predict_proba(values)

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Return the log probability of each class given the row.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n, c) array
            In nats, in the order of ``classes_``.
        """
        values = self._checked(X)
        return self.classifier_.predict_log_proba(values)

    def decision_function(self, X: Any) -> FloatArray:
        """Return the log probability of each class; for two classes, the log odds of the second one.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n,) or (n, c) array
            In nats. The class with the greatest number is predicted; of two classes, the second if it is positive.
        """
        logs = self.predict_log_proba(X)
        return logs if logs.shape[1] > 2 else np.asarray(logs[:, 1] - logs[:, 0])

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log density of each row under the joint mixture; a low one means that no class fits the row.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n,) array
            In nats.
        """
        values = self._checked(X)
        return self.mixture_.log_density(values)

    def report(self) -> ClassificationReport:
        """Report what was chosen, what else was tried, and how good it is on held-out rows.

        Returns
        -------
        ClassificationReport
            ``str(report)`` is its text.
        """
        check_is_fitted(self)
        return ClassificationReport(self.choice_, self.classifier_)

    @property
    def mixture_(self) -> Mixture:
        """Joint mixture of all classes."""
        return self.classifier_.mixture

    @property
    def classes_(self) -> Rows:
        """The classes, sorted."""
        return self.classifier_.classes

    @property
    def component_classes_(self) -> Rows:
        """Class of each component of ``mixture_``."""
        return np.asarray(self.classes_[self.classifier_.component_classes])

    @property
    def mixtures_(self) -> dict[Any, Mixture]:
        """Mixture of each class."""
        return {label: self.classifier_.class_mixture(label) for label in self.classes_.tolist()}

    @property
    def class_prior_(self) -> FloatArray:
        """Prior probabilities of the classes."""
        return self.classifier_.priors

    @property
    def temperature_(self) -> float:
        """Divisor of the log probabilities."""
        return self.classifier_.temperature

    @property
    def n_components_(self) -> dict[Any, int]:
        """Number of components of each class."""
        return dict(zip(self.classes_.tolist(), self._model.n_components, strict=True))

    @property
    def covariance_types_(self) -> dict[Any, str]:
        """Covariance structure of each class."""
        return dict(zip(self.classes_.tolist(), self._model.covariance_types, strict=True))

    @property
    def reason_(self) -> str:
        """What was chosen and why, in a sentence."""
        return self.report().reason

    @property
    def _model(self) -> ClassModel:
        return self.choice_.best.candidate.model

    def _checked(self, X: Any) -> Rows:
        check_is_fitted(self)
        rows = check_numbers(X)
        with naming_columns(X):
            values = validate_data(self, rows, dtype=np.float64, order="C", ensure_all_finite=False, reset=False)
        require_finite(values, X)
        return np.asarray(values)

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        check_classifier(self)
        if y is None:
            raise ValueError(
                "requires y to be passed, but the target y is None: give a class for each row, or -1 for none"
            )
        rows = check_numbers(X)
        with naming_columns(X):
            values = validate_data(self, rows, dtype=np.float64, order="C", ensure_all_finite=False)
        require_finite(values, X)
        labels = class_labels(y, len(values))
        names = getattr(self, "feature_names_in_", None)
        names = None if names is None else tuple(map(str, names))
        weighted = WeightedRows(values, check_sample_weight(sample_weight, len(values)), names)
        held = np.flatnonzero(weighted.explicit_weights > 0)
        data, columns = _prepared(weighted.take(held), labels.take(held), self._priors(labels))
        seed = int(check_random_state(self.random_state).randint(2**31))
        calibrates = None if isinstance(self.calibrate, str) else bool(self.calibrate)
        with one_blas_thread():
            try:
                choice = choose(data, self._asked(labels, data.rows.n_features, seed), calibrates=calibrates)
            except FitFailedError as error:
                raise ValueError(
                    f"no model could be fitted: {error}; use fewer components or a simpler covariance_type"
                ) from error
        if columns is not None:
            warn(columns.warning(names, values.shape), stacklevel=4)
        self.choice_ = choice
        self.classifier_ = _classifier_of(choice, columns, labels, names)

    def _priors(self, labels: ClassLabels) -> FloatArray | None:
        if self.priors is None:
            return None
        given = each_class(self.priors, labels, "priors") if isinstance(self.priors, Mapping) else self.priors
        priors = as_numbers(given, "priors")
        if priors.shape != (labels.n_classes,) or not (priors > 0).all() or not abs(priors.sum() - 1) < 1e-6:
            raise ValueError(
                f"priors must be {labels.n_classes} positive numbers with sum one, in the order of the classes "
                f"{labels.classes.tolist()}; got {self.priors!r}"
            )
        return priors / priors.sum()

    def _asked(self, labels: ClassLabels, n_features: int, seed: int) -> Asked:
        sizes = types = None
        if not is_auto(self.n_components):
            sizes = tuple(map(int, each_class(self.n_components, labels, "n_components")))
        if not is_auto(self.covariance_type):
            types = tuple(each_class(self.covariance_type, labels, "covariance_type"))
        shared = None if isinstance(self.shared_covariance, str) else bool(self.shared_covariance)
        if shared and types is not None and len(set(types)) > 1:
            raise ValueError("shared_covariance=True needs the same covariance_type for all classes")
        shrinkage = None if isinstance(self.shrinkage, str) else float(self.shrinkage)
        weight = None if isinstance(self.unlabeled_weight, str) else float(self.unlabeled_weight)
        return Asked(sizes, types, shared, shrinkage, weight, self.selection == "bic", seed, self.n_jobs)


def _prepared(
    rows: WeightedRows, labels: ClassLabels, priors: FloatArray | None
) -> tuple[ClassRows, ColumnReduction | None]:
    """Return rows without redundant columns, each class with a row of positive weight."""
    data = ClassRows(rows, labels, priors)
    empty = np.flatnonzero(data.class_weights == 0)
    if empty.size:
        raise ValueError(
            f"class {labels.classes.tolist()[empty[0]]!r} has no row of positive weight that is known to be its own"
        )
    columns = ColumnReduction.of(rows, "full")
    kept = rows if columns is None else rows.with_values(np.ascontiguousarray(columns.reduce(rows.values)))
    return ClassRows(kept, labels, priors), columns


def _classifier_of(
    choice: Choice, columns: ColumnReduction | None, labels: ClassLabels, names: tuple[str, ...] | None
) -> MixtureClassifier:
    fit: ClassFit = choice.best.fit
    mixture = fit.mixture if columns is None else columns.lift(fit.mixture)
    owners: IntArray = choice.best.candidate.model.owners
    mixture = Mixture(mixture.weights, mixture.means, mixture.covariance, names)
    seen = None if columns is None else tuple(columns.kept.tolist())
    return MixtureClassifier(mixture, owners, labels.classes, choice.best.temperature, seen)
