"""Gaussian mixture models: fast, exact, and hard to break.

`GaussianMixture` takes the place of scikit-learn's; `Mixture` is a model with known numbers; `load` reads a saved one.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from gaussmix.errors import (
    DegenerateComponentWarning,
    DegenerateDataWarning,
    DoubtfulModelWarning,
    MissingDependencyError,
    ModelFileError,
)
from gaussmix.mixture import Mixture

if TYPE_CHECKING:
    from gaussmix.drift import compare_mixtures
    from gaussmix.estimators import GaussianMixture
    from gaussmix.merging import merge_components
    from gaussmix.selection import GaussianMixtureIC
    from gaussmix.versions import show_versions

__version__ = version("gaussmix")

load = Mixture.load

__all__ = [
    "DegenerateComponentWarning",
    "DegenerateDataWarning",
    "DoubtfulModelWarning",
    "GaussianMixture",
    "GaussianMixtureIC",
    "MissingDependencyError",
    "Mixture",
    "ModelFileError",
    "__version__",
    "compare_mixtures",
    "load",
    "merge_components",
    "show_versions",
]

_LATER = {
    "GaussianMixture": "gaussmix.estimators",
    "GaussianMixtureIC": "gaussmix.selection",
    "compare_mixtures": "gaussmix.drift",
    "merge_components": "gaussmix.merging",
    "show_versions": "gaussmix.versions",
}


def __getattr__(name: str) -> Any:
    """Some names are imported when they are first asked for: scikit-learn takes a second to import."""
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'gaussmix' has no attribute {name!r}")
