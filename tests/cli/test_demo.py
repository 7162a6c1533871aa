"""The demo: it writes what it says, and what it says to try works as typed."""

import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image
from typer.testing import CliRunner

from gaussmix import GaussianMixture, Mixture
from gaussmix.cli import app
from gaussmix.datasets import load_old_faithful
from gaussmix.imaging import GaussianMixtureSegmenter

pytestmark = pytest.mark.slow  # they share a run of the demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "demo output"
    result = CliRunner().invoke(app, ["demo", "-o", str(folder)])
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return folder, result.stdout


def test_old_faithful_has_its_published_shape_and_ranges():
    rows, feature_names = load_old_faithful()
    assert rows.shape == (272, 2)
    assert feature_names == ("eruptions", "waiting")
    np.testing.assert_allclose(rows.mean(axis=0), [3.487783, 70.897059], atol=1e-6)
    np.testing.assert_array_equal(rows.min(axis=0), [1.6, 43])
    np.testing.assert_array_equal(rows.max(axis=0), [5.1, 96])


def test_demo_writes_its_files(demo):
    folder, _ = demo
    assert {path.name for path in folder.iterdir()} == {
        "old_faithful.csv",
        "old_faithful.json",
        "old_faithful.png",
        "china.png",
        "china",
    }
    for picture in ("old_faithful.png", "china/figure.png"):
        with Image.open(folder / picture) as image:
            assert min(image.size) > 1000
    np.testing.assert_array_equal(Image.open(folder / "china.png"), load_sample_image("china.jpg"))


def test_demo_models_are_those_that_python_fits(demo):
    folder, _ = demo
    rows, feature_names = load_old_faithful()
    mixture = Mixture.load(folder / "old_faithful.json")
    np.testing.assert_array_equal(mixture.means, GaussianMixture(2, random_state=0).fit(rows).means_)
    assert mixture.feature_names == feature_names
    segmenter = GaussianMixtureSegmenter(5, color_space="lab", random_state=0).fit(load_sample_image("china.jpg"))
    segments = Mixture.load(folder / "china" / "model.json")
    np.testing.assert_array_equal(segments.means, segmenter.mixture_.means)
    assert segments.feature_names == ("lightness", "green to red", "blue to yellow")
    labels = np.asarray(Image.open(folder / "china" / "labels.png"))
    np.testing.assert_array_equal(labels, segmenter.predict(load_sample_image("china.jpg")))


def test_demo_prints_both_summaries(demo):
    joined = " ".join(demo[1].split())
    assert "component weight eruptions waiting" in joined
    assert "segment share of pixels mean color" in joined
    assert joined.count("why it stopped Converged after") == 1


def test_demo_names_files_to_look_at_that_exist(demo):
    folder, out = demo
    lines = out[out.index("Look at:") : out.index("Try next:")].splitlines()[1:]
    assert len(lines) == 3
    for line in lines:
        assert Path(line.strip().split(": ")[0].split(" to ")[0]).is_relative_to(folder)
        assert Path(line.strip().split(": ")[0].split(" to ")[0]).is_file()


def test_demo_suggests_commands_that_work_as_typed(demo):
    _, out = demo
    lines = out[out.index("Try next:") :].splitlines()[1:]
    assert len(lines) == 4
    for line in lines:
        words = shlex.split(line)
        start = words.index("-m") + 2 if "-m" in words else 1
        assert Path(words[start - 1]).name == "gaussmix"
        assert shutil.which(words[0]) is not None
        result = CliRunner().invoke(app, words[start:])
        assert result.exit_code == 0, result.output


def test_demo_runs_again_into_the_same_folder(demo):
    folder, _ = demo
    result = CliRunner().invoke(app, ["demo", "-o", str(folder)])
    assert result.exit_code == 0, result.output
