"""Less common peers: Armadillo (C++), mclust (R), torchgmm and tgmm (PyTorch).

Armadillo and mclust run in a process of their own, which reads the rows from a file and times the fit itself. torchgmm
and tgmm accept initial means but estimate the covariances themselves, so they do not begin at the given start.
"""

import logging
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from peak import find_compiler
from peer import STRUCTURES, Outcome, Peer, Start, TimedFit, timed

from gaussmix import Mixture
from gaussmix.core.typing import FloatArray

HERE = Path(__file__).parent
PATIENCE = 60.0  # seconds, for one fit


def find_armadillo() -> Peer:
    compiler = find_compiler()
    if compiler is None:
        raise ImportError("No C++ compiler was found.")
    folder = tempfile.TemporaryDirectory()  # kept as long as the returned fit
    program = Path(folder.name) / "armadillo"
    flags = ["-O3", "-std=c++20", "-march=native", "-fopenmp"]
    command = [compiler, *flags, str(HERE / "armadillo.cpp"), "-o", str(program), "-larmadillo"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise ImportError("Armadillo does not compile. Install libarmadillo-dev.")
    return Peer("Armadillo", ("full", "diag"), run_outside([str(program)], folder))


def find_mclust() -> Peer:
    script = shutil.which("Rscript")
    if script is None:
        raise ImportError("Rscript was not found. Install R and its package mclust.")
    if subprocess.run([script, "-e", "library(mclust)"], capture_output=True, check=False).returncode != 0:
        raise ImportError("R does not find mclust. Install the R package mclust.")
    return Peer("mclust", STRUCTURES, run_outside([script, str(HERE / "mclust.R")], None))


def run_outside(command: list[str], keep: Any) -> TimedFit:
    """Return a fit by ``command structure n d k iterations folder``.

    The command reads ``rows`` and ``means`` (row-major float64) from the folder, writes ``fitted`` there (weights,
    means and covariances, one component after the other) and prints the seconds of the fit.
    """

    def run(rows: FloatArray, start: Start, iterations: int) -> Outcome:
        assert keep is None or Path(keep.name).exists()
        (n, d), k = rows.shape, len(start.means)
        with tempfile.TemporaryDirectory() as folder:
            rows.tofile(Path(folder) / "rows")
            start.means.tofile(Path(folder) / "means")
            words = [start.structure, *map(str, (n, d, k, iterations)), folder]
            done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"{command[0]} failed on {' '.join(words[:-1])}:\n{done.stderr}")
            fitted = np.fromfile(Path(folder) / "fitted")
        weights, means, covariances = np.split(fitted, [k, k + k * d])
        shape = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[start.structure]
        mixture = Mixture.from_parameters(
            weights, means.reshape(k, d), covariances.reshape(shape), covariance_type=start.structure
        )
        return Outcome(float(done.stdout.split()[-1]), iterations, mixture)

    return run


def find_torchgmm() -> Peer:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torchgmm.bayes  # noqa: F401
    except ImportError as error:
        raise ImportError(f"{error}. Install torch and torchgmm.") from error
    return Peer("torchgmm", STRUCTURES, timed(fit_torchgmm), same_start=False)


def fit_torchgmm(rows: FloatArray, start: Start, iterations: int) -> tuple[Mixture, int]:
    import torch
    from torchgmm.bayes import GaussianMixture

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    options = {"max_epochs": iterations, "precision": "64-true", "accelerator": "cpu", "logger": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GaussianMixture(
            len(start.means),
            covariance_type=start.structure,
            init_means=torch.from_numpy(start.means),
            convergence_tolerance=0.0,
            covariance_regularization=0.0,
            trainer_params=options | {"enable_progress_bar": False, "enable_checkpointing": False},
        ).fit(torch.from_numpy(rows))
    fitted = model.model_
    mixture = Mixture.from_parameters(
        fitted.component_probs.numpy(),
        fitted.means.numpy(),
        fitted.covariances.numpy(),
        covariance_type=start.structure,
    )
    return mixture, int(model.num_iter_)


def find_tgmm() -> Peer:
    try:
        import tgmm  # noqa: F401
    except ImportError as error:
        raise ImportError(f"{error}. Install torch and tgmm.") from error
    return Peer("tgmm", STRUCTURES, timed(fit_tgmm), same_start=False)


def fit_tgmm(rows: FloatArray, start: Start, iterations: int) -> tuple[Mixture, int]:
    """Fit in float32, in which tgmm computes by default."""
    import torch
    from tgmm import GaussianMixture

    n_components, n_features = start.means.shape
    model = GaussianMixture(
        n_features=n_features,
        n_components=n_components,
        covariance_type=start.structure,
        max_iter=iterations,
        tol=1e-300,
        init_means=torch.tensor(start.means, dtype=torch.float32),
        device="cpu",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no convergence with few iterations
        model.fit(torch.tensor(rows, dtype=torch.float32))
    weights, means, covariances = (
        array.double().numpy() for array in (model.weights_, model.means_, model.covariances_)
    )
    mixture = Mixture.from_parameters(weights, means, covariances, covariance_type=start.structure)
    return mixture, iterations
