"""Nobody but the page of the server may use it."""

import pytest
from helpers.app_client import PAGE, PORT, TOKEN, client_of

from gaussmix.app.shell import STATIC, TYPES

HOST = f"127.0.0.1:{PORT}"
REQUESTS = [
    ("GET", ""), ("GET", "settings"), ("GET", "documents"), ("PUT", "documents?name=a.csv"), ("DELETE", "documents/1"),
    ("POST", "examples/china.jpg"), ("GET", "jobs/1"), ("DELETE", "jobs/1"), ("GET", "presence"),
    ("GET", "static/main.js"), ("GET", "documents/1/picture/info"), ("GET", "documents/1/table/info"),
]  # fmt: skip


@pytest.fixture
def client(tmp_path):
    return client_of(tmp_path)[0]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": f"localhost:{PORT}"},
        {"Origin": f"http://127.0.0.1:{PORT}"},
        {"Host": f"localhost:{PORT}", "Origin": f"http://localhost:{PORT}"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_the_page_is_served(headers, client):
    assert client.get(PAGE + "settings", headers=headers).status_code == 200


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "127.0.0.1"},
        {"Host": f"127.0.0.1:{PORT + 1}"},
        {"Host": f"evil.example:{PORT}"},
        {"Host": f"127.0.0.1.evil.example:{PORT}"},
        {"Host": ""},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{PORT + 1}"},
        {"Origin": f"https://127.0.0.1:{PORT}"},
        {"Origin": "http://evil.example"},
        {"Origin": f"http://127.0.0.1:{PORT}.evil.example"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_host_or_origin_is_refused(method, path, headers, client):
    answer = client.request(method, PAGE + path, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize(
    "token", ["", "/", "x/", f"{TOKEN[:-1]}/", f"{TOKEN}x/", f"{TOKEN.upper()}/", f"x/../{TOKEN[:-1]}/", "é/"]
)
def test_a_wrong_token_is_refused(method, path, token, client):
    answer = client.request(method, f"http://{HOST}/{token}{path}")
    assert answer.status_code == 403


def test_a_ticket_leads_to_the_page_once(tmp_path):
    client, _ = client_of(tmp_path, ticket="ticket-of-this-test")
    address = f"http://{HOST}/ticket-of-this-test"
    assert client.get(f"{address}x").status_code == 403
    assert client.get(address, headers={"Host": "evil.example"}).status_code == 403
    assert client.get(address, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    answer = client.get(address, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/{TOKEN}/")
    assert client.get(address).status_code == 403


def test_nothing_is_written_before_a_request_is_refused(client, tmp_path):
    answer = client.put(PAGE + "documents?name=a.csv", content=b"a,b\n1,2\n", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["", "settings", "static/app.css", "absent", "jobs/absent"])
def test_every_response_forbids_other_places(path, client):
    headers = client.get(PAGE + path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


def test_every_static_file_has_the_type_that_browsers_insist_on(client):
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= set(TYPES)
    for path in files:
        answer = client.get(f"{PAGE}static/{path.relative_to(STATIC).as_posix()}")
        assert answer.headers["content-type"] == f"{TYPES[path.suffix]}; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["static/../server.py", "static/..%2fserver.py", "static/%2e%2e/server.py", "static//etc/passwd", "static/"]
)
def test_only_static_files_are_served(path, client):
    assert client.get(PAGE + path).status_code == 404
