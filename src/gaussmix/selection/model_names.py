"""Specifications and names of models, including names that denote the same model."""

from typing import Any, NamedTuple

from gaussmix.core.covariance import (
    COVARIANCES,
    MODELS,
    AbstractCovariance,
    Factor,
    covariance_class,
    display_name,
    factor_class_of_name,
)
from gaussmix.core.text import counted

ONE_COLUMN = ("E", "V")
"""Models of one column: equal or variable variances."""


class ModelSpec(NamedTuple):
    """Specification of a model.

    Attributes
    ----------
    n_components : int
        Number of components.
    covariance_type : str
        Name of the covariance model.
    """

    n_components: int
    covariance_type: str

    @property
    def structure(self) -> type[AbstractCovariance]:
        """Covariance structure of the model."""
        return covariance_class(self.covariance_type)

    @property
    def noise(self) -> bool:
        """Whether the model has uniform noise."""
        return isinstance(self, NoiseModelSpec)

    def with_noise(self) -> "ModelSpec":
        """Return the same model with uniform noise.

        Returns
        -------
        ModelSpec
            A tuple with a third entry, "noise".
        """
        return NoiseModelSpec(self.n_components, self.covariance_type)

    @property
    def family(self) -> str:
        """Family of the distributions: "gaussian", or "student" for t distributions."""
        return "student" if isinstance(self, StudentModelSpec) else "gaussian"

    def of_family(self, family: str) -> "ModelSpec":
        """Return the same model, without noise, of a family.

        Parameters
        ----------
        family : {"gaussian", "student"}
            Family of the distributions.

        Returns
        -------
        ModelSpec
            The model.
        """
        kind = StudentModelSpec if family == "student" else ModelSpec
        return kind(self.n_components, self.covariance_type)

    def without_noise(self) -> "ModelSpec":
        """Return the same model without noise.

        Returns
        -------
        ModelSpec
            A pair.
        """
        return ModelSpec(self.n_components, self.covariance_type)


class NoiseModelSpec(ModelSpec):
    """Specification of a model with uniform noise, the tuple (number of components, covariance type, "noise")."""

    __slots__ = ()

    def __new__(cls, n_components: int, covariance_type: str, noise: str = "noise") -> "NoiseModelSpec":
        return tuple.__new__(cls, (n_components, covariance_type, noise))

    def __repr__(self) -> str:
        return f"NoiseModelSpec(n_components={self.n_components!r}, covariance_type={self.covariance_type!r})"


class StudentModelSpec(ModelSpec):
    """Specification of a model of t distributions, the tuple (number of components, covariance type, "student")."""

    __slots__ = ()

    def __new__(cls, n_components: int, covariance_type: str, family: str = "student") -> "StudentModelSpec":
        return tuple.__new__(cls, (n_components, covariance_type, family))

    def __repr__(self) -> str:
        return f"StudentModelSpec(n_components={self.n_components!r}, covariance_type={self.covariance_type!r})"


def resolve(covariance_types: Any, n_features: int) -> tuple[str, ...]:
    """Return the names of distinct models, in the user's spelling.

    "all" and "sklearn" stand for their models, also in a list. In one dimension, a code is shortened to its first
    letter, and of several names of a model the first is kept.

    Raises
    ------
    ValueError
        If a name is unknown, or there is none.
    """
    listed = [covariance_types] if isinstance(covariance_types, str) else covariance_types
    try:
        given: tuple[Any, ...] = tuple(listed)
    except TypeError:
        given = (covariance_types,)
    groups = {"all": MODELS if n_features > 1 else ONE_COLUMN, "sklearn": COVARIANCES}
    names = [name for one in given for name in (groups[one] if isinstance(one, str) and one in groups else (one,))]
    chosen: dict[str, str] = {}
    for name in names:
        if factor_class_of_name(name) is not None:
            chosen.setdefault(code_of(name, n_features), name)
            continue
        if not isinstance(name, str) or name not in (*MODELS, *COVARIANCES, *ONE_COLUMN):
            raise ValueError(
                f'covariance_types must be "all", "sklearn", or some of {", ".join((*COVARIANCES, *MODELS))} '
                f"(in one dimension E, V) and factor; got {name!r}"
            )
        if name in ONE_COLUMN and n_features > 1:
            raise ValueError(
                f"covariance_types has {name!r}, a model of one column; X has {n_features}: "
                f"use three letters, such as {'EEE' if name == 'E' else 'VVV'!r}"
            )
        code = code_of(name, n_features)
        chosen.setdefault(code, name if name in COVARIANCES else code)
    if not chosen:
        raise ValueError("covariance_types is empty: give at least one model")
    return tuple(chosen.values())


def code_of(name: str, n_features: int) -> str:
    """Return mclust's three letters, or one letter in one dimension; models with the same code are equal."""
    structure = covariance_class(name)
    if issubclass(structure, Factor):
        return structure.name
    code = structure.letters
    return code[0] if n_features == 1 else code


def family_of(name: str, n_components: int, n_features: int) -> str:
    """Return a code that is the same for equal models; with one component, only three models differ."""
    code = code_of(name, n_features)
    if n_components > 1 or factor_class_of_name(name) is not None:
        return code
    return "X" if n_features == 1 else "XII" if code.endswith("II") else "XXI" if code.endswith("I") else "XXX"


def as_origin(spec: ModelSpec, n_features: int) -> str:
    """Describe a model as the origin of a start."""
    more = " with noise" if spec.noise else " of t distributions" if spec.family == "student" else ""
    return f"{counted(spec.n_components, 'component')} of {display_name(spec.covariance_type, n_features)}{more}"
