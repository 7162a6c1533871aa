"""A process that does long work; `gaussmix.app.jobs` starts it.

It reads pickled messages from its parent on standard input, and answers on standard output. It ends when its parent
does.
"""

import importlib
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Collection
from typing import Any, BinaryIO

from gaussmix.core.errors import MissingDependencyError

WARM = ("gaussmix.estimators", "gaussmix.imaging", "sklearn.cluster")
"""Modules that are imported before the first job arrives."""

Report = Callable[[float | None, str], None]
"""Tells the share of the work that is done, if it is known, and what is being done."""


INTERVAL = 0.04
"""Seconds between two messages about progress."""


class Canceled(Exception):  # noqa: N818
    """The user has canceled the job; ``report`` raises it."""


class Channel:
    """Pickled messages through a pair of pipes."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._lock = threading.Lock()

    def send(self, *message: object) -> None:
        """Send a message."""
        content = pickle.dumps(message, protocol=5)
        with self._lock:
            self._sink.write(content)
            self._sink.flush()

    def receive(self) -> tuple[Any, ...]:
        """Wait for a message; raise EOFError if the other side has ended."""
        message: tuple[Any, ...] = pickle.load(self._source)
        return message


def main() -> None:
    """Run jobs until the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes of a terminal; the parent ends this one
    channel = _own_channel()
    sys.path[:] = channel.receive()[0]
    jobs: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
    canceled: set[str] = set()
    threading.Thread(target=_listen, args=(channel, jobs, canceled), daemon=True).start()
    for module in WARM:
        importlib.import_module(module)
    channel.send("ready")
    while True:
        identifier, work = jobs.get()
        channel.send(*_outcome(work, _Reporter(channel, identifier, canceled)))


def _own_channel() -> Channel:
    """Take over standard input and output: what a job prints goes to standard error."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return Channel(source, sink)


def _listen(channel: Channel, jobs: "queue.SimpleQueue[tuple[str, bytes]]", canceled: set[str]) -> None:
    while True:
        try:
            kind, *content = channel.receive()
        except (EOFError, OSError):
            os._exit(0)  # the parent has ended, so nobody waits for the job that may be running
        if kind == "job":
            jobs.put((content[0], content[1]))
        else:
            canceled.add(content[0])


class _Reporter:
    """Sends progress to the parent, not more often than anyone can see, and raises Canceled after a cancel."""

    def __init__(self, channel: Channel, identifier: str, canceled: Collection[str]) -> None:
        self._channel, self._identifier, self._canceled = channel, identifier, canceled
        self._next = 0.0

    def __call__(self, fraction: float | None, text: str) -> None:
        if self._identifier in self._canceled:
            raise Canceled
        now = time.monotonic()
        if now >= self._next:
            self._next = now + INTERVAL
            self._channel.send("progress", fraction, text)


def _outcome(work: bytes, report: Report) -> tuple[Any, ...]:
    """Run a job; return ("done", result, warnings), ("failed", text) or ("canceled",)."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            function, args = pickle.loads(work)
            result = function(report, *args)
        texts = list(dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught))
        return "done", pickle.dumps(result, protocol=5), texts
    except Canceled:
        return ("canceled",)
    except (ValueError, OSError, MissingDependencyError, FloatingPointError, MemoryError) as error:
        return "failed", " ".join(str(error).split()) or type(error).__name__
    except Exception as error:
        traceback.print_exc()
        return "failed", f"This is a mistake in gaussmix: {error!r}"
