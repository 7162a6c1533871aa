"""Tables, models and pictures on which commands run."""

import nibabel
import numpy as np
import pandas as pd
import pytest
from helpers.stripes import stripes
from PIL import Image

from gaussmix import GaussianMixture


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    means = np.array([[0.0, 10.0], [8.0, 30.0], [-9.0, -20.0]])
    return means[rng.integers(0, 3, 120)] + rng.normal(size=(120, 2))


@pytest.fixture
def table(rows, tmp_path):
    path = tmp_path / "table.csv"
    columns = {"length": rows[:, 0], "name": np.array(["x"] * 120), "width": rows[:, 1], "w": np.arange(120) % 4}
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


@pytest.fixture
def model(rows, tmp_path):
    mixture = GaussianMixture(3, random_state=0).fit(pd.DataFrame(rows, columns=["length", "width"])).mixture_
    mixture.save(tmp_path / "model.json")
    return tmp_path / "model.json"


@pytest.fixture
def picture(tmp_path):
    """Stripes that are transparent at the top."""
    pixels = np.dstack([stripes(), np.full((20, 30), 255, dtype=np.uint8)])
    pixels[:5, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


@pytest.fixture
def folder(tmp_path):
    """Three pictures of one kind."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(["a.png", "b.png", "c.bmp"]):
        Image.fromarray(stripes(number, height=20 + number)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def volume(tmp_path):
    rng = np.random.default_rng(0)
    values = (np.repeat([900, 100, 500], 5)[None, None].repeat(8, axis=0).repeat(9, axis=1)).astype(np.int16)
    values += rng.integers(0, 60, values.shape, dtype=np.int16)
    affine = np.diag([2.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = [5, -6, 7]
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "t1.nii.gz")
    return tmp_path / "t1.nii.gz"
