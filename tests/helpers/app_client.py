"""The application without a server: requests as the page makes them."""

from starlette.testclient import TestClient

from gaussmix.app.presence import Presence
from gaussmix.app.server import build
from gaussmix.app.state import AppState

TOKEN, PORT = "token-of-this-test", 8123
PAGE = f"http://127.0.0.1:{PORT}/{TOKEN}/"


def client_of(folder, *, base_url=PAGE, raise_server_exceptions=True):
    """Return (client, state) of an application with its temporary folder; `state.jobs.close()` ends its processes."""
    state = AppState(folder)
    app = build(state, TOKEN, PORT, Presence())
    return TestClient(app, base_url=base_url, raise_server_exceptions=raise_server_exceptions), state
