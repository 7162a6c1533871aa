"""Contours of the density and decision boundaries of a mixture of two features, as polylines.

contourpy finds the curves on a grid; then each point is moved onto the exact curve. Only details smaller than a cell
of the grid are missed.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import ArrayLike, BoolArray, FloatArray, IntArray

_STEPS = 8  # of Newton's method; three suffice unless a curve turns within a cell
_HALVINGS = 30  # of a segment, to find where a third component becomes more probable
_EQUAL = 1e-9  # nats; components whose scores differ less are equal

Field = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Function of points (m, 2) that returns values (m,) and gradients (m, 2)."""


@underflow_to_zero
def density_contours(mixture: Mixture, x: ArrayLike, y: ArrayLike, levels: ArrayLike) -> list[list[FloatArray]]:
    """Return the contours of the density of a mixture.

    Parameters
    ----------
    mixture : Mixture
        Mixture with two features.
    x, y : (m,) and (l,) array-likes
        Grid of increasing values of both features. Details smaller than a cell are missed.
    levels : sequence of float
        Log densities, such as those of `mass_levels`.

    Returns
    -------
    list of lists of (points, 2) arrays
        Lines of each level; the last point of a closed line equals the first.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import Mixture
    >>> from gaussmix.plots import density_contours, mass_levels, radius_holding
    >>> normal = Mixture.from_parameters([1.0], [[0.0, 0.0]], [1.0], covariance_type="spherical")
    >>> grid = np.linspace(-3, 3, 61)
    >>> ((circle,),) = density_contours(normal, grid, grid, mass_levels(normal, [0.5]))
    >>> bool(np.allclose(np.linalg.norm(circle, axis=1), radius_holding(0.5), atol=1e-3))
    True
    """
    scores = _Scores(mixture)
    grid_x, grid_y = _grid(x, y)
    surface = mixture.log_density(_points_of(grid_x, grid_y)).reshape(len(grid_y), len(grid_x))
    lines = [_lines(grid_x, grid_y, surface, level) for level in np.asarray(levels, dtype=np.float64)]
    return [
        [_moved(line, _shifted(scores.density_field, level), grid_x, grid_y) for line in of_level]
        for of_level, level in zip(lines, np.asarray(levels, dtype=np.float64), strict=True)
    ]


@underflow_to_zero
def decision_boundaries(mixture: Mixture, x: ArrayLike, y: ArrayLike) -> list[FloatArray]:
    """Return the boundaries between regions in which different components are most probable.

    The boundary between two components is where their scores are equal: a line if they have the same covariance, else
    a conic (Bishop 2006, section 4.2.1). Parts where a third component is more probable are omitted.

    Parameters
    ----------
    mixture : Mixture
        Mixture with two features.
    x, y : (m,) and (l,) array-likes
        Grid of increasing values of both features. Details smaller than a cell are missed.

    Returns
    -------
    list of (points, 2) arrays
        Curves between two components; the last point of a closed curve equals the first. Components of weight zero, and
        pairs of equal components, have no boundaries.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import Mixture
    >>> from gaussmix.plots import decision_boundaries
    >>> two = Mixture.from_parameters([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [1.0, 1.0], covariance_type="spherical")
    >>> grid = np.linspace(-3, 3, 61)
    >>> (line,) = decision_boundaries(two, grid, grid)
    >>> bool(np.allclose(line[:, 0], 0.0))
    True
    """
    scores = _Scores(mixture)
    grid_x, grid_y = _grid(x, y)
    values = scores.of(_points_of(grid_x, grid_y)).reshape(-1, len(grid_y), len(grid_x))
    boundaries = []
    for first, second, lines, columns in _neighbors(values.argmax(axis=0), len(values)):
        difference = values[first, lines, columns] - values[second, lines, columns]
        if np.abs(difference).max() <= _EQUAL:
            continue
        moved = partial(_moved, field=scores.difference_field(first, second), x=grid_x, y=grid_y)
        for curve in _lines(grid_x[columns], grid_y[lines], difference, 0.0):
            boundaries += _stretches_on_top(moved(curve), scores, first, second, moved)
    return boundaries


