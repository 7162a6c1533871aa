"""A cell of the table of models: one number of components, one covariance model, and the best fit that was found."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.text import join_words, plural
from gaussmix.fitting.degeneracy import Soundness
from gaussmix.fitting.em import Fit
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import Stop
from gaussmix.selection.model_names import ModelSpec

_NUMBERS_PER_PARAMETER = 2


@dataclass(frozen=True, eq=False)
class Cell:
    """One model of a search.

    Attributes
    ----------
    spec : ModelSpec
        The model.
    fit : Fit or None
        None if nothing could be fitted: ``failure`` says why.
    update : MaximumLikelihood or None
        The M-step of the fit.
    soundness : Soundness or None
        The soundness of the components.
    origin : str
        The start that led to the fit.
    seconds : float
        Time spent on the cell.
    failure : str
        A sentence; empty if there is a fit.
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
            Why there is no fit, a sentence.
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
    def mixture(self) -> Mixture | None:
        """The fitted mixture, or None."""
        return self.fit.mixture if self.fit else None

    @property
    def log_likelihood(self) -> float:
        """In nats; NaN without a fit, like ``entropy``."""
        return self.fit.moments.log_likelihood if self.fit else float("nan")

    @property
    def entropy(self) -> float:
        """Of the responsibilities, summed over the rows, in nats."""
        return self.fit.moments.entropy if self.fit else float("nan")

    @property
    def n_parameters(self) -> int:
        """Free parameters; 0 without a fit."""
        return self.fit.mixture.n_parameters if self.fit else 0

    @property
    def is_converged(self) -> bool:
        """Whether there is a fit that converged."""
        return self.fit is not None and self.fit.stop.is_converged

    @property
    def n_unsound(self) -> int:
        """How many components are not to be trusted."""
        return self.soundness.n_unsound if self.soundness else 0

    def doubts(self) -> list[str]:
        """Why the fit is not to be trusted.

        Returns
        -------
        list of str
            The rests of sentences; none for a sound fit.
        """
        if self.fit is None or self.soundness is None:
            return []
        said = []
        troubles = {
            "empty": self.soundness.empty,
            "collapsed": self.soundness.collapsed,
            "on too few rows": self.soundness.few,
            "spurious": self.soundness.spurious,
        }
        named = np.zeros(self.n_components, dtype=np.bool_)
        for word, which in troubles.items():
            found = np.flatnonzero(which & ~named)
            named |= which
            if found.size:
                said.append(f"{plural('component', found.size)} {join_words(found, 4)} {word}")
        if self.fit.stop is Stop.START:
            said.append(f"nothing sound found above {self.origin}")
        elif not self.is_converged:
            said.append("not converged")
        numbers = self.fit.moments.weight * self.fit.mixture.n_features
        if numbers < _NUMBERS_PER_PARAMETER * self.n_parameters:
            said.append(f"{self.n_parameters} parameters for {numbers:g} numbers")
        return said
