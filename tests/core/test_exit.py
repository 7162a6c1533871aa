"""A process ends as it should while threads are in the compiled code."""

import os
import signal
import subprocess
import sys

import pytest

START = """
import os, signal, sys, threading, time
import numpy as np
from gaussmix import GaussianMixture, Mixture, bootstrap
from gaussmix.imaging import segment_image

rng = np.random.default_rng(0)
rows = np.concatenate([rng.normal(0, 1, (2000, 4)), rng.normal(3, 1, (2000, 4))])
many = np.tile(rows, (40, 1))
mixture = Mixture.from_parameters([0.5, 0.5], [[0.0] * 4, [3.0] * 4], [1.0, 1.0], covariance_type="spherical")
begun = threading.Event()

def again_and_again(call):
    def work():
        while True:
            call()
            begun.set()
    threading.Thread(target=work, daemon=True).start()
"""
WORK = {
    "responsibilities": "mixture.responsibilities(many)",
    "labels": "mixture.labels(many)",
    "fits": "GaussianMixture(3, random_state=0).fit(rows)",
    "segmentation": "segment_image(many[:, 0].reshape(400, 400), 2, smoothing=1.0, random_state=0)",
}


def ended(script, **options):
    """The exit code and the errors of a Python process; it has minutes."""
    done = subprocess.run(
        [sys.executable, "-c", START + script], capture_output=True, text=True, timeout=300, **options
    )
    return done.returncode, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("work", WORK)
def test_daemon_threads_in_a_pass_do_not_abort_the_process(work):
    script = f"""
for _ in range(2):
    again_and_again(lambda: {WORK[work]})
begun.wait()
"""
    assert ended(script) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("code", [0, 3])
def test_functions_that_run_at_exit_may_use_the_compiled_code(code):
    script = f"""
import atexit
again_and_again(lambda: mixture.labels(many))
atexit.register(lambda: print(mixture.labels(rows[:1]), file=sys.stderr))
begun.wait()
sys.exit({code})
"""
    assert ended(script) == (code, "[0]\n")


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or sys.platform == "win32", reason="POSIX signals")
@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("caught", [True, False])
def test_an_interrupted_bootstrap_leaves_no_worker_running(n_jobs, caught):
    script = f"""
model = GaussianMixture(2, random_state=0).fit(rows)
before = threading.active_count()
timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
timer.start()
try:
    bootstrap(model, rows, n_draws=1_000_000, n_jobs={n_jobs})
except KeyboardInterrupt:
    timer.join()
    assert threading.active_count() == before, threading.enumerate()
    if not {caught}:
        raise
"""
    code, errors = ended(script)
    if caught:
        assert (code, errors) == (0, "")
    else:
        assert errors.endswith("\nKeyboardInterrupt\n")
        assert code == -signal.SIGINT


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.slow
def test_a_forked_child_ends_too():
    script = """
again_and_again(lambda: mixture.labels(many))
begun.wait()
child = os.fork()
if child == 0:
    mixture.labels(rows)
    sys.exit(5)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
"""
    code, errors = ended(script)
    assert code == 0, errors
