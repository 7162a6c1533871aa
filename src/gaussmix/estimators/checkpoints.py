"""What identifies a fit in its checkpoint: version, rows and parameters."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from os import PathLike
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from gaussmix.core.engines import AnyRows
from gaussmix.core.engines.distant_rows import require_in_memory
from gaussmix.core.engines.recorded import digest_of
from gaussmix.core.environment import installed_version
from gaussmix.core.file_pages import pieces
from gaussmix.core.mixture import Mixture
from gaussmix.core.output_files import require_writable
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.checkpoint import Checkpoint

WITHOUT_INFLUENCE = ("callback", "time_budget", "verbose", "verbose_interval", "warm_start", "random_state")
"""Parameters of estimators that may change between two calls; a previous model and the seed have facts of their own."""

_PIECE_BYTES = 8 << 20  # between two pieces Python can act on Ctrl-C
_FEW = 8  # numbers that a message lists


@contextmanager
def opened_checkpoint(
    path: str | PathLike[str] | None, estimator: BaseEstimator, rows: AnyRows, previous: Mixture | None
) -> Iterator[tuple[Checkpoint | None, np.random.RandomState]]:
    """Open the checkpoint of a fit, and yield it with the random state of the fit.

    Parameters
    ----------
    path : str, path or None
        The file; without one, there is no checkpoint.
    estimator : BaseEstimator
        The estimator, with its parameters.
    rows : WeightedRows
        The rows.
    previous : Mixture or None
        Model from which a warm start continues.

    Yields
    ------
    Checkpoint or None
        The open file.
    RandomState
        As the estimator says; if it gives none, the seed is kept in the file.

    Raises
    ------
    ValueError
        If there can be no such file, or it is the checkpoint of another fit.
    """
    given = estimator.random_state
    if path is None:
        yield None, check_random_state(given)
        return
    if not isinstance(path, str | PathLike):
        raise ValueError(f"checkpoint must be the path of a file; got {path!r}")
    require_writable(path, f"checkpoint={str(path)!r}")
    is_drawn = given is None or given is np.random
    rng = check_random_state(None if is_drawn else given)
    facts = {
        "gaussmix": installed_version("gaussmix"),
        "the estimator": type(estimator).__name__,
        **{f"the {name} of X": value for name, value in _facts_of_rows(require_in_memory(rows, "checkpoint=")).items()},
        **{name: _told(value) for name, value in _parameters(estimator).items()},
        "random_state": None if is_drawn else _told_state(given, rng),
        "the model of the warm start": None if previous is None else f"sha256:{digest_of('', previous.whitened())}",
    }
    notes = {"seed": int(rng.randint(2**31))} if is_drawn else {}
    with Checkpoint(path, facts, notes) as checkpoint:
        yield checkpoint, np.random.RandomState(checkpoint.notes["seed"]) if is_drawn else rng


def _parameters(estimator: BaseEstimator) -> dict[str, Any]:
    parameters = estimator.get_params(deep=False)
    return {name: value for name, value in parameters.items() if name not in WITHOUT_INFLUENCE}


def _facts_of_rows(rows: WeightedRows) -> dict[str, Any]:
    noise = rows.noise
    return {
        "shape": list(rows.shape),
        "dtype": rows.values.dtype.name,
        "column names": None if rows.names is None else _digest(np.array(rows.names)),
        "values": _digest(rows.values),
        "sample_weight": None if rows.weights is None else _digest(rows.weights),
        "noise_covariance": None if noise is None else f"{_digest(noise.values)}{' of each row' * noise.per_row}",
    }


def _told(value: Any) -> Any:
    """Return a parameter as a JSON value: itself, or a digest of an array."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _told(part) for name, part in asdict(value).items()}
    if isinstance(value, Mapping):
        return {str(name): _told(part) for name, part in value.items()}
    array = np.asarray(value)
    return array.tolist() if array.size <= _FEW else _digest(array)


def _told_state(given: Any, rng: np.random.RandomState) -> Any:
    if not isinstance(given, np.random.RandomState):
        return _told(given)
    state = rng.get_state(legacy=False)
    return _digest(np.append(state["state"]["key"], np.uint32(state["state"]["pos"])))


def _digest(array: np.ndarray) -> str:
    """Return the SHA-256 digest of an array, read in pieces of rows."""
    digest = hashlib.sha256(f"{array.shape} ".encode())
    if array.dtype.kind not in "biufc":
        digest.update(repr(array.tolist()).encode())
        return f"sha256:{digest.hexdigest()}"
    if array.ndim != 2:
        digest.update(np.ascontiguousarray(array).data)
        return f"sha256:{digest.hexdigest()}"
    for _, piece in pieces(array, max(1, _PIECE_BYTES // max(1, array[:1].nbytes))):
        digest.update(np.ascontiguousarray(piece).data)
    return f"sha256:{digest.hexdigest()}"
