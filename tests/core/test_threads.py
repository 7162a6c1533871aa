"""Work in threads: results in order, an end when the caller ends, BLAS and warnings as they were."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import OpenBLASController, ThreadpoolController, threadpool_info, threadpool_limits

from gaussmix import DegenerateDataWarning, GaussianMixture, GaussianMixtureIC
from gaussmix.core.environment import one_blas_thread
from gaussmix.core.threads import mapped_in_threads
from gaussmix.core.warning_values import collected_warnings, warn
from gaussmix.imaging import compare, segment_image

WIDE = 600, 40  # rows and columns for which BLAS is limited


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture
def two_blas_threads():
    limits = ThreadpoolController().select(user_api="blas").limit(limits=2)
    getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)(force=True)
    if blas_threads() != {2}:
        pytest.skip("no BLAS with several threads")
    yield
    limits.restore_original_limits()


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 5, -1])
def test_results_come_in_the_order_of_the_items(n_jobs):
    with mapped_in_threads(lambda item: item**2, range(50), n_jobs) as results:
        assert list(results) == [item**2 for item in range(50)]


@pytest.mark.parametrize("wrong", [KeyboardInterrupt, SystemExit, ValueError])
def test_no_item_is_begun_after_the_body_ended(wrong):
    begun, before = [], threading.active_count()

    def stopped():
        with mapped_in_threads(begun.append, range(10_000), 2) as results:
            next(results)
            raise wrong

    with pytest.raises(wrong):
        stopped()
    n_begun = len(begun)
    assert threading.active_count() == before
    assert len(begun) == n_begun <= 10_000


def test_an_error_in_an_item_is_that_of_the_body():
    def fail(item):
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"), mapped_in_threads(fail, range(9), 3) as results:
        list(results)


def test_the_last_thread_lifts_the_limit_of_blas(two_blas_threads):
    first_inside, first_may_leave = threading.Event(), threading.Event()

    def first():
        with one_blas_thread():
            first_inside.set()
            first_may_leave.wait()

    thread = threading.Thread(target=first)
    thread.start()
    first_inside.wait()
    with one_blas_thread():
        first_may_leave.set()
        thread.join()
        assert blas_threads() == {1}
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {2}


@pytest.mark.parametrize("n_threads", [2, 8])
def test_fits_in_threads_leave_blas_as_it_was(n_threads, two_blas_threads):
    rows = np.random.default_rng(0).normal(size=WIDE)
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(lambda seed: GaussianMixture(2, covariance_type="diag", random_state=seed).fit(rows), range(8)))
    assert blas_threads() == {2}


@pytest.mark.parametrize("n_threads", [1, 2])
def test_limits_of_the_caller_are_as_before(n_threads):
    rows = np.random.default_rng(0).normal(size=WIDE)
    with threadpool_limits(n_threads, user_api="blas"):
        before = blas_threads()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda seed: GaussianMixture(1, random_state=seed).fit(rows), range(4)))
        GaussianMixture(1).fit(rows)
        assert blas_threads() == before


@pytest.mark.parametrize("wrong", [ValueError, KeyboardInterrupt])
def test_a_failure_lifts_the_limit_of_blas_too(wrong, two_blas_threads):
    def fail():
        with one_blas_thread():
            raise wrong

    with pytest.raises(wrong):
        fail()
    assert blas_threads() == {2}


def test_warnings_are_collected_by_the_thread_that_asks_for_them():
    with collected_warnings() as found:
        warn(UserWarning("mine"))
        with collected_warnings() as inner:
            warn(UserWarning("inner"))
        with ThreadPoolExecutor(1) as pool, pytest.warns(UserWarning, match="of another thread"):
            pool.submit(warn, UserWarning("of another thread")).result()
        warn(UserWarning("mine again"))
    assert [str(warning) for warning in found] == ["mine", "mine again"]
    assert [str(warning) for warning in inner] == ["inner"]
    with pytest.warns(UserWarning, match="heard") as caught:
        warn(UserWarning("heard"))
    assert caught[0].filename == __file__


def test_collected_warnings_are_those_that_a_fit_issues():
    rows = np.random.default_rng(0).normal(size=(60, 2))
    rows = np.c_[rows, rows[:, 0]]
    for estimator in (GaussianMixture(1), GaussianMixtureIC([1], covariance_types=["EEE"])):
        with collected_warnings() as found:
            estimator.fit(rows)
        with pytest.warns(DegenerateDataWarning) as caught:
            estimator.fit(rows)
        assert [str(warning) for warning in found] == [str(warning.message) for warning in caught]
        assert caught[0].filename == __file__


SEGMENTERS = {
    "segment_image": lambda image: segment_image(image, 2, random_state=0),
    "any number of classes": lambda image: segment_image(image[:6], "auto", smoothing=0, random_state=0),
    "compare": lambda image: compare(image, 2, n_seeds=2, random_state=0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SEGMENTERS)
def test_segmentations_in_threads_leave_the_filters_of_warnings(name):
    rng = np.random.default_rng(0)
    image = (np.where(np.arange(24) < 12, 60, 170) + rng.normal(0, 15, (20, 24))).clip(0, 255).astype(np.uint8)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: SEGMENTERS[name](image), range(6)))
        assert warnings.filters == before
        warnings.warn("am I heard?", UserWarning, stacklevel=1)
    assert "am I heard?" in [str(warning.message) for warning in caught]
