"""The report as one HTML page: nothing outside it, the numbers of the mixture, names that cannot do harm."""

import re

import numpy as np
import pandas as pd
import pytest
from helpers.datasets import TABLES
from helpers.html_pages import assert_complete, named_eruptions, read
from helpers.noisy import noisy_clusters
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture as TheirMixture

import gaussmix.core.row_sampling
from gaussmix import GaussianMixture, GaussianMixtureIC, Mixture, StudentMixture
from gaussmix.core.component_means import format_means
from gaussmix.core.markup import Markup, element, joined
from gaussmix.core.rows import WeightedRows
from gaussmix.datasets import load_old_faithful
from gaussmix.html_report import write_report
from gaussmix.html_report.elements import data_table
from gaussmix.html_report.model_and_rows import ModelAndRows
from gaussmix.html_report.model_comparison import default_n_components
from gaussmix.html_report.row_scores import score_rows
from gaussmix.html_report.sections import unusual_rows

pytestmark = pytest.mark.usefixtures("reports_without_pictures")

NASTY = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b's", "</title></style>"]


@pytest.fixture
def written(tmp_path):
    def write(*args, **options):
        write_report(tmp_path / "report.html", *args, n_jobs=1, **options)
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    return write


def test_markup_is_kept_and_all_else_is_escaped():
    assert element("p", "<b>", Markup("<i>x</i>"), class_='a"b') == '<p class="a&quot;b">&lt;b&gt;<i>x</i></p>'
    assert element("img", alt="<") == '<img alt="&lt;">'
    assert element("p", hidden=None) == "<p></p>"
    assert joined(["<", Markup("<br>")], " & ") == "&lt; &amp; <br>"
    table = data_table("<c>", ["<a>", "b"], [["<x>", ("<y>", "k")]])
    assert '<th scope="row" class="words">&lt;x&gt;</th><td class="k">&lt;y&gt;</td>' in table


@pytest.mark.slow
@pytest.mark.parametrize(("name", "k"), [("line", 2), ("iris", 3), ("overlapping", 1), ("wide", 4)])
def test_pages_of_any_number_of_features_are_complete(name, k, drawn, written):
    rows = TABLES[name][0]
    text = written(GaussianMixture(k, random_state=0).fit(rows).mixture_, rows, n_components=(1, 2))
    reader = assert_complete(text)
    assert len(text) < 3e6
    headings = [attributes["id"] for tag, attributes in reader.tags if tag == "section"]
    assert headings == [
        "summary", "mixture", "components", "clusters", "certainty", "unusual", "diagnostics", "overlap", "models"
    ]  # fmt: skip
    assert sum(tag == "img" for tag, _ in reader.tags) == (3 if k > 1 else 2)
    assert f"{len(rows):,} rows" in reader.texts["header"]


def test_numbers_are_those_of_the_mixture(written):
    table = named_eruptions()
    gm = GaussianMixture(3, random_state=0).fit(table)
    reader = assert_complete(written(gm, table, n_components=()))
    lines = reader.table("Assigned rows: the rows of which")
    assert lines[0] == ["component", "weight", "assigned rows", "eruptions", "waiting"]
    counts = np.bincount(gm.predict(table), minlength=3)
    for at, line in enumerate(lines[1:4]):
        assert line == [str(at), f"{gm.weights_[at]:.4f}", str(counts[at]), *format_means(gm.mixture_)[at]]
        for feature, cell in enumerate(line[3:]):
            mean, deviation = map(float, cell.split(" ± "))
            assert mean == pytest.approx(gm.means_[at, feature], abs=0.01)
            assert deviation == pytest.approx(np.sqrt(gm.covariances_[at, feature, feature]), abs=0.01)
    facts = reader.texts["dl"]
    assert f"{gm.lower_bound_ * 272:.4f} ({gm.lower_bound_:.6f} per row)" in facts
    for value in (gm.bic(table), gm.icl(table), gm.aic(table)):
        assert f"{value:.3f}" in facts
    assert gm.stop_reason_ in facts
    assert "models" not in reader.attributes("id")


