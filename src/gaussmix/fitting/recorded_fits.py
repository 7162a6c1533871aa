"""Mixtures and fits as arrays of a checkpoint, and back, bit for bit."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from gaussmix.core.background import Background
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines.recorded import Arrays, arrays_of, digest_of, moments_of
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.checkpoint import Checkpoint
from gaussmix.fitting.em import Fit

Value = TypeVar("Value")

_MOMENTS = "moments "  # prefix of names


@dataclass(frozen=True, eq=False)
class MixtureFormat:
    """What all mixtures of a fit share.

    Attributes
    ----------
    structure : subclass of AbstractCovariance
        Covariance structure.
    background : Background or None
        Noise of any weight.
    """

    structure: type[AbstractCovariance]
    background: Background | None

    @classmethod
    def of(cls, mixture: Mixture) -> "MixtureFormat":
        """Return the format of a mixture."""
        return cls(type(mixture.covariance), mixture.background)

    def arrays_of(self, mixture: Mixture) -> Arrays:
        """Return the parameters of a mixture as arrays."""
        arrays = {"weights": mixture.weights, "means": mixture.means, "roots": mixture.covariance.roots}
        if mixture.background is not None:
            arrays["noise"] = np.asarray(mixture.background.weight)
        if mixture.degrees_of_freedom is not None:
            arrays["degrees"] = mixture.degrees_of_freedom
        return arrays

    def mixture_of(self, arrays: Mapping[str, FloatArray]) -> Mixture:
        """Return the mixture with parameters in arrays."""
        means = arrays["means"]
        background = None
        if self.background is not None and "noise" in arrays:
            background = self.background.with_weight(float(arrays["noise"]))
        covariance = self.structure(arrays["roots"], *means.shape)
        return Mixture(arrays["weights"], means, covariance, None, background, arrays.get("degrees"))

    def keeps(self, mixture: Mixture) -> bool:
        """Return whether a mixture that is written and read is the same to the last bit."""
        if mixture.feature_names is not None or type(mixture.covariance) is not self.structure:
            return False
        again = self.mixture_of(self.arrays_of(mixture))
        return digest_of("", again.whitened()) == digest_of("", mixture.whitened())


def remembered(
    checkpoint: Checkpoint | None,
    key: str,
    compute: Callable[[], Value],
    write: Callable[[Value], Arrays | None],
    read: Callable[[Arrays], Value],
) -> Value:
    """Return a value that a checkpoint has, or compute it and keep it in place of the passes that led to it.

    Parameters
    ----------
    checkpoint : Checkpoint or None
        The checkpoint; without one, the value is computed.
    key : str
        Key of the value.
    compute : callable
        Function that returns the value.
    write : callable
        Function that returns its arrays; None if it should not be kept.
    read : callable
        The inverse function.

    Returns
    -------
    object
        The value.
    """
    if checkpoint is None:
        return compute()
    known = checkpoint.read(key)
    if known is not None:
        return read(known)
    before = checkpoint.end
    value = compute()
    arrays = write(value)
    if arrays is not None:
        checkpoint.replace(before, key, arrays)
    return value


def remembered_fit(
    checkpoint: Checkpoint | None, key: str, compute: Callable[[], Fit | None], kind: MixtureFormat, deadline: float
) -> Fit | None:
    """Return a fit that a checkpoint has, without its history, or compute and keep it.

    Parameters
    ----------
    checkpoint : Checkpoint or None
        The checkpoint; without one, the fit is computed.
    key : str
        Key of the fit.
    compute : callable
        Function that returns the fit, or None if there is none.
    kind : MixtureFormat
        Format of its mixture.
    deadline : float
        Time, by ``time.perf_counter()``, after which a fit may have been cut short and is not kept.

    Returns
    -------
    Fit or None
        The fit.
    """

    def write(fit: Fit | None) -> Arrays | None:
        if time.perf_counter() > deadline:
            return None
        if fit is None:
            return {}
        return arrays_of_fit(fit, kind) if kind.keeps(fit.mixture) else None

    return remembered(checkpoint, key, compute, write, lambda arrays: fit_of_arrays(arrays, kind) if arrays else None)


def arrays_of_fit(fit: Fit, kind: MixtureFormat) -> Arrays:
    """Return the mixture, the moments and the objective of a fit as arrays."""
    moments = {_MOMENTS + name: array for name, array in arrays_of(fit.moments).items()}
    return {**kind.arrays_of(fit.mixture), "objective": np.asarray(fit.objective), **moments}


def fit_of_arrays(arrays: Mapping[str, FloatArray], kind: MixtureFormat) -> Fit:
    """Return the fit of `arrays_of_fit`, as one without iterations."""
    mixture = kind.mixture_of(arrays)
    moments = moments_of(with_prefix(arrays, _MOMENTS), mixture.covariance.form)
    return Fit.of_start(mixture, moments, float(arrays["objective"]))


def with_prefix(arrays: Mapping[str, FloatArray], prefix: str) -> Arrays:
    """Return the arrays whose names have a prefix, by the rest of the name."""
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
