"""Classes steered by known pixels: fields of whole images, settled from coarse grids to fine ones.

Neighbors are so strong here that sweeps alone would stay where they began: a mean field has many optima. Each field is
therefore annealed, and first on coarse grids, where a sweep reaches far.
"""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import label

from gaussmix.core.typing import BoolArray, IntArray, Random, Rows
from gaussmix.estimators import GaussianMixture
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.contrast import contrast_edges, contrast_scale
from gaussmix.imaging.random_field.field import Field, pieces
from gaussmix.imaging.random_field.grid import Grid
from gaussmix.imaging.random_field.mean_field import FieldFit, troubles
from gaussmix.imaging.random_field.neighborhood import Neighborhood
from gaussmix.imaging.random_field.pyramid import Level, pyramid, spread, summed
from gaussmix.imaging.random_field.seed_classes import first_classes
from gaussmix.imaging.unsupervised import Fitted

STRENGTH = 15.0
"""Of neighbors, unless a number is given: pixels of a photograph are far from independent given their class."""

_ROUNDS = 3  # of settling and an M-step
_TEMPERATURES = 5  # on each grid
_HOTTEST = 3.0  # times the strength
_SWEEPS = 2  # at each temperature
_CONNECTING = 10  # sweeps, when regions have been taken from a class


def fit_guided(
    images: list[Pixels],
    known: list[IntArray],
    features: Features,
    neighborhood: Neighborhood,
    estimator: GaussianMixture,
    *,
    n_classes: int,
    per_class: int,
    strength: float,
    contrast: bool,
    rng: Random,
) -> Fitted:
    """Means and covariances that fit the pixels, their neighbors and what is known: settled fields and M-steps in turn.

    Parameters
    ----------
    images : list of Pixels
    known : list of (shape) arrays of int
        -1 where the class is not known.
    features : Features
    neighborhood : Neighborhood
    estimator : GaussianMixture
        Of one component, for all pixels: what the rows of any class may come from.
    n_classes, per_class : int
    strength : float
    contrast : bool
    rng : numpy RandomState or Generator
    """
    lattices = [
        _lattice(pixels, told, features, neighborhood, contrast) for pixels, told in zip(images, known, strict=True)
    ]
    rows = np.concatenate([lattice.rows for lattice in lattices])
    if (rows == rows[0]).all():
        raise ValueError("image has one color only: there is nothing to tell apart")
    whole = estimator.fit(rows).mixture_
    narrowed, update = estimator._data_range, estimator._update
    common = whole
    if narrowed is not None:
        common, rows = estimator._reduced, narrowed.reduce(rows)
        lattices = [replace(lattice, rows=narrowed.reduce(lattice.rows)) for lattice in lattices]
    told = np.concatenate([lattice.known_rows() for lattice in lattices])
    classes = first_classes(rows, told, n_classes, per_class, common, update, rng)
    pyramids = [_pyramid(lattice) for lattice in lattices]
    energies, step = [], None
    for _ in range(_ROUNDS):
        moments, energy = None, update.log_prior(classes.mixture)
        for lattice, levels in zip(lattices, pyramids, strict=True):
            field = _settled(lattice, levels, classes, strength)
            energy += field.free_energy(strength)
            for part, probabilities in lattice.probabilities(field):
                more = classes.moments(part, classes.scores(part), probabilities)
                moments = more if moments is None else moments + more
        energies.append(energy)
        assert moments is not None
        step = update.maximize(classes.mixture, moments)
        classes = replace(classes, mixture=step.mixture).with_weights(classes.weights)
    if narrowed is not None:
        classes = replace(classes, mixture=narrowed.lift(classes.mixture), outliers=whole)
    fit = FieldFit(classes, tuple(energies), True, step)
    return Fitted(classes, strength, fit.free_energies, tuple(troubles(fit)))


@dataclass(frozen=True, eq=False)
class GuidedLabeler:
    """What the classes of pixels follow from, some of them being known.

    Attributes
    ----------
    features : Features
    classes : Classes
    neighborhood : Neighborhood
    strength : float
    contrast : bool
    connected : bool
        Whether a class with known pixels is only where it is connected to one.
    """

    features: Features
    classes: Classes
    neighborhood: Neighborhood
    strength: float
    contrast: bool
    connected: bool

    def labels(self, pixels: Pixels, known: IntArray | None = None, *, elsewhere: int) -> Rows:
        """(shape) array of uint8: the most probable class, ``elsewhere`` where a pixel does not count."""
        return self._field(pixels, known).labels(elsewhere)

    def probabilities(self, pixels: Pixels, known: IntArray | None = None) -> Rows:
        """(shape, c) array of float32: zero where a pixel does not count."""
        return self._field(pixels, known).probabilities().reshape((*pixels.shape, -1))

    def _field(self, pixels: Pixels, known: IntArray | None) -> Field:
        lattice = _lattice(pixels, known, self.features, self.neighborhood, self.contrast)
        field = _settled(lattice, _pyramid(lattice), self.classes, self.strength)
        if self.connected and known is not None:
            lattice.load(field, self.classes, keep=True, barred=_unconnected(field, known, self.neighborhood))
            field.sweep(self.strength, _CONNECTING)
        return field


