"""The engine for rows in a torch tensor, which stay on their device (CPU, CUDA, MPS). This module alone imports torch.

In the arrays of a pass the components come first: whitened rows (k, m, d), squared distances and responsibilities
(k, m), for m rows at a time. Distances are computed in the type of the rows. What has one number for each row and
component is float64: on the device, or on the host where the device has no float64 (MPS).
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.coresets import coreset_positions
from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.moments import Moments
from gaussmix.core.row_sampling import drawn_positions
from gaussmix.core.rows import WeightedRows
from gaussmix.core.student import slope_centers
from gaussmix.core.typing import FloatArray, Form, IntArray, Random, Rows, Want
from gaussmix.core.whitened import CommonBasis, WhitenedMixture

try:
    import torch
except ImportError as error:
    raise MissingDependencyError("torch", "torch", "Passes over a torch tensor") from error

CHUNK_BYTES = {"cpu": 4 << 20}
"""Bytes of the whitened rows of a chunk on a type of device; other devices have `DEVICE_CHUNK_BYTES`."""
DEVICE_CHUNK_BYTES = 256 << 20
BLOCK = 256
"""Number of rows whose float32 products are added in float32. The sums of blocks are added in float64."""

_MOST_APART = {torch.float64: 1e3, torch.float32: 10.0}  # standard deviations from means to their center, if turned

_LEAST_SHARE = {torch.float64: 1e-250, torch.float32: 1e-25}  # smaller ones make subnormal products, slow on a CPU


class TorchEngine(AbstractEngine):
    """Rows in a torch tensor, with passes on its device.

    A pass takes chunks of rows whose size depends on the numbers of components and features, so the memory that it
    needs does not grow with the number of rows. Results are the same at every call on the same device.

    Rows of float64 are computed in float64. Rows of float32 are centered about the means without a loss; distances and
    products of up to 256 rows are float32, and their sums float64. Where the settings of torch allow TF32 or bfloat16
    in products of float32, the pass is computed in float64.

    Parameters
    ----------
    rows : (n, d) tensor
        Finite numbers, float64 or float32.
    row_weights : (n,) array or tensor, optional
        Nonnegative weights; a weight of 2 counts as two equal rows.
    """

    def __init__(self, rows: torch.Tensor, row_weights: FloatArray | torch.Tensor | None = None) -> None:
        self._rows = rows.detach()
        self.n_rows, self.n_features = rows.shape
        if isinstance(row_weights, torch.Tensor):
            row_weights = row_weights.detach().cpu().double().numpy()
        self._layout = WeightedRows(np.empty((self.n_rows, 0)), row_weights)  # draws positions; the values are not here
        self.weight = self._layout.total
        self._exact = torch.device("cpu") if rows.device.type == "mps" else rows.device
        weights = self._layout.weights
        self._weights = None if weights is None else _exactly(weights, self._exact)

    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        sums = _Sums.zeros(mixture, self._exact)
        with torch.autocast(self._rows.device.type, enabled=False), torch.no_grad():
            whitening = self._whitening(mixture)
            scoring = _Scoring(mixture, whitening, self._exact)
            for part in self._chunks(mixture, whitening.dtype):
                self._add_chunk(sums, part, whitening, scoring, log_prior)
        return sums.moments(mixture, whitening.common, self.weight)

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        dtype = torch.int64 if want == "labels" else torch.float64
        return self._row_results(mixture, want, log_prior, torch.device("cpu"), dtype).numpy()

    def score_tensor(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> torch.Tensor:
        """Return the numbers of `score_rows` as a tensor on the device of the rows.

        Parameters
        ----------
        mixture : WhitenedMixture
            Mixture that scores the rows.
        want : {"log_density", "responsibilities", "labels", "scores"}
            Result to compute.
        log_prior : (n, n_scores) array, optional
            Log prior of each row and component.

        Returns
        -------
        tensor
            Labels as int64, other results in the type of the rows.
        """
        dtype = torch.int64 if want == "labels" else self._rows.dtype
        return self._row_results(mixture, want, log_prior, self._rows.device, dtype)

    @property
    def bytes_per_number(self) -> int:
        """The size of a number of the rows."""
        return int(self._rows.dtype.itemsize)

    def fetch(self, positions: IntArray | None) -> Rows:
        """Return the values (m, d) at some positions (m,), or all of them, in memory."""
        values = self._rows
        if positions is not None:
            values = values[torch.as_tensor(positions, device=values.device)]
        return np.asarray(values.cpu().numpy().copy(order="C"))

    def sample_rows(self, limit: int, rng: Random, center: WhitenedMixture | None = None) -> WeightedRows:
        if center is not None:
            score = lambda part: TorchEngine(self._rows[part]).score_rows(center, "log_density")  # noqa: E731
            drawn, new_weights = coreset_positions(self.n_rows, score, self._layout.weights, limit, rng)
            return WeightedRows(self.fetch(drawn), new_weights)
        positions = drawn_positions(self._layout, limit, rng)
        some = self._layout if positions is None else self._layout.take(positions)
        return WeightedRows(self.fetch(positions), some.weights)

    def _row_results(
        self,
        mixture: WhitenedMixture,
        want: Want,
        log_prior: FloatArray | None,
        device: torch.device,
        dtype: torch.dtype,
    ) -> torch.Tensor:
        shape = (self.n_rows, mixture.n_scores) if want in ("responsibilities", "scores") else (self.n_rows,)
        result = torch.empty(shape, dtype=dtype, device=device)
        with torch.autocast(self._rows.device.type, enabled=False), torch.no_grad():
            whitening = self._whitening(mixture)
            scoring = _Scoring(mixture, whitening, self._exact)
            for part in self._chunks(mixture, whitening.dtype):
                squares = _squares(whitening(self._rows[part]), self._exact)[0]
                scores = scoring.scores(squares, None if log_prior is None else log_prior[part])
                match want:
                    case "scores":
                        result[part] = scores.T.to(dtype).to(device)
                    case "labels":
                        result[part] = scores.argmax(0).to(device)
                    case "log_density":
                        result[part] = torch.logsumexp(scores, 0).to(dtype).to(device)
                    case "responsibilities":
                        shares = _responsibilities(scores, torch.logsumexp(scores, 0))
                        result[part] = shares.T.to(dtype).to(device)
        return result

    def _add_chunk(
        self,
        sums: "_Sums",
        part: slice,
        whitening: "_Whitening",
        scoring: "_Scoring",
        log_prior: FloatArray | None,
    ) -> None:
        """Add the sums over a chunk of rows."""
        whitened = whitening(self._rows[part])
        squares, finite = _squares(whitened, self._exact)
        scores = scoring.scores(squares, None if log_prior is None else log_prior[part])
        log_density = torch.logsumexp(scores, 0)
        responsibilities = _responsibilities(scores, log_density)
        entropy = torch.special.entr(responsibilities)
        weighted = torch.nn.functional.threshold(responsibilities, _LEAST_SHARE[whitening.dtype], 0.0)
        if self._weights is not None:
            weights = self._weights[part]
            entropy, weighted = weights * entropy, weights * weighted
            log_density = torch.where(weights > 0, weights * log_density, 0.0)
        k = whitening.n_components
        scaled = weighted[:k]
        if scoring.has_degrees:
            bounded = squares if finite is None else torch.where(finite, squares, 0.0)
            sums.slopes += (weighted[:k] * scoring.slopes(bounded)).sum(1)
            scaled = weighted[:k] * scoring.latent_scales(bounded)
        if finite is not None:
            whitened = torch.where(finite.to(whitened.device)[:, :, None], whitened, 0.0)
        sums.counts += weighted.sum(1)
        sums.scaled_counts += scaled.sum(1)
        sums.log_likelihood += log_density.sum()
        sums.entropy += entropy.sum()
        sums.add_products(whitened, scaled.to(whitened.dtype).to(whitened.device))

    def _whitening(self, mixture: WhitenedMixture) -> "_Whitening":
        dtype = torch.float64 if _rounds_products(self._rows.device) else self._rows.dtype
        return _Whitening(mixture, self._rows.device, dtype)

    def _chunks(self, mixture: WhitenedMixture, dtype: torch.dtype) -> Iterator[slice]:
        """Yield the positions of the rows in chunks of whole blocks."""
        size = CHUNK_BYTES.get(self._rows.device.type, DEVICE_CHUNK_BYTES)
        step = BLOCK * max(1, size // (BLOCK * mixture.means.size * dtype.itemsize))
        for start in range(0, self.n_rows, step):
            yield slice(start, min(start + step, self.n_rows))


def is_tensor(value: Any) -> bool:
    """Return whether a value is a tensor."""
    return isinstance(value, torch.Tensor)


def to_floating(rows: torch.Tensor) -> torch.Tensor:
    """Return rows as float64 or float32: those of at most two bytes become float32, which holds them exactly.

    Raises
    ------
    ValueError
        If integers need float64 and the device does not have it.
    """
    if rows.dtype in _MOST_APART:
        return rows
    if rows.dtype.itemsize <= 2:
        return rows.to(torch.float32)
    if rows.device.type == "mps":
        raise ValueError(f"X holds {rows.dtype}, and this device has no float64: pass X.float() if float32 is enough")
    return rows.to(torch.float64)


def to_array(rows: torch.Tensor) -> Rows:
    """Return rows as an array in memory; NumPy does not have bfloat16."""
    return np.asarray((rows.float() if rows.dtype == torch.bfloat16 else rows).cpu().numpy())


def to_tensor(array: Rows) -> torch.Tensor:
    """Return an array on the host as a tensor; a read-only one is copied, because tensors are writable."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


