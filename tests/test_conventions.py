"""Tests use public names, and do not measure time."""

import re
from pathlib import Path

import pytest

TESTS = sorted(set(Path(__file__).parent.rglob("*.py")) - {Path(__file__)})

PRIVATE = re.compile(
    r"(?m)^from gaussmix\S* import .*\b_(?!native\b)\w+"  # an import
    r"|[\"']gaussmix[\w.]*\._(?!native\b)\w+"  # a dotted name in monkeypatch.setattr
    r"|setattr\(\w[\w.]*, [\"']_(?!native\b)(?!_)\w+"
    r"|(?<!\bself)(?<!\bos)\._(?!native\b|repr_html_\b|repr_mimebundle_\b|_)\w+"  # an attribute
)
CLOCK = re.compile(r"\btime\.(?:perf_counter|monotonic|time|process_time)\(")

CLOCK_ALLOWED = {
    "core/test_native_threads.py",  # a wait for threads ends some time
    "app/test_jobs.py",  # waits for a process, not longer than a limit
    "app/test_server.py",  # the same
    "fitting/test_multistart.py",  # the seconds in history_ lie within the fit, however long it takes
}


def names(paths):
    return {path.relative_to(Path(__file__).parent).as_posix() for path in paths}


def test_tests_use_public_names():
    assert names(path for path in TESTS if PRIVATE.search(path.read_text(encoding="utf-8"))) == set()


def test_tests_do_not_measure_time():
    assert names(path for path in TESTS if CLOCK.search(path.read_text(encoding="utf-8"))) == CLOCK_ALLOWED


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from gaussmix.fitting.em import fit_em, _loop", True),
        ("from gaussmix.core import _native", False),
        ('monkeypatch.setattr("gaussmix.fitting.multistart._ROWS", 3)', True),
        ('monkeypatch.setattr("gaussmix.fitting.multistart.ALL_ROWS", 3)', False),
        ('monkeypatch.setattr(labeling, "_ROWS", 3)', True),
        ('monkeypatch.setattr(GaussianMixture, "__init__", init)', False),
        ("engine._pieces(3)", True),
        ("self._mine, table._repr_html_()", False),
    ],
)
def test_private_names_are_seen(line, found):
    assert bool(PRIVATE.search(line)) == found
