"""The page, and addresses that do not belong to a room."""

import shutil
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from gaussmix.app import examples
from gaussmix.app.state import AppState
from gaussmix.app.uploads import MAX_UPLOAD, receive_document

STATIC = Path(str(files("gaussmix.app").joinpath("static")))
"""Folder of the files that the browser loads."""


TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
"""Suffixes of these files."""


def routes(state: AppState) -> list[BaseRoute]:
    """Return the routes of the page, of documents and of jobs."""

    async def index(request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def settings(request: Request) -> Response:
        file = None if state.file is None else state.file.id
        return JSONResponse({"max_upload": MAX_UPLOAD, "examples": examples.names(), "file": file})

    async def all_documents(request: Request) -> Response:
        return JSONResponse([document.as_json() for document in state.documents.all()])

    async def add_document(request: Request) -> Response:
        return JSONResponse((await receive_document(request, state)).as_json())

    async def add_example(request: Request) -> Response:
        document = await run_in_threadpool(examples.open_example, request.path_params["name"], state)
        return JSONResponse(document.as_json())

    async def close_document(request: Request) -> Response:
        document = await run_in_threadpool(state.documents.close, request.path_params["id"])
        if document.path.is_relative_to(state.folder):
            shutil.rmtree(document.path.parent)
        return JSONResponse({})

    async def show_job(request: Request) -> Response:
        return JSONResponse(state.jobs[request.path_params["id"]].as_json())

    async def cancel_job(request: Request) -> Response:
        return JSONResponse(state.jobs.cancel(request.path_params["id"]).as_json())

    return [
        Route("/", index),
        Route("/settings", settings),
        Route("/documents", all_documents, methods=["GET"]),
        Route("/documents", add_document, methods=["PUT"]),
        Route("/documents/{id}", close_document, methods=["DELETE"]),
        Route("/examples/{name}", add_example, methods=["POST"]),
        Route("/jobs/{id}", show_job, methods=["GET"]),
        Route("/jobs/{id}", cancel_job, methods=["DELETE"]),
        Mount("/static", _StaticFiles(directory=STATIC)),
    ]


class _StaticFiles(StaticFiles):
    """Files with the types that browsers insist on, whatever the computer is told about suffixes."""

    def file_response(self, full_path: str | PathLike[str], *args: Any, **options: Any) -> Response:
        """Return a file."""
        response = super().file_response(full_path, *args, **options)
        response.headers["content-type"] = f"{TYPES[Path(full_path).suffix]}; charset=utf-8"
        return response
