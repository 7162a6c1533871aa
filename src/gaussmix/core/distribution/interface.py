"""What the functions of a distribution read of a mixture."""

from typing import Protocol, Self

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.typing import ArrayLike, FloatArray
from gaussmix.core.whitened import WhitenedMixture


class MixtureInterface(Protocol):
    """Attributes and methods of `gaussmix.Mixture`, which imports these modules."""

    @property
    def weights(self) -> FloatArray: ...
    @property
    def means(self) -> FloatArray: ...
    @property
    def covariance(self) -> AbstractCovariance: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def feature_names(self) -> tuple[str, ...] | None: ...
    @property
    def n_components(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    def whitened(self) -> WhitenedMixture: ...
    def log_density(self, X: ArrayLike) -> FloatArray: ...
    def take(self, components: list[int]) -> Self: ...


def positive_components(mixture: MixtureInterface) -> list[int]:
    """Return the positions of the components of positive weight."""
    return [component for component, weight in enumerate(mixture.weights.tolist()) if weight > 0]
