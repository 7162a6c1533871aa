"""Standard errors: against numerical derivatives in other coordinates, closed forms, and invariances."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.datasets import TABLES, blobs
from helpers.noisy import noisy_clusters
from helpers.oracles import derivatives, log_likelihood, second_derivatives
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from gaussmix import GaussianMixture, Mixture
from gaussmix.core.covariance import MODELS
from gaussmix.core.engines import NativeEngine
from gaussmix.core.errors import DegenerateDataWarning, FlatLikelihoodWarning
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import ParameterDistance
from gaussmix.inference import standard_errors
from gaussmix.inference.information import Information, score_rows
from gaussmix.inference.parametrization import Parametrization
from gaussmix.testing import random_mixture

NAMES = ("weights", "means", "covariances")


def fitted(letters, n_components, n_features, n_rows=120, seed=1):
    """A mixture at the top of the likelihood of rows, and the rows."""
    truth = random_mixture(MODELS[letters], n_components, n_features, np.random.default_rng(seed))
    rows = truth.sample(n_rows, seed)[0]
    rows.flags.writeable = False
    update = MaximumLikelihood()
    fit = fit_em(NativeEngine(rows), update, truth, ParameterDistance(), max_iter=3000, accelerator=Accelerator(update))
    assert fit.stop.is_converged
    return fit.mixture, rows


def iris():
    rows = load_iris().data
    return GaussianMixture(3, random_state=0).fit(rows).mixture_, rows


def textbook_coordinates(mixture):
    """Coordinates at the mixture, and the function from coordinates to its parameters.

    Log ratios of weights, means, log volumes, log ratios of lengths, and Cayley's coordinates of rotations.
    """
    (k, d), letters = mixture.means.shape, mixture.covariance.letters
    dense = mixture.covariance.dense()
    axes = np.stack([np.eye(d) if letters[2] == "I" else np.linalg.eigh(matrix)[1] for matrix in dense])
    if letters[2] == "E":
        axes[:] = axes[0]
    squares = np.log(np.einsum("kji,kjl,kli->ki", axes, dense, axes))
    volumes, shapes = squares.mean(axis=1), squares[:, 1:] - squares[:, :1]
    pairs = np.triu_indices(d, 1)
    sizes = {"V": k, "E": 1, "I": 0}
    rows = [sizes[letter] for letter in letters]
    lengths = [k - 1, k * d, rows[0], rows[1] * (d - 1), rows[2] * len(pairs[0])]
    start = [np.log(mixture.weights[1:] / mixture.weights[0]), mixture.means.ravel(), volumes[: rows[0]]]
    start += [shapes[: rows[1]].ravel(), np.zeros(lengths[4])]

    def parameters(coordinates):
        logits, means, log_volumes, ratios, turns = np.split(coordinates, np.cumsum(lengths)[:-1])
        weights = np.exp(np.concatenate([[0], logits]))
        covariances = []
        for component in range(k):
            log_squares = np.zeros(d, dtype=coordinates.dtype)
            if rows[1]:
                log_squares[1:] = ratios.reshape(rows[1], -1)[component % rows[1]]
            log_squares = log_squares - log_squares.mean() + log_volumes[component % rows[0]]
            skew = np.zeros((d, d), dtype=coordinates.dtype)
            if rows[2]:
                skew[pairs] = turns.reshape(rows[2], -1)[component % rows[2]]
            skew = skew - skew.T
            turned = axes[component] @ np.linalg.solve(np.eye(d) + skew, np.eye(d) - skew)
            covariances.append(turned * np.exp(log_squares) @ turned.T)
        return weights / weights.sum(), means.reshape(k, d), np.stack(covariances)

    return np.concatenate(start), parameters


@pytest.mark.slow
@pytest.mark.parametrize("letters", MODELS)
@pytest.mark.parametrize(("n_components", "n_features"), [(2, 1), (2, 3)])
def test_standard_errors_are_those_in_textbook_coordinates(letters, n_components, n_features):
    mixture, rows = fitted(letters, n_components, n_features)
    at, parameters = textbook_coordinates(mixture)
    assert len(at) == mixture.n_parameters
    for ours, theirs in zip(parameters(at), (mixture.weights, mixture.means, mixture.covariance.dense()), strict=True):
        assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)
    information = -second_derivatives(lambda here: log_likelihood(rows, *parameters(here)), at)
    slopes = derivatives(lambda here: np.concatenate([part.ravel() for part in parameters(here)]), at)
    expected = slopes.T @ np.linalg.inv(information) @ slopes
    errors = standard_errors(mixture, rows)
    assert_allclose(errors.joint, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())
    ours = np.concatenate([getattr(errors, name).ravel() for name in NAMES])
    assert_allclose(ours, np.sqrt(np.maximum(np.diag(expected), 0)), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("letters", MODELS)
def test_one_component_has_closed_forms(letters):
    mixture, rows = fitted(letters, 1, 3)
    errors = standard_errors(mixture, rows)
    n, covariance = len(rows), mixture.covariance.dense()[0]
    variances = np.diag(covariance)
    assert_array_equal(errors.weights, [0.0])
    assert_allclose(errors.means[0], np.sqrt(variances / n), rtol=1e-10)
    assert errors.least_information == pytest.approx(1.0, abs=1e-9)
    match letters[1:]:
        case "II":
            expected = np.diag(np.sqrt(2 / (3 * n)) * variances)
        case "EI" | "VI":
            expected = np.diag(np.sqrt(2 / n) * variances)
        case _:
            expected = np.sqrt((covariance**2 + np.outer(variances, variances)) / n)
    assert_allclose(errors.covariances[0], expected, rtol=1e-8, atol=1e-12)


def test_components_far_apart_are_estimated_by_themselves():
    rows = blobs(500, 2, 1, seed=3)
    both = np.concatenate([rows[:200], rows[200:] + 1e3])
    mixture = Mixture.from_parameters(
        [0.4, 0.6], [part.mean(axis=0) for part in (both[:200], both[200:])],
        [np.cov(part.T, bias=True) for part in (both[:200], both[200:])],
    )  # fmt: skip
    errors = standard_errors(mixture, both)
    assert_allclose(errors.weights, np.sqrt(0.4 * 0.6 / 500), rtol=1e-12)
    for component, part in enumerate((both[:200], both[200:])):
        alone = standard_errors(
            Mixture([1.0], mixture.means[[component]], GaussianMixture().fit(part).mixture_.covariance), part
        )
        assert_allclose(errors.means[component], alone.means[0], rtol=1e-7)
        assert_allclose(errors.covariances[component], alone.covariances[0], rtol=1e-7)


def test_kinds_are_what_they_are_called():
    mixture, rows = fitted("VVV", 2, 2)
    parametrization = Parametrization.about(mixture)
    information, scores = Information.at(parametrization, WeightedRows(rows)), score_rows(parametrization, rows)
    assert_allclose(scores.sum(axis=0), 0, atol=1e-5)
    inverse, squares = np.linalg.inv(information.observed), scores.T @ scores
    places = parametrization.mean_places(0)
    slopes = parametrization.roots[0] / np.sqrt(mixture.weights[0])
    for kind, covariance in (
        ("observed", inverse),
        ("opg", np.linalg.inv(squares)),
        ("sandwich", inverse @ squares @ inverse),
    ):
        expected = np.sqrt(np.diag(slopes @ covariance[np.ix_(places, places)] @ slopes.T))
        assert_allclose(standard_errors(mixture, rows, kind=kind).means[0], expected, rtol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e100, np.array([1e-9, 1e8, 1.0, 1e3])])
@pytest.mark.parametrize("kind", ["observed", "sandwich"])
def test_relative_standard_errors_do_not_depend_on_units(unit, kind):
    mixture, rows = iris()
    scales = unit * np.ones(4)
    covariances = mixture.covariance.dense() * np.outer(scales, scales)
    scaled = Mixture.from_parameters(mixture.weights, mixture.means * scales, covariances)
    ours, expected = standard_errors(scaled, rows * scales, kind=kind), standard_errors(mixture, rows, kind=kind)
    assert_allclose(ours.weights, expected.weights, rtol=1e-10)
    assert_allclose(ours.means / scales, expected.means, rtol=1e-10)
    assert_allclose(ours.covariances / scales / scales[:, None], expected.covariances, rtol=1e-10)


def test_an_offset_changes_nothing():
    mixture, rows = iris()
    rows = np.round(rows * 64) / 64  # so that the offset rounds nothing
    moved = Mixture(mixture.weights, mixture.means + 2.0**27, mixture.covariance)
    back = Mixture(mixture.weights, moved.means - 2.0**27, mixture.covariance)
    ours, expected = standard_errors(moved, rows + 2.0**27), standard_errors(back, rows)
    for name in NAMES:
        assert_allclose(getattr(ours, name), getattr(expected, name), rtol=1e-12)


def test_an_affine_map_carries_means_along():
    mixture, rows = iris()
    matrix = np.random.default_rng(0).standard_normal((4, 4))
    mapped = Mixture.from_parameters(
        mixture.weights, mixture.means @ matrix.T, matrix @ mixture.covariance.dense() @ matrix.T
    )
    ours, joint = standard_errors(mapped, rows @ matrix.T), standard_errors(mixture, rows).joint
    for component in range(3):
        places = 3 + 4 * component + np.arange(4)
        expected = np.sqrt(np.diag(matrix @ joint[np.ix_(places, places)] @ matrix.T))
        assert_allclose(ours.means[component], expected, rtol=1e-8)


@pytest.mark.parametrize("letters", ["VVV", "VEI"])
def test_components_in_another_order_have_the_same_standard_errors(letters):
    mixture, rows = fitted(letters, 3, 2)
    ours, expected = standard_errors(mixture.reordered([2, 0, 1]), rows), standard_errors(mixture, rows)
    for name in NAMES:
        assert_allclose(getattr(ours, name), getattr(expected, name)[[2, 0, 1]], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["observed", "opg", "sandwich"])
def test_weights_count_rows(kind):
    mixture, rows = fitted("VVV", 2, 2)
    counts = np.random.default_rng(0).integers(0, 4, len(rows))
    with pytest.warns(ConvergenceWarning):
        ours = standard_errors(mixture, rows, sample_weight=counts, kind=kind)
    with pytest.warns(ConvergenceWarning):
        expected = standard_errors(mixture, np.repeat(rows, counts, axis=0), kind=kind)
    assert ours.n == expected.n == counts.sum()
    for name in NAMES:
        assert_allclose(getattr(ours, name), getattr(expected, name), rtol=1e-10)


def test_intervals_stay_within_what_is_possible_and_grow_with_the_level():
    rows, k = TABLES["overlapping"]
    errors = standard_errors(GaussianMixture(k, random_state=0).fit(rows), rows)
    narrow, wide = errors.interval(0.5), errors.interval(0.9999)
    diagonal = np.arange(rows.shape[1])
    for lower, upper in (narrow, wide):
        assert (lower.weights > 0).all()
        assert (upper.weights < 1).all()
        assert (lower.covariances[:, diagonal, diagonal] > 0).all()
        assert_allclose(0.5 * (lower.means + upper.means), errors.mixture.means, rtol=1e-12)
    for name in NAMES:
        assert (getattr(wide[0], name) < getattr(narrow[0], name)).all()
        assert (getattr(wide[1], name) > getattr(narrow[1], name)).all()
    small = errors.interval(1e-6)
    size = small[1].weights - small[0].weights
    assert_allclose(size / 2, errors.weights * 1.2533e-6, rtol=1e-3)  # 1e-6 quantile of a normal: sqrt(pi / 2) 1e-6


def test_what_is_fixed_has_an_interval_of_no_length():
    mixture, rows = fitted("VVI", 1, 2)
    lower, upper = standard_errors(mixture, rows).interval()
    assert_array_equal([lower.weights, upper.weights], [[1.0], [1.0]])
    assert_array_equal([lower.covariances[0, 0, 1], upper.covariances[0, 0, 1]], [0.0, 0.0])


def test_the_joint_covariance_knows_that_weights_sum_to_one():
    mixture, rows = iris()
    errors = standard_errors(mixture, rows)
    assert_allclose(errors.joint[:3, :3].sum(axis=0), 0, atol=1e-15)
    ours = np.concatenate([getattr(errors, name).ravel() for name in NAMES])
    assert_allclose(np.sqrt(np.diag(errors.joint)), ours, rtol=1e-10)


def test_components_that_coincide_have_no_standard_errors_and_the_others_do():
    mixture = Mixture.from_parameters([0.2, 0.3, 0.5], [[0, 0], [0, 0], [50, 50]], np.tile(np.eye(2), (3, 1, 1)))
    rows = mixture.sample(400, 0)[0]
    with pytest.warns(FlatLikelihoodWarning) as caught:
        errors = standard_errors(mixture, rows)
    assert caught[0].message.components == (0, 1)
    assert np.isnan(errors.weights[:2]).all()
    assert np.isnan(errors.means[:2]).all()
    assert np.isnan(errors.joint[0]).all()
    assert errors.weights[2] == pytest.approx(0.025, rel=0.01)
    assert np.isfinite(errors.means[2]).all()
    assert np.isfinite(errors.covariances[2]).all()
    lower, _ = errors.interval()
    assert_array_equal(np.isnan(lower.weights), [True, True, False])
    assert "nan" in str(errors)


def test_fewer_rows_than_parameters_leave_the_squared_scores_singular():
    rows = blobs(10, 3, 1)
    gm = GaussianMixture(1).fit(rows)
    assert np.isfinite(standard_errors(gm, rows).means).all()
    one = rows[:8]
    gm = GaussianMixture(1).fit(one)
    with pytest.warns(FlatLikelihoodWarning, match="Component 0 cannot be estimated"):
        standard_errors(gm, one, kind="opg")


def test_a_component_without_weight_is_left_out():
    whole, rows = fitted("VVV", 2, 2)
    means = np.concatenate([whole.means, [[0.0, 0.0]]])
    covariances = np.concatenate([whole.covariance.dense(), np.eye(2)[None]])
    ours = standard_errors(Mixture.from_parameters([*whole.weights, 0.0], means, covariances), rows)
    expected = standard_errors(whole, rows)
    for name in NAMES:
        assert_allclose(getattr(ours, name)[:2], getattr(expected, name), rtol=1e-9)
        assert np.isnan(getattr(ours, name)[2]).all()
    assert np.isnan(ours.interval()[0].weights[2])


def test_columns_that_were_left_out_have_no_standard_errors():
    rows = load_iris().data
    wide = np.column_stack([rows, rows[:, 0] + rows[:, 1]])
    with pytest.warns(DegenerateDataWarning):
        gm = GaussianMixture(3, random_state=0).fit(wide)
    ours, expected = standard_errors(gm, wide), standard_errors(iris()[0], rows)
    assert_allclose(ours.weights, expected.weights, rtol=1e-6)
    assert_allclose(ours.means[:, :4], expected.means, rtol=1e-6)
    assert_allclose(ours.covariances[:, :4, :4], expected.covariances, rtol=1e-6)
    assert np.isnan(ours.means[:, 4]).all()
    assert np.isnan(ours.covariances[:, 4]).all()


def test_parameters_off_the_top_are_warned_of():
    mixture, rows = iris()
    standard_errors(mixture, rows)
    with pytest.warns(ConvergenceWarning, match="nats higher, up to"):
        standard_errors(mixture, rows + 0.04)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "hessian"}, "kind must be one of"),
        ({"X": [[1.0, 2.0]]}, r"shape \(n, 4\)"),
        ({"sample_weight": [1.0]}, "sample_weight"),
    ],
)
def test_bad_arguments_are_named(change, message):
    mixture, rows = iris()
    with pytest.raises(ValueError, match=message):
        standard_errors(mixture, **({"X": rows} | change))


def test_a_model_is_a_mixture_or_a_fit():
    with pytest.raises(TypeError, match="must be a fitted GaussianMixture or a Mixture"):
        standard_errors(np.zeros(3), np.zeros((3, 3)))


@pytest.mark.parametrize("level", [0, 1, 95, -0.1, float("nan"), "0.9", None])
def test_levels_are_probabilities(level):
    with pytest.raises(ValueError, match="level"):
        standard_errors(*iris()).interval(level)


def test_more_parameters_than_a_matrix_should_have_are_refused():
    d = 100
    mixture = Mixture.from_parameters([1.0], np.zeros((1, d)), np.eye(d)[None])
    with pytest.raises(ValueError, match="5150 free parameters"):
        standard_errors(mixture, np.zeros((2, d)))


def test_a_row_that_is_too_far_away_is_named_unless_it_has_no_weight():
    mixture, rows = iris()
    far = np.insert(rows, 17, 1e149, axis=0)
    with pytest.raises(FloatingPointError, match=r"row 17 is 2.6e\+149 standard deviations"):
        standard_errors(mixture, far)
    ours, expected = standard_errors(mixture, far, np.arange(151) != 17), standard_errors(mixture, rows)
    assert_allclose(ours.means, expected.means, rtol=1e-12)


def test_the_summary_says_what_it_is_of():
    text = standard_errors(*iris(), kind="sandwich").summary(0.9)
    assert text.startswith("sandwich of observed information and squared scores, 150 rows; intervals of 90 %")
    assert text.endswith("least information: 0.43 of that with known components, equivalent to 65 rows")
    assert len(text.splitlines()) == 2 + 3 * 9 + 1
    few = TABLES["overlapping"][0][:150]
    assert str(standard_errors(GaussianMixture(3, random_state=0).fit(few), few)).endswith("tend to be too short")


@pytest.mark.parametrize("covariance_type", ["full", "VVI", "EII", "tied"])
@pytest.mark.parametrize("holes", [False, True])
def test_the_weight_of_noise_has_an_error(covariance_type, holes):
    rows, _ = noisy_clusters(0, n=500)
    if holes:
        rows[np.random.default_rng(0).random(rows.shape) < 0.1] = np.nan
    gm = GaussianMixture(3, covariance_type=covariance_type, noise="uniform", random_state=0).fit(rows)
    mixture, parametrization = gm.mixture_, Parametrization.about(gm.mixture_)
    used = WeightedRows(rows).informative()
    information = Information.at(parametrization, used)
    q, step = parametrization.n_weights, 1e-3

    def moved(change):
        weights = np.append(mixture.weights, mixture.background.weight) * np.exp(parametrization.contrasts @ change)
        weights /= weights.sum()
        background = mixture.background.with_weight(weights[-1])
        return replace(mixture, weights=weights[:-1], background=background).log_density(used.values).sum()

    basis, curvature = step * np.eye(q), np.empty((q, q))
    for a in range(q):
        for b in range(q):
            corners = [moved(s * basis[a] + t * basis[b]) * s * t for s in (1, -1) for t in (1, -1)]
            curvature[a, b] = -sum(corners) / (4 * step**2)
    assert_allclose(information.observed[:q, :q], curvature, rtol=1e-4, atol=1e-2)
    errors = standard_errors(gm, rows)
    share = mixture.background.weight
    assert 1 < errors.noise_weight / np.sqrt(share * (1 - share) / information.weight) < 2
    lower, upper = errors.interval()
    assert 0 < lower.noise_weight < share < upper.noise_weight < 1
    assert errors.joint.shape[0] == 3 * (1 + 2 + 4) + 1
    assert errors.joint[-1, -1] == pytest.approx(errors.noise_weight**2)
    assert "noise" in str(errors)
