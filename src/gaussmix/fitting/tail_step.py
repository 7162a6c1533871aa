"""The M-step of mixtures of t distributions: scale matrices and degrees of freedom.

Expectation-maximization for t distributions regards the scale tau of every row as missing (core/student.py). Its M-step
divides the scatter by the counts. Kent, Tyler and Vardi (Communications in Statistics: Simulation and Computation 23
(1994), 441-453) divide by the sum of the weights r u instead, which converges faster. This is EM in a model with one
more parameter for each component, the mean alpha of tau (Liu, Rubin and Wu, Biometrika 85 (1998), 755-770, section 4):
after each step the scale matrix is divided by alpha, which does not change the density of a row. If components share
their volume they share alpha, so that every structure is kept.

The degrees of freedom maximize the same expected complete-data objective (Peel and McLachlan, Statistics and Computing
10 (2000), 339-348). With many degrees of freedom such a step is very short, so the sums that the acceleration
extrapolates have the estimate of a Fisher scoring step for 1 / nu instead: from there it may be infinite, and the
component normal.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.student import (
    LEAST_DEGREES,
    degrees_of_inverse,
    degrees_of_surplus,
    information,
    stirling_rest,
    surplus,
)
from gaussmix.core.typing import BoolArray, FloatArray

DegreesRule = Literal["each", "shared", "fixed"]
"""Whether the components have degrees of freedom of their own, the same ones, or given ones."""

_FIRST = 0.02  # 1 / nu at most after a step from infinite degrees of freedom
_EMPTY = 10 * np.finfo(np.float64).eps  # share of all rows below which a component is empty


@dataclass(frozen=True, eq=False)
class TailStep:
    """The step for given sums of a mixture of t distributions.

    Attributes
    ----------
    mixture : Mixture
        Mixture of the pass.
    moments : Moments
        Sums of the pass.
    alpha : (k,) array
        Means of tau.
    rule : {"each", "shared", "fixed"}
        What is estimated of the degrees of freedom.
    """

    mixture: Mixture
    moments: Moments
    alpha: FloatArray
    rule: DegreesRule

    @classmethod
    def of(
        cls, mixture: Mixture, moments: Moments, rule: DegreesRule, pseudo: Moments | None, rows: float
    ) -> "TailStep":
        """Return the step with the means of tau that maximize the objective.

        Parameters
        ----------
        mixture : Mixture
            Mixture of the pass.
        moments : Moments
            Sums of the pass.
        rule : {"each", "shared", "fixed"}
            What is estimated of the degrees of freedom.
        pseudo : Moments or None
            Pseudo-moments of a prior.
        rows : float
            Number of pseudo-rows of each component.
        """
        degrees, structure = mixture.degrees_of_freedom, type(mixture.covariance)
        assert degrees is not None
        assert moments.scaled_counts is not None
        finite = np.isfinite(degrees) & _held(moments)
        known = np.where(finite, degrees, 0.0) * moments.counts
        scaled = np.where(finite, degrees, 0.0) * moments.scaled_counts
        surplus_trace = 0.0 if pseudo is None else pseudo.scatter_trace - rows * mixture.n_features * len(degrees)
        if structure.letters[0] == "V":
            share = surplus_trace / len(degrees)
            alpha = np.divide(scaled - share, known, out=np.ones(len(degrees)), where=finite)
        elif np.isfinite(degrees).all() and finite.any():
            alpha = np.full(len(degrees), (scaled.sum() - surplus_trace) / known.sum())
        else:
            alpha = np.ones(len(degrees))
        return cls(mixture, moments, np.where(alpha > 0, alpha, 1.0), rule)

    def without_expansion(self) -> "TailStep":
        """Return the step of plain EM."""
        return replace(self, alpha=np.ones(len(self.alpha)))

    @property
    def is_expanded(self) -> bool:
        """Whether the step is not that of plain EM."""
        return bool((self.alpha != 1).any())

    def sums(self) -> Moments:
        """Return sums of rows that are weighted by r u / alpha, for the M-step; their counts are those of r."""
        scaled = self.moments.scaled_counts
        assert scaled is not None
        return replace(self._divided(scaled / self.alpha), scaled_counts=scaled / self.alpha)

    def as_normal(self) -> Moments:
        """Return sums of normal distributions whose M-step gives the means and scale matrices of this step.

        With a prior of the means, their M-step is a little different.
        """
        return replace(self._divided(self.moments.counts), inverse_degrees=self._scoring_step)

    def _divided(self, counts: FloatArray) -> Moments:
        """Return shifts for given counts (k,), and the scatter about the means divided by alpha."""
        moments, form = self.moments, FORMS[self.moments.form]
        scaled = moments.scaled_counts
        assert scaled is not None
        centers = np.zeros_like(moments.shifts)  # of a component without rows, or of rows too far to have a weight
        np.divide(moments.shifts, scaled[:, None], out=centers, where=(_held(moments) & (scaled > 0))[:, None])
        about = moments.scatter - form.products(scaled[:, None] * centers, centers)
        shape = (-1, *[1] * (about.ndim - 1)) if form.components_per_scatter(len(scaled)) == 1 else ()
        alpha = self.alpha.reshape(shape) if shape else self.alpha[0]
        shifts = counts[:, None] * centers
        scatter = about / alpha + form.products(shifts, centers)
        return replace(moments, shifts=shifts, scatter=scatter, scaled_counts=None, slopes=None)

    @cached_property
    def _weights(self) -> FloatArray:
        """The information (k,) of the rows of each component about 1 / nu."""
        degrees = self.mixture.degrees_of_freedom
        assert degrees is not None
        return self.moments.counts * information(degrees, self.mixture.n_features)

    @cached_property
    def _scoring_step(self) -> FloatArray:
        """1 / nu (k,) after a step of Fisher scoring, within its range."""
        degrees, slopes = self.mixture.degrees_of_freedom, self.moments.slopes
        assert degrees is not None
        assert slopes is not None
        if self.rule == "fixed":
            return 1 / degrees
        held = _held(self.moments)
        weights = np.where(held, self._weights, np.inf)
        if self.rule == "shared":
            slopes, weights = np.full(len(slopes), slopes.sum()), np.full(len(slopes), weights[held].sum())
        return np.clip(1 / degrees + slopes / weights, 0.0, 1 / LEAST_DEGREES)

    def degrees(self) -> FloatArray:
        """Return the degrees of freedom (k,) that maximize the expected complete-data objective.

        A normal component would stay normal. If the likelihood grows with its tails, it gets many degrees of freedom.
        """
        degrees, counts = self.mixture.degrees_of_freedom, self.moments.counts
        assert degrees is not None
        if self.rule == "fixed":
            return degrees
        moved = np.isfinite(degrees) & _held(self.moments)
        if not np.isfinite(degrees).all():
            degrees = np.where(np.isinf(degrees), degrees_of_inverse(np.minimum(self._scoring_step, _FIRST)), degrees)
        if not moved.any():
            return degrees
        _, after = self._surpluses
        if self.rule == "shared":
            after = np.full(len(after), counts @ after / counts.sum())
        return np.where(moved, np.maximum(degrees_of_surplus(after), LEAST_DEGREES), degrees)

    @cached_property
    def _surpluses(self) -> tuple[FloatArray, FloatArray]:
        """The mean (k,) of ``tau - 1 - log tau``, and of the same for ``tau / alpha``."""
        degrees, slopes, scaled = self.mixture.degrees_of_freedom, self.moments.slopes, self.moments.scaled_counts
        assert degrees is not None
        assert slopes is not None
        assert scaled is not None
        counts = np.where(_held(self.moments), self.moments.counts, np.inf)
        before = surplus(degrees) + 2 * slopes / (counts * degrees**2)
        return before, before + (1 / self.alpha - 1) * scaled / counts + np.log(self.alpha)

    def gain(self, degrees: FloatArray) -> float:
        """Return the part of the gain that depends on tau, in nats, for degrees of freedom (k,) after the step."""
        before, counts, d = self.mixture.degrees_of_freedom, self.moments.counts, self.mixture.n_features
        assert before is not None
        total = -0.5 * d * float(counts @ np.log(self.alpha))
        at = np.isfinite(before) & np.isfinite(degrees) & _held(self.moments)
        old, new, n = before[at], degrees[at], counts[at]
        first, second = (values[at] for values in self._surpluses)
        rest = stirling_rest(new / 2) - stirling_rest(old / 2)
        total += float(n @ (0.5 * np.log(new / old) - rest - 0.5 * (new * second - old * first)))
        return total + self._missed(degrees)

    def _missed(self, degrees: FloatArray) -> float:
        """Return what a step of Fisher scoring would gain beyond that of EM, which is short for many degrees."""
        before, slopes = self.mixture.degrees_of_freedom, self.moments.slopes
        assert before is not None
        assert slopes is not None
        move = self._scoring_step - 1 / before
        within_reach = slopes * move - 0.5 * self._weights * move**2
        return float(np.maximum(within_reach - 0.5 * slopes * (1 / degrees - 1 / before), 0.0).sum())


def _held(moments: Moments) -> BoolArray:
    """Return the components (k,) that have rows."""
    return np.asarray(moments.counts > _EMPTY * moments.weight)


def proposed_degrees(mixture: Mixture, moments: Moments, rule: DegreesRule) -> FloatArray | None:
    """Return the degrees of freedom (k,) for sums that no pass gave, such as those of an extrapolation.

    Parameters
    ----------
    mixture : Mixture
        Mixture in whose units the sums are.
    moments : Moments
        The sums; without estimates of 1 / nu, the degrees of freedom stay as they are.
    rule : {"each", "shared", "fixed"}
        What is estimated of the degrees of freedom.

    Returns
    -------
    (k,) array or None
        The degrees of freedom; None if the distributions are normal.
    """
    inverse = moments.inverse_degrees
    if mixture.degrees_of_freedom is None or inverse is None or rule == "fixed":
        return mixture.degrees_of_freedom
    if rule == "shared":
        inverse = np.full(len(inverse), moments.counts @ inverse / moments.counts.sum())
    return degrees_of_inverse(inverse)
