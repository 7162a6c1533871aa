"""Order of classes, which makes their numbers the same in every run and for every image."""

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.imaging.images.colors import LUMA


def class_order(mixture: Mixture, order: Any, color_space: str, n_channels: int) -> IntArray:
    """Return the components in a given order, (k,).

    Parameters
    ----------
    mixture : Mixture
        Mixture whose first features are the channels.
    order : "brightness", "weight", int or (k, channels) array-like
        "brightness": brightest last. "weight": greatest first. A channel number: greatest mean last. Means: matched to
        the components with the least sum of squared distances.
    color_space : {"rgb", "gray", "lab"}
        Color space of the channels.
    n_channels : int
        Number of features that are channels.

    Returns
    -------
    (k,) array of int
        Number of the component of each class.

    Raises
    ------
    ValueError
        If the order or the channel does not exist, or the means have another shape.
    """
    means = mixture.means[:, :n_channels]
    if isinstance(order, str):
        if order == "weight":
            return np.argsort(-mixture.weights, kind="stable")
        if order == "brightness":
            return np.argsort(_brightness(means, color_space), kind="stable")
        raise ValueError(f'order must be "brightness", "weight", a channel or an array of means; got {order!r}')
    if isinstance(order, int | np.integer):
        if not -n_channels <= order < n_channels:
            raise ValueError(f"order={order} is not a channel; the number of channels is {n_channels}")
        return np.argsort(means[:, order], kind="stable")
    wanted = np.asarray(order, dtype=np.float64)
    if wanted.shape != means.shape:
        raise ValueError(f"order must have the shape (classes, channels), {means.shape}; got {wanted.shape}")
    distances = ((wanted[:, None] - means) ** 2).sum(axis=2)
    return linear_sum_assignment(distances)[1].astype(np.int64)


def _brightness(means: FloatArray, color_space: str) -> FloatArray:
    if means.shape[1] == 3:
        return means[:, 0] if color_space == "lab" else means @ LUMA
    return means.mean(axis=1)
