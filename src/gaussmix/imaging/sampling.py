"""Data for a fit to images: colors with counts, and grids of pixels with neighbors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import block_diag

from gaussmix.core.engines import distinct_rows
from gaussmix.core.engines.distinct import LEAST_ROWS
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.images.saturation import Saturation
from gaussmix.imaging.images.variance_floor import variance_floor
from gaussmix.imaging.partial_volume.estimate import divide_by_bias_field
from gaussmix.imaging.random_field.contrast import contrast_edges, contrast_scale
from gaussmix.imaging.random_field.grid import Grid
from gaussmix.imaging.random_field.neighborhood import Neighborhood
from gaussmix.imaging.random_field.seeded_labeling import seeded_grid

MAX_PIXELS = 1 << 20
"""Approximate greatest number of pixels to which a random field is fitted; larger images are sampled in blocks."""

UNITLESS = ("full", "tied", "diag")
"""Covariances that adapt to the units of features."""

_TAIL = 16  # values that stand for a saturated one
_TOL = 1e-5  # nats per pixel in one iteration
_ROWS = 1 << 16  # whose units are changed at a time
_BLOCK = {2: 32, 3: 16}  # pixels along each axis
_CANDIDATES = 16  # drawn blocks for each chosen one, so that every brightness is represented
_BRIGHTNESS_STEP = 7  # distance between the pixels used to estimate the brightness of a block


@dataclass(frozen=True, eq=False)
class FittingUnits:
    """Units of features, and the variance that is added to every variance of a mixture in these units.

    Attributes
    ----------
    reg_covar : float or "auto"
        For `GaussianMixture`.
    root : (d, d) array or None
        A row in these units is ``solve(root, row)``, lower triangular; None: units of the features.
    """

    reg_covar: float | str
    root: FloatArray | None = None

    @property
    def tol(self) -> float | str:
        """``tol`` of `GaussianMixture`: with an added variance, EM takes many small last steps that move no labels."""
        return "auto" if isinstance(self.reg_covar, str) else _TOL

    def rows(self, features: Rows) -> Rows:
        """Return features (n, d) in these units."""
        if self.root is None:
            return features
        rows = np.empty(features.shape, dtype=np.float64 if features.dtype == np.float64 else np.float32)
        inverse = np.linalg.inv(self.root)
        for start in range(0, len(rows), _ROWS):
            rows[start : start + _ROWS] = features[start : start + _ROWS] @ inverse.T
        return rows

    def lift(self, mixture: Mixture) -> Mixture:
        """Return a mixture in these units as one of features."""
        if self.root is None:
            return mixture
        return replace(mixture, means=mixture.means @ self.root.T, covariance=mixture.covariance.rescale(self.root))


@dataclass(frozen=True, eq=False)
class SampledImages:
    """Images of a fit, with their colors, rounding and grids.

    Attributes
    ----------
    images : sequence of Pixels
        Images of one kind.
    features : Features
        Features of a pixel.
    stack : bool
        Whether the first axis of each image is the images of a stack.
    units : FittingUnits
        Units of the rows.
    saturation : Saturation, optional
        Saturated values are moved beyond the end of the range.
    """

    images: Sequence[Pixels]
    features: Features
    stack: bool
    units: FittingUnits = FittingUnits("auto")
    saturation: Saturation | None = None

    @cached_property
    def colors(self) -> WeightedRows:
        """Features of all visible pixels, (n, d), weighted by their counts if colors repeat."""
        parts = [self._colors_of(pixels) for pixels in self.images]
        if len(parts) == 1:
            return parts[0]
        values = np.concatenate([part.values for part in parts])
        if all(part.weights is None for part in parts):
            return WeightedRows(values)
        return WeightedRows(values, np.concatenate([part.explicit_weights for part in parts]))

    def require_colors(self, n_classes: int) -> None:
        """Raise a ValueError if there are fewer colors than classes, or only one color.

        The number of colors of many rows that rarely repeat is assumed to be the number of rows.
        """
        rows = self.colors.values
        if len(rows) < LEAST_ROWS:
            n_colors = len(np.unique(rows, axis=0))
        else:  # of small images, colors may repeat from one to the other
            distinct = distinct_rows(WeightedRows(rows)) if len(self.images) > 1 else None
            n_colors = len(rows) if distinct is None else len(distinct.values)
        if n_colors == 1:
            raise ValueError("image has only one color: there are no classes to distinguish")
        if n_colors < n_classes:
            raise ValueError(
                f"image has {n_colors} distinct colors, fewer than n_components={n_classes}: use fewer classes"
            )

    @property
    def n_coordinates(self) -> int:
        """Number of features that are coordinates."""
        return len(self.images[0].shape) if self.features.position else 0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        n_channels = 1 if self.features.color_space == "gray" else self.images[0].n_channels
        channels = [f"channel {channel}" for channel in range(n_channels)]
        return (*channels, *(f"coordinate {axis}" for axis in range(self.n_coordinates)))

    def fitting_units(self, covariance_type: str) -> FittingUnits:
        """Return the units in which a mixture with covariances of a type is fitted, and its ``reg_covar``.

        In these units the `variance_floor` is the same in all directions. Coordinates are rounded to whole pixels.
        Covariances other than full, tied and diagonal ones are not the same in other units: these keep the units of the
        features. Theirs and diagonal ones have the least variance of the floor in all colors.
        """
        floor = variance_floor(self.images, self.features.color_space)
        if floor is None:
            return FittingUnits("auto")
        least = float(np.linalg.eigvalsh(floor)[0])
        if covariance_type not in UNITLESS:
            return FittingUnits("auto" if self.n_coordinates else least)
        if covariance_type == "diag":
            floor = least * np.eye(len(floor))
        if not self.n_coordinates and (floor == least * np.eye(len(floor))).all():
            return FittingUnits(least)
        pixel = self.features.position / max(max(pixels.shape) for pixels in self.images)
        coordinates = pixel / 12**0.5 * np.eye(self.n_coordinates)
        return FittingUnits(1.0, block_diag(np.linalg.cholesky(floor), coordinates))

    def divide_by(self, bias_fields: Sequence[Rows]) -> "SampledImages":
        """Return the images divided by their bias fields (shape, channels)."""
        divided = [divide_by_bias_field(*pair) for pair in zip(self.images, bias_fields, strict=True)]
        return replace(self, images=divided)

    def contrast_scale(self, neighborhood: Neighborhood) -> float:
        """Return the `contrast_scale` for neighbors on the axes of a whole image or stack."""
        return contrast_scale(self.images, self.features.color_space, neighborhood)

    def grids(
        self, neighborhood: Neighborhood, max_pixels: int | None = None, contrast: float | None = None
    ) -> list[Grid]:
        """Return grids of the images, or of blocks of them if they are large.

        Parameters
        ----------
        neighborhood : Neighborhood
            Neighbors on the axes of one image.
        max_pixels : int, optional
            Total number of pixels above which images are large; by default `MAX_PIXELS`.
        contrast : float, optional
            The `contrast_scale`, if neighbors that differ in color get lower weights.

        Returns
        -------
        list of Grid
            One grid for each image.
        """
        max_pixels = MAX_PIXELS if max_pixels is None else max_pixels
        sizes = [int(np.prod(pixels.shape)) for pixels in self.images]
        if sum(sizes) <= max_pixels:
            return [self._whole_grid(pixels, neighborhood, contrast) for pixels in self.images]
        rng = np.random.default_rng(0)
        return [
            self._block_grid(pixels, neighborhood, max_pixels * size / sum(sizes), rng, contrast)
            for pixels, size in zip(self.images, sizes, strict=True)
        ]

    def seeded_grids(self, neighborhood: Neighborhood, *, contrast: bool) -> list[Grid]:
        """Return grids of the whole images with their seeds, for neighbors on the axes of a whole image or stack."""
        grids = [seeded_grid(pixels, self.features, neighborhood, contrast=contrast) for pixels in self.images]
        return [replace(grid, rows=self.units.rows(grid.rows)) for grid in grids]

    def _colors_of(self, pixels: Pixels) -> WeightedRows:
        distinct = None if self.features.position else distinct_rows(WeightedRows(pixels.rows))
        if distinct is None:
            return WeightedRows(self._rows(pixels))
        if self.saturation is not None:
            distinct = _with_tails(distinct, self.saturation)
        return distinct.with_values(self.units.rows(self._convert(distinct.values)))

    def _rows(self, pixels: Pixels, start: tuple[int, ...] = (), whole: tuple[int, ...] | None = None) -> Rows:
        """Return the features of the visible pixels of an image or of a part of one, (n, d), in the units."""
        rows = self.features.rows(pixels, start, whole)
        if self.saturation is not None:
            where = self.saturation.is_saturated(pixels.rows).nonzero()[0]
            shares = np.random.default_rng(0).random(len(where))
            colors = self._convert(self.saturation.extended(pixels.rows[where], shares))
            rows = rows.astype(np.float64 if rows.dtype == np.float64 else np.float32)
            rows[where, : colors.shape[1]] = colors
        return self.units.rows(rows)

    def _convert(self, colors: Rows) -> Rows:
        """Return the features of colors; those of floats may be beyond the range of the pixels."""
        dtype = self.images[0].values.dtype
        features = replace(self.features, is_bounded=self.saturation is None)
        is_scaled = self.features.color_space == "lab" and dtype.kind == "u" and colors.dtype.kind == "f"
        return features.from_colors(colors / np.iinfo(dtype).max if is_scaled else colors)

    def _whole_grid(self, pixels: Pixels, neighborhood: Neighborhood, contrast: float | None) -> Grid:
        neighbors = neighborhood.stacked() if self.stack else neighborhood
        edges = None
        if contrast is not None:
            edges = contrast_edges(pixels, self.features.color_space, neighbors, contrast)
        return Grid(self._rows(pixels), pixels.shape, neighbors, pixels.visible, edges=edges)

    def _block_grid(
        self,
        pixels: Pixels,
        neighborhood: Neighborhood,
        n_pixels: float,
        rng: np.random.Generator,
        contrast: float | None,
    ) -> Grid:
        """Return a stack of blocks with about ``n_pixels`` pixels, evenly spaced from the darkest to the brightest."""
        n_axes = len(pixels.shape) - self.stack
        size = [1] * self.stack + [min(_BLOCK[n_axes], length) for length in pixels.shape[self.stack :]]
        starts = [
            [*range(0, length - edge, edge), length - edge] for length, edge in zip(pixels.shape, size, strict=True)
        ]
        corners = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, len(size))
        wanted = max(1, round(n_pixels / np.prod(size)))
        found = []
        for corner in rng.permutation(corners):
            part = pixels.part(tuple(slice(at, at + edge) for at, edge in zip(corner, size, strict=True)))
            if part.n_visible:
                found.append((float(part.rows[::_BRIGHTNESS_STEP].mean()), tuple(corner), part))
            if len(found) == _CANDIDATES * wanted:
                break
        found.sort(key=lambda block: block[:2])
        ranks = (np.arange(min(wanted, len(found))) + 0.5) * len(found) / min(wanted, len(found))
        chosen = [found[int(rank)] for rank in ranks]
        rows = np.concatenate([self._rows(part, corner, pixels.shape) for _, corner, part in chosen])
        visible = np.stack(
            [np.ones(part.shape, bool) if part.visible is None else part.visible for _, _, part in chosen]
        )
        shape = (len(chosen), *size[self.stack :])
        edges = None
        if contrast is not None:
            inside = neighborhood.stacked() if self.stack else neighborhood
            each = [contrast_edges(part, self.features.color_space, inside, contrast) for _, _, part in chosen]
            edges = np.stack(each, axis=1).reshape(-1, *shape)
        return Grid(rows, shape, neighborhood.stacked(), None if visible.all() else visible.reshape(shape), edges=edges)


def _with_tails(distinct: WeightedRows, saturation: Saturation) -> WeightedRows:
    """Return distinct colors with counts, those with saturated values spread beyond the end of the range."""
    is_saturated = saturation.is_saturated(distinct.values)
    cut, inside = distinct.take(is_saturated), distinct.take(~is_saturated)
    shares = np.tile((np.arange(_TAIL) + 0.5) / _TAIL, cut.n_rows)
    tails = saturation.extended(cut.values.repeat(_TAIL, axis=0), shares)
    return WeightedRows(
        np.concatenate([inside.values.astype(np.float64), tails]),
        np.concatenate([inside.explicit_weights, cut.explicit_weights.repeat(_TAIL) / _TAIL]),
    )
