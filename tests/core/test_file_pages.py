"""Memory of mapped files: given back after use, and never that of changes that exist in memory only."""

import mmap
import sys

import numpy as np
import pytest
from helpers.stored import clusters, write_npy

from gaussmix.core.engines import NativeEngine
from gaussmix.core.file_pages import FilePages, passes_told, pieces, take_rows
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.validation import require_finite

ROWS = clusters("float64", n_bytes=20_000_000)


@pytest.fixture
def path(tmp_path):
    return write_npy(ROWS, tmp_path)


def resident_bytes(path):
    """Return how much of a mapped file is in the memory of this process."""
    total, counts = 0, False
    with open("/proc/self/smaps", encoding="utf-8") as lines:
        for line in lines:
            if "-" in line.split()[0]:
                counts = str(path) in line
            elif counts and line.startswith("Rss:"):
                total += 1024 * int(line.split()[1])
    return total


def accumulate(values):
    mixture = Mixture.from_parameters([1.0], np.zeros((1, 8)), np.eye(8)[None])
    NativeEngine(values).accumulate(mixture.whitened())


def go_through(values):
    for _, piece in pieces(values, 1000):
        piece.sum()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "use",
    [
        go_through,
        accumulate,
        require_finite,
        lambda values: WeightedRows(values).missing,
        lambda values: take_rows(values, np.arange(0, len(values), 7)),
        lambda values: WeightedRows(values).take(np.arange(len(values)) % 5 == 0),
    ],
)
def test_memory_is_given_back(use, path):
    values = np.load(path, mmap_mode="r")
    np.array(values)
    assert resident_bytes(path) >= ROWS.nbytes
    use(values)
    assert resident_bytes(path) < 100_000


@pytest.mark.parametrize("mode", ["r", "r+"])
@pytest.mark.parametrize("positions", [[], [5], [3, 3, 100_000, 0], range(0, 300_000, 1001), range(200_000, 0, -999)])
def test_rows_are_taken_in_the_order_of_the_positions(mode, positions, path):
    chosen = np.array(positions, dtype=np.int64)
    np.testing.assert_array_equal(take_rows(np.load(path, mmap_mode=mode), chosen), ROWS[chosen])


@pytest.mark.parametrize("length", [1, 999, 10**6])
def test_pieces_are_all_rows(length, path):
    values = np.load(path, mmap_mode="r")[:2001]
    found = list(pieces(values, length))
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in found]), ROWS[:2001])
    np.testing.assert_array_equal(np.concatenate([values[part] for part, _ in found]), ROWS[:2001])


def anonymous():
    return np.frombuffer(mmap.mmap(-1, ROWS.nbytes), dtype=np.float64).reshape(ROWS.shape)


def private(path):
    return np.load(path, mmap_mode="c")


@pytest.mark.parametrize("kind", ["anonymous", "private", "array", "small"])
def test_memory_that_no_file_has_is_left_alone(kind, path):
    values = {
        "anonymous": anonymous,
        "private": lambda: private(path),
        "array": lambda: np.array(ROWS),
        "small": lambda: np.load(path, mmap_mode="r+"),
    }[kind]()
    if kind == "small":
        np.save(path, ROWS[:100])
        values = np.load(path, mmap_mode="r+")
    values[:] = 3.0
    assert FilePages.of(values) is None
    accumulate(values)
    go_through(values)
    assert (values == 3.0).all()


def test_changes_of_a_shared_map_stay(path):
    values = np.load(path, mmap_mode="r+")
    values[:] = 3.0
    accumulate(values)
    go_through(values)
    assert (values == 3.0).all()


def test_passes_over_files_are_told(path):
    told = []
    with passes_told(lambda reached, n_rows: told.append((reached, n_rows))):
        accumulate(np.load(path, mmap_mode="r"))
        accumulate(ROWS)
    assert told[-1] == (len(ROWS), len(ROWS))
    assert [reached for reached, _ in told] == sorted({reached for reached, _ in told})
    before = len(told)
    accumulate(np.load(path, mmap_mode="r"))
    assert len(told) == before


@pytest.mark.parametrize("array", [np.arange(10.0), np.arange(10), np.empty(0), np.arange(20.0).reshape(10, 2)[:, 1]])
def test_pieces_of_a_vector(array):
    assert [piece.tolist() for _, piece in pieces(array, 4)] == [
        array[i : i + 4].tolist() for i in range(0, len(array), 4)
    ]
