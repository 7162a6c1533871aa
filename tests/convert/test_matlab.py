"""Conversion from and to structs of MATLAB."""

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from gaussmix import GaussianMixture
from gaussmix.convert import from_matlab, to_matlab
from gaussmix.core.covariance import MODELS
from gaussmix.testing import random_mixture

KINDS = {"EEE": "tied", "EII": "EEI", "EEI": "EEI", "VII": "diag", "VEI": "diag", "EVI": "diag", "VVI": "diag"}
SIZES = ((3, 4), (3, 3), (1, 3), (3, 1), (1, 1), (2, 30))


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MODELS)
def test_a_file_brings_the_mixture_back(name, size, tmp_path):
    mixture = random_mixture(MODELS[name], *size, np.random.default_rng(0))
    rows, _ = mixture.sample(50, 0)
    struct = to_matlab(mixture)
    savemat(tmp_path / "fields.mat", struct)
    savemat(tmp_path / "struct.mat", {"gm": struct})
    for given in (
        struct,
        loadmat(tmp_path / "fields.mat"),
        loadmat(tmp_path / "fields.mat", simplify_cells=True),
        loadmat(tmp_path / "struct.mat")["gm"],
        loadmat(tmp_path / "struct.mat")["gm"][0, 0],
        loadmat(tmp_path / "struct.mat", struct_as_record=False)["gm"][0, 0],
        loadmat(tmp_path / "struct.mat", simplify_cells=True)["gm"],
    ):
        back = from_matlab(given)
        assert back.covariance_type == KINDS.get(name, "full")
        np.testing.assert_allclose(back.log_density(rows), mixture.log_density(rows), rtol=1e-12)


def test_shapes_are_those_of_gmdistribution():
    shapes = {}
    for name in ("VVV", "EEE", "VVI", "EEI", "VII", "EII"):
        struct = to_matlab(random_mixture(MODELS[name], 3, 4, np.random.default_rng(0)))
        assert struct["mu"].shape == (3, 4)
        assert struct["ComponentProportion"].shape == (1, 3)
        shapes[name] = struct["Sigma"].shape, struct["CovarianceType"], struct["SharedCovariance"]
    assert shapes == {
        "VVV": ((4, 4, 3), "full", False),
        "EEE": ((4, 4), "full", True),
        "VVI": ((1, 4, 3), "diagonal", False),
        "EEI": ((1, 4), "diagonal", True),
        "VII": ((1, 4, 3), "diagonal", False),
        "EII": ((1, 4), "diagonal", True),
    }


@pytest.mark.parametrize(
    ("sigma", "covariance_type"),
    [
        (np.stack([np.eye(3), 2 * np.eye(3)], axis=2), "full"),
        (np.eye(3), "tied"),
        (np.ones((1, 3, 2)), "diag"),
        (np.ones((1, 3)), "EEI"),
        (np.ones((3, 2)), "diag"),
        (np.ones(3), "EEI"),
    ],
)
def test_the_shape_tells_what_the_properties_would(sigma, covariance_type):
    struct = {"mu": [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], "Sigma": sigma, "ComponentProportion": [0.25, 0.75]}
    mixture = from_matlab(struct)
    assert mixture.covariance_type == covariance_type
    np.testing.assert_array_equal(mixture.means, struct["mu"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mu": None}, "struct has no field 'mu'"),
        ({"mu": [[0.0], [1.0], [2.0]]}, "mu must have a row for each of 2 components"),
        ({"Sigma": np.ones((2, 2))}, r"Sigma of 2 components in 1 features must have one of the shapes \(1, 1, 2\)"),
        ({"Sigma": [[-1.0]]}, "positive-definite"),
        ({"ComponentProportion": [0.5, 0.1]}, "weights"),
    ],
)
def test_anything_else_is_refused(changes, message):
    struct = {"mu": [[0.0], [1.0]], "Sigma": [[1.0]], "ComponentProportion": [0.5, 0.5]} | changes
    with pytest.raises(ValueError, match=message):
        from_matlab({name: value for name, value in struct.items() if value is not None})


def test_an_estimator_is_accepted():
    np.testing.assert_allclose(to_matlab(GaussianMixture(1).fit([[0.0], [2.0]]))["mu"], [[1.0]])