def _lattice(
    pixels: Pixels, known: IntArray | None, features: Features, neighborhood: Neighborhood, contrast: bool
) -> Grid:
    """A whole image with its known pixels and the contrast of neighbors."""
    scale = contrast_scale([pixels], features.color_space, neighborhood) if contrast else math.inf
    edges = contrast_edges(pixels, features.color_space, neighborhood, scale)
    return Grid(features.rows(pixels), pixels.shape, neighborhood, pixels.visible, known, edges)


def _pyramid(lattice: Grid) -> list[Level]:
    assert lattice.edges is not None
    ones = (1,) * len(lattice.shape)
    return pyramid(Level(lattice.shape, lattice.neighborhood, lattice.edges, lattice.visible, ones))


def _settled(lattice: Grid, levels: list[Level], classes: Classes, strength: float) -> Field:
    """The field of the finest grid, annealed.

    At a temperature T scores and strength are divided by T. A grid is as hot at first as its neighbors can bear, and
    starts from the probabilities of the next coarser one.
    """
    tables = _tables(lattice, levels, classes, strength)
    start: npt.NDArray[np.float32] | None = None
    for number in range(len(levels) - 1, -1, -1):
        level, begun = levels[number], start is not None
        field = level.field(classes.n_classes)
        if start is not None:
            with np.errstate(divide="ignore"):
                _load(field, np.log(start), 1.0)
        heat = level.weight / levels[0].weight
        for temperature in heat * np.geomspace(max(1.0, _HOTTEST * strength), 1.0, _TEMPERATURES):
            _load(field, tables[number], temperature, keep=begun)
            field.sweep(strength / temperature, _SWEEPS)
            begun = True
        if number:
            start = spread(field.probabilities(), level, levels[number - 1].shape)
    lattice.load(field, classes, keep=True)
    field.sweep(strength, _SWEEPS)
    return field


def _tables(lattice: Grid, levels: list[Level], classes: Classes, strength: float) -> list[npt.NDArray[np.float32]]:
    """Scores (n, c) on each grid, up to a constant of each pixel.

    On coarse grids a known pixel weighs as much as all its neighbors could; on the finest it has its class alone.
    """
    table = np.zeros((int(np.prod(lattice.shape)), classes.n_classes), dtype=np.float32)
    for piece, scores in lattice.scores(classes):
        table[piece] = scores - scores.max(axis=1, keepdims=True)
    other = None
    if lattice.known is not None:
        known = lattice.known.reshape(-1, 1)
        other = (known >= 0) & (known != np.arange(classes.n_classes))
        table[known[:, 0] >= 0] = 0.0
        table[other] = -strength * levels[0].weight
    tables = [table]
    for finer, level in itertools.pairwise(levels):
        tables.append(summed(tables[-1], finer.shape, level.factors))
    if other is not None:
        table[other] = -np.inf
    return tables


def _unconnected(field: Field, known: IntArray, neighborhood: Neighborhood) -> BoolArray:
    """(n, c) where pixels have a class with known pixels, and no way to one of them."""
    labels = field.labels()
    near = np.zeros((3,) * known.ndim, dtype=bool)
    for offset in (*neighborhood.offsets, np.zeros(known.ndim, dtype=np.int64), *-neighborhood.offsets):
        near[tuple(1 + offset)] = True
    barred = np.zeros((known.size, field.n_classes), dtype=bool)
    for number in np.unique(known[known >= 0]):
        regions, _ = label(labels == number, near)
        joined = np.unique(regions[known == number])
        barred[:, number] = ((regions > 0) & ~np.isin(regions, joined)).ravel()
    return barred


def _load(field: Field, table: npt.NDArray[np.float32], temperature: float, *, keep: bool = False) -> None:
    for piece in pieces(field.n_pixels):
        field.load(table[piece] / temperature, piece.start, keep=keep)
