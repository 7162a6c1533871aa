"""The threads of the compiled code: how many, that they sleep, and that they work wherever Python runs."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from gaussmix import GaussianMixture, GaussianMixtureIC
from gaussmix.core import _native
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.imaging import segment_image
from gaussmix.testing import random_mixture

START = """
import os, resource, sys, time
import numpy as np
from threadpoolctl import threadpool_limits
from gaussmix.core import _native
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.testing import random_mixture

rng = np.random.default_rng(2)
mixture = random_mixture(covariance_class("full"), 4, 6, rng)
engine = NativeEngine(mixture.sample(20_000, rng)[0])

def passed(n_threads=3):
    with threadpool_limits(n_threads, user_api="openmp"):
        return engine.accumulate(mixture.whitened()).log_likelihood

def tasks():
    return set(os.listdir("/proc/self/task"))

def state(task):
    return open(f"/proc/self/task/{task}/stat").read().rpartition(")")[2].split()[0]

def leave(n_bytes):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + n_bytes, resource.RLIM_INFINITY))
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="the threads of a process are read in /proc")
openmp = pytest.mark.skipif("no OpenMP" in _native.build_description(), reason="threadpoolctl limits OpenMP")


def run(script, **environment):
    """Return what a Python process prints; it has minutes."""
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", START + script], capture_output=True, text=True, timeout=300, env=inherited | environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def engine_and_mixture(n_rows=20_000, structure="full"):
    rng = np.random.default_rng(3)
    mixture = random_mixture(covariance_class(structure), 4, 6, rng)
    return NativeEngine(mixture.sample(n_rows, rng)[0]), mixture.whitened()


@openmp
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_the_limit_of_threadpoolctl_is_obeyed(limit):
    before = _native.max_threads()
    with threadpool_limits(limit, user_api="openmp"):
        assert _native.max_threads() == limit
    assert _native.max_threads() == before


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 5])
def test_the_environment_sets_the_number_of_threads(number):
    # whatever the share of a container is
    script = "_native.limit_processors(3); print(_native.max_threads())"
    assert run(script, OMP_NUM_THREADS=str(number)) == str(number)


@pytest.mark.slow
@linux
@pytest.mark.parametrize("change", ["_native.limit_processors(1)", "os.sched_setaffinity(0, [min(usable)])"])
def test_passes_use_the_processors_that_the_process_has(change):
    script = f"""
usable = os.sched_getaffinity(0)
_native.limit_processors(10_000)
assert _native.max_threads() == len(usable)
{change}
print(_native.max_threads())
"""
    assert run(script) == "1"


@pytest.mark.slow
@linux
@openmp
@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_a_pass_starts_no_more_threads_than_it_may_use(n_threads):
    script = f"""
before = tasks()
small = NativeEngine(mixture.sample(300, rng)[0])
with threadpool_limits(8, user_api="openmp"):
    small.accumulate(mixture.whitened())
assert tasks() == before, "a thread for 300 rows"
for _ in range(3):
    passed({n_threads})
print(len(tasks() - before))
"""
    assert run(script) == str(n_threads - 1)


@pytest.mark.slow
@linux
@openmp
@pytest.mark.parametrize(
    "environment",
    [{}, {"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "infinite"}, {"KMP_BLOCKTIME": "infinite"}],
    ids=lambda environment: next(iter(environment), "none"),
)
def test_threads_sleep_after_a_pass_whatever_the_environment_says(environment):
    script = """
before = tasks()
passed(4)
workers = tasks() - before
assert len(workers) == 3
end = time.monotonic() + 240
asleep = 0  # times in a row
while asleep < 20 and time.monotonic() < end:
    time.sleep(0.005)
    asleep = asleep + 1 if all(state(task) == "S" for task in workers) else 0
print(asleep)
"""
    assert run(script, **environment) == "20"


def test_passes_of_several_python_threads_have_the_same_bits():
    engine, mixture = engine_and_mixture()
    alone = engine.accumulate(mixture)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda _: engine.accumulate(mixture), range(64)))
    for moments in together:
        for name in ("counts", "shifts", "scatter", "log_likelihood"):
            assert np.array_equal(getattr(moments, name), getattr(alone, name))


@openmp
@pytest.mark.slow
@pytest.mark.parametrize("n_threads", [1, 2, 3, 8])
def test_fits_of_several_python_threads_have_the_same_bits(n_threads):
    rng = np.random.default_rng(0)
    tables = [rng.normal(size=(3000, 4)) + 4 * rng.integers(0, 3, size=(3000, 1)) for _ in range(4)]

    def fit(rows):
        return GaussianMixture(3, random_state=0, max_iter=20).fit(rows).score(rows)

    def fit_with_threads(rows):
        with threadpool_limits(n_threads, user_api="openmp"):  # a limit of this Python thread
            return fit(rows)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(fit_with_threads, tables)) == [fit(rows) for rows in tables]


