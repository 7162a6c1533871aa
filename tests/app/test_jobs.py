"""Jobs: results, failures and cancels of work in another process."""

import threading
import time

import numpy as np
import pytest
from helpers import app_jobs

from gaussmix.app.jobs import Jobs, UnknownJobError

LIMIT = 120  # seconds


@pytest.fixture(scope="module")
def jobs():
    jobs = Jobs()
    jobs.start()
    yield jobs
    jobs.close()


def wait_for(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def ended(jobs, *args, **options):
    job = jobs.submit("Work", *args, **options)
    wait_for(lambda: job.ended)
    return job


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [(1, 2), ("a", "b"), ([1], [2]), (np.zeros(3_000_000), 1.0)])
def test_the_result_comes_back(first, second, jobs):
    job = ended(jobs, app_jobs.add, first, second)
    assert job.state == "done"
    assert (job.fraction, job.error, job.warnings) == (1.0, "", [])
    np.testing.assert_array_equal(jobs.result(job.id), first + second)


@pytest.mark.slow
def test_a_callback_has_the_result_before_the_job_is_done(jobs):
    seen = []
    job = jobs.submit("Work", app_jobs.add, 1, 2, on_done=seen.append)
    wait_for(lambda: job.state == "done")
    assert seen == [3]
    assert jobs.result(job.id) is None


@pytest.mark.slow
def test_warnings_are_told(jobs):
    assert ended(jobs, app_jobs.warn).as_json()["warnings"] == ["rows are few"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "args", "error"),
    [
        (app_jobs.refuse, ("the column is constant",), "the column is constant"),
        (app_jobs.fail, (), "This is a mistake in gaussmix: UnusualError('this')"),
        (app_jobs.unpicklable, (), "This is a mistake in gaussmix: "),
        (app_jobs.crash, (), "The process that did this work ended; there may not be enough memory for it."),
    ],
)
def test_failures_are_told_and_the_next_job_runs(function, args, error, jobs):
    job = ended(jobs, function, *args)
    assert job.state == "failed"
    assert job.error.startswith(error)
    with pytest.raises(ValueError, match="Work has no result: it is failed"):
        jobs.result(job.id)
    assert ended(jobs, app_jobs.add, 2, 3).result == 5


@pytest.mark.slow
def test_a_callback_that_fails_is_told_and_the_next_job_runs(jobs):
    def refuse(result):
        raise ValueError(f"{result} is too much")

    job = ended(jobs, app_jobs.add, 1, 2, on_done=refuse)
    assert (job.state, job.error) == ("failed", "3 is too much")
    assert ended(jobs, app_jobs.add, 2, 3).result == 5


@pytest.mark.slow
@pytest.mark.parametrize("function", [app_jobs.wait_and_report, app_jobs.wait_in_one_piece])
def test_a_running_job_is_canceled_and_so_is_one_that_waits(function, jobs):
    job, second = jobs.submit("Work", function), jobs.submit("Work", app_jobs.add, 1, 2)
    wait_for(lambda: job.text)
    assert (job.state, second.state) == ("running", "waiting")
    jobs.cancel(second.id)
    assert second.state == "canceled"
    jobs.cancel(job.id)
    wait_for(lambda: job.ended)
    assert job.state == "canceled"
    after = ended(jobs, app_jobs.add, 2, 3)
    assert after.result == 5
    assert jobs.cancel(after.id).state == "done"


@pytest.mark.slow
def test_work_that_hears_of_the_cancel_keeps_its_process(jobs, monkeypatch):
    monkeypatch.setattr("gaussmix.app.jobs.PATIENCE", LIMIT)
    before = ended(jobs, app_jobs.process_id).result
    job = jobs.submit("Work", app_jobs.wait_and_report)
    wait_for(lambda: job.text)
    jobs.cancel(job.id)
    assert ended(jobs, app_jobs.process_id).result == before


@pytest.mark.slow
@pytest.mark.parametrize("patience", [0.0, 0.01, 0.02, 0.05])
def test_a_cancel_at_any_moment_leaves_a_process_for_the_next_job(patience, monkeypatch):
    monkeypatch.setattr("gaussmix.app.jobs.PATIENCE", patience)
    jobs = Jobs()
    for pause in (0.0, 0.004, 0.01):
        job = jobs.submit("Work", app_jobs.wait_and_report)
        wait_for(lambda job=job: job.text)
        threading.Event().wait(pause)
        jobs.cancel(job.id)
        wait_for(lambda job=job: job.ended)
        assert job.state == "canceled"
        assert ended(jobs, app_jobs.add, 1, 2).result == 3
    jobs.close()


@pytest.mark.slow
def test_a_process_that_cannot_be_started_is_told_and_the_next_job_runs(monkeypatch):
    def refuse(*args, **options):
        raise OSError("no more processes")

    jobs = Jobs()
    with monkeypatch.context() as patch:
        patch.setattr("gaussmix.app.jobs.subprocess.Popen", refuse)
        job = ended(jobs, app_jobs.add, 1, 2)
    assert (job.state, job.error) == ("failed", "No process can be started for this work: no more processes")
    assert ended(jobs, app_jobs.add, 2, 3).result == 5
    jobs.close()


def test_a_job_that_is_not_known_is_refused():
    with pytest.raises(UnknownJobError, match="no longer known"):
        Jobs().result("1234")


@pytest.mark.slow
def test_closing_ends_a_running_job():
    jobs = Jobs()
    job = jobs.submit("Work", app_jobs.wait_in_one_piece)
    wait_for(lambda: job.text)
    closing = threading.Thread(target=jobs.close)
    closing.start()
    wait_for(lambda: job.ended)
    closing.join(LIMIT)
    assert not closing.is_alive()
