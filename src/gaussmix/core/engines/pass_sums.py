"""The sums of a pass as one array, which the compiled code fills."""

from collections.abc import Iterable

import numpy as np

from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray
from gaussmix.core.whitened import CommonBasis, WhitenedMixture

SEGMENT_ROWS = 1 << 16
"""Rows whose sums are added on their own, before they are added to those of the rows before: a multiple of the rows per
block of any pass (cpp/pass/pass.hpp). Passes over parts of the rows that end at multiples of it have the same bits as
a pass over all of them."""


class PassSums:
    """Sums over rows under a mixture, from zero.

    Parameters
    ----------
    mixture : WhitenedMixture
        Mixture of the pass.
    """

    def __init__(self, mixture: WhitenedMixture) -> None:
        (k, d), of_scatter = mixture.means.shape, mixture.factors.size
        of_overlap = k * k if mixture.form == "tied" else 0
        of_tails = 0 if mixture.degrees_of_freedom is None else 2 * k
        flat = np.zeros(of_scatter + of_overlap + k * d + k + of_tails + 3)
        shifts = of_scatter + of_overlap
        counts = shifts + k * d
        self._mixture, self.flat = mixture, flat
        self.arrays: dict[str, FloatArray | None] = {
            "scatter": flat[:of_scatter].reshape(mixture.factors.shape),
            "overlap": flat[of_scatter:shifts].reshape(k, k) if of_overlap else None,
            "shifts": flat[shifts:counts].reshape(k, d),
            "counts": flat[counts : counts + k],
            "tail_sums": flat[counts + k : -3].reshape(2, k) if of_tails else None,
            "totals": flat[-3:],
        }
        """Views of the sums by the names of the arguments of the compiled pass."""

    def add_in_order(self, segments: Iterable[FloatArray]) -> None:
        """Add the sums (s, size) of the segments of parts of the rows, in their order."""
        for part in segments:
            for segment in part:
                self.flat += segment

    def moments(self, common: CommonBasis | None, weight: float) -> Moments:
        """Return the sums as moments.

        Parameters
        ----------
        common : CommonBasis or None
            Basis in which the rows were summed.
        weight : float
            Sum of the weights of the rows.

        Returns
        -------
        Moments
            The sums, in the units of the mixture.
        """
        mixture, arrays = self._mixture, self.arrays
        counts, shifts, scatter, totals = (arrays[name] for name in ("counts", "shifts", "scatter", "totals"))
        assert counts is not None
        assert shifts is not None
        assert scatter is not None
        assert totals is not None
        if arrays["overlap"] is not None:
            scatter = scatter + _scatter_of_overlap(mixture, arrays["overlap"])
        if common is not None and common.form == "diagonal":
            turns = (common.basis.T @ mixture.factors) / common.scales[:, :, None]  # U of `CommonBasis`
            shifts = (shifts[:, None, :] @ turns)[:, 0]
            scatter = turns.transpose(0, 2, 1) @ scatter @ turns
        log_likelihood, entropy, noise = map(float, totals)
        sums = (mixture.form, counts, shifts, scatter, log_likelihood, entropy, weight)
        scaled, slopes = (None, None) if arrays["tail_sums"] is None else arrays["tail_sums"]
        return Moments(*sums, None if mixture.background is None else noise, scaled, slopes)


def _scatter_of_overlap(mixture: WhitenedMixture, overlap: FloatArray) -> FloatArray:
    """Return ``sum_kl overlap[k, l] (nu_k - nu_l)(nu_k - nu_l)'``, nu whitened means (cpp/kernels/form_tied.hpp)."""
    whitened = (mixture.means - mixture.means.mean(axis=0)) @ mixture.factors
    scatter = np.zeros(mixture.factors.shape)
    for component in np.flatnonzero(overlap.any(axis=1)):
        others = overlap[component].nonzero()[0]
        scaled = (whitened[component] - whitened[others]) * np.sqrt(overlap[component, others])[:, None]
        scatter += scaled.T @ scaled
    return scatter
