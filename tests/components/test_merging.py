"""Merging components: entropies against brute force, ridgelines against grids and known theory, trees as SciPy's."""

import pickle

import numpy as np
import pytest
from scipy import stats
from scipy.cluster.hierarchy import dendrogram, fcluster, is_valid_linkage
from scipy.optimize import minimize
from scipy.special import entr, expit
from sklearn.metrics import adjusted_rand_score

from gaussmix import GaussianMixture, Mixture, merge_components
from gaussmix.components.merging.affinities import NormalClusters
from gaussmix.components.merging.elbow import find_elbow
from gaussmix.components.merging.ridgeline import Ridgeline
from gaussmix.core.covariance import MODELS, covariance_class
from gaussmix.testing import random_mixture

METHODS = ("entropy", "ridgeline-unimodal", "ridgeline-ratio", "high-density", "bhattacharyya", "demp")
FROM_PARAMETERS = ("ridgeline-unimodal", "ridgeline-ratio", "high-density", "bhattacharyya")


def line(weights, means, variances):
    return Mixture.from_parameters(weights, np.reshape(means, (-1, 1)), variances, covariance_type="spherical")


def crosses():
    """Two crosses of two thin components each, and two round clusters: six components, four clusters."""
    long, thin = 1.0, 0.06
    means = [[0, 0], [8, 0], [0, 5], [0, 5], [8, 5], [8, 5]]
    covariances = [np.diag(v) for v in [(0.4, 0.9), (0.6, 0.4), (long, thin), (thin, long), (long, thin), (thin, long)]]
    return Mixture.from_parameters([0.2, 0.2, 0.15, 0.15, 0.15, 0.15], means, covariances)


ROWS, TRUTH = crosses().sample(1200, 3)
CLUSTERS = np.array([0, 1, 2, 2, 3, 3])


@pytest.fixture(scope="module")
def fitted():
    return GaussianMixture(6, random_state=0).fit(ROWS).mixture_


@pytest.mark.parametrize("method", METHODS)
def test_crosses_are_found_to_be_clusters(method, fitted):
    merged = merge_components(fitted, ROWS, method=method).cut()
    assert merged.n_clusters == 4
    assert adjusted_rand_score(CLUSTERS[TRUTH], merged.predict(ROWS)) > 0.99
    assert merged.predict([[0, 5]]) != merged.predict([[8, 5]])


def brute_force(responsibilities):
    """All numbers of clusters, by trying every pair: labels of components and entropies."""
    groups = [[at] for at in range(responsibilities.shape[1])]
    found = {}
    while True:
        soft = np.stack([responsibilities[:, group].sum(axis=1) for group in groups], axis=1)
        found[len(groups)] = ({frozenset(group) for group in groups}, entr(soft).sum())
        if len(groups) == 1:
            return found
        left = {}
        for i in range(len(groups)):
            for j in range(i + 1, len(groups)):
                left[i, j] = entr(np.column_stack([np.delete(soft, [i, j], axis=1), soft[:, i] + soft[:, j]])).sum()
        i, j = min(left, key=left.get)
        groups[i] += groups.pop(j)


