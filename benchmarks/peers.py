"""Programs that fit the same mixture from the same start: ours, scikit-learn's, oneDAL's.

A peer is imported when it is asked for; `find_peers` says which are missing.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix import Mixture
from gaussmix.typing import FloatArray


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


Fit = Callable[[FloatArray, Start, int], Mixture]
"""(rows, start, iterations) to the mixture after exactly that many iterations."""


@dataclass(frozen=True)
class Peer:
    """A program, the structures of covariance that it has, and how it is run."""

    name: str
    structures: tuple[str, ...]
    fit: Fit


def find_peers() -> tuple[list[Peer], list[str]]:
    """The peers that can be imported, ours first, and a sentence for each that cannot."""
    everything = ("full", "tied", "diag", "spherical")
    peers = [Peer("gaussmix", everything, fit_ours), Peer("scikit-learn", everything, fit_sklearn)]
    try:
        import daal4py  # noqa: F401
    except ImportError as error:
        return peers, [f'oneDAL is left out: {error}. Install it with pip install "gaussmix[bench]".']
    return [*peers, Peer("oneDAL", ("full", "diag"), fit_onedal)], []


def fit_ours(rows: FloatArray, start: Start, iterations: int) -> Mixture:
    from gaussmix import GaussianMixture

    model = _fit_without_warnings(GaussianMixture, rows, start, iterations)
    return model.mixture_


def fit_sklearn(rows: FloatArray, start: Start, iterations: int) -> Mixture:
    from sklearn.mixture import GaussianMixture

    model = _fit_without_warnings(GaussianMixture, rows, start, iterations)
    return Mixture.from_parameters(model.weights_, model.means_, model.covariances_, covariance_type=start.structure)


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
    if model.n_iter_ != iterations:
        raise RuntimeError(f"{kind.__module__} did {model.n_iter_} iterations in place of {iterations}")
    return model


def fit_onedal(rows: FloatArray, start: Start, iterations: int) -> Mixture:
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
    done = int(result.nIterations[0, 0])
    if done != iterations:
        raise RuntimeError(f"oneDAL did {done} iterations in place of {iterations}")
    covariances = np.stack(result.covariances)
    return Mixture.from_parameters(
        result.weights.ravel(),
        result.means,
        covariances if full else covariances[:, 0],
        covariance_type=start.structure,
    )
