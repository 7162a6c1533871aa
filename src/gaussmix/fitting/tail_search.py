"""The search for mixtures of t distributions, from the optimum of the normal mixture.

For small tables the search for a normal mixture is compiled, and takes less time than one run of EM for t
distributions. Its best optima are starts here, beside some of `draw_starts`: outliers, which t distributions
tolerate, can have components of their own in a normal mixture. If a run from the normal optimum is the best, and tails
add little to its likelihood, the moves of the normal search suffice; otherwise the best run is refined.
"""

from collections.abc import Iterable
from dataclasses import replace

from gaussmix.core.mixture import Mixture
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import LAST, SHORT, Multistart
from gaussmix.fitting.runs import SAME, Run, ranked
from gaussmix.fitting.stopping import MARGIN, RemainingGain

OWN_STARTS = 4
"""Number of starts besides normal optima, unless the caller wants more."""

_NORMAL_OPTIMA = 2  # from which runs start
_FINISHERS = 2  # starts that run to convergence, besides the best normal optimum
_ROUGHLY = 0.1  # nats of gain ahead, with which a run that is not the best ends


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
    finished = [first]
    for run in [run for run in ranked(short) if abs(run.objective - short[0].objective) > SAME][:_FINISHERS]:
        best = ranked(finished)[0]
        longer = search.go_on(run, LAST, rule=RemainingGain(_ROUGHLY, to_beat=best.objective))
        finished.append(search.go_on(longer, LAST, rule=search.near) if longer.beats(best) else longer)
    best = ranked(finished)[0]
    return ranked(finished), best.beats(first) or first.objective - normal[0].objective > MARGIN
