"""``gaussmix select``: what it prints, what it writes, and one clear sentence when the input is wrong."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from helpers.command_line import fails, succeeds
from rich.console import Console

import gaussmix
from gaussmix import GaussianMixtureIC
from gaussmix.cli.select import Criterion, numbers_in
from gaussmix.datasets import load_old_faithful
from gaussmix.selection.table import CRITERIA

FEW = ["-k", "2,3", "--covariance-type", "EEE,full"]


@pytest.fixture
def table(tmp_path):
    rows, names = load_old_faithful()
    path = tmp_path / "eruptions.csv"
    pd.DataFrame(rows, columns=list(names)).assign(count=np.arange(len(rows)) % 3).to_csv(path, index=False)
    return path


@pytest.fixture
def factor_table(tmp_path):
    rng = np.random.default_rng(0)
    groups = [rng.normal(size=(80, 1)) @ rng.normal(size=(1, 5)) + rng.normal(size=(80, 5)) + 4 * at for at in (0, 1)]
    path = tmp_path / "factors.csv"
    pd.DataFrame(np.vstack(groups), columns=list("abcde")).to_csv(path, index=False)
    return path


@pytest.fixture
def two_columns():
    return ["--columns", ",".join(load_old_faithful()[1])]


@pytest.fixture
def expected():
    search = GaussianMixtureIC([2, 3], covariance_types=["EEE", "full"], random_state=0)
    return search.fit(load_old_faithful()[0])


def test_table_explanation_and_best_model_are_printed(table, two_columns, expected):
    out = succeeds("select", table, *FEW, *two_columns).stdout
    joined = " ".join(out.split())
    assert "BIC relative to tied (EEE) 3, 2314.30 (lower is better)" in joined
    assert "K EEE full" in joined
    assert "3 0.0*" in joined
    assert " ".join(str(expected.why()).split()) in joined
    assert "component weight eruptions waiting" in joined
    assert f"{expected.mixture_.weights[0]:.4f}" in joined


def test_files_are_those_that_python_writes(table, two_columns, expected, tmp_path):
    models, model, found = tmp_path / "models.csv", tmp_path / "model.json", tmp_path / "models.json"
    out = succeeds("select", table, *FEW, *two_columns, "-o", models, "--model", model).stdout
    assert "models.csv" in "".join(out.split())
    assert "model.json" in "".join(out.split())
    lines = list(csv.DictReader(models.read_text().splitlines()))
    assert [float(line["bic"]) for line in lines] == expected.results_.bic.tolist()
    mixture = gaussmix.load(model)
    np.testing.assert_array_equal(mixture.means, expected.mixture_.means)
    assert mixture.feature_names == load_old_faithful()[1]
    succeeds("predict", model, table)
    printed = succeeds("select", table, *FEW, *two_columns, "-o", found, "--json").stdout
    content = json.loads(printed)
    assert json.loads(found.read_text()) == content
    assert content["reason"] == expected.reason_
    assert content["best"]["covariance_type"] == "EEE"
    assert [line["icl"] for line in content["models"]] == expected.results_.icl.tolist()


def test_options_reach_the_search(table, two_columns):
    content = json.loads(
        succeeds(
            *("select", table, "-k", 2, "--covariance-type", "sklearn", "--criterion", "icl", "--seed", 3, "--jobs", 1),
            *("--reg-covar", 0.01, "--weights", "count", "--json"),
        ).stdout
    )
    rows, _ = load_old_faithful()
    search = GaussianMixtureIC([2], covariance_types="sklearn", criterion="icl", reg_covar=0.01, random_state=3)
    search.fit(rows, sample_weight=np.arange(len(rows)) % 3)
    assert [line["covariance_type"] for line in content["models"]] == ["full", "tied", "diag", "spherical"]
    assert [line["icl"] for line in content["models"]] == search.results_.icl.tolist()
    assert content["criterion"] == "icl"


@pytest.mark.parametrize(
    ("types", "factors", "names"),
    [
        ("factor", "1:2", ["factor(1)", "factor(2)"]),
        ("diag,factor-UUC", "2", ["diag", "factor-UUC(2)"]),
        ("sklearn,factor", "1,3", ["full", "tied", "diag", "spherical", "factor(1)", "factor(3)"]),
        ("factor, factor-CCU", "1", ["factor(1)", "factor-CCU(1)"]),
    ],
)
def test_numbers_of_factors_are_an_axis(types, factors, names, factor_table, tmp_path):
    model = tmp_path / "model.json"
    options = ["--covariance-type", types, "--n-factors", factors]
    content = json.loads(succeeds("select", factor_table, "-k", 2, *options, "--json", "--model", model).stdout)
    assert [line["covariance_type"] for line in content["models"]] == names
    rows = pd.read_csv(factor_table).to_numpy()
    search = GaussianMixtureIC([2], covariance_types=names, random_state=0).fit(rows)
    assert [line["bic"] for line in content["models"]] == search.results_.bic.tolist()
    assert gaussmix.load(model).covariance_type == search.mixture_.covariance_type


def test_criteria_are_all_there():
    assert [criterion.value for criterion in Criterion] == list(CRITERIA)


@pytest.mark.parametrize(
    ("text", "numbers"), [("1:4", (1, 2, 3, 4)), ("2,4,8", (2, 4, 8)), ("3", (3,)), ("1:2, 5:6,5", (1, 2, 5, 6))]
)
def test_ranges_include_both_ends(text, numbers):
    assert numbers_in(text) == numbers


@pytest.mark.parametrize("text", ["", "0:3", "4:2", "a", "1-3", "1:", ":3", "2,,3", "-1", "1:100000000", "1.5"])
def test_ranges_that_are_none_are_refused(text, table):
    assert "such as 1:9 or 2,4,8" in fails("select", table, f"-k{text}" if text else "--components=")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--covariance-type", "round"], "got 'round'."),
        (["--covariance-type", "E"], "a model of one column"),
        (["--covariance-type", "full,,tied"], "got ''."),
        (["--reg-covar", "wishart"], "got 'wishart'."),
        (["-o", "models.txt"], "models.txt must end in .csv or .json."),
        (
            ["-o", "same.json", "--model", "same.json"],
            "same.json cannot be both the table (-o) and the model (--model).",
        ),
        (["--columns", "size"], "size"),
        (["--n-factors", "1:2"], 'add it, as in "--covariance-type all,factor"'),
        (["--covariance-type", "diag,factor"], "needs --n-factors, such as --n-factors 1:4"),
        (["--covariance-type", "factor", "--n-factors", "0"], "--n-factors must be numbers of factors, at least 1"),
        (["--covariance-type", "factor", "--n-factors", "1", "--noise"], "not supported with factor covariances"),
        (["-k", "400"], "No model could be fitted: 400 components need as many distinct rows"),
    ],
)
def test_wrong_options_are_told_in_a_sentence(options, message, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in fails("select", table, *([] if "-k" in options else ["-k", "1"]), *options)
    assert [path.name for path in tmp_path.iterdir()] == ["eruptions.csv"]


def test_input_is_not_overwritten(table):
    assert "is an input" in fails("select", table, "-k", 1, "-o", table)
    assert "is an input" in fails("select", table, "-k", 1, "--model", table)


def test_one_row_is_too_few(tmp_path):
    (tmp_path / "one.csv").write_text("a,b\n1,2\n")
    assert "has 1 row; a comparison of models requires at least 2." in fails("select", tmp_path / "one.csv")


def test_doubts_are_warnings_on_stderr(tmp_path):
    rng = np.random.default_rng(0)
    pd.DataFrame(rng.normal(size=(7, 2)), columns=["a", "b"]).to_csv(tmp_path / "few.csv", index=False)
    result = succeeds("select", tmp_path / "few.csv", "-k", 4, "--covariance-type", "VVV", "--json")
    assert result.stderr.startswith("Warning: full (VVV) with 4 components: BIC")
    assert result.stderr.count("\n") == 1
    assert json.loads(result.stdout)["best"]["status"] == "doubtful"


@pytest.mark.slow
@pytest.mark.parametrize("width", [40, 80, 200])
def test_table_fits_in_the_width(width, expected):
    console = Console(width=width, file=None, record=True, force_terminal=False)
    with console.capture() as capture:
        console.print(expected.results_)
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= width
    assert any("0.0*" in line for line in lines)
