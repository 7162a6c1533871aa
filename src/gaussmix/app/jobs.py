"""Long work in a process of its own, one job after the other, which can be canceled at any time."""

import pickle
import queue
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from gaussmix.app.documents import new_identifier
from gaussmix.app.worker import Channel

JobState = Literal["waiting", "running", "done", "failed", "canceled"]

PATIENCE = 0.3
"""Seconds that a canceled job has to end by itself before its process is ended."""

GRACE = 5.0
"""Seconds to wait, when the server ends, for a job's callback."""

KEPT = 10
"""Jobs that are remembered after they have ended."""


class UnknownJobError(LookupError):
    """A job that is not known, or not known any more."""


@dataclass(eq=False)
class Job:
    """Long work, and how far it is.

    Attributes
    ----------
    id : str
        What stands for the job in addresses.
    title : str
        What the job does, for the page.
    state : {"waiting", "running", "done", "failed", "canceled"}
        Where it is.
    fraction : float or None
        Share of the work that is done, if it is known.
    text : str
        What is being done.
    error : str
        Why the job failed.
    warnings : list of str
        What the work warned of.
    """

    id: str
    title: str
    work: bytes
    on_done: Callable[[Any], None] | None = None
    state: JobState = "waiting"
    fraction: float | None = None
    text: str = ""
    error: str = ""
    warnings: list[str] = field(default_factory=list)
    result: Any = None

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ("done", "failed", "canceled")

    def as_json(self) -> dict[str, Any]:
        """Return what the page shows of the job."""
        names = ("id", "title", "state", "fraction", "text", "error", "warnings")
        return {name: getattr(self, name) for name in names}


class Jobs:
    """A queue of jobs for one process; after the first job a second one is ready for when the first is ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._running: Job | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run_all, daemon=True)

    def start(self) -> None:
        """Start a process, so that the first job need not wait for it."""
        with self._lock:
            self._begin()

    def submit(
        self, title: str, function: Callable[..., Any], *args: Any, on_done: Callable[[Any], None] | None = None
    ) -> Job:
        """Add a job to the queue.

        Parameters
        ----------
        title : str
            What the job does, for the page.
        function : callable
            Called as ``function(report, *args)`` in the other process; ``report(fraction, text)`` tells how far it is.
            It is pickled, so it belongs to a module.
        *args : object
            What can be pickled.
        on_done : callable, optional
            Called with the result in a thread of this process; the result is not kept then.

        Returns
        -------
        Job
            The job, which waits for those before it.
        """
        job = Job(new_identifier(), title, pickle.dumps((function, args), protocol=5), on_done)
        with self._lock:
            self._begin()
            self._jobs[job.id] = job
            for old in [each for each in self._jobs.values() if each.ended][:-KEPT]:
                del self._jobs[old.id]
        self._queue.put(job)
        return job

    def __getitem__(self, identifier: str) -> Job:
        """Return a job; raise UnknownJobError if there is none."""
        with self._lock:
            job = self._jobs.get(identifier)
        if job is None:
            raise UnknownJobError("This work is no longer known.")
        return job

    def result(self, identifier: str) -> Any:
        """Return what a job that is done has returned."""
        job = self[identifier]
        if job.state != "done":
            raise ValueError(f"{job.title} has no result: it is {job.state}")
        return job.result

    def cancel(self, identifier: str) -> Job:
        """Cancel a job that has not ended; a job that has ended stays as it is."""
        job = self[identifier]
        with self._lock:
            if job.state == "waiting":
                job.state = "canceled"
            elif job is self._running:
                worker = self._workers[0]
                worker.cancel(job)
                timer = threading.Timer(PATIENCE, self._end_if_running, (job, worker))
                timer.daemon = True
                timer.start()
        return job

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.kill()
        self._queue.put(None)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(GRACE)  # it reads from the processes, so their pipes stay open until then
        for worker in workers:
            worker.end()

    def _begin(self) -> None:
        """Start the thread that runs the jobs; the caller holds the lock."""
        if self._thread.ident is None and not self._closed:
            self._thread.start()

    def _prepare(self, n_workers: int) -> None:
        """Start processes until there are so many, and wait until the first one is ready."""
        with self._lock:
            while len(self._workers) < n_workers and not self._closed:
                self._workers.append(_Worker())
            first = self._workers[:1]
        for worker in first:
            with suppress(EOFError, OSError):  # the next job says that its process has ended
                worker.wait_until_ready()

    def _end_if_running(self, job: Job, worker: "_Worker") -> None:
        with self._lock:
            if job is self._running:
                worker.kill()

    def _run_all(self) -> None:
        with suppress(OSError):  # the first job says so
            self._prepare(1)
        while (job := self._queue.get()) is not None:
            try:
                self._prepare(1)
            except OSError as error:
                job.error, job.state = f"No process can be started for this work: {error}", "failed"
                continue
            with self._lock:
                if job.state == "canceled" or self._closed:
                    continue
                job.state, self._running = "running", job
                worker = self._workers[0]
            survived = self._run(job, worker)
            with self._lock:
                self._running = None
                job.work = b""
                if (worker.was_killed or not survived) and not self._closed:
                    worker.end()
                    self._workers.remove(worker)
            with suppress(OSError):
                self._prepare(2)  # not before the first job, with which the second process would compete

    def _run(self, job: Job, worker: "_Worker") -> bool:
        """Run a job to its end; return whether its process can do another one."""
        try:
            worker.send(job)
            while True:
                kind, *content = worker.receive()
                if kind == "progress":
                    job.fraction, job.text = content
                    continue
                self._end(job, kind, content)
                return True
        except (EOFError, OSError, pickle.UnpicklingError):
            if worker.was_canceled:
                job.state = "canceled"
            else:
                job.error = "The process that did this work ended; there may not be enough memory for it."
                job.state = "failed"
            return False

    def _end(self, job: Job, kind: str, content: list[Any]) -> None:
        if kind == "done":
            try:
                result = pickle.loads(content[0])
                if job.on_done is None:
                    job.result = result
                else:
                    job.on_done(result)
                job.warnings, job.fraction, job.state = content[1], 1.0, "done"
            except Exception as error:  # whatever the callback raises: the queue goes on
                traceback.print_exc()
                job.error, job.state = str(error), "failed"
        elif kind == "failed":
            job.error, job.state = content[0], "failed"
        else:
            job.state = "canceled"


class _Worker:
    """The process of `gaussmix.app.worker`, seen from its parent."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from gaussmix.app.worker import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for the server
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._channel = Channel(self._process.stdout, self._process.stdin)  # type: ignore[arg-type]
        self._channel.send(list(sys.path))
        self.was_canceled = self.was_killed = self._is_ready = False

    def wait_until_ready(self) -> None:
        if not self._is_ready:
            self.receive()
            self._is_ready = True

    def send(self, job: Job) -> None:
        self.was_canceled = False
        self._channel.send("job", job.id, job.work)

    def receive(self) -> tuple[Any, ...]:
        return self._channel.receive()

    def cancel(self, job: Job) -> None:
        self.was_canceled = True
        with suppress(OSError):  # it may have ended by itself
            self._channel.send("cancel", job.id)

    def kill(self) -> None:
        """End the process; the pipes stay open for the thread that may be reading from them."""
        self.was_killed = True
        self._process.kill()

    def end(self) -> None:
        """End the process and close its pipes, which no thread may be reading from."""
        self.kill()
        with self._process:  # closes the pipes and waits
            pass