class _Whitening:
    """The map of rows (m, d) to whitened rows (k, m, d) about the means of a mixture, in one type.

    A mean in float64 is the sum of two numbers of float32. A row near the mean minus the first number is exact, so
    float32 loses nothing where the rows are far from the origin.

    Attributes
    ----------
    log_determinants : (k,) array or float
        What the rounding of the factors adds to their log determinants. With it, scores are those of a mixture with the
        rounded factors: where the likelihood is greatest, the log-likelihood changes in second order only.
    """

    def __init__(self, mixture: WhitenedMixture, device: torch.device, dtype: torch.dtype) -> None:
        def moved(array: FloatArray) -> torch.Tensor:
            return to_tensor(array).to(dtype).to(device)

        self.dtype, self.n_components = dtype, mixture.n_components
        self.common = _basis(mixture, _MOST_APART[dtype])
        self._form = mixture.form
        parts = [(mixture.form, mixture.factors)]
        if self.common is not None:
            parts = [("tied", self.common.basis), (self.common.form, self.common.scales)]
        d = mixture.n_features
        self.log_determinants = sum(
            _log_determinants(form, moved(array).cpu().double().numpy(), d) - _log_determinants(form, array, d)
            for form, array in parts
        )
        if self.common is not None:
            centers = mixture.means.mean(axis=0)
            self._factors = moved(self.common.basis)
            self._turned_means = moved((mixture.means - centers) @ self.common.basis)[:, None]
            self._scales = moved(self.common.scales.reshape(mixture.n_components, 1, -1))
        else:
            centers = mixture.means[:, None]
            self._factors = moved(mixture.factors)
        self._centers = moved(centers)
        rest = centers - self._centers.cpu().double().numpy()
        self._rest = moved(rest) if rest.any() else None

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        differences = rows.to(self.dtype) - self._centers
        if self._rest is not None:
            differences -= self._rest
        if self.common is not None:
            return (differences @ self._factors - self._turned_means) * self._scales
        match self._form:
            case "full" | "tied":
                return differences @ self._factors
            case "diagonal":
                return differences.mul_(self._factors[:, None])
            case "spherical":
                return differences.mul_(self._factors[:, None, None])


