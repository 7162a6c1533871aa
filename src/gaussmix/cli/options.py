"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file written by `gaussmix fit -o`.")]
TablePath = Annotated[Path, typer.Argument(metavar="TABLE", help="A .csv, .parquet or .npy table.")]
Components = Annotated[int, typer.Option("--components", "-k", min=1, help="Number of components.")]


class CovarianceType(StrEnum):
    """The names of `gaussmix.core.covariance.COVARIANCES`."""

    FULL = "full"
    TIED = "tied"
    DIAG = "diag"
    SPHERICAL = "spherical"


class ModelName(StrEnum):
    """The names of `gaussmix.core.covariance.STRUCTURES` for more than one feature."""

    FULL = "full"
    TIED = "tied"
    DIAG = "diag"
    SPHERICAL = "spherical"
    EII = "EII"
    VII = "VII"
    EEI = "EEI"
    VEI = "VEI"
    EVI = "EVI"
    VVI = "VVI"
    EEE = "EEE"
    VEE = "VEE"
    EVE = "EVE"
    VVE = "VVE"
    EEV = "EEV"
    VEV = "VEV"
    EVV = "EVV"
    VVV = "VVV"


class Init(StrEnum):
    """The names of `gaussmix.fitting.initialization.METHODS`."""

    KMEANS = "kmeans"
    KMEANS_PLUS_PLUS = "k-means++"
    RANDOM = "random"
    RANDOM_FROM_DATA = "random_from_data"


CovarianceTypeOption = Annotated[CovarianceType, typer.Option(help="Covariance structure of the components.")]
ModelOption = Annotated[
    ModelName,
    typer.Option(
        "--covariance-type",
        metavar="full|tied|diag|spherical|EII|...|VVV",
        help="Covariance structure: a name, or three letters for volume, shape and orientation.",
    ),
]
Starts = Annotated[
    int | None,
    typer.Option(
        min=1, help="Number of starts; the fit of greatest likelihood is kept. If not given, a search uses 8."
    ),
]
TimeBudget = Annotated[
    float | None, typer.Option(min=0, metavar="SECONDS", help="Stop after this time, and keep the best model so far.")
]
RegCovar = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER|chen-tan|inverse-wishart",
        help="Number added to every variance, or name of a penalty; if not given, a very weak penalty.",
    ),
]
SeedOption = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Seed for the starts; the same seed gives the same model.")
]


def options_given(**options: Any) -> dict[str, Any]:
    """Return the options that were given; for the others the estimator has defaults."""
    return {name: value for name, value in options.items() if value is not None}


def number_or_name(text: str | None) -> float | str | None:
    """Return the text as a number if it is one."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
