"""Factor covariances that maximize the likelihood of given full covariances, by Newton's method.

For given variances of the noise the best loadings follow from the principal axes in units of the noise (Lawley and
Maxwell, Factor Analysis as a Statistical Method, second edition (1971), chapter 4). What is left is a function of the
logarithms of the variances, whose derivatives are those of eigenvalues and axes. Its minimum is a maximum of the
likelihood over loadings and noise together (Joreskog, Psychometrika 32 (1967), 443-482).
"""

from dataclasses import dataclass

import numpy as np

from gaussmix.core.typing import BoolArray, FloatArray

_MOST_STEPS, _MOST_HALVINGS = 20, 12
_SETTLED = 1e-13  # decrease of a deviance relative to its size
_LONGEST = 3.0  # greatest change of a logarithm in one step
_FLATTEST = 1e-7  # least curvature, relative to the greatest
_APART = 1e-9  # least relative difference of eigenvalues in divisions


@dataclass(frozen=True, eq=False)
class _Profile:
    """The deviance ``log det Sigma + tr(inverse(Sigma) S)`` of the best loadings for some noise, for one S."""

    noise: FloatArray  # (d,)
    values: FloatArray  # (d,) eigenvalues of S in units of the noise, descending
    axes: FloatArray  # (d, d)
    n_factors: int

    @classmethod
    def of(cls, covariance: FloatArray, noise: FloatArray, n_factors: int) -> "_Profile":
        deviations = np.sqrt(noise)
        values, axes = np.linalg.eigh(covariance / (deviations[:, None] * deviations))
        return cls(noise, values[::-1], axes[:, ::-1], n_factors)

    @property
    def n_used(self) -> int:
        """The number of factors with a variance beyond that of the noise."""
        return int((self.values[: self.n_factors] > 1).sum())

    @property
    def deviance(self) -> float:
        top, rest = self.values[: self.n_used], self.values[self.n_used :]
        return float(np.log(self.noise).sum() + (np.log(top) + 1).sum() + rest.sum())

    @property
    def loadings(self) -> FloatArray:
        values = np.maximum(self.values[: self.n_factors] - 1, 0.0)
        return np.asarray(np.sqrt(self.noise)[:, None] * self.axes[:, : self.n_factors] * np.sqrt(values))

    def derivatives(self) -> tuple[FloatArray, FloatArray]:
        """Return the gradient (d,) and the Hessian (d, d) with respect to the logarithms of the noise."""
        top, rest, q = self.values[: self.n_used], self.values[self.n_used :], self.n_used
        first, others = self.axes[:, :q], self.axes[:, q:]
        gradient = others**2 @ (1 - rest)
        hessian = ((others * rest) @ others.T) * (others @ others.T)
        if q:
            apart = np.maximum(top[:, None] - rest, _APART * top[:, None])
            factors = (1 - rest) * (top[:, None] + rest) / apart  # (q, d - q)
            for at in range(q):
                hessian += np.outer(first[:, at], first[:, at]) * ((others * factors[at]) @ others.T)
        return gradient, hessian


def most_likely_factors(
    covariances: FloatArray,
    counts: FloatArray,
    noise: FloatArray,
    loadings: FloatArray,
    least: FloatArray,
    *,
    letters: str,
) -> tuple[FloatArray, FloatArray]:
    """Return the noise and the loadings that maximize the likelihood of rows with given covariances.

    Parameters
    ----------
    covariances : (k, d, d) array
        Covariances of the rows of each component.
    counts : (k,) array
        Numbers of rows; components without rows keep their noise and loadings.
    noise : (k, d) array
        Variances of the noise to begin with.
    loadings : (k, d, q) array
        Loadings, to which the result is turned.
    least : (d,) array
        Least variances of the noise.
    letters : str
        What components share (McNicholas and Murphy); not CUC or CUU.

    Returns
    -------
    noise : (k, d) array
        Variances of the noise.
    loadings : (k, d, q) array
        Loadings.
    """
    some, isotropic = np.flatnonzero(counts > 0), letters[2] == "C"
    least = np.full(noise.shape[1], least.max()) if isotropic else least
    new_noise, new_loadings = noise.copy(), loadings.copy()
    groups = [some] if letters[1] == "C" else some[:, None]
    for group in groups:
        given, rows, to = covariances[group], counts[group], group
        if letters[0] == "C":
            given, rows, to = np.tensordot(rows, given, 1)[None] / rows.sum(), np.ones(1), group[:1]
        start = np.maximum(noise[to[0]], least)
        profiles = _minimum(given, rows, start, least, loadings.shape[2], isotropic=isotropic)
        new_noise[to] = profiles[0].noise
        new_loadings[to] = _turned_to(np.stack([one.loadings for one in profiles]), loadings[to])
    if letters[1] == "C":
        new_noise[:] = new_noise[some[0]]
    if letters[0] == "C":
        new_loadings[:] = new_loadings[some[0]]
    return new_noise, new_loadings


