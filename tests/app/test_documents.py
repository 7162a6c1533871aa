"""Files that the page sends, opens and closes."""

import gzip
import threading

import numpy as np
import pytest
from helpers.app_client import PAGE, client_of
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from gaussmix.app import uploads
from gaussmix.app.documents import ClosedDocumentError


@pytest.fixture
def opened(tmp_path):
    client, state = client_of(tmp_path)
    return client, state


def put(client, name, content):
    return client.put(f"{PAGE}documents", params={"name": name}, content=content)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("photo.png", "picture"), ("photo.JPG", "picture"), ("scan.nii.gz", "picture"), ("stack.tif", "picture"),
        ("table.csv", "table"), ("table.CSV.GZ", "table"), ("table.parquet", "table"), ("table.tsv", "table"),
    ],
)  # fmt: skip
def test_the_suffix_determines_the_room(name, kind, opened):
    client, state = opened
    document = put(client, name, b"content").json()
    assert document == {"id": document["id"], "name": name, "kind": kind}
    assert client.get(PAGE + "documents").json() == [document]
    assert state.documents[document["id"]].path.read_bytes() == b"content"


@pytest.mark.parametrize(("shape", "kind"), [((5, 2), "table"), ((5,), "table"), ((4, 5, 3), "picture")])
def test_an_array_of_two_axes_is_a_table(shape, kind, opened, tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(shape))
    assert put(opened[0], "array.npy", (tmp_path / "array.npy").read_bytes()).json()["kind"] == kind


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("/etc/cron.d/job.csv", "job.csv"),
        ("..\\..\\windows\\x.csv", "x.csv"),
        ("C:\\x.png", "x.png"),
        (".bashrc", ".bashrc"),
        ("a\x00b\n.csv", "ab.csv"),
        ("-rf.csv", "-rf.csv"),
        ("Größe 2.csv", "Größe 2.csv"),
        (f"{'x' * 300}.csv", f"{'x' * 300}.csv"),
        ("<img src=x>.csv", "<img src=x>.csv"),
    ],
)
def test_files_are_written_inside_the_temporary_folder(name, shown, opened, tmp_path):
    client, state = opened
    document = put(client, name, b"content").json()
    assert document["name"] == shown
    path = state.documents[document["id"]].path
    assert path.parent.parent == tmp_path
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]
    assert path.suffix == f".{shown.rsplit('.', 1)[-1]}" or "." not in shown.lstrip(".")


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("", b"content", "The file has no name."),
        ("..", b"content", "The file has no name."),
        ("a/", b"content", "The file has no name."),
        ("a.csv", b"", "a.csv is empty: it has no bytes."),
    ],
)
def test_files_without_name_or_content_are_refused(name, content, error, opened, tmp_path):
    answer = put(opened[0], name, content)
    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("announced", [True, False])
