"""Addresses below ``documents/{id}/picture``."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from gaussmix.app.documents import Document
from gaussmix.app.state import AppState
from gaussmix.app.uploads import MAX_PIXELS_BYTES
from gaussmix.imaging.files import read_picture
from gaussmix.imaging.images.picture import Picture


def routes(state: AppState) -> list[BaseRoute]:
    """Return the routes of the room."""

    async def info(request: Request) -> JSONResponse:
        document = state.documents[request.path_params["id"]]
        picture = await run_in_threadpool(state.of, document, _read)
        return JSONResponse({"shape": picture.shape})

    return [Route("/info", info)]


def _read(document: Document) -> Picture:
    return read_picture(document.path, max_bytes=MAX_PIXELS_BYTES)
