"""The lattice of covariance models."""

import numpy as np
import pytest

from gaussmix.core.covariance import MODELS
from gaussmix.core.covariance.constrained import AbstractConstrained
from gaussmix.selection.nesting import from_simple_to_rich, is_submodel, nearest_submodels
from gaussmix.testing import random_covariance

PAIRS = [(simple, rich) for simple in MODELS.values() for rich in MODELS.values()]


@pytest.mark.parametrize(("simple", "rich"), PAIRS, ids=lambda structure: structure.letters)
def test_covariances_of_a_submodel_and_no_others_are_kept_by_the_richer_one(simple, rich):
    given = random_covariance(simple, 3, 3, np.random.default_rng(0)).dense()
    counts = np.ones(3)
    free = rich.free if issubclass(rich, AbstractConstrained) else rich
    match free.form:
        case "full":
            roots = np.linalg.cholesky(given)
        case "tied":
            roots = np.linalg.cholesky(given.mean(axis=0))
        case "diagonal":
            roots = np.sqrt(np.diagonal(given, axis1=1, axis2=2))
        case "spherical":
            roots = np.sqrt(np.trace(given, axis1=1, axis2=2) / 3)
    nearest = rich(roots, 3, 3)
    if isinstance(nearest, AbstractConstrained):
        nearest = nearest.nearest(counts, nearest.roots)
    assert np.allclose(nearest.dense(), given, rtol=0, atol=1e-7) == is_submodel(simple, rich)


def test_neighbors_of_some_models():
    def letters(structures):
        return {structure.letters for structure in structures}

    everything = list(MODELS.values())
    assert letters(nearest_submodels(MODELS["VVV"], everything)) == {"VVE", "VEV", "EVV"}
    assert letters(nearest_submodels(MODELS["EEE"], everything)) == {"EEI"}
    assert letters(nearest_submodels(MODELS["VEE"], everything)) == {"VEI", "EEE"}
    assert letters(nearest_submodels(MODELS["EII"], everything)) == set()
    few = [MODELS[name] for name in ("VII", "VVV", "EII")]
    assert letters(nearest_submodels(MODELS["VVV"], few)) == {"VII"}


def test_no_structure_comes_before_a_submodel():
    order = from_simple_to_rich(reversed(MODELS.values()))
    for at, structure in enumerate(order):
        assert not any(is_submodel(later, structure) for later in order[at + 1 :])
