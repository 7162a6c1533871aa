"""Curves of mixtures in the plane: contours hold their masses, and boundaries part what `labels` tells apart."""

import numpy as np
import pytest
from matplotlib.path import Path
from scipy.special import ndtri
from scipy.stats import chi2, multivariate_normal, norm

from gaussmix import Mixture
from gaussmix.plots import decision_boundaries, density_contours, ellipse, mass_levels, principal_axes, radius_holding
from gaussmix.plots.components import SHADES

ROWS, MASSES = 20_000, (0.2, 0.5, 0.9, 0.99)


def _random(k, seed, spread):
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((k, 2, 2))
    covariances = roots @ roots.transpose(0, 2, 1) / 2 + 0.05 * np.eye(2)
    return Mixture.from_parameters(rng.dirichlet(np.full(k, 2.0)), spread * rng.standard_normal((k, 2)), covariances)


MIXTURES = {
    "one": Mixture.from_parameters([1.0], [[3.0, -200.0]], [[[2.0, 30.0], [30.0, 900.0]]]),
    "apart": Mixture.from_parameters([0.6, 0.4], [[0.0, 0.0], [9.0, 3.0]], [[[1, 0.5], [0.5, 1]], [[2, -1], [-1, 1]]]),
    "overlap": Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [0.7, 0.0]], [1.0, 1.5], covariance_type="spherical"),
    "inside": Mixture.from_parameters([0.7, 0.3], [[0.0, 0.0], [0.5, 0.0]], [9.0, 0.04], covariance_type="spherical"),
    "unequal": Mixture.from_parameters([0.99, 0.01], [[0.0, 0.0], [5.0, 1.0]], [2.0, 0.1], covariance_type="spherical"),
    "thin": Mixture.from_parameters([0.6, 0.4], [[0, 0], [1, 1]], [[[1, 0.9995], [0.9995, 1]], [[1, -0.5], [-0.5, 2]]]),
    "tied": Mixture.from_parameters([0.3, 0.3, 0.4], [[0, 0], [3, 1], [1, 4]], np.diag([1, 2]), covariance_type="tied"),
    "six": _random(6, 6, 4.0),
    "twenty": _random(20, 3, 6.0),
}  # fmt: skip


def _grid(mixture):
    n = 1000 if mixture is MIXTURES["thin"] else 400
    reach = radius_holding(0.99999) * np.sqrt(mixture.covariance.variances())
    ends = np.concatenate([mixture.means - reach, mixture.means + reach])
    return np.linspace(ends[:, 0].min(), ends[:, 0].max(), n), np.linspace(ends[:, 1].min(), ends[:, 1].max(), n)


def _tolerance(mass, rows):
    return 4 * np.sqrt(mass * (1 - mass) / rows) + 1e-3


@pytest.mark.parametrize("mass", MASSES)
@pytest.mark.parametrize("name", MIXTURES)
def test_ellipse_holds_its_mass_of_each_component(name, mass):
    mixture = MIXTURES[name]
    rows, labels = mixture.sample(ROWS, 0)
    for component, (mean, covariance) in enumerate(zip(mixture.means, mixture.covariance.dense(), strict=True)):
        own = rows[labels == component]
        outline = Path(ellipse(mean, covariance, radius_holding(mass)))
        assert outline.contains_points(own).mean() == pytest.approx(mass, abs=_tolerance(mass, len(own)))


@pytest.mark.slow
@pytest.mark.parametrize("name", MIXTURES)
def test_contours_hold_their_masses_of_the_mixture(name):
    mixture = MIXTURES[name]
    rows, _ = mixture.sample(ROWS, 1)
    contours = density_contours(mixture, *_grid(mixture), mass_levels(mixture, MASSES))
    for mass, lines in zip(MASSES, contours, strict=True):
        assert all((line[0] == line[-1]).all() for line in lines)
        inside = np.sum([Path(line).contains_points(rows) for line in lines], axis=0) % 2 == 1
        assert inside.mean() == pytest.approx(mass, abs=_tolerance(mass, ROWS))


