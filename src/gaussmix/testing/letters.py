"""Checks of what a covariance structure says about itself: its letters and its number of parameters."""

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.forms import FORMS
from gaussmix.core.typing import FloatArray

_SAME = 1e-6  # relative: numbers that are equal but for rounding
_STEP = 1e-4  # of finite differences
_NOTHING = 1e-6  # of the greatest singular value: no direction of its own


def check_letters(covariance: AbstractCovariance) -> None:
    """Check that several covariances of three features or more share what the letters say, and nothing else.

    With fewer features, a structure may be a simpler one.

    Raises
    ------
    AssertionError
        If they do not.
    """
    if covariance.n_components > 1 and covariance.n_features > 2:
        found, letters = _letters_of(covariance.dense()), covariance.letters
        assert letters == found, f"letters are {letters!r}, the covariances are {found!r}"


def _letters_of(dense: FloatArray) -> str:
    """Return mclust's letters for covariances (k, d, d)."""
    volumes = np.exp(np.linalg.slogdet(dense)[1] / dense.shape[1])
    shapes = np.linalg.eigvalsh(dense) / volumes[:, None]
    scaled = dense / volumes[:, None, None]
    products = scaled[:, None] @ scaled
    volume = "E" if np.ptp(np.log(volumes)) < _SAME else "V"
    shape = "I" if np.abs(shapes - 1).max() < _SAME else "E" if np.ptp(shapes, axis=0).max() < _SAME else "V"
    if np.abs(dense * (1 - np.eye(dense.shape[1]))).max() < _SAME * np.abs(dense).max():
        orientation = "I"
    else:
        commute = np.abs(products - products.swapaxes(0, 1)).max() < _SAME * np.abs(products).max()
        orientation = "E" if commute else "V"
    return volume + shape + orientation


def check_count_parameters(covariance: AbstractCovariance, rng: np.random.Generator) -> None:
    """Check that ``count_parameters`` is the number of directions in which ``maximize`` moves the covariances.

    Raises
    ------
    AssertionError
        If it is not.
    """
    k, d = covariance.n_components, covariance.n_features
    counted = type(covariance).count_parameters(k, d)
    counts = np.full(k, 4.0 * d + 4.0)
    scatter = _random_scatter(covariance, 4 * d + 4, rng)
    moves = []
    for _ in range(counted + 2):  # two more than there should be
        change = _STEP * (_random_scatter(covariance, d + 1, rng) - _random_scatter(covariance, d + 1, rng))
        ahead, behind = (covariance.maximize(counts, scatter + sign * change).dense() for sign in (1, -1))
        moves.append((ahead - behind).ravel())
    sizes = np.linalg.svd(moves, compute_uv=False)
    free = int((sizes > _NOTHING * sizes[0]).sum())
    assert counted == free, (
        f"count_parameters({k}, {d}) is {counted}, the covariances move in {'at least ' * (free > counted + 1)}{free} "
        "directions"
    )


def _random_scatter(covariance: AbstractCovariance, n_rows: int, rng: np.random.Generator) -> FloatArray:
    """Return the scatter of standard normal rows of each component, in the form of the structure."""
    form = FORMS[covariance.form]
    noise = rng.standard_normal((covariance.n_components, n_rows, covariance.n_features))
    return form.total([form.scatter_of(rows, np.ones(n_rows)) for rows in noise])
