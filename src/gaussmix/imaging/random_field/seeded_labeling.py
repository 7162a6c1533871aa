"""Labels and probabilities of pixels by classes fitted with seeds, from an annealed random field of the whole image."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label

from gaussmix.core.typing import BoolArray, IntArray, Rows
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.random_field.annealing import anneal, grid_pyramid
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.contrast import contrast_edges, contrast_scale
from gaussmix.imaging.random_field.field import RandomField
from gaussmix.imaging.random_field.grid import Grid
from gaussmix.imaging.random_field.neighborhood import Neighborhood

_RECONNECTION_SWEEPS = 10  # after unconnected regions are removed from a class


@dataclass(frozen=True, eq=False)
class SeededLabeler:
    """Labeler of pixels by fitted classes and by the seeds of the image.

    Attributes
    ----------
    features : Features
        Features of the pixels.
    classes : Classes
        The fitted classes.
    neighborhood : Neighborhood
        Neighbors along the axes of the image.
    smoothing : float
        Interaction strength of neighboring pixels.
    contrast : bool
        Whether neighbors that differ in color get lower weights.
    connected : bool
        Whether a class with seeds is restricted to regions connected to one of them.
    """

    features: Features
    classes: Classes
    neighborhood: Neighborhood
    smoothing: float
    contrast: bool
    connected: bool

    def labels(self, pixels: Pixels) -> Rows:
        """Return the most probable class, (shape) of uint8; `UNLABELED` where a pixel is not visible."""
        return self._random_field(pixels).labels()

    def probabilities(self, pixels: Pixels) -> Rows:
        """Return the class probabilities, (shape, c) of float32; 0 where a pixel is not visible."""
        return self._random_field(pixels).probabilities().reshape((*pixels.shape, -1))

    def _random_field(self, pixels: Pixels) -> RandomField:
        grid = seeded_grid(pixels, self.features, self.neighborhood, contrast=self.contrast)
        field = anneal(grid, grid_pyramid(grid), self.classes, self.smoothing)
        if self.connected and pixels.seeds is not None:
            excluded = _unconnected_classes(field, pixels.seeds, self.neighborhood)
            grid.load(field, self.classes, keep=True, excluded=excluded)
            field.sweep(self.smoothing, _RECONNECTION_SWEEPS)
        return field


def seeded_grid(pixels: Pixels, features: Features, neighborhood: Neighborhood, *, contrast: bool) -> Grid:
    """Return the grid of a whole image with its seeds and the contrast of its neighbors."""
    scale = contrast_scale([pixels], features.color_space, neighborhood) if contrast else math.inf
    edges = contrast_edges(pixels, features.color_space, neighborhood, scale)
    return Grid(features.rows(pixels), pixels.shape, neighborhood, pixels.visible, pixels.seeds, edges)


def _unconnected_classes(field: RandomField, seeds: IntArray, neighborhood: Neighborhood) -> BoolArray:
    """Return, for each pixel, whether its class has seeds but none in the region of the pixel, (n, c)."""
    labels = field.labels()
    structure = np.zeros((3,) * seeds.ndim, dtype=bool)
    for offset in (*neighborhood.offsets, np.zeros(seeds.ndim, dtype=np.int64), *-neighborhood.offsets):
        structure[tuple(1 + offset)] = True
    unconnected = np.zeros((seeds.size, field.n_classes), dtype=bool)
    for number in np.unique(seeds[seeds >= 0]):
        regions, _ = label(labels == number, structure)
        with_seeds = np.unique(regions[seeds == number])
        unconnected[:, number] = ((regions > 0) & ~np.isin(regions, with_seeds)).ravel()
    return unconnected
