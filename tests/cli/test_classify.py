"""``gaussmix classify`` and predictions with its model."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from helpers.command_line import fails, succeeds
from sklearn.datasets import load_iris

import gaussmix
from gaussmix import GaussianMixtureClassifier, MixtureClassifier

IRIS = load_iris()
COLUMNS = ["sepal length", "sepal width", "petal length", "petal width"]
SPECIES = np.array(["setosa", "versicolor", "virginica"])[IRIS.target]
ONE = ["--label", "species", "-k", "1", "--covariance-type", "EEE"]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "iris.csv"
    pd.DataFrame(IRIS.data, columns=COLUMNS).assign(species=SPECIES).to_csv(path, index=False)
    return path


def test_report_and_held_out_rows_are_printed(table):
    out = " ".join(succeeds("classify", table, *ONE).stdout.split())
    for words in (
        "1 component of tied (EEE) in each class",
        "held-out accuracy 97.33 %",
        "true class",
        "setosa 50 0 0",
    ):
        assert words in out
    assert "150, 150 with a label, 3 classes" in out


def test_model_predicts_names_of_classes(table, tmp_path):
    model, labels = tmp_path / "model.json", tmp_path / "labels.csv"
    succeeds("classify", table, *ONE, "-o", model)
    succeeds("predict", model, table, "--proba", "-o", labels)
    read = pd.read_csv(labels)
    expected = GaussianMixtureClassifier(1, covariance_type="EEE", calibrate=True, random_state=0)
    expected.fit(IRIS.data, SPECIES)
    assert read["label"].tolist() == expected.predict(IRIS.data).tolist()
    shares = read[["p_setosa", "p_versicolor", "p_virginica"]].to_numpy()
    np.testing.assert_allclose(shares, expected.predict_proba(IRIS.data), atol=1e-9)
    assert MixtureClassifier.load(model).mixture.feature_names == tuple(COLUMNS)
    assert gaussmix.load(model).n_components == 3


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("missing", [None, -1])
def test_empty_cells_and_minus_one_are_rows_without_a_label(tmp_path, suffix, missing):
    path = tmp_path / f"few.{suffix}"
    labels = IRIS.target.astype(object) if missing is not None else SPECIES.astype(object)
    labels[np.arange(150) % 5 != 0] = missing
    frame = pd.DataFrame(IRIS.data, columns=COLUMNS).assign(species=labels.astype(int) if missing == -1 else labels)
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path, index=False)
    out = " ".join(succeeds("classify", path, *ONE).stdout.split())
    assert "150, 30 with a label, 3 classes" in out


def test_bic_chooses_without_folds_except_for_the_confusion_table(table):
    out = " ".join(succeeds("classify", table, "--label", "species", "-k", "1", "--selection", "bic").stdout.split())
    assert "the least BIC among 14 models" in out
    assert "held-out accuracy" in out


def test_some_columns_and_weights_are_used(table, tmp_path):
    frame = pd.read_csv(table).assign(count=1 + np.arange(150) % 2)
    frame.to_csv(table, index=False)
    model = tmp_path / "model.json"
    succeeds("classify", table, *ONE, "--columns", "petal length,petal width", "--weights", "count", "-o", model)
    document = json.loads(model.read_text())
    assert document["feature_names"] == ["petal length", "petal width"]
    assert document["classes"] == ["setosa", "versicolor", "virginica"]


INVALID = {
    "no such column": (["--label", "kind"], "has no column 'kind' for the labels; its columns are"),
    "label": (["--label", "Species"], "its columns are 'sepal length', 'sepal width'"),
    "continuous": (["--label", "petal width"], "labels must be whole numbers or text"),
    "structure": (["--label", "species", "--covariance-type", "XXX"], "covariance_type must be one of"),
    "selection": (["--label", "species", "--selection", "aic"], "selection must be one of"),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_options_are_named(table, name):
    options, message = INVALID[name]
    assert message in " ".join(fails("classify", table, *options).split())


def test_lines_of_the_report_are_not_wrapped(table):
    out = succeeds("classify", table, "--label", "species", "-k", "1", "--selection", "bic").stdout
    assert "1            VEV          all classes" in out or max(map(len, out.splitlines())) > 80


def test_empty_cells_of_features_are_refused_by_name_with_what_to_do(table, tmp_path):
    model, holes = tmp_path / "model.json", tmp_path / "holes.csv"
    succeeds("classify", table, *ONE, "-o", model)
    frame = pd.read_csv(table)
    frame.loc[3, "sepal width"] = np.nan
    frame.to_csv(holes, index=False)
    message = "holes.csv has missing or infinite values in 1 of 150 rows: 'sepal width' in row 3 (line 5); "
    for command in (["classify", holes, *ONE], ["predict", model, holes]):
        assert f"{message}fill in these cells (gaussmix impute)" in " ".join(fails(*command).split())


@pytest.mark.parametrize(
    ("label", "message"), [("setosa", "one label, 'setosa'"), (7, "one label, 7"), (None, "no label")]
)
def test_a_column_of_one_class_is_named(table, label, message):
    pd.read_csv(table).assign(species=label).to_csv(table, index=False)
    expected = f"column 'species' has {message}; at least two classes are needed"
    assert expected in " ".join(fails("classify", table, *ONE).split())


def test_predictions_without_classes_are_as_before(table, tmp_path):
    model, labels = tmp_path / "model.json", tmp_path / "labels.csv"
    succeeds("fit", table, "-k", "2", "--columns", ",".join(COLUMNS), "-o", model)
    succeeds("predict", model, table, "--proba", "-o", labels)
    with labels.open() as file:
        assert next(csv.reader(file)) == ["label", "p0", "p1"]
