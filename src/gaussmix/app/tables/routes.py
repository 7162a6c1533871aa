"""Addresses below ``documents/{id}/table``."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from gaussmix.app.documents import Document
from gaussmix.app.state import AppState
from gaussmix.tables import column_names


def routes(state: AppState) -> list[BaseRoute]:
    """Return the routes of the room."""

    async def info(request: Request) -> JSONResponse:
        document = state.documents[request.path_params["id"]]
        names = await run_in_threadpool(state.of, document, _names)
        return JSONResponse({"columns": names})

    return [Route("/info", info)]


def _names(document: Document) -> tuple[str, ...]:
    return column_names(document.path)[0]
