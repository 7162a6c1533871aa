"""Floating-point errors: numbers too small to be held become zero, whatever the caller has NumPy do about them."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
Returned = TypeVar("Returned")


def underflow_to_zero(function: Callable[P, Returned]) -> Callable[P, Returned]:
    """Decorate a function that others call: the tails of Gaussians underflow to zero, which is exact enough.

    NumPy's other errors, overflow, division by zero and invalid results, are left as the caller has them.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Returned:
        with np.errstate(under="ignore"):
            return function(*args, **kwargs)

    return call
