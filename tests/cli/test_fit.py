"""``gaussmix fit``: what it prints and writes, and the kinds of fits that its options ask for."""

import io
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.command_line import fails, run, succeeds
from helpers.noisy import noisy_clusters
from rich.console import Console

import gaussmix
from gaussmix import GaussianMixture, Mixture
from gaussmix.cli.summary import mixture_summary
from gaussmix.tables import write_table

CHOOSE = ["--columns", "length"]


def test_fit_gives_the_model_that_python_gives(table, rows, tmp_path):
    succeeds("fit", table, "-k", 3, "--columns", "length,width", "--seed", 5, "-o", tmp_path / "out.json")
    expected = GaussianMixture(3, random_state=5).fit(rows)
    mixture = gaussmix.load(tmp_path / "out.json")
    np.testing.assert_array_equal(mixture.means, expected.means_)
    np.testing.assert_array_equal(mixture.covariance.covariances, expected.covariances_)
    assert mixture.feature_names == ("length", "width")


def test_fit_reports_when_asked(table):
    assert "certainty" not in succeeds("fit", table, "-k", "3", "--columns", "length,width").stdout
    printed = succeeds("fit", table, "-k", "3", "--columns", "length,width,w", "--report").stdout
    assert "w has 4 distinct values" in printed
    assert "certainty" in printed


def test_fit_prints_weights_means_likelihood_criteria_and_why_it_stopped(table, rows):
    out = succeeds("fit", table, "-k", 3, "--columns", "length,width").stdout
    expected = GaussianMixture(3, random_state=0).fit(rows)
    joined = " ".join(out.split())
    assert "component weight length width" in joined
    for weight, mean in zip(expected.weights_, expected.means_, strict=True):
        assert f"{weight:.4f} {mean[0]:.3f} ±" in joined
    assert f"log-likelihood {expected.lower_bound_ * 120:.4f} ({expected.lower_bound_:.6f} per row)" in joined
    assert f"BIC {expected.bic(rows):.3f} (lower is better)" in joined
    assert f"AIC {expected.aic(rows):.3f}" in joined
    assert f"iterations {expected.n_iter_} why it stopped {expected.stop_reason_}" in joined


@pytest.mark.parametrize("k", [3, 60, 90, 119])
def test_fit_with_unsound_components_says_so_above_the_criteria(k, table, rows):
    joined = " ".join(succeeds("fit", table, "-k", k, "--columns", "length,width").stdout.split())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        n_unsound = GaussianMixture(k, random_state=0).fit(rows).fit_result_.soundness.n_unsound
    assert (n_unsound > 0) == (k > 3)
    said = f"doubtful {n_unsound} of {k} components: collapsed, empty, short of rows or spurious"
    assert (said in joined) == (k > 3)
    assert k == 3 or joined.index("doubtful") < joined.index("BIC")


def test_fit_passes_every_option_on(table, rows, tmp_path):
    options = ["--covariance-type", "diag", "--n-init", 2, "--max-iter", 7, "--tol", 1e-9, "--reg-covar", 0.01]
    succeeds(
        "fit", table, "-k", 2, "--columns", "width,length", *options, "--init", "random", "-o", tmp_path / "out.json"
    )
    expected = GaussianMixture(
        2, covariance_type="diag", n_init=2, max_iter=7, tol=1e-9, reg_covar=0.01, init_params="random", random_state=0
    )
    with pytest.warns(UserWarning, match="did not converge"):
        expected.fit(rows[:, ::-1])
    mixture = Mixture.load(tmp_path / "out.json")
    np.testing.assert_array_equal(mixture.means, expected.means_)
    np.testing.assert_array_equal(mixture.covariance.covariances, expected.covariances_)


