"""Which covariance models are special cases of which: the lattice of mclust's fourteen.

A model is a special case of another when each of its letters asks for as much or more: a volume that is equal (E) is a
special case of one that varies (V); shapes and orientations may be missing too (I).
"""

from collections.abc import Iterable

from gaussmix.core.covariance import MODELS, AbstractCovariance

_ORDER = "IEV"


def is_submodel(simple: type[AbstractCovariance], rich: type[AbstractCovariance]) -> bool:
    """Whether every mixture of the simple structure is one of the rich structure; every structure is its own."""
    return all(_ORDER.index(a) <= _ORDER.index(b) for a, b in zip(simple.letters, rich.letters, strict=True))


def from_simple_to_rich(structures: Iterable[type[AbstractCovariance]]) -> list[type[AbstractCovariance]]:
    """Sorted so that no structure comes before a special case of it."""
    order = list(MODELS)
    return sorted(structures, key=lambda structure: order.index(structure.letters))


def nearest_submodels(
    structure: type[AbstractCovariance], among: Iterable[type[AbstractCovariance]]
) -> list[type[AbstractCovariance]]:
    """The special cases among those given that are not special cases of another special case."""
    below = [other for other in among if other is not structure and is_submodel(other, structure)]
    return [one for one in below if not any(one is not other and is_submodel(one, other) for other in below)]
