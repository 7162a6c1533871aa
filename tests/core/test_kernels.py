"""Every path of the compiled pass, on every instruction set, gives what the readable engine gives."""

from dataclasses import replace
from functools import cache

import mpmath
import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES
from threadpoolctl import threadpool_limits

from gaussmix.core import _native
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine, ReferenceEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.whitened import CommonBasis, WhitenedMixture
from gaussmix.testing import random_mixture

MOMENTS = ("counts", "shifts", "scatter", "log_likelihood", "entropy")
SITUATIONS = ("overlapping", "apart", "equal", "two equal", "weights", "priors", "tiny", "huge")
pytestmark = pytest.mark.usefixtures("rows_always_turned")
every_instruction_set = pytest.mark.parametrize("any_instruction_set", _native.instruction_sets(), indirect=True)

# every remainder of a register tile, and both sides of each width at which the work changes
WIDTHS = {
    "full": (1, 2, 3, 4, 5, 6, 7, 8, 12, 17, 31, 32, 33, 47, 48, 49, 64, 96, 97, 100, 130),
    "tied": (1, 4, 5, 6, 8, 17, 31, 70),
    "diag": (1, 4, 5, 6, 8, 17, 31, 70),
    "spherical": (1, 4, 5, 6, 8, 17, 31, 70),
    "axes": (1, 2, 5, 7, 8, 17, 31, 70),
    "proportional": (1, 2, 5, 7, 8, 17, 31, 70),
}
COMMON = {"axes": "diagonal", "proportional": "spherical"}  # full covariances -> what their common basis leaves
KINDS = (*COVARIANCE_TYPES, *COMMON)


# what the sizes make the compiled code do -> (covariance type, components, features, rows)
PATHS = {
    "small, several blocks": ("full", 2, 3, 4133),
    "small diagonal, several blocks": ("diag", 2, 3, 4133),
    "medium, several blocks": ("full", 2, 6, 4133),
    "medium, tiles of 64 rows": ("full", 200, 6, 300),
    "medium, whitened again": ("full", 350, 6, 300),
    "medium, rows that wait": ("full", 12, 17, 3000),
    "medium, too many components for rows to wait": ("full", 600, 6, 300),
    "full, tiles of 32 rows": ("full", 26, 60, 100),
    "wide, one component": ("full", 1, 97, 582),
    "wide, several blocks": ("full", 3, 97, 1100),
    "wide, each thread has blocks": ("full", 5, 130, 1100),
    "wide, threads share a block": ("full", 25, 130, 1100),
    "wide, whitened again": ("full", 61, 130, 70),
    "tied, several blocks": ("tied", 3, 5, 4133),
    "tied, many components": ("tied", 70, 6, 300),
    "tied, most components with an overlap": ("tied", 512, 5, 100),
    "tied, pair by pair": ("tied", 513, 5, 300),
    "tied, many components and features": ("tied", 514, 129, 70),
    "diagonal, several blocks": ("diag", 3, 5, 4133),
    "turned, several blocks": ("axes", 3, 5, 4133),
    "turned, rows that wait": ("axes", 12, 17, 3000),
    "turned, too many components for rows to wait": ("axes", 600, 6, 300),
    "turned spheres, several blocks": ("proportional", 3, 5, 4133),
}


@cache
def some_mixture(kind, n_components, n_features):
    rng = np.random.default_rng(n_features)
    if kind not in COMMON:
        return random_mixture(covariance_class(kind), n_components, n_features, rng)
    axes = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
    each = rng.uniform(0.5, 2.0, (n_components, n_features if kind == "axes" else 1))
    variances = (each * rng.uniform(0.5, 2.0, n_features)) ** 2
    means = 2.0 * rng.standard_normal((n_components, n_features))
    return Mixture.from_parameters(np.full(n_components, 1 / n_components), means, axes * variances[:, None] @ axes.T)


def with_common_basis(kind, whitened):
    """The same with what its factors have in common, if so."""
    factors = whitened.factors
    if kind == "axes":
        basis = np.linalg.eigh(np.sum(factors @ factors.transpose(0, 2, 1), axis=0))[1]
        scales = np.linalg.norm(basis.T @ factors, axis=2)
    elif kind == "proportional":
        basis, scales = factors[0], factors[:, 0, 0] / factors[0, 0, 0]
    return replace(whitened, common=CommonBasis(COMMON[kind], basis, scales)) if kind in COMMON else whitened


