"""Factor covariances agree with dense matrices, and their M-step with that of the textbook."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal
from threadpoolctl import threadpool_limits

from gaussmix import Mixture
from gaussmix.core.covariance import FACTOR_LETTERS, Full, covariance_class
from gaussmix.core.engines import NativeEngine, ReferenceEngine
from gaussmix.testing import check_factor_passes
from gaussmix.testing.random_models import random_factors

K, D, Q = 3, 20, 4


def structure_of(letters, n_factors=Q):
    return covariance_class(f"factor-{letters}({n_factors})")


def random_model(letters="UUU", n_components=K, n_features=D, n_factors=Q, seed=0):
    rng = np.random.default_rng(seed)
    covariance = random_factors(structure_of(letters, n_factors), n_components, n_features, rng)
    return Mixture(
        rng.dirichlet(np.full(n_components, 5.0)), rng.standard_normal((n_components, n_features)), covariance
    )


def dense_scores(mixture, rows):
    normals = zip(mixture.weights, mixture.means, mixture.covariance.dense(), strict=True)
    return np.stack([np.log(w) + multivariate_normal(mean, dense).logpdf(rows) for w, mean, dense in normals], axis=1)


@pytest.mark.parametrize("letters", FACTOR_LETTERS)
def test_log_density_is_that_of_dense_matrices(letters):
    mixture = random_model(letters)
    rows = 3 * np.random.default_rng(1).standard_normal((200, D))
    expected = np.logaddexp.reduce(dense_scores(mixture, rows), axis=1)
    assert_allclose(mixture.log_density(rows), expected, rtol=1e-12)


@pytest.mark.parametrize("letters", FACTOR_LETTERS)
def test_algebra_is_that_of_dense_matrices(letters):
    covariance, rows = random_model(letters).covariance, np.random.default_rng(2).standard_normal((K, D))
    dense = covariance.dense()
    assert_allclose(covariance.log_det(), -0.5 * np.linalg.slogdet(dense)[1], rtol=1e-12)
    assert_allclose(covariance.precision_traces(), np.trace(np.linalg.inv(dense), axis1=1, axis2=2), rtol=1e-10)
    assert_allclose(covariance.variances(), dense.diagonal(axis1=1, axis2=2), rtol=1e-12)
    assert_allclose(covariance.color_each(covariance.whiten_each(rows)), rows, rtol=1e-10)
    for component in range(K):
        colored = covariance.color(np.eye(D), component)
        assert_allclose(colored.T @ colored, dense[component], atol=1e-12 * dense.max())
    assert_allclose(covariance.promote_to(Full).dense(), dense, atol=1e-12 * dense.max())


@pytest.mark.parametrize("letters", FACTOR_LETTERS)
def test_letters_say_what_components_share(letters):
    covariance = random_model(letters).covariance
    assert (covariance.loadings == covariance.loadings[0]).all() == (letters[0] == "C")
    assert (covariance.noise_variances == covariance.noise_variances[0]).all() == (letters[1] == "C")
    assert (covariance.noise_variances == covariance.noise_variances[:, :1]).all() == (letters[2] == "C")


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("UUU", 3 * (74 + 20)),
        ("UUC", 3 * 74 + 3),
        ("UCU", 3 * 74 + 20),
        ("UCC", 3 * 74 + 1),
        ("CUU", 74 + 60),
        ("CUC", 74 + 3),
        ("CCU", 74 + 20),
        ("CCC", 74 + 1),
    ],
)
def test_number_of_parameters_is_that_of_mcnicholas_and_murphy(letters, expected):
    assert structure_of(letters).count_parameters(K, D) == expected  # 20 * 4 - 4 * 3 / 2 = 74 loadings


def textbook_step(mixture, rows):
    """One step of EM with explicit matrices: Ghahramani and Hinton (1996), and the covariance R of the factors."""
    scores = dense_scores(mixture, rows)
    shares = np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))
    counts = shares.sum(axis=0)
    means = shares.T @ rows / counts[:, None]
    loadings, noise = [], []
    for k, dense in enumerate(mixture.covariance.dense()):
        before = mixture.covariance.loadings[k]
        about = rows - means[k]
        scatter = (shares[:, [k]] * about).T @ about
        beta = before.T @ np.linalg.inv(dense)
        inner = counts[k] * (np.eye(before.shape[1]) - beta @ before) + beta @ scatter @ beta.T
        new = scatter @ beta.T @ np.linalg.inv(inner)
        loadings.append(new @ np.linalg.cholesky(inner / counts[k]))
        noise.append(np.diag(scatter - new @ beta @ scatter) / counts[k])
    return counts / counts.sum(), means, np.array(loadings), np.array(noise)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("engine", [ReferenceEngine, NativeEngine])
def test_step_is_that_of_the_textbook(engine, seed):
    mixture = random_model(seed=seed)
    rows = 2 * np.random.default_rng(9 + seed).standard_normal((400, D))
    moments = engine(rows).accumulate(mixture.whitened())
    centers = moments.shifts / moments.counts[:, None]
    scatter = mixture.covariance.scatter_about(moments.counts, moments.scatter, centers)
    after = mixture.covariance.maximize(moments.counts, scatter)
    weights, means, loadings, noise = textbook_step(mixture, rows)
    assert_allclose(moments.counts / len(rows), weights, rtol=1e-10)
    assert_allclose(mixture.means + mixture.covariance.color_each(centers), means, atol=1e-10)
    assert_allclose(after.loadings, loadings, atol=1e-10)
    assert_allclose(after.noise_variances, noise, atol=1e-10)


@pytest.mark.parametrize("letters", FACTOR_LETTERS)
def test_step_gains_at_least_what_it_says(letters):
    mixture = random_model(letters)
    engine = NativeEngine(2 * np.random.default_rng(3).standard_normal((500, D)))
    moments = engine.accumulate(mixture.whitened())
    scatter = mixture.covariance.scatter_about(moments.counts, moments.scatter, np.zeros((K, D)))
    after, gain = mixture.covariance.stepped(moments.counts, scatter, np.zeros(D))
    assert type(after) is type(mixture.covariance)
    following = mixture.with_components(mixture.weights, mixture.means, after)
    assert 0 < gain <= engine.accumulate(following.whitened()).log_likelihood - moments.log_likelihood


@pytest.mark.parametrize("engine", [ReferenceEngine, NativeEngine])
def test_engines_conform(engine):
    check_factor_passes(engine)


@pytest.mark.parametrize("kind", [np.float32, np.uint8, np.int64, "columns", "reversed"])
def test_any_layout_gives_the_sums_of_float64(kind):
    rows = np.random.default_rng(4).integers(0, 200, (300, D))
    given = {"columns": np.asfortranarray(rows.astype(float)), "reversed": rows[:, ::-1].astype(float)[:, ::-1]}
    same = given[kind] if isinstance(kind, str) else rows.astype(kind)
    mixture = random_model().whitened()
    expected = NativeEngine(rows.astype(float)).accumulate(mixture)
    found = NativeEngine(same).accumulate(mixture)
    assert (found.scatter == expected.scatter).all()
    assert found.log_likelihood == expected.log_likelihood


def test_sums_do_not_depend_on_the_number_of_threads():
    mixture, rows = random_model().whitened(), np.random.default_rng(5).standard_normal((60_000, D))
    found = []
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads, user_api="openmp"):
            found.append(NativeEngine(rows).accumulate(mixture))
    assert all((one.scatter == found[0].scatter).all() for one in found)
    assert len({one.log_likelihood for one in found}) == 1


@pytest.mark.parametrize("distance", [1e2, 1e5, 1e8])
def test_distant_means_keep_their_digits(distance):
    mixture = random_model()
    mixture = Mixture(mixture.weights, distance * mixture.means, mixture.covariance)
    rows = mixture.sample(500, 0)[0]
    expected = ReferenceEngine(rows).accumulate(mixture.whitened())
    found = NativeEngine(rows).accumulate(mixture.whitened())
    assert_allclose(found.scatter, expected.scatter, atol=1e-9 * np.abs(expected.scatter).max())
    assert_allclose(found.log_likelihood, expected.log_likelihood, rtol=1e-9)


@pytest.mark.parametrize("features", [[3, 1, 2, 7, 9], [0], [5, 6, 7, 8], list(range(D))])
def test_marginal_drops_rows_of_the_loadings(features):
    covariance = random_model().covariance
    at = np.ix_(range(K), features, features)
    assert_allclose(covariance.marginal(features).dense(), covariance.dense()[at], rtol=1e-10)


def test_rescaled_covariances():
    covariance, scales = random_model("UUC").covariance, np.linspace(0.5, 2.0, D)
    assert_allclose(covariance.rescale(scales).dense(), covariance.dense() * np.outer(scales, scales), rtol=1e-12)
    assert covariance.rescale(scales).name == f"factor({Q})"
    assert covariance.rescale(np.full(D, 2.0)).name == f"factor-UUC({Q})"


@pytest.mark.parametrize("letters", ["UUU", "CUC"])
def test_covariances_can_be_pickled_and_taken(letters):
    covariance = random_model(letters).covariance
    copy = pickle.loads(pickle.dumps(covariance))
    assert type(copy) is type(covariance)
    assert (copy.roots == covariance.roots).all()
    assert (covariance.take([2, 0]).roots == covariance.roots[[2, 0]]).all()


def test_full_matrices_are_refused_if_they_would_be_huge():
    covariance = structure_of("UUU", 1).identity(40, 5000)
    with pytest.raises(MemoryError, match=r"8 GB: use loadings_"):
        covariance.dense()


def test_given_parameters_must_have_the_constraint():
    given = random_model("UUU").covariance
    parameters = np.concatenate([given.noise_variances[:, :, None], given.loadings], axis=2)
    built = Mixture.from_parameters(np.full(K, 1 / K), np.zeros((K, D)), parameters, covariance_type="factor(4)")
    assert_allclose(built.covariance.roots, given.roots)
    with pytest.raises(ValueError, match="constraint CCU"):
        structure_of("CCU").from_covariances(parameters, K, D)
    parameters[1, 2, 0] = 0.0
    with pytest.raises(ValueError, match="component 1, feature 2 must be positive"):
        structure_of("UUU").from_covariances(parameters, K, D)


@pytest.mark.parametrize("name", ["factor(0)", "factor-XUU(2)", "factor(-1)", "factor(two)"])
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match="covariance_type must be one of"):
        covariance_class(name)
