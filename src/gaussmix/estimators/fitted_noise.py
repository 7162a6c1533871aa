"""Attributes of estimators that may have uniform noise."""

import math

from gaussmix.core.mixture import Mixture


class FittedNoiseMixin:
    """Weight and volume of the noise; a subclass has ``mixture_``."""

    mixture_: Mixture

    @property
    def noise_weight_(self) -> float:
        """Weight of the noise; 0 without noise."""
        background = self.mixture_.background
        return 0.0 if background is None else background.weight

    @property
    def noise_volume_(self) -> float:
        """Volume of the noise, in the units of the columns; NaN without noise."""
        background = self.mixture_.background
        return math.nan if background is None else background.volume