def test_criteria_of_other_models_are_those_of_the_search(written):
    table = named_eruptions()
    mixture = GaussianMixture(2, random_state=0).fit(table).mixture_
    reader = assert_complete(written(mixture, table, n_components=(2, 3)))
    types = ["full", "tied", "diag", "spherical"]
    search = GaussianMixtureIC((2, 3), covariance_types=types, random_state=0, n_jobs=1).fit(table)
    results = search.results_
    lines = reader.table("This model and the five best")
    gm = GaussianMixture(2, random_state=0).fit(table)
    [this] = [line for line in lines[1:] if line[0] == "this model"]
    assert this[1] == "full (VVV) 2"
    assert this[4:] == [f"{value:.2f}" for value in (gm.bic(table), gm.icl(table), gm.aic(table))]
    assert len(lines) == 6
    for line, at in zip(lines[1:], results.ranked, strict=False):
        assert line[1] == results.name_of(at)
        assert line[3:] == [
            str(results.n_parameters[at]), f"{results.bic[at]:.2f}", f"{results.icl[at]:.2f}", f"{results.aic[at]:.2f}"
        ]  # fmt: skip
    cells = reader.table("BIC relative to")
    assert cells[0] == ["K", *types]
    shown = np.array([[float(cell.strip("*?")) for cell in line[1:]] for line in cells[1:]])
    np.testing.assert_allclose(shown, results.difference.reshape(2, 4), atol=0.051)
    assert search.reason_ in reader.texts["main"]


def test_a_model_that_the_search_did_not_find_is_listed_before_the_best(written):
    table = named_eruptions()
    for k, scale, place in ((2, 1.0, None), (2, 1.2, 1), (4, 1.3, 1)):
        fitted = GaussianMixture(k, random_state=0).fit(table).mixture_
        spread = fitted.covariance.covariances * scale
        given = Mixture.from_parameters(fitted.weights, fitted.means, spread, feature_names=fitted.feature_names)
        lines = assert_complete(written(given, table, n_components=(2, 3))).table("This model and the five best")
        places = [at for at, line in enumerate(lines) if line[0] == "this model"]
        assert len(places) == 1
        assert place is None or places == [place]
        assert len(lines) == (6 if place is None else 7)


@pytest.mark.parametrize(
    ("distance", "said"),
    [
        (2.4, "apart"),
        (2.6, "apart"),
        (9.0, None),
        (1.0, "share"),
    ],
)
def test_components_with_modes_of_their_own_may_overlap(distance, said, written):
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [distance]], [[[1.0]], [[1.0]]])
    text = assert_complete(written(mixture, mixture.sample(300, 0)[0], n_components=())).texts["main"]
    assert ("the density has a maximum in each" in text) == (said == "apart")
    assert ("Components that share a mode" in text) == (said == "share")


@pytest.mark.slow
def test_a_search_of_these_rows_is_not_made_again(written, monkeypatch):
    table = named_eruptions()
    search = GaussianMixtureIC((2, 3), covariance_types=["EEE", "VVV"], random_state=0).fit(table)
    monkeypatch.setattr(GaussianMixtureIC, "fit", lambda *_: pytest.fail("fitted again"))
    reader = assert_complete(written(search, table))
    assert reader.table("BIC relative to")[0] == ["K", "EEE", "VVV"]
    monkeypatch.undo()
    reader = assert_complete(written(search, table[:200], title="of other rows"))
    assert reader.table("BIC relative to")[0] == ["K", "tied", "full", "diag", "spherical"]


