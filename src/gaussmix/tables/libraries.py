"""Optional libraries that read and write tables."""

from typing import Any

from gaussmix.core.errors import MissingDependencyError


def import_pandas() -> Any:
    """Return pandas; raise MissingDependencyError if it is not installed."""
    try:
        import pandas
    except ImportError as error:
        raise MissingDependencyError("pandas", "tables", "Reading and writing CSV and Parquet tables") from error
    return pandas


def import_pyarrow() -> Any:
    """Return pyarrow; raise MissingDependencyError if it is not installed."""
    try:
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError("pyarrow", "tables", "Reading and writing Parquet tables") from error
    return pyarrow


def import_h5py() -> Any:
    """Return h5py; raise MissingDependencyError if it is not installed."""
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError("h5py", "files", "Reading HDF5 and .h5ad files") from error
    return h5py


def import_zarr() -> Any:
    """Return zarr; raise MissingDependencyError if it is not installed."""
    try:
        import zarr
    except ImportError as error:
        raise MissingDependencyError("zarr", "files", "Reading Zarr stores") from error
    return zarr
