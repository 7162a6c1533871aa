"""Data set of the demo and the examples."""

from importlib.resources import files

import numpy as np

from gaussmix.core.typing import FloatArray


def load_old_faithful() -> tuple[FloatArray, tuple[str, ...]]:
    """Return 272 eruptions of the Old Faithful geyser, Yellowstone, in 1985.

    Returns
    -------
    rows : (272, 2) array
        Duration of the eruption and waiting time to the next one, in minutes.
    feature_names : tuple of str
        "eruptions" and "waiting".

    References
    ----------
    Azzalini and Bowman, A look at some data on the Old Faithful geyser, Applied Statistics 39 (1990), 357-365.

    Examples
    --------
    >>> from gaussmix.datasets import load_old_faithful
    >>> rows, feature_names = load_old_faithful()
    >>> rows.mean(axis=0).round(1)
    array([ 3.5, 70.9])
    """
    header, *lines = files(__name__).joinpath("old_faithful.csv").read_text("utf-8").splitlines()
    return np.array([line.split(",") for line in lines], dtype=np.float64), tuple(header.split(","))


__all__ = ["load_old_faithful"]
