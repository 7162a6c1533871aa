"""The class of every pixel given its neighbors: a hidden Potts field, in native code (cpp/field.hpp)."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

import gaussmix.core._native as _native
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.imaging.random_field.neighborhood import Neighborhood

_PIECE = 1 << 18  # pixels for which numbers in float64 are held at a time


class Field:
    """Class probabilities of the pixels of an image, or of a stack of images of one size.

    The classes z have the prior probability ``p(z) ~ exp(sum_i a[z_i] + strength sum_ij w_ij [z_i = z_j])``, the second
    sum over pairs of neighbors: a Potts field. ``scores`` are ``a[c] + log p(x_i | c)``. Their distribution given the
    image is approximated by independent pixels (mean field; Zhang, Modestino and Langan, IEEE Transactions on Image
    Processing 3 (1994), 405-420), which are improved one at a time, so that the free energy never falls:

        q[i, c] ~ exp(scores[i, c] + strength sum_j w_ij q[j, c])

    Pixels are rows n = 0, 1, ... in C order of the shape. Results are the same to the last bit for any number of
    threads.

    Parameters
    ----------
    shape : tuple of int
        Of the image; one to four axes.
    n_classes : int
        1 to 255.
    neighborhood : Neighborhood
        Of as many axes as the shape.
    visible : array of bool of that shape, optional
        Pixels that belong to some class; the others have probability 0 of every class.
    edges : (m, shape) array of uint8, optional
        255 times the factor of the weight between a pixel and the one at each offset from it.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        n_classes: int,
        neighborhood: Neighborhood,
        visible: Rows | None = None,
        edges: Rows | None = None,
    ) -> None:
        self.shape, self.n_classes = shape, n_classes
        self.n_pixels = int(np.prod(shape))
        self._native = _native.Field(
            np.array(shape, dtype=np.int64),
            n_classes,
            np.ascontiguousarray(neighborhood.offsets, dtype=np.int64),
            np.ascontiguousarray(neighborhood.weights, dtype=np.float64),
            None if visible is None else np.ascontiguousarray(visible).view(np.uint8),
            None if edges is None else np.ascontiguousarray(edges),
        )

    def load(self, scores: npt.NDArray[np.floating], first: int = 0, *, keep: bool = False) -> None:
        """Give some pixels their scores.

        Parameters
        ----------
        scores : (n, c) array
            -inf is a class that a pixel cannot have.
        first : int, default=0
            The first of these pixels.
        keep : bool, default=False
            Keep the probabilities; by default they are what the scores alone make them.
        """
        self._native.load(first, np.ascontiguousarray(scores, dtype=np.float64), keep)

    def pool(self) -> None:
        """Give the pixels of each block of two along each axis the probabilities that their scores together make.

        Where there is noise, sweeps from there end in a better optimum than sweeps from pixels alone, and sooner.
        """
        self._native.pool()

    def sweep(self, strength: float, times: int = 1) -> None:
        """Improve every pixel, some times."""
        self._native.sweep(strength, times)

    def draw(self, strength: float, seed: int) -> None:
        """Draw every pixel given its neighbors (a Gibbs sweep): probabilities become 0 and 1."""
        self._native.draw(strength, seed)

    def free_energy(self, strength: float) -> float:
        """``sum q (scores - log q) + strength / 2 sum_ij w_ij sum_c q[i, c] q[j, c]``, in nats."""
        return self._native.free_energy(strength)

    def probabilities(self, first: int = 0, last: int | None = None) -> npt.NDArray[np.float32]:
        """(n, c) of the pixels first to last."""
        table = np.empty(((self.n_pixels if last is None else last) - first, self.n_classes), dtype=np.float32)
        self._native.probabilities(first, table)
        return table

    def condition(
        self, strength: float, preferences: FloatArray
    ) -> tuple[npt.NDArray[np.float32], float, FloatArray, FloatArray]:
        """What every pixel would be given its neighbors, and the pseudo-likelihood of the field's parameters.

        Parameters
        ----------
        strength : float
        preferences : (c,) array
            The ``a`` that the scores include.

        Returns
        -------
        responsibilities : (n, c) array of float32
            ``r[i, c] ~ exp(scores[i, c] + strength s[i, c])`` with s the neighbor sums.
        fit : float
            ``sum_i log sum_c p(c | s_i) p(x_i | c)`` with ``p(c | s) ~ exp(a[c] + strength s[c])``, in nats.
        gradient : (c + 1,) array
            Of ``sum_ic r[i, c] log p(c | s_i)`` by the preferences and the strength.
        curvature : (c + 1, c + 1) array
            Minus its second derivatives.
        """
        k = self.n_classes
        table = np.empty((self.n_pixels, k), dtype=np.float32)
        totals = np.empty(2 + k + (k + 1) * (k + 2) // 2)
        self._native.condition(strength, np.ascontiguousarray(preferences, dtype=np.float64), table, totals)
        curvature = np.zeros((k + 1, k + 1))
        curvature[np.triu_indices(k + 1)] = totals[k + 2 :]
        return table, float(totals[0]), totals[1 : k + 2], curvature + np.triu(curvature, 1).T

    def labels(self, elsewhere: int = 255) -> Rows:
        """(shape) array of uint8: the most probable class of each pixel, ``elsewhere`` where there is none."""
        labels = np.empty(self.shape, dtype=np.uint8)
        self._native.labels(0, labels, elsewhere)
        return labels


def pieces(n_pixels: int) -> Iterator[slice]:
    """Pixels 0 to n, in pieces of bounded size."""
    for first in range(0, n_pixels, _PIECE):
        yield slice(first, min(first + _PIECE, n_pixels))