@pytest.mark.slow
@pytest.mark.parametrize("name", MIXTURES)
def test_contours_have_the_density_of_their_level(name):
    mixture = MIXTURES[name]
    levels = mass_levels(mixture, MASSES)
    for level, lines in zip(levels, density_contours(mixture, *_grid(mixture), levels), strict=True):
        np.testing.assert_allclose(mixture.log_density(np.concatenate(lines)), level, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("n_features", [1, 2, 3, 5, 12])
def test_mass_levels_of_one_component_are_those_of_the_chi_square_distribution(n_features):
    covariance = np.diag(np.geomspace(0.01, 100, n_features)) + 0.001
    mixture = Mixture.from_parameters([1.0], [np.arange(n_features)], [covariance])
    levels = mass_levels(mixture, SHADES)
    highest = mixture.log_density([np.arange(n_features)])[0]
    np.testing.assert_allclose(chi2.cdf(2 * (highest - levels), n_features), SHADES, atol=1e-3)


def test_mass_levels_of_two_normals_far_apart():
    """The wide one has more mass, the narrow one the greater density: at 60 % both are cut at one height."""
    mixture = Mixture.from_parameters([0.7, 0.3], [[0.0], [100.0]], [1.0, 0.01], covariance_type="spherical")
    [level] = np.exp(mass_levels(mixture, [0.6]))
    halves = [s * np.sqrt(-2 * np.log(level * s * np.sqrt(2 * np.pi) / w)) for w, s in ((0.7, 1.0), (0.3, 0.1))]
    mass = sum(w * (2 * norm.cdf(h / s) - 1) for (w, s), h in zip(((0.7, 1.0), (0.3, 0.1)), halves, strict=True))
    assert mass == pytest.approx(0.6, abs=1e-3)


def test_mass_levels_keep_the_order_of_the_masses_and_know_nothing_of_components_without_weight():
    mixture = Mixture.from_parameters([1.0, 0.0], [[0.0], [5.0]], [1.0, 1e-4], covariance_type="spherical")
    levels = mass_levels(mixture, [0.9, 0.5])
    np.testing.assert_allclose(levels, norm.logpdf(ndtri([0.95, 0.75])), atol=1e-3)


@pytest.mark.parametrize("masses", [[0.0], [0.5, 1.0], [np.nan]])
def test_masses_that_no_contour_can_have_are_refused(masses):
    with pytest.raises(ValueError, match="masses must be above 0 and below 1"):
        mass_levels(MIXTURES["one"], masses)


def _crossings(starts, stops, lines):
    """How many segments of polylines each straight way crosses: ends on different sides, both ways round."""

    def side(a, b, c):
        return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0]) > 0

    first = np.concatenate([line[:-1] for line in lines])
    second = np.concatenate([line[1:] for line in lines])
    counts = []
    for start, stop in zip(np.array_split(starts, 40), np.array_split(stops, 40), strict=True):
        a, b = start[:, None], stop[:, None]
        apart = (side(a, b, first) != side(a, b, second)) & (side(first, second, a) != side(first, second, b))
        counts.append(apart.sum(axis=1))
    return np.concatenate(counts)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MIXTURES if name != "one"])
def test_labels_change_on_boundaries_and_nowhere_else(name):
    """10,000 short ways: those that cross no boundary end at one label, those that cross one at two."""
    mixture = MIXTURES[name]
    x, y = _grid(mixture)
    rng = np.random.default_rng(2)
    spans = np.array([np.ptp(x), np.ptp(y)])
    starts = np.array([x[0], y[0]]) + spans * rng.uniform(0.03, 0.97, (10_000, 2))
    stops = starts + spans * rng.uniform(-0.02, 0.02, starts.shape)
    crossings = _crossings(starts, stops, decision_boundaries(mixture, x, y))
    differ = mixture.labels(starts) != mixture.labels(stops)
    assert differ[crossings == 0].sum() + (~differ[crossings == 1]).sum() <= 5  # within a hair's breadth of a line
    assert (crossings == 1).sum() >= 10


@pytest.mark.slow
@pytest.mark.parametrize("name", ["apart", "overlap", "inside", "unequal", "thin"])
def test_a_boundary_parts_the_whole_plane_of_two_components(name):
    """Ways of any length: the labels of the ends differ exactly when the number of crossings is odd."""
    mixture = MIXTURES[name]
    x, y = _grid(mixture)
    rng = np.random.default_rng(3)
    starts, stops = (np.column_stack([rng.uniform(*line[[0, -1]], 10_000) for line in (x, y)]) for _ in range(2))
    odd = _crossings(starts, stops, decision_boundaries(mixture, x, y)) % 2 == 1
    assert (odd != (mixture.labels(starts) != mixture.labels(stops))).sum() <= 5


@pytest.mark.slow
@pytest.mark.parametrize("name", MIXTURES)
def test_on_a_boundary_two_components_are_equally_probable_and_no_other_is_more(name):
    mixture = MIXTURES[name]
    for line in decision_boundaries(mixture, *_grid(mixture)):
        scores = np.array([
            np.log(weight) + multivariate_normal(mean, covariance).logpdf(line)
            for weight, mean, covariance in zip(
                mixture.weights, mixture.means, mixture.covariance.dense(), strict=True
            )
        ])  # fmt: skip
        first, second = np.argsort(-np.median(scores, axis=1))[:2]
        np.testing.assert_allclose(scores[first], scores[second], atol=1e-6)
        np.testing.assert_allclose(scores[first], scores.max(axis=0), atol=2e-3)


