"""Names of covariance models."""

import pytest

from gaussmix.selection.model_names import resolve


@pytest.mark.parametrize(
    ("types", "n_features", "expected"),
    [
        ("all", 2, "EII VII EEI VEI EVI VVI EEE VEE EVE VVE EEV VEV EVV VVV"),
        ("all", 1, "E V"),
        ("sklearn", 3, "full tied diag spherical"),
        ("sklearn", 1, "full tied"),
        (["VVV", "full", "tied"], 2, "VVV tied"),
        (["VEV", "EEE", "VVV"], 1, "V E"),
        ("full", 2, "full"),
        (["E", "V"], 1, "E V"),
    ],
)
def test_names_of_models(types, n_features, expected):
    assert " ".join(resolve(types, n_features)) == expected
