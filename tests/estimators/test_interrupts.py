"""Ctrl-C: the fit ends at once with KeyboardInterrupt, and the estimator keeps the best model so far."""

from itertools import count

import numpy as np
import pytest

from gaussmix import BayesianGaussianMixture, GaussianMixture, StudentMixture
from gaussmix.core.engines import NativeEngine
from gaussmix.fitting.compiled_rows import CompiledRows


def heavy_tails(seed=0, n=100, k=4, d=3):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.standard_t(3, (n, d)) + 3 * at * (np.arange(d) == at % d) for at in range(k)])


X = heavy_tails()


@pytest.fixture
def press(monkeypatch):
    """Return a function that raises KeyboardInterrupt at the nth call of a method."""

    def at_call(owner, name, n):
        method, numbers = getattr(owner, name), count(1)

        def pressed(self, *arguments, **options):
            if next(numbers) == n:
                raise KeyboardInterrupt
            return method(self, *arguments, **options)

        monkeypatch.setattr(owner, name, pressed)
        return numbers

    return at_call


@pytest.mark.parametrize("covariance_type", ["full", "diag", "VEE"])
@pytest.mark.parametrize("estimator", [GaussianMixture, StudentMixture])
@pytest.mark.parametrize("n", [2, 3, 5])
def test_compiled_runs_that_have_ended_are_kept(press, estimator, covariance_type, n):
    press(CompiledRows, "run", n)
    model = estimator(4, covariance_type=covariance_type, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert "Interrupted" in model.stop_reason_
    assert model.lower_bound_ == pytest.approx(model.score(X), rel=1e-12)


@pytest.mark.parametrize(
    "model",
    [
        StudentMixture(4, random_state=0),
        GaussianMixture(4, noise="uniform", random_state=0),
        GaussianMixture(4, covariance_type="factor", n_factors=1, random_state=0),
        GaussianMixture(4, reg_covar="inverse-wishart", random_state=0),
        BayesianGaussianMixture(n_components=4, random_state=0),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
def test_no_pass_swallows_an_interrupt(press, model):
    passes = press(NativeEngine, "accumulate", -1)
    model.fit(X)
    total = next(passes) - 1
    assert total > 40
    for n in np.linspace(30, total, 8).astype(int).tolist():
        press(NativeEngine, "accumulate", n)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X)


@pytest.mark.parametrize("calls", [1, 2, 3, 9, 40])
def test_an_interrupt_in_the_first_runs_on_some_of_the_rows_keeps_their_best(calls):
    rng = np.random.default_rng(0)
    X = 4 * rng.normal(size=(20, 3))[rng.integers(20, size=24_000)] + rng.normal(size=(24_000, 3))
    left = calls

    def interrupt(progress):
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt

    model = GaussianMixture(20, covariance_type="diag", random_state=0, callback=interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert hasattr(model, "fit_result_") == (calls > 1)  # the first call comes before the first pass
    if calls > 1:
        assert "Interrupted" in model.stop_reason_
        assert model.lower_bound_ == pytest.approx(model.score(X), rel=1e-12)
