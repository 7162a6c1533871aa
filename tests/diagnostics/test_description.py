"""Descriptions of clusters: the rule that is known is found, and every number is that of the rows."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.datasets import load_iris
from sklearn.metrics import precision_score, recall_score
from sklearn.mixture import GaussianMixture as TheirMixture

from gaussmix import GaussianMixture, Mixture, describe, merge_components
from gaussmix.diagnostics.description.clusters import MOST_FEATURES
from gaussmix.diagnostics.description.rule_search import MOST_RULES

IRIS = load_iris(as_frame=True).data


def spheres(means, deviation=1.0, names=None):
    k = len(means)
    return Mixture.from_parameters(
        np.full(k, 1 / k), means, np.full(k, deviation**2), covariance_type="spherical", feature_names=names
    )


def test_iris_setosa_has_short_petals():
    gm = GaussianMixture(3, random_state=0).fit(IRIS)
    description = describe(gm, IRIS)
    labels = gm.predict(IRIS)
    setosa = description[int(labels[0])]
    assert setosa.n_rows == 50
    assert setosa.share == pytest.approx(1 / 3)
    assert [str(rule) for rule in setosa.rules[:2]] == [
        "petal length (cm) < 2.5: precision 100%, recall 100%",
        "petal width (cm) < 0.8: precision 100%, recall 100%",
    ]
    assert {contrast.name for contrast in setosa.features[:2]} == {"petal length (cm)", "petal width (cm)"}
    others = [one for one in description if one is not setosa]
    assert [one.nearest for one in others] == [others[1].cluster, others[0].cluster]
    assert others[0].overlap == others[1].overlap > setosa.overlap


@pytest.mark.parametrize("offset", [0.0, 1e6, -1e-3])
@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e4])
def test_a_threshold_between_two_clusters_is_found_in_any_units(offset, unit):
    mixture = spheres([[0.0, 0.0], [10.0, 0.0]])
    rows, labels = mixture.sample(400, 0)
    shifted = Mixture(
        mixture.weights, unit * (mixture.means + offset), mixture.covariance.rescale(np.full(2, unit)), ("a", "b")
    )
    rule = describe(shifted, unit * (rows + offset))[0].rules[0]
    [condition] = rule.conditions
    assert (condition.name, condition.is_below, rule.precision, rule.recall) == ("a", True, 1.0, 1.0)
    gap = np.sort(rows[labels == 0, 0])[-1], np.sort(rows[labels == 1, 0])[0]
    assert gap[0] < condition.threshold / unit - offset <= gap[1]
    digits = f"{abs(condition.threshold):.15g}".replace(".", "").strip("0")
    assert len(digits.partition("e")[0]) <= 2 + (7 if abs(offset) > 1 else 0)


def test_a_middle_cluster_has_an_interval():
    rows, _ = (mixture := spheres([[-10.0, 0.0], [0.0, 0.0], [10.0, 0.0]])).sample(900, 1)
    rule = describe(mixture, rows)[1].rules[0]
    assert rule.text == "-5 <= x0 < 5"
    assert (rule.precision, rule.recall) == (1.0, 1.0)


@pytest.mark.parametrize("corner", range(4))
def test_a_corner_has_two_conditions(corner):
    means = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    rows, _ = (mixture := spheres(np.column_stack([means, np.zeros(4)]))).sample(2000, 2)
    best, *rest = describe(mixture, rows)[corner].rules
    sides = {(condition.feature, condition.is_below) for condition in best.conditions}
    assert sides == {(0, means[corner, 0] == 0), (1, means[corner, 1] == 0)}
    assert best.f1 > 0.999
    assert all(rule.f1 < best.f1 for rule in rest)


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True])
def test_precision_and_recall_are_those_of_all_rows_with_the_written_thresholds(weighted):
    gm = GaussianMixture(4, random_state=0).fit(IRIS)
    many = pd.concat([IRIS] * 200, ignore_index=True)  # more than are searched
    weights = np.random.default_rng(0).choice([0.0, 1.0, 2.5], len(many)) if weighted else None
    labels = gm.predict(many)
    n_rules = 0
    for one in describe(gm, many, sample_weight=weights):
        assert len(one.rules) <= MOST_RULES
        assert len(one.features) <= MOST_FEATURES
        for rule in one.rules:
            query = " and ".join(
                f"`{c.name}` {'<' if c.is_below else '>='} {c.threshold:.15g}" for c in rule.conditions
            )
            chosen = many.eval(query)
            np.testing.assert_array_equal(rule.holds(many.to_numpy()), chosen)
            truth = labels == one.cluster
            assert rule.precision == pytest.approx(precision_score(truth, chosen, sample_weight=weights), rel=1e-12)
            assert rule.recall == pytest.approx(recall_score(truth, chosen, sample_weight=weights), rel=1e-12)
            n_rules += 1
    assert n_rules >= 8


def test_whole_weights_count_rows():
    gm = GaussianMixture(3, random_state=0).fit(IRIS)
    counts = np.random.default_rng(0).integers(0, 4, len(IRIS))
    weighted = describe(gm, IRIS, sample_weight=counts)
    repeated = describe(gm, IRIS.loc[IRIS.index.repeat(counts)])
    for one, other in zip(weighted, repeated, strict=True):
        assert one.n_rows == other.n_rows
        assert [rule.text for rule in one.rules] == [rule.text for rule in other.rules]
    np.testing.assert_allclose(weighted.differences, repeated.differences)


def test_differences_are_cohens_d_of_the_labeled_rows():
    gm = GaussianMixture(3, random_state=0).fit(IRIS)
    labels = gm.predict(IRIS)
    for one in describe(gm, IRIS):
        inside, outside = IRIS[labels == one.cluster], IRIS[labels != one.cluster]
        for contrast in one.features:
            mine, others = inside[contrast.name], outside[contrast.name]
            assert contrast.mean == pytest.approx(mine.mean())
            assert contrast.others == pytest.approx(others.mean())
            spread = np.sqrt((mine.var(ddof=0) + others.var(ddof=0)) / 2)
            assert contrast.difference == pytest.approx((mine.mean() - others.mean()) / spread)


@pytest.mark.slow
def test_overlaps_are_integrals_of_the_lower_density():
    gm = GaussianMixture(3, random_state=0).fit(IRIS)
    overlaps = describe(gm, IRIS).overlaps
    deviations = np.sqrt(gm.mixture_.covariance.variances())
    for cluster, feature in np.ndindex(3, 4):
        others = np.delete(np.arange(3), cluster)
        shares = gm.weights_[others] / gm.weights_[others].sum()

        def lower(x, cluster=cluster, feature=feature, others=others, shares=shares):
            rest = shares @ norm.pdf(x, gm.means_[others, feature], deviations[others, feature])
            return min(rest, norm.pdf(x, gm.means_[cluster, feature], deviations[cluster, feature]))

        expected = quad(lower, -2, 12, points=[*gm.means_[:, feature]], limit=500)[0]
        assert overlaps[cluster, feature] == pytest.approx(expected, abs=2e-3)


def test_clusters_of_several_components_are_described_as_one():
    mixture = spheres([[0.0, 0.0], [10.0, 0.0], [11.0, 0.0]])
    rows, _ = mixture.sample(900, 0)
    merged = merge_components(mixture, method="ridgeline-unimodal").cut()
    first, second = describe(merged, rows)
    assert second.n_rows == (merged.predict(rows) == 1).sum() > 500
    assert second.rules[0].text.startswith("x0 >= ")
    assert (first.nearest, second.nearest) == (1, 0)
    assert second.features[0].overlap < 1e-4


def test_a_single_component_and_one_without_rows_have_no_rules():
    [one] = describe(spheres([[0.0, 0.0]]), np.zeros((3, 2)))
    assert (one.n_rows, one.rules, one.features, one.nearest, one.overlap) == (3, (), (), None, None)
    empty = describe(spheres([[0.0], [3.0], [1000.0]]), [[0.0], [1.0], [2.0], [3.0]])[2]
    assert (empty.n_rows, empty.rules, empty.features, empty.nearest) == (0, (), (), 1)


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_missing_values_are_left_out_of_means_and_satisfy_no_rule(share):
    rows, _ = (mixture := spheres([[0.0, 0.0], [10.0, 10.0]])).sample(500, 0)
    rows[np.random.default_rng(0).random(rows.shape) < [share, 0.0]] = np.nan
    labels = mixture.labels(rows)
    first, second = describe(mixture, rows)
    for one in (first, second):
        by_name = {contrast.name: contrast for contrast in one.features}
        assert by_name["x0"].mean == pytest.approx(np.nanmean(rows[labels == one.cluster, 0]))
        assert by_name["x0"].others == pytest.approx(np.nanmean(rows[labels != one.cluster, 0]))
        recalls = {rule.conditions[0].name: rule.recall for rule in one.rules}
        known = ~np.isnan(rows[labels == one.cluster, 0])
        assert recalls["x0"] == pytest.approx(known.mean())
        assert recalls["x1"] == 1.0
    rows[:, 0] = np.nan
    assert [rule.conditions[0].name for rule in describe(mixture, rows)[0].rules] == ["x1"]


def test_equal_rows_give_an_infinite_difference_and_valid_json():
    mixture = spheres([[0.0, 0.0], [10.0, 0.0]])
    description = describe(mixture, [[0.0, 1.0]] * 3 + [[10.0, 1.0]] * 2)
    assert description[0].features[0].difference == -np.inf
    assert description[0].rules[0].text == "x0 < 5"
    text = json.dumps(description.to_dict(), allow_nan=False)
    assert json.loads(text)["clusters"][0]["rules"][0]["conditions"][0]["threshold"] == 5
    frame = pd.DataFrame(description.to_records())
    assert frame.loc[0, ["n_rows", "rule", "precision", "nearest"]].tolist() == [3, "x0 < 5", 1.0, 1]


@pytest.mark.parametrize("estimator", [GaussianMixture, TheirMixture])
def test_text_names_size_features_and_rules(estimator):
    gm = estimator(2, random_state=0).fit(IRIS[["petal length (cm)", "sepal width (cm)"]])
    text = str(describe(gm, IRIS))
    assert text.startswith("2 clusters of 150 rows\n\ncluster 0: ")
    assert "rule: petal length (cm) < 2.5: precision 100%, recall 100%" in text
    assert "nearest 1, overlap" in text


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_rows_of_other_types(dtype):
    mixture = spheres([[50.0, 50.0], [90.0, 50.0]], 5.0)
    rows = mixture.sample(300, 0)[0].astype(dtype)
    assert describe(mixture, rows)[0].rules[0].f1 == 1.0


def test_wrong_arguments_are_named():
    mixture = spheres([[0.0, 0.0], [10.0, 0.0]])
    with pytest.raises(TypeError, match="model must be a Mixture or a fitted estimator"):
        describe(3, [[0.0, 0.0]])
    with pytest.raises(ValueError, match=r"X must have the shape \(n, 2\)"):
        describe(mixture, [[0.0]])
    with pytest.raises(ValueError, match="sample_weight must be finite"):
        describe(mixture, [[0.0, 0.0]], sample_weight=[-1])