def test_uncertain_and_unlikely_rows_are_those_of_an_oracle():
    rows = TABLES["overlapping"][0]
    mixture = GaussianMixture(3, random_state=0).fit(rows).mixture_
    scores = score_rows(mixture, WeightedRows(rows))
    densities = np.column_stack(
        [
            weight * multivariate_normal(mean, covariance).pdf(rows)
            for weight, mean, covariance in zip(mixture.weights, mixture.means, mixture.covariance.dense(), strict=True)
        ]
    )
    log_density = np.log(densities.sum(axis=1))
    shares = densities / densities.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(scores.unlikely, np.argsort(log_density)[:10])
    np.testing.assert_allclose(scores.unlikely_log_density, np.sort(log_density)[:10])
    np.testing.assert_array_equal(scores.uncertain, np.argsort(shares.max(axis=1))[:10])
    np.testing.assert_allclose(scores.uncertain_responsibilities, shares[scores.uncertain], atol=1e-9)
    edges = [0, 0.6, 0.9, 0.99, 1 + 1e-9]
    for component in range(3):
        own = shares.max(axis=1)[shares.argmax(axis=1) == component]
        np.testing.assert_array_equal(scores.certainty_counts[component], np.histogram(own, edges)[0][::-1])
    assert scores.moments.log_likelihood == pytest.approx(log_density.sum())


def test_shares_of_less_dense_rows_are_those_of_a_normal_distribution():
    mixture = Mixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    scores = score_rows(mixture, WeightedRows(np.array([[0.0], [2.5], [-3.0], [1.0]])))
    np.testing.assert_array_equal(scores.unlikely, [2, 1, 3, 0])
    np.testing.assert_allclose(scores.unlikely_shares, [0.0027, 0.0124, 0.3173, 1.0], atol=0.005)
    assert scores.rare_share == 0.25  # |x| > 2.576


def test_weights_count_in_the_share_of_rare_rows():
    mixture = Mixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    rows = WeightedRows(np.array([[0.0], [3.0]]), np.array([3.0, 1.0]))
    assert score_rows(mixture, rows).rare_share == 0.25


def test_means_are_shaded_by_their_side(written):
    mixture = Mixture.from_parameters([0.5, 0.5], [[-9.0], [9.0]], [1.0, 1.0], covariance_type="spherical")
    text = written(mixture, mixture.sample(50, 0)[0], n_components=())
    assert re.findall(r'<td class="(above|below)\d">(-?9)', text) == [("below", "-9"), ("above", "9")]


def test_a_planted_anomaly_is_named_with_its_feature(written):
    table = named_eruptions()
    mixture = GaussianMixture(2, random_state=0).fit(table).mixture_
    planted = pd.concat([table, pd.DataFrame({"eruptions": [3.0], "waiting": [200.0]})], ignore_index=True)
    line = assert_complete(written(mixture, planted, n_components=())).table("The rows of lowest density")[1]
    assert line[0] == "272"
    assert line[2] == "< 0.001 %"
    assert line[4].startswith("waiting is 200, ")
    assert line[4].endswith("standard deviations above the mean")


def test_what_is_unusual_about_a_row_is_the_feature_the_combination_or_little():
    mixture = Mixture.from_parameters([0.9, 0.1], [[0, 0], [50, 50]], [[[1, 0.95], [0.95, 1]], 9 * np.eye(2)])
    rows = np.array([[0.0, 0.0], [1.9, -1.9], [-2.5, -2.5], [51.0, 51.0]])
    data = ModelAndRows.of(mixture, rows, None)
    reader = read(unusual_rows(data, score_rows(mixture, WeightedRows(rows))))
    assert {line[0]: line[4] for line in reader.table("The rows of lowest density")[1:]} == {
        "1": "no single feature but their combination",
        "2": "x0 is -2.5, 2.5 standard deviations below the mean",
        "3": "none: the row is well within its component",
        "0": "none: the row is well within its component",
    }


def test_of_many_rows_some_are_compared(written, monkeypatch):
    monkeypatch.setattr(gaussmix.core.row_sampling, "MOST", 100)
    table = named_eruptions()
    mixture = GaussianMixture(2, random_state=0).fit(table).mixture_
    reader = assert_complete(written(mixture, table, n_components=(2,)))
    assert "Compared on 100 of the 272 rows" in reader.texts["section"]
    line = reader.table("This model")[1]
    assert float(line[2]) > -600  # that of 272 rows is -1130
    assert f"{GaussianMixture(2, random_state=0).fit(table).bic(table):.3f}" in reader.texts["dl"]