def factor_scatter(covariances: FloatArray, counts: FloatArray, factors: FloatArray) -> FloatArray:
    """Return the scatter (k, d, 1 + q) in the whitened units of factors for covariances (k, d, d) of rows."""
    scaled, axes = factors[:, :, :1], factors[:, :, 1:]
    inner = scaled * covariances * scaled.transpose(0, 2, 1)
    inner = inner - axes @ (axes.transpose(0, 2, 1) @ inner)
    inner = inner - (inner @ axes) @ axes.transpose(0, 2, 1)
    parts = [np.einsum("kii->ki", inner)[:, :, None], inner @ axes]
    return np.asarray(counts[:, None, None] * np.concatenate(parts, axis=2))


def _minimum(
    covariances: FloatArray, counts: FloatArray, noise: FloatArray, least: FloatArray, q: int, *, isotropic: bool
) -> list[_Profile]:
    """Return the profiles at the noise (d,) that minimizes the sum of the deviances: Newton steps within bounds."""
    shares, lowest = counts / counts.sum(), np.log(least)

    def profiles_at(logs: FloatArray) -> tuple[list[_Profile], float]:
        profiles = [_Profile.of(one, np.exp(logs), q) for one in covariances]
        return profiles, sum(share * one.deviance for share, one in zip(shares, profiles, strict=True))

    logs = np.log(noise)
    profiles, deviance = profiles_at(logs)
    for _ in range(_MOST_STEPS):
        parts = [one.derivatives() for one in profiles]
        gradient = sum(share * part[0] for share, part in zip(shares, parts, strict=True))
        hessian = sum(share * part[1] for share, part in zip(shares, parts, strict=True))
        free = ~((logs <= lowest) & (gradient > 0))
        step = _newton_step(np.asarray(gradient), np.asarray(hessian), free, isotropic=isotropic)
        before, size = deviance, 1.0
        for _ in range(_MOST_HALVINGS):
            following = np.maximum(logs + size * step, lowest)
            tried, reached = profiles_at(following)
            if reached < deviance:
                logs, profiles, deviance = following, tried, reached
                break
            size /= 2
        if not before - deviance > _SETTLED * (1 + abs(deviance)):
            break
    return profiles


def _newton_step(gradient: FloatArray, hessian: FloatArray, free: BoolArray, *, isotropic: bool) -> FloatArray:
    """Return Newton's step (d,) for the free logarithms, with absolute curvatures, so that it points downhill."""
    step = np.zeros_like(gradient)
    if not free.any():
        return step
    if isotropic:
        slope = float(gradient.sum())
        curvature = max(abs(float(hessian.sum())), abs(slope) / _LONGEST, np.finfo(np.float64).tiny)
        step[:] = -slope / curvature
        return step
    values, axes = np.linalg.eigh(hessian[np.ix_(free, free)])
    values = np.maximum(np.abs(values), max(_FLATTEST * np.abs(values).max(), np.finfo(np.float64).tiny))
    step[free] = -axes @ (axes.T @ gradient[free] / values)
    return step * min(1.0, _LONGEST / max(float(np.abs(step).max()), np.finfo(np.float64).tiny))


def _turned_to(loadings: FloatArray, before: FloatArray) -> FloatArray:
    """Return loadings (k, d, q) after the rotations that bring them nearest to earlier ones (Schonemann 1966)."""
    left, _, right = np.linalg.svd(loadings.transpose(0, 2, 1) @ before)
    return np.asarray(loadings @ (left @ right))
