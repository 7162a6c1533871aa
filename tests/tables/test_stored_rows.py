"""Rows in files: the same numbers from every format, and errors that name the file."""

import gc
from collections import namedtuple

import numpy as np
import pandas as pd
import pytest
from helpers.stored import LIMIT, WRITERS, clusters, names_of, write_h5ad, write_hdf5, write_npy, write_zarr

from gaussmix import open_rows
from gaussmix.tables import read_table


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("limit", [LIMIT, "1 GB"])
def test_every_format_has_the_same_numbers(name, limit, tmp_path):
    rows = clusters(np.float64)
    stored = open_rows(WRITERS[name](rows, tmp_path), memory_limit=limit)
    np.testing.assert_array_equal(stored.values, rows)
    assert stored.in_memory == (limit == "1 GB")
    assert isinstance(stored.values, np.memmap) != stored.in_memory
    has_names = name in ("parquet", "arrow", "stream", "feather", "csv", "h5ad", "folder")
    assert stored.names == (tuple(names_of(rows)) if has_names else None)


@pytest.mark.parametrize("kind", [np.float32, np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["npy", "parquet", "arrow", "hdf5", "zarr", "pattern", "iterable"])
def test_types_that_engines_read_are_kept(name, kind, tmp_path):
    rows = clusters(kind, n_bytes=800_000)
    stored = open_rows(WRITERS[name](rows, tmp_path))
    np.testing.assert_array_equal(stored.values, rows)
    assert stored.values.dtype == kind


@pytest.mark.parametrize("kind", ["int16", ">f8", "float16", "bool"])
def test_other_types_become_float64(kind, tmp_path):
    rows = np.arange(12).reshape(6, 2).astype(kind)
    stored = open_rows(write_npy(rows, tmp_path))
    np.testing.assert_array_equal(stored.values, rows.astype(np.float64))
    assert stored.values.dtype == np.float64


def test_arrays_in_the_order_of_fortran_are_decoded(tmp_path):
    rows = clusters(np.float64)
    stored = open_rows(write_npy(np.asfortranarray(rows), tmp_path), memory_limit=LIMIT)
    np.testing.assert_array_equal(stored.values, rows)
    assert stored.values.flags.c_contiguous


@pytest.mark.parametrize("name", ["parquet", "arrow", "csv", "h5ad", "folder"])
def test_columns_come_in_the_order_asked_for(name, tmp_path):
    rows = clusters(np.float32, n_bytes=800_000)
    stored = open_rows(WRITERS[name](rows, tmp_path), ["c4", "c1"])
    np.testing.assert_array_equal(stored.values, rows[:, [4, 1]])
    assert stored.names == ("c4", "c1")


def test_columns_without_names_have_positions(tmp_path):
    rows = clusters(np.float32, n_bytes=800_000)
    np.testing.assert_array_equal(open_rows(write_npy(rows, tmp_path), ["3", "0"]).values, rows[:, [3, 0]])


@pytest.mark.parametrize("write", [write_h5ad, write_hdf5])
def test_an_array_in_a_file_has_a_name(write, tmp_path):
    rows = clusters(np.float32, n_bytes=800_000)
    inside, width = ("obsm/X_pca", 2) if write is write_h5ad else ("group/rows", 8)
    np.testing.assert_array_equal(open_rows(f"{write(rows, tmp_path)}::{inside}").values, rows[:, :width])


@pytest.mark.parametrize("text", ["a,b\n1,2\n,3\n", "a;b\n1,5;2\n;3,25\n", "a\tb\n1\t2\nNA\t3\n", "1.5,2\n2.5,3\n"])
def test_csv_is_read_as_by_read_table(text, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    expected, stored = read_table(path, allow_missing=True), open_rows(path)
    np.testing.assert_array_equal(stored.values, expected.rows)
    assert stored.names == (expected.names if expected.named else None)


def test_data_frames_of_an_iterable_have_names():
    frames = [pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}) for _ in range(3)]
    stored = open_rows(frames)
    assert stored.names == ("a", "b")
    assert stored.shape == (6, 2)


def test_the_scratch_file_needs_no_name_and_goes_with_the_rows(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    stored = open_rows(WRITERS["parquet"](clusters(np.float64), tmp_path), memory_limit=LIMIT, scratch_folder=scratch)
    assert not list(scratch.iterdir())
    values = stored.values
    del stored
    gc.collect()
    assert np.isfinite(values).all()


def test_a_full_disk_is_found_beforehand(tmp_path, monkeypatch):
    path = WRITERS["parquet"](clusters(np.float64), tmp_path)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("gaussmix.tables.stored_rows.disk_usage", lambda folder: usage(10**9, 10**9, 5_000_000))
    with pytest.raises(
        OSError, match=r"the rows need 9 MB on disk, but .* has 5 MB free: give another scratch_folder="
    ):
        open_rows(path, memory_limit=LIMIT)


def bad_text(folder):
    path = folder / "rows.csv"
    path.write_text("a,b\n" + "1,2\n" * 5000 + "1,oops\n")
    return path, r"rows.csv: column 'b' has 'oops' in row 5000 \(line 5002\) instead of a number"


def bad_parquet(folder):
    path = folder / "rows.parquet"
    pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}).to_parquet(path)
    return path, "rows.parquet: column 'b' has .* in row 0|rows.parquet: column 'b' has str"


