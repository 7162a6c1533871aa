"""The report: each trouble that is planted is said, nothing is said of sound rows and fits, and facts are plain."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers.datasets import TABLES
from helpers.noisy import noisy_clusters
from rich.console import Console

from gaussmix import GaussianMixture, Mixture, describe
from gaussmix.core import row_sampling
from gaussmix.core.covariance import COVARIANCES
from gaussmix.diagnostics import FitRecord, inspect_fit, inspect_rows
from gaussmix.diagnostics.report import number_ranges
from gaussmix.fitting.m_step import MaximumLikelihood

STOPPED = FitRecord("Converged.", converged=True, n_iter=3)


def lines_of(report):
    """Label -> text, of a report whose facts are plain and whose text is narrow enough."""
    assert json.loads(json.dumps(report.facts, allow_nan=False)) == report.facts
    assert max(map(len, str(report).splitlines())) <= 100
    return {entry.label: entry.text for entry in report.entries()}


def normal(n=400, d=4, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def frame(**columns):
    """Four sound columns a to d, with others added or put in their place."""
    return pd.DataFrame(dict(zip("abcd", normal().T, strict=True)) | columns)


def with_values(values, seed=1):
    return np.random.default_rng(seed).choice(values, 400)


A, B, C, D = normal().T
NOISE = np.random.default_rng(2).standard_normal(400)
TROUBLES = {
    "constant": (frame(e=np.full(400, 7.0)), "constant", "e", "Leave out e."),
    "identifiers": (frame(e=np.cumsum(with_values([1, 2, 3]))), "ordered", "e increases or decreases", "Leave out e."),
    "times": (frame(e=3 + np.arange(400) / 3), "ordered", "e increases or decreases", "Leave out e."),
    "times downward": (frame(e=1e6 - 0.1 * np.arange(400)), "ordered", "e increases or decreases", "Leave out e."),
    "identifiers downward": (frame(e=-np.arange(400)), "ordered", "e increases or decreases", "Leave out e."),
    "equal columns": (frame(e=B), "repeated", "e is equal to b", "Leave out e."),
    "scaled columns": (frame(e=2 * B - 5), "repeated", "e is a linear function of b", "e"),
    "negative columns": (frame(e=-B), "repeated", "e is a decreasing linear function of b", "e"),
    "a sum": (frame(e=A + C + 1e-3 * NOISE), "collinear", "is a linear function of", "Leave out"),
    "an exact sum": (frame(e=A + C), "collinear", "up to rounding", "Leave out"),
    "few values": (frame(e=with_values([0.0, 1.0, 2.0])), "few values", "e has 3 distinct values", None),
    "a common value": (frame(e=np.where(A > 0.3, A, 0.0)), "few values", "of the rows have 0", None),
    "a far row": (
        frame(d=np.where(np.arange(400) == 17, 99.0, D)),
        "outliers",
        "row 17 (counted from 0), 10",
        "row 17",
    ),
    "rows that repeat": (pd.concat([frame()[:100]] * 4), "repeated rows", "100 of 400 rows", None),
    "few rows": (frame()[:10], "rows", "10 with 4 columns, 0.71 for each of 14", 'covariance_type="diag" or "tied"'),
    "integers": (frame(e=with_values(np.arange(200))).astype(int), "memory", "copied once", None),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_what_is_wrong_with_rows_is_said(name):
    table, line, sentence, advice = TROUBLES[name]
    report = inspect_rows(table)
    lines = lines_of(report)
    assert sentence in lines[line]
    if advice is not None:
        assert advice in lines["advice"]
    if name != "integers":
        assert set(lines) - {"rows", line, "advice", "unusual"} == set()


def test_sound_rows_are_called_nothing_unusual_once():
    assert lines_of(inspect_rows(frame())) == {
        "rows": "400 with 4 columns, 29 for each of 14 free parameters",
        "unusual": "nothing",
    }


@pytest.mark.parametrize("e", [np.sort(NOISE), np.cumsum(np.abs(NOISE)), 1.6e9 + np.cumsum(0.1 + np.abs(NOISE))])
def test_sorted_measurements_are_no_identifiers(e):
    assert "ordered" not in lines_of(inspect_rows(frame(e=e)))


def test_a_collinear_column_is_explained_by_the_right_ones():
    found = inspect_rows(frame(e=A + 2 * C + 1e-3 * NOISE)).facts["rows"]["collinear"]
    assert len(found) == 1
    assert {found[0]["column"], *found[0]["of"]} == {"a", "c", "e"}
    assert 1e-8 < found[0]["unexplained"] < 1e-5


@pytest.mark.parametrize(("covariance_type", "said"), [("spherical", True), ("full", False), ("diag", False)])
def test_units_matter_to_spheres_alone(covariance_type, said):
    lines = lines_of(inspect_rows(frame(a=1000 * A), covariance_type=covariance_type))
    assert ("units" in lines) == said
    assert ("Divide each column" in lines.get("advice", "")) == said


def test_a_far_cluster_is_not_a_set_of_outliers():
    rows = normal(1000, 2)
    rows[900:] += 50
    assert inspect_rows(rows).facts["rows"]["outliers"]["n"] == 0
    rows[0], rows[1] = [0, 500], [3, 500]
    outliers = inspect_rows(rows).facts["rows"]["outliers"]
    assert (outliers["n"], outliers["column"]) == (2, "x1")


def test_large_data_are_looked_at_in_part_and_this_is_said(monkeypatch):
    monkeypatch.setattr(row_sampling, "MOST", 1000)
    rows = normal(20_000, 3)
    rows[:, 2] = 5.0
    rows[7, 1:] = 5.5
    report = inspect_rows(rows)
    assert "1,000 of them were examined" in lines_of(report)["rows"]
    assert report.facts["rows"]["constant"] == []  # of rows that are not looked at, one differs


def test_rows_without_weight_are_left_out():
    table = frame()
    table.loc[3, "a"] = 1e6
    weights = np.where(np.arange(400) == 3, 0.0, 2.0)
    facts = inspect_rows(table, weights).facts["rows"]
    assert (facts["total_weight"], facts["n_without_weight"], facts["outliers"]["n"]) == (798.0, 1, 0)


@pytest.mark.parametrize("n_weighted", [399, 200, 50, 3])
def test_rows_without_weight_are_not_repeated_rows(n_weighted):
    weights = (np.arange(400) < n_weighted).astype(float)
    assert "repeated rows" not in lines_of(inspect_rows(normal(), weights))
    twice = np.concatenate([normal()[:n_weighted]] * 2 + [normal(seed=1)])
    said = lines_of(inspect_rows(twice, (np.arange(len(twice)) < 2 * n_weighted).astype(float)))["repeated rows"]
    assert said == f"{n_weighted} of {2 * n_weighted} rows are distinct"


WRONG = [
    ({"X": [1.0, 2.0]}, r"X must have the shape \(n, d\)"),
    ({"X": [[np.nan], [np.inf]]}, "X has no finite number in x0"),
    ({"X": [[1.0], [1e160]]}, "its square overflows"),
    ({"X": [["a"]]}, "X must be numbers"),
    ({"X": [[1.0], [2.0]], "sample_weight": [1.0]}, r"sample_weight.shape == \(1,\), expected \(2,\)"),
    ({"X": [[1.0], [2.0]], "sample_weight": [1.0, -1.0]}, "at least 0"),
    ({"X": [[1.0], [2.0]], "n_components": 0}, "at least 1"),
    ({"X": [[1.0], [2.0]], "covariance_type": "round"}, "covariance_type must be one of"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        inspect_rows(**arguments)


def two(separation=10.0, weight=0.5, **given):
    means = [[0.0, 0.0], [separation, 0.0]]
    return Mixture.from_parameters([1 - weight, weight], means, given.get("covariances", [np.eye(2)] * 2))


def test_a_sound_fit_is_short():
    rows = two().sample(500, 0)[0]
    report = GaussianMixture(2, random_state=0).fit(rows).report(rows)
    lines = lines_of(report)
    assert list(lines) == [
        "rows", "why it stopped", "starts", "time", "rows in each", "certainty", "rule for 0", "rule for 1", "unusual"
    ]  # fmt: skip
    assert lines["unusual"] == "nothing"
    counts = [found["count"] for found in report.facts["components"]]
    assert sum(counts) == pytest.approx(500)
    assert all(f"{count:,.1f}" in lines["rows in each"] for count in counts)


def test_without_rows_the_parameters_are_told_and_more_is_promised():
    gm = GaussianMixture(3, random_state=0).fit(TABLES["blobs"][0])
    lines = lines_of(gm.report())
    assert lines["why it stopped"] == gm.stop_reason_
    assert lines["weights"].split() == [f"{weight:.3g}" for weight in gm.weights_]
    assert "report(X)" in lines["unusual"]


@pytest.mark.parametrize(
    ("log_likelihoods", "sentence"),
    [
        (None, None),
        ([-100.0], None),
        (
            [-100.0, -100.001, -103.0, -120.0],
            "2 of 4 starts that were not abandoned reached the best optimum; the next optimum is 3 nats lower",
        ),
        ([-100.0, -100.005], "2 of 2 starts that were not abandoned reached the best optimum"),
        (
            [-100.0, -100.5, -101.0, -102.0],
            "1 of 4 starts that were not abandoned reached the best optimum; the next optimum is 0.5 nats lower",
        ),
    ],
)
def test_starts(log_likelihoods, sentence):
    starts = None if log_likelihoods is None else np.array(log_likelihoods)
    record = FitRecord("Converged.", True, 3, MaximumLikelihood(), starts, {"seconds": np.array([0.0, 0.1, 0.3])})
    lines = lines_of(inspect_fit(two(), record))
    assert lines.get("starts") == sentence
    assert lines["time"] == "2 iterations in 0.3 seconds"
    rare = sentence is not None and sentence.startswith("1 of 4")
    assert ("more starts" in lines.get("advice", "")) == rare


def test_attributes_of_the_estimator_are_read_where_there_are_some():
    gm = GaussianMixture(2, random_state=0).fit(two().sample(100, 0)[0])
    np.testing.assert_array_equal(FitRecord.of(gm.fit_result_).start_log_likelihoods, gm.start_log_likelihoods_)
    gm.fit_result_ = replace(gm.fit_result_, optima=(-3.0, -5.0))
    assert "1 of 2" in lines_of(gm.report())["starts"]


def test_a_fit_that_was_cut_short_needs_iterations():
    lines = lines_of(inspect_fit(two(), FitRecord("Stopped.", False, 3)))
    assert "unusual" not in lines
    assert "max_iter" in lines["advice"]


def test_overlap_is_that_of_two_normal_distributions():
    from scipy.stats import norm

    pair = inspect_fit(two(separation=2.0), STOPPED).facts["overlap"]["pairs"][0]
    assert pair["components"] == [0, 1]
    assert pair["overlap"] == pytest.approx(2 * norm.cdf(-1.0), abs=0.03)
    assert inspect_fit(two(separation=12.0), STOPPED).facts["overlap"]["pairs"] == []


def test_a_model_without_a_record_is_judged_by_the_rows_alone():
    rows = TABLES["iris"][0]
    gm = GaussianMixture(3, random_state=0).fit(rows)
    known, unknown = gm.report(rows).facts, inspect_fit(gm.mixture_, None, rows)
    assert "fit" not in unknown.facts
    assert {"rows", "components", "overlap"} <= set(unknown.facts)
    assert unknown.facts["overlap"] == known["overlap"]
    for one, other in zip(unknown.facts["components"], known["components"], strict=True):
        assert one["count"] == other["count"]
        assert one["troubles"] == other["troubles"] == []
    assert "why it stopped" not in lines_of(unknown)
    assert lines_of(unknown)["unusual"] == "nothing"
    assert "report(X)" in lines_of(inspect_fit(gm.mixture_, None))["unusual"]


def test_columns_that_a_fit_leaves_out_do_not_count_against_a_model_without_a_record():
    rows = TABLES["iris"][0]
    wide = np.column_stack([rows, np.full(150, 3.0), rows[:, 0] + rows[:, 1]])
    with pytest.warns(UserWarning, match="constant"):
        mixture = GaussianMixture(3, random_state=0).fit(wide).mixture_
    found = inspect_fit(mixture, None, wide).facts["components"]
    assert [each["troubles"] for each in found] == [[], [], []]


def test_conditions_are_free_of_units():
    rows = TABLES["iris"][0]
    scale = np.array([1e-6, 1.0, 1e5, 10.0])
    plain = GaussianMixture(3, random_state=0, reg_covar=0).fit(rows).mixture_
    covariances = plain.covariance.covariances * np.outer(scale, scale)
    scaled = Mixture.from_parameters(plain.weights, plain.means * scale, covariances)
    for one, other in zip(*(inspect_fit(m, STOPPED).facts["components"] for m in (plain, scaled)), strict=True):
        for name in ("condition", "correlation_condition"):
            assert one[name] == pytest.approx(other[name], rel=1e-6)


def _with_a_spurious_component():
    rows = normal(200, 2, seed=3)
    near = np.argsort(np.abs(rows[:, 0] - 0.3))[:8]
    means = [[0.0, 0.0], rows[near].mean(axis=0)]
    return rows, Mixture.from_parameters([0.975, 0.025], means, [np.eye(2), np.diag([2e-4, 1.0])])


def test_a_component_on_a_few_aligned_rows_is_named_with_the_reason():
    rows, mixture = _with_a_spurious_component()
    start = {"weights_init": mixture.weights, "means_init": mixture.means}
    gm = GaussianMixture(2, precisions_init=mixture.covariance.precisions, reg_covar=0, **start).fit(rows)
    report = gm.report(rows)
    assert "spurious" in report.facts["components"][1]["troubles"]
    lines = lines_of(report)
    assert "by chance" in lines["component 1"]
    assert "component 0" not in lines
    assert "n_components=1" in lines["advice"]


def test_a_component_that_does_not_pay_for_itself():
    rows = normal(300, 2)
    facts = GaussianMixture(3, random_state=0).fit(rows).report(rows).facts
    assert any("unpaid" in found["troubles"] for found in facts["components"])
    assert facts["components"][0]["own_parameters"] == 6
    assert facts["advice"][0] == "Use fewer components: n_components=2."


@pytest.mark.parametrize(("k", "seed"), [(2, 1), (3, 0), (4, 0), (5, 1)])
def test_of_several_components_that_do_not_pay_one_is_to_be_removed_first(k, seed):
    rows = normal(300, 2, seed)
    report = GaussianMixture(k, random_state=0).fit(rows).report(rows)
    unpaid = [at for at, found in enumerate(report.facts["components"]) if found["troubles"] == ["unpaid"]]
    texts = [entry.text for entry in report.entries() if "is not worth its parameters" in entry.text]
    assert texts
    assert all(("remove one and fit again" in text) == (len(unpaid) > 1) for text in texts)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
def test_components_in_the_same_trouble_are_told_together():
    rows = normal(120, 2)
    report = GaussianMixture(60, random_state=0).fit(rows).report(rows)
    assert len(report.entries()) < 30
    grouped = [entry for entry in report.entries() if entry.label.endswith(" components")]
    assert grouped
    for entry in grouped:
        assert "each" in entry.text
        assert int(entry.label.split()[0]) >= 3


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([3], "3"), ([0, 1, 2, 5], "0 to 2, 5"), (list(range(0, 20, 2)), "0, 2, 4, 6, 8 and more")],
)
def test_numbers_in_a_row_are_shortened(numbers, text):
    assert number_ranges(numbers) == text


def test_the_loss_is_that_of_a_fit_without_the_component():
    rows = two(separation=3.0).sample(400, 1)[0]
    gm = GaussianMixture(2, random_state=0, tol=1e-9, max_iter=500).fit(rows)
    alone = GaussianMixture(1).fit(rows)
    lost = 400 * (gm.score(rows) - alone.score(rows))
    weighted = gm.report(rows, np.full(400, 3.0)).facts["components"]
    for component, found in enumerate(gm.report(rows).facts["components"]):
        assert found["loss_without"] == pytest.approx(lost, abs=1e-4)
        assert weighted[component]["loss_without"] == pytest.approx(3 * lost, abs=1e-3)


@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
def test_reg_covar_that_is_more_than_a_detail_is_said():
    rows = pd.DataFrame(normal(300, 2) * [1.0, 3e-3], columns=["wide", "narrow"])
    lines = lines_of(GaussianMixture(1, reg_covar=1e-6).fit(rows).report(rows))
    assert lines["reg_covar"].startswith("1e-06 is 1")
    assert "narrow" in lines["reg_covar"]
    rows["narrow"] = 1.0
    assert "reg_covar" not in lines_of(GaussianMixture(1, reg_covar=1e-6).fit(rows).report(rows))
    assert "reg_covar" not in lines_of(GaussianMixture(1).fit(rows[["wide"]]).report(rows[["wide"]]))


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", COVARIANCES)
@pytest.mark.parametrize("reg_covar", [0.0, 1e-6])
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_no_rows_are_too_odd_for_a_report(covariance_type, reg_covar):
    for rows in (
        normal(50, 1),
        normal(3, 2),
        normal(10, 30),
        np.ones((20, 2)),
        normal(80, 2) * 1e-120,
        normal(80, 2) * 1e140,
        np.random.default_rng(0).integers(0, 4, (5000, 3)).astype(np.uint8),
        normal(300, 3).astype(np.float32)[:, ::-1],
    ):
        lines_of(inspect_rows(rows, covariance_type=covariance_type))
        for k in (1, 3):
            settings = {
                "init_params": "kmeans",
                "tol": 1e-3,
                "max_iter": 100,
                "reg_covar": reg_covar,
                "random_state": 0,
            }
            gm = GaussianMixture(k, covariance_type=covariance_type, **settings).fit(rows)
            before = rows.copy()
            lines_of(gm.report(rows))
            lines_of(gm.report())
            assert np.array_equal(rows, before)


def test_a_terminal_shows_the_same_words():
    report = inspect_rows(frame(e=B))
    console = Console(width=100, record=True, file=None, highlight=False, quiet=True)
    console.quiet = False
    with console.capture() as capture:
        console.print(report)
    assert capture.get().split() == str(report).split()


def test_noise_has_a_line():
    rows, _ = noisy_clusters(0)
    gm = GaussianMixture(3, noise="uniform", random_state=0).fit(rows)
    report = gm.report(rows)
    count = int((gm.predict(rows) == -1).sum())
    assert f"{count} rows are most probably noise" in " ".join(lines_of(report)["noise"].split())
    assert report.facts["noise"]["weight"] == gm.noise_weight_
    assert "noise" in lines_of(gm.report())
    assert sum(cluster.n_rows for cluster in describe(gm, rows)) == len(rows) - count
