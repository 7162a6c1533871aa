"""EM compared with mclust's, cell by cell, from the same starts: the fourteen models with 1 to 9 components.

    python benchmarks/selection/live_mclust.py [--data FOLDER] [--quick]

Claim: from the same responsibilities, those of mclust's agglomeration, the log-likelihood of gaussmix is mclust's to
1e-6 or higher; it is the same for the parameters where mclust's EM ended, and EM rises from there; parameter counts are
equal.

Method: mclust's ``me`` runs until an iteration changes the log-likelihood by less than 1e-10 of it (``--tol``),
gaussmix until the remaining gain is less than 1e-9 nats, plainly for the first iterations and then accelerated; no
ridge, no prior. Both take the M-step of the same responsibilities first. Cells that mclust does not fit are left out,
and so are those where either ends in an unsound mixture (gaussmix.fitting.degeneracy): there the likelihood has no
maximum. Tables are simulated ones, and those in the folder.

A cell is ``equal`` to 1e-6, ``higher`` where mclust stopped early (EM from its end leads to the optimum of gaussmix),
``other optimum`` (higher, from the same start), or ``lower``. EVE and VVE are exempt from the first claim: their M-step
has several optima, mclust ends it before it converges, and the paths differ from the first iteration. Their cells are
counted.
"""

import argparse
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from models import CODES, n_parameters
from peers import r_versions, run_r
from shared import (
    BIC_TABLE,
    Verdicts,
    describe_machine,
    mixture_at,
    parser_for,
    print_machine,
    read_published,
    read_table,
    write_results,
)

from gaussmix import Mixture
from gaussmix.core.covariance import AbstractCovariance, covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.em import Fit, fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import RemainingGain

SAME = 1e-6  # nats
PLAIN, MOST = 3_000, 20_000  # iterations: acceleration may move between two optima that are close
TOP = RemainingGain(1e-9)
COMMON_AXES = ("EVE", "VVE")


@dataclass(frozen=True)
class Cell:
    """Model and number of components for one table, with log-likelihoods in nats."""

    table: str
    model: str
    k: int
    theirs: float
    ours: float
    at_their_end: float
    from_their_end: float
    parameters: tuple[int, int, int]
    sound: bool

    @property
    def kind(self) -> str:
        gain = self.ours - self.theirs
        if not self.sound:
            return "unsound"
        if gain < -SAME:
            return "lower"
        if gain <= SAME:
            return "equal"
        return "higher" if abs(self.ours - self.from_their_end) <= 10 * SAME else "other optimum"

    @property
    def counts_agree(self) -> bool:
        return len(set(self.parameters)) == 1

    @property
    def end_agrees(self) -> bool:
        """Whether gaussmix gives the same likelihood for mclust's parameters, and EM from there is not lower."""
        same = abs(self.at_their_end - self.theirs) <= SAME
        return not self.sound or (same and self.from_their_end >= self.theirs - SAME)

    def __str__(self) -> str:
        return (
            f"{self.table:16}{self.model:5}{self.k:3}{self.theirs:16.6f}{self.ours - self.theirs:+14.6f}"
            f"{self.at_their_end - self.theirs:+14.6f}{self.from_their_end - self.theirs:+14.6f}  {self.kind}"
        )


def run_em(engine: NativeEngine, start: Mixture) -> Fit:
    """Run EM from a mixture to its optimum."""
    update = MaximumLikelihood()
    plain = fit_em(engine, update, start, TOP, max_iter=PLAIN)
    if plain.stop.is_converged:
        return plain
    return fit_em(engine, update, plain.mixture, TOP, max_iter=MOST, accelerator=Accelerator(update), earlier=plain)


def is_sound(fit: Fit) -> bool:
    step = fit.last_step
    repaired = step is not None and bool(step.collapsed.any() or step.empty.any())
    return not repaired and examine(fit.mixture, fit.moments.counts, fit.moments.weight).n_unsound == 0


def read_mixture(path: Path, structure: type[AbstractCovariance], k: int, d: int) -> Mixture:
    """Return weights, means and dense covariances, one component after the other."""
    weights, means, dense = np.split(np.fromfile(path), [k, k + k * d])
    covariances = dense.reshape(k, d, d)
    if structure.form == "tied":
        covariances = covariances[0]
    elif structure.form == "diagonal":
        covariances = covariances.diagonal(axis1=1, axis2=2)
    elif structure.form == "spherical":
        covariances = covariances[:, 0, 0]
    return Mixture.from_parameters(weights, means.reshape(k, d), covariances, covariance_type=structure.name)


