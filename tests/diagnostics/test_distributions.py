"""Skewed columns, heavy tails, repeated values and conspicuous components are reported; sound rows are not."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import lognorm, norm

from gaussmix import GaussianMixture, Mixture, StudentMixture
from gaussmix.diagnostics import inspect_fit, inspect_rows


def stream():
    return np.random.default_rng(5)


def facts_of(values):
    return inspect_rows(np.asarray(values, dtype=float)[:, None]).facts["rows"]


def flagged(report):
    return {entry.label: entry.text for entry in report.entries() if entry.flagged}


SOUND = {
    "normal": stream().normal(size=400),
    "uniform": stream().uniform(size=400),
    "two clusters": np.r_[stream().normal(0, 1, 400), stream().normal(10, 1, 100)],
    "a rare cluster": np.r_[stream().normal(20, 1, 400), stream().normal(60, 1, 20)],
    "rounded": stream().normal(0, 10, 400).round(),
    "counts": stream().poisson(60, 400),
    "skewed to the left": -stream().lognormal(size=400),
}


@pytest.mark.parametrize("name", SOUND)
def test_columns_of_normal_distributions_are_not_reported(name):
    facts = facts_of(SOUND[name])
    assert facts["skewed"] == facts["heavy_tails"] == facts["point_masses"] == []


@pytest.mark.parametrize(
    "values",
    [
        stream().lognormal(size=400),
        100 * stream().lognormal(3, 0.8, 1000),
        np.r_[stream().lognormal(0, 0.7, 300), stream().lognormal(3, 0.7, 300)],
        1 / stream().gamma(3, size=500),
    ],
)
def test_a_skewed_column_and_the_effect_of_a_logarithm_are_reported(values):
    report = inspect_rows(pd.DataFrame({"amount": values, "other": stream().normal(size=len(values))}))
    (found,) = report.facts["rows"]["skewed"]
    shape, _, scale = lognorm.fit(values, floc=0)
    gain = lognorm.logpdf(values, shape, 0, scale).mean() - norm.logpdf(values, values.mean(), values.std()).mean()
    assert found["gain"] == pytest.approx(gain, rel=1e-6)
    assert found["skewness"] > 1.5
    assert abs(found["skewness_of_logarithm"]) < 0.5 * found["skewness"]
    assert "amount has skewness" in flagged(report)["skewed"]
    assert "Fit the logarithm of amount." in str(report)


@pytest.mark.parametrize(
    "values",
    [
        stream().standard_t(2, 1000),
        stream().standard_cauchy(400),
        np.r_[stream().normal(0, 1, 900), stream().normal(0, 8, 100)],
    ],
)
def test_heavy_tails_are_reported(values):
    assert facts_of(values)["heavy_tails"][0]["ratio"] > 1.75


@pytest.mark.parametrize(
    ("values", "value", "end"),
    [
        (np.r_[stream().normal(5, 1, 600), np.zeros(21)], 0.0, "smallest"),
        (stream().normal(40, 30, 2000).round().clip(0, 255), 0.0, "smallest"),
        (stream().normal(size=2000).clip(None, 1.5), 1.5, "greatest"),
        (np.r_[stream().normal(size=600), np.full(30, 0.25)], 0.25, None),
    ],
)
def test_a_value_that_repeats_is_reported(values, value, end):
    report = inspect_rows(np.column_stack([values, stream().normal(size=len(values))]))
    (found,) = report.facts["rows"]["point_masses"]
    assert (found["value"], found["end"]) == (value, end)
    assert found["share"] == np.mean(values == value)
    assert f"x0 is {value:g}" in flagged(report)["repeated values"]


MEANS = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])


def rows_of_three(n=900, seed=1):
    rng = np.random.default_rng(seed)
    return MEANS[rng.integers(0, 3, n)] + rng.normal(size=(n, 2))


def test_a_sound_fit_has_no_conspicuous_component():
    rows = rows_of_three()
    assert flagged(GaussianMixture(3, random_state=0).fit(rows).report(rows)) == {}


@pytest.mark.parametrize(("width", "n"), [(30.0, 40), (100.0, 27), (300.0, 60)])
def test_a_component_that_collects_outliers_is_reported(width, n):
    rows = np.r_[rows_of_three(), np.random.default_rng(2).normal(0, width, (n, 2))]
    texts = flagged(GaussianMixture(4, random_state=0).fit(rows).report(rows))
    assert "it may collect outliers" in texts["wide"]
    assert "component 3" in texts["wide"]


def test_small_components_are_reported():
    rows = np.r_[rows_of_three(1000), np.random.default_rng(2).normal(60, 1, (8, 2))]
    gm = GaussianMixture(4, random_state=0).fit(rows)
    assert "component 3 has 0.79% of the rows" in flagged(gm.report(rows))["small"]


@pytest.mark.parametrize("share", [0.03, 0.05, 0.1, 0.2])
def test_noise_that_a_fit_spreads_over_its_components_is_reported(share):
    rng = np.random.default_rng(0)
    n = round(1000 * share)
    rows = np.r_[rows_of_three(1000 - n), rng.uniform(-15, 35, (n, 2))]
    texts = flagged(GaussianMixture(3, random_state=0).fit(rows).report(rows))
    assert "outside the ellipsoid" in texts.get("not normal", "") or "collect outliers" in texts.get("wide", "")


def rows_of_t(nu, n=600):
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((n, 2)) / np.sqrt(rng.chisquare(nu, (n, 1)) / nu)
    return rows + np.where(np.arange(n) % 2, 30, 0)[:, None]


@pytest.mark.parametrize("nu", [1.5, 2.5, 4.0, 8.0])
def test_heavy_tails_are_those_of_a_t_mixture_but_not_of_a_normal_one(nu):
    rows = rows_of_t(nu)
    fitted = StudentMixture(2, degrees_of_freedom=nu, random_state=0).fit(rows)
    assert "not normal" not in flagged(fitted.report(rows))
    normal = Mixture.from_parameters([0.5, 0.5], fitted.means_, fitted.scale_matrices_)
    assert "outside the ellipsoid" in flagged(inspect_fit(normal, None, rows))["not normal"]


def test_far_rows_are_outside_the_ellipsoids_of_a_t_mixture():
    rows = np.r_[rows_of_t(30.0), np.random.default_rng(0).uniform(-60, 60, (60, 2))]
    fitted = StudentMixture(2, degrees_of_freedom=30, random_state=0).fit(rows)
    assert "outside the ellipsoid" in flagged(fitted.report(rows))["not normal"]


def test_skewed_components_name_the_column():
    rng = np.random.default_rng(3)
    rows = pd.DataFrame(
        {"a": rng.normal(size=600), "b": np.r_[rng.exponential(size=300), 30 + rng.exponential(size=300)]}
    )
    gm = GaussianMixture(2, random_state=0).fit(rows)
    assert "is skewed in b (skewness" in flagged(gm.report(rows))["not normal"]
    for found in gm.report(rows).facts["components"]:
        assert found["shape"]["skewed"] == "b"
        assert found["shape"]["skewness"] == pytest.approx(2.0, abs=0.6)  # that of an exponential distribution


@pytest.mark.parametrize(
    ("weights", "means", "deviations", "expected"),
    [
        ([0.7, 0.3], [2.0, 5.0], [0.25, 1.8], [{"component": 1, "within": [0]}]),
        ([0.5, 0.5], [0.0, 0.0], [1.0, 9.0], [{"component": 1, "within": [0]}]),
        ([0.4, 0.3, 0.3], [0.0, 6.0, 3.0], [0.3, 0.3, 30.0], [{"component": 2, "within": [0, 1]}]),
        ([0.5, 0.5], [0.0, 9.0], [1.0, 1.0], []),
    ],
)
def test_components_of_one_column_that_lie_on_both_sides_of_others_are_reported(weights, means, deviations, expected):
    mixture = Mixture.from_parameters(weights, np.array(means)[:, None], np.square(deviations)[:, None, None])
    report = inspect_fit(mixture, None, mixture.sample(5000, 0)[0])
    assert report.facts["interrupted"] == expected
    assert ("order" in flagged(report)) == bool(expected)


@pytest.mark.parametrize("distance", [1.0, 1.5, 2.0])
def test_strong_overlap_is_not_called_usual(distance):
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [distance]], [[[1.0]], [[1.0]]])
    report = inspect_fit(mixture, None)
    assert "certainty" in flagged(report)
    assert "nothing" not in str(report)