@cache
def situated(situation, covariance_type, n_components, n_features, n_rows):
    """A mixture, rows, their weights and a log prior."""
    rng = np.random.default_rng(n_features)
    mixture = some_mixture(covariance_type, n_components, n_features)
    weights = log_prior = None
    means, shape = mixture.means.copy(), mixture.covariance
    match situation:
        case "apart":  # every row belongs to one component
            means *= 1000
        case "equal":  # every component has a share in every row
            order = [0] * n_components
            means, shape = means[order], shape.take(order)
        case "two equal":  # the first and the last are equally probable, the others far away
            order = [*range(n_components - 1), 0]
            means, shape = 1000 * means[order], shape.take(order)
    mixture = Mixture(np.full(n_components, 1 / n_components), means, shape)
    rows = mixture.sample(n_rows, rng)[0]
    if situation == "weights":
        weights = rng.integers(0, 3, n_rows) * rng.random(n_rows)
        rows[weights == 0] = 1e200  # infinitely far
        weights[0] = 0.25
        rows[0] = 0
    if situation == "priors":
        log_prior = np.log(rng.dirichlet(np.ones(n_components), n_rows))
        log_prior[rng.random(log_prior.shape) < 0.3] = -np.inf
        log_prior[1::7] = -np.inf  # rows without density
        rows[2::7] = 1e200
    whitened, unit = mixture.whitened(), {"tiny": 1e-150, "huge": 1e140}.get(situation, 1.0)
    if unit != 1.0:
        rows, means, factors = unit * rows, unit * whitened.means, whitened.factors / unit
        whitened = WhitenedMixture(whitened.form, whitened.offsets, means, factors)
    return with_common_basis(covariance_type, whitened), rows, weights, log_prior


@cache
def expected(*case):
    """What the readable engine gives for a case."""
    mixture, rows, weights, log_prior = situated(*case)
    engine = ReferenceEngine(rows, weights)
    with np.errstate(over="ignore"):
        moments = engine.accumulate(mixture, log_prior)
        scores = {want: engine.score_rows(mixture, want, log_prior) for want in ("log_density", "responsibilities")}
    return {name: np.asarray(getattr(moments, name)) for name in MOMENTS}, scores


def assert_same_passes(*case):
    """Both engines give the same, relative to the greatest entry: each row adds its own rounding."""
    mixture, rows, weights, log_prior = situated(*case)
    engine = NativeEngine(rows, weights)
    sums, scores = expected(*case)
    moments = engine.accumulate(mixture, log_prior)
    found = {name: getattr(moments, name) for name in MOMENTS}
    for name, value in (sums | scores).items():
        ours = found[name] if name in sums else engine.score_rows(mixture, name, log_prior)
        least = moments.weight if name in sums else 1.0
        scale = max(least, np.abs(value).max(where=np.isfinite(value), initial=0.0))
        np.testing.assert_allclose(ours, value, rtol=0, atol=1e-12 * scale, err_msg=f"{name} of {case}")
    shares = scores["responsibilities"]
    labels = engine.score_rows(mixture, "labels", log_prior)
    assert (shares[np.arange(len(rows)), labels] >= shares.max(axis=1) - 1e-9).all(), f"labels of {case}"


@pytest.mark.slow
@every_instruction_set
@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("covariance_type", KINDS)
def test_every_width_agrees_with_the_reference(any_instruction_set, covariance_type, situation):
    for n_features in WIDTHS[covariance_type]:
        assert_same_passes(situation, covariance_type, 3, n_features, 200)


@pytest.mark.slow
@every_instruction_set
@pytest.mark.parametrize("covariance_type", KINDS)
@pytest.mark.parametrize("n_rows", [1, 3])
def test_fewer_rows_than_a_tile_agree_with_the_reference(any_instruction_set, covariance_type, n_rows):
    for n_features in WIDTHS[covariance_type]:
        for n_components in (1, 2):
            assert_same_passes("overlapping", covariance_type, n_components, n_features, n_rows)


@pytest.mark.slow
@every_instruction_set
@pytest.mark.parametrize("path", PATHS)
def test_every_path_agrees_with_the_reference(any_instruction_set, path):
    for situation in ("overlapping", "apart", "equal", "weights"):
        assert_same_passes(situation, *PATHS[path])


@pytest.mark.slow
@every_instruction_set
@pytest.mark.parametrize("n_features", [4, 6, 17])
@pytest.mark.parametrize("n_components", [4, 1024])
def test_means_far_apart_cost_no_digits_of_the_pooled_scatter(any_instruction_set, n_components, n_features):
    # rows, means and their differences are exact, so a square of 1e16 that meets ones would show
    rng = np.random.default_rng(6)
    means = 2.0**27 * rng.integers(-4, 5, (n_components, n_features))
    means[-1] = means[0]  # equally probable
    unit = covariance_class("tied").identity(n_components, n_features)
    mixture = Mixture(np.full(n_components, 1 / n_components), means, unit)
    noise = np.round(rng.standard_normal((300, n_features)) * 2**18) / 2**18
    rows = means[rng.integers(0, n_components, 300)] + noise
    ours, theirs = (engine(rows).accumulate(mixture.whitened()) for engine in (NativeEngine, ReferenceEngine))
    np.testing.assert_allclose(ours.scatter, theirs.scatter, rtol=0, atol=1e-12 * 300)
    np.testing.assert_allclose(ours.shifts, theirs.shifts, rtol=0, atol=1e-12 * 300)


