"""Options shared by several commands."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

ModelPath = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Model file of `gaussmix fit`, `select`, `bayes` or `classify`.")
]
TablePath = Annotated[Path, typer.Argument(metavar="TABLE", help="A table: CSV, Parquet or .npy.")]

MemoryLimit = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Read larger tables in pieces, such as 500MB; half of the free memory if not given.",
    ),
]


def _number_of_components(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a number; the command `gaussmix select` chooses the number of components"
        ) from None
    if number < 1:
        raise typer.BadParameter(f"{number} is not at least 1")
    return number


Components = Annotated[
    int,
    typer.Option("--components", "-k", metavar="NUMBER", parser=_number_of_components, help="Number of components."),
]


class Family(StrEnum):
    """Families of distributions."""

    GAUSSIAN = "gaussian"
    STUDENT = "student"


class CovarianceType(StrEnum):
    """Names of `gaussmix.core.covariance.COVARIANCES`."""

    FULL = "full"
    TIED = "tied"
    DIAG = "diag"
    SPHERICAL = "spherical"


class ModelName(StrEnum):
    """Names of `gaussmix.core.covariance.STRUCTURES` for more than one feature."""

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


class FactorName(StrEnum):
    """Names of `gaussmix.core.covariance.FACTOR_TYPES`."""

    FACTOR = "factor"
    FACTOR_CCC = "factor-CCC"
    FACTOR_CCU = "factor-CCU"
    FACTOR_CUC = "factor-CUC"
    FACTOR_CUU = "factor-CUU"
    FACTOR_UCC = "factor-UCC"
    FACTOR_UCU = "factor-UCU"
    FACTOR_UUC = "factor-UUC"


class Init(StrEnum):
    """Names of `gaussmix.fitting.initialization.METHODS`."""

    KMEANS = "kmeans"
    KMEANS_PLUS_PLUS = "k-means++"
    RANDOM = "random"
    RANDOM_FROM_DATA = "random_from_data"


CovarianceTypeOption = Annotated[CovarianceType, typer.Option(help="Covariance structure of the components.")]
ModelOption = Annotated[
    ModelName,
    typer.Option(
        "--covariance-type",
        metavar="STRUCTURE",
        help="Covariance structure: full, tied, diag, spherical, or letters from EII to VVV.",
    ),
]


def _known_model(name: str) -> str:
    """Return the name of a structure; a usage error for others."""
    known = (*ModelName, *FactorName)
    if name not in known:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(str, known))}.")
    return name


AnyModelOption = Annotated[
    str,
    typer.Option(
        "--covariance-type",
        metavar="STRUCTURE",
        parser=_known_model,
        help="Covariance structure: full, tied, diag, spherical, letters from EII to VVV, or factor.",
    ),
]
FactorsOption = Annotated[
    int | None, typer.Option("--n-factors", min=1, help="Number of factors, for the structure factor.")
]
Truncation = Annotated[
    str | None,
    typer.Option(
        metavar="auto|NUMBER",
        help="For hundreds of components: compare each row with a few of them during the fit; auto finds how many.",
    ),
]
Starts = Annotated[
    int | None,
    typer.Option(
        min=1, help="Number of starts; the fit with the greatest likelihood is kept. If not given, a search of 8."
    ),
]
TimeBudget = Annotated[
    float | None, typer.Option(min=0, metavar="SECONDS", help="Stop after this time and keep the best model so far.")
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        dir_okay=False, help="Keep results in this file; if the command was killed, run it again and it goes on."
    ),
]
RegCovar = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER|NAME",
        help="Number added to every variance, or a penalty (chen-tan, inverse-wishart); default: a very weak penalty.",
    ),
]
FamilyOption = Annotated[
    Family, typer.Option("--family", help="gaussian, or student: t distributions, for heavy tails and outliers.")
]
NoiseFlag = Annotated[
    bool, typer.Option("--noise", metavar="", help="Add uniform noise for rows that belong to no component (label -1).")
]
Trim = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Leave out this share of the rows, those that fit worst. The model file has no record of which.",
    ),
]
MaxVarianceRatio = Annotated[
    float | None, typer.Option(metavar="RATIO", help="Bound on the greatest over the least variance of all components.")
]
SeedOption = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Seed for the starts; the same seed gives the same model.")
]


def flag(*names: str, **options: Any) -> Any:
    """Return an option without a value, whose help shows no type."""
    return typer.Option(*names, metavar="", **options)


HeaderFlag = Annotated[bool, flag("--header", help="The first line of a CSV file is a header although it is numbers.")]
NoHeaderFlag = Annotated[bool, flag("--no-header", help="The first line of a CSV file is a row, not a header.")]


def header_given(header: bool, no_header: bool) -> bool | None:
    """Return whether the user says that the first line is a header; None if nothing is said."""
    if header and no_header:
        raise ValueError("--header and --no-header exclude each other; omit one of them")
    return True if header else False if no_header else None


def options_given(**options: Any) -> dict[str, Any]:
    """Return the options that were given; the estimator has defaults for the others."""
    return {name: value for name, value in options.items() if value is not None}


def number_or_name(text: str | None) -> float | str | None:
    """Return the text as a number if it is one, else unchanged."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def integer_or_name(text: str | None) -> int | str | None:
    """Return the text as a whole number if it is one, else unchanged."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return text
