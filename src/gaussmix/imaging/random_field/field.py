"""Hidden Potts random field, computed by compiled code (cpp/imaging)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import gaussmix.core._native as _native
from gaussmix.core.display import UNLABELED
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.imaging.random_field.neighborhood import Neighborhood

_PIECE = 1 << 18  # pixels whose float64 values are in memory at a time


@dataclass(frozen=True, eq=False)
class PseudoLikelihood:
    """Pseudo-likelihood (Besag 1975) of the parameters of a random field.

    ``s[i, c] = sum_j w_ij q[j, c]`` is the weighted number of neighbors of pixel i in class c.

    Attributes
    ----------
    responsibilities : (n, c) array of float32
        ``r[i, c]``, proportional to ``exp(scores[i, c] + smoothing s[i, c])``; their sum over c is one.
    log_likelihood : float
        ``sum_i log sum_c p(c | s_i) p(x_i | c)`` in nats, with ``p(c | s)`` proportional to
        ``exp(a[c] + smoothing s[c])``.
    gradient : (c + 1,) array
        Gradient of ``sum_ic r[i, c] log p(c | s_i)`` with respect to the preferences ``a`` and the smoothing.
    curvature : (c + 1, c + 1) array
        Negative Hessian of the same sum.
    """

    responsibilities: npt.NDArray[np.float32]
    log_likelihood: float
    gradient: FloatArray
    curvature: FloatArray


class RandomField:
    """Class probabilities of the pixels of an image, or of a stack of images of one size.

    The prior of the classes z is the Potts model: p(z) is proportional to
    ``exp(sum_i a[z_i] + smoothing sum_ij w_ij [z_i = z_j])``. The second sum is over pairs of neighbors, and the
    preferences ``a`` are the external field. ``scores`` are ``a[c] + log p(x_i | c)``. The distribution of the classes
    given the image is approximated by independent pixels (mean field; Zhang, Modestino and Langan, IEEE Transactions on
    Image Processing 3 (1994), 405-420). A sweep updates the class probabilities q of one pixel after another,

        q[i, c] proportional to exp(scores[i, c] + smoothing sum_j w_ij q[j, c]),

    so `free_energy` never decreases. Pixels are numbered 0, 1, ... in C order. Results are bitwise equal for any number
    of threads.

    Parameters
    ----------
    shape : tuple of int
        Shape of the image; one to four axes.
    n_classes : int
        Number of classes, 1 to 255.
    neighborhood : Neighborhood
        Neighbors and their weights, on as many axes as the shape has.
    visible : array of bool of that shape, optional
        Pixels that have a class, by default all; the others have probability 0 for every class.
    edges : (m, shape) array of uint8, optional
        For each of the m offsets and each pixel, the factor of the weight between the pixel and its neighbor at the
        offset, from 0 to 255 for 0 to 1; by default 255.
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
        self._native = _native.RandomField(
            np.array(shape, dtype=np.int64),
            n_classes,
            np.ascontiguousarray(neighborhood.offsets, dtype=np.int64),
            np.ascontiguousarray(neighborhood.weights, dtype=np.float64),
            None if visible is None else np.ascontiguousarray(visible).view(np.uint8),
            None if edges is None else np.ascontiguousarray(edges),
        )

    def load(self, scores: npt.NDArray[np.floating], first: int = 0, *, keep: bool = False) -> None:
        """Set the scores of consecutive pixels.

        Parameters
        ----------
        scores : (n, c) array
            Scores; -inf excludes a class from a pixel.
        first : int, default=0
            Number of the first of these pixels.
        keep : bool, default=False
            Whether to keep the current probabilities. Otherwise they are computed from the scores, without neighbors.
        """
        self._native.load(first, np.ascontiguousarray(scores, dtype=np.float64), keep)

    def pool(self) -> None:
        """Set the probabilities of the pixels of each block of two pixels along each axis from their summed scores.

        In a noisy image, sweeps that start from these probabilities converge faster and to a better optimum than sweeps
        that start from those of single pixels.
        """
        self._native.pool()

    def sweep(self, smoothing: float, times: int = 1) -> None:
        """Update every pixel some number of times."""
        self._native.sweep(smoothing, times)

    def draw(self, smoothing: float, seed: int) -> None:
        """Draw the class of every pixel given its neighbors (Gibbs sweep), so that probabilities are 0 or 1."""
        self._native.draw(smoothing, seed)

    def free_energy(self, smoothing: float) -> float:
        """Return ``sum q (scores - log q) + smoothing / 2 sum_ij w_ij sum_c q[i, c] q[j, c]``, in nats.

        Higher is better: minus the log partition function of the prior, it is a lower bound of the log-likelihood.
        (Physics defines the free energy with the opposite sign.)
        """
        return self._native.free_energy(smoothing)

    def probabilities(self, first: int = 0, last: int | None = None) -> npt.NDArray[np.float32]:
        """Return the class probabilities (n, c) of the pixels from ``first`` to ``last``, exclusive."""
        table = np.empty(((self.n_pixels if last is None else last) - first, self.n_classes), dtype=np.float32)
        self._native.probabilities(first, table)
        return table

    def pseudo_likelihood(self, smoothing: float, preferences: FloatArray) -> PseudoLikelihood:
        """Return the pseudo-likelihood of the preferences and the smoothing, and its derivatives.

        Parameters
        ----------
        smoothing : float
            Interaction strength of neighboring pixels.
        preferences : (c,) array
            The external field ``a`` that is included in the scores.

        Returns
        -------
        PseudoLikelihood
            Pseudo-likelihood for the current probabilities of the neighbors.
        """
        k = self.n_classes
        table = np.empty((self.n_pixels, k), dtype=np.float32)
        totals = np.empty(2 + k + (k + 1) * (k + 2) // 2)
        self._native.condition(smoothing, np.ascontiguousarray(preferences, dtype=np.float64), table, totals)
        curvature = np.zeros((k + 1, k + 1))
        curvature[np.triu_indices(k + 1)] = totals[k + 2 :]
        return PseudoLikelihood(table, float(totals[0]), totals[1 : k + 2], curvature + np.triu(curvature, 1).T)

    def labels(self) -> Rows:
        """Return the most probable class of each pixel, (shape) of uint8; `UNLABELED` where it is not visible."""
        labels = np.empty(self.shape, dtype=np.uint8)
        self._native.labels(0, labels, UNLABELED)
        return labels


def split_pixels(n_pixels: int) -> Iterator[slice]:
    """Yield consecutive slices of bounded size that cover the pixels 0 to ``n_pixels - 1``."""
    for first in range(0, n_pixels, _PIECE):
        yield slice(first, min(first + _PIECE, n_pixels))
