"""Images with known fractions: a fine map of classes averaged over blocks, with noise and optionally a bias field."""

from dataclasses import dataclass

import numpy as np

from gaussmix.imaging.images.pixels import Pixels

MEANS = np.array([[50.0, 200.0], [115.0, 120.0], [165.0, 85.0]])
FINE = 4


@dataclass(frozen=True)
class Mixed:
    """Arrays of one shape: image (channels last), fractions (k last), bias field (channels last), visible pixels."""

    image: np.ndarray
    fractions: np.ndarray
    bias_field: np.ndarray
    mask: np.ndarray

    @property
    def pixels(self):
        return Pixels(self.image, self.mask)

    @property
    def nearest(self):
        """Return the class with the nearest mean, (shape)."""
        means = MEANS[:, : self.image.shape[-1]]
        return ((self.image[..., None, :] - means) ** 2).sum(axis=-1).argmin(axis=-1)


def mixed_image(shape, noise, depth=0.0, n_channels=1, n_classes=3, seed=0):
    """Return an image of wavy shells of classes, the first outside; only a ball is visible.

    `noise` is relative to the brightest class. The bias field falls off from a point, as for a coil, by `depth` from
    the brightest pixel to the darkest.
    """
    rng = np.random.default_rng(seed)
    place = np.stack(np.meshgrid(*[(np.arange(FINE * n) + 0.5) / (FINE * n) * 2 - 1 for n in shape], indexing="ij"))
    waves = sum(np.sin(9.0 * at + phase) for at, phase in zip(place, rng.uniform(0, 6, len(place)), strict=True))
    depth_in = 0.95 - np.sqrt((place**2).sum(axis=0)) + 0.08 * waves
    classes = np.clip(((depth_in + 0.05) * n_classes / 0.7).astype(int), 0, n_classes - 1)
    blocks = [size for n in shape for size in (n, FINE)]
    within = tuple(range(1, 2 * len(shape), 2))
    fractions = np.stack([(classes == k).reshape(blocks).mean(axis=within) for k in range(n_classes)], axis=-1)
    at = place.reshape(len(shape), *blocks).mean(axis=tuple(axis + 1 for axis in within))
    bias_field = np.empty((*shape, n_channels))
    for channel, column in enumerate(np.moveaxis(bias_field, -1, 0)):
        corner = np.where(np.arange(len(shape)) == channel % len(shape), 1.2, -0.8).reshape(-1, *(1,) * len(shape))
        column[:] = np.exp(-0.5 * ((at - corner) ** 2).sum(axis=0) / 4.0)
        low = 1.0 - depth
        column[:] = low + (1.0 - low) * (column - column.min()) / np.ptp(column)
    mask = (at**2).sum(axis=0) < 0.95
    bias_field /= np.exp(np.log(bias_field[mask]).mean(axis=0))
    clean = fractions @ MEANS[:n_classes, :n_channels]
    image = clean * bias_field + rng.normal(scale=noise * MEANS[:, :n_channels].max(axis=0), size=clean.shape)
    return Mixed(image.astype(np.float32), fractions, bias_field, mask)