class _Scoring:
    """Scores, and terms of t distributions (`RowTerms`), for squared distances (k, m) in float64."""

    def __init__(self, mixture: WhitenedMixture, whitening: "_Whitening", device: torch.device) -> None:
        self._offsets = _exactly(mixture.offsets + whitening.log_determinants, device)[:, None]
        self._background = mixture.background
        self._n_features = mixture.n_features
        degrees, self.has_degrees = mixture.degrees_of_freedom, mixture.degrees_of_freedom is not None
        if degrees is None:
            degrees = np.full(mixture.n_components, np.inf)
        self._heavy = torch.as_tensor(np.isfinite(degrees), device=device)[:, None]
        self._degrees = _exactly(np.where(np.isfinite(degrees), degrees, 1.0), device)[:, None]
        self._slope_centers = _exactly(slope_centers(degrees, mixture.n_features), device)[:, None]

    def scores(self, squares: torch.Tensor, log_prior: FloatArray | None) -> torch.Tensor:
        """Return the scores (n_scores, m)."""
        kernels = -0.5 * squares
        if self.has_degrees:
            tails = -0.5 * (self._degrees + self._n_features) * torch.log1p(squares / self._degrees)
            kernels = torch.where(self._heavy, tails, kernels)
        scores = self._offsets + kernels
        if self._background is not None:
            noise = self._background.log_weight - float(self._background.log_lengths.sum())
            scores = torch.cat([scores, scores.new_full((1, scores.shape[1]), noise)])
        return scores if log_prior is None else scores + _exactly(log_prior, scores.device).T

    def latent_scales(self, squares: torch.Tensor) -> torch.Tensor:
        """Return the expectations u of the latent scales (k, m)."""
        return torch.where(self._heavy, (self._degrees + self._n_features) / (self._degrees + squares), 1.0)

    def slopes(self, squares: torch.Tensor) -> torch.Tensor:
        """Return the derivatives of the log densities with respect to the inverse degrees of freedom, (k, m)."""
        d, degrees = self._n_features, self._degrees
        tails = 0.5 * degrees**2 * ((d - squares) / (degrees + squares) + torch.log1p(squares / degrees))
        return torch.where(self._heavy, tails, 0.25 * (d - squares) ** 2) - self._slope_centers


