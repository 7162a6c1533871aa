"""The server of the application: from the first page to the end of the last one."""

import asyncio
import secrets
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from gaussmix.app import shell
from gaussmix.app.documents import ClosedDocumentError, Documents
from gaussmix.app.jobs import UnknownJobError
from gaussmix.app.pictures.routes import routes as picture_routes
from gaussmix.app.presence import Presence
from gaussmix.app.security import Gate
from gaussmix.app.state import AppState
from gaussmix.app.tables.routes import routes as table_routes
from gaussmix.app.uploads import RequestLimit, TooLargeError
from gaussmix.core.errors import MissingDependencyError

GRACE = 5.0
"""Seconds without a page after which the server ends: enough to load the page again."""

ADDRESS = "127.0.0.1"


def serve(
    file: Path | None = None,
    *,
    port: int = 0,
    browser: bool = True,
    grace: float = GRACE,
    announce: Callable[[str], None] = print,
) -> None:
    """Serve the application on the loopback address until its last page is closed, or Ctrl-C.

    Parameters
    ----------
    file : Path, optional
        Picture or table to open; it is read where it is.
    port : int, default=0
        Port; 0 takes a free one.
    browser : bool, default=True
        Whether to open the page in the user's browser.
    grace : float, default=5
        Seconds without a page after which the server ends.
    announce : callable
        Called with the address of the page when the server listens.

    Raises
    ------
    OSError
        If the file cannot be read, or the port is in use.
    """
    with tempfile.TemporaryDirectory(prefix="gaussmix-app-") as folder, _listening(port) as listening:
        state = _state(Path(folder), file)
        token, ticket, port = secrets.token_urlsafe(24), secrets.token_urlsafe(24), listening.getsockname()[1]
        presence = Presence()
        server = uvicorn.Server(uvicorn.Config(
            build(state, token, port, presence, lambda: server.should_exit, ticket if browser else None),
            log_level="warning", access_log=False, server_header=False, lifespan="off", ws="none", http="h11",
            timeout_graceful_shutdown=2,
        ))  # fmt: skip
        start = f"http://{ADDRESS}:{port}/"

        async def run() -> None:
            ending = asyncio.create_task(_end_when_alone(server, presence, grace))
            try:
                await server.serve(sockets=[listening])
            finally:
                ending.cancel()

        state.jobs.start()
        announce(f"{start}{token}/")
        if browser:  # the socket listens already: the browser waits until the server answers
            threading.Thread(target=webbrowser.open, args=(f"{start}{ticket}",), daemon=True).start()
        try:
            with suppress(KeyboardInterrupt):
                asyncio.run(run())
        finally:
            state.jobs.close()


def build(
    state: AppState,
    token: str,
    port: int,
    presence: Presence,
    is_ending: Callable[[], bool] = lambda: False,
    ticket: str | None = None,
) -> ASGIApp:
    """Return the application behind its gate.

    Parameters
    ----------
    state : AppState
        What the server keeps.
    token : str
        First part of every path.
    port : int
        Port of the server.
    presence : Presence
        Counts the pages.
    is_ending : callable
        Whether the server is about to end.
    ticket : str, optional
        Path that is redirected to the page, once.

    Returns
    -------
    ASGI application
        The application.
    """
    routes = [
        Mount("/documents/{id}/picture", routes=picture_routes(state)),
        Mount("/documents/{id}/table", routes=table_routes(state)),
        Route("/presence", presence.stream(is_ending)),
        *shell.routes(state),
    ]

    def failed(status: int) -> Callable[[Request, Exception], Response]:
        def answer(request: Request, error: Exception) -> Response:
            return JSONResponse({"error": _text(error, state.folder)}, status_code=status)

        return answer

    ours = (ValueError, OSError, MissingDependencyError, FloatingPointError, MemoryError)
    handlers = dict.fromkeys(ours, failed(400)) | {
        TooLargeError: failed(413),
        ClosedDocumentError: failed(404),
        UnknownJobError: failed(404),
        HTTPException: _refused,
        Exception: _internal,
    }
    return Gate(RequestLimit(Starlette(routes=routes, exception_handlers=handlers)), token, port, ticket)


def _state(folder: Path, file: Path | None) -> AppState:
    """Return what a server starts with: the file of the command line is open."""
    documents = Documents()
    if file is None:
        return AppState(folder, documents)
    if not file.is_dir():
        file.open("rb").close()  # the same error for a missing file, whatever its kind
    return AppState(folder, documents, file=documents.add(file.absolute(), file.name))


def _listening(port: int) -> socket.socket:
    """Return a socket that listens on the loopback address."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.bind((ADDRESS, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise OSError(
            f"Port {port} cannot be used ({error.strerror}); choose another one, or leave out --port"
        ) from error
    return listening


async def _end_when_alone(server: uvicorn.Server, presence: Presence, grace: float) -> None:
    while presence.alone_for <= grace:
        await asyncio.sleep(min(grace / 4, 0.5))
    server.should_exit = True


def _text(error: Exception, folder: Path) -> str:
    """Return the message of an error; files in the temporary folder are called by their names."""
    text = " ".join(str(error).split()) or type(error).__name__
    for path in folder.iterdir():
        text = text.replace(f"{path}/", "")
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse(
        {"error": f"{error.detail}: {request.method} {request.url.path.split('/', 2)[-1]}"}, error.status_code
    )


def _internal(request: Request, error: Exception) -> Response:
    return JSONResponse(
        {"error": f"This is a mistake in gaussmix ({type(error).__name__}); the terminal has the details."},
        status_code=500,
    )
