"""The examples run, say what they find, and save their figure."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from PIL import Image

FOLDER = Path(__file__).parents[1] / "examples"
NEEDS = {"photo_rgb_and_gray": "skimage", "nuclei": "skimage", "brain_slice": "nilearn", "volume": "matplotlib"}


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_example_runs_at_reduced_size(name, tmp_path, capsys):
    pytest.importorskip(NEEDS[name])
    specification = spec_from_file_location(name, FOLDER / f"{name}.py")
    example = module_from_spec(specification)
    specification.loader.exec_module(example)
    example.main(tmp_path, every=3)
    assert "nan" not in capsys.readouterr().out
    (figure,) = tmp_path.iterdir()
    with Image.open(figure) as saved:
        assert (figure.stem, min(saved.size) > 400) == (name, True)


def test_examples_are_all_listed():
    scripts = {path.stem for path in FOLDER.glob("*.py")}
    assert scripts == set(NEEDS)
    listed = (FOLDER / "README.md").read_text()
    assert all(f"`{name}.py`" in listed for name in scripts)
