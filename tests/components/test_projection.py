"""Projections of mixtures: mclust's directions, no dependence on units, and the projected distribution."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from gaussmix import GaussianMixture, Mixture, discriminant_directions, random_projection

IRIS = load_iris(as_frame=True).data

# mclust 6.0.0 on R 4.2.2: m <- Mclust(X, G=3, modelNames="VEV", control=emControl(tol=1e-10)) of X = iris[, 1:4], and
# MclustDR(m, lambda, Sigma=S) with the covariance S of the mixture.
WEIGHTS = [0.333333333333, 0.300019675178, 0.366646991488]
MEANS = [
    [5.006, 3.428, 1.462, 0.246],
    [5.91451243846, 2.77761027989, 4.2032014963, 1.2985580606],
    [6.5463419086, 2.94923716224, 5.48108552829, 1.98485295853],
]
UPPER = [
    [
        [0.133273421955, 0.109442816136, 0.0192043515366, 0.0115926511251],
        [0, 0.155030987572, 0.012101909102, 0.0100152545366],
        [0, 0, 0.0282806472547, 0.00582201241306],
        [0, 0, 0, 0.0106893467633],
    ],
    [
        [0.225392613163, 0.0761368400551, 0.146553139075, 0.0432246291489],
        [0, 0.0801164955038, 0.0736545949635, 0.0343300649666],
        [0, 0, 0.165725455342, 0.049335561666],
        [0, 0, 0, 0.0332839155368],
    ],
    [
        [0.429536145749, 0.107971402271, 0.334968717123, 0.0656938455047],
        [0, 0.11614971127, 0.0894769849315, 0.0615721023568],
        [0, 0, 0.365187497773, 0.0876552331277],
        [0, 0, 0, 0.0869041178995],
    ],
]
EIGENVALUES = {1.0: [1.86984467, 0.06941257], 0.5: [0.94402335, 0.60015564, 0.07377912, 0.03550471]}
BASIS = {
    1.0: [
        [0.19007196, -0.014327638],
        [0.42418532, -0.551191433],
        [-0.55518744, 0.266911550],
        [-0.68971471, -0.790405559],
    ],
    0.5: [
        [0.13650705, -0.195164205, 0.65586289, -0.42356372],
        [0.50232982, 0.083760754, 0.12029345, 0.60137173],
        [-0.60805540, -0.306941896, -0.47476296, 0.45532628],
        [-0.59941572, 0.927729347, 0.57443319, -0.50162117],
    ],
}


@pytest.fixture(scope="module")
def flowers():
    """The VEV mixture of mclust."""
    upper = np.array(UPPER)
    covariances = upper + np.triu(upper, 1).transpose(0, 2, 1)
    return Mixture.from_parameters(WEIGHTS, MEANS, covariances, feature_names=list(IRIS.columns))


def total_covariance(mixture):
    away = mixture.means - mixture.weights @ mixture.means
    return np.einsum("k,kij->ij", mixture.weights, mixture.covariance.dense()) + (mixture.weights * away.T) @ away


@pytest.mark.parametrize("mean_weight", [1.0, 0.5])
def test_directions_are_those_of_mclust(flowers, mean_weight):
    found = discriminant_directions(flowers, mean_weight=mean_weight)
    np.testing.assert_allclose(found.eigenvalues, EIGENVALUES[mean_weight], atol=1e-8)
    unit = found.coefficients / np.linalg.norm(found.coefficients, axis=0)
    expected = np.array(BASIS[mean_weight])
    signs = np.sign((unit * expected).sum(axis=0))
    np.testing.assert_allclose(unit * signs, expected, atol=1e-7)
    np.testing.assert_allclose(found.shares.sum(), 1.0)


def test_equal_covariances_separate_in_the_directions_of_lda():
    species = load_iris().target
    gm = GaussianMixture(3, covariance_type="tied", init_params=np.eye(3)[species], max_iter=0, reg_covar=0).fit(IRIS)
    found = discriminant_directions(gm)
    lda = LinearDiscriminantAnalysis(solver="eigen").fit(IRIS, species)
    theirs = lda.scalings_[:, :2]
    assert found.coefficients.shape == (4, 2)
    ratios = found.coefficients / theirs
    np.testing.assert_allclose(ratios, np.broadcast_to(ratios[0], (4, 2)), rtol=1e-6)


@pytest.mark.parametrize("mean_weight", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_coordinates_do_not_depend_on_units_and_rotations(flowers, mean_weight, seed):
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    matrix = (turn * np.exp(rng.uniform(-8, 8, 4))) @ np.diag([-1.0, 1, 1, 1]) if seed else np.diag([1e6, 1, 1e-6, 3])
    offset = rng.normal(0, 10, 4)
    moved = Mixture.from_parameters(
        flowers.weights, flowers.means @ matrix + offset, matrix.T @ flowers.covariance.dense() @ matrix
    )
    rows, _ = flowers.sample(50, seed)
    one = discriminant_directions(flowers, mean_weight=mean_weight)
    other = discriminant_directions(moved, mean_weight=mean_weight)
    np.testing.assert_allclose(other.eigenvalues, one.eigenvalues, rtol=1e-4, atol=1e-10)
    np.testing.assert_allclose(other.transform(rows @ matrix + offset), one.transform(rows), atol=1e-4)


def test_coordinates_have_variance_one_and_are_uncorrelated(flowers):
    for n_directions in (None, 2, 3, 4):
        found = discriminant_directions(flowers, mean_weight=1, n_directions=n_directions)
        np.testing.assert_allclose(total_covariance(found.mixture), np.eye(n_directions or 2), atol=1e-10)
        np.testing.assert_allclose(found.mixture.weights @ found.mixture.means, 0.0, atol=1e-12)
    np.testing.assert_array_equal(found.eigenvalues[2:], 0.0)


def test_means_that_differ_in_one_feature_separate_in_it():
    mixture = Mixture.from_parameters(
        [0.5, 0.5], [[0.0, 0, 0], [0, 5.0, 0]], [[1.0, 2.0, 9.0]] * 2, covariance_type="diag"
    )
    found = discriminant_directions(mixture)
    assert found.coefficients.shape == (3, 1)
    np.testing.assert_allclose(found.standardized[[0, 2], 0], 0.0, atol=1e-12)
    assert found.shares == pytest.approx([1.0])


def test_covariances_that_differ_in_one_feature_separate_in_it():
    spreads = [[1.0, 1.0, 1.0], [1.0, 1.0, 50.0]]
    mixture = Mixture.from_parameters([0.6, 0.4], np.zeros((2, 3)), spreads, covariance_type="diag")
    found = discriminant_directions(mixture)
    np.testing.assert_allclose(found.standardized, [[0.0], [0.0], [1.0]], atol=1e-12)
    with pytest.raises(ValueError, match="the components do not separate: n_directions=2"):
        discriminant_directions(mixture, mean_weight=1)


def test_directions_of_a_single_component_are_those_of_greatest_variance():
    covariance = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    one = Mixture.from_parameters([1.0], [[0.0, 0.0, 0.0]], [covariance])
    found = discriminant_directions(one, n_directions=3)
    np.testing.assert_allclose(found.standardized[:, 0], np.array([1, 1, 0]) / np.sqrt(3.8), atol=1e-12)
    np.testing.assert_array_equal(found.shares, 0.0)


def test_determined_columns_change_nothing():
    with pytest.warns(UserWarning, match="Redundant columns"):
        gm = GaussianMixture(3, random_state=0).fit(IRIS.assign(twice=2 * IRIS.iloc[:, 0]))
    found = discriminant_directions(gm)
    plain = discriminant_directions(GaussianMixture(3, random_state=0).fit(IRIS))
    np.testing.assert_allclose(found.eigenvalues[:4], plain.eigenvalues, rtol=1e-5)


@pytest.mark.parametrize("project", [discriminant_directions, lambda model: random_projection(model, random_state=3)])
def test_the_projected_mixture_is_the_distribution_of_projected_rows(flowers, project):
    found = project(flowers)
    rows, labels = flowers.sample(40_000, 0)
    projected = found.transform(rows)
    for component in range(3):
        mine = projected[labels == component]
        np.testing.assert_allclose(mine.mean(axis=0), found.mixture.means[component], atol=0.03)
        np.testing.assert_allclose(np.cov(mine.T), found.mixture.covariance.dense()[component], atol=0.06)
    np.testing.assert_array_equal(
        found.transform(pd.DataFrame(rows[:5], columns=IRIS.columns).iloc[:, ::-1]), projected[:5]
    )
    with pytest.raises(ValueError, match="X has no column"):
        found.transform(pd.DataFrame(rows[:5], columns=list("abcd")))


def test_random_directions_are_orthonormal_in_standardized_features(flowers):
    deviations = np.sqrt(np.diagonal(total_covariance(flowers)))
    for seed in range(3):
        found = random_projection(flowers, n_directions=3, random_state=seed)
        turned = deviations[:, None] * found.coefficients
        np.testing.assert_allclose(turned.T @ turned, np.eye(3), atol=1e-12)
        again = random_projection(flowers, n_directions=3, random_state=seed)
        np.testing.assert_array_equal(found.coefficients, again.coefficients)
        assert not np.allclose(found.coefficients, random_projection(flowers, n_directions=3).coefficients)
    assert found.mixture.names == ("projection 1", "projection 2", "projection 3")


def test_text_has_a_line_for_each_feature(flowers):
    lines = str(discriminant_directions(flowers, mean_weight=1)).splitlines()
    assert lines[1].split() == ["direction", "1", "direction", "2"]
    assert lines[2].split() == ["share", "96.4%", "3.6%"]
    assert lines[3].startswith("sepal length (cm)")
    assert len(lines) == 7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: discriminant_directions(m, mean_weight=1.5), "mean_weight must be from 0 to 1; got 1.5"),
        (lambda m: discriminant_directions(m, n_directions=0), "n_directions must be from 1 to 4"),
        (lambda m: random_projection(m, n_directions=5), "n_directions must be from 1 to 4, the number of features"),
        (lambda m: random_projection(m, random_state="seed"), "random_state must be"),
    ],
)
def test_wrong_arguments_are_named(call, message, flowers):
    with pytest.raises(ValueError, match=message):
        call(flowers)
