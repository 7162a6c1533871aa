"""Conversion from mclust: the density is the one that R computes."""

import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest

from gaussmix.convert import from_mclust
from gaussmix.core.covariance import MODELS

FILE = Path(__file__).parent / "mclust.rds"
"""Models of every third row of iris by mclust 6.0.0, and their log densities by its ``dens``."""

SCRIPT = """
suppressMessages(library(mclust))
rows <- as.matrix(iris[, 1:4])
models <- lapply(mclust.options("emModelNames"), function(name) Mclust(rows, G = 3, modelNames = name, verbose = FALSE))
saveRDS(list(
  models = models, names = mclust.options("emModelNames"), rows = unname(rows),
  log_densities = lapply(models, function(m)
    unname(dens(rows, modelName = m$modelName, parameters = m$parameters, logarithm = TRUE)))
), commandArgs(trailingOnly = TRUE))
"""


@pytest.fixture(scope="module")
def read():
    rdata = pytest.importorskip("rdata")

    def read_quietly(path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # rdata does not know mclust's classes
            return rdata.read_rds(path)

    return read_quietly


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "covariance_type"), [("VVE", "VVE"), ("EEI", "EEI"), ("XXX", "tied"), ("V", "spherical"), ("E", "EII")]
)
def test_models_of_a_file_have_the_densities_of_r(name, covariance_type, read):
    content = read(FILE)
    model = content["models"][name]
    mixture = from_mclust(model)
    rows = np.asarray(model["data"]).reshape(5, -1)
    assert mixture.covariance_type == covariance_type
    np.testing.assert_allclose(mixture.log_density(rows), np.ravel(content["log_densities"][name]), atol=1e-13)
    names = ("Sepal.Length", "Sepal.Width", "Petal.Length", "Petal.Width") if mixture.n_features == 4 else None
    assert mixture.feature_names == names


@pytest.mark.slow
def test_all_fourteen_models_that_r_fits_now(read, tmp_path):
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed")
    path = tmp_path / "models.rds"
    if subprocess.run(["Rscript", "-e", SCRIPT, str(path)], capture_output=True, timeout=300).returncode:
        pytest.skip("the R package mclust is not installed")
    content = read(path)
    assert set(content["names"]) == set(MODELS)
    for name, model, expected in zip(content["names"], content["models"], content["log_densities"], strict=True):
        mixture = from_mclust(model)
        assert type(mixture.covariance) is MODELS[name]
        np.testing.assert_allclose(mixture.log_density(content["rows"]), expected, rtol=1e-9, atol=1e-9)


def parameters(**changes):
    variance = {"sigmasq": [1.0, 2.0]} | changes.pop("variance", {})
    return {"pro": [0.5, 0.5], "mean": [0.0, 1.0], "variance": variance} | changes


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"modelName": "V"}, "model has no entry 'parameters'; its entries are modelName"),
        ({"modelName": "V", "parameters": {"pro": [1.0]}}, "parameters has no entry 'mean'"),
        ({"parameters": parameters()}, "model has no entry 'modelName'"),
        ({"modelName": "ABC", "parameters": parameters()}, "covariance_type must be one of"),
        ({"modelName": "V", "parameters": parameters(variance={"sigmasq": None})}, "covariances"),
        ({"modelName": "V", "parameters": parameters(pro=[0.4, 0.4, 0.2])}, "no entry 'Vinv'"),
        ({"modelName": "V", "parameters": [1.0]}, "parameters must be a list with names"),
        ([1.0], "model must be a list with names"),
    ],
)
def test_anything_else_is_refused(model, message):
    with pytest.raises(ValueError, match=message):
        from_mclust(model)


@pytest.mark.parametrize("data", [None, [[0.0], [4.0], [9.0]]])
def test_noise_has_the_weight_and_the_volume_of_r(data):
    model = {"modelName": "V", "parameters": parameters(pro=[0.4, 0.4, 0.2], Vinv=[0.1])}
    mixture = from_mclust(model if data is None else model | {"data": data})
    assert mixture.background.weight == pytest.approx(0.2)
    assert mixture.background.volume == pytest.approx(10)
    np.testing.assert_allclose(mixture.weights, [0.4, 0.4])
    assert mixture.log_density([[1e6]])[0] == pytest.approx(np.log(0.2 * 0.1))
