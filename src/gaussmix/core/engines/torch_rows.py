"""Rows of a user in a tensor of torch: what is accepted, and what comes back.

Tensors on the CPU are rows in memory, which the compiled passes read in place. Others stay on their device.
"""

from typing import Any, ClassVar, Literal, Self

import numpy as np

from gaussmix.core.background import NOISE
from gaussmix.core.cached_values import cached_property
from gaussmix.core.engines.distant_rows import AbstractDistantRows
from gaussmix.core.engines.far_rows import nearest_components
from gaussmix.core.engines.torch import TorchEngine, is_tensor, to_array, to_floating, to_tensor
from gaussmix.core.number_checks import LARGEST_INTEGER, check_columns
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Rows
from gaussmix.core.validation import LARGEST, require_finite
from gaussmix.core.whitened import WhitenedMixture

_CHECKED_NUMBERS = 1 << 24  # of a piece that is checked at a time
_FARTHEST = {4: 1e18, 8: 1e152}  # standard deviations, by bytes of a number; squares of shorter distances are finite


class TorchRows(AbstractDistantRows):
    """Rows in a tensor, on any device.

    Parameters
    ----------
    tensor : (n, d) tensor
        Real numbers. float64 and float32 are read in place; float16, bfloat16, bool and integers of up to 16 bits are
        copied as float32, larger integers as float64.
    weights : (n,) array, optional
        Weights of the rows, in memory.

    Raises
    ------
    ValueError
        If the tensor has another number of axes, is not dense, requires a gradient, or is complex.
    """

    kind: ClassVar[str] = "a tensor of torch on a device"
    remedy: ClassVar[str] = "X.cpu()"
    names: None = None

    takes_weights: ClassVar[bool] = True

    def __init__(self, tensor: Any, weights: FloatArray | None = None) -> None:
        _require_tensor(tensor)
        if tensor.ndim != 2:
            raise ValueError(
                f"X must have the shape (n, d), got {tuple(tensor.shape)}: one column is X[:, None], one row is X[None]"
            )
        if tensor.shape[1] == 0:
            raise ValueError("X has no columns")
        self._given = tensor  # as it was given: integers are checked before they are converted
        self.n_rows, self.n_features = tensor.shape
        self.weights = weights
        self.header = np.empty((0, self.n_features))

    def check_values(self) -> None:
        if self.n_rows == 0:
            raise ValueError("X has 0 rows, and at least 1 is required")
        is_floating, n_bytes = self._given.dtype.is_floating_point, self._given.dtype.itemsize
        if n_bytes < 8 and not is_floating:
            return
        bound = LARGEST if is_floating else LARGEST_INTEGER
        size = max(1, _CHECKED_NUMBERS // self.n_features)
        for start in range(0, self.n_rows, size):
            part = self._given[start : start + size]
            if -bound < float(part.min()) and float(part.max()) < bound:
                continue
            if is_floating:
                require_finite(to_array(part), first_row=start)
            else:
                check_columns(to_array(self._given))

    def engine(self) -> TorchEngine:
        return self._engine

    def fetch(self, positions: IntArray) -> WeightedRows:
        weights = None if self.weights is None else self.weights[positions]
        return WeightedRows(self._engine.fetch(positions), weights)

    def of_features(self, features: IntArray) -> Self:
        return type(self)(self._given[:, features.tolist()].contiguous(), self.weights)

    def with_weights(self, weights: FloatArray) -> Self:
        return type(self)(self._given, weights)

    def for_each(self, mixture: WhitenedMixture, want: Literal["labels", "responsibilities", "log_density"]) -> Any:
        result = self._engine.score_tensor(mixture, want)
        if want == "log_density":
            return result
        if mixture.background is not None:  # no row has density zero
            if want == "labels":
                result[result == mixture.n_components] = NOISE
            return result
        reach = self._greatest + float(np.abs(mixture.means).max())
        if reach * float(np.abs(mixture.factors).max()) * self.n_features >= _FARTHEST[self._engine.bytes_per_number]:
            far = self._engine.score_tensor(mixture, "log_density").isneginf().nonzero()[:, 0]
            if len(far):
                nearest = nearest_components(self.fetch(far.cpu().numpy()).values.astype(np.float64), mixture)
                shares = nearest if want == "labels" else np.eye(mixture.n_components)[nearest]
                result[far] = to_tensor(shares).to(result.dtype).to(result.device)
        return result

    @cached_property
    def _engine(self) -> TorchEngine:
        return TorchEngine(to_floating(self._given), self.weights)

    @cached_property
    def _greatest(self) -> float:
        """The greatest absolute value."""
        rows = to_floating(self._given)
        return max(abs(float(rows.min())), abs(float(rows.max())))


def rows_of(X: Any) -> TorchRows | None:
    """Return the rows of a tensor on a device; None for a tensor on the CPU, for which `as_array` is."""
    _require_tensor(X)
    return None if X.device.type == "cpu" else TorchRows(X)


def as_array(X: Any) -> Rows:
    """Return a tensor on the CPU as an array, which shares its memory if NumPy has its type."""
    _require_tensor(X)
    return to_array(X)


def as_given(result: Rows, X: Any) -> Any:
    """Return a result for the rows of a tensor on the CPU as a tensor: labels as int64, others as `TorchRows` does."""
    return to_tensor(result) if result.dtype.kind == "i" else to_tensor(result).to(to_floating(X[:0]).dtype)


def _require_tensor(X: Any) -> None:
    """Raise an error unless X is a dense tensor of real numbers without a gradient."""
    if not is_tensor(X):
        raise TypeError(f"X is a {type(X).__name__} of torch: pass a tensor (n, d) of its rows")
    if str(X.layout) != "torch.strided":
        raise ValueError("X is a sparse tensor, and dense data is required: pass X.to_dense()")
    if X.is_quantized:
        raise ValueError("X is a quantized tensor: pass X.dequantize()")
    if X.requires_grad:
        raise ValueError("X requires a gradient, which does not pass through a fitted mixture: pass X.detach()")
    if X.is_complex():
        check_columns(np.empty((0, 0), dtype=np.complex64))
