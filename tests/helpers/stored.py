"""Rows in files of all formats."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

LIMIT = "16 MB"
"""A memory limit beyond which the rows of `clusters` are mapped from a file."""


def clusters(kind, n_columns=8, n_bytes=9_000_000):
    """Return rows (n, d) in three clusters, of so many bytes that they are not kept in memory."""
    rng = np.random.default_rng(0)
    n = n_bytes // (np.dtype(kind).itemsize * n_columns)
    centers = rng.normal(0, 4, (3, n_columns))
    rows = centers[rng.integers(0, 3, n)] + rng.normal(size=(n, n_columns))
    if np.dtype(kind).kind == "u":
        rows = np.clip(rows * 8 + 128, 0, 255)
    return rows.astype(kind)


def names_of(rows):
    return [f"c{column}" for column in range(rows.shape[1])]


def write_npy(rows, folder):
    np.save(folder / "rows.npy", rows)
    return folder / "rows.npy"


def write_parquet(rows, folder):
    path = folder / "rows.parquet"
    pq.write_table(pa.table(dict(zip(names_of(rows), rows.T, strict=True))), path, row_group_size=20_000)
    return path


def write_arrow(rows, folder):
    path = folder / "rows.arrow"
    table = pa.table(dict(zip(names_of(rows), rows.T, strict=True)))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=30_000)
    return path


def write_stream(rows, folder):
    path = folder / "rows.ipc"
    table = pa.table(dict(zip(names_of(rows), rows.T, strict=True)))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=30_000)
    return path


def write_feather(rows, folder):
    path = folder / "rows.feather"
    pyarrow.feather.write_feather(pa.table(dict(zip(names_of(rows), rows.T, strict=True))), str(path))
    return path


def write_csv(rows, folder):
    path = folder / "rows.csv"
    pd.DataFrame(rows.astype(np.float64), columns=names_of(rows)).to_csv(path, index=False)
    return path


def write_hdf5(rows, folder):
    import h5py

    path = folder / "rows.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("group/rows", data=rows, chunks=(1_000, rows.shape[1]))
        file.create_dataset("other", data=np.arange(3))
    return path


def write_h5ad(rows, folder):
    import h5py

    path = folder / "rows.h5ad"
    with h5py.File(path, "w") as file:
        file["X"] = rows
        file["obsm/X_pca"] = rows[:, :2]
        file["var/gene"] = np.array(names_of(rows), dtype=object)
        file["var"].attrs["_index"] = "gene"
    return path


def write_zarr(rows, folder):
    import zarr

    array = zarr.create_array(str(folder / "rows.zarr"), shape=rows.shape, chunks=(10_000, 3), dtype=rows.dtype)
    array[:] = rows
    return folder / "rows.zarr"


def write_folder(rows, folder):
    parts = folder / "parts"
    (parts / "later").mkdir(parents=True)
    half = len(rows) // 2
    for name, part in (("a.parquet", rows[:half]), ("later/b.parquet", rows[half:])):
        pq.write_table(pa.table(dict(zip(names_of(rows), part.T, strict=True))), parts / name)
    (parts / "_SUCCESS.csv").write_text("")
    (parts / "notes.md").write_text("no rows")
    return parts


def write_pattern(rows, folder):
    for at, part in enumerate(np.array_split(rows, 3)):
        np.save(folder / f"part-{at}.npy", part)
    np.save(folder / "other.npy", rows[:5])
    return folder / "part-*.npy"


def iterable(rows, folder):
    return (rows[start : start + 7_001] for start in range(0, len(rows), 7_001))


WRITERS = {
    "npy": write_npy,
    "parquet": write_parquet,
    "arrow": write_arrow,
    "stream": write_stream,
    "feather": write_feather,
    "csv": write_csv,
    "hdf5": write_hdf5,
    "h5ad": write_h5ad,
    "zarr": write_zarr,
    "folder": write_folder,
    "pattern": write_pattern,
    "iterable": iterable,
}