def test_fit_leaves_to_the_estimator_what_is_not_given(table, monkeypatch):
    seen = {}
    untouched = GaussianMixture.__init__

    def init(self, *args, **options):
        seen.update(options)
        untouched(self, *args, **options)

    monkeypatch.setattr(GaussianMixture, "__init__", init)
    succeeds("fit", table, "-k", 2, "--columns", "length")
    assert set(seen) == {"covariance_type", "random_state", "callback"}
    succeeds("fit", table, "-k", 2, "--columns", "length", "--reg-covar", "chen-tan", "--max-iter", 900)
    assert (seen["reg_covar"], seen["max_iter"]) == ("chen-tan", 900)
    result = succeeds("fit", table, "-k", 2, "--columns", "length", "--time-budget", 0)
    assert "why it stopped  Stopped by time_budget" in result.stdout
    assert "'inverse-wishart'); got 'wishart'." in fails("fit", table, "-k", 2, "--reg-covar", "wishart", *CHOOSE)


def test_fit_with_row_weights_leaves_their_column_out_of_the_features(table, rows, tmp_path):
    table_of_numbers = tmp_path / "numbers.csv"
    pd.read_csv(table).drop(columns="name").to_csv(table_of_numbers, index=False)
    out = succeeds("fit", table_of_numbers, "-k", 2, "--weights", "w", "-o", tmp_path / "out.json").stdout
    expected = GaussianMixture(2, random_state=0).fit(rows, sample_weight=np.arange(120) % 4)
    mixture = Mixture.load(tmp_path / "out.json")
    np.testing.assert_array_equal(mixture.means, expected.means_)
    assert mixture.feature_names == ("length", "width")
    assert "120 (total weight 180)" in out


@pytest.mark.parametrize("suffix", [".parquet", ".npy"])
def test_fit_of_other_formats_agrees_with_csv(suffix, rows, tmp_path):
    for path in (tmp_path / "t.csv", tmp_path / f"t{suffix}"):
        write_table(path, {"length": rows[:, 0], "width": rows[:, 1]})
        succeeds("fit", path, "-k", 3, "-o", f"{path}.json")
    first, second = (json.loads((tmp_path / f"t{end}.json").read_text()) for end in (".csv", suffix))
    assert first.pop("feature_names") == ["length", "width"]
    assert second.pop("feature_names") == (None if suffix == ".npy" else ["length", "width"])
    assert first == second


def test_fit_without_output_writes_nothing(table, tmp_path):
    succeeds("fit", table, "-k", 2, "--columns", "length")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_fit_warnings_are_one_line_each_on_stderr(table, tmp_path):
    result = succeeds("fit", table, "-k", 3, "--columns", "length", "--init", "kmeans", "--max-iter", 1)
    assert result.stderr.startswith("Warning: Best performing initialization did not converge.")
    assert result.stderr.count("\n") == 1
    (tmp_path / "twice.csv").write_text("a,b\n" + "1,5\n" * 9 + "7,6\n" * 9)
    result = succeeds("fit", tmp_path / "twice.csv", "-k", 2, "--reg-covar", 0, "--tol", 1e-3)
    few, collapsed = result.stderr.splitlines()
    assert few.startswith("Warning: 2 of 18 rows are distinct.")
    assert collapsed.startswith("Warning: Components 0 and 1 collapsed")


def test_summary_of_many_columns_is_readable_or_says_what_it_leaves_out():
    def printed(k, d):
        mixture = Mixture.from_parameters(
            np.full(k, 1 / k), np.zeros((k, d)), np.ones((k, d)), covariance_type="diag",
            feature_names=[f"column number {position}" for position in range(d)],
        )  # fmt: skip
        console = Console(file=io.StringIO(), width=80)
        console.print(mixture_summary(mixture, 80))
        return console.file.getvalue()

    for k, d in ((1, 1), (3, 3), (3, 40), (12, 3), (12, 40), (2, 200)):
        text = printed(k, d)
        assert max(map(len, text.splitlines())) <= 80
        assert "…" not in text
        shown = sum(f"column number {position} " in f"{text} ".replace("\n", " ") for position in range(d))
        assert shown == d or (shown == 60 and f"(the first {shown} of {d} columns)" in text)


def test_fit_of_markup_in_names_prints_the_names(rows, tmp_path):
    pd.DataFrame(rows, columns=["[red]a", "[/b]"]).to_csv(tmp_path / "[x].csv", index=False)
    out = succeeds("fit", tmp_path / "[x].csv", "-k", 2, "-o", tmp_path / "[bold].json").stdout
    assert "[red]a" in out
    assert "[/b]" in out
    assert "[bold].json" in out.replace("\n", "").replace(" ", "")
    assert "'[c]'" in fails("fit", tmp_path / "[x].csv", "-k", 2, "--columns", "[c]")


