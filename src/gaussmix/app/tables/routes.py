"""Addresses below ``documents/{id}/table``."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gaussmix.app.documents import Document
from gaussmix.app.state import AppState
from gaussmix.app.tables import answers, jobs, requests
from gaussmix.app.tables.json_values import as_json
from gaussmix.app.tables.row_scores import inside
from gaussmix.app.tables.session import TableSession
from gaussmix.core.typing import BoolArray
from gaussmix.selection.table import CRITERIA

Given = dict[str, Any]
Answer = Callable[[TableSession, Given], Any]


def routes(state: AppState) -> list[BaseRoute]:
    """Return the routes of the room."""

    def session_of(document: Document) -> TableSession:
        return TableSession(document.name, document.path, lambda session: jobs.cancel_all(state, session))

    def route(path: str, answer: Answer, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            document = state.documents[request.path_params["id"]]
            given: Given = dict(request.query_params) if method == "GET" else await requests.body_of(request)
            given |= {name: value for name, value in request.path_params.items() if name != "id"}

            def work() -> Response:
                found = answer(state.of(document, session_of), given)
                return found if isinstance(found, Response) else JSONResponse(as_json(found))

            return await run_in_threadpool(work)

        return Route(path, endpoint, methods=[method])

    def job(start: Callable[[AppState, TableSession, Given], str]) -> Answer:
        return lambda session, given: {"job": start(state, session, given)}

    def choose(session: TableSession, given: Given) -> Any:
        before = session.chosen
        chosen = session.choose(requests.texts(given, "columns"))
        if chosen is not before:
            jobs.cancel_all(state, session)
        return answers.chosen_answer(chosen)

    def loaded(session: TableSession, given: Given) -> Any:
        return _state(session) | {"running": jobs.running(state, session)}

    return [
        route("/state", loaded),
        route("/info", lambda session, given: answers.table_answer(session.open(requests.header_of(given)))),
        route("/choose", choose, "POST"),
        route("/points", _points),
        route("/search", job(jobs.start_search), "POST"),
        route("/models", _models),
        route("/em", job(jobs.start_em), "POST"),
        route("/em", _steps),
        route("/view", _view),
        route("/row/{row}", _row),
        route("/outliers", _outliers),
        route("/select", _select, "POST"),
        route("/selection", lambda session, given: answers.selection_answer(session)),
        route("/report", job(jobs.start_report), "POST"),
        route("/report.html", _report),
        route("/model.json", _model),
        route("/rows.csv", _rows),
        route("/models.csv", _models_csv),
        route("/equivalent", lambda session, given: session.equivalent(requests.text(given, "model"))),
    ]


def _state(session: TableSession) -> dict[str, Any]:
    """Return what a page needs that is loaded again."""
    return {
        "table": None if session.table is None else answers.table_answer(session.table),
        "chosen": None if session.chosen is None else answers.chosen_answer(session.chosen),
        "has_models": session.found is not None,
        "has_steps": session.steps is not None,
    }


def _features(session: TableSession, given: Given) -> tuple[int, ...]:
    features = requests.wholes(given, "features", 0, len(session.require_chosen().names) - 1)
    if not features or len(set(features)) < len(features):
        raise ValueError("features must be different columns, by position")
    return features


def _points(session: TableSession, given: Given) -> Any:
    return answers.points_answer(session.require_chosen(), _features(session, given))


def _models(session: TableSession, given: Given) -> Any:
    criterion = requests.text(given, "criterion", "bic")
    if criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}; got {criterion[:20]!r}")
    if session.found is None:
        raise ValueError("Search models first")
    return answers.models_answer(session.found, criterion)


def _steps(session: TableSession, given: Given) -> Any:
    if session.steps is None:
        raise ValueError("Run EM first")
    return answers.steps_answer(session.steps)


def _view(session: TableSession, given: Given) -> Any:
    contours = requests.text(given, "contours", "yes") == "yes"
    return answers.view_answer(session, requests.text(given, "model"), _features(session, given), contours=contours)


def _row(session: TableSession, given: Given) -> Any:
    row = requests.whole(given, "row", -1, 0, session.opened().n_rows - 1)
    return answers.row_answer(session, row, given.get("model"))


def _outliers(session: TableSession, given: Given) -> Any:
    scores = session.require_scores(requests.text(given, "model"))
    alpha, control = requests.share(given, "alpha"), requests.text(given, "control")
    return answers.outliers_answer(session.require_chosen(), scores, alpha, control)


def _select(session: TableSession, given: Given) -> Any:
    session.select(_wanted(session, given), requests.text(given, "how", "replace"))
    return answers.selection_answer(session)


def _wanted(session: TableSession, given: Given) -> BoolArray:
    """Return the rows that a request names: all, none, by position, in a polygon, of a component, or the outliers."""
    chosen = session.require_chosen()
    n_rows, n_features = chosen.rows.shape
    match requests.text(given, "what"):
        case "all":
            return np.ones(n_rows, dtype=np.bool_)
        case "none":
            return np.zeros(n_rows, dtype=np.bool_)
        case "rows":
            which = np.zeros(n_rows, dtype=np.bool_)
            which[list(requests.wholes(given, "rows", 0, n_rows - 1))] = True
            return which
        case "polygon":
            x, y = requests.whole(given, "x", 0, 0, n_features - 1), requests.whole(given, "y", 0, 0, n_features - 1)
            return inside(chosen.rows[:, [x, y]], given.get("polygon", ()))
        case "interval":
            values = chosen.rows[:, requests.whole(given, "x", 0, 0, n_features - 1)]
            low, high = sorted(float(given[end]) for end in ("low", "high"))
            return np.asarray((values >= low) & (values <= high))
        case "component":
            scores = session.require_scores(requests.text(given, "model"))
            component = requests.whole(given, "component", 0, 0, scores.mixture.n_components - 1)
            return np.asarray(scores.labels == component)
        case "outliers":
            scores = session.require_scores(requests.text(given, "model"))
            return scores.flagged(requests.share(given, "alpha"), requests.text(given, "control"))
        case other:
            raise ValueError(f"what must be rows that can be selected; got {other[:20]!r}")


def _report(session: TableSession, given: Given) -> Response:
    if not session.report:
        raise ValueError("Write the report first")
    return _download(session.report, "text/html; charset=utf-8", session.path.stem + ".html")


def _model(session: TableSession, given: Given) -> Response:
    mixture = session.mixture(requests.text(given, "model"))
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.json")
        mixture.save(path)
        return _download(path.read_text(encoding="utf-8"), "application/json", "model.json")


def _rows(session: TableSession, given: Given) -> Response:
    scores = session.require_scores(requests.text(given, "model"))
    outliers = None
    if "alpha" in given:
        outliers = (requests.share(given, "alpha"), requests.text(given, "control"))
    results, table = scores.results(outliers), session.opened()
    if requests.text(given, "which", "all") == "all":
        return _download(table.as_csv(results), "text/csv; charset=utf-8", f"{session.path.stem}-labels.csv")
    if not session.selected.any():
        raise ValueError("No row is selected")
    content = table.as_csv(results, np.flatnonzero(session.selected))
    return _download(content, "text/csv; charset=utf-8", f"{session.path.stem}-selected.csv")


def _models_csv(session: TableSession, given: Given) -> Response:
    if session.found is None:
        raise ValueError("Search models first")
    return _download(session.found.search.results_.to_csv(), "text/csv; charset=utf-8", "models.csv")


def _download(content: str, kind: str, name: str) -> Response:
    safe = "".join(character if character.isalnum() or character in "-_." else "_" for character in name)
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{plain}"'})
