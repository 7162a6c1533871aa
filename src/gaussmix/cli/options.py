"""Options that several commands have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file that `gaussmix fit -o` wrote.")]
TablePath = Annotated[Path, typer.Argument(metavar="TABLE", help="A .csv, .parquet or .npy table.")]
Components = Annotated[int, typer.Option("--components", "-k", min=1, help="How many components.")]


class CovarianceType(StrEnum):
    """The names of `gaussmix.covariance.COVARIANCES`."""

    FULL = "full"
    TIED = "tied"
    DIAG = "diag"
    SPHERICAL = "spherical"


class Init(StrEnum):
    """The names of `gaussmix.initial.METHODS`."""

    KMEANS = "kmeans"
    KMEANS_PLUS_PLUS = "k-means++"
    RANDOM = "random"
    RANDOM_FROM_DATA = "random_from_data"


CovarianceTypeOption = Annotated[CovarianceType, typer.Option(help="The shape of the components.")]
Starts = Annotated[int, typer.Option(min=1, help="Starts; the one with the greatest likelihood is kept.")]
SeedOption = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="For the starts: the same seed, the same model.")]
