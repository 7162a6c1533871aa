"""Warm starts from neighboring models."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from gaussmix.core.covariance import MODELS, covariance_class
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.starts import Sample
from gaussmix.selection.nesting import is_submodel
from gaussmix.selection.partitions import SearchData
from gaussmix.selection.warm_starts import doubled, merges, nudged_splits, splits
from gaussmix.testing import random_mixture

IRIS = load_iris().data


def search_data_of(rows, sizes):
    data = Sample.of(WeightedRows(rows), "full")
    return SearchData(data, sizes, lambda *_: MaximumLikelihood(), np.random.default_rng(0))


@pytest.mark.parametrize("simple", MODELS)
def test_a_promoted_mixture_has_the_same_density(simple):
    mixture = random_mixture(covariance_class(simple), 3, 3, np.random.default_rng(1))
    rows = np.random.default_rng(2).normal(size=(20, 3))
    for rich in MODELS.values():
        if is_submodel(covariance_class(simple), rich):
            again = mixture.promote_to(rich)
            assert type(again.covariance) is rich
            np.testing.assert_allclose(again.log_density(rows), mixture.log_density(rows), rtol=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_a_doubled_component_changes_no_density(name):
    mixture = random_mixture(covariance_class(name), 3, 3, np.random.default_rng(1))
    rows = np.random.default_rng(2).normal(size=(20, 3))
    twice = doubled(mixture)
    assert twice.n_components == 4
    np.testing.assert_allclose(twice.log_density(rows), mixture.log_density(rows), rtol=1e-12)


def test_proposals_are_responsibilities():
    data = search_data_of(IRIS, [2, 3, 4])
    mixture = random_mixture(covariance_class("VVV"), 3, 4, np.random.default_rng(0))
    mixture = Mixture(mixture.weights, IRIS[[10, 60, 110]], mixture.covariance)
    table = data.responsibilities(mixture)
    proposed = [
        (list(splits(IRIS, mixture, table)), 4),
        (list(nudged_splits(IRIS, mixture, table)), 4),
        (list(merges(mixture, table, 150.0)), 2),
    ]
    for proposals, size in proposed:
        assert len(proposals) == 3
        for _, table in proposals:
            assert table.shape == (len(IRIS), size)
            np.testing.assert_allclose(table.sum(axis=1), 1.0, rtol=1e-12)
            assert (table >= 0).all()
    for size in (2, 3, 4):
        for _, table in data.partitions(size):
            assert table.shape == (len(IRIS), size)
