"""Factor covariances: loadings times their transpose plus the variances of the noise, never as d x d matrices.

The eight structures of McNicholas and Murphy, Statistics and Computing 18 (2008), 285-296. Their letters say whether
the loadings are shared (C) or own (U), the same for the noise variances, and whether these are equal for all features
(C) or not (U). A name is "factor(2)" for two factors and the free structure UUU, or "factor-UUC(2)" for the others.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.covariance.base import AbstractCovariance
from gaussmix.core.covariance.factor_maximum import factor_scatter, most_likely_factors
from gaussmix.core.covariance.factor_sums import FactorSums, next_loadings, next_noise
from gaussmix.core.covariance.full import Full
from gaussmix.core.covariance.triangular import lower_root
from gaussmix.core.forms.factor import whitening_axes
from gaussmix.core.typing import BoolArray, FloatArray, IntArray

FREE = "UUU"
"""Letters of the structure that "factor" means."""
FACTOR_LETTERS = ("CCC", "CCU", "CUC", "CUU", "UCC", "UCU", "UUC", "UUU")
"""The letters of the eight structures."""

_NAME = re.compile(r"factor(?:-([CU]{3}))?\((\d{1,6})\)")
_REPEATED_STEPS = 10
_MOST_DENSE = 2**28  # numbers of full matrices: 2 GB


class Factor(AbstractCovariance):
    """Factor covariances; a subclass (`factor_class`) has a number of factors and letters.

    ``roots`` (k, d, 1 + q) are the standard deviations of the noise, and the loadings.
    """

    name = "factor"
    letters = "VVV"
    form = "factor"
    n_factors: ClassVar[int] = 0
    factor_letters: ClassVar[str] = FREE

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.name, self.roots, self.n_components, self.n_features)

    @classmethod
    def root_shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, 1 + cls.n_factors)

    @classmethod
    def count_parameters(cls, n_components: int, n_features: int) -> int:
        """Return the number of free parameters of loadings and noise: rotations of the factors change nothing."""
        d, q = n_features, cls.n_factors
        loadings, noise, isotropic = (letter == "C" for letter in cls.factor_letters)
        each = d * q - q * (q - 1) // 2
        variances = 1 if isotropic else d
        return each * (1 if loadings else n_components) + variances * (1 if noise else n_components)

    @classmethod
    def identity(cls, n_components: int, n_features: int) -> Self:
        roots = np.zeros(cls.root_shape(n_components, n_features))
        roots[:, :, 0] = 1.0
        return cls(roots, n_components, n_features)

    @classmethod
    def from_parts(cls, noise: FloatArray, loadings: FloatArray) -> Self:
        """Return the covariances of noise variances (k, d) and loadings (k, d, q); shared ones are those of the first.

        Parameters
        ----------
        noise : (k, d) array
            Positive variances.
        loadings : (k, d, q) array
            Loadings.
        """
        roots = np.concatenate([np.sqrt(noise)[:, :, None], loadings], axis=2)
        own_loadings, own_noise, free = (letter == "U" for letter in cls.factor_letters)
        if not own_loadings:
            roots[:, :, 1:] = roots[:1, :, 1:]
        if not own_noise:
            roots[:, :, 0] = roots[:1, :, 0]
        if not free:
            roots[:, :, 0] = roots[:, :1, 0]
        return cls(roots, *noise.shape)

    @classmethod
    def from_covariances(cls, covariances: FloatArray, n_components: int, n_features: int) -> Self:
        """Return the covariances of noise variances and loadings, ``covariances[:, :, 0]`` and the others."""
        noise, loadings = covariances[:, :, 0], covariances[:, :, 1:]
        bad = np.argwhere(~((noise > 0) & np.isfinite(noise)))
        if bad.size:
            component, feature = bad[0]
            raise ValueError(f"the noise variance of component {component}, feature {feature} must be positive")
        result = cls.from_parts(noise, loadings)
        if not np.allclose(result.noise_variances, noise) or not np.allclose(result.loadings, loadings):
            raise ValueError(f"the parameters do not have the constraint {cls.factor_letters} of {cls.name}")
        return result

    @classmethod
    def from_precisions(cls, precisions: FloatArray, n_components: int, n_features: int) -> Self:
        raise ValueError("precisions of factor covariances cannot be given: start from labels (init_params)")

    @property
    def noise_variances(self) -> FloatArray:
        """The variances (k, d) of the noise."""
        return self.roots[:, :, 0] ** 2

    @property
    def loadings(self) -> FloatArray:
        """The loadings (k, d, q)."""
        return self.roots[:, :, 1:]

    @cached_property
    def _axes(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        return whitening_axes(self.roots[:, :, 0], self.loadings)

    def factors(self) -> FloatArray:
        return np.concatenate([1 / self.roots[:, :, :1], self._axes[0]], axis=2)

    def log_det(self) -> FloatArray:
        return -np.log(self.roots[:, :, 0]).sum(axis=1) - 0.5 * np.log1p(self._axes[1] ** 2).sum(axis=1)

    def maximize(self, counts: FloatArray, scatter: FloatArray, ridge: float = 0.0) -> Self:
        """Return the covariances after one step of EM, which raises the likelihood for a given scatter."""
        stepped = self.stepped(counts, scatter, np.zeros(self.n_features))[0]
        return stepped if ridge == 0 else self.from_parts(stepped.noise_variances + ridge, stepped.loadings)

    def stepped(self, counts: FloatArray, scatter: FloatArray, least: FloatArray) -> tuple[Self, float]:
        """Return the covariances after one step of EM with a lower bound of the noise, and what it gains at least.

        Parameters
        ----------
        counts : (k,) array
            Number of rows of each component.
        scatter : (k, d, 1 + q) array
            Scatter about the means, in the whitened units of these covariances.
        least : (d,) array
            Least variances of the noise.

        Returns
        -------
        covariance : Factor
            Object of this class.
        gain : float
            Lower bound of the gain of the log-likelihood in nats.
        """
        shared_loadings, shared_noise, isotropic = (letter == "C" for letter in self.factor_letters)
        sums = FactorSums.of(self.roots, counts, scatter)
        loadings, spread = next_loadings(sums, self.loadings, self.noise_variances, shared=shared_loadings)
        noise = next_noise(
            sums, loadings, self.noise_variances, least, shared=shared_noise, isotropic=isotropic
        )  # fmt: skip
        plain = np.tile(np.eye(self.n_factors), (self.n_components, 1, 1))
        tiny = np.finfo(np.float64).tiny
        gain = sums.value(loadings, np.maximum(noise, tiny), spread)
        gain -= sums.value(self.loadings, self.noise_variances, plain)
        return self.from_parts(noise, loadings @ np.linalg.cholesky(spread)), gain

    def most_likely(self, counts: FloatArray, covariances: FloatArray, least: FloatArray) -> Self:
        """Return the covariances that maximize the likelihood of rows with given covariances, within a bound.

        If the loadings alone are shared, which leaves no maximum in closed form for given noise, these are several
        steps of EM.

        Parameters
        ----------
        counts : (k,) array
            Numbers of rows; components without rows stay as they are.
        covariances : (k, d, d) array
            Covariances of the rows of each component.
        least : (d,) array
            Least variances of the noise.

        Returns
        -------
        Factor
            Object of this class.
        """
        if self.factor_letters[:2] == "CU":
            covariance = self
            for _ in range(_REPEATED_STEPS):
                scatter = factor_scatter(covariances, counts, covariance.factors())
                covariance = covariance.stepped(counts, scatter, least)[0]
            return covariance
        return self.from_parts(
            *most_likely_factors(
                covariances, counts, self.noise_variances, self.loadings, least, letters=self.factor_letters
            )
        )

    def inflated(self, variances: FloatArray) -> "Factor":
        free = factor_class(FREE, self.n_factors)
        return free.from_parts(self.noise_variances + variances, self.loadings)

    def pivots(self) -> FloatArray:
        """Return the variances of the noise, which bound the conditional variances from below."""
        return self.noise_variances

    def color(self, noise: FloatArray, component: int) -> FloatArray:
        axes, sizes = self._axes[0][component], self._axes[1][component]
        turned = noise + (noise @ axes * np.sqrt(1 + sizes**2)) @ axes.T
        return np.asarray(turned * self.roots[component, :, 0])

    def color_each(self, noise: FloatArray) -> FloatArray:
        axes, sizes, _ = self._axes
        inner = np.einsum("kd,kdq->kq", noise, axes) * np.sqrt(1 + sizes**2)
        return (noise + np.einsum("kq,kdq->kd", inner, axes)) * self.roots[:, :, 0]

    def whiten_each(self, rows: FloatArray) -> FloatArray:
        axes, scaled = self._axes[0], rows / self.roots[:, :, 0]
        return np.asarray(scaled - np.einsum("kq,kdq->kd", np.einsum("kd,kdq->kq", scaled, axes), axes))

    def scores(self, rows: FloatArray, component: int) -> FloatArray:
        """Return the expected factors of rows.

        Parameters
        ----------
        rows : (n, d) array
            Rows about the mean of the component.
        component : int
            Position of the component.

        Returns
        -------
        (n, q) array
            ``E[z | x]``.
        """
        axes, sizes, turn = (part[component] for part in self._axes)
        inner = (rows / self.roots[component, :, 0]) @ axes  # y G
        back = np.sqrt(1 + sizes**2)
        return np.asarray((inner * (np.sqrt(1 + 1 / back) / back)) @ turn.T)

    def scatter_about(self, counts: FloatArray, scatter: FloatArray, centers: FloatArray) -> FloatArray:
        """Return a scatter about the means of the rows.

        Parameters
        ----------
        counts : (k,) array
            Number of rows of each component.
        scatter : (k, d, 1 + q) array
            Scatter about the means of the mixture, in whitened units.
        centers : (k, d) array
            Means of the rows, in whitened units.

        Returns
        -------
        (k, d, 1 + q) array
            The scatter.
        """
        axes = self._axes[0]
        columns = np.concatenate([centers[:, :, None], centers[:, :, None] * (centers[:, None, :] @ axes)], axis=2)
        columns[:, :, 0] **= 2
        return scatter - counts[:, None, None] * columns

    def whitened_scatter(self, root: FloatArray) -> FloatArray:
        raise NotImplementedError("factor covariances have no whitened scatter of a root")

    def precision_traces(self) -> FloatArray:
        axes, sizes, _ = self._axes
        kept = axes * np.sqrt(1 + 1 / np.sqrt(1 + sizes**2))[:, None, :]  # U s / sqrt(1 + s^2)
        return ((1 - (kept**2).sum(axis=2)) / self.noise_variances).sum(axis=1)

    def variances(self) -> FloatArray:
        return (self.roots**2).sum(axis=2)

    def repeated(self, first: IntArray, second: IntArray, share: float) -> BoolArray:
        """Return which components have the covariance of an earlier one, up to a share of the variances.

        Parameters
        ----------
        first, second : (p,) array of int
            The two components of each pair that is compared.
        share : float
            Greatest difference of covariances, relative to the deviations of the earlier component.

        Returns
        -------
        (k,) array of bool
            The later components of such pairs.
        """
        found = np.zeros(self.n_components, dtype=np.bool_)
        deviations = np.sqrt(self.variances())
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            variances = np.abs(self.noise_variances[one] - self.noise_variances[other])
            scaled = [self.loadings[at] / deviations[one][:, None] for at in (one, other)]
            both: FloatArray = np.asarray(np.linalg.qr(np.hstack(scaled), mode="r"))
            signs = np.repeat([1.0, -1.0], self.n_factors)
            apart = np.abs(np.linalg.eigvalsh((both * signs) @ both.T)).max()
            found[other] |= bool((variances < share * deviations[one] ** 2).all() and apart < share)
        return found

    def dense(self) -> FloatArray:
        """Return full matrices (k, d, d); they are formed here only, and take memory proportional to k d^2.

        Raises
        ------
        MemoryError
            If they would have more than 2 GB.
        """
        k, d = self.n_components, self.n_features
        if k * d * d > _MOST_DENSE:
            raise MemoryError(
                f"full covariances of {k} components in {d} features take {8e-9 * k * d * d:.0f} GB: use loadings_ and "
                "noise_variances_, or the marginal of some features"
            )
        dense = self.loadings @ self.loadings.transpose(0, 2, 1)
        at = np.arange(d)
        dense[:, at, at] = self.variances()
        return np.asarray(dense)

    def dense_roots(self) -> FloatArray:
        return lower_root(self.dense())

    def dense_factors(self) -> FloatArray:
        return self.full.dense_factors()

    @cached_property
    def full(self) -> Full:
        """The same covariances as dense matrices."""
        return self.promote_to(Full)

    def marginal(self, features: Sequence[int]) -> AbstractCovariance:
        at = list(features)
        roots = self.roots[:, at]
        if len(at) >= self.n_factors:
            return type(self)(roots, self.n_components, len(at))
        some = roots[:, :, 1:] @ roots[:, :, 1:].transpose(0, 2, 1)
        place = np.arange(len(at))
        some[:, place, place] += roots[:, :, 0] ** 2
        return Full(lower_root(some), self.n_components, len(at))

    @classmethod
    def root_of_rows(cls, rows: FloatArray) -> FloatArray:
        return Full.root_of_rows(rows)

    def rescale(self, root: FloatArray) -> AbstractCovariance:
        scales = root if root.ndim == 1 else root.diagonal()
        if root.ndim == 2 and (root != np.diag(scales)).any():
            return self.full.rescale(root)
        roots = self.roots * scales[:, None]
        roots[:, :, 0] = np.abs(roots[:, :, 0])
        equal = bool((np.abs(scales) == np.abs(scales[0])).all())
        letters = self.factor_letters if equal else self.factor_letters[:2] + "U"
        return factor_class(letters, self.n_factors)(roots, self.n_components, self.n_features)

    @classmethod
    def _roots_of(cls, covariance: AbstractCovariance) -> FloatArray:
        if not isinstance(covariance, Factor) or covariance.n_factors != cls.n_factors:
            raise NotImplementedError(f"{covariance.name} covariances have no {cls.n_factors} factors")
        return covariance.roots

    def relative_variances(
        self, weights: FloatArray, target_root: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        return self.full.relative_variances(weights, target_root)

    def merge_costs(self, first: IntArray, second: IntArray, counts: FloatArray, shifts: FloatArray) -> FloatArray:
        return self.full.merge_costs(first, second, counts, shifts)

    def with_average(self, component: int, weights: FloatArray) -> Self:
        raise NotImplementedError("the average of factor covariances has more factors")

    @property
    def covariances(self) -> FloatArray:
        return self.dense()

    @property
    def precisions(self) -> FloatArray:
        factors = self.dense_factors()
        return np.asarray(factors @ factors.transpose(0, 2, 1))


@cache
def factor_class(letters: str, n_factors: int) -> type[Factor]:
    """Return the structure of McNicholas and Murphy's letters with a number of factors.

    Parameters
    ----------
    letters : str
        One of `FACTOR_LETTERS`.
    n_factors : int
        q, at least 1.

    Returns
    -------
    subclass of Factor
        The same class for the same arguments.
    """
    kind = "factor" if letters == FREE else f"factor-{letters}"
    shared = {"n": "VVV", "some": "EVV", "all": "EEE"}
    n_shared = "n" if "C" not in letters[:2] else "all" if letters[:2] == "CC" else "some"
    members = {
        "__doc__": f"Factor covariances with {n_factors} factors, {letters}.",
        "__module__": __name__,
        "name": f"{kind}({n_factors})",
        "letters": shared[n_shared],
        "n_factors": n_factors,
        "factor_letters": letters,
    }
    return type(f"Factor{letters}{n_factors}", (Factor,), members)


def factor_class_of_name(name: object) -> type[Factor] | None:
    """Return the structure of a name such as "factor(2)" or "factor-CUU(3)".

    Parameters
    ----------
    name : object
        The name.

    Returns
    -------
    subclass of Factor, or None
        None for any other name.
    """
    found = _NAME.fullmatch(name) if isinstance(name, str) else None
    if found is None or int(found[2]) < 1:
        return None
    return factor_class(found[1] or FREE, int(found[2]))


def refuse_factors(structure: type[AbstractCovariance], purpose: str) -> None:
    """Refuse structures that have factors.

    Parameters
    ----------
    structure : subclass of AbstractCovariance
        Covariance structure.
    purpose : str
        What is not defined for factor covariances, for the message.

    Raises
    ------
    ValueError
        If the structure has factors.
    """
    if issubclass(structure, Factor):
        raise ValueError(f'{purpose} is not defined for factor covariances: use covariance_type="full"')


def _restored(name: str, roots: FloatArray, n_components: int, n_features: int) -> Factor:
    structure = factor_class_of_name(name)
    assert structure is not None
    return structure(roots, n_components, n_features)