def compare(name: str, rows: FloatArray, k_max: int, tol: float) -> tuple[list[Cell], int, list[str]]:
    """Return the cells that mclust fitted, the number of those it did not fit, and those where gaussmix failed."""
    n, d = rows.shape
    engine = NativeEngine(rows)
    cells, refused, failed = [], 0, []
    with tempfile.TemporaryDirectory() as words:
        folder = Path(words)
        rows.tofile(folder / "rows")
        for line in run_r("live_mclust.R", folder, n, d, k_max, tol).splitlines():
            model, k_word, value, counted, counted_covariance, _ = line.split()
            if value == "NA":
                refused += 1
                continue
            k, structure = int(k_word), covariance_class(model)

            shares = np.fromfile(folder / f"z-{k}").reshape(k, n).T
            their_end = read_mixture(folder / f"end-{model}-{k}", structure, k, d)
            try:
                fit = run_em(engine, mixture_at(rows, shares, structure))
                on = run_em(engine, their_end)
            except (np.linalg.LinAlgError, FloatingPointError) as error:
                failed.append(f"{name} {model} {k}: {error!r}")
                continue
            own = k - 1 + k * d + int(counted_covariance)
            cells.append(
                Cell(
                    name,
                    model,
                    k,
                    float(value),
                    fit.moments.log_likelihood,
                    engine.accumulate(their_end.whitened()).log_likelihood,
                    on.moments.log_likelihood,
                    (fit.mixture.n_parameters, int(counted), own if d > 1 else n_parameters(model, d, k)),
                    is_sound(fit) and is_sound(on),
                )
            )
    return cells, refused, failed


def simulated(quick: bool) -> dict[str, FloatArray]:
    """Draw tables: clusters of different shapes, overlapping clusters, one column, no clusters."""
    rng = np.random.default_rng(1)
    sizes = ((300, 2, 3, 6.0), (200, 4, 4, 4.0), (400, 3, 5, 3.0), (250, 6, 3, 4.0), (300, 1, 3, 5.0), (200, 2, 1, 0.0))
    tables = {}
    for number, (n, d, k, distance) in enumerate(sizes[:2] if quick else sizes):
        tall = rng.standard_normal((k, d + 3, d))
        roots = np.linalg.cholesky(tall.transpose(0, 2, 1) @ tall / (d + 3))
        means = distance * rng.standard_normal((k, d)) / np.sqrt(d)
        labels = rng.integers(k, size=n)
        noise = rng.standard_normal((n, d))
        tables[f"drawn {number + 1}"] = means[labels] + np.einsum("nde,ne->nd", roots[labels], noise)
    return tables


def main() -> int:
    parser = parser_for(__doc__)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="of CSV files, with mclust_bic_all.csv")
    parser.add_argument("--tol", type=float, default=1e-10, help="mclust's, relative (1e-10)")
    parser.add_argument("--only", default="", metavar="NAME", help="tables with this in their name")
    options: argparse.Namespace = parser.parse_args()
    print(r_versions())
    tables = simulated(options.quick)
    if options.data is not None and (options.data / BIC_TABLE).exists():
        names = sorted({published.table for published in read_published(options.data)})
        tables |= {name: read_table(options.data, name) for name in (names[::4] if options.quick else names)}
    cells: list[Cell] = []
    refused = 0
    failures: list[str] = []
    began = time.perf_counter()
    print(f"{'':24}{'mclust, nats':>16}{'ours':>14}{'at its end':>14}{'from there':>14}")
    tables = {name: rows for name, rows in tables.items() if options.only in name}
    for name, rows in tables.items():
        found, without, failed = compare(name, rows, 5 if options.quick else 9, options.tol)
        cells, refused, failures = cells + found, refused + without, failures + failed
        for words in failed:
            print(f"FAILED: {words}")
        for cell in found:
            if cell.kind in ("lower", "other optimum") or not cell.end_agrees or not cell.counts_agree:
                print(cell, flush=True)
        print(f"{name}: {dict(Counter(cell.kind for cell in found))}, {without} not fitted by mclust", flush=True)

    kinds = Counter(cell.kind for cell in cells)
    judged = [cell for cell in cells if cell.sound]
    print(f"\n{len(cells)} cells of {len(tables)} tables: {dict(kinds)}; {refused} not fitted by mclust")
    print(f"{'':8}" + "".join(f"{kind:>14}" for kind in sorted(kinds)))
    for model in ("E", "V", *CODES):
        own = Counter(cell.kind for cell in cells if cell.model == model)
        if own:
            print(f"{model:8}" + "".join(f"{own[kind]:14d}" for kind in sorted(kinds)))
    verdicts = Verdicts()
    common = [cell for cell in judged if cell.model in COMMON_AXES]
    others = [cell for cell in judged if cell.model not in COMMON_AXES]
    low = sum(cell.kind == "lower" for cell in others)
    verdicts.check("same start, lower", f"{low} of {len(others)} cells without common axes", "0", low == 0)
    words = ", ".join(f"{sum(cell.kind == kind for cell in common)} {kind}" for kind in ("lower", "other optimum"))
    print(f"same start, common axes: {words} of {len(common)} cells")
    ends = sum(not cell.end_agrees for cell in judged)
    verdicts.check("at mclust's end, other or lower from there", f"{ends} of {len(judged)} cells", "0", ends == 0)
    verdicts.check("failed where mclust does not", f"{len(failures)} cells", "0", not failures)
    counts = sum(not cell.counts_agree for cell in cells)
    verdicts.check("other parameter counts", f"{counts} of {len(cells)} cells", "0", counts == 0)
    machine = describe_machine()
    print(f"\ntotal {time.perf_counter() - began:.0f} s")
    print_machine(machine)
    write_results(
        "selection-live-mclust" + "-quick" * options.quick,
        {"machine": machine, "cells": [vars(cell) | {"kind": cell.kind} for cell in cells], "missed": verdicts.missed},
    )
    return verdicts.finish()


if __name__ == "__main__":
    raise SystemExit(main())
