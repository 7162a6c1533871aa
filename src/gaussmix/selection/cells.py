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

Key = tuple[int, str]
"""Number of components and covariance type."""

_NUMBERS_PER_PARAMETER = 2


@dataclass(frozen=True, eq=False)
class Cell:
    """One model of a search.

    Attributes
    ----------
    n_components : int
        How many components.
    covariance_type : str
        Which covariance model.
    fit : Fit or None
        None when nothing could be fitted: ``failure`` says why.
    update : MaximumLikelihood or None
        The M-step of the fit.
    soundness : Soundness or None
        What is wrong with the components of the fit.
    origin : str
        Which start led there.
    seconds : float
        What the cell took.
    failure : str
        A sentence, empty where there is a fit.
    """

    n_components: int
    covariance_type: str
    fit: Fit | None
    update: MaximumLikelihood | None
    soundness: Soundness | None
    origin: str = ""
    seconds: float = 0.0
    failure: str = ""

    @classmethod
    def failed(cls, n_components: int, covariance_type: str, failure: str, seconds: float = 0.0) -> Self:
        """A cell without a fit.

        Parameters
        ----------
        n_components : int
            How many components.
        covariance_type : str
            Which covariance model.
        failure : str
            Why there is no fit, a sentence.
        seconds : float, default=0.0
            What it took to see that.

        Returns
        -------
        Cell
            Without a fit.
        """
        return cls(n_components, covariance_type, None, None, None, seconds=seconds, failure=failure)

    @property
    def key(self) -> Key:
        """Number of components and covariance type."""
        return self.n_components, self.covariance_type

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
