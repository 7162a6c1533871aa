"""Redundant columns: constant columns, and columns that are linear functions of others.

Such columns make the covariance of every component singular in the same way. A fit leaves them out, and the fitted
mixture is extended to them: with x_K the kept columns, x_D the others and c the centers, in every component

    x_D = c_D + (x_K - c_K) B + noise,    noise ~ N(0, diag(deviations^2)),

so a root L of the kept columns becomes ``[[L, 0], [B' L, diag(deviations)]]``, and the density of a row gains a factor
that is the same in every component: responsibilities and labels are those of the kept columns.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.linalg import lapack, solve_triangular

from gaussmix.core.covariance import Factor, covariance_class, structure_of
from gaussmix.core.covariance.triangular import root_of_some
from gaussmix.core.engines import NativeEngine
from gaussmix.core.errors import DegenerateDataWarning
from gaussmix.core.file_pages import pieces
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.text import default_names, join_words
from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows
from gaussmix.core.whitened import WhitenedMixture

_EPSILON = float(np.finfo(np.float64).eps)
_SHARE = math.sqrt(1e-9)  # standard deviation of a dropped column about its function; regular when squared
_LEAST_DEVIATION = 1e-153  # its square and the inverse of its square are normal numbers
_LEAST_EXPONENT = -1000  # 2 to the power of 1000 is finite
_SAMPLE = 256  # rows used for the first centers and scales
_DOUBTFUL = 1e-12  # share of variance; sums of squares cannot tell smaller residuals from rounding
_MOST = 1e-3  # greatest residual of a dependent column, as a share of its standard deviation
_PIVOT = 0.1  # share of the greatest residual; the first column that reaches it is chosen, whatever the last digits
_BLOCK = 1 << 16  # numbers factorized at a time


@dataclass(frozen=True, eq=False)
class ColumnReduction:
    """Redundant columns, and their linear dependence on the kept columns.

    Attributes
    ----------
    covariance_type : {"full", "tied", "diag", "spherical"}
        Covariance type of the mixture of all columns.
    kept, dropped : (r,), (d - r,) arrays of int
        Positions of columns, ascending. If all rows are equal, column 0 is kept although it is constant, because a
        mixture has at least one feature.
    centers, scales : (d,) arrays
        Mean of each column, and a power of two about as large as its spread.
    coefficients : (r, d - r) array
        B in units of the scales: ``(x_D - c_D) / scales_D = (x_K - c_K) / scales_K @ coefficients``.
    deviations : (d - r,) array
        Standard deviation of a dropped column about its function: the root of 1e-9 of its variance. For a constant
        column it is the root of 1e-9 of its squared value, and of 1e-9 if the value is zero. At least 1e-153, whose
        square has an inverse.
    underflowing : tuple of int
        Positions of columns that vary, but whose variance is no normal number; they count as constant.
    """

    covariance_type: str
    kept: IntArray
    dropped: IntArray
    centers: FloatArray
    scales: FloatArray
    coefficients: FloatArray
    deviations: FloatArray
    underflowing: tuple[int, ...] = ()

    @classmethod
    def of(cls, rows: WeightedRows, covariance_type: str) -> Self | None:
        """Find the redundant columns; if there are none, this usually takes one pass.

        With epsilon that of the dtype of the rows, ``u = epsilon / 2 * root mean square / standard deviation`` bounds
        the share of rounding in the standard deviation of a column. A column is constant if u is at least 1/2 (1/8 in
        double precision, as for a collapsed component), or if its standard deviation is below 1e-153, whose square is
        not a normal number. For "full" and "tied" a column is a function of others if its residual, relative to its
        standard deviation, is at most ``4 (u_j + sum_i |B_ij| u_i)``, four times the residual of correctly rounded
        values of the function, and at most 1e-3. Residuals come from a QR factorization of the rows, which resolves
        1e-9. It is computed only if the correlations, which cannot tell a residual below 1e-6 from rounding, are
        doubtful.

        "diag" leaves out only constant columns, and "spherical" none unless all columns are constant.

        Parameters
        ----------
        rows : WeightedRows
            Rows of a fit, with finite numbers. Rows of weight zero are ignored.
        covariance_type : {"full", "tied", "diag", "spherical"}

        Returns
        -------
        ColumnReduction or None
            None if no column is redundant.

        Raises
        ------
        ValueError
            When the variances of all columns that vary underflow.
        """
        if rows.weights is not None:  # sums of weights times squares neither overflow nor underflow
            rows = replace(rows, weights=np.ldexp(rows.weights, -np.frexp(rows.weights.max())[1]))
        correlated = covariance_type in ("full", "tied")
        dtype = rows.values.dtype
        epsilon = float(np.finfo(dtype).eps) if dtype.kind == "f" else _EPSILON
        engine = NativeEngine.of(rows)
        columns, sound = _columns(engine, *_units_of_sample(rows.values), epsilon, correlated)
        if sound and not columns.may_be_dependent():
            return None
        rows = rows.positive()
        engine = NativeEngine.of(rows)
        centers, scales = _units_of_all(rows.values)
        columns, _ = _columns(engine, centers, scales, epsilon, correlated)
        columns, _ = _columns(engine, columns.means, scales, epsilon, correlated)
        constant = columns.constant
        varying = np.flatnonzero(~constant)
        underflowing = tuple(np.flatnonzero(columns.underflowing).tolist())
        if underflowing and not varying.size:
            raise ValueError(_about_underflow(underflowing, rows.names or default_names(len(constant))))
        kept = varying
        coefficients, limits = np.zeros((len(kept), len(constant))), np.zeros(len(constant))
        if not varying.size:
            kept, coefficients = np.zeros(1, dtype=np.int64), np.zeros((1, len(constant)))
        elif covariance_type == "spherical":
            return None
        elif columns.may_be_dependent(varying):
            factor = _orthogonal_factor(rows, columns, varying)
            chosen, functions, limits[varying] = _choose(factor, columns.rounding[varying])
            kept = varying[chosen]
            coefficients = np.zeros((len(kept), len(constant)))
            coefficients[:, varying] = functions
        dropped = np.setdiff1d(np.arange(len(constant)), kept)
        if not dropped.size:
            return None
        size = np.where(constant, np.abs(columns.means), columns.deviations * columns.scales)
        deviations = np.clip(1000 * limits, _SHARE, 0.1) * np.where(size > 0, size, 1.0)
        return cls(
            covariance_type,
            kept,
            dropped,
            columns.means,
            columns.scales,
            coefficients[:, dropped],
            np.maximum(deviations, _LEAST_DEVIATION)[dropped],
            underflowing,
        )

    def reduce(self, rows: Rows) -> Rows:
        """Return the kept columns.

        Parameters
        ----------
        rows : (n, d) array
            Rows with all columns.

        Returns
        -------
        (n, r) array
            Kept columns, C-contiguous and of the same dtype.
        """
        return np.ascontiguousarray(rows[:, self.kept])

    def lift(self, mixture: Mixture) -> Mixture:
        """Return the mixture of all columns that corresponds to a mixture of the kept columns.

        The kept columns have the same means and, up to rounding, the same covariances. The structure is the free one,
        because constraints across components hold only for the kept columns. If only constant columns were dropped
        ("diag"), correlations are preserved. A "spherical" mixture, whose rows are all equal, has the same variances
        for all columns.

        Parameters
        ----------
        mixture : Mixture
            Mixture of the kept columns.

        Returns
        -------
        Mixture
            Mixture of all columns.
        """
        structure, covariance = covariance_class(self.covariance_type), mixture.covariance
        own = type(covariance) if isinstance(covariance, Factor) else structure_of(covariance.form)
        if self.covariance_type == "diag" and own.name in ("full", "tied"):
            structure = own
        if self.covariance_type != "spherical" and own is not structure:
            mixture = mixture.promote_to(structure)
        shifts = (mixture.means - self.centers[self.kept]) / self.scales[self.kept]
        means = np.empty((mixture.n_components, len(self.centers)))
        means[:, self.kept] = mixture.means
        means[:, self.dropped] = self.centers[self.dropped] + shifts @ self.coefficients * self.scales[self.dropped]
        match structure.name:
            case "full":
                roots = self._lift_roots(mixture.covariance.roots)
            case "tied":
                roots = self._lift_roots(mixture.covariance.roots[None])[0]
            case name if name == "diag" or issubclass(structure, Factor):
                roots = np.zeros(structure.root_shape(*means.shape))
                roots[:, self.kept] = mixture.covariance.roots
                roots.reshape(*means.shape, -1)[:, self.dropped, 0] = self.deviations
            case _:
                structure, roots = type(mixture.covariance), mixture.covariance.roots
        background = mixture.background and mixture.background.lifted(
            (self.kept, self.dropped), self.centers, self.scales, self.coefficients, self.deviations
        )
        lifted = structure(roots, *means.shape)
        return Mixture(mixture.weights, means, lifted, None, background, mixture.degrees_of_freedom)

    def _lift_roots(self, roots: FloatArray) -> FloatArray:
        """Return roots (k, d, d) of all columns from roots (k, r, r) of the kept ones."""
        n_features = len(self.centers)
        lifted = np.zeros((len(roots), n_features, n_features))
        lifted[:, self.kept[:, None], self.kept] = roots
        follows = self.coefficients.T @ (roots / self.scales[self.kept, None])
        lifted[:, self.dropped[:, None], self.kept] = follows * self.scales[self.dropped, None]
        lifted[:, self.dropped, self.dropped] = self.deviations
        return root_of_some(lifted, range(n_features)) if np.triu(lifted, 1).any() else lifted

    def warning(self, names: Sequence[str] | None, shape: tuple[int, ...]) -> DegenerateDataWarning:
        """Return the warning that names the columns.

        Parameters
        ----------
        names : sequence of str, optional
            Of all columns; by default ``x0, x1, ...``.
        shape : tuple of int
            Of the rows.

        Returns
        -------
        DegenerateDataWarning
            The warning.
        """
        known = default_names(shape[1]) if names is None else names
        small = _about_underflow(self.underflowing, known) if self.underflowing else ""
        return DegenerateDataWarning(self.dropped, self.describe(names), shape, small)

    def describe(self, names: Sequence[str] | None = None) -> list[str]:
        """Return the reason for leaving out each column, except for those that underflow.

        Parameters
        ----------
        names : sequence of str, optional
            Names of all columns; by default ``x0, x1, ...``.

        Returns
        -------
        list of str
            A clause for each column.
        """
        known = default_names(len(self.kept) + len(self.dropped)) if names is None else names
        return [
            self._describe(place, column, known)
            for place, column in enumerate(self.dropped.tolist())
            if column not in self.underflowing
        ]

    def _describe(self, place: int, column: int, names: Sequence[str]) -> str:
        factors = self.coefficients[:, place]
        others = self.kept[factors != 0]
        if not others.size:
            return f"{names[column]} is constant"
        if others.size == 1:
            other, slope = others[0], factors[factors != 0][0]
            gap = abs(self.centers[column] - self.centers[other])
            near = max(1e-9 * self.scales[other], 4 * _EPSILON * abs(self.centers[other]))
            if slope * self.scales[column] == self.scales[other] and gap <= near:
                return f"{names[column]} repeats {names[other]}"
        return f"{names[column]} is a linear function of {join_words((names[other] for other in others), 10)}"


def _about_underflow(columns: Sequence[int], names: Sequence[str]) -> str:
    """Say which columns of X are too small, and what to do."""
    if len(columns) == 1:
        return f"The spread of {names[columns[0]]} is so small that its square underflows: multiply this column of X."
    named = join_words((names[column] for column in columns), 10)
    return f"The spreads of {named} are so small that their squares underflow: multiply these columns of X."


@dataclass(frozen=True, eq=False)
class _Columns:
    """Statistics of the columns from one pass.

    ``means`` (d,) are in units of the rows; ``scales`` (d,); ``deviations`` (d,) and, if correlations matter,
    ``covariances`` (d, d) are in units of the scales; ``epsilon`` is that of the dtype of the rows.
    """

    means: FloatArray
    scales: FloatArray
    deviations: FloatArray
    covariances: FloatArray | None
    epsilon: float

    @property
    def rounding(self) -> FloatArray:
        """The u (d,) of `ColumnReduction.of`, at most 1/2."""
        size = np.hypot(self.means / self.scales, self.deviations)
        least = np.maximum(self.epsilon * size, _LEAST_DEVIATION)
        return 0.5 * self.epsilon * size / np.maximum(self.deviations, least)

    @property
    def constant(self) -> BoolArray:
        return self._rounded | (self.deviations < _LEAST_DEVIATION / self.scales)

    @property
    def underflowing(self) -> BoolArray:
        return self.constant & ~self._rounded

    @property
    def _rounded(self) -> BoolArray:
        size = np.hypot(self.means / self.scales, self.deviations)
        return self.deviations <= max(self.epsilon, 4 * _EPSILON) * size

    def may_be_dependent(self, which: IntArray | None = None) -> bool:
        """Return whether columns (some or all) may depend on others: a pivot of the correlations is near rounding."""
        if self.covariances is None:
            return False
        deviations, rounding, covariances = self.deviations, self.rounding, self.covariances
        if which is not None:
            deviations, rounding = deviations[which], rounding[which]
            covariances = covariances[np.ix_(which, which)]
        doubtful = _DOUBTFUL + (64 * rounding.max()) ** 2 + 16 * len(deviations) * _EPSILON
        factor, _, rank, _ = lapack.dpstrf(covariances / deviations / deviations[:, None], tol=doubtful)
        return bool(rank < len(deviations) or factor.diagonal().min() ** 2 <= doubtful)


def _units_of_sample(rows: Rows) -> tuple[FloatArray, FloatArray]:
    """Return centers and scales (d,) from some of the rows."""
    some = rows[:: max(1, len(rows) // _SAMPLE)].astype(np.float64)
    centers = some.mean(axis=0)
    return centers, _power_of_two(np.abs(some - centers).max(axis=0))


def _units_of_all(rows: Rows) -> tuple[FloatArray, FloatArray]:
    """Return centers and scales (d,): the midrange of each column, and half its range to a power of two."""
    step = max(1, _BLOCK // rows.shape[1])
    blocks = (np.ascontiguousarray(piece.T) for _, piece in pieces(rows, step))
    ranges = [(block.min(axis=1), block.max(axis=1)) for block in blocks]
    lowest = np.min([low for low, _ in ranges], axis=0).astype(np.float64)
    highest = np.max([high for _, high in ranges], axis=0).astype(np.float64)
    return lowest + (highest - lowest) / 2, _power_of_two((highest - lowest) / 2)


def _power_of_two(sizes: FloatArray) -> FloatArray:
    """Return the next greater power of two; 1 for 0."""
    return np.where(sizes > 0, np.ldexp(1.0, np.maximum(np.frexp(sizes)[1], _LEAST_EXPONENT)), 1.0)


def _columns(
    engine: NativeEngine, centers: FloatArray, scales: FloatArray, epsilon: float, correlated: bool
) -> tuple[_Columns, bool]:
    """Return the statistics of one pass about the centers, and whether they are accurate."""
    factors = 1.0 / scales
    whitened = WhitenedMixture(
        "full" if correlated else "diagonal",
        np.zeros(1),
        centers[None],
        (np.diag(factors) if correlated else factors)[None],
    )
    moments = engine.accumulate(whitened)
    count = moments.counts[0]
    if not (count > 0 and np.isfinite(moments.scatter).all()):
        return _Columns(centers, scales, np.zeros(len(scales)), None, epsilon), False
    shift, second = moments.shifts[0] / count, moments.scatter[0] / count
    about = second - np.outer(shift, shift) if correlated else second - shift**2
    before, variances = (second.diagonal(), about.diagonal()) if correlated else (second, about)
    columns = _Columns(
        centers + scales * shift, scales, np.sqrt(np.maximum(variances, 0.0)), about if correlated else None, epsilon
    )
    sound = (variances > 1e-10 * before) & (variances > 1e-20) & ~columns.constant
    return columns, bool(sound.all())


def _orthogonal_factor(rows: WeightedRows, columns: _Columns, which: IntArray) -> FloatArray:
    """Return upper triangular R, with R'R the scatter of some columns in their scales, by blockwise QR factorization.

    Golub and Van Loan, Matrix Computations (2013), 5.2; each block is factorized together with the previous R.
    """
    means, scales = columns.means[which], columns.scales[which]
    factor = np.zeros((0, len(which)))
    step = max(4 * len(which), _BLOCK // len(which))
    for part, piece in pieces(rows.values, step):
        block = (piece[:, which] - means) / scales
        if rows.weights is not None:
            block *= np.sqrt(rows.weights[part])[:, None]
        factor = np.asarray(np.linalg.qr(np.concatenate([factor, block]), mode="r"))
    return factor


def _choose(factor: FloatArray, rounding: FloatArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """Choose columns of which the others are functions, preferring the first ones, by pivoted Gram-Schmidt.

    Parameters
    ----------
    factor : (m, v) array
        Root R of the scatter R'R of the columns.
    rounding : (v,) array
        u of `ColumnReduction.of`.

    Returns
    -------
    chosen : (r,) array of int, ascending
    coefficients : (r, v) array
        ``columns = columns[chosen] @ coefficients`` to rounding.
    limits : (v,) array
        Residuals, relative to the standard deviations, up to which a column is a function of the chosen ones.
    """
    norms = np.sqrt((factor**2).sum(axis=0))
    unit = factor / norms
    rounding = rounding + 4 * len(norms) * _EPSILON
    chosen: list[int] = []
    basis = np.zeros((len(factor), 0))
    residual = unit.copy()
    while len(chosen) < min(factor.shape):
        sizes = np.sqrt((residual**2).sum(axis=0))
        sizes[chosen] = 0.0
        least: FloatArray | float = _MOST
        if sizes.max() <= _MOST:
            least = _limits(_solve(basis, unit, chosen), rounding, chosen)
        sizes[sizes <= least] = 0.0
        if not sizes.any():
            break
        chosen.append(int((sizes >= _PIVOT * sizes.max()).argmax()))
        direction = residual[:, chosen[-1]]
        direction = direction - basis @ (basis.T @ direction)  # reorthogonalize
        direction /= np.sqrt(direction @ direction)
        basis = np.column_stack([basis, direction])
        residual -= np.outer(direction, direction @ residual)
    chosen.sort()
    basis = np.linalg.qr(unit[:, chosen])[0]
    coefficients = _solve(basis, unit, chosen)
    limits = _limits(coefficients, rounding, chosen)
    coefficients[np.abs(coefficients) <= limits] = 0.0
    coefficients[:, chosen] = np.eye(len(chosen))
    coefficients *= norms / norms[chosen][:, None]
    coefficients[np.abs(coefficients - 1.0) <= limits] = 1.0
    return np.array(chosen), coefficients, limits


def _solve(basis: FloatArray, columns: FloatArray, chosen: list[int]) -> FloatArray:
    """Return the coefficients (r, v) of the columns as functions of the chosen ones, whose QR basis is given."""
    return np.asarray(solve_triangular(basis.T @ columns[:, chosen], basis.T @ columns))


def _limits(coefficients: FloatArray, rounding: FloatArray, chosen: list[int]) -> FloatArray:
    """Return bounds (v,) on the residuals that are due to rounding, relative to the standard deviations."""
    return np.minimum(4 * (rounding + rounding[chosen] @ np.abs(coefficients)), _MOST)
