"""Whether a page is open: each page holds a stream of events open as long as it is there."""

import time
from collections.abc import AsyncIterator, Callable

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

INTERVAL = 0.25
"""Seconds between two looks at whether the server is about to end."""


class Presence:
    """The open pages, and since when there is none.

    Attributes
    ----------
    n_pages : int
        Pages that are open.
    """

    def __init__(self) -> None:
        self.n_pages = 0
        self._alone_since: float | None = None

    @property
    def alone_for(self) -> float:
        """Seconds since the last page was closed; 0 before the first one was opened."""
        return 0.0 if self.n_pages or self._alone_since is None else time.monotonic() - self._alone_since

    def stream(self, is_ending: Callable[[], bool]) -> Callable[[Request], Response]:
        """Return the endpoint that a page listens to: it says ``bye`` when the server ends by itself."""

        def listen(request: Request) -> Response:
            return StreamingResponse(self._events(is_ending), media_type="text/event-stream")

        return listen

    async def _events(self, is_ending: Callable[[], bool]) -> AsyncIterator[str]:
        self.n_pages += 1
        try:
            yield "event: hello\ndata:\n\n"
            while not is_ending():
                await anyio.sleep(INTERVAL)
            yield "event: bye\ndata:\n\n"
        finally:
            self.n_pages -= 1
            self._alone_since = time.monotonic()
