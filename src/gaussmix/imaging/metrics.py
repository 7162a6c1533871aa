"""Measures of agreement between label images: regions, boundaries and classes.

Measures of regions compare partitions; the numbers of the labels do not matter. There may be several reference
segmentations (truths), for example by several people. Dice compares classes by their numbers.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import KDTree

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.number_checks import require_unmasked
from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows

TOLERANCE: Final = 0.0075
"""Distance within which boundaries match, as a share of the diagonal (Martin, Fowlkes, Malik 2004, section 3)."""

_UNMATCHED_COST = 100.0  # of a boundary pixel, in units of the greatest cost of a match, as in the Berkeley benchmark

_MAX_COUNTED = 1 << 22  # label pairs; above this number the pairs that occur are found by sorting


@underflow_to_zero
def dice(labels: Rows, truth: Rows, visible: BoolArray | None = None) -> FloatArray:
    """Return the overlap of each class, ``2 |A and B| / (|A| + |B|)`` (Dice 1945).

    Parameters
    ----------
    labels, truth : arrays of int of the same shape
        Classes from 0; pixels with a negative label in either image are ignored.
    visible : array of bool, optional
        Pixels to compare; by default all.

    Returns
    -------
    (k,) array
        Overlap of each class up to the greatest in either image; NaN for a class in neither.

    Examples
    --------
    >>> dice([0, 0, 1, 1], [0, 1, 1, 1]).round(3).tolist()
    [0.667, 0.8]
    """
    first, second = _pairs(labels, truth, visible)
    k = int(max(first.max(), second.max())) + 1
    both = np.bincount(first[first == second], minlength=k)
    sizes = np.bincount(first, minlength=k) + np.bincount(second, minlength=k)
    return np.divide(2 * both, sizes, out=np.full(k, np.nan), where=sizes > 0)


@underflow_to_zero
def mean_dice(labels: Rows, truth: Rows, visible: BoolArray | None = None) -> float:
    """Return the mean of `dice` over the classes in either image.

    Parameters
    ----------
    labels, truth : arrays of int of the same shape
        Classes from 0; pixels with a negative label in either image are ignored.
    visible : array of bool, optional
        Pixels to compare; by default all.

    Returns
    -------
    float
        Value from 0 to 1.
    """
    return float(np.nanmean(dice(labels, truth, visible)))


@underflow_to_zero
def covering(labels: Rows, truths: Rows | Sequence[Rows], visible: BoolArray | None = None) -> float:
    """Return the covering of a truth by regions: the best intersection over union of each, weighted by area.

    With several truths, the mean is returned. Arbelaez, Maire, Fowlkes, Malik 2011, equation 8.

    Parameters
    ----------
    labels : array of int
        Label image; pixels with a negative label here or in the truth are ignored.
    truths : array of the same shape, or several
        One truth or several.
    visible : array of bool, optional
        Pixels to compare; by default all.

    Returns
    -------
    float
        Value from 0 to 1; 1 if all regions are those of the truth.

    Examples
    --------
    >>> round(covering([0, 0, 1, 1], [[5, 5, 5, 9], [0, 0, 1, 1]]), 3)
    0.812
    """
    return _mean(_covering, labels, truths, visible)


@underflow_to_zero
def probabilistic_rand_index(labels: Rows, truths: Rows | Sequence[Rows], visible: BoolArray | None = None) -> float:
    """Return the share of pixel pairs that are in one region in both a segmentation and a truth, or in neither.

    Unnikrishnan, Pantofaru, Hebert 2007, equation 3: with several truths, the mean of the Rand indices.

    Parameters
    ----------
    labels : array of int
        Label image; pixels with a negative label here or in the truth are ignored.
    truths : array of the same shape, or several
        One truth or several.
    visible : array of bool, optional
        Pixels to compare; by default all.

    Returns
    -------
    float
        Value from 0 to 1; 1 for agreement on all pairs.

    Examples
    --------
    >>> round(probabilistic_rand_index([0, 0, 1, 1], [0, 0, 0, 1]), 3)
    0.5
    """
    return _mean(_rand_index, labels, truths, visible)


@underflow_to_zero
def variation_of_information(labels: Rows, truths: Rows | Sequence[Rows], visible: BoolArray | None = None) -> float:
    """Return H(labels | truth) + H(truth | labels) in bits, 0 for equal partitions (Meila 2007, equation 16).

    With several truths, the mean is returned. scikit-image computes it.

    Parameters
    ----------
    labels : array of int
        Label image; pixels with a negative label here or in the truth are ignored.
    truths : array of the same shape, or several
        One truth or several.
    visible : array of bool, optional
        Pixels to compare; by default all.

    Returns
    -------
    float
        Value in bits; lower is better.

    Raises
    ------
    MissingDependencyError
        If scikit-image is not installed.

    Examples
    --------
    >>> variation_of_information([0, 0, 1, 1], [0, 1, 0, 1])
    2.0
    """
    measure = _import_skimage("metrics", "The variation of information").variation_of_information
    return float(np.mean([measure(*_pairs(labels, truth, visible)).sum() for truth in _several(labels, truths)]))


@underflow_to_zero
def boundary_f(
    labels: Rows, truths: Rows | Sequence[Rows], visible: BoolArray | None = None, *, tolerance: float | None = None
) -> float:
    """Return the F-measure of boundaries, 2 P R / (P + R) (Martin, Fowlkes, Malik 2004, section 3).

    P is the share of the boundary pixels that match a boundary pixel of any truth, R the share of the boundary pixels
    of the truths that are matched. The matching is one to one between pixels within the tolerance, with the least sum
    of distances. Boundaries are the pixels whose label differs from that of a right, lower or lower right neighbor,
    thinned in images of two axes. If neither image has a boundary, the measure is 1.

    Parameters
    ----------
    labels : array of int
        Label image; pixels with a negative label here or in the truth are ignored.
    truths : array of the same shape, or several
        One truth or several.
    visible : array of bool, optional
        Pixels to compare; by default all.
    tolerance : float, optional
        Tolerance in pixels; by default `TOLERANCE` times the diagonal.

    Returns
    -------
    float
        Value from 0 to 1; 1 if all boundaries match.

    Raises
    ------
    MissingDependencyError
        If scikit-image, which thins boundaries, is not installed.
    """
    require_unmasked(labels, "labels")
    image = np.asarray(labels)
    limit = TOLERANCE * float(np.linalg.norm(image.shape)) if tolerance is None else tolerance
    several = _several(image, truths)
    all_compared = [_compared(image, truth, visible) for truth in several]
    here = _boundary(image, np.logical_or.reduce(all_compared))
    matched_anywhere = np.zeros(len(here), dtype=bool)
    n_matched = n_wanted = 0
    for truth, compared in zip(several, all_compared, strict=True):
        there = _boundary(truth, compared)
        matched = _matched(here, there, limit)
        matched_anywhere |= matched
        n_matched += int(matched.sum())
        n_wanted += len(there)
    if len(here) == n_wanted == 0:
        return 1.0
    precision = matched_anywhere.sum() / max(len(here), 1)
    recall = n_matched / max(n_wanted, 1)
    return float(2 * precision * recall / (precision + recall)) if n_matched else 0.0


def _compared(labels: Rows, truth: Rows, visible: BoolArray | None) -> BoolArray:
    """Return the visible pixels with labels in both images."""
    if labels.dtype.kind not in "biu" or truth.dtype.kind not in "biu":
        raise ValueError(f"label images must have whole numbers; got {labels.dtype} and {truth.dtype}")
    if labels.shape != truth.shape:
        raise ValueError(f"the label images have the shapes {labels.shape} and {truth.shape}; they must be equal")
    compared = (labels >= 0) & (truth >= 0)
    if visible is not None:
        require_unmasked(visible, "visible")
        if np.shape(visible) != labels.shape:
            raise ValueError(
                f"visible has the shape {np.shape(visible)}, the labels {labels.shape}; they must be equal"
            )
        compared &= visible
    if not compared.any():
        raise ValueError("there is no pixel to compare: all are masked or have negative labels")
    return compared


def _pairs(labels: Rows, truth: Rows, visible: BoolArray | None) -> tuple[IntArray, IntArray]:
    """Return the labels of the compared pixels, (n,) each."""
    require_unmasked(labels, "labels")
    require_unmasked(truth, "truth")
    first, second = np.asarray(labels), np.asarray(truth)
    compared = _compared(first, second, visible)
    return first[compared].astype(np.int64), second[compared].astype(np.int64)


def _overlaps(labels: Rows, truth: Rows, visible: BoolArray | None) -> csr_array:
    """Return the contingency table of pixels, (regions of labels, regions of truth)."""
    first, second = _pairs(labels, truth, visible)
    shape = int(first.max()) + 1, int(second.max()) + 1
    codes = first * shape[1] + second
    if shape[0] * shape[1] <= _MAX_COUNTED:
        counted = np.bincount(codes)
        pairs = np.flatnonzero(counted)
        counts = counted[pairs]
    else:
        pairs, counts = np.unique(codes, return_counts=True)
    return csr_array((counts.astype(np.float64), np.divmod(pairs, shape[1])), shape=shape)


def _mean(
    measure: Callable[[csr_array], float], labels: Rows, truths: Rows | Sequence[Rows], visible: BoolArray | None
) -> float:
    return float(np.mean([measure(_overlaps(labels, truth, visible)) for truth in _several(labels, truths)]))


def _several(labels: Rows, truths: Rows | Sequence[Rows]) -> list[Rows]:
    require_unmasked(truths, "truths")
    stack = np.asarray(truths)
    return [stack] if stack.ndim == np.ndim(labels) else list(stack)


def _covering(table: csr_array) -> float:
    sizes, areas = table.sum(axis=1), table.sum(axis=0)
    region, truth = table.nonzero()
    best = np.zeros(len(areas))
    np.maximum.at(best, truth, table.data / (sizes[region] + areas[truth] - table.data))
    return float(best @ areas / areas.sum())


def _rand_index(table: csr_array) -> float:
    n = table.sum()
    if n < 2:
        return 1.0
    split = 0.5 * (np.square(table.sum(axis=1)).sum() + np.square(table.sum(axis=0)).sum())
    return float(1 - (split - np.square(table.data).sum()) / (n * (n - 1) / 2))


def _boundary(labels: Rows, compared: BoolArray) -> IntArray:
    """Return the positions of boundary pixels between compared pixels, (n, axes)."""
    limits = np.iinfo(labels.dtype)
    highest, lowest = np.where(compared, labels, limits.min), np.where(compared, labels, limits.max)
    for axis in range(labels.ndim):  # over the block of each pixel and its neighbors at higher coordinates
        inner = (*[slice(None)] * axis, slice(1, None))
        pad = [(0, int(other == axis)) for other in range(labels.ndim)]
        highest = np.maximum(highest, np.pad(highest[inner], pad, mode="edge"))
        lowest = np.minimum(lowest, np.pad(lowest[inner], pad, mode="edge"))
    found = (highest > lowest) & compared
    if found.ndim == 2:
        found = _import_skimage("morphology", "Thinning boundaries").thin(found)
    return np.argwhere(found)


def _matched(here: IntArray, there: IntArray, limit: float) -> BoolArray:
    """Return which pixels are matched by the assignment of least cost, as in the Berkeley benchmark."""
    matched = np.zeros(len(here), dtype=bool)
    if len(here) == 0 or len(there) == 0:
        return matched
    few, many = (here, there) if len(here) <= len(there) else (there, here)
    near = KDTree(few).sparse_distance_matrix(KDTree(many), limit, output_type="coo_matrix")
    alone = np.arange(len(few))
    # the sparse matrix drops costs of 0
    costs = np.concatenate([near.data + 1, np.full(len(few), _UNMATCHED_COST * (limit + 1))])
    ends = np.concatenate([near.row, alone]), np.concatenate([near.col, len(many) + alone])
    graph = csr_array((costs, ends), shape=(len(few), len(many) + len(few)))
    first, second = min_weight_full_bipartite_matching(graph)
    paired = second < len(many)
    matched[first[paired] if few is here else second[paired]] = True
    return matched


def _import_skimage(module: str, purpose: str) -> Any:
    try:
        import skimage.metrics
        import skimage.morphology
    except ImportError as error:
        raise MissingDependencyError("scikit-image", "images", purpose) from error
    return getattr(skimage, module)