@dataclass
class _Sums:
    """Sums over rows, in float64; `counts` has one more number if there is a background."""

    counts: torch.Tensor
    scaled_counts: torch.Tensor
    slopes: torch.Tensor
    shifts: torch.Tensor
    scatter: torch.Tensor
    log_likelihood: torch.Tensor
    entropy: torch.Tensor
    form: str

    @classmethod
    def zeros(cls, mixture: WhitenedMixture, device: torch.device) -> Self:
        def zeros(*shape: int) -> torch.Tensor:
            return torch.zeros(shape, dtype=torch.float64, device=device)

        k = mixture.n_components
        moments = zeros(*mixture.means.shape), zeros(*mixture.factors.shape)
        return cls(zeros(mixture.n_scores), zeros(k), zeros(k), *moments, zeros(), zeros(), mixture.form)

    def add_products(self, whitened: torch.Tensor, responsibilities: torch.Tensor) -> None:
        """Add products of whitened rows (k, m, d) to shifts and scatter."""
        block = BLOCK if whitened.dtype == torch.float32 else whitened.shape[1]
        rows = _in_blocks(whitened, block)  # (k, blocks, block, d)
        scaled = rows * _in_blocks(responsibilities[:, :, None], block)
        self.shifts += self._exactly(scaled.sum(2)).sum(1)
        match self.form:
            case "full":
                self.scatter += self._exactly(scaled.mT @ rows).sum(1)
            case "tied":
                self.scatter += self._exactly(scaled.mT @ rows).sum((0, 1))
            case "diagonal":
                self.scatter += self._exactly(scaled.mul_(rows).sum(2)).sum(1)
            case "spherical":
                self.scatter += self._exactly(scaled.mul_(rows).sum(2)).sum((1, 2))

    def moments(self, mixture: WhitenedMixture, common: CommonBasis | None, weight: float) -> Moments:
        """Return the sums in the units of the factors."""
        arrays = {one.name: getattr(self, one.name).cpu().numpy() for one in fields(self) if one.name != "form"}
        shifts, scatter, k = arrays["shifts"], arrays["scatter"], mixture.n_components
        if common is not None and common.form == "diagonal":
            turns = (common.basis.T @ mixture.factors) / common.scales[:, :, None]  # U of `CommonBasis`
            shifts = (shifts[:, None, :] @ turns)[:, 0]
            scatter = turns.transpose(0, 2, 1) @ scatter @ turns
        has_degrees = mixture.degrees_of_freedom is not None
        return Moments(
            mixture.form,
            counts=arrays["counts"][:k],
            shifts=shifts,
            scatter=scatter,
            log_likelihood=float(arrays["log_likelihood"]),
            entropy=float(arrays["entropy"]),
            weight=weight,
            background=None if mixture.background is None else float(arrays["counts"][k]),
            scaled_counts=arrays["scaled_counts"] if has_degrees else None,
            slopes=arrays["slopes"] if has_degrees else None,
        )

    def _exactly(self, values: torch.Tensor) -> torch.Tensor:
        return values.to(self.counts.device).to(torch.float64)


