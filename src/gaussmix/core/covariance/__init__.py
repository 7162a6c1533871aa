"""Covariance structures, by the names of scikit-learn and the letters of mclust."""

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
"""The four structures of scikit-learn, one of each form."""

MODELS: dict[str, type[AbstractCovariance]] = {
    structure.letters: structure
    for structure in (EII, Spherical, EEI, VEI, EVI, Diagonal, Tied, VEE, EVE, VVE, EEV, VEV, EVV, Full)
}
"""The fourteen structures of mclust, from the fewest parameters to the most."""

_NAMED: dict[str, type[AbstractCovariance]] = {**COVARIANCES, **MODELS, "E": EII, "V": Spherical}


def covariance_class(covariance_type: str) -> type[AbstractCovariance]:
    """Return the covariance structure of a name.

    "E" and "V" are mclust's names for data with one feature; they mean EII and VII.

    Parameters
    ----------
    covariance_type : str
        A name of scikit-learn or the letters of mclust.

    Returns
    -------
    subclass of AbstractCovariance
        The structure.

    Raises
    ------
    ValueError
        If there is no such name; the message lists all names.
    """
    try:
        return _NAMED[covariance_type]
    except (KeyError, TypeError):
        names = ", ".join(repr(name) for name in (*COVARIANCES, *MODELS))
        raise ValueError(f"covariance_type must be one of {names}, got {covariance_type!r}") from None


def free_of(structure: type[AbstractCovariance]) -> type[AbstractCovariance]:
    """Return the structure without constraints across components; the tied structure is returned as it is.

    Parameters
    ----------
    structure : subclass of AbstractCovariance
        Any structure.

    Returns
    -------
    subclass of AbstractCovariance
        A structure whose components share no parameters, or the tied one.
    """
    return structure.free if issubclass(structure, AbstractConstrained) else structure


def structure_of(form: Form) -> type[AbstractCovariance]:
    """Return the least restricted structure of a form.

    Parameters
    ----------
    form : {"full", "tied", "diagonal", "spherical"}
        Form of the factors.

    Returns
    -------
    subclass of AbstractCovariance
        One of the four structures of scikit-learn.
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
