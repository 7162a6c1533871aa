"""Random rows of a mixture."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.core.background import NOISE
from gaussmix.core.byte_sizes import bytes_shown, free_memory
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.student import draw_scales
from gaussmix.core.typing import FloatArray, IntArray, Seed
from gaussmix.core.validation import as_generator

if TYPE_CHECKING:
    from gaussmix.core.mixture import Mixture


@underflow_to_zero
def sample(
    self: "Mixture", n: int = 1, random_state: Seed = None, *, given: Mapping[int | str, float] | None = None
) -> tuple[FloatArray, IntArray]:
    """Draw rows, in random order.

    Parameters
    ----------
    n : int, default=1
        Number of rows.
    random_state : int, numpy Generator or RandomState, optional
        Source of random numbers. An int gives the same rows at every call; a generator advances.
    given : dict, optional
        Values by names or positions of features. All rows have them; the others are drawn from `conditional`.

    Returns
    -------
    rows : (n, d) array
        Independent draws.
    labels : (n,) array
        Component of each row; -1 for noise.

    Raises
    ------
    ValueError
        If ``n`` is less than 1, or if ``given`` is invalid.
    MemoryError
        If the rows need more memory than is free.
    """
    if given is not None:
        drawn, labels = self.conditional(given).sample(n, random_state)
        rows = np.empty((n, self.n_features))
        at, rows[:, at] = self.observation(given)
        rows[:, np.delete(np.arange(self.n_features), at)] = drawn
        return rows, labels
    if not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"Invalid value for 'n_samples': {n}. Draw at least one row.")
    _require_memory(int(n), self.n_features)
    rng = as_generator(random_state)
    noise = [] if self.background is None else [self.background.weight]
    labels = rng.choice(self.n_components + len(noise), size=n, p=np.append(self.weights, noise))
    rows = rng.standard_normal((n, self.n_features))
    for component in range(self.n_components):
        chosen = labels == component
        standard = rows[chosen]
        if self.degrees_of_freedom is not None:
            standard /= np.sqrt(draw_scales(self.degrees_of_freedom[component], len(standard), rng))[:, None]
        rows[chosen] = self.means[component] + self.covariance.color(standard, component)
    if self.background is not None:
        is_noise = labels == self.n_components
        rows[is_noise] = self.background.sample(int(is_noise.sum()), rng)
        labels[is_noise] = NOISE
    return rows, labels


def _require_memory(n: int, n_features: int) -> None:
    """Raise a MemoryError if rows and labels, and the numbers that choose these, do not fit into the free memory."""
    needed, free = 8.0 * n * (n_features + 2), free_memory()
    if free is not None and needed > free:
        raise MemoryError(
            f"{n:,} rows need {bytes_shown(needed)} of memory, and {bytes_shown(free)} are free: draw fewer at a time"
        )
