"""What of the images a model is fitted to: their colors with counts, and parts of them with neighbors."""

import numpy as np

from gaussmix.core.engines import distinct_rows
from gaussmix.core.engines.distinct import LEAST_ROWS
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import Rows
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.random_field.contrast import contrast_edges
from gaussmix.imaging.random_field.grid import Grid
from gaussmix.imaging.random_field.neighborhood import Neighborhood

MOST_PIXELS = 1 << 20
"""A field is fitted to no more pixels than about this: to blocks of larger images."""

_LOOKED_AT = 1 << 16  # pixels of an image, for the range of its values
_FREQUENT = 0.01  # a color with such a share may be a class
_BLOCK = {2: 32, 3: 16}  # pixels along each axis
_CANDIDATES = 16  # times as many blocks are looked at as are chosen, so that all brightnesses have their share
_THINNED = 7  # every so many pixels of a block tell its brightness


def colors_of(images: list[Pixels], features: Features) -> WeightedRows:
    """The features of all visible pixels, with counts where colors repeat.

    Parameters
    ----------
    images : list of Pixels
    features : Features
    """
    parts = [_colors(pixels, features) for pixels in images]
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([part.values for part in parts])
    if all(part.weights is None for part in parts):
        return WeightedRows(values)
    return WeightedRows(values, np.concatenate([part.explicit_weights for part in parts]))


def n_colors(rows: Rows) -> int:
    """How many colors `colors_of` has found; of many rows that hardly repeat, at most."""
    return len(np.unique(rows, axis=0)) if len(rows) < LEAST_ROWS else len(rows)


def rounding_variance(images: list[Pixels], features: Features) -> float | str:
    """Variance of what rounding has taken from a color, where some class may be one color, like a black ground.

    Such a class is not singular: it lies between two roundings. The variance is 1/12 of the unit squared (Sheppard,
    Proceedings of the London Mathematical Society 29 (1898), 353-380). Floats are taken for numbers of 12 bits over
    their range, without the farthest 0.1 % on both sides; L*a*b* for numbers of 8 bits from 0 to 100.

    Returns
    -------
    float or "auto"
        For `GaussianMixture.reg_covar`; "auto" where no color has a share of 1 % of the pixels, and where coordinates
        are features too, which have units of their own.
    """
    if features.position or max(_greatest_share(pixels) for pixels in images) < _FREQUENT:
        return "auto"
    if features.color_space == "lab" and images[0].n_channels == 3:
        unit = 100 / 255
    elif images[0].values.dtype.kind == "u":
        unit = 1.0
    else:
        some = np.concatenate([pixels.rows[:: max(1, pixels.n_visible // _LOOKED_AT)] for pixels in images])
        low, high = np.percentile(some, (0.1, 99.9))
        unit = (float(high) - float(low)) / 4095
    return unit**2 / 12 if unit > 0 else "auto"


def _greatest_share(pixels: Pixels) -> float:
    """The share of the most frequent color, from some of the pixels."""
    some = pixels.rows[:: max(1, pixels.n_visible // _LOOKED_AT)]
    colors = distinct_rows(WeightedRows(some))
    counts = np.unique(some, axis=0, return_counts=True)[1] if colors is None else colors.explicit_weights
    return float(counts.max()) / len(some)


def _colors(pixels: Pixels, features: Features) -> WeightedRows:
    distinct = None if features.position else distinct_rows(WeightedRows(pixels.rows))
    if distinct is None:
        return WeightedRows(features.rows(pixels))
    return distinct.with_values(features.of_table(distinct.values))


def lattices_of(
    images: list[Pixels],
    features: Features,
    neighborhood: Neighborhood,
    *,
    stack: bool,
    seed: int,
    most: int | None = None,
    contrast: float | None = None,
) -> list[Grid]:
    """The images with their neighbors, or blocks of them when they are large.

    Parameters
    ----------
    images : list of Pixels
    features : Features
    neighborhood : Neighborhood
        Of one image.
    stack : bool
        Whether the first axis numbers images.
    seed : int
        For the choice of blocks.
    most : int, optional
        Images of more pixels together are large; by default `MOST_PIXELS`.
    contrast : float, optional
        `contrast_scale` of the images, where neighbors that differ count less.
    """
    most = MOST_PIXELS if most is None else most
    total = sum(int(np.prod(pixels.shape)) for pixels in images)
    rng = np.random.default_rng(seed)
    lattices = []
    for pixels in images:
        if total <= most:
            neighbors = neighborhood.stacked() if stack else neighborhood
            edges = None if contrast is None else contrast_edges(pixels, features.color_space, neighbors, contrast)
            lattices.append(Grid(features.rows(pixels), pixels.shape, neighbors, pixels.visible, edges=edges))
            continue
        share = most * int(np.prod(pixels.shape)) / total
        lattices.append(_blocks(pixels, features, neighborhood, share, stack, rng, contrast))
    return lattices


def _blocks(
    pixels: Pixels,
    features: Features,
    neighborhood: Neighborhood,
    share: float,
    stack: bool,
    rng: np.random.Generator,
    contrast: float | None,
) -> Grid:
    """Blocks of about as many pixels as the share, from the darkest to the brightest that have visible ones."""
    n_axes = len(pixels.shape) - stack
    size = [1] * stack + [min(_BLOCK[n_axes], length) for length in pixels.shape[stack:]]
    starts = [[*range(0, length - edge, edge), length - edge] for length, edge in zip(pixels.shape, size, strict=True)]
    corners = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, len(size))
    wanted = max(1, round(share / np.prod(size)))
    found = []
    for corner in rng.permutation(corners):
        part = pixels.part(tuple(slice(at, at + edge) for at, edge in zip(corner, size, strict=True)))
        if part.n_visible:
            found.append((float(part.rows[::_THINNED].mean()), tuple(corner), part))
        if len(found) == _CANDIDATES * wanted:
            break
    found.sort(key=lambda block: block[:2])
    ranks = (np.arange(min(wanted, len(found))) + 0.5) * len(found) / min(wanted, len(found))
    chosen = [found[int(rank)] for rank in ranks]
    rows = np.concatenate([features.rows(part, corner, pixels.shape) for _, corner, part in chosen])
    seen = np.stack([np.ones(part.shape, bool) if part.visible is None else part.visible for _, _, part in chosen])
    shape = (len(chosen), *size[stack:])
    edges = None
    if contrast is not None:
        inside = neighborhood.stacked() if stack else neighborhood
        each = [contrast_edges(part, features.color_space, inside, contrast) for _, _, part in chosen]
        edges = np.stack(each, axis=1).reshape(-1, *shape)
    return Grid(rows, shape, neighborhood.stacked(), None if seen.all() else seen.reshape(shape), edges=edges)
