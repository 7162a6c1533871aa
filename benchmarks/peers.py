"""Programs that fit the same mixture: ours, scikit-learn's, oneDAL's; the others are in outside_peers.py.

A peer is imported when it is asked for; `find_peers` says which are missing.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gaussmix import Mixture
from gaussmix.core.typing import FloatArray


@dataclass(frozen=True)
class Start:
    """Where every peer begins: equal weights, given means, unit covariances."""

    structure: str
    means: FloatArray

    @property
    def weights(self) -> FloatArray:
        return np.full(len(self.means), 1.0 / len(self.means))

    @property
    def precisions(self) -> FloatArray:
        n_components, n_features = self.means.shape
        return {
            "full": np.tile(np.eye(n_features), (n_components, 1, 1)),
            "tied": np.eye(n_features),
            "diag": np.ones((n_components, n_features)),
            "spherical": np.ones(n_components),
        }[self.structure]


class Outcome(NamedTuple):
    """What a fit took, the iterations that it did, and the mixture after them."""

    seconds: float
    iterations: int
    mixture: Mixture


Fit = Callable[[FloatArray, Start, int], tuple[Mixture, int]]
"""(rows, start, iterations) to the mixture and the iterations that were done: fewer when the fit stands still."""

TimedFit = Callable[[FloatArray, Start, int], Outcome]


@dataclass(frozen=True)
class Peer:
    """A program, the structures of covariance that it has, how it is run, and how often.

    ``last`` is the number of iterations of its long fits. One that begins elsewhere than at the start that is given
    does not have ``same_start``: its time counts, its parameters cannot be compared.
    """

    name: str
    structures: tuple[str, ...]
    fit: TimedFit
    rounds: int = 1
    last: int = 3
    same_start: bool = True


STRUCTURES = ("full", "tied", "diag", "spherical")
USUAL = ("scikit-learn", "oneDAL")
OTHERS = ("Armadillo", "mclust", "torchgmm")


def timed(fit: Fit) -> TimedFit:
    """The fit with the seconds of the whole of it."""

    def run(rows: FloatArray, start: Start, iterations: int) -> Outcome:
        began = time.perf_counter()
        mixture, done = fit(rows, start, iterations)
        return Outcome(time.perf_counter() - began, done, mixture)

    return run


def find_peers(names: tuple[str, ...] = USUAL) -> tuple[list[Peer], list[str]]:
    """The peers of these names that are here, ours first, and a sentence for each that is not."""
    import outside_peers

    finders: dict[str, Callable[[], Peer]] = {
        "scikit-learn": lambda: Peer("scikit-learn", STRUCTURES, timed(fit_sklearn), rounds=3, last=11),
        "oneDAL": find_onedal,
        "Armadillo": outside_peers.find_armadillo,
        "mclust": outside_peers.find_mclust,
        "torchgmm": outside_peers.find_torchgmm,
    }
    peers = [Peer("gaussmix", STRUCTURES, timed(fit_ours), rounds=7, last=11)]
    missing = []
    for name in names:
        try:
            peers.append(finders[name]())
        except ImportError as error:
            missing.append(f"{name} is left out: {error}")
    return peers, missing


def find_onedal() -> Peer:
    try:
        import daal4py  # noqa: F401
    except ImportError as error:
        raise ImportError(f'{error}. Install it with pip install "gaussmix[bench]".') from error
    return Peer("oneDAL", ("full", "diag"), timed(fit_onedal), rounds=5, last=11)


def fit_ours(rows: FloatArray, start: Start, iterations: int) -> tuple[Mixture, int]:
    from gaussmix import GaussianMixture

    model = _fit_without_warnings(partial(GaussianMixture, acceleration="none"), rows, start, iterations)
    return model.mixture_, model.n_iter_


def fit_sklearn(rows: FloatArray, start: Start, iterations: int) -> tuple[Mixture, int]:
    from sklearn.mixture import GaussianMixture

    model = _fit_without_warnings(GaussianMixture, rows, start, iterations)
    mixture = Mixture.from_parameters(model.weights_, model.means_, model.covariances_, covariance_type=start.structure)
    return mixture, model.n_iter_


def _fit_without_warnings(kind: Any, rows: FloatArray, start: Start, iterations: int) -> Any:
    model = kind(
        len(start.means),
        covariance_type=start.structure,
        tol=0.0,
        reg_covar=0.0,
        max_iter=iterations,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=start.precisions,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged, as was asked for
        model.fit(rows)
    return model


def fit_onedal(rows: FloatArray, start: Start, iterations: int) -> tuple[Mixture, int]:
    import daal4py

    n_components, n_features = start.means.shape
    full = start.structure == "full"
    unit = np.eye(n_features) if full else np.ones((1, n_features))
    algorithm = daal4py.em_gmm(
        n_components,
        maxIterations=iterations,
        accuracyThreshold=0.0,
        covarianceStorage="full" if full else "diagonal",
        regularizationFactor=1e-6,  # used only when a covariance is ill-conditioned
    )
    result = algorithm.compute(rows, start.weights[None], start.means, [unit] * n_components)
    covariances = np.stack(result.covariances)
    mixture = Mixture.from_parameters(
        result.weights.ravel(),
        result.means,
        covariances if full else covariances[:, 0],
        covariance_type=start.structure,
    )
    return mixture, int(result.nIterations[0, 0])
