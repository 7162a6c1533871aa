"""Assignment of rows whose squared distance from every component overflows to the nearest component."""

from typing import Literal

import numpy as np

from gaussmix.core.background import NOISE
from gaussmix.core.engines.incomplete import IncompleteEngine
from gaussmix.core.engines.native import NativeEngine
from gaussmix.core.file_pages import pieces, rows_of_piece, take_rows
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.forms import FORMS
from gaussmix.core.typing import FloatArray, IntArray, Rows
from gaussmix.core.validation import LARGEST
from gaussmix.core.whitened import WhitenedMixture

_FARTHEST = 1e152  # standard deviations; sums of squares of shorter distances do not overflow


@underflow_to_zero
def assign_rows(
    engine: NativeEngine | IncompleteEngine, mixture: WhitenedMixture, want: Literal["labels", "responsibilities"]
) -> Rows:
    """Return labels (n,) or responsibilities (n, n_scores) in which every row belongs to some component or is noise.

    The density of a row is zero in double precision if its squared distance overflows. At such distances weights and
    sizes of components do not matter: the row belongs to the nearest component, in standard deviations.

    Parameters
    ----------
    engine : NativeEngine or IncompleteEngine
        The rows.
    mixture : WhitenedMixture
        The components.
    want : {"labels", "responsibilities"}
        Result.

    Returns
    -------
    array
        As of `NativeEngine.score_rows` for all other rows; the label of noise is `NOISE`.
    """
    result = engine.score_rows(mixture, want)
    if mixture.background is not None:  # no row has density zero
        if want == "labels":
            result[result == mixture.n_components] = NOISE
        return result
    far, nearest = far_rows(engine, mixture)
    result[far] = nearest if want == "labels" else np.eye(mixture.n_components)[nearest]
    return result


def far_rows(engine: NativeEngine | IncompleteEngine, mixture: WhitenedMixture) -> tuple[IntArray, IntArray]:
    """Return the rows whose density is zero in double precision, and the component that each belongs to.

    Parameters
    ----------
    engine : NativeEngine or IncompleteEngine
        The rows.
    mixture : WhitenedMixture
        The components.

    Returns
    -------
    far : (m,) array of int
        Positions of the rows.
    nearest : (m,) array of int
        The nearest component of each.
    """
    far = np.empty(0, dtype=np.int64)
    if _may_overflow(engine.values, mixture):
        far = np.flatnonzero(np.isneginf(engine.score_rows(mixture, "log_density")))
    return far, nearest_components(take_rows(engine.values, far).astype(np.float64), mixture) if far.size else far


def _may_overflow(rows: Rows, mixture: WhitenedMixture) -> bool:
    greatest, size = float(np.abs(mixture.factors).max()), float(np.abs(mixture.means).max())
    for_one = _FARTHEST / rows.shape[1]
    if greatest < for_one / (LARGEST + size):  # whatever the rows are
        return False
    reach = size
    for _, piece in pieces(rows, rows_of_piece(rows)):
        greatest_value = float(np.fmax.reduce(piece, axis=None, initial=0))
        least_value = float(np.fmin.reduce(piece, axis=None, initial=0))
        reach = max(reach, greatest_value + size, -least_value + size)
    return reach > 0 and not greatest < for_one / reach


def nearest_components(rows: FloatArray, mixture: WhitenedMixture) -> IntArray:
    """Return the nearest component with positive weight (m,), from distances scaled by powers of two.

    Parameters
    ----------
    rows : (m, d) array
        Rows; a missing value counts as the mean of the component.
    mixture : WhitenedMixture
        The components.

    Returns
    -------
    (m,) array of int
        Positions of the components.
    """
    size = np.frexp(max(np.nanmax(np.abs(rows)), np.abs(mixture.means).max()))[1] + 1
    rows, means = np.ldexp(rows, -size), np.ldexp(mixture.means, -size)
    factors = FORMS[mixture.form].dense(mixture.factors, *means.shape)
    factors = np.ldexp(factors, -np.frexp(np.abs(factors).max())[1])
    distances = np.stack(
        [((np.nan_to_num(rows - mean) @ factor) ** 2).sum(axis=1) for mean, factor in zip(means, factors, strict=True)],
        axis=1,
    )
    distances[:, np.isneginf(mixture.offsets)] = np.inf
    return np.asarray(distances.argmin(axis=1))
