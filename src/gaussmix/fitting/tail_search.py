"""The search for mixtures of t distributions, from the optimum of the normal mixture.

For small tables the search for a normal mixture is compiled, and takes less time than one run of EM for t
distributions. Its best optima are starts here, beside some of `draw_starts`: outliers, which t distributions
tolerate, can have components of their own in a normal mixture. If a run from the normal optimum is the best, and tails
add little to its likelihood, the moves of the normal search suffice; otherwise the best run is refined.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import LAST, SHORT, Multistart
from gaussmix.fitting.runs import Run, ranked
from gaussmix.fitting.stopping import MARGIN

OWN_STARTS = 4
"""Number of starts besides normal optima, unless the caller wants more."""

_NORMAL_OPTIMA = 2  # from which runs start
_FINISHERS = 2  # starts that run to convergence, besides the best normal optimum


def normal_update(update: MaximumLikelihood) -> MaximumLikelihood:
    """Return the M-step of normal mixtures with the same regularization."""
    return replace(update, degrees="fixed", initial_degrees=None)


def race_of_tails(search: Multistart, normal: list[Run], starts: Iterable[Mixture]) -> tuple[list[Run], bool]:
    """Run EM for t distributions from normal optima and from other starts.

    Parameters
    ----------
    search : Multistart
        Search for t distributions.
    normal : list of Run
        Optima of the normal mixture, best first.
    starts : iterable of Mixture
        Other starts.

    Returns
    -------
    runs : list of Run
        Optima of t distributions, best first.
    needs_moves : bool
        Whether the best of them is not near the best normal optimum.
    """
    from_normal = [run.mixture for run in normal[:_NORMAL_OPTIMA]]
    short = search.short_runs(search.in_time([*from_normal, *starts]), SHORT)
    first = search.go_on(short[0], LAST)
    best = first
    finished = [first]
    for run in [run for run in ranked(short) if not _is_same(run, short[0])][:_FINISHERS]:
        finished.append(search.go_on(run, LAST, to_beat=best))
        best = ranked(finished)[0]
    return ranked(finished), best.beats(first) or first.objective - normal[0].objective > MARGIN


def _is_same(run: Run, other: Run) -> bool:
    return bool(np.isclose(run.objective, other.objective, rtol=0, atol=1e-9))