def test_a_large_file_is_refused_and_nothing_stays(announced, opened, tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_UPLOAD", 2_000_000)
    content = bytes(3_000_000)
    pieces = (content[start : start + 100_000] for start in range(0, len(content), 100_000))
    answer = put(opened[0], "large.png", content if announced else pieces)
    assert answer.status_code == 413
    assert answer.json()["error"].startswith("large.png has 3 MB; the page takes files of at most 2 MB. Start the ")
    assert list(tmp_path.iterdir()) == []
    assert put(opened[0], "small.png", bytes(2_000_000)).status_code == 200


@pytest.mark.parametrize(("n_bytes", "status"), [(1_000_000, 413), (400_001, 413), (400_000, 200), (10, 200)])
def test_a_compressed_table_that_is_enormous_is_refused(n_bytes, status, opened, tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_UNPACKED", 400_000)
    answer = put(opened[0], "t.csv.gz", gzip.compress(b"1" * n_bytes))
    assert answer.status_code == status
    if status == 413:
        assert answer.json() == {"error": "t.csv.gz has more than 0 MB when it is unpacked."}
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("n_bytes", "status"), [(0, 200), (1000, 200), (1001, 413), (500_000, 413)])
@pytest.mark.parametrize("announced", [True, False])
def test_other_requests_are_small(n_bytes, status, announced, monkeypatch):
    async def count(request):
        return JSONResponse(len(await request.body()))

    monkeypatch.setattr(uploads, "MAX_REQUEST", 1000)
    handlers = {uploads.TooLargeError: lambda request, error: JSONResponse(str(error), status_code=413)}
    client = TestClient(
        uploads.RequestLimit(Starlette(routes=[Route("/", count, methods=["POST"])], exception_handlers=handlers))
    )
    content = bytes(n_bytes)
    answer = client.post("/", content=content if announced else iter([content[:400], content[400:]]))
    assert answer.status_code == status
    assert answer.json() == (n_bytes if status == 200 else "The request has more than 0 MB")


def test_a_closed_document_is_gone(opened, tmp_path):
    client, state = opened
    document = state.documents[put(client, "a.csv", b"a\n1\n").json()["id"]]
    assert client.delete(f"{PAGE}documents/{document.id}").status_code == 200
    assert list(tmp_path.iterdir()) == []
    assert client.get(PAGE + "documents").json() == []
    for answer in (
        client.delete(f"{PAGE}documents/{document.id}"),
        client.get(f"{PAGE}documents/{document.id}/table/info"),
    ):
        assert (answer.status_code, answer.json()) == (404, {"error": "This file is no longer open. Open it again."})
    with pytest.raises(ClosedDocumentError):
        state.of(document, list)


def test_a_file_of_the_user_stays_where_it_is(opened, tmp_path_factory):
    client, state = opened
    path = tmp_path_factory.mktemp("mine") / "a.csv"
    path.write_text("a\n1\n")
    document = state.documents.add(path, path.name)
    client.delete(f"{PAGE}documents/{document.id}")
    assert path.exists()


def test_a_room_makes_its_state_once_and_closes_it(opened):
    client, state = opened
    document = state.documents[put(client, "a.csv", b"a\n1\n").json()["id"]]
    made = []

    class Kept:
        def __init__(self, document):
            barrier.wait(5)
            made.append(self)
            self.is_closed = False

        def close(self):
            self.is_closed = True

    barrier = threading.Barrier(1)
    threads = [threading.Thread(target=state.of, args=(document, Kept)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert state.of(document, Kept) is made[0]
    client.delete(f"{PAGE}documents/{document.id}")
    assert made[0].is_closed


def test_errors_name_the_file_and_not_its_folder(opened):
    client, _ = opened
    identifier = put(client, "photo.png", b"hello, this is text").json()["id"]
    answer = client.get(f"{PAGE}documents/{identifier}/picture/info")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("photo.png ")


@pytest.mark.parametrize("name", ["china.jpg", "old_faithful.csv"])
def test_examples_open(name, opened):
    client, _ = opened
    document = client.post(f"{PAGE}examples/{name}").json()
    assert client.get(f"{PAGE}documents/{document['id']}/{document['kind']}/info").status_code == 200


def test_other_examples_are_refused(opened):
    assert opened[0].post(f"{PAGE}examples/absent.csv").status_code == 400


def test_unexpected_errors_are_short_on_the_page(tmp_path, monkeypatch):
    client, state = client_of(tmp_path, raise_server_exceptions=False)

    def fail(identifier):
        raise KeyError("secret")

    monkeypatch.setattr(state.jobs, "cancel", fail)
    answer = client.delete(PAGE + "jobs/1")
    assert answer.status_code == 500
    assert answer.json() == {"error": "This is a mistake in gaussmix (KeyError); the terminal has the details."}


def test_addresses_that_are_not_there_are_named(opened):
    answer = opened[0].get(PAGE + "absent/thing")
    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found: GET absent/thing"})
