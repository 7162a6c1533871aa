"""Peers: mclust in a separate process, and scikit-learn in a loop."""

import shutil
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from gaussmix.core.typing import FloatArray

HERE = Path(__file__).resolve().parent


class Choice(NamedTuple):
    """Choice of a contender by BIC (lower is better)."""

    model: str
    k: int
    log_likelihood: float
    bic: float
    seconds: float


def find_r() -> str:
    """Return the path of Rscript, if mclust is installed.

    Raises
    ------
    ImportError
        If R or mclust is not installed.
    """
    script = shutil.which("Rscript")
    if script is None:
        raise ImportError("Rscript was not found: install R and its package mclust")
    if subprocess.run([script, "-e", "library(mclust)"], capture_output=True, check=False).returncode != 0:
        raise ImportError("R does not find mclust: install the R package mclust")
    return script


def run_r(name: str, *words: object) -> str:
    """Return the output of an R script of this folder.

    Raises
    ------
    RuntimeError
        If the script failed; the message is that of R.
    """
    command = [find_r(), str(HERE / name), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{name} {' '.join(map(str, words))} failed:\n{done.stderr}")
    return done.stdout


def r_versions() -> str:
    """Return the versions of R, mclust and the BLAS of R on one line."""
    blas = 'basename(extSoftVersion()[["BLAS"]])'
    words = f'cat(R.version.string, "; mclust ", format(packageVersion("mclust")), "; BLAS ", {blas}, sep = "")'
    return subprocess.run([find_r(), "-e", words], capture_output=True, text=True, check=True).stdout.strip()


class Mclust:
    """R process with mclust loaded, which runs until the end of a ``with`` block."""

    def __init__(self) -> None:
        command = [find_r(), str(HERE / "session.R")]
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._rows: FloatArray | None = None
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def select(self, rows: FloatArray, k_max: int, *, final_fit: bool = True) -> Choice:
        """Run ``Mclust(rows, G = 1:k_max)``, or ``mclustBIC`` if the final fit is not needed."""
        answer = self._ask("select" if final_fit else "bic", rows, k_max)
        if len(answer) != 5:
            raise RuntimeError(f"mclust failed: {' '.join(answer)}")
        model, k, value, bic, seconds = answer
        return Choice(model, int(k), _number(value), -_number(bic), float(seconds))

    def fit(self, rows: FloatArray, model: str, k: int, hierarchy: str) -> tuple[float, FloatArray] | None:
        """Return log-likelihood and responsibilities (n, k) of one cell; None where mclust fits none."""
        path = self._path / "z"
        value = _number(self._ask("fit", rows, model, k, hierarchy, path)[0])
        return None if np.isnan(value) else (value, np.fromfile(path).reshape(k, -1).T)

    def go_on(self, rows: FloatArray, model: str, shares: FloatArray) -> float:
        """Return the log-likelihood that EM reaches from responsibilities (n, k); NaN where mclust fits none."""
        path = self._path / "z"
        np.ascontiguousarray(shares.T).tofile(path)
        return _number(self._ask("go", rows, model, shares.shape[1], path)[0])

    def _ask(self, what: str, rows: FloatArray, *words: object) -> list[str]:
        if rows is not self._rows:
            self._rows, self._number = rows, self._number + 1
            np.ascontiguousarray(rows, dtype=np.float64).tofile(self._path / f"rows-{self._number}")
        question = [what, self._path / f"rows-{self._number}", *rows.shape, *words]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(*question, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline().split()
        if not answer:
            raise RuntimeError("R ended without an answer; see its output above")
        return answer


def _number(word: str) -> float:
    return float("nan") if word == "NA" else float(word)


def loop_of_sklearn(rows: FloatArray, k_max: int, n_init: int) -> Choice:
    """Return the model of least BIC among four covariance types and 1 to k_max components, as in their guide."""
    from sklearn.mixture import GaussianMixture

    best: Choice | None = None
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some fits do not converge
        for kind in ("spherical", "tied", "diag", "full"):
            for k in range(1, k_max + 1):
                fitted = GaussianMixture(k, covariance_type=kind, n_init=n_init, random_state=0).fit(rows)
                bic = float(fitted.bic(rows))
                if best is None or bic < best.bic:
                    best = Choice(kind, k, float(fitted.score(rows) * len(rows)), bic, 0.0)
    assert best is not None
    return best._replace(seconds=time.perf_counter() - began)
