"""A fit that was killed goes on from its checkpoint, and ends in the same bits."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

import gaussmix.core.engines.recorded as recorded
from gaussmix import BayesianGaussianMixture, CheckpointError, GaussianMixture, NormalInverseWishart, StudentMixture
from gaussmix.fitting.checkpoint import Checkpoint

RNG = np.random.default_rng(0)
LABELS = RNG.choice(4, 24_000, p=[0.4, 0.3, 0.2, 0.1])
ROWS = np.array([[0, 0, 0], [3, 1, 0], [1, 3, 1], [3, 3, -1]])[LABELS] + RNG.normal(size=(24_000, 3))
HOLES = np.where(RNG.random(ROWS.shape) < 0.1, np.nan, ROWS)
WEIGHTS = RNG.uniform(0.5, 2, 24_000)


class KilledError(Exception):
    """The process would be gone here."""


@pytest.fixture(autouse=True)
def _all_passes_are_recorded(monkeypatch):
    monkeypatch.setattr(recorded, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(recorded, "BYTES_PER_SECOND", 1 << 60)


def arrays_of(model):
    """Everything that a fit leaves, without times."""
    history = {name: values for name, values in model.history_.items() if name != "seconds"}
    told = [model.stop_reason_, model.n_iter_, model.converged_]
    mixture = model.mixture_ if hasattr(model, "mixture_") else model.posterior_.mixture
    parts = [mixture.weights, mixture.means, mixture.covariance.roots, *history.values()]
    if mixture.background is not None:
        parts.append(mixture.background.weight)
    if mixture.degrees_of_freedom is not None:
        parts.append(mixture.degrees_of_freedom)
    if hasattr(model, "start_log_likelihoods_"):
        parts.append(model.start_log_likelihoods_)
    return told, parts


def assert_same_bits(one, other):
    (told, parts), (their_told, their_parts) = arrays_of(one), arrays_of(other)
    assert told == their_told
    for mine, theirs in zip(parts, their_parts, strict=True):
        assert_array_equal(mine, theirs)


def fit_killed_often(model, path, rows, rng, patch, **options):
    """Fit, killed up to six times after some records and in the middle of one; return how often."""
    write, killed, left = Checkpoint.write, 0, 0

    def write_and_die(self, key, arrays):
        nonlocal left
        if left == 0:
            with Path(self.path).open("ab") as torn:
                torn.write(b'0badf00d {"key": "torn", "arr'[: rng.integers(30)])
            raise KilledError
        left -= 1
        write(self, key, arrays)

    patch.setattr(Checkpoint, "write", write_and_die)
    while True:
        left = int(rng.integers(1, 12)) * 3**killed if killed < 6 else 1_000_000
        try:
            fitted = clone(model).fit(rows, checkpoint=path, **options)
        except KilledError:
            killed += 1
        else:
            patch.setattr(Checkpoint, "write", write)
            return fitted, killed


MODELS = {
    "full": (GaussianMixture(4, random_state=0), ROWS, {}),
    "diag": (GaussianMixture(4, covariance_type="diag", random_state=1), ROWS, {}),
    "tied": (GaussianMixture(4, covariance_type="tied", random_state=2), ROWS, {}),
    "VEV": (GaussianMixture(3, covariance_type="VEV", random_state=2), ROWS, {}),
    "weights": (GaussianMixture(4, random_state=0), ROWS, {"sample_weight": WEIGHTS}),
    "missing": (GaussianMixture(3, random_state=0), HOLES, {}),
    "noise": (GaussianMixture(3, noise="uniform", n_init=2, random_state=0), ROWS, {}),
    "float32": (GaussianMixture(4, random_state=0), ROWS.astype(np.float32), {}),
    "few rows": (GaussianMixture(4, random_state=0), ROWS[:3000], {}),
    "kmeans": (GaussianMixture(4, init_params="kmeans", n_init=2, tol=1e-6, random_state=0), ROWS, {}),
    "errors": (GaussianMixture(3, init_params="kmeans", random_state=0), ROWS, {"noise_covariance": [0.1, 0.1, 0.2]}),
    "trim": (GaussianMixture(3, trim=0.05, init_params="kmeans", random_state=0), ROWS, {}),
    "trimmed search": (GaussianMixture(3, trim=0.05, n_init=2, random_state=0), ROWS, {}),
    "trimmed search of few rows": (GaussianMixture(3, trim=0.1, n_init=1, random_state=0), ROWS[:2500], {}),
    "trimmed search with holes": (GaussianMixture(2, trim=0.05, n_init=1, random_state=0), HOLES, {}),
    "trimmed search with weights": (
        GaussianMixture(3, trim=0.05, covariance_type="tied", n_init=1, random_state=0),
        ROWS,
        {"sample_weight": WEIGHTS},
    ),
    "student": (StudentMixture(3, random_state=0), ROWS, {}),
    "bayesian": (BayesianGaussianMixture(n_components=6, random_state=0), ROWS, {}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_fit_that_is_killed_often_ends_in_the_same_bits(name, tmp_path, monkeypatch):
    model, rows, options = MODELS[name]
    resumed, killed = fit_killed_often(
        model, tmp_path / "fit", rows, np.random.default_rng(len(name)), monkeypatch, **options
    )
    assert killed or name == "few rows"
    assert_same_bits(resumed, clone(model).fit(rows, **options))


def test_a_finished_fit_is_read(tmp_path, monkeypatch):
    model = GaussianMixture(2, init_params="kmeans", random_state=0)
    first = clone(model).fit(ROWS, checkpoint=tmp_path / "fit")
    content = (tmp_path / "fit").read_bytes()
    monkeypatch.setattr(Checkpoint, "write", None)  # nothing is left to write
    assert_same_bits(clone(model).fit(ROWS, checkpoint=tmp_path / "fit"), first)
    assert (tmp_path / "fit").read_bytes() == content


def test_the_seed_of_the_first_call_is_kept(tmp_path):
    first = GaussianMixture(3, init_params="random").fit(ROWS[:2000], checkpoint=tmp_path / "fit")
    again = GaussianMixture(3, init_params="random").fit(ROWS[:2000], checkpoint=str(tmp_path / "fit"))
    assert_same_bits(first, again)


def test_a_fit_in_instalments(tmp_path):
    """A time budget is that of one call."""
    model = GaussianMixture(4, init_params="random", random_state=0)
    whole = clone(model).fit(ROWS)
    part = clone(model).set_params(time_budget=0.0)
    with pytest.warns(match="time"):
        part.fit(ROWS, checkpoint=tmp_path / "fit")
    assert part.n_iter_ < whole.n_iter_
    assert_same_bits(clone(model).fit(ROWS, checkpoint=tmp_path / "fit"), whole)


def test_a_fit_goes_on_after_an_interrupt_and_after_an_error_of_the_callback(tmp_path):
    model = GaussianMixture(4, init_params="random", random_state=0)
    whole = clone(model).fit(ROWS)

    def interrupt(progress):
        if progress.n_iter == 5:
            raise KeyboardInterrupt

    def fail(progress):
        if progress.n_iter == 9:
            raise ZeroDivisionError

    stopped = clone(model).set_params(callback=interrupt)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(ROWS, checkpoint=tmp_path / "fit")
    assert stopped.n_iter_ == 5
    with pytest.raises(ZeroDivisionError):
        clone(model).set_params(callback=fail).fit(ROWS, checkpoint=tmp_path / "fit")
    seen = []
    model.set_params(callback=seen.append).fit(ROWS, checkpoint=tmp_path / "fit")
    assert_same_bits(model, whole)
    assert [one.n_iter for one in seen] == list(range(len(seen)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"n_components": 3}, "n_components is 2 there and 3 here"),
        ({"covariance_type": "diag"}, "covariance_type is 'full' there and 'diag' here"),
        ({"random_state": 1}, "random_state is 0 there and 1 here"),
        ({"random_state": None}, "random_state is 0 there and None here"),
        ({"random_state": np.random.RandomState(0)}, "random_state differs"),
        ({"tol": 1e-3}, "tol is 'auto' there and 0.001 here"),
        ({"means_init": np.zeros((2, 3))}, r"means_init is None there and \[\[0.0, 0.0, 0.0\]"),
        ({"init_params": np.arange(2000) % 2}, "init_params differs"),
        ({"prior": NormalInverseWishart(np.zeros(3), 1.0)}, "prior is None there and {'mean'"),
    ],
)
def test_other_settings_are_refused(change, told, tmp_path):
    GaussianMixture(2, random_state=0).fit(ROWS[:2000], checkpoint=tmp_path / "fit")
    model = GaussianMixture(2, random_state=0).set_params(**change)
    with pytest.raises(CheckpointError, match=f"another fit: {told}"):
        model.fit(ROWS[:2000], checkpoint=tmp_path / "fit")
    assert not hasattr(model, "fit_result_")


def test_other_rows_are_refused(tmp_path):
    rows, weights, path = ROWS[:2000], WEIGHTS[:2000], tmp_path / "fit"
    model = GaussianMixture(2, random_state=0).fit(rows, sample_weight=weights, checkpoint=path)
    changed, weighted = rows.copy(), weights.copy()
    changed[1999, 2] = np.nextafter(changed[1999, 2], 10)
    weighted[7] += 1e-12
    for other, weight, told in [
        (changed, weights, "the values of X differs"),
        (rows[::-1], weights, "the values of X differs"),
        (rows.astype(np.float32), weights, "the dtype of X is 'float64' there and 'float32' here"),
        (rows[:1999], weights[:1999], r"the shape of X is \[2000, 3\] there and \[1999, 3\] here"),
        (rows, weighted, "the sample_weight of X differs"),
        (rows, None, "the sample_weight of X differs"),
    ]:
        with pytest.raises(CheckpointError, match=told):
            model.fit(other, sample_weight=weight, checkpoint=path)
    with pytest.raises(CheckpointError, match="the noise_covariance of X differs"):
        model.fit(rows, sample_weight=weights, noise_covariance=[1.0, 1.0, 1.0], checkpoint=path)
    with pytest.raises(CheckpointError, match="the estimator is 'GaussianMixture' there and 'StudentMixture' here"):
        StudentMixture(2, random_state=0).fit(rows, sample_weight=weights, checkpoint=path)
    model.fit(np.asfortranarray(rows), sample_weight=weights, checkpoint=path)


def test_a_warm_start_has_a_checkpoint_of_its_own(tmp_path):
    model = GaussianMixture(2, random_state=0, warm_start=True).fit(ROWS[:2000], checkpoint=tmp_path / "fit")
    with pytest.raises(CheckpointError, match="the model of the warm start differs"):
        model.fit(ROWS[:2000], checkpoint=tmp_path / "fit")
    model.fit(ROWS[:2000], checkpoint=tmp_path / "second")


@pytest.mark.parametrize("kind", [GaussianMixture, StudentMixture, BayesianGaussianMixture])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none/fit", r"checkpoint='none/fit' cannot be written: the folder none does not exist; make it first"),
        ("none/further/fit", r"the folder none/further does not exist"),
        (".", r"checkpoint='\.' is a folder; give a file name"),
        (True, r"checkpoint must be the path of a file; got True"),
    ],
)
def test_a_checkpoint_that_cannot_be_written_is_refused(kind, name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        kind(n_components=2).fit(ROWS[:100], checkpoint=name)


CHILD = """
import sys
import numpy as np
from gaussmix import GaussianMixture

