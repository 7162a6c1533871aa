"""The shapes a component can have, by scikit-learn's names and by mclust's letters."""

from gaussmix.core.covariance.axis_parallel import EEI, EII, EVI, VEI
from gaussmix.core.covariance.base import AbstractCovariance
from gaussmix.core.covariance.constrained import AbstractConstrained
from gaussmix.core.covariance.diagonal import Diagonal
from gaussmix.core.covariance.full import Full
from gaussmix.core.covariance.oriented import EEV, EVE, EVV, VEE, VEV, VVE
from gaussmix.core.covariance.spherical import Spherical
from gaussmix.core.covariance.tied import Tied
from gaussmix.core.typing import Form

COVARIANCES: dict[str, type[AbstractCovariance]] = {
    structure.name: structure for structure in (Full, Tied, Diagonal, Spherical)
}
"""scikit-learn's four, one of each form."""

MODELS: dict[str, type[AbstractCovariance]] = {
    structure.letters: structure
    for structure in (EII, Spherical, EEI, VEI, EVI, Diagonal, Tied, VEE, EVE, VVE, EEV, VEV, EVV, Full)
}
"""mclust's fourteen, from simple to rich."""

_NAMED: dict[str, type[AbstractCovariance]] = {**COVARIANCES, **MODELS, "E": EII, "V": Spherical}


def covariance_class(covariance_type: str) -> type[AbstractCovariance]:
    """The structure of that name or those letters.

    "E" and "V" are mclust's letters for one feature: EII and VII there.

    Parameters
    ----------
    covariance_type : str
        A word of scikit-learn's, or letters of mclust's.

    Returns
    -------
    subclass of AbstractCovariance
        The class.

    Raises
    ------
    ValueError
        With the names there are.
    """
    try:
        return _NAMED[covariance_type]
    except (KeyError, TypeError):
        names = ", ".join(repr(name) for name in (*COVARIANCES, *MODELS))
        raise ValueError(f"covariance_type must be one of {names}, got {covariance_type!r}") from None


def free_of(structure: type[AbstractCovariance]) -> type[AbstractCovariance]:
    """The structure without what components share; a tied one is itself.

    Parameters
    ----------
    structure : subclass of AbstractCovariance
        Any of them.

    Returns
    -------
    subclass of AbstractCovariance
        A structure whose components share nothing, or the tied one.
    """
    return structure.free if issubclass(structure, AbstractConstrained) else structure


def structure_of(form: Form) -> type[AbstractCovariance]:
    """The structure of a form that restricts nothing else.

    Parameters
    ----------
    form : {"full", "tied", "diagonal", "spherical"}
        The form of its factors.

    Returns
    -------
    subclass of AbstractCovariance
        One of scikit-learn's four.
    """
    return next(structure for structure in COVARIANCES.values() if structure.form == form)


__all__ = [
    "COVARIANCES",
    "MODELS",
    "AbstractConstrained",
    "AbstractCovariance",
    "Diagonal",
    "Full",
    "Spherical",
    "Tied",
    "covariance_class",
    "free_of",
    "structure_of",
]