class _Scores:
    """Scores log(weight) + log density of the components of positive weight; equal components are merged."""

    def __init__(self, mixture: Mixture) -> None:
        if mixture.n_features != 2:
            raise ValueError(
                f"mixture must have two features for curves; it has {mixture.n_features}: use "
                "mixture.marginal((first, second))"
            )
        covariances = mixture.covariance.dense()
        known = np.column_stack([mixture.weights, mixture.means, covariances.reshape(-1, 4)])
        same = np.isclose(known[:, None], known, rtol=1e-12, atol=0).all(axis=2)
        chosen = np.flatnonzero((mixture.weights > 0) & ~np.tril(same, -1).any(axis=1))
        self.means = mixture.means[chosen]
        roots = [mixture.covariance.color(np.eye(2), int(component)).T for component in chosen]
        self.roots = np.linalg.inv(roots)  # (k, 2, 2), lower triangular
        self.offsets = np.log(mixture.weights[chosen] / (2 * np.pi)) + np.log(np.diagonal(self.roots, 0, 1, 2)).sum(1)

    def of(self, points: FloatArray, components: Sequence[int] | slice = slice(None)) -> FloatArray:
        """Return the scores (k, m) of the components at points (m, 2)."""
        return self._with_slopes(points, components)[0]

    def density_field(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the log density and its gradient."""
        scores, slopes = self._with_slopes(points)
        most = scores.max(axis=0)
        shares = np.exp(scores - most)
        total = shares.sum(axis=0)
        return most + np.log(total), np.stack([(shares * part).sum(axis=0) / total for part in slopes()], axis=1)

    def difference_field(self, first: int, second: int) -> Field:
        def field(points: FloatArray) -> tuple[FloatArray, FloatArray]:
            scores, slopes = self._with_slopes(points, [first, second])
            return scores[0] - scores[1], np.stack([part[0] - part[1] for part in slopes()], axis=1)

        return field

    def _with_slopes(
        self, points: FloatArray, of: Sequence[int] | slice = slice(None)
    ) -> tuple[FloatArray, Callable[[], tuple[FloatArray, FloatArray]]]:
        """Return scores (k, m) and a function that returns both parts of their gradients."""
        (x, y), (center_x, center_y) = points.T, self.means[of].T[:, :, None]
        across, skew, along = (self.roots[of, row, column][:, None] for row, column in ((0, 0), (1, 0), (1, 1)))
        first = across * (x - center_x)  # whitened: L^-1 (x - mean)
        second = skew * (x - center_x) + along * (y - center_y)
        scores = self.offsets[of, None] - 0.5 * (first * first + second * second)
        return scores, lambda: (-(across * first + skew * second), -along * second)


def _grid(x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def _points_of(x: FloatArray, y: FloatArray) -> FloatArray:
    return np.column_stack([part.ravel() for part in np.meshgrid(x, y)])


def _shifted(field: Field, level: float) -> Field:
    def shifted(points: FloatArray) -> tuple[FloatArray, FloatArray]:
        values, slopes = field(points)
        return values - level, slopes

    return shifted


def _lines(x: FloatArray, y: FloatArray, surface: FloatArray, level: float) -> list[FloatArray]:
    """Return the contour of a surface on a grid, by linear interpolation."""
    from contourpy import LineType, contour_generator

    lines: list[FloatArray] = contour_generator(x, y, surface, line_type=LineType.Separate).lines(float(level))  # type: ignore[assignment]
    return lines


def _moved(points: FloatArray, field: Field, x: FloatArray, y: FloatArray) -> FloatArray:
    """Move points onto the zeros of a field by Newton steps, by two cells at most."""
    cell = np.array([np.diff(x).max(), np.diff(y).max()])
    moved = points
    for _ in range(_STEPS):
        values, slopes = field(moved)
        slopes = slopes * cell  # in units of a cell
        steepness = np.maximum((slopes**2).sum(axis=1), np.finfo(np.float64).tiny)
        moved = moved - (values / steepness)[:, None] * slopes * cell
        astray = (np.abs(moved - points) > 2 * cell).any(axis=1)
        moved = np.where(astray[:, None], points, moved)
    return moved


def _neighbors(best: IntArray, n_components: int) -> Iterator[tuple[int, int, slice, slice]]:
    """Yield pairs of components that are most probable within three cells of each other, and their part of the grid."""
    codes, places = [], []
    for down, right in (
        (0, 1),
        (1, 0),
        (1, 1),
        (1, -1),
        (0, 2),
        (2, 0),
        (2, 1),
        (2, -1),
        (1, 2),
        (1, -2),
        (2, 2),
        (2, -2),
    ):
        upper = best[: len(best) - down, max(0, -right) : best.shape[1] - max(0, right)]
        lower = best[down:, max(0, right) : best.shape[1] - max(0, -right)]
        where = np.argwhere(upper != lower)
        ends = np.sort([upper[tuple(where.T)], lower[tuple(where.T)]], axis=0)
        codes.append(ends[0] * n_components + ends[1])
        places.append(where + np.array([0, max(0, -right)]))
    code, place = np.concatenate(codes), np.concatenate(places)
    for pair in np.unique(code):
        low, high = place[code == pair].min(axis=0), place[code == pair].max(axis=0)
        lines, columns = (slice(max(0, int(start) - 3), int(stop) + 6) for start, stop in zip(low, high, strict=True))
        yield int(pair) // n_components, int(pair) % n_components, lines, columns


def _stretches_on_top(
    curve: FloatArray, scores: _Scores, first: int, second: int, moved: Callable[[FloatArray], FloatArray]
) -> list[FloatArray]:
    """Return the parts of a curve where no third component is more probable; ``moved`` moves points onto it."""
    values = scores.of(curve)
    values -= np.minimum(values[first], values[second])
    values[[first, second]] = 0.0
    seen = np.asarray((values <= 0).all(axis=0))
    rivals = [first, second, *np.flatnonzero((values > 0).any(axis=1))]

    def is_seen(points: FloatArray) -> BoolArray:
        near = scores.of(points, rivals)
        return np.asarray(near[2:].max(axis=0) <= near[:2].min(axis=0))

    if seen.all():
        return [curve]
    if (curve[0] == curve[-1]).all():  # start a closed curve at a hidden point
        start = int(np.argmin(seen))
        curve, seen = np.roll(curve[:-1], -start, axis=0), np.roll(seen[:-1], -start)
        curve, seen = np.append(curve, curve[:1], axis=0), np.append(seen, seen[0])
    changes = np.flatnonzero(seen[1:] != seen[:-1])
    inside = np.where(seen[changes][:, None], curve[changes], curve[changes + 1])
    outside = np.where(seen[changes][:, None], curve[changes + 1], curve[changes])
    for _ in range(_HALVINGS):
        middle = 0.5 * (inside + outside)
        on_top = is_seen(middle)[:, None]
        inside, outside = np.where(on_top, middle, inside), np.where(on_top, outside, middle)
    ends = moved(inside)
    stretches = []
    edges = [0, *(changes + 1), len(curve)]
    for number, (start, stop) in enumerate(pairwise(edges)):
        if seen[start]:
            before = ends[number - 1 : number] if number > 0 else ends[:0]
            after = ends[number : number + 1]
            stretches.append(np.concatenate([before, curve[start:stop], after]))
    return stretches