def test_weights_count_as_rows(written):
    table = named_eruptions()
    gm = GaussianMixture(2, random_state=0).fit(table)
    weights = np.arange(272) % 3
    repeated = table.loc[table.index.repeat(weights)]
    one, other = (
        assert_complete(written(gm.mixture_, rows, sample_weight=each, n_components=(2,)))
        for rows, each in ((table, weights), (repeated, None))
    )
    for words in ("Assigned rows", "and its probability", "This model"):
        assert one.table(words) == other.table(words)
    assert "181 rows (total weight 271)" in one.texts["header"]


def test_one_row_and_one_component_are_not_spoken_of_as_several(written):
    reader = assert_complete(written(Mixture.from_parameters([1.0], [[0.0]], [[[1.0]]]), np.zeros((1, 1))))
    assert reader.texts["h1"] == "A mixture of 1 component"
    assert reader.texts["header"].count("1 row, 1 feature, 1 component of structure") == 1
    said = " ".join([reader.texts["body"], *reader.attributes("alt")])
    assert not re.search(r"\b1 (rows|features|components)\b", said)


@pytest.mark.slow
def test_rows_of_weight_zero_are_in_no_picture(drawn, written):
    table = named_eruptions()
    gm = GaussianMixture(2, random_state=0).fit(table)
    far = pd.concat([table, table + 300])
    one, other = (
        assert_complete(written(gm.mixture_, rows, sample_weight=each, n_components=()))
        for rows, each in ((far, np.repeat([1, 0], 272)), (table, None))
    )
    assert one.attributes("src") == other.attributes("src")


def test_names_with_markup_are_shown_and_do_nothing(written):
    rows = TABLES["iris"][0]
    table = pd.DataFrame(rows, columns=NASTY)
    mixture = GaussianMixture(2, random_state=0).fit(table).mixture_
    reader = assert_complete(written(mixture, table, title="<script>x</script>", n_components=()))
    assert reader.table("Assigned rows")[0][3:] == NASTY
    assert reader.texts["title"] == reader.texts["h1"] == "<script>x</script>"
    assert "<script>alert(1)</script>" in " ".join(reader.attributes("alt"))


@pytest.mark.slow
def test_wide_tables_are_cut_into_parts_that_can_be_read(drawn, written):
    rng = np.random.default_rng(0)
    k, d = 20, 40
    means = 4 * rng.standard_normal((k, d))
    names = [f"measurement {feature}" for feature in range(d)]
    mixture = Mixture.from_parameters(
        np.full(k, 1 / k), means, np.ones((k, d)), covariance_type="diag", feature_names=names
    )
    text = written(mixture, mixture.sample(500, 0)[0], n_components=())
    reader = assert_complete(text)
    assert len(text) < 3e6
    tables = [table["lines"] for table in reader.tables if table["lines"][0][0] == "feature"]
    assert all(len(table[0]) <= 7 for table in tables)
    assert [name for table in tables for name in table[0][2:]] == [str(component) for component in range(k)]
    words = format_means(mixture)
    for table in tables:
        assert [line[0] for line in table[3:]] == names
        for position, component in enumerate(map(int, table[0][2:]), 2):
            assert tuple(line[position] for line in table[3:]) == words[component]


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes(drawn, written):
    table = named_eruptions()
    gm = GaussianMixture(2, random_state=0).fit(table)
    assert written(gm.mixture_, table, n_components=(1, 2)) == written(gm.mixture_, table, n_components=(1, 2))


def test_models_of_scikit_learn_are_reported(written):
    rows = TABLES["iris"][0]
    theirs = TheirMixture(2, covariance_type="tied", random_state=0).fit(rows)
    reader = assert_complete(written(theirs, rows, n_components=()))
    assert f"{theirs.bic(rows):.3f}" in reader.texts["dl"]
    assert "why it stopped" not in reader.texts["dl"]


