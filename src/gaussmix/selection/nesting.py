"""Nesting of the fourteen covariance models.

A model is a special case of another if each of its letters is equal to that of the other or more restrictive: I
(identity) is a special case of E (equal), and E of V (variable).
"""

from collections.abc import Iterable
from functools import cache

from gaussmix.core.covariance import MODELS, AbstractCovariance

_ORDER = "IEV"


@cache
def is_submodel(simple: type[AbstractCovariance], rich: type[AbstractCovariance]) -> bool:
    """Return whether the simple structure is a special case of the rich one, or the same."""
    return all(_ORDER.index(a) <= _ORDER.index(b) for a, b in zip(simple.letters, rich.letters, strict=True))


def from_simple_to_rich(structures: Iterable[type[AbstractCovariance]]) -> list[type[AbstractCovariance]]:
    """Return the structures sorted so that special cases come first."""
    order = list(MODELS)
    return sorted(structures, key=lambda structure: order.index(structure.letters))


def nearest_submodels(
    structure: type[AbstractCovariance], among: Iterable[type[AbstractCovariance]]
) -> list[type[AbstractCovariance]]:
    """Return the special cases of a structure that are not special cases of another of them."""
    below = [other for other in among if other is not structure and is_submodel(other, structure)]
    return [one for one in below if not any(one is not other and is_submodel(one, other) for other in below)]
