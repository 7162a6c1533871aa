"""Data for a fit to images: colors with counts, and grids of pixels with neighbors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gaussmix.core.display import central_range
from gaussmix.core.engines import distinct_rows
from gaussmix.core.engines.distinct import LEAST_ROWS
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import Rows
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.partial_volume.estimate import divide_by_bias_field
from gaussmix.imaging.random_field.contrast import contrast_edges, contrast_scale
from gaussmix.imaging.random_field.grid import Grid
from gaussmix.imaging.random_field.neighborhood import Neighborhood
from gaussmix.imaging.random_field.seeded_labeling import seeded_grid

MAX_PIXELS = 1 << 20
"""Approximate greatest number of pixels to which a random field is fitted; larger images are sampled in blocks."""

_MAX_SAMPLED = 1 << 16  # pixels used to estimate the range and the most frequent color of an image
_FREQUENT = 0.01  # share from which a color may be a class
_BLOCK = {2: 32, 3: 16}  # pixels along each axis
_CANDIDATES = 16  # drawn blocks for each chosen one, so that every brightness is represented
_BRIGHTNESS_STEP = 7  # distance between the pixels used to estimate the brightness of a block


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
    """

    images: Sequence[Pixels]
    features: Features
    stack: bool

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
        n_colors = len(np.unique(rows, axis=0)) if len(rows) < LEAST_ROWS else len(rows)
        if n_colors == 1:
            raise ValueError("image has only one color: there are no classes to distinguish")
        if n_colors < n_classes:
            raise ValueError(
                f"image has {n_colors} distinct colors, fewer than n_components={n_classes}: use fewer classes"
            )

    def rounding_variance(self) -> float | str:
        """Return the variance of rounding, if one color may be a class, like a black background.

        Rounding is the variance of such a class, which is otherwise singular. It is 1/12 of the
        squared unit (Sheppard, Proceedings of the London Mathematical Society 29 (1898), 353-380). Floats are treated
        as numbers of 12 bits over their range without 0.1 % on both sides; L*a*b* as numbers of 8 bits from 0 to 100.

        Returns
        -------
        float or "auto"
            For `GaussianMixture.reg_covar`. "auto" if no color has a share of 1 % of the pixels, or if coordinates,
            which have other units, are features too.
        """
        if self.features.position or max(map(_greatest_share, self.images)) < _FREQUENT:
            return "auto"
        first = self.images[0]
        if self.features.color_space == "lab" and first.n_channels == 3:
            unit = 100 / 255
        elif first.values.dtype.kind == "u":
            unit = 1.0
        else:
            low, high = central_range(np.concatenate([_thinned_rows(pixels) for pixels in self.images]))
            unit = (high - low) / 4095
        return unit**2 / 12 if unit > 0 else "auto"

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
        return [seeded_grid(pixels, self.features, neighborhood, contrast=contrast) for pixels in self.images]

    def _colors_of(self, pixels: Pixels) -> WeightedRows:
        distinct = None if self.features.position else distinct_rows(WeightedRows(pixels.rows))
        if distinct is None:
            return WeightedRows(self.features.rows(pixels))
        return distinct.with_values(self.features.from_colors(distinct.values))

    def _whole_grid(self, pixels: Pixels, neighborhood: Neighborhood, contrast: float | None) -> Grid:
        neighbors = neighborhood.stacked() if self.stack else neighborhood
        edges = None
        if contrast is not None:
            edges = contrast_edges(pixels, self.features.color_space, neighbors, contrast)
        return Grid(self.features.rows(pixels), pixels.shape, neighbors, pixels.visible, edges=edges)

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
        rows = np.concatenate([self.features.rows(part, corner, pixels.shape) for _, corner, part in chosen])
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


def _thinned_rows(pixels: Pixels) -> Rows:
    """Return some of the visible pixels, evenly spaced."""
    return pixels.rows[:: max(1, pixels.n_visible // _MAX_SAMPLED)]


def _greatest_share(pixels: Pixels) -> float:
    """Return the share of the most frequent color, estimated from some of the pixels."""
    rows = _thinned_rows(pixels)
    distinct = distinct_rows(WeightedRows(rows))
    counts = np.unique(rows, axis=0, return_counts=True)[1] if distinct is None else distinct.explicit_weights
    return float(counts.max()) / len(rows)