def test_a_model_below_the_optimum_is_told_so(written):
    table = named_eruptions()
    gm = GaussianMixture(2, random_state=0).fit(table)
    moved = Mixture.from_parameters(gm.weights_, gm.means_ + np.array([0.1, 0.0]), gm.covariances_)
    behind = gm.score(table) - moved.log_density(table).mean()
    reader = assert_complete(written(moved, table, n_components=(2,)))
    assert f"has a log-likelihood {272 * behind:.4g} nats higher" in reader.texts["section"]
    assert "nats higher" not in read(written(gm.mixture_, table, n_components=(2,))).texts["section"]


def test_components_with_one_peak_are_named_and_overlap_is_listed(written):
    mixture = Mixture.from_parameters(
        [0.4, 0.2, 0.3, 0.1], [[0.0], [30.0], [1.0], [40.0]], np.ones(4), covariance_type="spherical"
    )
    reader = assert_complete(written(mixture, mixture.sample(500, 0)[0], n_components=()))
    assert "Components that share a mode: 0 and 2." in reader.texts["section"]
    assert "3 clusters instead of 4 components" in reader.texts["section"]
    assert reader.table("Overlap of two components")[1][0] == "0 and 2"


def test_columns_that_tell_nothing_are_left_out_of_the_comparison(written):
    rows, _ = load_old_faithful()
    table = pd.DataFrame(rows, columns=["a", "b"]).assign(c=7.0, twice=2 * rows[:, 0])
    with pytest.warns(UserWarning, match="constant"):
        mixture = GaussianMixture(2, random_state=0).fit(table).mixture_
    reader = assert_complete(written(mixture, table, n_components=(2,)))
    assert "because constant or determined by other columns: c and twice." in reader.texts["section"]
    assert "collapsed" not in reader.texts["dl"]
    plain = GaussianMixture(2, random_state=0).fit(table[["a", "b"]])
    line = reader.table("This model")[1]
    assert float(line[4]) == pytest.approx(plain.bic(table[["a", "b"]]), abs=0.01)


def test_columns_are_taken_by_name():
    table = named_eruptions()
    mixture = GaussianMixture(2, random_state=0).fit(table).mixture_
    data = ModelAndRows.of(mixture, table.assign(name="x")[["name", "waiting", "eruptions"]], None)
    np.testing.assert_array_equal(data.rows.values, table)
    with pytest.raises(ValueError, match="no column 'waiting', a feature of the model"):
        ModelAndRows.of(mixture, table[["eruptions"]], None)
    with pytest.raises(ValueError, match="row 1, column 0"):
        ModelAndRows.of(mixture, np.array([[1.0, 2.0], [np.inf, 1.0]]), None)
    with pytest.raises(ValueError, match="no rows"):
        ModelAndRows.of(mixture, np.empty((0, 2)), None)


def test_numbers_compared_are_those_around_the_model():
    assert default_n_components(1) == (1, 2, 3, 4)
    assert default_n_components(5) == tuple(range(1, 9))
    assert default_n_components(20) == (1, 17, 18, 19, 20, 21, 22, 23)


def test_separation_is_the_share_of_variance_between_components():
    gm = GaussianMixture(3, random_state=0).fit(named_eruptions())
    rows, labels = gm.mixture_.sample(200_000, 0)
    between = np.array([rows[labels == at].mean(axis=0) for at in range(3)])[labels].var(axis=0)
    np.testing.assert_allclose(ModelAndRows.of(gm, rows, None).separation, between / rows.var(axis=0), atol=0.01)


def test_noise_has_its_lines(written):
    rows, _ = noisy_clusters(0, n=200)
    gm = GaussianMixture(3, covariance_type="EII", noise="uniform", random_state=0).fit(rows)
    page = written(gm, rows, n_components=3)
    assert "and uniform noise" in page
    assert f"{gm.noise_weight_:.4f}" in page
    assert "with noise" in page


def test_t_distributions_are_refused_before_any_work(tmp_path):
    rows, _ = noisy_clusters(0, n=200)
    fitted = StudentMixture(3, random_state=0).fit(rows)
    for model in (fitted, fitted.mixture_):
        with pytest.raises(ValueError, match="a report in HTML is not defined for a mixture of t distributions"):
            write_report(tmp_path / "report.html", model, rows)
    assert not (tmp_path / "report.html").exists()
