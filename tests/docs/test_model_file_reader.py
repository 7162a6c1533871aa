"""The reader of model files in JavaScript, on the page about the format, agrees with gaussmix."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.core.covariance import STRUCTURES
from gaussmix.testing import random_mixture, with_noise

PAGE = Path(__file__).parents[2] / "docs" / "model-file.md"
SIZES = ((3, 3), (1, 4), (4, 1), (3, 30))


@pytest.fixture(scope="module")
def javascript():
    engine = pytest.importorskip("py_mini_racer").MiniRacer()
    (source,) = re.findall(r"```javascript\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    engine.eval(source)
    return engine


def test_the_reader_is_short():
    (source,) = re.findall(r"```javascript\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert source.count("\n") <= 70


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("name", STRUCTURES)
def test_the_reader_reproduces_the_vectors(name, noise, offset, javascript, tmp_path):
    for size in SIZES:
        drawn = random_mixture(STRUCTURES[name], *size, np.random.default_rng(0))
        moved = Mixture(drawn.weights, drawn.means + offset, drawn.covariance)
        (with_noise(moved) if noise else moved).save(tmp_path / "model.json")
        text = (tmp_path / "model.json").read_text()
        javascript.eval(f"model = readModel({json.dumps(text)}, 1e-12)")
        vectors = json.loads(text)["test_vectors"]
        for row, log_density, responsibilities, label in zip(*vectors.values(), strict=True):
            found = json.loads(javascript.eval(f"JSON.stringify(evaluate(model, {json.dumps(row)}))"))
            assert found["logDensity"] == pytest.approx(log_density, rel=1e-12)
            np.testing.assert_allclose(found["responsibilities"], responsibilities, rtol=1e-11, atol=1e-12)
            assert found["label"] == label


def test_the_reader_notices_a_changed_model(javascript, tmp_path):
    random_mixture(STRUCTURES["full"], 2, 2, np.random.default_rng(0)).save(tmp_path / "model.json")
    document = json.loads((tmp_path / "model.json").read_text())
    document["means"][0][0] += 1e-3
    text = json.dumps(json.dumps(document))
    with pytest.raises(Exception, match="test vector 0 is not reproduced"):
        javascript.eval(f"readModel({text})")
