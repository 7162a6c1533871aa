"""Every cell of a search compared with mclust's published cell: log-likelihoods, parameter counts, nesting.

    python benchmarks/selection/tables.py --data FOLDER [--quick]

Claim: in at least 99.5 % of the cells (model and number of components) that mclust fitted and whose mixture is sound,
the log-likelihood of gaussmix is mclust's minus 1e-3 or more; parameter counts are equal; and no model scores below a
special case of it, neither a simpler model with the same number of components nor the same model with fewer.

Method: the folder has tables and ``mclust_bic_all.csv``, mclust's BIC from two agglomerations; the log-likelihood
follows from the BIC. A first check shows that both used the same rows and columns: for one component with a full
covariance the value is known in closed form. The cells of gaussmix come from one search of each table. Where R is
installed,

* cells below are fitted again by mclust, and its mixture is examined (gaussmix.fitting.degeneracy): an unsound one is
  not a useful optimum, and such cells are left out of the count;
* cells above whose mixture is unsound count as below where mclust's is sound, and are left out where it is not;
* cells above are computed again by SciPy from the parameters of gaussmix, and given to mclust: its EM, from the same
  responsibilities, should find as much, except for EVE and VVE, whose M-steps it ends early.

The lists show the number of unsound components, the rows of the smallest one, and the least eigenvalue relative to the
pooled covariance.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from models import models_of, n_parameters, nested_pairs
from ours import Searched, search
from peers import Mclust, find_r, r_versions
from scipy.special import logsumexp
from scipy.stats import Covariance, multivariate_normal
from shared import (
    Published,
    Verdicts,
    describe_machine,
    log_likelihood_of_one,
    mixture_at,
    parser_for,
    print_machine,
    read_published,
    read_table,
    relative_eigenvalues,
    write_results,
)

from gaussmix import Mixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.degeneracy import examine

SAME = 1e-3  # nats
SHARE = 0.995
KNOWN = 1e-6  # nats, of one component
Key = tuple[str, int]


@dataclass(frozen=True)
class State:
    """Soundness of a mixture."""

    unsound: int
    least_count: float
    least_eigenvalue: float

    @classmethod
    def of(cls, rows: FloatArray, mixture: Mixture) -> "State":
        moments = NativeEngine(rows).accumulate(mixture.whitened())
        unsound = examine(mixture, moments.counts, moments.weight).n_unsound
        return cls(unsound, float(moments.counts.min()), float(relative_eigenvalues(mixture).min()))

    def __str__(self) -> str:
        return f"{self.unsound} unsound, least count {self.least_count:.1f}, eigenvalue {self.least_eigenvalue:.1e}"


@dataclass
class Cell:
    """Cell that mclust fitted, with that of gaussmix; mixtures are examined only if necessary."""

    table: str
    hierarchy: str
    model: str
    k: int
    ours: float
    theirs: float
    our_state: State | None = None
    their_state: State | None = None
    computed: float = math.nan
    confirmed: float = math.nan

    @property
    def gain(self) -> float:
        return self.ours - self.theirs

    @property
    def is_below(self) -> bool:
        return not self.gain >= -SAME

    @property
    def is_above(self) -> bool:
        return self.gain > SAME

    @property
    def is_spurious(self) -> bool:
        """Whether it is above because of unsound components."""
        return self.is_above and self.our_state is not None and self.our_state.unsound > 0

    @property
    def is_left_out(self) -> bool:
        """Whether mclust's mixture is unsound."""
        return self.their_state is not None and self.their_state.unsound > 0

    @property
    def is_computed(self) -> bool:
        """Whether SciPy agrees with the value."""
        return abs(self.computed - self.ours) <= SAME

    @property
    def is_confirmed(self) -> bool:
        """Whether mclust's EM finds the same value."""
        return self.confirmed >= self.ours - SAME

    def __str__(self) -> str:
        words = (
            f"{self.table:16}{self.hierarchy:5}{self.model:4}{self.k:3}{self.ours:15.4f}{self.theirs:15.4f}"
            f"{self.gain:+12.4f}"
        )
        if self.our_state:
            words += f"  ours: {self.our_state}"
        if self.their_state:
            words += f"  mclust's: {self.their_state}"
        return words


