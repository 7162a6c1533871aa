"""Gaussian mixture models: fast, exact, and hard to break.

`GaussianMixture` takes the place of scikit-learn's; `Mixture` is a model with known numbers; `load` reads a saved one.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from gaussmix.errors import DegenerateComponentWarning, MissingDependencyError, ModelFileError
from gaussmix.mixture import Mixture

if TYPE_CHECKING:
    from gaussmix.estimators import GaussianMixture

__version__ = version("gaussmix")

load = Mixture.load

__all__ = [
    "DegenerateComponentWarning",
    "GaussianMixture",
    "MissingDependencyError",
    "Mixture",
    "ModelFileError",
    "__version__",
    "load",
]


def __getattr__(name: str) -> Any:
    """The estimator is imported when it is first asked for: scikit-learn takes a second to import."""
    if name == "GaussianMixture":
        return import_module("gaussmix.estimators").GaussianMixture
    raise AttributeError(f"module 'gaussmix' has no attribute {name!r}")