def _basis(mixture: WhitenedMixture, most_apart: float) -> CommonBasis | None:
    """Return a basis in which rows are turned once for all components, if the means are near enough to each other.

    The differences from the means are formed after the turn and lose as many digits as the means have deviations from
    their center.
    """
    common = mixture.common
    if mixture.form == "tied":
        common = CommonBasis("spherical", mixture.factors, np.ones(mixture.n_components))
    if common is None:
        return None
    scales = common.scales.reshape(mixture.n_components, -1)
    apart = np.abs((mixture.means - mixture.means.mean(axis=0)) @ common.basis) * scales
    return common if apart.max() <= most_apart else None


def _log_determinants(form: Form, factors: FloatArray, n_features: int) -> FloatArray:
    """Return the log determinants of factors: (k,), or a number for tied ones, which may be any square matrix."""
    match form:
        case "full" | "tied":
            return np.linalg.slogdet(factors)[1]
        case "diagonal":
            return np.log(factors).sum(axis=1)
        case "spherical":
            return n_features * np.log(factors)
        case "factor":
            raise ValueError('passes over tensors on a device have no covariance_type="factor": pass X.cpu()')


def _squares(whitened: torch.Tensor, device: torch.device) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return squared distances (k, m) in float64, and where they are finite; None if they are everywhere."""
    squares = whitened.square().sum(2).to(device).to(torch.float64)
    finite = torch.isfinite(squares)
    if bool(finite.all()):
        return squares, None
    return torch.where(finite, squares, torch.inf), finite


def _responsibilities(scores: torch.Tensor, log_density: torch.Tensor) -> torch.Tensor:
    """Return responsibilities (n_scores, m); all are zero in rows whose density is zero."""
    return torch.exp(scores - torch.where(torch.isfinite(log_density), log_density, torch.inf))


def _in_blocks(values: torch.Tensor, block: int) -> torch.Tensor:
    """Return (k, m, d) values as (k, blocks, block, d), with zeros after the last row."""
    short = -values.shape[1] % block
    if short:
        values = torch.nn.functional.pad(values, (0, 0, 0, short))
    return values.unflatten(1, (-1, block))


def _exactly(values: FloatArray, device: torch.device) -> torch.Tensor:
    return to_tensor(values).to(device=device, dtype=torch.float64)


def _rounds_products(device: torch.device) -> bool:
    """Return whether products of float32 matrices are rounded to fewer digits, as the settings of torch allow."""
    if device.type not in ("cpu", "cuda"):
        return False
    products = (torch.backends.mkldnn if device.type == "cpu" else torch.backends.cuda).matmul
    settings: Any = getattr(products, "fp32_precision", None)  # since torch 2.9
    if settings is None:
        return bool(torch.get_float32_matmul_precision() != "highest")
    return settings not in ("none", "ieee")
