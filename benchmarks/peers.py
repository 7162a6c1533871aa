"""Peers in Python that fit the same mixture: gaussmix, scikit-learn, oneDAL. The others are in outside_peers.py.

A peer is imported on request; `find_peers` reports which are missing.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from outside_peers import find_armadillo, find_mclust, find_tgmm, find_torchgmm
from peer import STRUCTURES, Peer, Start, timed

from gaussmix import Mixture
from gaussmix.core.typing import FloatArray

USUAL = ("scikit-learn", "oneDAL")
OTHERS = ("Armadillo", "mclust", "torchgmm", "tgmm")


def find_peers(names: tuple[str, ...] = USUAL) -> tuple[list[Peer], list[str]]:
    """Return the installed peers among these names, gaussmix first, and a sentence for each missing one."""
    finders: dict[str, Callable[[], Peer]] = {
        "scikit-learn": lambda: Peer("scikit-learn", STRUCTURES, timed(fit_sklearn), rounds=3, last=11),
        "oneDAL": find_onedal,
        "Armadillo": find_armadillo,
        "mclust": find_mclust,
        "torchgmm": find_torchgmm,
        "tgmm": find_tgmm,
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
        warnings.simplefilter("ignore")  # no convergence with few iterations
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
