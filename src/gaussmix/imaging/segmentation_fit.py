"""Result of fitting classes to images."""

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.errors import DegenerateComponentWarning
from gaussmix.core.typing import IntArray
from gaussmix.imaging.random_field.classes import Classes


@dataclass(frozen=True, eq=False)
class SegmentationFit:
    """Classes fitted to images.

    Attributes
    ----------
    classes : Classes
        The fitted classes.
    smoothing : float
        Weight of the neighbors.
    free_energies : tuple of float
        After each iteration with a given smoothing; empty otherwise.
    warnings : tuple of Warning
        Warnings to emit; their components are classes.
    contrast : float or None
        `contrast_scale` of the images; None: neighbors that differ count fully, or the scale is that of each image.
    seeded : bool
        Whether the images had seeds.
    """

    classes: Classes
    smoothing: float
    free_energies: tuple[float, ...] = ()
    warnings: tuple[Warning, ...] = ()
    contrast: float | None = None
    seeded: bool = False

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