@pytest.mark.parametrize("k", [1, 2, 7])
def test_entropies_and_partitions_are_those_of_brute_force(k):
    rng = np.random.default_rng(k)
    responsibilities = rng.dirichlet(np.full(k, 0.3), size=200)
    mixture = random_mixture(covariance_class("full"), k, 2, rng)
    tree = merge_components(mixture, responsibilities=responsibilities)
    for n_clusters, (groups, entropy) in brute_force(responsibilities).items():
        clusters = tree.cut(n_clusters).component_clusters
        assert {frozenset(np.flatnonzero(clusters == at)) for at in range(n_clusters)} == groups
        assert tree.entropies[n_clusters - 1] == pytest.approx(entropy, abs=1e-10)
    np.testing.assert_allclose(tree.affinities, -np.diff(tree.entropies[::-1]), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_a_weight_of_two_is_the_row_twice(method, fitted):
    rows, counts = ROWS[:300], np.arange(300) % 3
    tree = merge_components(fitted, rows, method=method, sample_weight=counts)
    again = merge_components(fitted, np.repeat(rows, counts, axis=0), method=method)
    np.testing.assert_array_equal(tree.merges, again.merges)
    for name in ("affinities", "entropies", "rows_merged"):
        np.testing.assert_allclose(getattr(tree, name), getattr(again, name), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_responsibilities_stand_for_rows(method, fitted):
    tree = merge_components(fitted, ROWS, method=method)
    again = merge_components(fitted, method=method, responsibilities=fitted.responsibilities(ROWS))
    np.testing.assert_array_equal(tree.merges, again.merges)
    np.testing.assert_array_equal(tree.entropies, again.entropies)


# --- the elbow


@pytest.mark.parametrize(
    ("y", "n_bends", "position"),
    [
        ([0.0, 1.0, 2.0, 12.0, 22.0, 32.0], 1, 2),
        ([0.0, 0.1, 0.1, 0.2, 5.0], 1, 3),
        ([0.0, 1.0, 2.0, 12.0, 22.0, 122.0, 222.0], 2, 2),
        ([5.0, 7.0, 6.0], 1, 1),
        ([0.0, 3.0], 1, None),
        ([0.0, 3.0, 5.0], 2, None),
        ([0.0], 1, None),
    ],
)
def test_elbow_is_where_the_pieces_meet(y, n_bends, position):
    x = np.arange(1.0, len(y) + 1)
    assert find_elbow(x, np.array(y), n_bends) == position
    assert find_elbow(1e6 * x - 3.0, 1e-6 * np.array(y) + 2.0, n_bends) == position


@pytest.mark.parametrize("seed", range(3))
def test_elbow_is_the_best_of_all_by_polyfit(seed):
    rng = np.random.default_rng(seed)
    x, y = np.cumsum(rng.uniform(1, 3, 9)), np.cumsum(rng.uniform(0, 9, 9))

    def misfit(bend):
        parts = [(x[: bend + 1], y[: bend + 1]), (x[bend:], y[bend:])]
        return sum(((np.polyval(np.polyfit(a, b, 1), a) - b) ** 2).sum() for a, b in parts)

    assert find_elbow(x, y, 1) == min(range(1, 8), key=misfit)


def test_elbow_of_repeated_positions_is_found():
    assert find_elbow(np.zeros(4), np.arange(4.0), 1) in (1, 2)


def test_elbow_against_rows_counts_the_rows_of_the_merged(fitted):
    tree = merge_components(fitted, ROWS)
    labels = tree.cut(5).predict(ROWS)
    members = [tree.cut(5).component_clusters[tree.cut(4).component_clusters == at] for at in range(4)]
    (pair,) = [np.unique(of) for of in members if len(np.unique(of)) == 2]
    assert tree.rows_merged[1] == np.isin(labels, pair).sum()
    assert tree.elbow(per_row=True) == 4


# --- the ridgeline


@pytest.mark.parametrize("weight", [0.5, 0.3])
@pytest.mark.parametrize("apart", [0.0, 1.0, 1.99, 2.01, 3.0, 8.0])
def test_equal_normals_on_a_line_have_one_mode_up_to_two_deviations(weight, apart):
    mixture = line([weight, 1 - weight], [5.0, 5.0 + 3 * apart], [9.0, 9.0])
    if weight == 0.5:  # with other weights the limit lies further out
        assert ridgeline_of(mixture).n_modes == (1 if apart < 2 else 2)
    elif apart <= 2:
        assert ridgeline_of(mixture).n_modes == 1
    assert (ridgeline_of(mixture).ratio() == 1) == (ridgeline_of(mixture).n_modes == 1)


def ridgeline_of(mixture):
    roots = np.linalg.cholesky(mixture.covariance.dense())
    return Ridgeline.between(mixture.means, roots, mixture.weights)


@pytest.mark.parametrize("seed", range(30))
def test_modes_on_a_line_are_those_of_a_grid(seed):
    rng = np.random.default_rng(seed)
    share, apart, deviation = rng.uniform(0.02, 0.98), rng.uniform(0.5, 6), rng.uniform(0.2, 3)
    mixture = line([share, 1 - share], [0.0, apart], [1.0, deviation**2])
    x = np.linspace(-1, apart + 1, 400_001)
    heights = share * stats.norm(0, 1).pdf(x) + (1 - share) * stats.norm(apart, deviation).pdf(x)
    slopes = np.sign(np.diff(heights))
    modes = np.flatnonzero((slopes[:-1] > 0) & (slopes[1:] <= 0)) + 1
    assert ridgeline_of(mixture).n_modes == len(modes)
    ratio = heights[modes[0] : modes[-1] + 1].min() / heights[modes].min() if len(modes) == 2 else 1.0
    assert ridgeline_of(mixture).ratio() == pytest.approx(ratio, rel=1e-6)


def fit_em_batch(mixture, start):
    """The mode above a place, by Newton-like steps of SciPy."""
    found = minimize(lambda x: -mixture.log_density(x[None])[0], start, method="BFGS", options={"gtol": 1e-7})
    return np.round(found.x, 3) + 0.0


@pytest.mark.parametrize(
    ("covariances", "modes"),
    # the first is Ray and Lindsay's example of two components with three modes
    [([(1.0, 0.05), (0.05, 1.0)], 3), ([(1.0, 0.05), (1.0, 0.05)], 2), ([(1.0, 1.0), (1.0, 1.0)], 1)],
)
def test_two_components_can_have_more_than_two_modes(covariances, modes):
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], covariances, covariance_type="diag")
    starts = np.random.default_rng(0).uniform(-0.3, 1.3, (60, 2))
    tops = {tuple(fit_em_batch(mixture, start)) for start in starts}
    distinct = [
        top for at, top in enumerate(tops) if all(np.hypot(*np.subtract(top, o)) > 0.01 for o in list(tops)[:at])
    ]
    assert ridgeline_of(mixture).n_modes == len(distinct) == modes


