"""Smooth multiplicative bias fields, which make a tissue brighter on one side of an image than on the other."""

import itertools

import numpy as np
from numpy.polynomial import legendre

from gaussmix.core.typing import BoolArray, FloatArray, Rows

_DEGREE = 4
_DEVIATION = 0.1  # prior standard deviation of a coefficient of degree one; of degree p, 1 / p^2 of it
_CELLS = 12  # along an axis; the polynomials are almost constant within a cell
_PIECE = 1 << 18


class BiasFieldModel:
    """Bias fields of an image, whose logarithm is a polynomial of the coordinates with mean zero over visible pixels.

    The terms are products of Legendre polynomials along the axes of the bounding box of the visible pixels, of total
    degree 1 to 4: 34 in three dimensions, 14 in two. The bias field of a channel is a column of coefficients.

    Parameters
    ----------
    shape : tuple of int
        Shape of the image without channels.
    visible : (n,) array of bool
        Visible pixels in C order of the shape; at least one is True.
    """

    def __init__(self, shape: tuple[int, ...], visible: BoolArray) -> None:
        self.shape = shape
        seen = visible.reshape(shape)
        along: list[FloatArray] = []
        cells = []
        for axis, size in enumerate(shape):
            found = np.flatnonzero(seen.any(axis=tuple(other for other in range(len(shape)) if other != axis)))
            extent = found[-1] + 1 - found[0]
            part = np.clip((np.arange(size) - found[0] + 0.5) / extent, 0.0, 1.0)
            along.append(legendre.legvander(2.0 * part - 1.0, _DEGREE))
            cells.append(np.minimum((part * _CELLS).astype(np.int64), _CELLS - 1))
        self._along = along
        self._cells = cells
        degrees = itertools.product(range(_DEGREE + 1), repeat=len(shape))
        self._degrees = [degree for degree in degrees if 0 < sum(degree) <= _DEGREE]
        centers = np.asarray(legendre.legvander((np.arange(_CELLS) + 0.5) / _CELLS * 2.0 - 1.0, _DEGREE))
        at_cells = [self._product([centers[:, d] for d in degree]).ravel() for degree in self._degrees]
        basis = np.stack(at_cells, axis=1)
        sums = sum(np.multiply.outer(row, self._moments(plane)) for row, plane in zip(along[0], seen, strict=True))
        self._means = np.array([sums[degree] for degree in self._degrees]) / visible.sum()
        self._basis = np.column_stack([np.ones(len(basis)), basis - self._means])

    @property
    def n_terms(self) -> int:
        """Number of coefficients for each channel."""
        return len(self._degrees)

    def log_bias_field(self, coefficients: FloatArray) -> Rows:
        """Return the logarithm of the bias field, (n, channels) of float32, from coefficients (terms, channels)."""
        log_field = np.empty((*self.shape, coefficients.shape[1]), dtype=np.float32)
        for channel, column in enumerate(coefficients.T):
            tensor = np.zeros((_DEGREE + 1,) * len(self.shape))
            for degree, coefficient in zip(self._degrees, column, strict=True):
                tensor[degree] = coefficient
            tensor[(0,) * len(self.shape)] = -self._means @ column
            for axis, polynomials in enumerate(self._along):
                tensor = np.moveaxis(np.tensordot(polynomials, tensor, axes=(1, axis)), 0, axis)
            log_field[..., channel] = tensor
        return log_field.reshape(-1, coefficients.shape[1])

    def improve(
        self,
        coefficients: FloatArray,
        rows: Rows,
        fractions: Rows,
        means: FloatArray,
        variances: FloatArray,
        counted: BoolArray,
    ) -> FloatArray:
        """Return the coefficients after one step of least squares for ``rows = bias * (fractions' means) + noise``.

        The bias field is the exponential of a polynomial, so this is a Gauss-Newton step. The noise of a channel has
        one variance on the scale of the rows, not of their logarithms, which may not exist for a dark noisy pixel. Van
        Leemput and others, IEEE Transactions on Medical Imaging 18 (1999), 885-896, alternate similar steps with EM.
        Coefficients have a normal prior, narrow for high degrees, as in Ashburner and Friston, NeuroImage 26 (2005),
        839-851. The prior matters where few pixels distinguish a bias field from the arrangement of the classes.

        Parameters
        ----------
        coefficients : (terms, channels) array
            Current coefficients.
        rows : (n, channels) array
            Pixels of the image.
        fractions : (classes, n) array
            Expected fraction of each class.
        means : (classes, channels) array
            Means of the classes.
        variances : (channels,) array
            Variances of the noise.
        counted : (n,) array of bool
            Pixels used for the estimate.

        Returns
        -------
        (terms, channels) array
            Updated coefficients.
        """
        n_cells = len(self._basis)
        gradient, curvature = np.zeros((2, n_cells, rows.shape[1]))
        log_field = self.log_bias_field(coefficients)
        plane = len(counted) // self.shape[0]
        step = max(1, _PIECE // plane)
        for first in range(0, self.shape[0], step):
            last = min(first + step, self.shape[0])
            pixels = slice(first * plane, last * plane)
            chosen = counted[pixels]
            cells = self._cells_of(first, last)[chosen]
            expected = np.exp(log_field[pixels][chosen]) * (fractions[:, pixels].T[chosen] @ means)
            off = expected * (rows[pixels][chosen] - expected)
            for channel in range(rows.shape[1]):
                gradient[:, channel] += np.bincount(cells, off[:, channel], n_cells) / variances[channel]
                curvature[:, channel] += np.bincount(cells, expected[:, channel] ** 2, n_cells) / variances[channel]
        precisions = np.array([sum(degree) ** 4 / _DEVIATION**2 for degree in self._degrees])
        better = coefficients.copy()
        for channel in range(rows.shape[1]):
            products = self._basis.T @ (curvature[:, channel, None] * self._basis)
            slope = self._basis.T @ gradient[:, channel]
            products[1:, 1:] += np.diag(precisions)
            slope[1:] -= precisions * coefficients[:, channel]
            # the means absorb the constant factor (first entry), which is zero without pixels
            better[:, channel] += np.linalg.lstsq(products, slope, rcond=1e-12)[0][1:]
        return better

    def _cells_of(self, first: int, last: int) -> Rows:
        """Return the cells of the pixels between two positions along the first axis."""
        cells = [self._cells[0][first:last], *self._cells[1:]]
        return np.ravel_multi_index(np.ix_(*cells), (_CELLS,) * len(cells)).ravel()

    def _moments(self, plane: BoolArray) -> FloatArray:
        """Return the sums over a plane of products of polynomials along all axes but the first."""
        moments = np.asarray(plane, dtype=np.float64)
        for polynomials in reversed(self._along[1:]):
            moments = np.moveaxis(moments @ polynomials, -1, 0)
        return moments

    @staticmethod
    def _product(factors: list[Rows]) -> FloatArray:
        product = factors[0]
        for factor in factors[1:]:
            product = np.multiply.outer(product, factor)
        return product
