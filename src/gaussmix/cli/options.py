"""Options that several commands have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file that `gaussmix fit -o` wrote.")]
TablePath = Annotated[Path, typer.Argument(metavar="TABLE", help="A .csv, .parquet or .npy table.")]
Components = Annotated[int, typer.Option("--components", "-k", min=1, help="How many components.")]


class CovarianceType(StrEnum):
    """The names of `gaussmix.core.covariance.COVARIANCES`."""

    FULL = "full"
    TIED = "tied"
    DIAG = "diag"
    SPHERICAL = "spherical"


class ModelName(StrEnum):
    """Those, and the letters of `gaussmix.core.covariance.MODELS`."""

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


CovarianceTypeOption = Annotated[CovarianceType, typer.Option(help="The shape of the components.")]
ModelOption = Annotated[
    ModelName,
    typer.Option(
        "--covariance-type",
        metavar="full|tied|diag|spherical|EII|...|VVV",
        help="The shape of the components: a name, or three letters for volume, shape and orientation.",
    ),
]
Starts = Annotated[
    int | None,
    typer.Option(min=1, help="Starts; the one that leads to the greatest likelihood is kept. A search has 8."),
]
TimeBudget = Annotated[
    float | None, typer.Option(min=0, metavar="SECONDS", help="Take the best model there is after so long.")
]
RegCovar = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER|chen-tan|inverse-wishart",
        help="Added to every variance, or a penalty by name; if not given, one too weak to be seen.",
    ),
]
SeedOption = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="For the starts: the same seed, the same model.")]


def given(**options: Any) -> dict[str, Any]:
    """Those that were typed: for the others the estimator decides."""
    return {name: value for name, value in options.items() if value is not None}


def number_or_name(text: str | None) -> float | str | None:
    """What ``RegCovar`` says."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