@pytest.mark.parametrize("seed", range(10))
def test_the_ratio_is_that_along_the_curve_of_the_paper(seed):
    rng = np.random.default_rng(seed)
    mixture = random_mixture(covariance_class("full"), 2, 4, rng)
    (m1, m2), (S1, S2) = mixture.means, mixture.covariance.dense()
    inverses = np.linalg.inv(S1), np.linalg.inv(S2)
    curve = []
    for a in expit(np.linspace(-20, 20, 4001)):
        first, second = (1 - a) * inverses[0], a * inverses[1]
        curve.append(np.linalg.solve(first + second, first @ m1 + second @ m2))
    heights = mixture.log_density(curve)
    left, right = np.maximum.accumulate(heights), np.maximum.accumulate(heights[::-1])[::-1]
    ratio = np.exp((heights - np.minimum(left, right)).min())  # how deep the deepest valley is
    assert ridgeline_of(mixture).ratio() == pytest.approx(ratio, rel=2e-3)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_modes_do_not_depend_on_units_or_order(scale):
    mixture = crosses()
    for pair in ([2, 3], [0, 2], [4, 2]):
        part = Mixture(mixture.weights[pair], mixture.means[pair], mixture.covariance.take(pair))
        units = scale * np.array([[1.0, 0.0], [3.0, 1e-3]])
        covariances = units @ part.covariance.dense()[:2] @ units.T
        moved = Mixture.from_parameters([0.5, 0.5], part.means @ units.T, covariances)
        ratio = Ridgeline.between(part.means, np.linalg.cholesky(part.covariance.dense()[:2]), np.ones(2)).ratio()
        assert ridgeline_of(moved).ratio() == pytest.approx(ratio, rel=1e-6)
        assert ridgeline_of(moved.reordered([1, 0])).ratio() == pytest.approx(ratio, rel=1e-6)


def test_far_and_unequal_components_are_no_trouble():
    for variance, apart, n_modes in [
        (1e-16, 1, 2),
        (1e16, 1, 1),
        (1, 1e6, 2),
        (1e-20, 1e6, 2),
        (1, 0, 1),
        (1e-16, 0, 1),
    ]:
        found = ridgeline_of(line([1 - 1e-3, 1e-3], [0.0, apart], [1.0, variance]))
        assert found.n_modes == n_modes
        assert (found.ratio() == 1) == (n_modes == 1)


# --- the other methods of Hennig


