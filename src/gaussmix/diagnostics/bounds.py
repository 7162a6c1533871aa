"""Facts about the rows that a fit left out, and about what was known of the parameters beforehand."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.text import Entry, join_clauses, join_words
from gaussmix.core.typing import BoolArray
from gaussmix.fitting.constraints import ConstrainedUpdate
from gaussmix.fitting.fit_result import TrimmedRows
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.variance_ratio import variance_ratio

_AT_BOUND = 1e-6  # of the ratio
_SHOWN = 5


def trimmed_facts(mixture: Mixture, trimmed: TrimmedRows | None, rows: WeightedRows | None) -> dict[str, Any] | None:
    """Return the share, the weight and the threshold of trimming, and the number of rows below it if rows are given."""
    if trimmed is None:
        return None
    below = None if rows is None else int((~trimmed.are_kept(mixture, rows)).sum())
    return {
        "share": trimmed.rule.share,
        "weight": trimmed.weight,
        "threshold": trimmed.threshold,
        "n_below": below,
        "n_rows": None if rows is None else rows.n_rows,
    }


def bound_facts(mixture: Mixture, update: MaximumLikelihood) -> dict[str, Any] | None:
    """Return which constraints a fit had, and whether the bound on the variance ratio was reached."""
    if not isinstance(update, ConstrainedUpdate):
        return None
    bounds, ratio = update.constraints, None
    if bounds.max_variance_ratio is not None:
        found = variance_ratio(mixture.covariance)
        is_reached = found >= bounds.max_variance_ratio * (1 - _AT_BOUND)
        ratio = {"bound": bounds.max_variance_ratio, "found": found, "is_reached": bool(is_reached)}
    held = {
        "weights": _numbers(bounds.held_weights),
        "means": _numbers(bounds.held_means),
        "covariances": _numbers(bounds.held_covariances),
    }
    concentration = np.asarray(bounds.concentration).tolist()
    return {
        "variance_ratio": ratio,
        "equal_weights": bounds.equal_weights,
        "held": held,
        "concentration": concentration,
    }


def _numbers(held: BoolArray | None) -> list[int]:
    return [] if held is None else np.flatnonzero(held).tolist()


def bound_entries(fit: dict[str, Any]) -> Iterator[Entry]:
    """Yield sentences about the facts of a fit that this module returns."""
    trimmed, bounds = fit["trimmed"], fit["bounds"]
    if trimmed is not None:
        yield Entry("trimmed", _trimmed(trimmed))
    if bounds is None:
        return
    if bounds["variance_ratio"] is not None:
        ratio = bounds["variance_ratio"]
        found = "reached" if ratio["is_reached"] else f"not reached: the ratio is {ratio['found']:.3g}"
        yield Entry("variance ratio", f"the bound {ratio['bound']:g} is {found}")
    held = [f"the {name} of {join_words(which, _SHOWN)}" for name, which in bounds["held"].items() if which]
    if bounds["equal_weights"]:
        held.append("equal weights")
    if held:
        yield Entry("not estimated", join_clauses(held, len(held)))


def _trimmed(facts: dict[str, Any]) -> str:
    share = f"{facts['share']:.3g} of the weight of the rows"
    if facts["n_below"] is None:
        return f"{share}, {facts['weight']:g}, was left out: rows below {facts['threshold']:.6g}"
    return (
        f"{facts['n_below']:,} of {facts['n_rows']:,} rows, below {facts['threshold']:.6g}, were left out ({share}); "
        "what follows is about the others"
    )
