"""Result of fitting classes to images."""

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.errors import DegenerateComponentWarning
from gaussmix.core.typing import IntArray
from gaussmix.core.warning_values import warn
from gaussmix.imaging.random_field.classes import Classes


@dataclass(frozen=True, eq=False)
class SegmentationFit:
    """Classes fitted to images.

    Attributes
    ----------
    classes : Classes
        The fitted classes.
    smoothing : float
        Interaction strength of neighboring pixels.
    free_energies : tuple of float
        Free energy after each iteration if the smoothing is given; else empty.
    warnings : tuple of Warning
        Warnings to issue; their component numbers are class numbers.
    contrast : float or None
        `contrast_scale` of the images; None: weights do not depend on color, or each image has its own scale.
    seeded : bool
        Whether the images had seeds.
    """

    classes: Classes
    smoothing: float
    free_energies: tuple[float, ...] = ()
    warnings: tuple[Warning, ...] = ()
    contrast: float | None = None
    seeded: bool = False

    def warn(self, stacklevel: int) -> None:
        """Issue the warnings; ``stacklevel`` is that of ``warnings.warn`` for the caller."""
        for warning in self.warnings:
            warn(warning, stacklevel + 1)

    def reordered(self, order: IntArray) -> "SegmentationFit":
        """Return the fit with the classes, and the components in warnings, in another order."""
        rank = np.argsort(order)
        warnings = tuple(
            DegenerateComponentWarning(sorted(rank[list(warning.components)]), warning.trouble, "Class")
            if isinstance(warning, DegenerateComponentWarning)
            else warning
            for warning in self.warnings
        )
        return replace(self, classes=self.classes.reordered(order), warnings=warnings)
