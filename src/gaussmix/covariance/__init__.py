"""The shapes a component can have, by scikit-learn's names."""

from gaussmix.covariance.base import AbstractCovariance
from gaussmix.covariance.diagonal import Diagonal
from gaussmix.covariance.full import Full
from gaussmix.covariance.spherical import Spherical
from gaussmix.covariance.tied import Tied

COVARIANCES: dict[str, type[AbstractCovariance]] = {
    structure.name: structure for structure in (Full, Tied, Diagonal, Spherical)
}


def covariance_class(covariance_type: str) -> type[AbstractCovariance]:
    """The structure of that name; ValueError with the names there are."""
    try:
        return COVARIANCES[covariance_type]
    except (KeyError, TypeError):
        names = ", ".join(repr(name) for name in COVARIANCES)
        raise ValueError(f"covariance_type must be one of {names}, got {covariance_type!r}") from None


__all__ = ["COVARIANCES", "AbstractCovariance", "Diagonal", "Full", "Spherical", "Tied", "covariance_class"]
