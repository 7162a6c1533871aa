"""What the user has chosen for the segmentation of a picture."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from gaussmix.estimators.parameter_checks import require_flag, require_integer, require_nonnegative
from gaussmix.imaging.images.colors import COLOR_SPACES

MOST_CLASSES = 20
"""Greatest number of classes in the page."""

PER_CLASS = 5
"""Components of a class of colors with hints, as in ``gaussmix segment``."""


@dataclass(frozen=True)
class Settings:
    """Settings of a segmentation.

    Attributes
    ----------
    n_components : int or "auto"
        Number of classes without hints.
    color_space : {"rgb", "gray", "lab"}
        Color space of pictures in color.
    smoothing : float or "auto"
        Interaction strength of neighboring pixels without hints.
    hint_smoothing : float
        The same with hints.
    use_hints : bool
        Whether hints determine the classes, if there are any.
    connected : bool
        With hints, whether a class is restricted to regions that touch one of its hints.
    """

    n_components: int | str = "auto"
    color_space: str = "rgb"
    smoothing: float | str = 1.0
    hint_smoothing: float = 15.0
    use_hints: bool = False
    connected: bool = False

    def __post_init__(self) -> None:
        if self.n_components != "auto":
            require_integer("n_components", self.n_components, 1)
            if int(self.n_components) > MOST_CLASSES:
                raise ValueError(f"n_components must be at most {MOST_CLASSES} here; got {self.n_components}")
        if self.color_space not in COLOR_SPACES:
            raise ValueError(f"color_space must be one of {COLOR_SPACES}; got {self.color_space!r}")
        if self.smoothing != "auto":
            require_nonnegative("smoothing", self.smoothing)
        require_nonnegative("hint_smoothing", self.hint_smoothing)
        for name in ("use_hints", "connected"):
            require_flag(name, getattr(self, name))

    @classmethod
    def of(cls, values: Any) -> Self:
        """Return the settings that the page sent.

        Raises
        ------
        ValueError
            If a name is unknown or a value is not valid.
        """
        if not isinstance(values, dict):
            raise ValueError("The settings must be an object")
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"There is no setting {sorted(unknown)[0]!r}")
        return cls(**values)

    def as_json(self) -> dict[str, Any]:
        """Return the settings as the page sends them."""
        return asdict(self)

    def parameters(self, *, n_hinted: int, in_color: bool) -> dict[str, Any]:
        """Return the parameters of `GaussianMixtureSegmenter`.

        Parameters
        ----------
        n_hinted : int
            Number of classes of the hints; 0 without hints.
        in_color : bool
            Whether the picture has three channels.

        Returns
        -------
        dict
            Parameters; those that are not given have the defaults of the segmenter.
        """
        given: dict[str, Any] = {"n_components": max(2, n_hinted) if n_hinted else self.n_components}
        if in_color and self.color_space != "rgb":
            given["color_space"] = self.color_space
        given["smoothing"] = self.hint_smoothing if n_hinted else self.smoothing
        if n_hinted and in_color:
            given["components_per_class"] = PER_CLASS
        if n_hinted and self.connected:
            given["connected"] = True
        return {**given, "random_state": 0}