rows = np.load(sys.argv[1])
model = GaussianMixture(4, random_state=0, tol=1e-8, acceleration="none", max_iter=200)
print("go", flush=True)
model.fit(rows, checkpoint=sys.argv[2])
np.savez(sys.argv[3], model.means_, model.covariances_, model.history_["log_likelihood"], model.history_["gain"])
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
def test_a_process_that_is_killed_at_any_moment_is_continued(tmp_path):
    """benchmarks/checkpoint_kills.py kills more kinds of fits, 20 times each."""
    rows, checkpoint, results = tmp_path / "rows.npy", tmp_path / "fit", tmp_path / "whole.npz"
    np.save(rows, np.tile(ROWS, (2, 1)) + np.random.default_rng(1).normal(0, 0.1, (48_000, 3)))
    script = tmp_path / "child.py"
    script.write_text(textwrap.dedent(CHILD))
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def start(path, out):
        command = [sys.executable, script, rows, path, out]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)

    with start(tmp_path / "other", results) as child:
        assert child.wait(300) == 0
    rng, killed = np.random.default_rng(0), 0
    while True:
        with start(checkpoint, tmp_path / "resumed.npz") as child:
            assert child.stdout.readline() == "go\n"
            try:
                child.wait(300 if killed == 4 else rng.uniform(0, 1.0))
                break
            except subprocess.TimeoutExpired:
                child.kill()
                killed += 1
    with np.load(results) as whole, np.load(tmp_path / "resumed.npz") as resumed:
        for name in whole.files:
            assert_array_equal(whole[name], resumed[name])
