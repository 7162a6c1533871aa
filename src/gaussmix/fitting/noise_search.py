"""The search for mixtures with noise: `Multistart` with starts and moves of the components beside the noise."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from gaussmix.core.background import Background
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray
from gaussmix.fitting.multistart import Multistart, Start
from gaussmix.fitting.noise_starts import proposals_beside_noise
from gaussmix.fitting.row_moves import propose_row_moves
from gaussmix.fitting.runs import Run
from gaussmix.fitting.split_merge import propose_moves, propose_refills, propose_swaps


@dataclass(eq=False)
class NoiseMultistart(Multistart):
    """State that all runs of a search for a mixture with noise share.

    Moves are those of the components, on the rows as far as they are not noise; the noise keeps its weight.

    Attributes
    ----------
    background : Background
        Noise of any weight.
    """

    background: Background = field(kw_only=True)

    def moves(self, run: Run) -> Iterator[Start]:
        moments = replace(run.fit.moments, background=None)
        return proposals_beside_noise(
            self.data,
            run.mixture,
            lambda data, alone: propose_moves(data, alone, moments, self.update.of_parts, run.soundness.unsound),
        )

    def swaps(self, run: Run, rng: np.random.Generator) -> Iterator[Start]:
        return proposals_beside_noise(self.data, run.mixture, lambda data, alone: propose_swaps(data, alone, rng))

    def row_moves(self, run: Run) -> Iterator[Start]:
        return proposals_beside_noise(self.data, run.mixture, propose_row_moves)

    def refills(self, run: Run, lost: BoolArray, rng: np.random.Generator) -> Iterator[Mixture]:
        return proposals_beside_noise(
            self.data, run.mixture, lambda data, alone: propose_refills(data, alone, self.update.of_parts, lost, rng)
        )
