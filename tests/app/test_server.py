"""The server as a process: what it survives, and when it ends."""

import http.client
import json
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from helpers.app_server import LIMIT, running_command, running_server

pytestmark = pytest.mark.slow
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("server")) as (address, _):
        yield address


def ask(address, method, path, body=None, headers=None):
    """(status, JSON) of a request."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=LIMIT)
    try:
        connection.request(method, parts.path + path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def open_picture(address, name, content):
    """(status, JSON) of a picture that is sent and read."""
    status, document = ask(address, "PUT", f"documents?name={name}", content)
    assert status == 200
    return ask(address, "GET", f"documents/{document['id']}/picture/info")


def png_header(width, height):
    """A PNG file that ends after a few rows."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("announced", [True, False])
def test_500_megabytes_are_refused(announced, address):
    n_pieces, piece = 500, bytes(1_000_000)
    headers = {"Content-Length": str(n_pieces * len(piece))} if announced else {}
    status, answer = ask(address, "PUT", "documents?name=large.tif", (piece for _ in range(n_pieces)), headers)
    assert status == 413
    assert answer["error"].startswith("large.tif has 500 MB; the page takes files of at most 400 MB. Start the ")
    assert ask(address, "GET", "settings")[0] == 200


@pytest.mark.parametrize("size", [(60_000, 60_000), (40_000, 30_000), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1)])
def test_headers_of_enormous_pictures_are_refused(size, address):
    status, answer = open_picture(address, "huge.png", png_header(*size))
    assert status == 400
    assert answer["error"].startswith("huge.png ")
    assert ask(address, "GET", "settings")[0] == 200


@pytest.mark.parametrize("name", ["text.png", "text.jpg", "text.tif", "text.nii", "text.nii.gz", "text.webp"])
def test_text_with_the_name_of_a_picture_is_refused(name, address):
    status, answer = open_picture(address, name, b"This is a letter, and not a picture.\n" * 30)
    assert status == 400
    assert answer["error"].startswith(f"{name} ")
    assert ask(address, "GET", "settings")[0] == 200


@pytest.mark.skipif(sys.platform == "win32", reason="the program in BROWSER is a script of the shell")
def test_the_browser_is_started_with_an_address_that_works_once(tmp_path, monkeypatch):
    program = tmp_path / "browser.sh"
    program.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/started.new\nmv {tmp_path}/started.new {tmp_path}/started\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(program))
    with running_command(tmp_path, browser=True) as (address, _):
        wait_for((tmp_path / "started").exists)
        ticket = (tmp_path / "started").read_text().strip()
        assert urlsplit(address).path not in ticket
        with urllib.request.urlopen(ticket) as answer:
            assert answer.url == address
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(ticket)


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path):
    with running_server(tmp_path) as (address, _):
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            head = f"PUT {parts.path}documents?name=a.csv HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: 9000"
            connection.sendall(f"{head}\r\n\r\na,b\n".encode())
        assert ask(address, "GET", "documents") == (200, [])
        (folder,) = tmp_path.glob("gaussmix-app-*")
        wait_for(lambda: not list(folder.iterdir()))


def test_the_server_listens_on_the_loopback_address_only(address):
    port = urlsplit(address).port
    for other in ("127.0.0.2", "::1"):
        family = socket.AF_INET6 if ":" in other else socket.AF_INET
        with socket.socket(family) as connection:
            assert connection.connect_ex((other, port)) != 0


def test_a_port_that_is_in_use_is_refused(address):
    port = urlsplit(address).port
    code = f"from gaussmix.app.server import serve; serve(port={port}, browser=False)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT)
    assert (
        f"OSError: Port {port} cannot be used (Address already in use); choose another one, or leave out" in done.stderr
    )


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_its_processes_and_its_folder(number, tmp_path):
    with running_command(tmp_path) as (address, process):
        ask(address, "POST", "examples/old_faithful.csv")
        children = children_of(process.pid)
        assert children
        assert len(list(tmp_path.glob("gaussmix-app-*/*/*"))) == 1
        process.send_signal(number)
        assert process.wait(LIMIT) == (0 if number == signal.SIGINT else 128 + signal.SIGTERM)
        assert list(tmp_path.iterdir()) == []
        wait_for(lambda: not any(is_running(child) for child in children))


@needs_proc
def test_processes_of_a_server_that_is_killed_end(tmp_path):
    with running_server(tmp_path) as (_, process):
        wait_for(lambda: children_of(process.pid))
        children = children_of(process.pid)
        process.kill()
        process.wait(LIMIT)
        wait_for(lambda: not any(is_running(child) for child in children))


def test_the_server_ends_after_the_grace_time_without_a_page(tmp_path):
    with running_server(tmp_path, grace=0.5) as (address, process):
        time.sleep(1)  # no page has been there yet
        first, second = listen(address), listen(address)
        first.close()
        time.sleep(1)  # another page is there
        assert process.poll() is None
        second.close()
        assert process.wait(LIMIT) == 0
        assert list(tmp_path.iterdir()) == []


def test_a_page_that_comes_back_in_time_keeps_the_server(tmp_path):
    with running_server(tmp_path, grace=3) as (address, process):
        listen(address).close()
        page = listen(address)
        time.sleep(4)
        assert process.poll() is None
        page.close()


@pytest.mark.skipif(sys.platform == "win32", reason="a signal for one process is POSIX's")
def test_a_page_hears_of_the_end(tmp_path):
    with running_server(tmp_path) as (address, process):
        page = listen(address)
        process.send_signal(signal.SIGINT)
        assert b"event: bye" in page.makefile("rb").read()
        assert process.wait(LIMIT) == 0
        page.close()


def listen(address):
    """The connection of a page that is open."""
    parts = urlsplit(address)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=LIMIT)
    connection.sendall(f"GET {parts.path}presence HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    received = b""
    while b"event: hello" not in received:
        received += connection.recv(1000)
    return connection


def wait_for(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def children_of(parent):
    """The processes of a parent, by their files in /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            if int(path.read_text().rsplit(")", 1)[1].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
