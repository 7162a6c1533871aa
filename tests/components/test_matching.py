"""Names that stay: matching against every permutation, orders that do not depend on the fit."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from helpers.datasets import TABLES

from gaussmix import GaussianMixture, Mixture, align, match_components, order_components
from gaussmix.components.matching import match_costs, principal_direction
from gaussmix.core.covariance import MODELS, covariance_class
from gaussmix.testing import random_mixture


def some_mixture(structure="full", k=4, d=3, seed=0):
    return random_mixture(covariance_class(structure), k, d, np.random.default_rng(seed))


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (4, 4), (3, 5), (5, 3)])
def test_matching_is_the_best_and_the_margin_that_to_the_second(shape):
    costs = np.random.default_rng(shape).exponential(size=shape)
    found = match_costs(costs, np.ones(shape[0]))
    small, large = min(shape), max(shape)
    table = costs if shape[0] <= shape[1] else costs.T
    totals = sorted(
        sum(table[i, j] for i, j in enumerate(chosen)) for chosen in itertools.permutations(range(large), small)
    )
    assert found.cost == pytest.approx(totals[0])
    assert costs[found.components, found.partners].sum() == pytest.approx(totals[0])
    if len(totals) > 1:
        assert found.margin == pytest.approx(totals[1] - totals[0])
    else:
        assert found.margin == np.inf
    assert sorted(found.order) == list(range(shape[0]))


@pytest.mark.parametrize("structure", MODELS)
def test_align_undoes_any_order(structure):
    mixture = some_mixture(structure)
    for order in itertools.permutations(range(4)):
        aligned = align(mixture.reordered(order), mixture)
        np.testing.assert_array_equal(aligned.means, mixture.means)
        np.testing.assert_array_equal(aligned.weights, mixture.weights)
        np.testing.assert_array_equal(aligned.covariance.roots, mixture.covariance.roots)


def test_more_or_fewer_components_than_the_reference():
    large = some_mixture(k=5)
    small = Mixture(large.weights[[3, 1]] / large.weights[[3, 1]].sum(), large.means[[3, 1]],
                    large.covariance.__class__(large.covariance.roots[[3, 1]], 2, 3))  # fmt: skip
    found = match_components(large, small)
    np.testing.assert_array_equal(found.components, [3, 1])
    np.testing.assert_array_equal(found.order[:2], [3, 1])
    assert (np.diff(large.weights[found.order[2:]]) <= 0).all()
    found = match_components(small, large)
    np.testing.assert_array_equal(found.partners, [1, 3])
    np.testing.assert_array_equal(align(small, large).means, large.means[[1, 3]])


@pytest.mark.parametrize(
    ("mixture", "reference", "message"),
    [
        (some_mixture(d=2), some_mixture(d=3), "2 and 3 features"),
        (
            dataclasses.replace(some_mixture(d=2), feature_names=("a", "b")),
            dataclasses.replace(some_mixture(d=2), feature_names=("b", "a")),
            r"different features: \('a', 'b'\)",
        ),
    ],
)
def test_other_features_are_refused(mixture, reference, message):
    with pytest.raises(ValueError, match=message):
        align(mixture, reference)


@pytest.mark.parametrize("structure", MODELS)
def test_principal_direction_is_the_first_eigenvector_of_the_covariance(structure):
    mixture = some_mixture(structure)
    rows = mixture.means - mixture.weights @ mixture.means
    covariance = np.einsum("k,kij->ij", mixture.weights, mixture.covariance.dense() + rows[:, :, None] * rows[:, None])
    expected = np.linalg.eigh(covariance)[1][:, -1]
    found = principal_direction(mixture)
    assert abs(found @ expected) == pytest.approx(1.0, abs=1e-12)
    assert found[np.abs(found).argmax()] > 0


def test_orders():
    mixture = dataclasses.replace(some_mixture(), feature_names=("a", "weight", "c"))
    along = mixture.means @ principal_direction(mixture)
    plain = some_mixture()
    np.testing.assert_array_equal(order_components(plain, "weight"), np.argsort(-plain.weights))
    for by, values in ((0, mixture.means[:, 0]), ("c", mixture.means[:, 2]), (-1, mixture.means[:, 2]),
                       ("weight", mixture.means[:, 1]), ("principal", along)):  # fmt: skip
        np.testing.assert_array_equal(order_components(mixture, by), np.argsort(values), err_msg=str(by))


@pytest.mark.parametrize("structure", MODELS)
def test_order_by_variance_is_that_of_determinants_whatever_the_units(structure):
    mixture = some_mixture(structure)
    determinants = np.linalg.slogdet(mixture.covariance.dense())[1]
    expected = np.argsort(np.round(determinants, 9), kind="stable")
    np.testing.assert_array_equal(order_components(mixture, "variance"), expected)


@pytest.mark.parametrize("deviations", [(3.0, 1.0), (1.0, 3.0), (0.5, 8.0)])
def test_regimes_of_equal_means_are_ordered_by_variance(deviations):
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, deviation, (400, 1)) for deviation in deviations])
    gm = GaussianMixture(2, order_by="variance", random_state=0).fit(rows)
    np.testing.assert_allclose(np.sqrt(gm.covariances_.ravel()), sorted(deviations), rtol=0.3)


ROWS, K = TABLES["blobs"]


@pytest.mark.parametrize("order_by", ["weight", "variance", "principal", 0, 2, -1])
def test_estimator_keeps_the_order_asked_for(order_by):
    fits = [GaussianMixture(K, order_by=order_by, init_params=init, random_state=seed).fit(ROWS)
            for init, seed in (("auto", 0), ("kmeans", 1), ("random_from_data", 3))]  # fmt: skip
    for gm in fits:
        np.testing.assert_array_equal(order_components(gm.mixture_, order_by), np.arange(K))
        np.testing.assert_allclose(gm.means_, fits[0].means_, rtol=1e-2)
        assert gm.score(ROWS) == pytest.approx(gm.lower_bound_, rel=1e-12)


def test_auto_is_by_weight_after_a_search_and_keeps_a_start():
    found = GaussianMixture(K, random_state=0).fit(ROWS)
    assert (np.diff(found.weights_) <= 0).all()
    started = GaussianMixture(K, means_init=found.means_[::-1], random_state=0).fit(ROWS)
    np.testing.assert_allclose(started.means_, found.means_[::-1], rtol=1e-2)


@pytest.mark.parametrize("order_by", ["auto", "weight", 0])
def test_warm_starts_keep_their_names_when_weights_change_places(order_by):
    gm = GaussianMixture(K, order_by=order_by, warm_start=True, random_state=0).fit(ROWS)
    before, labels = gm.means_, gm.predict(ROWS)
    weights = np.where(labels == np.argmin(gm.weights_), 20.0, 1.0)
    gm.fit(ROWS, sample_weight=weights)
    np.testing.assert_allclose(gm.means_, before, rtol=0.05)
    assert gm.weights_.argmax() == np.bincount(labels).argmin()


def test_order_by_a_column_of_a_table():
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    gm = GaussianMixture(K, order_by="b", random_state=0).fit(frame)
    assert (np.diff(gm.means_[:, 1]) > 0).all()


def test_order_holds_where_columns_were_left_out():
    rows = np.column_stack([ROWS, np.full(len(ROWS), 3.0)])
    with pytest.warns(match="constant"):
        gm = GaussianMixture(K, order_by=1, random_state=0).fit(rows)
    assert (np.diff(gm.means_[:, 1]) > 0).all()
    np.testing.assert_array_equal(gm.fit_result_.reduced.means[:, 1], gm.means_[:, 1])


@pytest.mark.parametrize(
    ("order_by", "message"),
    [
        ("wieght", "no feature 'wieght': X has no names"),
        (3, "a position below 3"),
        (-4, "a position below 3"),
        (True, "order_by must be one of"),
        (None, "order_by must be one of"),
        (1.5, "order_by must be one of"),
    ],
)
def test_unknown_order_is_refused_before_the_fit(order_by, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(K, order_by=order_by).fit(ROWS)
