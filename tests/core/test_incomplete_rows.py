"""Compiled passes over incomplete rows, against passes group by group and in exact arithmetic."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES
from helpers.incomplete_rows import exact_pass, pass_by_group, with_holes
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

from gaussmix.core import _native
from gaussmix.core.covariance import MODELS, covariance_class
from gaussmix.core.engines import IncompleteEngine, NativeEngine
from gaussmix.core.engines.incomplete_rows import IncompleteRows
from gaussmix.core.forms import FORMS
from gaussmix.core.noise import NoiseCovariance
from gaussmix.core.rows import WeightedRows
from gaussmix.core.whitened import WhitenedMixture
from gaussmix.testing import check_engine, random_mixture

MOMENTS = ("counts", "shifts", "scatter", "log_likelihood", "entropy")
KINDS = ("none", "variances", "covariances")
every_instruction_set = pytest.mark.parametrize("any_instruction_set", _native.instruction_sets(), indirect=True)

# what the sizes make the compiled code do -> (covariance type, components, features, rows)
PATHS = {
    "several blocks": ("full", 3, 5, 600),
    "small blocks": ("full", 2, 33, 150),
    "decomposed twice": ("full", 30, 33, 40),
    "more features than a word has bits": ("full", 2, 70, 20),
    "more features than a narrow pass takes": ("full", 1, 98, 6),
    "tied, several blocks": ("tied", 3, 5, 600),
    "tied, many components": ("tied", 70, 6, 100),
    "diagonal, several blocks": ("diag", 3, 5, 600),
    "spherical, several blocks": ("spherical", 3, 5, 600),
}


def noise_of(kind, n, d, rng):
    """Errors of each row; those of feature 0 of row 0 are zero, and the covariances of row 1 are of rank 1."""
    if kind == "none":
        return None
    roots = rng.standard_normal((n, d, d)) / np.sqrt(d)
    roots[0, 0] = 0.0
    roots[1:2, :, 1:] = 0.0
    covariances = roots @ roots.transpose(0, 2, 1)
    values = covariances if kind == "covariances" else np.diagonal(covariances, axis1=1, axis2=2)
    return NoiseCovariance(values, per_row=True)


@cache
def drawn(covariance_type, kind, n_components, n_features, n_rows, share=0.35):
    """A mixture, incomplete rows with weights, and a log prior."""
    rng = np.random.default_rng(n_features)
    mixture = random_mixture(covariance_class(covariance_type), n_components, n_features, rng)
    values = with_holes(mixture.sample(n_rows, rng)[0], share, rng)
    values[min(2, n_rows - 1)] = np.nan
    weights = rng.integers(0, 3, n_rows) + 0.25
    rows = WeightedRows(values, weights, None, noise_of(kind, n_rows, n_features, rng))
    return mixture.whitened(), rows, np.log(rng.dirichlet(np.ones(n_components), n_rows))


def assert_same_passes(engine, mixture, log_prior, expected, tolerance=1e-12):
    moments, scores = expected
    ours = engine.accumulate(mixture, log_prior)
    for name in MOMENTS:
        scale = max(moments.weight, np.abs(getattr(moments, name)).max())
        assert_allclose(getattr(ours, name), getattr(moments, name), rtol=0, atol=tolerance * scale, err_msg=name)
    log_density = logsumexp(scores, axis=1)
    shares = np.exp(scores - log_density[:, None])
    tolerance *= max(1.0, np.abs(scores).max())
    for want, value in (("scores", scores), ("log_density", log_density), ("responsibilities", shares)):
        assert_allclose(engine.score_rows(mixture, want, log_prior), value, rtol=0, atol=tolerance, err_msg=want)
    assert_array_equal(engine.score_rows(mixture, "labels", log_prior), scores.argmax(axis=1))


@cache
def drawn_and_expected(*case):
    """The same, and the sums and scores of a pass by groups."""
    mixture, rows, log_prior = drawn(*case)
    return mixture, rows, log_prior, pass_by_group(rows, mixture, log_prior)


@pytest.mark.slow
@pytest.mark.parametrize("letters", MODELS)
def test_sums_of_every_model_are_exact(letters):
    rng = np.random.default_rng(3)
    mixture = random_mixture(MODELS[letters], 3, 5, rng)
    values = with_holes(mixture.sample(60, rng)[0], 0.25, rng)
    whitened = mixture.whitened()
    counts, shifts, scatter, scores = exact_pass(whitened, values)
    engine = IncompleteEngine(WeightedRows(values))
    moments = engine.accumulate(whitened)
    assert_allclose(moments.counts, counts, rtol=1e-13)
    assert_allclose(moments.shifts / counts[:, None], shifts / counts[:, None], rtol=0, atol=1e-14)
    expected = FORMS[whitened.form].restricted(scatter)
    assert_allclose(moments.scatter / counts.min(), expected / counts.min(), rtol=0, atol=1e-12)
    assert_allclose(engine.score_rows(whitened, "scores"), scores, rtol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("letters", ["VVV", "EEE", "VVI", "VII"])
def test_sums_of_rows_with_errors_are_exact(letters, kind):
    rng = np.random.default_rng(4)
    mixture = random_mixture(MODELS[letters], 2, 4, rng)
    values, noise = with_holes(mixture.sample(30, rng)[0], 0.25, rng), noise_of(kind, 30, 4, rng)
    whitened = mixture.whitened()
    covariances = np.stack([noise.dense(row) for row in range(30)])
    counts, shifts, scatter, scores = exact_pass(whitened, values, covariances)
    engine = IncompleteEngine(WeightedRows(values, None, None, noise))
    moments = engine.accumulate(whitened)
    assert_allclose(moments.counts, counts, rtol=1e-13)
    assert_allclose(moments.shifts, shifts, rtol=0, atol=1e-12)
    assert_allclose(moments.scatter, FORMS[whitened.form].restricted(scatter), rtol=0, atol=1e-12)
    assert_allclose(engine.score_rows(whitened, "scores"), scores, rtol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_ill_conditioned_covariances_cost_as_few_digits_as_complete_rows(offset, kind):
    rng = np.random.default_rng(5)
    turns = np.linalg.qr(rng.standard_normal((2, 5, 5)))[0]
    inverses = np.linalg.qr(np.geomspace(1.0, 1e-6, 5)[:, None] * turns)[1]  # upper roots of covariances
    inverses *= np.sign(np.diagonal(inverses, axis1=1, axis2=2))[:, :, None]
    factors = np.ascontiguousarray(np.triu(np.linalg.inv(inverses[:, ::-1, ::-1].transpose(0, 2, 1))))
    offsets = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    whitened = WhitenedMixture("full", offsets, offset + rng.standard_normal((2, 5)), np.ascontiguousarray(factors))
    z, label = rng.standard_normal((24, 5)), rng.integers(0, 2, 24)
    complete = whitened.means[label] + np.linalg.solve(factors[label].transpose(0, 2, 1), z[:, :, None])[:, :, 0]
    noise = noise_of(kind, 24, 5, rng)
    covariances = None if noise is None else np.stack([noise.dense(row) for row in range(24)])
    values = with_holes(complete, 0.3, rng)
    errors = []
    for rows, exact in (
        (WeightedRows(complete), exact_pass(whitened, complete)),
        (WeightedRows(values, None, None, noise), exact_pass(whitened, values, covariances)),
    ):
        moments = IncompleteRows(rows).accumulate(whitened) if errors else NativeEngine.of(rows).accumulate(whitened)
        found = (moments.counts, moments.shifts, moments.scatter)
        errors.append(max(np.abs(ours - theirs).max() for ours, theirs in zip(found, exact[:3], strict=True)))
    assert errors[1] < max(10 * errors[0], 1e-9)


@pytest.mark.slow
@every_instruction_set
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_every_width_agrees_with_passes_by_group(any_instruction_set, covariance_type, kind):
    for n_features in (1, 2, 3, 4, 5, 7, 8, 9, 12, 17):
        for n_rows in (2, 35):
            mixture, rows, log_prior, expected = drawn_and_expected(covariance_type, kind, 3, n_features, n_rows)
            assert_same_passes(IncompleteRows(rows), mixture, log_prior, expected)


@pytest.mark.slow
@every_instruction_set
@pytest.mark.parametrize("path", PATHS)
def test_every_path_agrees_with_passes_by_group(any_instruction_set, path):
    for kind in KINDS:
        mixture, rows, log_prior, expected = drawn_and_expected(PATHS[path][0], kind, *PATHS[path][1:])
        assert_same_passes(IncompleteRows(rows), mixture, log_prior, expected, 1e-11)


@pytest.mark.parametrize("kind", ["none", "variances", "covariances"])
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_large_groups_of_rows_agree_with_passes_by_row(covariance_type, kind, monkeypatch):
    mixture, rows, log_prior = drawn(covariance_type, "none", 3, 4, 200)
    shared = noise_of(kind, 9, 4, np.random.default_rng(0))
    if shared is not None:
        rows = replace(rows, noise=NoiseCovariance(shared.values[5], per_row=False))
    expected = pass_by_group(rows, mixture, log_prior)
    assert_same_passes(IncompleteEngine(rows), mixture, log_prior, expected)
    monkeypatch.setattr("gaussmix.core.engines.incomplete.LEAST_ROWS", 1)
    monkeypatch.setattr("gaussmix.core.engines.incomplete.LEAST_WORK", 1)
    assert_same_passes(IncompleteEngine(rows), mixture, log_prior, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_same_bits_for_any_number_of_threads_and_any_pieces(covariance_type, kind, monkeypatch):
    mixture, rows, log_prior = drawn(covariance_type, kind, 3, 6, 3000)
    results = []
    for n_threads, flops in ((1, 1e30), (2, 1e30), (3, 1e30), (2, 1.0)):
        monkeypatch.setattr("gaussmix.core.engines.native.FLOPS_PER_CALL", flops)
        monkeypatch.setattr("gaussmix.core.engines.native.QUICK_CALL", 0.0 if flops == 1.0 else 1e9)
        with threadpool_limits(n_threads, user_api="openmp"):
            engine = IncompleteEngine(rows)
            results.append((engine.accumulate(mixture, log_prior), engine.score_rows(mixture, "scores", log_prior)))
    for moments, scores in results[1:]:
        for name in MOMENTS:
            assert_array_equal(getattr(moments, name), getattr(results[0][0], name), err_msg=name)
        assert_array_equal(scores, results[0][1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_floats_and_other_layouts_give_the_bits_of_their_doubles(covariance_type, kind):
    mixture, rows, _ = drawn(covariance_type, kind, 2, 5, 90)
    single = rows.values.astype(np.float32)
    plain = IncompleteEngine(replace(rows, values=single.astype(float)))
    for values in (single, np.asfortranarray(single), single.astype(">f4")):
        engine = IncompleteEngine(replace(rows, values=values))
        for name in MOMENTS:
            assert_array_equal(
                getattr(engine.accumulate(mixture), name), getattr(plain.accumulate(mixture), name), err_msg=name
            )
        assert_array_equal(engine.score_rows(mixture, "scores"), plain.score_rows(mixture, "scores"))


@pytest.mark.parametrize("shape", [(5,), (40, 5), (40, 5, 5)])
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_errors_of_zero_are_none(covariance_type, shape):
    rng = np.random.default_rng(0)
    mixture = random_mixture(covariance_class(covariance_type), 3, 5, rng).whitened()
    values = rng.standard_normal((40, 5))
    noise = NoiseCovariance.checked(np.zeros(shape), 40, 5)
    noisy = IncompleteEngine(WeightedRows(values, None, None, noise))
    for name in MOMENTS:
        plain = getattr(NativeEngine(values).accumulate(mixture), name)
        assert_allclose(getattr(noisy.accumulate(mixture), name), plain, rtol=0, atol=1e-12 * np.abs(plain).max())


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_a_row_without_any_value_adds_what_is_expected(covariance_type):
    mixture = random_mixture(covariance_class(covariance_type), 3, 4, np.random.default_rng(1))
    moments = IncompleteEngine(WeightedRows(np.full((5, 4), np.nan))).accumulate(mixture.whitened())
    assert_allclose(moments.counts, 5 * mixture.weights, rtol=1e-13)
    assert_allclose(moments.shifts, 0.0, atol=1e-13)
    expected = FORMS[moments.form].expected_scatter(moments.counts, 4)
    assert_allclose(moments.scatter, expected, atol=1e-13)
    assert_allclose(moments.log_likelihood, 0.0, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_rows_infinitely_far_away_belong_to_no_component(covariance_type, kind):
    mixture, rows, _ = drawn(covariance_type, kind, 2, 3, 40)
    values = rows.values.copy()
    values[5] = [1e200, np.nan, 0.0]
    far = replace(rows, values=values)
    with np.errstate(over="ignore"):
        engine = IncompleteEngine(far)
        assert engine.score_rows(mixture, "log_density")[5] == -np.inf
        assert_array_equal(engine.score_rows(mixture, "responsibilities")[5], 0.0)
        moments = engine.accumulate(mixture)
    others = IncompleteEngine(far.take(np.arange(40) != 5)).accumulate(mixture)
    assert_allclose(moments.counts, others.counts, rtol=1e-13)
    assert_allclose(moments.shifts, others.shifts, rtol=0, atol=1e-12)
    assert_allclose(moments.scatter, others.scatter, rtol=0, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "engine", [IncompleteRows, IncompleteEngine], ids=["every row on its own", "complete rows on their own"]
)
def test_complete_rows_conform(engine):
    check_engine(lambda rows, weights: engine(WeightedRows(rows, weights)))


def test_wrong_arguments_are_refused():
    mixture, rows, _ = drawn("diag", "none", 2, 3, 10)
    tables = [np.zeros(2), np.zeros((2, 3)), np.zeros((2, 3)), None, np.zeros(2)]
    given = ("diagonal", mixture.offsets, mixture.means, mixture.factors, None)
    with pytest.raises(ValueError, match="noise has the wrong size"):
        _native.accumulate(rows.values, None, None, *given, *tables, False, True, np.zeros((10, 4)))
    with pytest.raises(ValueError, match="noise has the wrong size"):
        _native.accumulate(rows.values, None, None, *given, *tables, False, True, np.zeros((10, 6)))
    with pytest.raises(ValueError, match="without a basis"):
        _native.accumulate(rows.values, None, None, *given[:-1], np.eye(3), *tables, False, True)
