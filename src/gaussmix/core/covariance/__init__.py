"""Covariance structures, by the names of scikit-learn and the letters of mclust."""

from collections.abc import Iterable
from typing import Any

from gaussmix.core.covariance.axis_parallel import EEI, EII, EVI, VEI
from gaussmix.core.covariance.base import AbstractCovariance
from gaussmix.core.covariance.constrained import AbstractConstrained
from gaussmix.core.covariance.diagonal import Diagonal
from gaussmix.core.covariance.factor import FACTOR_LETTERS, Factor, factor_class_of_name, refuse_factors
from gaussmix.core.covariance.full import Full
from gaussmix.core.covariance.oriented import EEV, EVE, EVV, VEE, VEV, VVE
from gaussmix.core.covariance.spherical import Spherical
from gaussmix.core.covariance.tied import Tied
from gaussmix.core.typing import Form


def by_name(structures: Iterable[tuple[str, type[AbstractCovariance]]]) -> dict[str, type[AbstractCovariance]]:
    """Return structures by their names.

    Parameters
    ----------
    structures : iterable of (str, subclass of AbstractCovariance)
        Names and classes; a class may have several names.

    Returns
    -------
    dict
        In the same order.

    Raises
    ------
    ValueError
        If two classes have the same name.
    """
    named: dict[str, type[AbstractCovariance]] = {}
    for name, structure in structures:
        if named.setdefault(name, structure) is not structure:
            raise ValueError(
                f"{named[name].__name__} and {structure.__name__} are both called {name!r}: give one another name"
            )
    return named


COVARIANCES: dict[str, type[AbstractCovariance]] = by_name(
    (structure.name, structure) for structure in (Full, Tied, Diagonal, Spherical)
)
"""The four structures of scikit-learn, one of each form."""

MODELS: dict[str, type[AbstractCovariance]] = by_name(
    (structure.letters, structure)
    for structure in (EII, Spherical, EEI, VEI, EVI, Diagonal, Tied, VEE, EVE, VVE, EEV, VEV, EVV, Full)
)
"""The fourteen structures of mclust, from the fewest parameters to the most.

Each has a compiled M-step, found by its letters.
"""

STRUCTURES: dict[str, type[AbstractCovariance]] = by_name(
    [*COVARIANCES.items(), *MODELS.items(), ("E", EII), ("V", Spherical)]
)
"""All structures by all their names; "E" and "V" are mclust's names for one feature and mean EII and VII."""


FACTOR_TYPES = ("factor", *(f"factor-{letters}" for letters in FACTOR_LETTERS))
"""Names of structures with factors, without their number."""


def covariance_class(covariance_type: str) -> type[AbstractCovariance]:
    """Return the covariance structure of a name.

    Parameters
    ----------
    covariance_type : str
        A key of `STRUCTURES`, or the name of a factor structure with its number of factors, such as "factor(2)".

    Returns
    -------
    subclass of AbstractCovariance
        The structure.

    Raises
    ------
    ValueError
        If there is no such name; the message lists all names.
    """
    if isinstance(covariance_type, str) and covariance_type in STRUCTURES:
        return STRUCTURES[covariance_type]
    factor = factor_class_of_name(covariance_type)
    if factor is None:
        names = ", ".join(map(repr, STRUCTURES))
        if isinstance(covariance_type, str) and covariance_type in FACTOR_TYPES:
            raise ValueError(
                f'covariance_type={covariance_type!r} needs its number of factors here: "{covariance_type}(2)"'
            ) from None
        raise ValueError(
            f'covariance_type must be one of {names}, or "factor" with a number of factors, such as "factor(2)", '
            f"got {covariance_type!r}"
        )
    return factor


def refuse_factor_type(covariance_type: Any, purpose: str) -> None:
    """Refuse names of structures that have factors, with or without their number, as `refuse_factors` does."""
    if isinstance(covariance_type, str) and covariance_type.partition("(")[0] in FACTOR_TYPES:
        raise ValueError(f'{purpose} is not defined for factor covariances: use covariance_type="full"')


def display_name(covariance_type: str, n_features: int) -> str:
    """Return the name of a structure in texts: scikit-learn's name with mclust's letters, if it has both.

    Parameters
    ----------
    covariance_type : str
        A key of `STRUCTURES`.
    n_features : int
        Number of features; for one feature there are two structures, "tied (E)" and "full (V)".

    Returns
    -------
    str
        Such as "tied (EEE)", "full (VVV)" or "VEV", for any of the names of the structure.
    """
    structure = covariance_class(covariance_type)
    if issubclass(structure, Factor):
        return structure.name
    if n_features == 1 and is_model(structure):
        return "tied (E)" if structure.letters[0] == "E" else "full (V)"
    return structure.name if structure.name == structure.letters else f"{structure.name} ({structure.letters})"


def is_model(structure: type[AbstractCovariance]) -> bool:
    """Return whether a structure is one of `MODELS`.

    Parameters
    ----------
    structure : subclass of AbstractCovariance
        Any structure.

    Returns
    -------
    bool
        False for another class with the same letters.
    """
    return MODELS.get(structure.letters) is structure


def structure_of(form: Form) -> type[AbstractCovariance]:
    """Return the least restricted structure of a form.

    Parameters
    ----------
    form : {"full", "tied", "diagonal", "spherical", "factor"}
        Form of the factors; covariances of factors are promoted to full ones.

    Returns
    -------
    subclass of AbstractCovariance
        One of the four structures of scikit-learn.
    """
    if form == "factor":
        return Full
    return next(structure for structure in COVARIANCES.values() if structure.form == form)


__all__ = [
    "COVARIANCES",
    "FACTOR_LETTERS",
    "FACTOR_TYPES",
    "MODELS",
    "STRUCTURES",
    "AbstractConstrained",
    "AbstractCovariance",
    "Diagonal",
    "Factor",
    "Full",
    "Spherical",
    "Tied",
    "by_name",
    "covariance_class",
    "factor_class_of_name",
    "is_model",
    "refuse_factors",
    "structure_of",
]
