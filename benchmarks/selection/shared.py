"""Parts shared by the scripts of this folder: modules of the parent folder, tables, and verdicts."""

import argparse
import csv
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from models import n_parameters

from gaussmix import Mixture
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.initialization import Membership, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood

sys.path.append(str(Path(__file__).resolve().parents[1]))

from judge import relative_eigenvalues
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from overlaps import find_scale
from real_tables import NOT_MEASURED

__all__ = [
    "describe_machine",
    "find_scale",
    "print_machine",
    "relative_eigenvalues",
    "warn_when_unfair",
    "write_results",
]

BIC_TABLE = "mclust_bic_all.csv"


def parser_for(text: str | None) -> argparse.ArgumentParser:
    """Return a parser with --quick."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller problems")
    return parser


def read_table(folder: Path, name: str) -> FloatArray:
    """Return the measured columns of ``folder/name.csv``."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    kept = [at for at, word in enumerate(header) if word not in NOT_MEASURED]
    return np.array([[float(line[at]) for at in kept] for line in lines])


@dataclass(frozen=True)
class Published:
    """Log-likelihoods (nats) of the cells that mclust fitted to one table from one of its agglomerations."""

    table: str
    hierarchy: str
    log_likelihoods: dict[tuple[str, int], float]
    n_refused: int
    k_max: int


def read_published(folder: Path) -> list[Published]:
    """Read the cells of the folder's table of BIC (mclust's sign: 2 log-likelihood - parameters log n)."""
    lines: dict[tuple[str, str], list[dict[str, str]]] = {}
    with (folder / BIC_TABLE).open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            lines.setdefault((line["dataset"], line["hc_use"]), []).append(line)
    found = []
    for (table, hierarchy), cells in lines.items():
        n, d = read_table(folder, table).shape
        values = {}
        for cell in cells:
            model, k = cell["model"], int(cell["G"])
            if cell["BIC"] not in ("", "NA"):
                values[model, k] = 0.5 * (float(cell["BIC"]) + n_parameters(model, d, k) * float(np.log(n)))
        most = max(int(cell["G"]) for cell in cells)
        found.append(Published(table, hierarchy, values, len(cells) - len(values), most))
    return found


def log_likelihood_of_one(rows: FloatArray) -> float:
    """Return the log-likelihood of one component with a full covariance, in closed form, in nats."""
    n, d = rows.shape
    covariance = np.atleast_2d(np.cov(rows.T, bias=True))
    return float(-0.5 * n * (np.linalg.slogdet(2 * np.pi * covariance)[1] + d))


def mixture_at(rows: FloatArray, shares: FloatArray, structure: type[AbstractCovariance]) -> Mixture:
    """Return the M-step of responsibilities (n, k), without a ridge or a prior."""
    shares = shares / shares.sum(axis=1, keepdims=True)
    membership = Membership(WeightedRows(rows), shares.shape[1], responsibilities=shares)
    return mixture_from_membership(membership, structure, MaximumLikelihood())


@dataclass
class Verdicts:
    """Comparison of figures with the claims."""

    missed: list[str] = field(default_factory=list)

    def check(self, name: str, figure: str, target: str, holds: bool) -> None:
        print(f"{name}: {figure} (target {target}){'' if holds else '  MISSED'}")
        if not holds:
            self.missed.append(name)

    def finish(self) -> int:
        """Return the exit status."""
        print("\nmissed: " + "; ".join(self.missed) if self.missed else "\nall targets met")
        return int(bool(self.missed))
