"""Diagnostics of missing values: which there are, and the information that they cost."""

from typing import Any

import numpy as np

from gaussmix.core.engines import engine_for
from gaussmix.core.engines.observed import ObservedMixture, roots_of
from gaussmix.core.engines.row_groups import group_rows
from gaussmix.core.mixture import Mixture
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray

_SAMPLED = 2_000  # rows from which the information is estimated
_HARDLY = 2.0  # expected number of observed values of a column in a component


def missing_facts(rows: WeightedRows, names: tuple[str, ...]) -> dict[str, Any] | None:
    """Count the missing values.

    Parameters
    ----------
    rows : WeightedRows
        Rows, with NaN where values are missing.
    names : tuple of d str
        Names of the columns.

    Returns
    -------
    dict or None
        ``"columns"``: name and share of the rows of each column with missing values; ``"n_patterns"``,
        ``"n_complete"``, ``"n_empty"``: the numbers of different patterns, of complete rows and of rows without any
        value; ``"share"`` of all values. None if no value is missing.
    """
    missing = rows.missing
    if missing is None:
        return None
    shares = missing.mean(axis=0)
    in_row = missing.sum(axis=1)
    packed = np.packbits(missing, axis=1)
    return {
        "columns": [{"column": names[at], "share": float(shares[at])} for at in np.flatnonzero(shares)],
        "share": float(missing.mean()),
        "n_patterns": len(np.unique(packed, axis=0)),
        "n_complete": int((in_row == 0).sum()),
        "n_empty": int((in_row == rows.n_features).sum()),
    }


def information_facts(mixture: Mixture, rows: WeightedRows) -> list[dict[str, Any]]:
    """Estimate for each component how much of the information about its mean is left, and what is hardly observed.

    If the memberships were known, the information about a mean in whitened units would be the sum over the rows of
    ``r A A'``, with A of `ObservedMixture`, and of ``r I`` if no value were missing. The share is the ratio of the
    traces.

    Parameters
    ----------
    mixture : Mixture
        The fitted mixture.
    rows : WeightedRows
        Rows, with NaN where values are missing.

    Returns
    -------
    list of k dicts
        ``"information"``: the share; ``"hardly_observed"``: names of columns of which the component has fewer than two
        observed values.
    """
    some = draw_rows(rows, _SAMPLED, np.random.default_rng(0))
    whitened, roots = mixture.whitened(), roots_of(mixture.whitened())
    left, total = np.zeros(mixture.n_components), np.zeros(mixture.n_components)
    shares = engine_for(some).score_rows(whitened, "responsibilities")[:, : mixture.n_components]
    shares = shares * some.explicit_weights[:, None]
    for group in group_rows(some):
        lifts = ObservedMixture.of(whitened, roots, group.observed, group.noise_root).lifts
        counts = shares[group.positions].sum(axis=0)
        left += counts * (lifts**2).sum(axis=(1, 2))
        total += counts * rows.n_features
    seen = _observed_counts(mixture, rows)
    names = mixture.names
    return [
        {
            "information": float(left[at] / total[at]) if total[at] > 0 else 1.0,
            "hardly_observed": [names[column] for column in np.flatnonzero(seen[at] < _HARDLY)],
        }
        for at in range(mixture.n_components)
    ]


def _observed_counts(mixture: Mixture, rows: WeightedRows) -> FloatArray:
    """Return the expected number (k, d) of observed values of each column in each component."""
    assert rows.missing is not None
    shares = engine_for(rows).score_rows(mixture.whitened(), "responsibilities")[:, : mixture.n_components]
    return np.asarray((shares * rows.explicit_weights[:, None]).T @ ~rows.missing)