def compare(rows: FloatArray, published: Published, searched: Searched) -> list[Cell]:
    return [
        Cell(
            published.table,
            published.hierarchy,
            *key,
            searched.cells[key].log_likelihood if key in searched.cells else math.nan,
            value,
        )
        for key, value in published.log_likelihoods.items()
    ]


def log_likelihood_by_scipy(rows: FloatArray, mixture: Mixture) -> float:
    """Return the log-likelihood in nats, from weights, means and dense covariances."""
    roots = np.linalg.cholesky(mixture.covariance.dense())
    parts = [
        np.log(weight) + multivariate_normal.logpdf(rows, mean, Covariance.from_cholesky(root)).reshape(-1)
        for weight, mean, root in zip(mixture.weights, mixture.means, roots, strict=True)
    ]
    return float(logsumexp(parts, axis=0).sum())


def look_closer(mclust: Mclust, rows: FloatArray, cells: list[Cell], searched: Searched) -> None:
    """Examine the mixture of gaussmix where it is higher, and mclust's where its soundness matters."""
    states: dict[Key, tuple[State, float, float]] = {}
    for cell in cells:
        key = cell.model, cell.k
        if cell.is_above:
            if key not in states:
                mixture = searched.cells[key].mixture
                shares = mixture.responsibilities(rows)
                confirmed = cell.ours if cell.k == 1 else mclust.go_on(rows, cell.model, shares)
                state = State.of(rows, mixture)
                computed = math.nan if state.unsound else log_likelihood_by_scipy(rows, mixture)
                states[key] = state, computed, confirmed
            cell.our_state, cell.computed, cell.confirmed = states[key]
        if cell.is_below or cell.is_spurious:
            again = mclust.fit(rows, cell.model, cell.k, cell.hierarchy)
            if again is not None:
                cell.their_state = State.of(rows, mixture_at(rows, again[1], covariance_class(cell.model)))


def violations(values: Mapping[Key, float], d: int, k_max: int) -> tuple[list[tuple[Key, Key]], int]:
    """Return (special case, richer cell) where the special case is higher, and the number of pairs."""
    models = models_of(d)
    pairs = [((one, k), (other, k)) for one, other in nested_pairs(models) for k in range(1, k_max + 1)]
    pairs += [((model, k), (model, k + 1)) for model in models for k in range(1, k_max)]
    there = [pair for pair in pairs if all(math.isfinite(values.get(key, math.nan)) for key in pair)]
    return [(small, large) for small, large in there if values[small] > values[large] + SAME], len(there)


