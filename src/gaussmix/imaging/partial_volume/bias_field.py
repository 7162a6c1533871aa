"""A smooth multiplicative field: the same tissue, brighter on one side of an image than on the other."""

import itertools

import numpy as np
from numpy.polynomial import legendre

from gaussmix.core.typing import BoolArray, FloatArray, Rows

_DEGREE = 4
_DEVIATION = 0.1  # of a coefficient of degree one; of degree p, 1 / p^2 of it
_CELLS = 12  # along an axis: what varies as slowly as these polynomials is as good as constant within one
_PIECE = 1 << 18


class SmoothField:
    """Fields of an image whose logarithm is a polynomial of the coordinates, of mean zero over the visible pixels.

    The polynomials are products of Legendre's along the axes of the box of the visible pixels, of total degree 1 to 4:
    34 in three dimensions, 14 in two. A channel's field is a column of coefficients.

    Parameters
    ----------
    shape : tuple of int
    visible : (n,) array of bool
        Pixels in C order of the shape; at least one is True.
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
        return len(self._degrees)

    def log_field(self, coefficients: FloatArray) -> Rows:
        """(n, channels) array of float32: the logarithm of the field, from coefficients (terms, channels)."""
        field = np.empty((*self.shape, coefficients.shape[1]), dtype=np.float32)
        for channel, column in enumerate(coefficients.T):
            tensor = np.zeros((_DEGREE + 1,) * len(self.shape))
            for degree, coefficient in zip(self._degrees, column, strict=True):
                tensor[degree] = coefficient
            tensor[(0,) * len(self.shape)] = -self._means @ column
            for axis, polynomials in enumerate(self._along):
                tensor = np.moveaxis(np.tensordot(polynomials, tensor, axes=(1, axis)), 0, axis)
            field[..., channel] = tensor
        return field.reshape(-1, coefficients.shape[1])

    def improve(
        self,
        coefficients: FloatArray,
        rows: Rows,
        fractions: Rows,
        means: FloatArray,
        variances: FloatArray,
        counted: BoolArray,
    ) -> FloatArray:
        """One step of weighted least squares toward ``rows = field * (fractions' means) + noise``.

        The field is the exponential of a polynomial, so the step is Gauss and Newton's; noise has one variance within
        a channel (in place of the logarithm's: a dark noisy pixel may have none). Van Leemput and others, IEEE
        Transactions on Medical Imaging 18 (1999), 885-896, alternate the like with EM. Coefficients have a normal
        prior, narrow for high degrees, as in Ashburner and Friston, NeuroImage 26 (2005), 839-851: it matters where
        few pixels tell a field from the lie of the classes.

        Parameters
        ----------
        coefficients : (terms, channels) array
        rows : (n, channels) array
        fractions : (classes, n) array
            The expected share of each class.
        means : (classes, channels) array
        variances : (channels,) array
            Of the noise.
        counted : (n,) array of bool
        """
        n_cells = len(self._basis)
        gradient, curvature = np.zeros((2, n_cells, rows.shape[1]))
        log_field = self.log_field(coefficients)
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
            # The first is the constant, which the means take; without any pixel to tell it is zero.
            better[:, channel] += np.linalg.lstsq(products, slope, rcond=1e-12)[0][1:]
        return better

    def _cells_of(self, first: int, last: int) -> Rows:
        """The cells of the pixels between two places along the first axis."""
        cells = [self._cells[0][first:last], *self._cells[1:]]
        return np.ravel_multi_index(np.ix_(*cells), (_CELLS,) * len(cells)).ravel()

    def _moments(self, plane: BoolArray) -> FloatArray:
        """Sums of products of polynomials along all axes but the first."""
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
