"""Sums over rows together with the mixture of their pass: what is kept of rows that are gone."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from os import PathLike
from typing import Any, Self

import numpy as np

from gaussmix.core.engines import engine_for
from gaussmix.core.errors import ModelFileError
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_file import (
    EXTENDED_VERSION,
    VERSION,
    StoredMixture,
    document_in,
    model_of,
    numbers_of,
    write_model,
)
from gaussmix.core.moments import Moments
from gaussmix.core.saving import vectors_of
from gaussmix.core.student import refuse_degrees
from gaussmix.core.typing import ArrayLike, FloatArray
from gaussmix.core.validation import as_weighted_rows


@dataclass(frozen=True, eq=False)
class StoredMoments:
    """Sums over rows under a mixture, which stand for the rows in later steps of EM.

    They have as many numbers as the parameters, however many rows there are. Rows cannot be read from them unless a
    component has very few.

    Attributes
    ----------
    mixture : Mixture
        Mixture of the pass, in whose units and about whose means the sums are.
    moments : Moments
        The sums.

    See Also
    --------
    gaussmix.GaussianMixture.merge : A step of EM from the sums of several sites.

    Examples
    --------
    >>> from gaussmix import Mixture, StoredMoments
    >>> mixture = Mixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    >>> StoredMoments.of(mixture, [[1.0], [3.0]]).weight
    2.0
    """

    mixture: Mixture
    moments: Moments

    def __post_init__(self) -> None:
        refuse_degrees(self.mixture.degrees_of_freedom, "StoredMoments")

    @classmethod
    def of(
        cls, mixture: Mixture, X: ArrayLike, sample_weight: Any = None, *, noise_covariance: ArrayLike | None = None
    ) -> Self:
        """Return the sums over rows under a mixture.

        Parameters
        ----------
        mixture : Mixture
            The mixture.
        X : (n, d) array-like
            Rows with the features of the mixture; NaN is a missing value.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in `Mixture.log_density`.

        Returns
        -------
        StoredMoments
            The sums of one pass.

        Raises
        ------
        ValueError
            If X has other features than the mixture, or a value that is infinite.
        """
        rows = as_weighted_rows(X, sample_weight, mixture.n_features, mixture.feature_names, noise_covariance)
        return cls(mixture, engine_for(rows.disregarding_empty()).accumulate(mixture.whitened()))

    @property
    def weight(self) -> float:
        """The sum of the weights of the rows; without weights, their number."""
        return self.moments.weight

    @property
    def log_likelihood(self) -> float:
        """The log-likelihood of the rows under ``mixture``, in nats."""
        return self.moments.log_likelihood

    def under(self, mixture: Mixture) -> Moments:
        """Return the sums in the units of another mixture and about its means; responsibilities are unchanged.

        Parameters
        ----------
        mixture : Mixture
            Mixture with the same numbers of components and features and the same form of covariances.

        Returns
        -------
        Moments
            Sums that can be added to those of a pass with that mixture.
        """
        if mixture is self.mixture:
            return self.moments
        covariance = mixture.covariance
        centers = covariance.whiten_each(self.mixture.means - mixture.means)
        return self.moments.in_other_units(self.mixture.covariance.roots, covariance.factors(), centers)

    def expected_log_density(self, mixture: Mixture) -> float:
        """Return the expected complete-data log-likelihood of the rows under another mixture, in nats.

        Parameters
        ----------
        mixture : Mixture
            As in `under`.

        Returns
        -------
        float
            Sum over rows and components of the responsibility times ``log w_k N(x | k)``. Of noise, it has the weight
            only: its density is constant.

        Raises
        ------
        FloatingPointError
            If the mixture gives the noise of the rows the weight zero.
        """
        sums, offsets = self.under(mixture), mixture.whitened().offsets
        held = sums.counts != 0  # negative in differences of sums
        of_components = float(sums.counts[held] @ offsets[held]) - 0.5 * sums.scatter_trace
        if not sums.background or mixture.background is None:
            return of_components
        if mixture.background.weight == 0:
            raise FloatingPointError("the noise has weight zero, and the rows have some of it")
        return of_components + sums.background * math.log(mixture.background.weight)

    def faded(self, share: float) -> Self:
        """Return the sums of the same rows with a share of their weights.

        Parameters
        ----------
        share : float
            From 0 to 1.

        Returns
        -------
        StoredMoments
            All sums times the share.
        """
        return replace(self, moments=self.moments.scaled(share))

    @classmethod
    def total(cls, parts: Iterable["StoredMoments"], mixture: Mixture) -> Self:
        """Add the sums of several sets of rows.

        Parameters
        ----------
        parts : iterable of StoredMoments
            Sums whose components correspond by position.
        mixture : Mixture
            Mixture in whose units the total is.

        Returns
        -------
        StoredMoments
            The total.
        """
        return cls(mixture, reduce(add, [part.under(mixture) for part in parts]))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the sums and their mixture to a JSON file without rounding; `Mixture.load` reads the mixture.

        Parameters
        ----------
        path : str or path
            The file to write.
        """
        mixture, sums = self.mixture, self.moments
        stored = StoredMixture(
            mixture.weights, mixture.means, mixture.covariance, mixture.feature_names, mixture.background
        )
        numbers = {
            "counts": sums.counts.tolist(),
            "shifts": sums.shifts.tolist(),
            "scatter": sums.scatter.tolist(),
            "log_likelihood": sums.log_likelihood,
            "entropy": sums.entropy,
            "weight": sums.weight,
        }
        if sums.background is not None:
            numbers["noise"] = sums.background
        write_model(path, stored, vectors_of(mixture), {"moments": numbers})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read sums that `save` wrote.

        Parameters
        ----------
        path : str or path
            The file to read.

        Returns
        -------
        StoredMoments
            The same sums, bit for bit.

        Raises
        ------
        ModelFileError
            If the file is not a valid model file with sums; the message gives the reason.
        """
        try:
            document = document_in(path, versions=(VERSION, EXTENDED_VERSION))
            stored = model_of(document)
            mixture = Mixture(stored.weights, stored.means, stored.covariance, stored.feature_names, stored.background)
            return cls(mixture, _moments_of(document.get("moments"), mixture))
        except ModelFileError as error:
            raise ModelFileError(f"{path} does not contain moments of gaussmix: {error}") from error


def _moments_of(numbers: Any, mixture: Mixture) -> Moments:
    if not isinstance(numbers, dict):
        raise ModelFileError("it has no moments; StoredMoments.save writes them")
    shape, form = mixture.means.shape, mixture.covariance.form
    counts = _not_negative(numbers, "counts", shape[:1])
    shifts = numbers_of(numbers, "shifts", shape)
    scatter = numbers_of(numbers, "scatter", FORMS[form].shape(*shape))
    log_likelihood, entropy = (float(numbers_of(numbers, name, ())) for name in ("log_likelihood", "entropy"))
    weight = float(_not_negative(numbers, "weight", ()))
    noise = None if mixture.background is None else float(_not_negative(numbers, "noise", ()))
    return Moments(form, counts, shifts, scatter, log_likelihood, entropy, weight, noise)


def _not_negative(numbers: dict[str, Any], name: str, shape: tuple[int, ...]) -> FloatArray:
    values = numbers_of(numbers, name, shape)
    if np.any(values < 0):
        raise ModelFileError(f"{name} of its moments is negative")
    return values
