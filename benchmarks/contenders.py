"""Whole default fits of gaussmix, scikit-learn and mclust. Each returns its time and its mixture."""

import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gaussmix import Mixture
from gaussmix.core.typing import FloatArray

HERE = Path(__file__).parent


class Run(NamedTuple):
    """Seconds of a fit, and its mixture."""

    seconds: float
    mixture: Mixture


Fit = Callable[[FloatArray, int, str, int], Run]
"""Function of (rows, components, structure, seed) that returns a run."""


@dataclass(frozen=True)
class Contender:
    """Method of fitting. A slow one runs with the first ``slow_seeds`` seeds only."""

    name: str
    fit: Fit
    slow_seeds: int | None = None


def _timed(kind: Any, rows: FloatArray, structure: str, **options: Any) -> Run:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the judge checks convergence and degenerate components
        began = time.perf_counter()
        model = kind(covariance_type=structure, **options).fit(rows)
        seconds = time.perf_counter() - began
    mixture = Mixture.from_parameters(model.weights_, model.means_, model.covariances_, covariance_type=structure)
    return Run(seconds, mixture)


def fit_ours(rows: FloatArray, k: int, structure: str, seed: int) -> Run:
    from gaussmix import GaussianMixture

    return _timed(GaussianMixture, rows, structure, n_components=k, random_state=seed)


def sklearn_fit(**options: Any) -> Fit:
    """Return scikit-learn's fit with some options."""

    def fit(rows: FloatArray, k: int, structure: str, seed: int) -> Run:
        from sklearn.mixture import GaussianMixture

        return _timed(GaussianMixture, rows, structure, n_components=k, random_state=seed, **options)

    return fit


def sklearn_finished(rows: FloatArray, k: int, structure: str, seed: int) -> Run:
    """Run ten starts of scikit-learn, each until it converges; return the best."""
    ridge = 1e-9 * float(rows.var(axis=0).min())
    return sklearn_fit(n_init=10, tol=1e-8, max_iter=10_000, reg_covar=ridge)(rows, k, structure, seed)


CONTENDERS = {
    "gaussmix": Contender("gaussmix", fit_ours),
    "sklearn": Contender("sklearn", sklearn_fit()),
    "sklearn10": Contender("sklearn10", sklearn_fit(n_init=10), slow_seeds=3),
    "finished": Contender("finished", sklearn_finished, slow_seeds=1),
}


class Task(NamedTuple):
    """Fit to be run by mclust."""

    rows: FloatArray
    k: int
    structure: str


def run_mclust(tasks: list[Task]) -> list[Run | str]:
    """Run all tasks in one process of R; return a run for each, or R's error message.

    Raises
    ------
    ImportError
        If R or mclust is not installed.
    """
    script = shutil.which("Rscript")
    if script is None:
        raise ImportError("Rscript was not found. Install R and its package mclust.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = []
        for number, (rows, k, structure) in enumerate(tasks):
            np.ascontiguousarray(rows, dtype=np.float64).tofile(folder / f"rows-{number}")
            lines.append(f"{number} {rows.shape[0]} {rows.shape[1]} {k} {structure}\n")
        (folder / "tasks").write_text("".join(lines), encoding="utf-8")
        command = [script, str(HERE / "mclust_default.R"), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ImportError(f"R failed: {done.stderr.strip()[-500:]}")
        answers = dict(line.split(" ", 1) for line in done.stdout.splitlines())
        return [_read_mclust(folder, number, task, answers[str(number)]) for number, task in enumerate(tasks)]


def _read_mclust(folder: Path, number: int, task: Task, answer: str) -> Run | str:
    fitted = folder / f"fitted-{number}"
    if not fitted.exists():
        return answer
    k, d = task.k, task.rows.shape[1]
    weights, means, covariances = np.split(np.fromfile(fitted), [k, k + k * d])
    shape = {"tied": (d, d), "diag": (k, d), "VVI": (k, d), "spherical": (k,)}.get(task.structure, (k, d, d))
    try:
        mixture = Mixture.from_parameters(
            weights, means.reshape(k, d), covariances.reshape(shape), covariance_type=task.structure
        )
    except ValueError as error:
        return f"returned no mixture: {error}"
    return Run(float(answer), mixture)
