"""The texts that users read most, as a whole: CONTRIBUTING.md says how to write the files anew."""

import numpy as np
import pandas as pd
import pytest
from helpers import golden
from helpers.command_line import succeeds
from helpers.golden import assert_golden
from PIL import Image

from gaussmix import GaussianMixture, GaussianMixtureIC, Mixture, compare_mixtures, merge_components, standard_errors
from gaussmix.datasets import load_old_faithful
from gaussmix.diagnostics import FitRecord, inspect_fit, inspect_rows

ERUPTIONS, NAMES = load_old_faithful()
MIXTURE = Mixture.from_parameters(
    [0.64, 0.25, 0.11],
    [[4.3, 80.0], [2.0, 54.0], [2.2, 55.0]],
    [[[0.17, 0.9], [0.9, 36.0]]] * 3,
    feature_names=NAMES,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory, in a terminal of 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def table(folder):
    """Old Faithful as a CSV file in the working directory."""
    pd.DataFrame(ERUPTIONS, columns=list(NAMES)).to_csv("eruptions.csv", index=False)
    return "eruptions.csv"


@pytest.fixture
def pictures(folder):
    """A folder of three pictures of three stripes, in the working directory."""
    (folder / "pictures").mkdir()
    colors = np.array([[200, 190, 60], [20, 40, 90], [120, 60, 50]])
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 20, (20, 30, 3))
        pixels = (colors[np.arange(30) // 10][None] + noise).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "pictures" / f"{number}.png")
    return "pictures"


def test_report_on_rows_with_problems():
    columns = np.random.default_rng(0).standard_normal((300, 3)).T
    frame = pd.DataFrame(dict(zip("abc", 100 * columns, strict=True)))
    frame.loc[5, "c"] = 9e4
    frame = frame.assign(constant=1.0, twice=frame["a"], scaled=3 - 2 * frame["b"])
    frame["sum"] = frame["a"] + frame["c"] + 1e-3 * frame["b"]
    frame["count"] = np.arange(300) % 3
    frame = pd.concat([frame] * 2)
    assert_golden("rows", str(inspect_rows(frame, n_components=2, covariance_type="spherical")))


def test_report_on_a_fit_with_problems():
    record = FitRecord(
        "Stopped by max_iter after 3 iterations.",
        converged=False,
        n_iter=3,
        start_log_likelihoods=np.array([-1130.3, -1146.7, -1151.2, -1160.0]),
        history={"seconds": np.array([0.0, 0.1, 0.2, 0.3])},
    )
    assert_golden("fit_report", str(inspect_fit(MIXTURE, record, ERUPTIONS)))


def test_explanation_of_a_choice():
    search = GaussianMixtureIC(range(1, 4), covariance_types=["EII", "EEE", "VVV"], random_state=0).fit(ERUPTIONS)
    assert_golden("explanation", f"{search.results_}\n\n{search.why()}")


def test_tables_of_components():
    other = Mixture(MIXTURE.weights, MIXTURE.means + np.array([0.1, 0.0]), MIXTURE.covariance)
    texts = [
        compare_mixtures(MIXTURE, other, rows_old=ERUPTIONS[:136], rows_new=ERUPTIONS[136:]),
        merge_components(MIXTURE, ERUPTIONS),
        standard_errors(GaussianMixture(2, random_state=0).fit(ERUPTIONS), ERUPTIONS),
    ]
    assert_golden("components", "\n\n".join(map(str, texts)))


def test_gaussmix_fit(table):
    assert_golden("fit", succeeds("fit", table, "-k", 2, "--report", "-o", "model.json").stdout)


def test_gaussmix_select(table):
    options = ["-k", "1:3", "--covariance-type", "EEE,VVV", "--model", "model.json"]
    assert_golden("select", succeeds("select", table, *options).stdout)


@pytest.mark.slow
def test_gaussmix_segment(pictures):
    outputs = [
        succeeds("segment", path, "-k", 3, "-o", folder).stdout
        for path, folder in ((f"{pictures}/0.png", "one"), (pictures, "several"))
    ]
    assert_golden("segment", "\n".join(outputs))


@pytest.mark.parametrize(("text", "same"), [("a\nin 3.2 seconds ", True), ("a\nin 4 seconds\nb", False)])
def test_other_texts_are_told_apart(text, same, tmp_path, monkeypatch):
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    monkeypatch.delenv("UPDATE_GOLDEN", raising=False)
    (tmp_path / "name.txt").write_text("a\nin N seconds\n")
    if same:
        assert_golden("name", text)
    else:
        with pytest.raises(AssertionError):
            assert_golden("name", text)
