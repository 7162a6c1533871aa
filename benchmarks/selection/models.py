"""Parameter counts and nesting of the fourteen models as in mclust, written independently of the package.

A code has a letter for volume, shape and orientation of the components: E equal, V variable, I identity.
"""

from itertools import product

CODES = ("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV")
SINGLE = ("E", "V")
"""Of one column."""

_ORDER = "IEV"


def models_of(n_features: int) -> tuple[str, ...]:
    return SINGLE if n_features == 1 else CODES


def n_parameters(model: str, d: int, k: int) -> int:
    """Count weights, means and covariances: Celeux and Govaert, Pattern Recognition 28 (1995), 781-793, table 1."""
    if model in SINGLE:
        return k - 1 + k + (1 if model == "E" else k)
    volume, shape, orientation = model
    free = 1 if volume == "E" else k
    free += {"I": 0, "E": d - 1, "V": k * (d - 1)}[shape]
    free += {"I": 0, "E": d * (d - 1) // 2, "V": k * d * (d - 1) // 2}[orientation]
    return k - 1 + k * d + free


def is_submodel(model: str, richer: str) -> bool:
    """Return whether the first model is a proper special case of the second."""
    pairs = zip(model, richer, strict=True)
    return model != richer and all(_ORDER.index(one) <= _ORDER.index(other) for one, other in pairs)


def nested_pairs(models: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return all pairs (model, richer model)."""
    return [(one, other) for one, other in product(models, repeat=2) if is_submodel(one, other)]
