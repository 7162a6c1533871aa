"""Files that the page sends: limits, and the temporary folder."""

import gzip
import re
import shutil
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gaussmix.app.documents import Document, new_identifier
from gaussmix.app.state import AppState

MAX_UPLOAD = 400_000_000
"""Greatest size of a file that the page may send, in bytes."""

MAX_REQUEST = 64_000_000
"""Greatest size of any other request, in bytes."""

MAX_PIXELS_BYTES = 600_000_000
"""Greatest size of the decoded pixels of a picture, in bytes: ``max_bytes`` of `read_picture`."""

MAX_UNPACKED = 1_000_000_000
"""Greatest size of a table that was sent compressed, in bytes."""

_DRAINED = 4_000_000_000  # bytes: a browser shows the answer only after it has sent everything


class TooLargeError(ValueError):
    """More bytes than the server takes."""


class RequestLimit:
    """Middleware: a request that is not an upload has at most `MAX_REQUEST` bytes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; reading more than the limit raises TooLargeError."""
        n_bytes = 0

        async def counted() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > MAX_REQUEST:
                raise TooLargeError(f"The request has more than {MAX_REQUEST / 1e6:,.0f} MB")
            return message

        is_upload = scope["method"] == "PUT" and scope["path"] == f"{scope['root_path']}/documents"
        await self._app(scope, receive if is_upload else counted, send)


async def receive_document(request: Request, state: AppState) -> Document:
    """Write the body of a request to a file in the temporary folder and open it.

    Parameters
    ----------
    request : Request
        Its query parameter ``name`` is the name of the file, its body the content.
    state : AppState
        What the server keeps.

    Returns
    -------
    Document
        The open document.

    Raises
    ------
    TooLargeError
        If the file has more than `MAX_UPLOAD` bytes, or a table more than `MAX_UNPACKED` when it is unpacked.
    ValueError
        If there is no name or no content.
    """
    name = shown_name(request.query_params.get("name", ""))
    identifier = new_identifier()
    folder = state.folder / identifier
    folder.mkdir()
    path = folder / file_name(name)
    try:
        with path.open("xb") as file:
            async for chunk in limited(request, MAX_UPLOAD, name):
                file.write(chunk)
        if path.stat().st_size == 0:
            raise ValueError(f"{name} is empty: it has no bytes")
        await run_in_threadpool(_require_small_table, path, name)
        return state.documents.add(path, name, identifier)
    except BaseException:
        shutil.rmtree(folder)
        raise


async def limited(request: Request, limit: int, name: str) -> AsyncIterator[bytes]:
    """Yield the body of a request; raise TooLargeError after it has ended if it has more bytes than the limit."""
    n_bytes = int(request.headers.get("content-length", "0"))
    is_announced, received = n_bytes > limit, 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > _DRAINED:
            break
        if not is_announced and received <= limit:
            yield chunk
    if max(n_bytes, received) > limit:
        raise TooLargeError(_too_large(name, max(n_bytes, received), limit))


def shown_name(given: str) -> str:
    """Return the name of a file without folders and control characters."""
    name = re.split(r"[/\\]", given)[-1].strip()
    name = "".join(character for character in name if character.isprintable())
    if not name.strip("."):
        raise ValueError("The file has no name")
    return name


def file_name(name: str) -> str:
    """Return a name for a file in the temporary folder: the suffixes of the given one stay."""
    safe = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII).lstrip(".-")
    return safe[-100:].lstrip(".-") or "file"


def _require_small_table(path: Path, name: str) -> None:
    """Raise TooLargeError for a compressed table that is enormous; pictures say their size in a header."""
    if not path.name.lower().endswith((".csv.gz", ".tsv.gz")):
        return
    n_bytes = 0
    try:
        with gzip.open(path) as file:
            while chunk := file.read(1_000_000):
                n_bytes += len(chunk)
                if n_bytes > MAX_UNPACKED:
                    break
    except (OSError, EOFError, zlib.error):
        return  # damaged: who reads it says so
    if n_bytes > MAX_UNPACKED:
        raise TooLargeError(f"{name} has more than {MAX_UNPACKED / 1e6:,.0f} MB when it is unpacked")


def _too_large(name: str, n_bytes: int, limit: int) -> str:
    size = f"{n_bytes / 1e6:,.0f} MB"
    return (
        f"{name} has {size}; the page takes files of at most {limit / 1e6:,.0f} MB. Start the application with the "
        "file, as in gaussmix app FILE, or use gaussmix segment and gaussmix fit."
    )
