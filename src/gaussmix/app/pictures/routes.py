"""Addresses below ``documents/{id}/picture``."""

import json
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gaussmix.app.documents import Document
from gaussmix.app.pictures.downloads import download, lines_of
from gaussmix.app.pictures.results import fit_labels
from gaussmix.app.pictures.session import PictureSession
from gaussmix.app.pictures.settings import Settings
from gaussmix.app.state import AppState
from gaussmix.app.uploads import MAX_PIXELS_BYTES
from gaussmix.core.typing import Rows

_TYPES = {".png": "image/png", ".json": "application/json", ".zip": "application/zip"}

Answer = Callable[[PictureSession, Request, Any], Any]
"""Answers a request about a picture in a thread; the third argument is the content of the request."""


def routes(state: AppState) -> list[BaseRoute]:
    """Return the routes of the room."""

    def route(path: str, answer: Answer, method: str = "GET", content: str = "") -> Route:
        return Route(path, _endpoint(state, answer, content), methods=[method])

    def fit(session: PictureSession, request: Request, content: Any) -> Any:
        arguments, accept = session.full_fit()
        job = state.jobs.submit("Segmentation", fit_labels, *arguments, on_done=accept)
        session.job = job.id
        return {"job": job.id}

    return [
        route("/info", lambda session, request, content: session.info()),
        route("/state", lambda session, request, content: session.state()),
        route("/read", _read, "POST", "json"),
        route("/plane", lambda session, request, content: _bytes(session.planes.shown(*_plane(request)))),
        route("/labels", lambda session, request, content: _bytes(session.labels(*_plane(request)))),
        route("/uncertainty", lambda session, request, content: _bytes(session.uncertainty(*_plane(request)))),
        route("/probabilities", _probabilities),
        route("/histograms", lambda session, request, content: session.histograms()),
        route("/preview", _preview, "POST", "json"),
        route("/label-all", _label_all, "POST", "json"),
        route("/fit", fit, "POST"),
        route("/prepare", _prepare, "POST"),
        route("/model", _use_model, "PUT", "bytes"),
        route("/hints", lambda session, request, content: _bytes(session.hints(*_plane(request)))),
        route("/hints", _set_hints, "PUT", "bytes"),
        route("/hints", _clear_hints, "DELETE"),
        route("/segments", _set_segments, "PUT", "json"),
        route("/lines", lambda session, request, content: lines_of(session)),
        route("/download/{what}", _download),
    ]


def _endpoint(state: AppState, answer: Answer, content: str) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that answers a request in a thread, with JSON unless the answer is a response."""

    async def endpoint(request: Request) -> Response:
        document = state.documents[request.path_params["id"]]
        session = await run_in_threadpool(state.of, document, _new_session)
        sent: Any = None
        if content == "json":
            sent = _json(await request.body())
        elif content == "bytes":
            sent = await request.body()
        found = await run_in_threadpool(answer, session, request, sent)
        return found if isinstance(found, Response) else JSONResponse(found)

    return endpoint


def _new_session(document: Document) -> PictureSession:
    return PictureSession(document.path, document.name, MAX_PIXELS_BYTES)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise ValueError("The request is not JSON") from None


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name} must be a whole number; got {text!r}") from None


def _plane(request: Request) -> tuple[int, int]:
    return _number(request, "axis"), _number(request, "index")


def _bytes(values: Rows) -> Response:
    return Response(np.ascontiguousarray(values).tobytes(), media_type="application/octet-stream")


def _read(session: PictureSession, request: Request, content: Any) -> Any:
    session.read(volume=bool(content.get("volume")))
    return session.info()


def _preview(session: PictureSession, request: Request, content: Any) -> Any:
    """Take settings, fit the preview, and return a line of JSON with the new state, then the labels of a plane.

    Without a preview, as with more segments than colors, the state is that of before; the full fit says why.
    """
    session.change(Settings.of(content))
    with suppress(ValueError):
        session.make_preview()
    return _result(session, request)


def _label_all(session: PictureSession, request: Request, content: Any) -> Any:
    """Label all pixels by the classes of the preview, and answer as `_preview` does."""
    session.label_all()
    return _result(session, request)


def _result(session: PictureSession, request: Request) -> Response:
    head = json.dumps(session.state()).encode() + b"\n"
    labels = np.ascontiguousarray(session.labels(*_plane(request))).tobytes()
    return Response(head + labels, media_type="application/octet-stream")


def _prepare(session: PictureSession, request: Request, content: Any) -> Any:
    session.prepare()
    return {}


def _use_model(session: PictureSession, request: Request, content: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        path.write_bytes(content)
        try:
            session.use_model(path)
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), request.query_params.get("name", path.name))) from None
    return session.state()


def _probabilities(session: PictureSession, request: Request, content: Any) -> Any:
    found = session.probabilities(*_plane(request), _number(request, "x"), _number(request, "y"))
    return [round(float(value), 4) for value in found]


def _set_hints(session: PictureSession, request: Request, content: Any) -> Any:
    axis, index = _plane(request)
    direction = session.planes.direction(axis).as_json()
    shape = (direction["height"], direction["width"])
    if len(content) != shape[0] * shape[1]:
        raise ValueError(f"The hints must have {shape[0] * shape[1]} bytes; got {len(content)}")
    session.set_hints(axis, index, np.frombuffer(content, dtype=np.uint8).reshape(shape))
    return {"n_hinted": session.n_hinted}


def _clear_hints(session: PictureSession, request: Request, content: Any) -> Any:
    session.clear_hints()
    return {"n_hinted": 0}


def _set_segments(session: PictureSession, request: Request, content: Any) -> Any:
    session.set_segments(content)
    return session.state()


def _download(session: PictureSession, request: Request, content: Any) -> Response:
    text = request.query_params.get("segments", "")
    try:
        segments = [int(number) for number in text.split(",") if number]
    except ValueError:
        raise ValueError(f"segments must be whole numbers; got {text!r}") from None
    made = download(session, request.path_params["what"], segments)
    suffix = made.name[made.name.rindex(".") :]
    return Response(
        made.content,
        media_type=_TYPES.get(suffix, "application/octet-stream"),
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(made.name)}"},
    )
