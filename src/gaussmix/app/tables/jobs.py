"""Long work about a table: the search over models, a run of EM, and the report."""

from collections.abc import Callable
from typing import Any

from gaussmix.app.jobs import UnknownJobError
from gaussmix.app.state import AppState
from gaussmix.app.tables import requests
from gaussmix.app.tables.em_runs import MOST_PASSES, StartRequest, run_em
from gaussmix.app.tables.model_search import SearchRequest, find_models, numbers_in
from gaussmix.app.tables.report_job import report_page
from gaussmix.app.tables.session import TableSession
from gaussmix.core.covariance import STRUCTURES

_GREATEST_SEED = 2**32 - 1
_MOST_COMPONENTS = 100


def start_search(state: AppState, session: TableSession, given: dict[str, Any]) -> str:
    """Begin a search over models; return the identifier of the job."""
    chosen = session.require_chosen()
    structures = requests.text(given, "structures", "sklearn")
    if structures not in ("sklearn", "all"):
        raise ValueError(f"structures must be sklearn or all; got {structures[:20]!r}")
    request = SearchRequest(
        numbers_in(requests.text(given, "numbers", "1:9"), len(chosen.rows)),
        structures,
        requests.whole(given, "seed", 0, 0, _GREATEST_SEED),
    )
    return _begin(
        state,
        session,
        "search",
        ("Search models", find_models, chosen.rows, chosen.names, request),
        lambda found: session.keep_models(chosen, found),
    )


def start_em(state: AppState, session: TableSession, given: dict[str, Any]) -> str:
    """Begin a run of EM; return the identifier of the job."""
    chosen = session.require_chosen()
    covariance_type = requests.text(given, "covariance_type", "full")
    if covariance_type not in STRUCTURES:
        raise ValueError(f"covariance_type must be one of {', '.join(STRUCTURES)}; got {covariance_type[:20]!r}")
    n_rows = len(chosen.rows)
    request = StartRequest(
        requests.whole(given, "n_components", 2, 1, min(_MOST_COMPONENTS, n_rows)),
        covariance_type,
        requests.text(given, "method", "kmeans"),
        requests.wholes(given, "means_at", 0, n_rows - 1),
        requests.whole(given, "seed", 0, 0, _GREATEST_SEED),
        requests.whole(given, "n_iter", 30, 1, MOST_PASSES),
    )
    request.check(chosen.rows)
    return _begin(
        state,
        session,
        "em",
        ("Run EM", run_em, chosen.rows, chosen.names, request),
        lambda steps: session.keep_steps(chosen, steps),
    )


def start_report(state: AppState, session: TableSession, given: dict[str, Any]) -> str:
    """Begin a report on a model; return the identifier of the job."""
    chosen, model = session.require_chosen(), session.reported(requests.text(given, "model"))
    return _begin(
        state,
        session,
        "report",
        ("Write the report", report_page, model, chosen.rows, session.name),
        lambda page: session.keep_report(chosen, page),
    )


def cancel_all(state: AppState, session: TableSession) -> None:
    """Cancel the work about a table."""
    for identifier in running(state, session).values():
        state.jobs.cancel(identifier)


def running(state: AppState, session: TableSession) -> dict[str, str]:
    """Return the work about a table that has not ended: purpose -> identifier of the job."""
    found = {}
    for purpose, identifier in list(session.jobs.items()):
        try:
            if not state.jobs[identifier].ended:
                found[purpose] = identifier
        except UnknownJobError:
            del session.jobs[purpose]
    return found


def _begin(
    state: AppState, session: TableSession, purpose: str, work: tuple[Any, ...], on_done: Callable[[Any], None]
) -> str:
    """Submit a job in place of an earlier one for the same purpose."""
    earlier = running(state, session).get(purpose)
    if earlier is not None:
        state.jobs.cancel(earlier)
    job = state.jobs.submit(*work, on_done=on_done)
    session.jobs[purpose] = job.id
    return job.id
