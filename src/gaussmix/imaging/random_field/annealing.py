"""Deterministic annealing of a random field on a pyramid of grids, from coarse to fine.

With strong interaction a mean field has many optima, and sweeps alone stay near their start. Annealing begins on coarse
grids, where one sweep reaches distant pixels.
"""

import itertools

import numpy as np
import numpy.typing as npt

from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.field import RandomField, split_pixels
from gaussmix.imaging.random_field.grid import Grid
from gaussmix.imaging.random_field.pyramid import Level, build_pyramid, repeat_blocks, sum_blocks

_N_TEMPERATURES = 5  # on each grid
_HIGHEST_TEMPERATURE = 3.0  # times the smoothing
_SWEEPS = 2  # at each temperature


def grid_pyramid(grid: Grid) -> list[Level]:
    """Return the levels of a grid that has edge weights, the finest first."""
    assert grid.edges is not None
    ones = (1,) * len(grid.shape)
    return build_pyramid(Level(grid.shape, grid.neighborhood, grid.edges, grid.visible, ones))


def anneal(grid: Grid, levels: list[Level], classes: Classes, smoothing: float) -> RandomField:
    """Return the random field of the finest grid after annealing.

    At temperature T, scores and smoothing are divided by T. The first temperature of a grid is three times its
    smoothing. A grid starts from the probabilities of the next coarser one.

    Parameters
    ----------
    grid : Grid
        Pixels with their neighbors.
    levels : list of Level
        The `grid_pyramid` of the grid.
    classes : Classes
        Fixed classes.
    smoothing : float
        Interaction strength on the finest grid.

    Returns
    -------
    RandomField
        Random field after sweeps at temperature 1, with the seeds fixed in their classes.
    """
    tables = _level_scores(grid, levels, classes, smoothing)
    start: npt.NDArray[np.float32] | None = None
    for number in range(len(levels) - 1, -1, -1):
        level, started = levels[number], start is not None
        field = level.random_field(classes.n_classes)
        if start is not None:
            with np.errstate(divide="ignore"):
                _load(field, np.log(start), 1.0)
        scale = level.weight / levels[0].weight
        for temperature in scale * np.geomspace(max(1.0, _HIGHEST_TEMPERATURE * smoothing), 1.0, _N_TEMPERATURES):
            _load(field, tables[number], temperature, keep=started)
            field.sweep(smoothing / temperature, _SWEEPS)
            started = True
        if number:
            start = repeat_blocks(field.probabilities(), level, levels[number - 1].shape)
    grid.load(field, classes, keep=True)
    field.sweep(smoothing, _SWEEPS)
    return field


def _level_scores(grid: Grid, levels: list[Level], classes: Classes, smoothing: float) -> list[npt.NDArray[np.float32]]:
    """Return the scores (n, c) on each grid, up to a constant for each pixel.

    On coarse grids a seed has the weight of all its neighbors together; on the finest its class is fixed.
    """
    table = np.zeros((int(np.prod(grid.shape)), classes.n_classes), dtype=np.float32)
    for piece, scores in grid.scores(classes):
        table[piece] = scores - scores.max(axis=1, keepdims=True)
    impossible = None
    if grid.seeds is not None:
        seeds = grid.seeds.reshape(-1, 1)
        impossible = (seeds >= 0) & (seeds != np.arange(classes.n_classes))
        table[seeds[:, 0] >= 0] = 0.0
        table[impossible] = -smoothing * levels[0].weight
    tables = [table]
    for finer, level in itertools.pairwise(levels):
        tables.append(sum_blocks(tables[-1], finer.shape, level.factors))
    if impossible is not None:
        table[impossible] = -np.inf
    return tables


def _load(field: RandomField, table: npt.NDArray[np.float32], temperature: float, *, keep: bool = False) -> None:
    for piece in split_pixels(field.n_pixels):
        field.load(table[piece] / temperature, piece.start, keep=keep)
