"""Conditional distributions: moments, quantiles and densities of some features given the others."""

import mpmath
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.special import logsumexp
from sklearn.datasets import load_iris

from gaussmix import GaussianMixture, Mixture
from gaussmix.core.covariance import MODELS
from gaussmix.testing import random_mixture

every_structure = pytest.mark.parametrize("name", MODELS)


def integrated(mixture, row, observed, targets):
    """Return mean (q,), covariance (q, q) and probability of the first target below 0.3, by the trapezoidal rule."""
    reach = 10 * np.sqrt(mixture.covariance.variances().max())
    low, high = mixture.means.min() - reach, mixture.means.max() + reach
    axis = np.linspace(low, high, 12_001 if len(targets) == 1 else 401)
    grid = np.stack(np.meshgrid(*[axis] * len(targets), indexing="ij"), axis=-1).reshape(-1, len(targets))
    rows = np.empty((len(grid), mixture.n_features))
    rows[:, observed], rows[:, targets] = row, grid
    density = np.exp(mixture.log_density(rows))
    density /= density.sum()
    mean = density @ grid
    return mean, (grid - mean).T @ (density[:, None] * (grid - mean))


@pytest.mark.slow
@every_structure
@pytest.mark.parametrize(("observed", "targets"), [([0, 2], [1]), ([1], [0, 2])], ids=["one", "two"])
def test_moments_are_those_of_numerical_integration(name, observed, targets):
    rng = np.random.default_rng(len(name) + len(targets))
    mixture = random_mixture(MODELS[name], 3, 3, rng)
    rows = mixture.sample(3, rng)[0][:, observed]
    conditionals = mixture.condition(rows, on=observed)
    for at, row in enumerate(rows):
        mean, covariance = integrated(mixture, row, observed, targets)
        assert_allclose(conditionals.means[at], mean, rtol=0, atol=1e-8)
        assert_allclose(conditionals.covariances[at], covariance, rtol=0, atol=1e-8)
        assert_allclose(conditionals.standard_deviations[at], np.sqrt(covariance.diagonal()), rtol=0, atol=1e-8)


