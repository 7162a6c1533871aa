"""Conformance tests for engines."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from gaussmix.core.covariance import COVARIANCES, covariance_class
from gaussmix.core.engines import AbstractEngine, ReferenceEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.core.whitened import WhitenedMixture
from gaussmix.testing.random_models import (
    SIZES,
    random_factors,
    random_mixture,
    random_with_common_basis,
    with_noise,
    with_random_degrees,
)

MakeEngine = Callable[[Rows, FloatArray | None], AbstractEngine]


def check_engine(make_engine: MakeEngine, *, rtol: float = 1e-12) -> None:
    """Check that an engine gives the results of `ReferenceEngine`.

    Parameters
    ----------
    make_engine : callable
        Returns an engine, given rows (n, d) and row weights (n,) or None.
    rtol : float
        Tolerance relative to the largest entry of each result. The default is for double precision.
    """
    for structure in COVARIANCES.values():
        for n_components, n_features in SIZES:
            for n_rows in (1, 63, 1100):
                rng = np.random.default_rng(n_rows + n_features)
                mixture = random_mixture(structure, n_components, n_features, rng)
                rows, _ = mixture.sample(n_rows, rng)
                rows.flags.writeable = False
                _check_passes(make_engine, mixture.whitened(), rows, None, rng, rtol)
                weights = rng.integers(0, 3, n_rows) + 0.25 * (np.arange(n_rows) == 0)
                weights.flags.writeable = False
                _check_passes(make_engine, mixture.whitened(), rows, weights, rng, rtol)
                _check_passes(make_engine, with_noise(mixture).whitened(), rows, weights, rng, rtol)
                heavy = with_random_degrees(mixture, rng)
                rows, _ = heavy.sample(n_rows, rng)
                _check_passes(make_engine, heavy.whitened(), rows, weights, rng, rtol)
                _check_passes(make_engine, with_noise(heavy).whitened(), rows, None, rng, rtol)
    for form in ("diagonal", "spherical"):
        for n_rows in (63, 4100):
            rng = np.random.default_rng(n_rows)
            whitened, rows = random_with_common_basis(form, 8, 16, n_rows, rng)
            _check_passes(make_engine, whitened, rows, None, rng, rtol)
            tails = replace(whitened, degrees_of_freedom=rng.uniform(1, 30, whitened.n_components))
            _check_passes(make_engine, tails, rows, None, rng, rtol)
    _check_far_rows(make_engine)


def check_factor_passes(make_engine: MakeEngine, *, rtol: float = 1e-12) -> None:
    """Check that an engine gives the results of `ReferenceEngine` for factor covariances.

    Parameters
    ----------
    make_engine : callable
        Returns an engine, given rows (n, d) and row weights (n,) or None.
    rtol : float
        Tolerance relative to the largest entry of each result. The default is for double precision.
    """
    for letters in ("UUU", "UCC", "CUU"):
        for n_components, n_features, n_factors in ((1, 2, 1), (3, 5, 2), (2, 40, 7)):
            structure = covariance_class(f"factor-{letters}({n_factors})")
            for n_rows in (1, 63, 1100):
                rng = np.random.default_rng(n_rows + n_features)
                weights = rng.integers(0, 3, n_rows) + 0.25 * (np.arange(n_rows) == 0)
                covariance = random_factors(structure, n_components, n_features, rng)
                means = 2.0 * rng.standard_normal((n_components, n_features))
                mixture = Mixture(rng.dirichlet(np.full(n_components, 5.0)), means, covariance)
                rows, _ = mixture.sample(n_rows, rng)
                rows.flags.writeable = False
                _check_passes(make_engine, mixture.whitened(), rows, None, rng, rtol)
                _check_passes(make_engine, mixture.whitened(), rows, weights, rng, rtol)
    _check_far_rows_with_noise(make_engine)


def _check_passes(
    make_engine: MakeEngine,
    whitened: WhitenedMixture,
    rows: Rows,
    weights: FloatArray | None,
    rng: np.random.Generator,
    rtol: float,
) -> None:
    engine, reference = make_engine(rows, weights), ReferenceEngine(rows, weights)
    assert (engine.n_rows, engine.n_features) == rows.shape
    n_scores = whitened.n_scores
    table = np.log(rng.dirichlet(np.ones(n_scores), len(rows)))
    known = np.where(rng.integers(0, n_scores, len(rows))[:, None] == np.arange(n_scores), 0, -np.inf)
    for log_prior in (None, table, known):
        _same_moments(engine.accumulate(whitened, log_prior), reference.accumulate(whitened, log_prior), rtol)
        for want in ("log_density", "responsibilities", "scores"):
            ours = engine.score_rows(whitened, want, log_prior)
            theirs = reference.score_rows(whitened, want, log_prior)
            scale = max(1.0, float(np.abs(theirs[np.isfinite(theirs)]).max()))
            assert_allclose(ours, theirs, rtol=0, atol=rtol * scale, err_msg=want)
        labels = engine.score_rows(whitened, "labels", log_prior)
        assert_array_equal(labels, reference.score_rows(whitened, "labels", log_prior), err_msg="labels")
    few = engine.sample_rows(10, rng)
    known = rows.astype(few.values.dtype)
    assert few.n_rows == min(10, WeightedRows(rows, weights).n_positive), "sample_rows: how many"
    assert (few.values[:, None] == known[None]).all(axis=2).any(axis=1).all(), "sample_rows: foreign rows"
    assert (few.weights is None) == (weights is None)
    assert few.n_positive == few.n_rows, "sample_rows: rows without weight"


def _same_moments(ours: Moments, theirs: Moments, rtol: float) -> None:
    assert ours.form == theirs.form
    total = max(theirs.weight, 1.0)
    names = ["counts", "shifts", "scatter", "log_likelihood", "entropy", "weight"]
    for name in names if theirs.slopes is None else [*names, "scaled_counts", "slopes"]:
        expected = np.asarray(getattr(theirs, name))
        scale = max(total, float(np.abs(expected).max()))
        assert_allclose(getattr(ours, name), expected, rtol=0, atol=rtol * scale, err_msg=name)
    assert (ours.background is None) == (theirs.background is None), "background"
    if ours.background is not None and theirs.background is not None:
        assert_allclose(ours.background, theirs.background, rtol=0, atol=rtol * total, err_msg="background")


def _check_far_rows(make_engine: MakeEngine) -> None:
    """Responsibilities are exact where densities underflow; a distance that overflows gives density zero, not NaN."""
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [1.0]], [1.0, 1.0], covariance_type="spherical")
    whitened = mixture.whitened()
    far = make_engine(np.array([[1e3], [-1e3]]), None)
    assert_array_equal(far.score_rows(whitened, "labels"), [1, 0])
    assert_allclose(far.score_rows(whitened, "responsibilities").sum(axis=1), 1.0, rtol=1e-15)
    assert np.isfinite(far.score_rows(whitened, "log_density")).all()
    overflowing = make_engine(np.array([[1e200], [0.0]]), None)
    with np.errstate(over="ignore", invalid="ignore"):
        log_density = overflowing.score_rows(whitened, "log_density")
        responsibilities = overflowing.score_rows(whitened, "responsibilities")
        moments = overflowing.accumulate(whitened)
    assert log_density[0] == -np.inf, "a row infinitely far away has log density -inf"
    assert np.isfinite(log_density[1])
    assert_array_equal(responsibilities[0], 0.0, err_msg="a row infinitely far away belongs to no component")
    assert_allclose(responsibilities[1].sum(), 1.0, rtol=1e-15)
    assert moments.log_likelihood == -np.inf, "the log-likelihood includes every row"
    assert moments.weight == 2.0, "the weight includes every row"
    assert_allclose(moments.counts.sum(), 1.0, rtol=1e-15)


def _check_far_rows_with_noise(make_engine: MakeEngine) -> None:
    """A row that is infinitely far from all components is noise."""
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [1.0]], [1.0, 1.0], covariance_type="spherical")
    whitened = with_noise(mixture).whitened()
    engine = make_engine(np.array([[1e200], [0.0]]), None)
    with np.errstate(over="ignore", invalid="ignore"):
        moments = engine.accumulate(whitened)
        assert_array_equal(engine.score_rows(whitened, "responsibilities")[0], [0.0, 0.0, 1.0])
        assert_array_equal(engine.score_rows(whitened, "labels")[0], 2)
    assert np.isfinite(moments.log_likelihood)
    assert np.isfinite(moments.scatter).all()
    assert moments.background is not None
    assert_allclose(moments.counts.sum() + moments.background, 2.0, rtol=1e-15)
