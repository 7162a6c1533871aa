"""The server of the application in a process of its own."""

import os
import subprocess
import sys
from contextlib import contextmanager

SERVE = """
import sys
from pathlib import Path
from gaussmix.app.server import serve
file = Path(sys.argv[2]) if len(sys.argv) > 2 else None
serve(file, browser=False, grace=float(sys.argv[1]), announce=lambda address: print(address, flush=True))
"""
LIMIT = 60
"""Seconds that a server may take to end."""


@contextmanager
def running_server(folder, *files, grace=600.0):
    """Yield (address, process) of a server with its temporary folder in `folder`; it is ended at last."""
    with running([sys.executable, "-c", SERVE, str(grace), *map(str, files)], folder) as started:
        yield started


@contextmanager
def running_command(folder, *args, browser=False):
    """Yield (address, process) of ``gaussmix app`` with arguments; it is ended at last."""
    options = [] if browser else ["--no-browser"]
    with running([sys.executable, "-m", "gaussmix", "app", *options, *map(str, args)], folder) as started:
        yield started


@contextmanager
def running(command, folder):
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.terminate()
        process.wait(LIMIT)
        process.stdout.close()
