"""Rows that are not in the memory of this process: on the workers of a cluster, or on a device.

Estimators ask `distant_rows_of` what they were given. Code that makes passes asks `engine_for` for the engine of the
rows. Code that needs rows themselves takes a sample, or refuses distant rows by `require_in_memory`.
"""

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, ClassVar, Literal, Self

import numpy as np

from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.row_sampling import fixed_limit, stratified_positions
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.core.whitened import WhitenedMixture

_MODULES = {"dask": "dask_rows", "torch": "torch_rows"}
"""Package of the type of X -> module here that has ``rows_of(X)``; it is imported with the first such X."""


_TENSORS = "gaussmix.core.engines.torch_rows"


class AbstractDistantRows(ABC):
    """Complete rows without measurement errors that are not in the memory of this process.

    Attributes
    ----------
    n_rows, n_features : int
        Number of rows and of columns.
    names : tuple of str, or None
        Names of the columns, if known.
    header : array or data frame
        A table without rows that has the columns of the user.
    weights : (n,) array, or None
        Weights of the rows, in memory; None if they are equal.
    """

    n_rows: int
    n_features: int
    names: tuple[str, ...] | None
    header: Any

    kind: ClassVar[str]
    """What the user has passed, such as "a Dask array"."""
    remedy: ClassVar[str]
    """How the user gets an array in memory."""

    takes_weights: ClassVar[bool] = False
    """Whether `with_weights` is defined."""

    weights: FloatArray | None = None
    noise: None = None
    missing: None = None
    is_exact: bool = True

    @abstractmethod
    def check_values(self) -> None:
        """Raise a ValueError unless all values are finite numbers (`gaussmix.core.validation.require_finite`).

        Values that have not been computed yet are checked when they are.
        """

    @abstractmethod
    def engine(self) -> AbstractEngine:
        """Return the engine of the rows; the same one at every call."""

    @abstractmethod
    def fetch(self, positions: IntArray) -> WeightedRows:
        """Return some of the rows in memory.

        Parameters
        ----------
        positions : (m,) array of int
            Their positions, in ascending order; repeats are allowed.

        Returns
        -------
        WeightedRows
            The rows in this order, in the dtype that passes read, with the names of the columns.
        """

    @abstractmethod
    def of_features(self, features: IntArray) -> Self:
        """Return the rows with some of their features and without names.

        Parameters
        ----------
        features : array of int
            Positions of the features, in the order of the result.
        """

    def with_weights(self, weights: FloatArray) -> Self:
        """Return the rows with weights.

        Parameters
        ----------
        weights : (n,) array
            Nonnegative weights, not all of them zero.
        """
        raise NotImplementedError

    @abstractmethod
    def for_each(self, mixture: WhitenedMixture, want: Literal["labels", "responsibilities", "log_density"]) -> Any:
        """Return a result for each row, where the rows are.

        Parameters
        ----------
        mixture : WhitenedMixture
            Mixture that scores the rows.
        want : {"labels", "responsibilities", "log_density"}
            Result; labels and responsibilities as of `gaussmix.core.engines.far_rows.assign_rows`.

        Returns
        -------
        array
            Array of the library of the rows.
        """

    def fixed_sample(self) -> WeightedRows:
        """Return rows in memory, the same at every call, as `gaussmix.core.row_sampling.fixed_subsample` does.

        Returns
        -------
        WeightedRows
            The rows.
        """
        return self.fetch(self.fixed_positions())

    def fixed_positions(self) -> IntArray:
        """Return the positions of the rows of `fixed_sample`.

        Returns
        -------
        (m,) array of int
            Positions in ascending order.
        """
        return stratified_positions(self.n_rows, fixed_limit(self.n_features), np.random.default_rng(0))

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and the number of columns."""
        return self.n_rows, self.n_features

    @property
    def n_positive(self) -> int:
        """The number of rows of positive weight."""
        return self.n_rows if self.weights is None else int(np.count_nonzero(self.weights))

    @property
    def total(self) -> float:
        """The sum of the weights."""
        return float(self.n_rows if self.weights is None else self.weights.sum())

    @property
    def with_value(self) -> BoolArray:
        """Which rows have at least one value, (n,): all of them."""
        return np.broadcast_to(np.True_, (self.n_rows,))

    def informative(self) -> Self:
        """Return the rows with at least one value.

        Returns
        -------
        AbstractDistantRows
            This object.
        """
        return self


AnyRows = WeightedRows | AbstractDistantRows


def distant_rows_of(X: Any) -> AbstractDistantRows | None:
    """Return the rows of a user if they are in a container of another library that we know, else None.

    Parameters
    ----------
    X : object
        Anything; its type is recognized without an import of the library.

    Returns
    -------
    AbstractDistantRows or None
        The rows, whose values have not been checked.

    Raises
    ------
    ValueError
        If the shape is wrong, or a column does not hold numbers.
    """
    if isinstance(X, AbstractDistantRows):
        return X
    module = _MODULES.get(_package_of(X))
    if module is None:
        return None
    rows: AbstractDistantRows | None = import_module(f"gaussmix.core.engines.{module}").rows_of(X)
    return rows


def local_rows(X: Any) -> Any:
    """Return an array for a tensor of torch in memory, and X itself if it is anything else."""
    return import_module(_TENSORS).as_array(X) if _package_of(X) == "torch" else X


def as_given(result: Any, X: Any) -> Any:
    """Return a result for each row of X as a tensor if X is one in memory, and as it is otherwise."""
    is_array = isinstance(result, np.ndarray) and _package_of(X) == "torch"
    return import_module(_TENSORS).as_given(result, X) if is_array else result


def _package_of(X: Any) -> str:
    return type(X).__module__.partition(".")[0]


def require_in_memory(rows: AnyRows, need: str) -> WeightedRows:
    """Return the rows, which are in memory.

    Parameters
    ----------
    rows : WeightedRows or AbstractDistantRows
        Rows of a user.
    need : str
        What needs them in memory, the subject of a sentence, such as ``trim``.

    Returns
    -------
    WeightedRows
        The rows.

    Raises
    ------
    ValueError
        If they are not in memory; the message says how to get them there.
    """
    if isinstance(rows, AbstractDistantRows):
        raise ValueError(f"{need} needs rows in memory, and X is {rows.kind}: pass {rows.remedy}")
    return rows


def require_passes(rows: AnyRows, mixture: WhitenedMixture) -> AnyRows:
    """Return the rows; distant ones have no passes for factor covariances.

    Parameters
    ----------
    rows : WeightedRows or AbstractDistantRows
        Rows of a user.
    mixture : WhitenedMixture
        Mixture of the pass.

    Returns
    -------
    WeightedRows or AbstractDistantRows
        The rows.

    Raises
    ------
    ValueError
        If their engine cannot sum over them for this mixture; the message says how to get the rows into memory.
    """
    return require_in_memory(rows, "a score of factor covariances") if mixture.form == "factor" else rows