def bad_integer(folder):
    path = folder / "rows.parquet"
    pd.DataFrame({"a": [1, 2**53 + 1]}).to_parquet(path)
    return path, r"rows.parquet: column 'a' has 9007199254740993 in row 1: float64 does not hold every integer"


def mixed_types(folder):
    np.save(folder / "a.npy", np.zeros((3, 2)))
    np.save(folder / "b.npy", np.zeros((3, 2), np.float32))
    return folder, r"b.npy has float32, .*a.npy has float64: convert one of them"


def other_columns(folder):
    pd.DataFrame({"a": [1.0]}).to_parquet(folder / "a.parquet")
    pd.DataFrame({"b": [1.0]}).to_parquet(folder / "b.parquet")
    return folder, r"b.parquet has the columns \['b'\], .*a.parquet has \['a'\]: name the ones to use, columns="


def fewer_columns(folder):
    np.save(folder / "a.npy", np.zeros((3, 2)))
    np.save(folder / "b.npy", np.zeros((3, 1)))
    return folder, r"b.npy has the columns \['0'\]"


def empty_folder(folder):
    (folder / "notes.md").write_text("")
    return folder, "has no files with rows in it: the formats are .csv, .parquet"


def no_match(folder):
    return folder / "*.npy", "no file has a name like"


def no_such_format(folder):
    (folder / "rows.xls").write_text("")
    return folder / "rows.xls", "rows.xls must end in .csv"


def no_rows(folder):
    np.save(folder / "a.npy", np.zeros((0, 2)))
    return folder / "a.npy", "a.npy has no rows"


def one_axis_of_an_iterable(folder):
    return [np.zeros((2, 2)), np.zeros(2)], "array 1 of the iterable must be numbers with two axes"


def other_width_of_an_iterable(folder):
    return [np.zeros((2, 2)), np.zeros((2, 3))], "array 1 of the iterable is float64 with 3 columns"


def an_array(folder):
    return np.zeros((3, 2)), "paths must be a path"


def nothing(folder):
    return [], "paths is empty"


def damaged(folder):
    (folder / "rows.parquet").write_bytes(b"PAR1 and no more")
    return folder / "rows.parquet", "rows.parquet is not a Parquet"


def damaged_hdf5(folder):
    (folder / "rows.h5").write_bytes(b"no")
    return folder / "rows.h5", "rows.h5 is not an HDF5 file"


def unknown_array(folder):
    path = write_h5ad(np.zeros((3, 2)), folder)
    return f"{path}::layers/raw", r"has no array 'layers/raw'; it has X, obsm/X_pca, var/gene"


def sparse(folder):
    import h5py

    with h5py.File(folder / "rows.h5ad", "w") as file:
        file["X/data"] = np.ones(3)
    return folder / "rows.h5ad", "X is a group, such as a sparse matrix"


def no_arrays_in_a_table(folder):
    np.save(folder / "a.npy", np.zeros((3, 2)))
    return f"{folder / 'a.npy'}::x", "only HDF5 and Zarr files have arrays with names"


BAD = [
    bad_text,
    bad_parquet,
    bad_integer,
    mixed_types,
    other_columns,
    fewer_columns,
    empty_folder,
    no_match,
    no_such_format,
    no_rows,
    one_axis_of_an_iterable,
    other_width_of_an_iterable,
    an_array,
    nothing,
    damaged,
    damaged_hdf5,
    unknown_array,
    sparse,
    no_arrays_in_a_table,
]


@pytest.mark.parametrize("make", BAD)
def test_bad_files_are_named(make, tmp_path):
    paths, message = make(tmp_path)
    with pytest.raises(ValueError, match=message):
        open_rows(paths)


@pytest.mark.parametrize("name", ["rows.npy", "rows.parquet", "rows.csv", "rows.h5", "rows.zarr", "rows.arrow"])
def test_missing_files_are_named(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=name):
        open_rows(tmp_path / name)


@pytest.mark.parametrize("columns", [["c9"], ["0"]])
def test_missing_columns_are_named(columns, tmp_path):
    path = WRITERS["parquet"](clusters(np.float32, n_bytes=10_000), tmp_path)
    with pytest.raises(ValueError, match=f"rows.parquet has no column '{columns[0]}'; its columns are 'c0'"):
        open_rows(path, columns)


@pytest.mark.parametrize("limit", ["much", -1, "0 GB", True, None, "5 MB"])
def test_a_bad_limit_is_refused(limit, tmp_path):
    with pytest.raises(ValueError, match="memory_limit must be"):
        open_rows(write_npy(np.zeros((3, 2)), tmp_path), memory_limit=limit)


def test_a_missing_scratch_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"scratch_folder .*nowhere is not a folder"):
        open_rows([np.zeros((3, 2))], scratch_folder=tmp_path / "nowhere")


@pytest.mark.parametrize(("module", "write"), [("h5py", write_hdf5), ("zarr", write_zarr)])
def test_a_missing_library_is_named_with_its_extra(module, write, tmp_path, monkeypatch):
    path = write(clusters(np.float32, n_bytes=800_000), tmp_path)
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ImportError, match=rf'{module}: pip install "gaussmix\[files\]"'):
        open_rows(path)


def test_rows_say_what_they_are(tmp_path):
    rows = clusters(np.float64)
    stored = open_rows(write_npy(rows, tmp_path), memory_limit=LIMIT)
    assert repr(stored) == f"<{len(rows):,} rows with 8 columns of float64, in a file>"
    assert len(stored) == len(rows)
    np.testing.assert_array_equal(np.asarray(stored)[:3], rows[:3])