def test_the_numbers_of_components_that_fit_does_not_choose_are_refused():
    for number, message in (("auto", "gaussmix select"), ("2.5", "is not a number"), ("0", "not at least 1")):
        result = run("fit", "table.csv", "-k", number)
        assert result.exit_code == 2
        assert message in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize("numbers", [np.arange(60), 1000 + 3 * np.arange(60), -np.arange(60)])
@pytest.mark.parametrize("command", [("fit", "-k", 2), ("select", "-k", "1:2", "--covariance-type", "EEI")])
def test_fit_and_select_warn_of_columns_that_number_the_rows(command, numbers, rows, tmp_path):
    table = pd.DataFrame({"number": numbers, "a": rows[:60, 0], "b": rows[:60, 1]})
    table.to_csv(tmp_path / "t.csv", index=False)
    name, *options = command
    assert "number increases or decreases with every row" in succeeds(name, tmp_path / "t.csv", *options).stderr
    assert "every row" not in succeeds(name, tmp_path / "t.csv", *options, "--columns", "a,b").stderr


@pytest.mark.parametrize("n_distinct", [3, 8, 20])
def test_fit_and_select_warn_of_few_distinct_rows(n_distinct, tmp_path):
    rows = np.random.default_rng(0).normal(size=(n_distinct, 2))
    pd.DataFrame(np.tile(rows, (12, 1)), columns=["a", "b"]).to_csv(tmp_path / "t.csv", index=False)
    for command in (("fit", "-k", 1), ("select", "-k", "1:2", "--covariance-type", "EEI")):
        stderr = succeeds(command[0], tmp_path / "t.csv", *command[1:]).stderr
        assert f"{n_distinct} of {12 * n_distinct} rows are distinct" in stderr


def test_warnings_about_columns_name_them(rows, tmp_path):
    table = pd.DataFrame({"width": rows[:, 0], "height": rows[:, 1], "sum": rows.sum(axis=1), "unit": 7.0})
    table.to_csv(tmp_path / "t.csv", index=False)
    for command in (("fit", "-k", 2), ("select", "-k", "1:2", "--covariance-type", "VVV")):
        stderr = succeeds(command[0], tmp_path / "t.csv", *command[1:]).stderr
        assert "unit is constant" in stderr
        assert "linear function of" in stderr
        assert "x2" not in stderr


def test_noise_is_fitted_applied_and_compared(tmp_path):
    rows, _ = noisy_clusters(0)
    table, model = tmp_path / "rows.csv", tmp_path / "model.json"
    pd.DataFrame(rows, columns=["a", "b"]).to_csv(table, index=False)
    said = succeeds("fit", table, "-k", 3, "--noise", "--report", "-o", model)
    expected = GaussianMixture(3, noise="uniform", random_state=0).fit(rows)
    mixture = gaussmix.load(model)
    assert mixture.background.weight == pytest.approx(expected.noise_weight_, rel=1e-9)
    assert "uniform noise" in said.stdout
    succeeds("predict", model, table, "--proba", "-o", tmp_path / "out.csv")
    found = pd.read_csv(tmp_path / "out.csv")
    assert list(found) == ["label", "p0", "p1", "p2", "p_noise"]
    np.testing.assert_array_equal(found["label"], mixture.labels(rows))
    chosen = succeeds("select", table, "-k", "3", "--covariance-type", "EII", "--noise", "--json")
    assert json.loads(chosen.stdout)["best"]["noise"] is True
    for said in (fails("outliers", model, table), fails("impute", table, "--model", model)):
        assert "has uniform noise" in said
        assert "without --noise" in " ".join(said.split())


