"""The examples of the pages run, and print what the pages say they print."""

import re
from contextlib import redirect_stdout
from io import StringIO
from textwrap import dedent

import matplotlib
import matplotlib.pyplot as plt
import pytest
from helpers.pages import BLOCK, DOCS, run_page
from sklearn.datasets import load_sample_image

from gaussmix import plots

PLOT = re.compile(r"^\.\. plot::\n(?:   :.*\n)+\n((?:   .*\n|\n)+)", re.MULTILINE)


PAGES = {
    "what-a-mixture-is": 1,
    "guide": 2,
    "hundreds-of-features": 2,
    "choosing": 2,
    "bayes": 9,
    "missing-values": 3,
    "measurement-errors": 2,
    "robust-mixtures": 4,
    "streams": 4,
    "long-fits": 2,
    "larger-than-memory": 1,
    "thousands-of-components": 1,
    "cluster": 1,
    "criteria": 1,
    "merging": 1,
    "classification": 4,
    "describe-clusters": 3,
    "uncertainty": 1,
    "standard-errors": 1,
    "comparing": 1,
    "outliers": 4,
    "regression": 3,
    "report": 0,
    "troubleshooting": 0,
    "images": 0,
    "speed": 0,
    "from-scikit-learn": 3,
    "from-mclust": 3,
    "from-teigen": 1,
    "from-tclust": 1,
}
"""Page -> how many texts it shows that its examples print."""


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_examples_run_and_print_what_the_page_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # they write files
    assert run_page(name) == PAGES[name]


@pytest.mark.slow
def test_readme_examples_run_and_print_what_it_says(tmp_path, monkeypatch):
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sklearn.datasets.load_sample_image", lambda name: load_sample_image(name)[::4, ::4])
    blocks = BLOCK.findall((DOCS.parent / "README.md").read_text(encoding="utf-8"))
    assert [language for language, _ in blocks] == ["python", "text", "python"]
    names, printed = {}, StringIO()
    with redirect_stdout(printed):
        exec(compile(blocks[0][1], "README.md", "exec"), names)
    assert printed.getvalue() == blocks[1][1]
    with redirect_stdout(StringIO()):
        exec(compile(blocks[2][1], "README.md", "exec"), names)
    assert {path.name for path in tmp_path.iterdir()} == {"eruptions.png", "model.json"}


@pytest.mark.slow
def test_every_display_draws_as_the_page_of_pictures_says():
    matplotlib.use("agg")
    text = (DOCS / "plots.rst").read_text(encoding="utf-8")
    blocks = [dedent(block) for block in PLOT.findall(text)]
    assert len(blocks) == text.count(".. plot::")
    names = {}
    for block in blocks:
        plt.close("all")
        exec(compile(block, "plots.rst", "exec"), names)
        assert len(plt.get_fignums()) == ("plots." in block)
    plt.close("all")
    displays = {name for name in plots.__all__ if name.endswith("Display")}
    assert displays == set(re.findall(r"plots\.(\w+Display)", text))
