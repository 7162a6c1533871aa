"""Who may use the server: the page that it has opened, and nobody else."""

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""Headers of every response: nothing from other places is loaded, and no other page can include or read this one."""


_ELSEWHERE = "The request comes from another page. Copy the address that gaussmix app has printed into the browser."


class Gate:
    """Middleware that answers 403 to every request that does not come from the page of this server.

    The first part of the path must be the token; Host must name this server, so that another name for the loopback
    address does not serve; Origin and Sec-Fetch-Site, which browsers send, must be those of the page. The checks come
    before anything of the request is read.

    Other users of the computer see the address with which a browser is started. That one has a ticket in place of the
    token, which leads to the page once.

    Parameters
    ----------
    app : ASGI application
        What is behind the gate.
    token : str
        First part of every path.
    port : int
        Port of the server.
    ticket : str, optional
        Path that is redirected to the page, once.
    """

    def __init__(self, app: ASGIApp, token: str, port: int, ticket: str | None = None) -> None:
        self._app = app
        self._prefix = f"/{token}"
        self._ticket = None if ticket is None else f"/{ticket}"
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if scope["type"] != "http":
            raise RuntimeError("The server speaks HTTP only.")
        has_ticket = self._ticket is not None and _same(scope["path"], self._ticket)
        if refusal := self._wrong_headers(scope) or ("" if has_ticket else self._wrong_token(scope)):
            await JSONResponse({"error": refusal}, status_code=403)(scope, receive, send_with_headers)
            return
        if has_ticket:
            self._ticket = None
            await RedirectResponse(f"{self._prefix}/", status_code=303)(scope, receive, send_with_headers)
            return
        scope["root_path"] = self._prefix
        await self._app(scope, receive, send_with_headers)

    def _wrong_token(self, scope: Scope) -> str:
        """Return why the path of a request is refused; nothing if it is not."""
        token = "/" + scope["path"].removeprefix("/").split("/", 1)[0]
        if not _same(token, self._prefix):
            return "The address is not complete. Open the one that gaussmix app has printed."
        return ""

    def _wrong_headers(self, scope: Scope) -> str:
        """Return why the headers of a request are refused; nothing if they are not."""
        headers = Headers(scope=scope)
        if len(hosts := headers.getlist("host")) != 1 or hosts[0] not in self._hosts:
            return "This server answers to 127.0.0.1 and localhost only."
        if any(origin.removeprefix("http://") not in self._hosts for origin in headers.getlist("origin")):
            return _ELSEWHERE
        if any(site not in ("same-origin", "none") for site in headers.getlist("sec-fetch-site")):
            return _ELSEWHERE
        return ""


def _same(given: str, wanted: str) -> bool:
    """Return whether two texts are equal, in a time that does not depend on them."""
    return secrets.compare_digest(given.encode(), wanted.encode())
