"""Where a mixture of two features has one density, and where two components are equally probable: polylines.

A grid says how the curves run (contourpy, on which matplotlib rests); then each of their points is moved onto the curve
itself, so that nothing of the grid is left in them but what is finer than its cells.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, FloatArray, IntArray

_STEPS = 8  # of Newton's method; three are enough but where a curve turns within a cell
_HALVINGS = 30  # of a segment, to find where a third component comes between two
_EQUAL = 1e-9  # nats: components whose scores differ by no more are one

Field = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""(m, 2) points to (m,) values and (m, 2) gradients."""


def density_contours(
    mixture: Mixture, x: npt.ArrayLike, y: npt.ArrayLike, levels: npt.ArrayLike
) -> list[list[FloatArray]]:
    """The lines along which a mixture has given densities.

    Parameters
    ----------
    mixture : Mixture
        Of two features.
    x, y : (m,) and (l,) array-likes
        A grid: increasing values of both features. What is smaller than its cells is not seen.
    levels : sequence of float
        Log densities, such as those of `mass_levels`.

    Returns
    -------
    list of lists of (points, 2) arrays
        For each level its lines; those that end inside of the grid have their first point again as the last.

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


def decision_boundaries(mixture: Mixture, x: npt.ArrayLike, y: npt.ArrayLike) -> list[FloatArray]:
    """The lines on whose two sides different components are the most probable.

    Between two components the boundary is where their scores are equal: a line when they have one covariance, else a
    curve of second order (Bishop 2006, section 4.2.1). Of each such curve there is what no third component hides.

    Parameters
    ----------
    mixture : Mixture
        Of two features.
    x, y : (m,) and (l,) array-likes
        A grid: increasing values of both features. What is smaller than its cells is not seen.

    Returns
    -------
    list of (points, 2) arrays
        Stretches between two components, from end to end; a closed one has its first point again as the last.
        Components without weight have none, and equal components none between them.

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
    """log(weight) + log density of each component of weight, once where several are equal."""

    def __init__(self, mixture: Mixture) -> None:
        if mixture.n_features != 2:
            raise ValueError(
                f"lines run in the plane of two features, and the mixture has {mixture.n_features}: "
                "take mixture.marginal((first, second))"
            )
        covariances = mixture.covariance.dense()
        known = np.column_stack([mixture.weights, mixture.means, covariances.reshape(-1, 4)])
        same = np.isclose(known[:, None], known, rtol=1e-12, atol=0).all(axis=2)
        chosen = np.flatnonzero((mixture.weights > 0) & ~np.tril(same, -1).any(axis=1))
        self.means = mixture.means[chosen]
        roots = [mixture.covariance.color(np.eye(2), int(component)).T for component in chosen]
        self.roots = np.linalg.inv(roots)  # (k, 2, 2), lower triangles
        self.offsets = np.log(mixture.weights[chosen] / (2 * np.pi)) + np.log(np.diagonal(self.roots, 0, 1, 2)).sum(1)

    def of(self, points: FloatArray, components: Sequence[int] | slice = slice(None)) -> FloatArray:
        """(k, m) score of each component at each of the (m, 2) points."""
        return self._with_slopes(points, components)[0]

    def density_field(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The log density and its gradient."""
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
        """(k, m) scores, and what gives both parts of their gradients."""
        (x, y), (center_x, center_y) = points.T, self.means[of].T[:, :, None]
        across, skew, along = (self.roots[of, row, column][:, None] for row, column in ((0, 0), (1, 0), (1, 1)))
        first = across * (x - center_x)  # whitened: L^-1 (x - mean)
        second = skew * (x - center_x) + along * (y - center_y)
        scores = self.offsets[of, None] - 0.5 * (first * first + second * second)
        return scores, lambda: (-(across * first + skew * second), -along * second)


def _grid(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def _points_of(x: FloatArray, y: FloatArray) -> FloatArray:
    return np.column_stack([part.ravel() for part in np.meshgrid(x, y)])


def _shifted(field: Field, level: float) -> Field:
    def shifted(points: FloatArray) -> tuple[FloatArray, FloatArray]:
        values, slopes = field(points)
        return values - level, slopes

    return shifted


def _lines(x: FloatArray, y: FloatArray, surface: FloatArray, level: float) -> list[FloatArray]:
    """Where a surface that is known on a grid has a level, were it plane between."""
    from contourpy import LineType, contour_generator

    lines: list[FloatArray] = contour_generator(x, y, surface, line_type=LineType.Separate).lines(float(level))  # type: ignore[assignment]
    return lines


def _moved(points: FloatArray, field: Field, x: FloatArray, y: FloatArray) -> FloatArray:
    """The points moved onto the zeros of a field: Newton's steps, of two cells in all."""
    cell = np.array([np.diff(x).max(), np.diff(y).max()])
    moved = points
    for _ in range(_STEPS):
        values, slopes = field(moved)
        slopes = slopes * cell  # a cell is the unit of both directions
        steepness = np.maximum((slopes**2).sum(axis=1), np.finfo(np.float64).tiny)
        moved = moved - (values / steepness)[:, None] * slopes * cell
        astray = (np.abs(moved - points) > 2 * cell).any(axis=1)
        moved = np.where(astray[:, None], points, moved)
    return moved


def _neighbors(best: IntArray, n_components: int) -> Iterator[tuple[int, int, slice, slice]]:
    """Pairs of components that are the best at places less than three cells apart, and the part of the grid around."""
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
    """The parts of a curve between two components on which no other is more probable; ``moved``: onto the curve."""
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
    if (curve[0] == curve[-1]).all():  # a closed curve begins where it is hidden
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