@every_structure
@pytest.mark.parametrize("n_features", [2, 5, 9])
def test_components_are_those_of_the_textbook(name, n_features):
    """Bishop 2006, equations 2.81 and 2.82, by explicit inverses."""
    rng = np.random.default_rng(n_features)
    mixture = random_mixture(MODELS[name], 3, n_features, rng)
    observed = list(rng.permutation(n_features)[: max(1, n_features // 2)])
    targets = [at for at in range(n_features) if at not in observed]
    rows = mixture.sample(5, rng)[0][:, observed]
    conditionals = mixture.condition(rows, on=observed)
    dense = mixture.covariance.dense()
    for k in range(3):
        between = dense[k][np.ix_(targets, observed)]
        slopes = between @ np.linalg.inv(dense[k][np.ix_(observed, observed)])
        means = mixture.means[k, targets] + (rows - mixture.means[k, observed]) @ slopes.T
        assert_allclose(conditionals.component_means[:, k], means, rtol=1e-11, atol=1e-11)
        residual = dense[k][np.ix_(targets, targets)] - slopes @ between.T
        assert_allclose(conditionals.component_covariances[k], residual, rtol=1e-11, atol=1e-11)
    assert_allclose(conditionals.weights, mixture.marginal(observed).responsibilities(rows), rtol=1e-13)


@every_structure
@pytest.mark.parametrize("n_observed", [1, 3, 6, 11, 99])
def test_moments_are_those_of_the_components(name, n_observed):
    rng = np.random.default_rng(n_observed)
    mixture = random_mixture(MODELS[name], 3, n_observed + 2, rng)
    rows = mixture.sample(301, rng)[0][:, :n_observed]
    given = mixture.condition(rows, on=list(range(n_observed)))
    means = np.einsum("nk,nkq->nq", given.weights, given.component_means)
    apart = given.component_means - means[:, None]
    covariances = np.einsum("nk,nki,nkj->nij", given.weights, apart, apart)
    covariances += np.einsum("nk,kij->nij", given.weights, given.component_covariances)
    size = np.sqrt(np.einsum("nii->ni", covariances))
    assert_allclose(given.means / size, means / size, rtol=1e-10, atol=1e-10)
    assert_allclose(given.standard_deviations, size, rtol=1e-10)
    assert_allclose(
        given.covariances / size[:, None] / size[:, :, None], covariances / size[:, None] / size[:, :, None], atol=1e-10
    )


@every_structure
def test_density_is_the_joint_density_over_that_of_the_observed_features(name):
    rng = np.random.default_rng(2)
    mixture = random_mixture(MODELS[name], 4, 5, rng)
    rows = mixture.sample(50, rng)[0]
    given = mixture.condition(rows[:, [3, 0]], on=[3, 0])
    expected = mixture.log_density(rows) - mixture.marginal([0, 3]).log_density(rows[:, [0, 3]])
    assert_allclose(given.log_density(rows[:, [1, 2, 4]]), expected, rtol=1e-12, atol=1e-12)
    assert_allclose(given.mixture(7).log_density(rows[7:8, [1, 2, 4]]), expected[7:8], rtol=1e-11)
    one = mixture.conditional({3: rows[7, 3], 0: rows[7, 0]})
    assert_allclose(one.log_density(rows[7:8, [1, 2, 4]]), expected[7:8], rtol=1e-11)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("VVI", "diag"), ("EEI", "EEI"), ("VII", "spherical"), ("EEE", "tied"), ("VEV", "full"), ("VVV", "full")],
)
def test_structure_is_kept_where_it_holds(name, expected):
    mixture = random_mixture(MODELS[name], 3, 4, np.random.default_rng(0))
    assert mixture.conditional({1: 0.5}).covariance_type == expected


def test_conditional_of_iris_is_the_published_one():
    """The values that gmr 2.0.3 and cgmm 0.5.1 compute from scikit-learn's fit with tol=1e-10."""
    iris = load_iris().data
    plain = {"init_params": "kmeans", "n_init": 5, "reg_covar": 1e-6, "tol": 1e-10, "acceleration": "none"}
    mixture = GaussianMixture(3, max_iter=1000, random_state=0, **plain).fit(iris).mixture_
    petal = mixture.conditional({0: 6.0, 1: 3.0})
    assert_allclose(petal.weights @ petal.means, [4.63709356, 1.62754481], rtol=0, atol=1e-8)
    assert_allclose(np.sort(petal.weights), [1.7e-7, 0.39876130, 0.60123852], rtol=0, atol=5e-8)
    gmr = pytest.importorskip("gmr")
    theirs = gmr.GMM(3, mixture.weights, mixture.means, mixture.covariance.dense())
    ours = mixture.condition(iris[:, :2], on=[0, 1])
    assert_allclose(ours.means, theirs.predict(np.array([0, 1]), iris[:, :2]), rtol=0, atol=1e-10)


LEVELS = [1e-12, 1e-4, 0.05, 0.3, 0.5, 0.9, 0.999, 1 - 1e-10]


@pytest.mark.parametrize("case", ["one", "overlapping", "apart", "narrow in wide", "far apart"])
def test_quantiles_invert_the_distribution_function(case):
    weights, means, deviations = {
        "one": ([1.0], [3.0], [2.0]),
        "overlapping": ([0.3, 0.5, 0.2], [0.0, 1.0, 2.5], [1.0, 0.5, 2.0]),
        "apart": ([0.5, 0.5], [-20.0, 30.0], [1.0, 1.0]),
        "narrow in wide": ([1e-3, 0.999], [0.1, 0.0], [1e-4, 10.0]),
        "far apart": ([0.05, 0.95], [0.0, 1e9], [1.0, 1e3]),
    }[case]
    # the first feature is independent of the second, so that the conditional is the marginal
    variances = np.stack([np.ones(len(weights)), np.square(deviations)], axis=1)
    mixture = Mixture.from_parameters(
        weights, np.stack([np.zeros(len(weights)), means], 1), variances, covariance_type="diag"
    )
    found = mixture.condition([[0.0]], on=[0]).quantiles(LEVELS)[0]
    mpmath.mp.dps = 40
    total = mpmath.fsum(weights)
    for level, value in zip(LEVELS, found, strict=True):
        sign, tail = (1, level) if level <= 0.5 else (-1, 1 - level)  # the tail with more digits
        share = steep = mpmath.mpf(0)
        for weight, mean, deviation in zip(weights, means, deviations, strict=True):
            z = sign * (mpmath.mpf(float(value)) - mean) / deviation
            share += weight / total * mpmath.ncdf(z)
            steep += weight / total * mpmath.npdf(z) / deviation
        rounding = 1e-11 + 4 * np.spacing(abs(value)) * steep / tail
        assert abs(share - tail) / tail <= rounding, level
    assert (np.diff(found) > 0).all()


def test_cumulative_probabilities_are_scipys():
    rng = np.random.default_rng(0)
    mixture = random_mixture(MODELS["VVV"], 3, 3, rng)
    rows = mixture.sample(20, rng)[0]
    given = mixture.condition(rows[:, 1:], on=[1, 2])
    normals = stats.norm(given.component_means[:, :, 0], np.sqrt(given.component_covariances[:, 0, 0]))
    expected = (given.weights * normals.cdf(rows[:, :1])).sum(axis=1)
    found = given.cumulative_probabilities(rows[:, 0])
    assert_allclose(found, expected, rtol=1e-12)
    assert_allclose([given.quantiles(found[at])[at] for at in range(20)], rows[:, 0], rtol=1e-10)
    assert_allclose(given.interval(0.5), given.quantiles([0.25, 0.75]), rtol=0)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_units_and_offsets_do_not_matter(offset, scale):
    rng = np.random.default_rng(1)
    mixture = random_mixture(MODELS["VVV"], 3, 4, rng)
    rows = mixture.sample(30, rng)[0]
    plain = mixture.condition(rows[:, :3], on=[0, 1, 2])
    moved = Mixture.from_parameters(
        mixture.weights, scale * (mixture.means + offset), scale**2 * mixture.covariance.dense()
    ).condition(scale * (rows[:, :3] + offset), on=[0, 1, 2])
    tolerance = 1e-11 + 40 * np.spacing(offset)
    assert_allclose(moved.means / scale - offset, plain.means, rtol=0, atol=tolerance)
    assert_allclose(moved.standard_deviations / scale, plain.standard_deviations, rtol=tolerance)
    assert_allclose(moved.quantiles(0.1) / scale - offset, plain.quantiles(0.1), rtol=0, atol=tolerance)


@pytest.mark.parametrize("condition", [1e2, 1e6, 1e12])
def test_nearly_collinear_observations_keep_their_digits(condition):
    """Against 60 digits; the coefficients amplify the rounding of the rows by the root of the condition."""
    thin = 1 / np.sqrt(condition)
    root = np.array([[1.0, 0.0, 0.0], [1.0, thin, 0.0], [0.5, 0.3, 0.2]])
    mixture = Mixture(np.ones(1), np.zeros((1, 3)), MODELS["VVV"].from_dense_roots(root[None]))
    row = root[:2, :2] @ np.array([0.7, -1.1])
    mpmath.mp.dps = 60
    exact = mpmath.matrix(root.tolist())
    whitened = mpmath.lu_solve(exact[:2, :2], mpmath.matrix(row.tolist()))
    expected = float(exact[2, 0] * whitened[0] + exact[2, 1] * whitened[1])
    found = mixture.condition(row[None], on=[0, 1])
    assert_allclose(found.means[0, 0], expected, rtol=0, atol=1e-15 / thin)
    assert_allclose(found.standard_deviations, 0.2, rtol=1e-13)


def test_rows_far_from_all_components_belong_to_the_nearest():
    mixture = random_mixture(MODELS["VVV"], 3, 3, np.random.default_rng(3))
    for far in (1e3, 1e8, 1e149):
        given = mixture.condition([[far, 0.0], [0.0, 0.0]], on=[0, 2])
        assert_allclose(given.weights.sum(axis=1), 1.0)
        nearest = given.weights[0].argmax()
        assert_allclose(given.means[0], given.component_means[0, nearest])
        assert_allclose(given.covariances[0], given.component_covariances[nearest])
        assert_allclose(given.standard_deviations[0] ** 2, given.component_covariances[nearest].diagonal())
        assert np.isfinite(given.log_density([given.means[0], [0.0]])).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_tables_and_types_give_the_same(dtype):
    rng = np.random.default_rng(4)
    mixture = random_mixture(MODELS["VVV"], 3, 3, rng)
    named = Mixture(mixture.weights, mixture.means, mixture.covariance, ("a", "b", "c"))
    rows = (4 * mixture.sample(40, rng)[0]).astype(dtype)
    expected = mixture.condition(rows[:, [2, 0]].astype(np.float64), on=[2, 0])
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    for found in (
        named.condition(frame, on=["c", "a"]),
        named.condition(np.asfortranarray(rows[:, [2, 0]]), on=["c", "a"]),
        named.condition(rows[:, ::-2], on=[2, 0]),
    ):
        assert found.names == ("b",)
        assert_array_equal(found.means, expected.means)
        assert_array_equal(found.quantiles([0.1, 0.9]), expected.quantiles([0.1, 0.9]))
    assert named.conditional({"c": 1.0}).names == ("a", "b")
    assert named.conditional({2: 1.0, 0: 2}).names == ("b",)


def test_same_bits_for_any_number_of_threads():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    rng = np.random.default_rng(5)
    mixture = random_mixture(MODELS["VVV"], 4, 4, rng)
    rows = mixture.sample(5_000, rng)[0][:, :2]

    def numbers():
        given = mixture.condition(rows, on=[0, 1])
        return given.means, given.covariances, given.component_means, given.quantiles([0.01, 0.6], feature=1)

    with threadpoolctl.threadpool_limits(1, "openmp"):
        one = numbers()
    with threadpoolctl.threadpool_limits(4, "openmp"):
        several = numbers()
    for first, second in zip(one, several, strict=True):
        assert_array_equal(first, second)


def test_draws_have_the_conditional_distribution():
    rng = np.random.default_rng(6)
    mixture = random_mixture(MODELS["VVV"], 3, 3, rng)
    given = {1: 0.4}
    rows, labels = mixture.sample(40_000, random_state=0, given=given)
    assert (rows[:, 1] == 0.4).all()
    conditional = mixture.conditional(given)
    assert_allclose(np.bincount(labels) / 40_000, conditional.weights, atol=0.01)
    for target, column in enumerate((0, 2)):
        one = mixture.condition([[0.4]], on=[1])
        probabilities = mixture.condition(np.full((40_000, 1), 0.4), on=[1]).cumulative_probabilities(
            rows[:, column], feature=target
        )
        assert stats.kstest(probabilities, "uniform").pvalue > 1e-3
        assert one.names == ("x0", "x2")
    many = mixture.condition(mixture.sample(40_000, random_state=1)[0][:, [1]], on=[1])
    drawn = many.sample(random_state=2)
    assert stats.kstest(many.cumulative_probabilities(drawn[:, 1], feature="x2"), "uniform").pvalue > 1e-3
    assert_array_equal(drawn, many.sample(random_state=2))


def test_sum_over_components_is_the_conditional_density():
    rng = np.random.default_rng(7)
    mixture = random_mixture(MODELS["VVV"], 3, 2, rng)
    rows = mixture.sample(30, rng)[0]
    given = mixture.condition(rows[:, :1], on=[0])
    normals = stats.norm(given.component_means[:, :, 0], np.sqrt(given.component_covariances[:, 0, 0]))
    expected = logsumexp(np.log(given.weights) + normals.logpdf(rows[:, 1:]), axis=1)
    assert_allclose(given.log_density(rows[:, 1]), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("q", [0, 1, [0, 0.5, 1], [], [1e-300, 1 - 1e-16]])
def test_quantiles_of_rows_are_those_of_one_row(q):
    mixture = Mixture.from_parameters([0.3, 0.7], [[0.0, 1.0], [2.0, 4.0]], [[[1.0, 0.2], [0.2, 1.0]]] * 2)
    given = mixture.condition([[1.0], [-3.0]], on=[0])
    for row in range(2):
        assert_allclose(given.quantiles(q)[row], given.mixture(row).quantile(q), rtol=1e-9)


def test_features_without_names_have_those_that_are_shown():
    mixture = Mixture.from_parameters([1.0], [[0.0, 1.0]], [[[1.0, 0.2], [0.2, 1.0]]])
    assert_array_equal(mixture.conditional({"x0": 1.0}).means, mixture.conditional({0: 1.0}).means)
    assert_array_equal(mixture.condition([[1.0]], on=["x1"]).means, mixture.condition([[1.0]], on=[1]).means)
    assert_array_equal(mixture.marginal(["x1"]).means, [[1.0]])
    with pytest.raises(ValueError, match="no feature 'x2'; the names are"):
        mixture.marginal(["x2"])


MIXTURE = Mixture.from_parameters([1.0], [[0.0, 1.0]], [[[1.0, 0.2], [0.2, 1.0]]], feature_names=["x", "y"])
WRONG = {
    "no feature 'z'": lambda: MIXTURE.conditional({"z": 1.0}),
    "no feature 5": lambda: MIXTURE.condition([[1.0]], on=[5]),
    "all features are given": lambda: MIXTURE.conditional({"x": 1.0, "y": 2.0}),
    "each only once": lambda: MIXTURE.conditional({"x": 1.0, 0: 2.0}),
    r"given\['x'\] must be a finite number": lambda: MIXTURE.conditional({"x": np.nan}),
    r"given\[0\] must be a finite number": lambda: MIXTURE.sample(2, given={0: "1"}),
    "given must be a dict": lambda: MIXTURE.conditional([1.0]),
    "at least one feature": lambda: MIXTURE.sample(2, given={}),
    "on must be a list": lambda: MIXTURE.condition([[1.0]], on="x"),
    r"X must have the shape \(n, 1\)": lambda: MIXTURE.condition([[1.0, 2.0]], on=["x"]),
    "X has NaN at row 1": lambda: MIXTURE.condition([[1.0], [np.nan]], on=["x"]),
    "X has no column 'x'": lambda: MIXTURE.condition(pd.DataFrame({"y": [1.0]}), on=["x"]),
    "q must be probabilities, from 0 to 1": lambda: MIXTURE.condition([[1.0]], on=[0]).quantiles([0.5, 1.1]),
    "Y has NaN at row 0": lambda: MIXTURE.condition([[1.0]], on=[0]).log_density([np.nan]),
    "coverage must be between 0 and 1": lambda: MIXTURE.condition([[1.0]], on=[0]).interval(90),
    "Y must have 1 rows": lambda: MIXTURE.condition([[1.0]], on=[0]).log_density([1.0, 2.0]),
    "values must be 1 numbers": lambda: MIXTURE.condition([[1.0]], on=[0]).cumulative_probabilities([1.0, 2.0]),
    "feature must be one of": lambda: MIXTURE.condition([[1.0]], on=[0]).quantiles(0.5, feature="x"),
    "Draw at least one row": lambda: MIXTURE.sample(0, given={0: 1.0}),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_input_is_named(message):
    with pytest.raises(ValueError, match=message):
        WRONG[message]()


def test_several_targets_need_a_name():
    mixture = random_mixture(MODELS["VVV"], 2, 3, np.random.default_rng(8))
    with pytest.raises(ValueError, match="several targets"):
        mixture.condition([[0.0]], on=[0]).quantiles(0.5)


@pytest.mark.parametrize("covariance_type", ["diag", "spherical"])
def test_many_independent_features_need_no_matrices(covariance_type):
    """A square matrix would take 3 GB."""
    k, d = 2, 20_000
    means, variances = np.zeros((k, d)), np.ones((k, d) if covariance_type == "diag" else k)
    mixture = Mixture.from_parameters([0.5, 0.5], means, variances, covariance_type=covariance_type)
    given = mixture.condition(np.zeros((1, 5)), on=range(5))
    assert_array_equal(given.means, np.zeros((1, d - 5)))
    assert_array_equal(given.standard_deviations, np.ones((1, d - 5)))
    assert_allclose(given.quantiles(0.5, feature=0), 0.0, atol=1e-12)