@pytest.mark.slow
@every_instruction_set
@pytest.mark.parametrize("dtype", ["float32", "uint8", "uint16"])
@pytest.mark.parametrize("covariance_type", KINDS)
def test_every_type_gives_the_bits_of_its_doubles(any_instruction_set, covariance_type, dtype):
    for n_features in WIDTHS[covariance_type]:
        rng = np.random.default_rng(n_features)
        rows = rng.integers(0, 200, (201, n_features)).astype(dtype)
        mixture = some_mixture(covariance_type, 2, n_features)
        wide = mixture.covariance.inflated(np.full((2, n_features), 1e4))
        whitened = Mixture(mixture.weights, 40 * mixture.means + 100, wide).whitened()
        if covariance_type == "axes":
            whitened = with_common_basis(covariance_type, whitened)
        ours, plain = (NativeEngine(table) for table in (rows, rows.astype(float)))
        for name in MOMENTS:
            np.testing.assert_array_equal(
                getattr(ours.accumulate(whitened), name), getattr(plain.accumulate(whitened), name)
            )
        np.testing.assert_array_equal(
            ours.score_rows(whitened, "log_density"), plain.score_rows(whitened, "log_density")
        )


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("n_features", [3, 8, 20, 60, 110])
def test_instruction_sets_agree(covariance_type, n_features):
    rng = np.random.default_rng(5)
    mixture = random_mixture(covariance_class(covariance_type), 4, n_features, rng)
    rows = mixture.sample(1500, rng)[0]
    results, before = [], _native.selected_instruction_set()
    for name in _native.instruction_sets():
        _native.select_instruction_set(name)
        results.append(NativeEngine(rows).accumulate(mixture.whitened()))
    _native.select_instruction_set(before)
    for result in results[1:]:
        for name in MOMENTS:
            scale = max(len(rows), np.abs(getattr(results[0], name)).max())  # each row adds its own rounding
            np.testing.assert_allclose(getattr(result, name), getattr(results[0], name), rtol=0, atol=1e-13 * scale)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("covariance_type", "n_components", "n_features", "n_rows"),
    [(covariance_type, 4, n_features, 20_011) for covariance_type in COVARIANCE_TYPES for n_features in (3, 10)]
    + [("full", 1, 110, 1500), ("full", 4, 110, 1500), ("full", 70, 130, 600), ("tied", 600, 6, 3000)],
)
def test_same_bits_for_any_number_of_threads(covariance_type, n_components, n_features, n_rows):
    rng = np.random.default_rng(7)
    mixture = random_mixture(covariance_class(covariance_type), n_components, n_features, rng).whitened()
    engine = NativeEngine(2 * rng.standard_normal((n_rows, n_features)), rng.random(n_rows))
    results = []
    for n_threads in (1, 2, 5):
        with threadpool_limits(n_threads, user_api="openmp"):
            assert _native.max_threads() == n_threads
            results.append((engine.accumulate(mixture), engine.score_rows(mixture, "responsibilities")))
    for moments, responsibilities in results[1:]:
        np.testing.assert_array_equal(responsibilities, results[0][1])
        for name in MOMENTS:
            np.testing.assert_array_equal(getattr(moments, name), getattr(results[0][0], name))


@every_instruction_set
@mpmath.workdps(40)
def test_exponentials_and_logarithms_are_exact_to_the_last_digits(any_instruction_set):
    # two components whose scores are 0 and a log prior, in either order
    below = -np.r_[np.linspace(0, 45, 300), np.linspace(45, 700, 200), np.log(2) * np.arange(1, 30) / 32, 1e-9, 1e-17]
    mixture = WhitenedMixture("spherical", np.zeros(2), np.zeros((2, 1)), np.ones(2))
    engine = NativeEngine(np.zeros((len(below), 1)))
    share = [mpmath.exp(mpmath.mpf(score)) for score in below]
    for log_prior in (np.c_[np.zeros_like(below), below], np.c_[below, np.zeros_like(below)]):
        responsibilities = engine.score_rows(mixture, "responsibilities", log_prior)
        less, more = responsibilities[np.arange(len(below)), [log_prior.argmin(axis=1), log_prior.argmax(axis=1)]]
        np.testing.assert_allclose(less, [float(s / (1 + s)) for s in share], rtol=1e-15)
        np.testing.assert_allclose(more, [float(1 / (1 + s)) for s in share], rtol=1e-15)
        log_density = engine.score_rows(mixture, "log_density", log_prior)
        np.testing.assert_allclose(log_density, [float(mpmath.log1p(s)) for s in share], rtol=0, atol=5e-16)
        moments = engine.accumulate(mixture, log_prior)
        assert moments.log_likelihood == pytest.approx(float(sum(map(mpmath.log1p, share))), rel=1e-14)
        entropy = sum(mpmath.log1p(s) - s * mpmath.mpf(b) / (1 + s) for s, b in zip(share, below, strict=True))
        assert moments.entropy == pytest.approx(float(entropy), rel=1e-14)
