"""Cells of the table of models: a model and the best fit that was found."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.student import n_different
from gaussmix.core.text import join_words, plural
from gaussmix.fitting.degeneracy import Soundness
from gaussmix.fitting.em import Fit
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import Stop
from gaussmix.selection.model_names import ModelSpec

_NUMBERS_PER_PARAMETER = 2


@dataclass(frozen=True, eq=False)
class Cell:
    """Model of a search, with its best fit.

    Attributes
    ----------
    spec : ModelSpec
        The model.
    fit : Fit or None
        The best fit; None if the model could not be fitted.
    update : MaximumLikelihood or None
        The M-step of the fit.
    soundness : Soundness or None
        The soundness of the components.
    origin : str
        The start that led to the fit.
    seconds : float
        Time spent on the cell.
    failure : str
        Reason why there is no fit; empty if there is one.
    """

    spec: ModelSpec
    fit: Fit | None
    update: MaximumLikelihood | None
    soundness: Soundness | None
    origin: str = ""
    seconds: float = 0.0
    failure: str = ""

    @classmethod
    def failed(cls, spec: ModelSpec, failure: str, seconds: float = 0.0) -> Self:
        """Make a cell without a fit.

        Parameters
        ----------
        spec : ModelSpec
            The model.
        failure : str
            Reason why there is no fit.
        seconds : float, default=0.0
            Time spent on the cell.

        Returns
        -------
        Cell
            Without a fit.
        """
        return cls(spec, None, None, None, seconds=seconds, failure=failure)

    @property
    def n_components(self) -> int:
        """Number of components."""
        return self.spec.n_components

    @property
    def covariance_type(self) -> str:
        """Name of the covariance model."""
        return self.spec.covariance_type

    @property
    def family(self) -> str:
        """Family of the distributions: "gaussian" or "student"."""
        return self.spec.family

    @property
    def noise(self) -> bool:
        """Whether the model has uniform noise."""
        return self.spec.noise

    @property
    def mixture(self) -> Mixture | None:
        """The fitted mixture, or None."""
        return self.fit.mixture if self.fit else None

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood in nats; NaN without a fit."""
        return self.fit.moments.log_likelihood if self.fit else float("nan")

    @property
    def entropy(self) -> float:
        """Entropy of the responsibilities, summed over the rows, in nats; NaN without a fit."""
        return self.fit.moments.entropy if self.fit else float("nan")

    @property
    def n_parameters(self) -> int:
        """Number of free parameters; 0 without a fit."""
        if self.fit is None:
            return 0
        mixture, each = self.fit.mixture, self.update is not None and self.update.degrees == "each"
        return mixture.n_parameters + (mixture.n_components - n_different(mixture.degrees_of_freedom) if each else 0)

    @property
    def is_converged(self) -> bool:
        """Whether there is a fit that converged."""
        return self.fit is not None and self.fit.stop.is_converged

    @property
    def n_unsound(self) -> int:
        """Number of unsound components."""
        return self.soundness.n_unsound if self.soundness else 0

    def doubts(self) -> list[str]:
        """Return the reasons to doubt the fit.

        Returns
        -------
        list of str
            Phrases; empty for a sound fit.
        """
        if self.fit is None or self.soundness is None:
            return []
        said = self._unsound_components(self.soundness) if self.n_unsound else []
        if self.fit.stop is Stop.START:
            said.append(f"no sound fit better than {self.origin}")
        elif not self.is_converged:
            said.append("not converged")
        numbers = self.fit.moments.weight * self.fit.mixture.n_features
        if numbers < _NUMBERS_PER_PARAMETER * self.n_parameters:
            said.append(f"{self.n_parameters} parameters for {numbers:g} data values")
        return said

    @staticmethod
    def _unsound_components(soundness: Soundness) -> list[str]:
        """Name the unsound components by their first trouble."""
        said = []
        troubles = {
            "empty": soundness.empty,
            "collapsed": soundness.collapsed,
            "with too few rows": soundness.few,
            "spurious": soundness.spurious,
        }
        named = np.zeros(len(soundness.empty), dtype=np.bool_)
        for word, which in troubles.items():
            found = np.flatnonzero(which & ~named)
            named |= which
            if found.size:
                said.append(f"{plural('component', found.size)} {join_words(found, 4)} {word}")
        return said