def test_fit_trims_rows_and_bounds_variances(table, rows, tmp_path):
    model = tmp_path / "model.json"
    printed = succeeds(
        *["fit", table, "--columns", "length,width", "-k", 3, "--trim", 0.1, "--max-variance-ratio", 1, "-o", model]
    )
    expected = GaussianMixture(3, trim=0.1, max_variance_ratio=1, random_state=0).fit(rows)
    np.testing.assert_allclose(Mixture.load(model).covariance.dense(), expected.covariances_, rtol=1e-9)
    assert "12 (share 0.1)" in printed.stdout
    succeeds("predict", model, table, "-o", tmp_path / "labels.csv")
    labels = pd.read_csv(tmp_path / "labels.csv")["label"]
    np.testing.assert_array_equal(labels, expected.mixture_.labels(rows))  # of trimmed rows, too
    kept = expected.predict(rows) >= 0
    np.testing.assert_array_equal(labels[kept], expected.predict(rows)[kept])
    assert not kept.all()
    assert "trim must be a share" in fails("fit", table, "--columns", "length,width", "-k", 3, "--trim", 2)


@pytest.mark.parametrize(("truncation", "said"), [("2", "2 of 6 components"), ("5", "5 of 6 components"), ("6", "")])
def test_fit_truncates(truncation, said, table, rows, tmp_path):
    model, options = tmp_path / "model.json", ["--columns", "length,width", "-k", 6, "--reg-covar", 0.2]
    printed = succeeds("fit", table, *options, "--truncation", truncation, "-o", model).stdout
    expected = GaussianMixture(6, reg_covar=0.2, truncation=int(truncation), random_state=0).fit(rows)
    np.testing.assert_allclose(Mixture.load(model).means, expected.means_, rtol=1e-9)
    assert ("truncation" in printed) == bool(said)
    assert said in " ".join(printed.split())


@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
def test_fit_with_automatic_truncation_is_that_of_python(tmp_path):
    rows = np.random.default_rng(0).normal(size=(1400, 2))
    np.save(tmp_path / "rows.npy", rows)
    options = ["--covariance-type", "spherical", "--truncation", "auto", "-o", tmp_path / "model.json"]
    printed = succeeds("fit", tmp_path / "rows.npy", "-k", 70, *options).stdout
    expected = GaussianMixture(70, covariance_type="spherical", truncation="auto", random_state=0).fit(rows)
    np.testing.assert_allclose(Mixture.load(tmp_path / "model.json").means, expected.means_, rtol=1e-9)
    assert "truncation" in printed


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_fit_refuses_a_truncation_that_is_no_number(value, table):
    said = fails("fit", table, "--columns", "length,width", "-k", 2, f"--truncation={value}")
    assert 'truncation must be "auto", a whole number, at least 1' in said


@pytest.mark.parametrize(("name", "n_factors"), [("factor", 1), ("factor-UUC", 1), ("factor-CCU", 2)])
def test_fit_takes_factor_covariances(name, n_factors, tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(120, 1)) @ rng.normal(size=(1, 4)) + rng.normal(size=(120, 4))
    np.save(tmp_path / "rows.npy", rows)
    options = ["--covariance-type", name, "--n-factors", n_factors, "-o", tmp_path / "model.json"]
    succeeds("fit", tmp_path / "rows.npy", "-k", 1, *options)
    expected = GaussianMixture(1, covariance_type=name, n_factors=n_factors, random_state=0).fit(rows)
    mixture = Mixture.load(tmp_path / "model.json")
    assert mixture.covariance_type == f"{name}({n_factors})"
    np.testing.assert_allclose(mixture.log_density(rows), expected.score_samples(rows), rtol=1e-12)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--trim", 0.1), ("--max-variance-ratio", 5), ("--truncation", "auto"), ("--n-factors", 1)],
)
def test_fit_names_the_options_that_t_distributions_do_not_have(table, option, value):
    said = fails("fit", table, "--columns", "length,width", "-k", 2, "--family", "student", option, value)
    assert f"{option} is not defined for t distributions: leave out {option} or --family" in " ".join(said.split())
    factor = ["--covariance-type", "factor", "--n-factors", 1]
    said = fails("fit", table, "--columns", "length,width", "-k", 2, "--family", "student", *factor)
    assert "--covariance-type factor is not defined for t distributions" in said