@openmp
@pytest.mark.parametrize("kind", ["wide", "image"])
def test_work_in_steps_has_the_same_bits_for_any_number_of_threads(kind):
    rng = np.random.default_rng(4)
    if kind == "wide":  # components are shared among the threads
        mixture = random_mixture(covariance_class("full"), 3, 110, rng)
        engine = NativeEngine(mixture.sample(1500, rng)[0])
        results = lambda: engine.accumulate(mixture.whitened()).scatter  # noqa: E731
    else:  # lines of the same color
        image = (np.where(np.arange(330) < 150, 60, 170) + rng.normal(0, 40, (330, 330))).clip(0, 255).astype(np.uint8)
        results = lambda: segment_image(image, 2, smoothing=1.0, random_state=0)  # noqa: E731
    expected = None
    for n_threads in (1, 2, 3, 5, 8):
        with threadpool_limits(n_threads, user_api="openmp"):
            found = results()
        expected = found if expected is None else expected
        assert np.array_equal(found, expected)


@pytest.mark.slow
def test_jobs_of_a_search_share_the_threads():
    rows = np.random.default_rng(1).normal(size=(400, 3)) + 5 * np.arange(400)[:, None] // 200
    tables = [
        GaussianMixtureIC([1, 2, 3], n_jobs=n_jobs, random_state=0).fit(rows).results_.value for n_jobs in (1, 2, 4)
    ]
    assert all(np.array_equal(table, tables[0], equal_nan=True) for table in tables)


@pytest.mark.slow
def test_processes_of_joblib_get_the_same_fits():
    from joblib import Parallel, delayed

    rows = np.random.default_rng(0).normal(size=(3000, 3)) + 4 * np.arange(3000)[:, None] // 1000

    def fit(seed):
        return GaussianMixture(3, random_state=seed).fit(rows).score(rows)

    assert Parallel(n_jobs=2)(delayed(fit)(seed) for seed in range(4)) == [fit(seed) for seed in range(4)]


FORKS = {
    "after a pass": "passed()",
    "before a pass": "",
    "during passes of other threads": """
import threading
for _ in range(3):
    threading.Thread(target=lambda: [passed() for _ in range(100_000)], daemon=True).start()
time.sleep(0.05)
""",
}


@pytest.mark.slow
@linux
@openmp
@pytest.mark.parametrize("when", FORKS)
def test_a_forked_child_has_threads_of_its_own(when):
    script = f"""
import signal, warnings
from gaussmix import GaussianMixture
warnings.simplefilter("ignore", DeprecationWarning)
expected = NativeEngine(engine.values).accumulate(mixture.whitened()).log_likelihood
{FORKS[when]}
for _ in range(5):
    child = os.fork()
    if child == 0:
        signal.alarm(240)  # ends a child that hangs
        passed(1)  # starts what BLAS needs
        before = tasks()
        right = passed() == expected and len(tasks() - before) == 2
        GaussianMixture(2, random_state=0).fit(engine.values[:3000])
        grandchild = os.fork()
        if grandchild == 0:
            os._exit(0 if passed() == expected else 1)
        os._exit(0 if right and os.waitpid(grandchild, 0)[1] == 0 else 1)
    assert os.waitpid(child, 0) == (child, 0), "the child hung or got another result"
assert passed() == expected
os._exit(0)
"""
    run(script)


@pytest.mark.slow
@linux
@openmp
def test_a_process_that_cannot_start_threads_works_alone():
    script = """
with threadpool_limits(1, user_api="openmp"):
    expected = engine.accumulate(mixture.whitened()).log_likelihood
before = tasks()
leave(4 << 20)  # less than the stack of a thread
found = passed(4)
assert found == expected and tasks() == before
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert passed(4) == expected
print(len(tasks() - before))
"""
    assert run(script) == "3"


@pytest.mark.slow
@linux
@openmp
@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_memory_that_is_missing_in_a_thread_is_an_error_of_the_caller(n_threads):
    script = f"""
k, d, m, n = 60, 96, 8, 200
rows, responsibilities = rng.normal(size=(n, d)), rng.dirichlet(np.ones(k), size=(m, n))
to = [np.zeros((m, k)), np.zeros((m, k, d)), np.zeros((m, k, d, d)), np.zeros(m), np.zeros(m), np.zeros(m, np.int64)]

def batch():
    with threadpool_limits({n_threads}, user_api="openmp"):
        _native.em_batch(rows, None, "VVV", responsibilities, np.eye(d), 2.0, 1e-3, 2, 1e-3, False, *to)

passed({n_threads})
leave(10 << 20)
for _ in range(3):
    try:
        batch()
    except MemoryError:
        print("missing", end=" ")
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
batch()
print(np.isfinite(to[3]).all())
"""
    assert run(script) == "missing missing missing True"