def main() -> int:
    parser = parser_for(__doc__)
    parser.add_argument("--data", type=Path, metavar="FOLDER", required=True, help="of CSV files")
    parser.add_argument("--only", default="", metavar="NAME", help="tables with this in their name")
    options = parser.parse_args()
    everything = [published for published in read_published(options.data) if options.only in published.table]
    names = sorted({published.table for published in everything})[:: 4 if options.quick else 1]
    try:
        find_r()
        print(r_versions())
        mclust: Mclust | None = Mclust()
    except ImportError as error:
        mclust = None
        print(f"no cell is examined with mclust: {error}")
    cells: list[Cell] = []
    ours, theirs, of_sound = [0, 0], [0, 0], 0
    miscounted, unknown, compared = 0, 0, 0
    for name in names:
        rows = read_table(options.data, name)
        n, d = rows.shape
        own = [published for published in everything if published.table == name]
        k_max = max(published.k_max for published in own)
        searched = search(rows, k_max)
        values = {key: cell.log_likelihood for key, cell in searched.cells.items()}
        broken, pairs = violations(values, d, k_max)
        ours[0], ours[1] = ours[0] + len(broken), ours[1] + pairs
        for small, large in broken:
            is_sound = searched.cells[small].n_unsound == 0
            of_sound += is_sound
            print(
                f"{name:16} NOT NESTED: {small[0]} {small[1]}{'' if is_sound else ' (unsound)'} above "
                f"{large[0]} {large[1]} by {values[small] - values[large]:.4f}"
            )
        wrong = [key for key, cell in searched.cells.items() if cell.n_parameters != n_parameters(key[0], d, key[1])]
        miscounted, compared = miscounted + len(wrong), compared + len(searched.cells)
        for published in own:
            one = published.log_likelihoods["VVV" if d > 1 else "V", 1]
            unknown += abs(one - log_likelihood_of_one(rows)) > KNOWN
            broken, pairs = violations(published.log_likelihoods, d, k_max)
            theirs[0], theirs[1] = theirs[0] + len(broken), theirs[1] + pairs
            found = compare(rows, published, searched)
            if mclust is not None:
                look_closer(mclust, rows, found, searched)
            cells += found
            below = [cell for cell in found if cell.is_below]
            for cell in found:
                if cell.is_below or cell.is_spurious:
                    print(cell)
            above = sum(cell.is_above for cell in found)
            print(
                f"{name} {published.hierarchy} ({n} x {d}, K to {k_max}, {searched.choice.seconds:.1f} s): {len(found)}"
                f" cells, {len(below)} below, {above} above; mclust: {len(broken)} of {pairs} pairs not nested, "
                f"{published.n_refused} cells refused",
                flush=True,
            )
    if mclust is not None:
        mclust.close()
    verdicts = Verdicts()
    report_above(cells, verdicts)
    judged = [cell for cell in cells if not cell.is_left_out]
    low, spurious = (sum(map(of, judged)) for of in (lambda c: c.is_below, lambda c: c.is_spurious))
    share = 1 - (low + spurious) / len(judged)
    below = sum(cell.is_below for cell in cells)
    print(f"\n{len(cells)} cells; left out {len(cells) - len(judged)}, unsound in mclust; of all, {below} are below")
    verdicts.check("same rows and columns, differing", f"{unknown} of {len(names)} tables", "0", unknown == 0)
    words = f"{share:.3%} of {len(judged)}; {low} below, {spurious} above but unsound"
    verdicts.check("cells not below mclust's", words, f"{SHARE:.1%}", share >= SHARE)
    words = f"{ours[0]} of {ours[1]} pairs ({of_sound} below a sound one); mclust {theirs[0]} of {theirs[1]}"
    verdicts.check("not nested", words, "0", not ours[0])
    verdicts.check("other parameter counts", f"{miscounted} of {compared} cells", "0", not miscounted)
    machine = describe_machine()
    print_machine(machine)
    write_results(
        "selection-tables" + "-quick" * options.quick, {"machine": machine, "cells": [as_words(cell) for cell in cells]}
    )
    return verdicts.finish()


def report_above(cells: list[Cell], verdicts: Verdicts) -> None:
    above = [cell for cell in cells if cell.is_above]
    looked = [cell for cell in above if cell.our_state is not None]
    sound = [cell for cell in looked if not cell.is_spurious]
    alone = [cell for cell in sound if not cell.is_confirmed]
    print(
        f"\n{len(above)} cells above, {len(looked)} examined, {len(sound)} of them sound; of these "
        f"{len(sound) - len(alone)} confirmed by mclust's EM from our responsibilities; not confirmed "
        f"{dict(Counter(cell.model for cell in alone))}"
    )
    for cell in alone:
        if cell.model not in ("EVE", "VVE"):
            print(f"{cell}, mclust's EM from there {cell.confirmed - cell.ours:+.4f}")
    if sound:
        wrong = sum(not cell.is_computed for cell in sound)
        verdicts.check("above, other value by SciPy", f"{wrong} of {len(sound)} cells", "0", wrong == 0)
        gains = np.quantile([cell.gain for cell in sound], [0.5, 0.9])
        print(f"gain of the sound ones, nats: median {gains[0]:.3f}, ninth decile {gains[1]:.3f}")


def as_words(cell: Cell) -> dict[str, Any]:
    states = {name: getattr(cell, name) and vars(getattr(cell, name)) for name in ("our_state", "their_state")}
    return vars(cell) | states


if __name__ == "__main__":
    raise SystemExit(main())
