"""Truncated passes: exact sums of the candidates, a bound that never falls, exact with all components."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from gaussmix.core import _native
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine, ReferenceEngine, TruncatedEngine, Truncation
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.m_step import MaximumLikelihood

TYPES = ("full", "tied", "diag", "spherical", "EEV", "VVE")
MOMENTS = ("counts", "shifts", "scatter", "log_likelihood", "entropy", "weight")


def many_blobs(n=3000, k=40, d=5, apart=3.0, seed=0):
    rng = np.random.default_rng(seed)
    means = apart * rng.normal(size=(k, d))
    return means[rng.integers(k, size=n)] + rng.normal(size=(n, d)), means


def start(X, k, covariance_type, seed=0):
    rng = np.random.default_rng(seed)
    means = X[rng.choice(len(X), k, replace=False)]
    return Mixture(np.full(k, 1 / k), means, covariance_class(covariance_type).identity(k, X.shape[1]))


def trace_of(engine, mixture, n_iter):
    passes, update = [], MaximumLikelihood()
    for _ in range(n_iter):
        moments = engine.accumulate(mixture.whitened())
        passes.append((mixture, moments))
        mixture = update.maximize(mixture, moments).mixture
    return passes


def log_likelihoods(passes):
    return np.array([moments.log_likelihood for _, moments in passes])


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("d", [2, 5, 20, 50, 96])
def test_sums_are_those_of_the_candidates(covariance_type, d):
    X, _ = many_blobs(d=d)
    weights = np.random.default_rng(1).uniform(0, 2, len(X))
    engine = TruncatedEngine(WeightedRows(X, weights), Truncation(4))
    mixture, moments = trace_of(engine, start(X, 40, covariance_type), 4)[-1]
    own = engine.candidates
    outside = np.full((len(X), 40), -np.inf)
    rows, columns = np.nonzero(own >= 0)
    outside[rows, own[rows, columns]] = 0.0
    expected = ReferenceEngine(X, weights).accumulate(mixture.whitened(), outside)
    for name in MOMENTS:
        np.testing.assert_allclose(getattr(moments, name), getattr(expected, name), rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_all_components_as_candidates_are_exact(covariance_type):
    X, _ = many_blobs(n=1500, k=15)
    mixture = start(X, 15, covariance_type)
    truncated = trace_of(TruncatedEngine(WeightedRows(X), Truncation(15, 15)), mixture, 10)
    exact = trace_of(NativeEngine(X), mixture, 10)
    np.testing.assert_allclose(log_likelihoods(truncated), log_likelihoods(exact), rtol=1e-12)
    np.testing.assert_allclose(truncated[-1][0].means, exact[-1][0].means, rtol=1e-9, atol=1e-9)


def test_more_features_than_a_block_holds():
    X, _ = many_blobs(n=600, k=10, d=100)
    mixture = start(X, 10, "full")
    truncated = TruncatedEngine(WeightedRows(X), Truncation(10, 10)).accumulate(mixture.whitened())
    exact = NativeEngine(X).accumulate(mixture.whitened())
    for name in MOMENTS:
        np.testing.assert_allclose(getattr(truncated, name), getattr(exact, name), rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("apart", [0.5, 2.0])
def test_bound_never_falls(covariance_type, apart):
    X, _ = many_blobs(k=60, apart=apart)
    passes = trace_of(TruncatedEngine(WeightedRows(X), Truncation(3, 6)), start(X, 60, covariance_type), 40)
    bounds = log_likelihoods(passes)
    assert (np.diff(bounds) >= -1e-10 * np.abs(bounds[1:])).all()
    exact = NativeEngine(X).accumulate(passes[-1][0].whitened()).log_likelihood
    assert bounds[-1] <= exact


def test_wider_candidates_do_not_lower_the_bound():
    X, _ = many_blobs(k=60, apart=1.0)
    engine = TruncatedEngine(WeightedRows(X), Truncation(2, 6))
    mixture, before = trace_of(engine, start(X, 60, "diag"), 10)[-1]
    engine.widen(6, 12)
    assert engine.accumulate(mixture.whitened()).log_likelihood >= before.log_likelihood
    assert engine.candidates.shape == (len(X), 6)


def test_a_complete_search_finds_the_best_components():
    X, _ = many_blobs(k=60, apart=1.0)
    engine = TruncatedEngine(WeightedRows(X), Truncation(3, 6))
    mixture, before = trace_of(engine, start(X, 60, "full"), 10)[-1]
    engine.search_everywhere()
    after = engine.accumulate(mixture.whitened())
    assert after.log_likelihood >= before.log_likelihood
    scores = NativeEngine(X).score_rows(mixture.whitened(), "scores")
    np.testing.assert_array_equal(engine.candidates[:, 0], scores.argmax(axis=1))
    own = engine.candidates
    least = np.where(own >= 0, np.take_along_axis(scores, np.maximum(own, 0), axis=1), np.inf).min(axis=1)
    assert ((scores > least[:, None] + 1e-9).sum(axis=1) < 3).all()


@pytest.mark.parametrize("d", [97, 100, 130])
def test_a_complete_search_finds_the_best_components_of_many_features(d):
    rng = np.random.default_rng(0)
    means = rng.normal(size=(30, d))
    X = means[rng.integers(30, size=700)] + rng.normal(size=(700, d))
    engine = TruncatedEngine(WeightedRows(X, rng.uniform(0.5, 2, 700)), Truncation(2, 2))
    shares, covariance = np.full(30, 1 / 30), covariance_class("full").identity(30, d)
    engine.accumulate(Mixture(shares, means, covariance).whitened())
    renumbered = Mixture(shares, means[::-1], covariance).whitened()  # the candidates are those of other means
    scores = NativeEngine(X).score_rows(renumbered, "scores")
    before = engine.n_scores
    engine.search_everywhere()
    engine.accumulate(renumbered)
    assert engine.n_scores - before == 30 * 700
    np.testing.assert_array_equal(engine.candidates[:, 0], scores.argmax(axis=1))


@pytest.mark.parametrize("covariance_type", TYPES)
def test_rows_of_least_density_find_their_best_components(covariance_type):
    X, _ = many_blobs(k=60, apart=1.0)
    X[::100] *= 3
    engine = TruncatedEngine(WeightedRows(X), Truncation(3, 4, n_random=0))
    mixture, _ = trace_of(engine, start(X, 60, covariance_type), 3)[-1]
    scores = NativeEngine(X).score_rows(mixture.whitened(), "scores")
    far = np.argsort(scores.max(axis=1))[: len(X) // 100]
    np.testing.assert_array_equal(engine.candidates[far, 0], scores[far].argmax(axis=1))


def test_candidates_of_negligible_odds_are_left_out():
    X, means = many_blobs(n=2000, k=40, apart=6.0)
    mixture = Mixture(np.full(40, 1 / 40), means, covariance_class("diag").identity(40, X.shape[1]))
    engine = TruncatedEngine(WeightedRows(X), Truncation(5))
    engine.accumulate(mixture.whitened())
    engine.search_everywhere()
    bound = engine.accumulate(mixture.whitened()).log_likelihood
    exact = NativeEngine(X).accumulate(mixture.whitened()).log_likelihood
    assert exact - 1e-8 * len(X) <= bound <= exact
    assert (engine.candidates >= 0).sum(axis=1).mean() < 3


def test_audit_reports_what_is_lost():
    X, _ = many_blobs(k=60, apart=1.0)
    engine = TruncatedEngine(WeightedRows(X), Truncation(3, 12))
    mixture, _ = trace_of(engine, start(X, 60, "diag"), 15)[-1]
    shares = NativeEngine(X).score_rows(mixture.whitened(), "responsibilities")
    own = engine.candidates
    kept = np.where(own >= 0, np.take_along_axis(shares, np.maximum(own, 0), axis=1), 0).sum(axis=1)
    audit = engine.audit(mixture.whitened(), 1e-4)
    assert audit.lost == pytest.approx(1 - kept.mean(), abs=0.05)
    assert 3 < audit.n_needed <= 60


def test_separated_components_are_found():
    X, means = many_blobs(n=20_000, k=200, apart=6.0)
    structure = covariance_class("diag")
    engine = TruncatedEngine(WeightedRows(X), Truncation(3))
    mixture = Mixture(np.full(200, 1 / 200), means, structure.identity(200, X.shape[1]))
    mixture, moments = trace_of(engine, mixture, 8)[-1]
    labels = NativeEngine(X).score_rows(mixture.whitened(), "labels")
    assert (engine.candidates[:, 0] == labels).mean() > 0.995
    assert engine.n_scores < 8 * len(X) * 60
    assert moments.counts.min() > 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint16])
def test_same_bits_for_any_number_of_threads(dtype):
    X, _ = many_blobs(n=20_000, k=100)
    X = (100 * (X - X.min())).astype(dtype)

    def run(n_threads):
        with threadpool_limits(n_threads):
            engine = TruncatedEngine(WeightedRows(X), Truncation(3))
            return trace_of(engine, start(X.astype(float), 100, "full"), 6)[-1][1]

    one, three = run(1), run(3)
    for name in MOMENTS:
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))


def test_other_mixtures_are_refused():
    X, _ = many_blobs()
    engine = TruncatedEngine(WeightedRows(X), Truncation(3))
    with pytest.raises(ValueError, match="without log priors"):
        engine.accumulate(start(X, 40, "full").whitened(), np.zeros((len(X), 40)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"blocks": np.array([0, 5])}, "blocks must begin at 0"),
        ({"candidates": np.full((10, 2), 7, dtype=np.int32)}, "does not exist"),
        ({"neighbors": np.full((3, 2), 3, dtype=np.int32)}, "does not exist"),
        ({"greatest": np.zeros(9, dtype=np.float32)}, "greatest has the wrong size"),
        ({"form": "tied"}, "factor per component"),
    ],
)
def test_compiled_pass_checks_its_arguments(wrong, message):
    arguments = {
        "rows": np.zeros((10, 2)),
        "row_weights": None,
        "form": "diagonal",
        "offsets": np.zeros(3),
        "means": np.zeros((3, 2)),
        "factors": np.ones((3, 2)),
        "blocks": np.array([0, 10]),
        "neighbors": None,
        "n_random": 0,
        "stream": 0,
        "everything": False,
        "reach": 20.0,
        "candidates": np.zeros((10, 2), dtype=np.int32),
        "greatest": np.zeros(10, dtype=np.float32),
        "counts": np.zeros(3),
        "shifts": np.zeros((3, 2)),
        "scatter": np.zeros((3, 2)),
        "totals": np.zeros(2),
        "rebuilt": None,
    } | wrong
    if wrong.get("form") == "tied":
        arguments["factors"] = np.eye(2)
    with pytest.raises(ValueError, match=message):
        _native.accumulate_truncated(**arguments)
