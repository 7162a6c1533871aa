"""Arrays in HDF5 files, among them .h5ad, and in Zarr stores."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gaussmix.tables.libraries import import_h5py, import_zarr

_SHOWN = 8


def hdf5_array(path: Path, inside: str) -> tuple[str, Any, tuple[str, ...] | None]:
    """Return an array of an HDF5 file, or the only one with two axes.

    Parameters
    ----------
    path : Path
        The file. In .h5ad files the default is ``X``, whose columns have the names of the variables.
    inside : str
        Name of the array; "" for the default.

    Returns
    -------
    label : str
        The file and the array, for messages.
    array : h5py.Dataset
        The array, which is read where it is sliced.
    names : tuple of str, or None
        Names of the columns.

    Raises
    ------
    ValueError, OSError
        If there is no such array.
    """
    h5py = import_h5py()
    path.open("rb").close()
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path} is not an HDF5 file, or is damaged") from error
    is_annotated = path.suffix.lower() == ".h5ad"
    inside = inside or ("X" if is_annotated else "")
    array = _chosen(path, file, inside, h5py.Dataset)
    names = _variable_names(file) if is_annotated and inside == "X" else None
    return f"{path}::{array.name.lstrip('/')}", array, names


def zarr_array(path: Path, inside: str) -> tuple[str, Any, None]:
    """Return an array of a Zarr store, or the only one with two axes.

    Parameters
    ----------
    path : Path
        The folder of the store.
    inside : str
        Name of the array; "" if the store is an array, or has one only.

    Returns
    -------
    label : str
        The store and the array, for messages.
    array : zarr.Array
        The array, which is read where it is sliced.
    names : None
        The columns have no names.

    Raises
    ------
    ValueError, OSError
        If there is no such array.
    """
    zarr = import_zarr()
    if not path.exists():
        raise FileNotFoundError(2, "No such file or directory", str(path))
    try:
        store = zarr.open(str(path), mode="r")
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is not a Zarr store, or is damaged") from error
    if isinstance(store, zarr.Array):
        return str(path), store, None
    array = _chosen(path, store, inside, zarr.Array)
    return f"{path}::{array.path}", array, None


def _chosen(path: Path, store: Any, inside: str, kind: Any) -> Any:
    if inside:
        if inside not in store:
            raise ValueError(f"{path} has no array {inside!r}; it has {_listed(store, kind)}")
        found = store[inside]
        if not isinstance(found, kind):
            raise ValueError(
                f"{path}::{inside} is a group, such as a sparse matrix, not an array: name one of "
                f"{_listed(store, kind)}"
            )
        return found
    tables = [array for _, array in _arrays(store, kind) if len(array.shape) == 2]
    if len(tables) != 1:
        raise ValueError(
            f"{path} has {len(tables) or 'no'} arrays with two axes; it has {_listed(store, kind)}: name the one to "
            f'read as "{path}::NAME"'
        )
    return tables[0]


def _arrays(store: Any, kind: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name in sorted(store):
        item = store[name]
        if isinstance(item, kind):
            yield before + name, item
        else:
            yield from _arrays(item, kind, f"{before}{name}/")


def _listed(store: Any, kind: Any) -> str:
    names = [name for name, _ in _arrays(store, kind)]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "none") + more


def _variable_names(file: Any) -> tuple[str, ...] | None:
    """Return the names of the variables of an .h5ad file, the columns of ``X``."""
    variables = file.get("var")
    index = None if variables is None else variables.attrs.get("_index")
    if index is None or index not in variables or not hasattr(variables[index], "asstr"):
        return None
    return tuple(variables[index].asstr()[:])
