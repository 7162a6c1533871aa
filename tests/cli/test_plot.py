"""``gaussmix plot``: a figure of any format for any number of features, or one sentence that says what is wrong."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers.command_line import fails, succeeds
from PIL import Image

from gaussmix import Mixture
from gaussmix.cli import plot
from gaussmix.plots import model_figure
from gaussmix.plots.drawing import DARK, LIGHT
from gaussmix.plots.pairs import MOST_FEATURES


@pytest.fixture
def model(tmp_path):
    def of(n_features, names=True):
        rng = np.random.default_rng(0)
        names = [f"f{position}" for position in range(n_features)] if names else None
        mixture = Mixture.from_parameters(
            [0.6, 0.4], rng.normal(scale=4, size=(2, n_features)), [1.0, 2.0], covariance_type="spherical",
            feature_names=names,
        )  # fmt: skip
        mixture.save(tmp_path / "model.json")
        columns = names or [f"column {position}" for position in range(n_features)]
        pd.DataFrame(mixture.sample(100, 0)[0], columns=columns).to_csv(tmp_path / "table.csv", index=False)
        return tmp_path / "model.json", tmp_path / "table.csv"

    return of


@pytest.fixture
def asked(monkeypatch):
    """What the command has drawn."""
    seen = []

    def drawn(mixture, rows, **options):
        seen.append((mixture, rows, options))
        return model_figure(mixture, rows, **options)

    monkeypatch.setattr("gaussmix.plots.model_figure", drawn)
    return seen


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "begins"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml"), (".PNG", b"\x89PNG")]
)
def test_plot_writes_the_format_of_the_suffix(model, suffix, begins, tmp_path):
    out = tmp_path / f"figure{suffix}"
    assert succeeds("plot", *model(2), "-o", out).stdout.startswith("figure")
    assert out.read_bytes().startswith(begins)


@pytest.mark.slow
@pytest.mark.parametrize(("n_features", "n_axes"), [(1, 1), (2, 3), (3, 9)])
def test_figure_depends_on_the_number_of_features(n_features, n_axes, model):
    mixture = Mixture.load(model(n_features)[0])
    figure = model_figure(mixture, mixture.sample(50, 1)[0], title="What it is")
    assert len(figure.axes) == n_axes
    assert figure.texts[0].get_text() == "What it is"
    assert model_figure(mixture).texts[0].get_text() == "2 components"
    assert plt.get_fignums() == []


@pytest.mark.parametrize(("k", "n", "words"), [(1, 1, "1 component, 1 row"), (2, 1500, "2 components, 1,500 rows")])
def test_title_counts_components_and_rows(k, n, words):
    mixture = Mixture.from_parameters(np.full(k, 1 / k), np.eye(k, 1), np.ones(k), covariance_type="spherical")
    assert model_figure(mixture, np.zeros((n, 1))).texts[0].get_text() == words


@pytest.mark.slow
def test_plot_shows_all_rows_of_the_table_in_the_features_of_the_model(model, asked, tmp_path):
    path, table = model(3)
    frame = pd.read_csv(table)
    frame[["f2", "f0", "f1"]].assign(name="x").to_csv(table, index=False)
    succeeds("plot", path, table, "-o", tmp_path / "figure.png")
    [(mixture, rows, options)] = asked
    np.testing.assert_array_equal(rows, frame[["f0", "f1", "f2"]])
    assert mixture.feature_names == ("f0", "f1", "f2")
    assert options == {"features": [0, 1, 2], "dark": False}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "names", "chosen"),
    [("f2,f0", True, [2, 0]), ("2, 0", True, [2, 0]), ("1", False, [1]), ("f1", True, [1])],
)
def test_plot_shows_chosen_features(typed, names, chosen, model, asked, tmp_path):
    succeeds("plot", *model(3, names), "--features", typed, "-o", tmp_path / "figure.png")
    assert asked[0][2]["features"] == chosen


def test_plot_without_a_table_shows_the_model(model, asked, tmp_path):
    succeeds("plot", model(2)[0], "-o", tmp_path / "figure.png")
    assert asked[0][1] is None


@pytest.mark.slow
@pytest.mark.parametrize("n_features", [1, 2, 3])
@pytest.mark.parametrize(("options", "paper"), [([], LIGHT.paper), (["--dark"], DARK.paper)])
def test_plot_is_light_or_dark_everywhere(n_features, options, paper, model, tmp_path):
    succeeds("plot", *model(n_features), "-o", tmp_path / "figure.png", *options)
    pixels = np.asarray(Image.open(tmp_path / "figure.png").convert("RGB")).reshape(-1, 3)
    wanted = np.array([int(paper[at : at + 2], 16) for at in (1, 3, 5)])
    assert (np.abs(pixels.astype(int) - wanted).max(axis=1) < 3).mean() > 0.3
    opposite = 255 - wanted
    assert (np.abs(pixels.astype(int) - opposite).max(axis=1) < 12).mean() < 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "figure.jpg"], "figure.jpg must end in .png, .pdf or .svg, the formats of figures."),
        (["-o", "none/figure.png"], "the folder none does not exist"),
        (["-o", "figure.png", "--features", "f0,weight"], "there is no feature 'weight'; the names are ('f0', "),
        (
            ["-o", "figure.png", "--features", "f0,f0"],
            "features must name at least one feature, and each only once; got",
        ),
        (["-o", "figure.png", "--features", "7"], "there is no feature 7: the mixture has 3."),
        (["-o", "figure.png", "--features", ""], "features must name at least one feature"),
    ],
)
def test_plot_refuses_in_one_sentence_before_the_work(options, message, model, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path, table = model(3)
    monkeypatch.setattr(plot, "read_features", lambda *given: pytest.fail("the table was read"))
    assert message in fails("plot", path, table, *options)
    assert not (tmp_path / "figure.png").exists()


def test_plot_of_very_many_features_asks_for_some(model, tmp_path):
    path, table = model(MOST_FEATURES + 1)
    line = fails("plot", path, table, "-o", tmp_path / "figure.png")
    assert "has 9 features, and a figure shows up to 8; choose some, such as --features f0,f1,f2." in line


def test_plot_of_a_table_of_other_columns_says_so(model, tmp_path):
    path, table = model(2)
    table.write_text("f0,depth\n1,2\n")
    assert "has no column 'f1'" in fails("plot", path, table, "-o", tmp_path / "figure.png")
    assert "is an input" in fails("plot", path, table, "-o", table)
