"""The application without a server: requests as the page makes them."""

import pytest

from gaussmix.app.presence import Presence
from gaussmix.app.server import build
from gaussmix.app.state import AppState

pytest.importorskip("httpx2")  # the client of starlette's tests

TOKEN, PORT = "token-of-this-test", 8123
PAGE = f"http://127.0.0.1:{PORT}/{TOKEN}/"


def client_of(folder, *, ticket=None, raise_server_exceptions=True):
    """Return (client, state) of an application with its temporary folder; `state.jobs.close()` ends its processes."""
    from starlette.testclient import TestClient

    state = AppState(folder)
    app = build(state, TOKEN, PORT, Presence(), ticket=ticket)
    return TestClient(app, base_url=PAGE, raise_server_exceptions=raise_server_exceptions), state
