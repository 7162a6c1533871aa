"""Units of length in files."""

import math
from collections.abc import Mapping

_METERS = {
    "pm": 1e-12, "picometer": 1e-12, "Å": 1e-10, "angstrom": 1e-10, "nm": 1e-9, "nanometer": 1e-9, "µm": 1e-6,
    "um": 1e-6, "micron": 1e-6, "microns": 1e-6, "micrometer": 1e-6, "mm": 1e-3, "millimeter": 1e-3, "cm": 1e-2,
    "centimeter": 1e-2, "dm": 1e-1, "decimeter": 1e-1, "m": 1.0, "meter": 1.0, "km": 1e3, "kilometer": 1e3,
    "in": 0.0254, "inch": 0.0254, "inches": 0.0254, "thou": 2.54e-5, "li": 2.54e-3 / 12, "ft": 0.3048, "foot": 0.3048,
    "yard": 0.9144, "pt": 0.0254 / 72,
}  # fmt: skip


def in_one_unit(sizes: Mapping[str, float], units: Mapping[str, str], unit: str) -> dict[str, float]:
    """Return sizes in one unit.

    Parameters
    ----------
    sizes : mapping of str to float
        A size for each axis.
    units : mapping of str to str
        The unit of each size.
    unit : str
        The unit of the result.

    Returns
    -------
    dict of str to float
        Sizes that are not positive, or in units of no known ratio, are left out.
    """
    converted = {axis: size * _ratio(units[axis], unit) for axis, size in sizes.items()}
    return {axis: size for axis, size in converted.items() if 0 < size < math.inf}


def _ratio(unit: str, other: str) -> float:
    """Return a unit divided by another; NaN if that is not known."""
    names = [name.strip().replace("\\u00B5", "µ").replace("μ", "µ") for name in (unit, other)]
    if names[0] == names[1]:
        return 1.0
    return _METERS.get(names[0], math.nan) / _METERS.get(names[1], math.nan)
