"""Gaussian mixture models.

`GaussianMixture` replaces scikit-learn's; `Mixture` is a model with known parameters; `load` reads a saved model.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from gaussmix.core.errors import (
    CheckpointError,
    DegenerateComponentWarning,
    DegenerateDataWarning,
    DoubtfulModelWarning,
    FlatLikelihoodWarning,
    MissingDependencyError,
    ModelFileError,
)
from gaussmix.core.mixture import Mixture
from gaussmix.core.stored_moments import StoredMoments

if TYPE_CHECKING:
    from gaussmix.classification import MixtureClassifier
    from gaussmix.components.matching import align, match_components, order_components
    from gaussmix.components.merging import merge_components
    from gaussmix.components.mixture_comparison import compare_mixtures
    from gaussmix.components.projection import discriminant_directions, random_projection
    from gaussmix.core.environment import show_versions
    from gaussmix.diagnostics.description import describe
    from gaussmix.diagnostics.em_trace import trace_em
    from gaussmix.estimators import (
        BayesianGaussianMixture,
        GaussianMixture,
        GaussianMixtureClassifier,
        GaussianMixtureIC,
        GaussianMixtureImputer,
        GaussianMixtureOutlierDetector,
        GaussianMixtureRegressor,
        StudentMixture,
    )
    from gaussmix.fitting.adaptation import adapt, adapt_groups
    from gaussmix.fitting.agglomeration_tree import agglomerate
    from gaussmix.fitting.normal_inverse_wishart import NormalInverseWishart
    from gaussmix.inference import (
        bootstrap,
        choose_n_components,
        cross_validated_log_likelihood,
        likelihood_ratio_test,
        stability,
        standard_errors,
    )
    from gaussmix.tables import open_rows

__version__ = version("gaussmix")

load = Mixture.load

__all__ = [
    "BayesianGaussianMixture",
    "CheckpointError",
    "DegenerateComponentWarning",
    "DegenerateDataWarning",
    "DoubtfulModelWarning",
    "FlatLikelihoodWarning",
    "GaussianMixture",
    "GaussianMixtureClassifier",
    "GaussianMixtureIC",
    "GaussianMixtureImputer",
    "GaussianMixtureOutlierDetector",
    "GaussianMixtureRegressor",
    "MissingDependencyError",
    "Mixture",
    "MixtureClassifier",
    "ModelFileError",
    "NormalInverseWishart",
    "StoredMoments",
    "StudentMixture",
    "__version__",
    "adapt",
    "adapt_groups",
    "agglomerate",
    "align",
    "bootstrap",
    "choose_n_components",
    "compare_mixtures",
    "cross_validated_log_likelihood",
    "describe",
    "discriminant_directions",
    "likelihood_ratio_test",
    "load",
    "match_components",
    "merge_components",
    "open_rows",
    "order_components",
    "random_projection",
    "show_versions",
    "stability",
    "standard_errors",
    "trace_em",
]

_LATER = {
    "BayesianGaussianMixture": "gaussmix.estimators",
    "GaussianMixture": "gaussmix.estimators",
    "GaussianMixtureClassifier": "gaussmix.estimators",
    "GaussianMixtureIC": "gaussmix.estimators",
    "GaussianMixtureImputer": "gaussmix.estimators",
    "GaussianMixtureOutlierDetector": "gaussmix.estimators",
    "GaussianMixtureRegressor": "gaussmix.estimators",
    "StudentMixture": "gaussmix.estimators",
    "MixtureClassifier": "gaussmix.classification",
    "NormalInverseWishart": "gaussmix.fitting.normal_inverse_wishart",
    "compare_mixtures": "gaussmix.components.mixture_comparison",
    "merge_components": "gaussmix.components.merging",
    "open_rows": "gaussmix.tables",
    "adapt": "gaussmix.fitting.adaptation",
    "adapt_groups": "gaussmix.fitting.adaptation",
    "agglomerate": "gaussmix.fitting.agglomeration_tree",
    "align": "gaussmix.components.matching",
    "bootstrap": "gaussmix.inference",
    "choose_n_components": "gaussmix.inference",
    "cross_validated_log_likelihood": "gaussmix.inference",
    "describe": "gaussmix.diagnostics.description",
    "discriminant_directions": "gaussmix.components.projection",
    "random_projection": "gaussmix.components.projection",
    "likelihood_ratio_test": "gaussmix.inference",
    "match_components": "gaussmix.components.matching",
    "order_components": "gaussmix.components.matching",
    "show_versions": "gaussmix.core.environment",
    "stability": "gaussmix.inference",
    "standard_errors": "gaussmix.inference",
    "trace_em": "gaussmix.diagnostics.em_trace",
}


def __getattr__(name: str) -> Any:
    """Import some names on first access, because the import of scikit-learn takes a second."""
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'gaussmix' has no attribute {name!r}")
