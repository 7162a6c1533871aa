"""Local optima of models, and what a search of a model starts from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import gaussmix.core._native as _native
from gaussmix.core.cached_values import cached_property
from gaussmix.core.mixture import Mixture
from gaussmix.selection.model_names import ModelSpec, as_origin

SAME = 1e-2
"""Nats: closer optima count as equal."""
TOLERANCE = 1e-3
"""Nats by which the log-likelihood of a model may be below that of a special case."""


class Point(Protocol):
    """Parameters at which a search has ended."""

    @property
    def spec(self) -> ModelSpec:
        """The model."""

    @property
    def n_features(self) -> int:
        """The number of features."""

    @property
    def mixture(self) -> Mixture:
        """The parameters as a mixture."""

    @property
    def compiled(self) -> _native.Optimum:
        """The parameters as compiled searches read them."""


@dataclass(frozen=True, eq=False)
class LocalOptimum:
    """Local optimum on the rows of the search.

    Attributes
    ----------
    point : Point
        Parameters at the optimum.
    objective, log_likelihood : float
        Log-likelihood with and without the log prior, in nats.
    is_sound : bool
        Whether no component is unsound.
    origin : str
        Start that led to the optimum.
    """

    point: Point
    objective: float
    log_likelihood: float
    is_sound: bool
    origin: str

    @property
    def name(self) -> str:
        """The model as the origin of a start."""
        return as_origin(self.point.spec, self.point.n_features)

    @cached_property
    def mixture(self) -> Mixture:
        """The parameters."""
        return self.point.mixture


@dataclass(eq=False)
class LocalOptima:
    """Best optima of a model so far.

    Attributes
    ----------
    highest, highest_sound : LocalOptimum or None
        Best of all optima, and best of those without unsound components.
    seconds : float
        Time spent on the model, in seconds.
    """

    highest: LocalOptimum | None = None
    highest_sound: LocalOptimum | None = None
    seconds: float = 0.0

    @classmethod
    def of(cls, optimum: LocalOptimum) -> "LocalOptima":
        """Return the optima of a model with a single known optimum."""
        return cls(optimum, optimum if optimum.is_sound else None)

    def add(self, optimum: LocalOptimum) -> None:
        """Replace the best optima by a new one if it is more than 0.01 nats higher."""
        if self.highest is None or optimum.objective > self.highest.objective + SAME:
            self.highest = optimum
        if optimum.is_sound and (self.highest_sound is None or optimum.objective > self.highest_sound.objective + SAME):
            self.highest_sound = optimum

    @property
    def preferred(self) -> LocalOptimum | None:
        """The best sound optimum, or the best of all if none is sound."""
        return self.highest_sound or self.highest

    def is_sound_above(self, floor: float) -> bool:
        """Return whether a sound optimum has at least the log-likelihood ``floor``, in nats, up to `TOLERANCE`."""
        return self.highest_sound is not None and self.highest_sound.log_likelihood >= floor - TOLERANCE


@dataclass(frozen=True, eq=False)
class Request:
    """Model to search, and its starts.

    Attributes
    ----------
    spec : ModelSpec
        The model.
    optima : LocalOptima
        Its best optima so far: only better ones are of interest.
    same : sequence of LocalOptimum
        Optima of other models with as many components.
    fewer, more : LocalOptimum or None
        Optimum of the same structure with one component less, which is split, or one more, two of which are merged.
    uses_partitions : bool
        Whether to start from the partitions of the rows.
    share : float
        Share of a row that goes to its half when a component is split.
    """

    spec: ModelSpec
    optima: LocalOptima
    same: Sequence[LocalOptimum] = field(default=())
    fewer: LocalOptimum | None = None
    more: LocalOptimum | None = None
    uses_partitions: bool = False
    share: float = 1.0


class CellSearcher(Protocol):
    """Searches several models with the same number of components."""

    def search(self, requests: Sequence[Request], deadline: float) -> list[bool]:
        """Add better optima to those of the requests; return which models were searched before the deadline."""

    def known(self, spec: ModelSpec, mixture: Mixture, log_likelihood: float, *, is_sound: bool) -> LocalOptimum:
        """Return the optimum of a model that is not searched."""