def test_a_merged_cluster_has_the_moments_of_its_components():
    mixture = random_mixture(covariance_class("tied"), 4, 3, np.random.default_rng(0))
    rows, labels = mixture.sample(400_000, 1)
    clusters = NormalClusters(mixture, "bhattacharyya").merged(1, 3).mixture
    of = rows[(labels == 1) | (labels == 3)]
    assert clusters.n_components == 3
    assert clusters.weights[1] == pytest.approx(len(of) / len(rows), abs=0.005)
    np.testing.assert_allclose(clusters.means[1], of.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(clusters.covariance.dense()[1], np.cov(of.T), atol=0.05 * np.cov(of.T).max())
    np.testing.assert_allclose(clusters.covariance.dense()[[0, 2]], mixture.covariance.dense()[[0, 2]], rtol=1e-12)


def test_misclassification_of_two_normals_is_known():
    apart = 2.5
    tree = merge_components(line([0.5, 0.5], [0.0, apart], [1.0, 1.0]), method="demp")
    exact = stats.norm.cdf(-apart / 2)
    assert tree.affinities[0] == pytest.approx(exact, abs=5 * np.sqrt(exact / 50_000))


def test_misclassification_of_rows_is_estimated_by_responsibilities(fitted):
    shares = fitted.responsibilities(ROWS)
    labels = shares.argmax(axis=1)
    taken = [[shares[labels == i, j].sum() / shares[:, j].sum() if i != j else 0.0 for j in range(6)] for i in range(6)]
    assert merge_components(fitted, ROWS, method="demp").affinities[0] == pytest.approx(np.max(taken), rel=1e-12)


def test_overlap_of_two_normals_is_known():
    tree = merge_components(line([0.9, 0.1], [0.0, 3.0], [1.0, 1.0]), method="bhattacharyya")
    assert tree.affinities[0] == pytest.approx(np.exp(-9 / 8), rel=1e-12)


@pytest.mark.parametrize(
    ("method", "apart", "n_clusters"),
    [
        ("ridgeline-unimodal", 1.99, 1),
        ("ridgeline-unimodal", 2.01, 2),
        ("ridgeline-ratio", 3.6, 1),  # 2 exp(-3.6^2 / 8) = 0.396; 4.4 gives 0.18
        ("ridgeline-ratio", 4.4, 2),
        ("bhattacharyya", 4.29, 1),  # exp(-apart^2 / 8) = 0.1 at 4.292
        ("bhattacharyya", 4.3, 2),
        ("demp", 3.85, 1),  # the normal distribution has 0.025 below -1.96
        ("demp", 4.0, 2),
    ],
)
def test_merging_ends_at_the_threshold(method, apart, n_clusters):
    tree = merge_components(line([0.5, 0.5], [0.0, apart], [1.0, 1.0]), method=method)
    assert tree.n_clusters == tree.cut().n_clusters == n_clusters


def test_merging_ends_at_the_first_step_below_the_threshold():
    # what is merged with the others makes a wide cluster, into which the last one falls
    mixture = line([0.25] * 4, [0.0, 4.4, 8.8, 13.2], [1.0] * 4)
    tree = merge_components(mixture, method="bhattacharyya")
    assert tree.affinities[0] < tree.threshold < tree.affinities.max()
    assert tree.n_clusters == 4


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", MODELS)
@pytest.mark.parametrize("method", METHODS)
def test_every_structure_is_merged(covariance_type, method):
    mixture = random_mixture(covariance_class(covariance_type), 5, 2, np.random.default_rng(1))
    dense = Mixture.from_parameters(mixture.weights, mixture.means, mixture.covariance.dense())
    rows = mixture.sample(200, 0)[0]
    tree, again = (merge_components(of, rows, method=method) for of in (mixture, dense))
    np.testing.assert_array_equal(tree.merges, again.merges)
    np.testing.assert_allclose(tree.affinities, again.affinities, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_component_without_rows_is_merged_first(method):
    mixture = line([0.5, 0.0, 0.5], [0.0, 4.0, 9.0], [1.0, 1.0, 1.0])
    tree = merge_components(mixture, mixture.sample(300, 0)[0], method=method)
    assert 1 in tree.merges[0]
    assert tree.affinities[0] == (0 if method == "entropy" else 1)
    assert tree.cut(2).predict([[0.0], [9.0]]).tolist() == [0, 1]


# --- the tree


@pytest.mark.parametrize("method", METHODS)
def test_linkage_is_scipys(method, fitted):
    tree = merge_components(fitted, ROWS, method=method)
    linkage = tree.linkage
    assert is_valid_linkage(linkage)
    assert (np.diff(linkage[:, 2]) >= 0).all()
    assert linkage[-1, 3] == 6
    assert sorted(dendrogram(linkage, no_plot=True)["leaves"]) == list(range(6))
    for n_clusters in range(1, 5):  # steps before may be of the same height
        cut = fcluster(linkage, n_clusters, criterion="maxclust")
        assert adjusted_rand_score(cut, tree.cut(n_clusters).component_clusters) == 1


@pytest.mark.parametrize("method", METHODS)
def test_merged_mixture_sums_probabilities_and_keeps_the_density(method, fitted):
    tree = merge_components(fitted, ROWS, method=method)
    for n_clusters in range(1, 7):
        merged = tree.cut(n_clusters)
        shares = fitted.responsibilities(ROWS)
        sums = np.stack([shares[:, merged.component_clusters == at].sum(axis=1) for at in range(n_clusters)], axis=1)
        np.testing.assert_allclose(merged.predict_proba(ROWS), sums, rtol=0, atol=1e-14)
        np.testing.assert_array_equal(merged.predict(ROWS), sums.argmax(axis=1))
        np.testing.assert_array_equal(merged.score_samples(ROWS), fitted.log_density(ROWS))
        assert merged.weights.sum() == pytest.approx(1)
        first = [int(np.flatnonzero(merged.component_clusters == at)[0]) for at in range(n_clusters)]
        assert first == sorted(first)  # numbered by their first components
    np.testing.assert_array_equal(tree.cut(6).component_clusters, np.arange(6))


def test_merged_mixture_is_frozen(fitted):
    merged = merge_components(fitted, ROWS).cut()
    for one in (merged, pickle.loads(pickle.dumps(merged))):
        with pytest.raises(ValueError, match="read-only"):
            one.component_clusters[0] = 1
    with pytest.raises(AttributeError):
        merged.mixture = None


@pytest.mark.parametrize("method", METHODS)
def test_text_has_a_line_for_every_step_and_points_at_the_cut(method, fitted):
    tree = merge_components(fitted, None if method in FROM_PARAMETERS else ROWS, method=method)
    heading, *lines = str(tree).splitlines()
    assert heading.split()[0] == "clusters"
    assert len(lines) == 6
    (chosen,) = [line for line in lines if line.startswith("->")]
    assert chosen.split()[1] == "4"
    assert ("entropy " in heading) == (method not in FROM_PARAMETERS)
    assert all(line == line.rstrip() for line in str(tree).splitlines())


@pytest.mark.parametrize("method", METHODS)
def test_one_component_is_one_cluster(method):
    tree = merge_components(line([1.0], [0.0], [1.0]), [[0.0], [1.0]], method=method)
    assert tree.n_clusters == 1
    assert tree.linkage.shape == (0, 4)
    assert tree.cut().predict([[3.0]]).tolist() == [0]
    assert len(str(tree).splitlines()) == 2


TWO = line([0.5, 0.5], [0.0, 3.0], [1.0, 1.0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "'entropy' needs rows: pass X"),
        ({"method": "dip"}, "method must be one of 'entropy'"),
        ({"X": [[0.0, 1.0]]}, r"X must have the shape \(n, 1\)"),
        ({"X": [[0.0]], "responsibilities": [[0.5, 0.5]]}, "not both"),
        ({"responsibilities": [[1.0]]}, r"shape \(n, 2\), got \(1, 1\)"),
        ({"responsibilities": [[0.5, 0.5], [0.5, 0.6]]}, "those of row 1 are not"),
        ({"responsibilities": [[np.nan, 0.5]]}, "those of row 0 are not"),
        ({"X": [[0.0]], "sample_weight": [1.0, 2.0]}, r"sample_weight.shape == \(2,\), expected \(1,\)"),
        ({"X": [[0.0], [1.0]], "sample_weight": [1.0, -2.0]}, "row 1 has -2.0"),
        ({"method": "demp", "sample_weight": [1.0]}, "sample_weight needs rows"),
    ],
)
def test_errors_name_the_argument(arguments, words):
    with pytest.raises(ValueError, match=words):
        merge_components(TWO, **arguments)


def test_other_errors_name_the_remedy():
    with pytest.raises(TypeError, match="pass its mixture_"):
        merge_components(GaussianMixture(), [[0.0]])
    tree = merge_components(TWO, method="bhattacharyya")
    with pytest.raises(ValueError, match="n_clusters must be between 1 and 2, got 3"):
        tree.cut(3)
    with pytest.raises(ValueError, match="pass X to merge_components"):
        tree.elbow()
    with pytest.raises(ValueError, match="n_bends must be 1 or 2"):
        merge_components(TWO, [[0.0]]).elbow(n_bends=3)
