"""Measured tables of scikit-learn and of a folder of CSV files, with the models to fit to them."""

import csv
from functools import cache
from pathlib import Path

import numpy as np

from gaussmix.core.typing import FloatArray

FITS_OF_SKLEARN = (
    ("iris", "full", (3, 4)),
    ("iris", "tied", (3, 4, 5)),
    ("iris", "diag", (3, 5)),
    ("iris", "spherical", (3, 5, 8)),
    ("wine", "tied", (2, 3)),
    ("wine", "diag", (3, 4)),
    ("wine", "spherical", (3, 5)),
    ("wine 5", "full", (2, 3)),
    ("cancer 3", "full", (3, 4)),
    ("cancer 3", "diag", (3, 5)),
    ("digits 8", "full", (5, 10)),
    ("digits 8", "tied", (10,)),
    ("digits 8", "diag", (10,)),
    ("digits 8", "spherical", (10,)),
)
FITS_OF_FILES = (
    ("faithful", "full", (4,)),
    ("faithful", "spherical", (3, 4)),
    ("penguins4", "full", (3, 4)),
    ("penguins4", "tied", (3, 5)),
    ("olive", "tied", (5, 9)),
    ("olive", "full", (3,)),
    ("banknote", "diag", (3, 4)),
    ("crabs", "tied", (4,)),
    ("ruspini", "spherical", (4, 5)),
    ("ruspini", "full", (4,)),
    ("chevron", "full", (3, 4)),
    ("baudry_ex4.1", "full", (4, 6)),
    ("baudry_ex4.2", "full", (4,)),
    ("baudry_ex4.4.2", "diag", (4, 6)),
    ("GvHD_control", "full", (4,)),
    ("wreath", "spherical", (14,)),
)
NOT_MEASURED = ("class", "rownames", "region", "area")
REFERENCE = "em_converged_reference.csv"


@cache
def sklearn_table(name: str) -> FloatArray:
    """Return the rows of a table of scikit-learn; a number in the name is that of columns or principal components."""
    from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
    from sklearn.decomposition import PCA

    match name:
        case "iris":
            return np.asarray(load_iris().data)
        case "wine":
            return np.asarray(load_wine().data)
        case "wine 5":
            return np.asarray(load_wine().data)[:, [0, 6, 9, 10, 12]]
        case "cancer 3":
            return np.asarray(load_breast_cancer().data)[:, [21, 23, 24]]
        case "digits 8":
            return np.asarray(PCA(8, svd_solver="full").fit_transform(load_digits().data))
    raise ValueError(f"unknown table {name!r}")


@cache
def file_table(path: Path) -> FloatArray:
    """Return the measured columns of a CSV file with a header."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    kept = [at for at, name in enumerate(header) if name not in NOT_MEASURED]
    return np.array([[float(line[at]) for at in kept] for line in lines])


def reference_fits(folder: Path) -> list[tuple[str, str, int, float]]:
    """Return (table, structure, components, log-likelihood) of each reference value of the folder."""
    with (folder / REFERENCE).open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file)
        return [(line["dataset"], line["covariance_type"], int(line["K"]), float(line["loglik"])) for line in lines]
