"""The region of uniform noise: a box around the rows, or one of the volume of their convex hull or of a number."""

import math
from collections.abc import Iterable, Iterator

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from gaussmix.core.background import Background
from gaussmix.core.file_pages import pieces, rows_of_piece
from gaussmix.core.rows import WeightedRows
from gaussmix.core.text import default_names
from gaussmix.core.typing import FloatArray, Rows

VOLUMES = ("hypvol", "hull")
"""Values of ``noise_volume`` besides numbers."""

MOST_HULL_FEATURES = 6
"""Most features whose hull is computed: its facets grow exponentially with them."""

_THINNEST = 1e-7  # relative to the greatest length; columns that depend on others have less by rounding
_BLOCK = 1 << 20  # numbers that are converted to float64 at a time
_DEPENDENT = (
    "noise needs a volume, but the columns of X are linear functions of each other: leave some out, or give the volume "
    "as a number, noise_volume="
)


def region_of(rows: WeightedRows, volume: float | str) -> Background:
    """Return noise of weight zero over a region of the rows.

    Parameters
    ----------
    rows : WeightedRows
        Rows; those of weight zero do not count, and missing values do not limit the region.
    volume : {"hypvol", "hull"} or float
        "hypvol" is the smaller one of two boxes around the rows: along the features, and along the principal axes of
        complete rows, as ``hypvol`` of mclust (Banfield and Raftery 1993); the former if the rows are flat. "hull" is
        the volume of the convex hull of complete rows, and a number a volume in the units of the features. Both of
        these have the box along the features as region, scaled to the volume.

    Returns
    -------
    Background
        The noise.

    Raises
    ------
    ValueError
        If the volume is zero, or if there are too many features or too few complete rows for a hull.
    """
    positive = rows.positive()
    each = list(_ranges(piece for _, piece in pieces(positive.values, rows_of_piece(positive.values))))
    low = np.fmin.reduce([least for least, _ in each], axis=0).astype(np.float64)
    lengths = np.fmax.reduce([greatest for _, greatest in each], axis=0).astype(np.float64) - low
    center = low + lengths / 2
    if not isinstance(volume, str):
        lengths = np.where(lengths > 0, lengths, 1.0)
        return Background(0.0, center, np.diag(lengths * _factor(math.log(volume), lengths)))
    flat = np.flatnonzero(lengths <= 0)
    if flat.size:
        name = (rows.names or default_names(rows.n_features))[flat[0]]
        raise ValueError(
            f"noise needs a volume, but column {name} is constant: leave it out, or give the volume as a number, "
            "noise_volume="
        )
    box = Background(0.0, center, np.diag(lengths))
    complete = positive.complete()
    if volume == "hull":
        hull = _hull_volume((complete.values - center) / lengths) if rows.n_features > 1 else 1.0
        return Background(0.0, center, box.edges * hull ** (1 / len(lengths)))
    if positive.missing is not None or rows.n_features == 1:
        return box
    turned = _principal_box(positive, center, lengths)
    return box if turned is None or turned.log_volume >= box.log_volume else turned


def _factor(log_volume: float, lengths: FloatArray) -> float:
    """Return the factor of all lengths that gives their box a volume."""
    return math.exp((log_volume - float(np.log(lengths).sum())) / len(lengths))


def _principal_box(rows: WeightedRows, center: FloatArray, lengths: FloatArray) -> Background | None:
    """Return noise over the box along the principal axes of complete rows; None if it is flat."""
    unit = math.ldexp(1.0, math.frexp(float(lengths.max()))[1])
    weights, total = rows.explicit_weights, rows.total
    mean, products = np.zeros(len(center)), np.zeros((len(center), len(center)))
    for at, part in _parts(rows, center, unit):
        mean += weights[at] @ part / total
    for at, part in _parts(rows, center, unit):
        products += (weights[at, None] * (part - mean)).T @ (part - mean) / total
    axes = np.linalg.eigh(products)[1]
    each = list(_ranges(part @ axes for _, part in _parts(rows, center, unit)))
    low = np.min([least for least, _ in each], axis=0)
    high = np.max([greatest for _, greatest in each], axis=0)
    if (high - low).min() <= _THINNEST * (high - low).max():
        return None
    return Background(0.0, center + unit * (axes @ ((low + high) / 2)), unit * axes * (high - low))


def _parts(rows: WeightedRows, center: FloatArray, unit: float) -> Iterator[tuple[slice, FloatArray]]:
    step = max(1, _BLOCK // rows.n_features)
    for at, piece in pieces(rows.values, step):
        yield at, (piece - center) / unit


def _ranges(parts: Iterable[Rows]) -> Iterator[tuple[Rows, Rows]]:
    """Yield the least and the greatest value (d,) of each feature in parts of the rows; NaN is left out."""
    for part in parts:
        yield np.fmin.reduce(part, axis=0), np.fmax.reduce(part, axis=0)


def _hull_volume(points: FloatArray) -> float:
    """Return the volume of the convex hull of points (n, d) in a box of volume one."""
    n, d = points.shape
    if d > MOST_HULL_FEATURES:
        raise ValueError(
            f'noise_volume="hull" takes too long with more than {MOST_HULL_FEATURES} features, X has {d}: use "hypvol" '
            "or a number"
        )
    if n <= d:
        raise ValueError(f'noise_volume="hull" needs more than {d} complete rows, X has {n}: use "hypvol" or a number')
    try:
        return float(ConvexHull(points).volume)
    except QhullError as error:
        raise ValueError(_DEPENDENT) from error