def test_concentric_circles_have_a_circle_between():
    """Where log(w1/w2) - 2 log(s1/s2) = r^2/2 (1/s1^2 - 1/s2^2)."""
    mixture = Mixture.from_parameters([0.4, 0.6], [[2.0, 1.0]] * 2, [0.25, 4.0], covariance_type="spherical")
    [circle] = decision_boundaries(mixture, np.linspace(-6, 10, 300), np.linspace(-7, 9, 300))
    squared = 2 * (np.log(0.4 / 0.6) - np.log(0.25 / 4.0)) / (1 / 0.25 - 1 / 4.0)
    np.testing.assert_allclose(((circle - [2.0, 1.0]) ** 2).sum(axis=1), squared, rtol=1e-9)
    np.testing.assert_array_equal(circle[0], circle[-1])


def test_one_covariance_has_straight_boundaries_that_meet():
    """Three equal circles at the corners of a triangle: halves of its perpendicular bisectors, from its center."""
    corners = np.array([[0.0, 0.0], [4.0, 0.0], [1.0, 3.0]])
    mixture = Mixture.from_parameters([1 / 3] * 3, corners, 0.5 * np.eye(2), covariance_type="tied")
    lines = decision_boundaries(mixture, np.linspace(-3, 7, 250), np.linspace(-4, 6, 250))
    assert len(lines) == 3
    for line in lines:
        ends = line[-1] - line[0]
        across = (line - line[0]) @ [-ends[1], ends[0]] / np.linalg.norm(ends)
        np.testing.assert_allclose(across, 0.0, atol=1e-9)
        nearest = np.sort(np.linalg.norm(line[:, None] - corners, axis=2), axis=1)
        np.testing.assert_allclose(nearest[:, 0], nearest[:, 1], rtol=1e-9)
        meeting = min(np.linalg.norm(line[[0, -1]] - [2.0, 1.0], axis=1))  # as far from all three corners
        assert meeting < 1e-6


@pytest.mark.parametrize(
    ("weights", "means", "n_lines"),
    [
        ([1.0], [0.0], 0),
        ([1.0, 0.0], [0.0, 2.0], 0),
        ([0.5, 0.5], [0.0, 0.0], 0),
        ([0.6, 0.4], [0.0, 0.0], 0),
        ([0.4, 0.4, 0.2], [0.0, 0.0, 3.0], 1),
        ([0.4, 0.2, 0.4], [0.0, 3.0, 0.0], 1),
        ([0.5, 0.0, 0.5], [0.0, 1.5, 3.0], 1),
    ],
)
def test_components_without_weight_and_equal_ones_have_no_boundary(weights, means, n_lines):
    centers = np.column_stack([means, np.zeros(len(means))])
    mixture = Mixture.from_parameters(weights, centers, np.ones(len(means)), covariance_type="spherical")
    assert len(decision_boundaries(mixture, np.linspace(-5, 8, 200), np.linspace(-5, 5, 200))) == n_lines


@pytest.mark.parametrize("curves", [decision_boundaries, lambda *given: density_contours(*given, [-3.0])])
def test_curves_need_two_features(curves):
    mixture = Mixture.from_parameters([1.0], [[0.0, 0.0, 0.0]], [1.0], covariance_type="spherical")
    with pytest.raises(ValueError, match=r"it has 3: use mixture\.marginal"):
        curves(mixture, np.arange(3.0), np.arange(3.0))


@pytest.mark.parametrize("n_features", [1, 2, 4])
def test_principal_axes_are_those_of_the_covariance(n_features):
    rng = np.random.default_rng(4)
    root = rng.standard_normal((n_features, n_features))
    covariance, mean = root @ root.T + 0.1 * np.eye(n_features), rng.standard_normal(n_features)
    axes = principal_axes(mean, covariance, 1.5)
    np.testing.assert_allclose(axes.mean(axis=1), np.tile(mean, (n_features, 1)), atol=1e-12)
    halves = (axes[:, 1] - axes[:, 0]) / 2
    np.testing.assert_allclose(halves.T @ halves, 1.5**2 * covariance, atol=1e-12)  # sum of variance x direction^2
    lengths = np.linalg.norm(halves, axis=1)
    np.testing.assert_allclose(halves @ halves.T, np.diag(lengths**2), atol=1e-12)
    assert (np.diff(lengths) <= 0).all()
