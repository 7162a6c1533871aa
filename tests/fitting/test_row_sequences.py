"""Sequences of moves of rows: what they gain is what the likelihood of the partition gains."""

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.core.covariance import covariance_class
from gaussmix.fitting.row_moves import gains_of_row_moves
from gaussmix.fitting.row_sequences import can_move_in_sequence, sequences_of_moves

seeds = pytest.mark.parametrize("seed", range(4))


def classification_likelihood(rows, labels, weights, *, diagonal):
    total = 0.0
    for c in np.unique(labels):
        own, w = rows[labels == c], weights[labels == c]
        covariance = np.atleast_2d(np.cov(own.T, aweights=w, ddof=0))
        if diagonal:
            covariance = np.diag(np.diag(covariance))
        total += w.sum() * np.log(w.sum()) - 0.5 * w.sum() * np.linalg.slogdet(covariance)[1]
    return total


def all_sequences(rows, weights, labels, form, least=4.0):
    structure = covariance_class(form)
    gains = gains_of_row_moves(rows, weights, labels, labels.max() + 1, np.arange(len(rows)), structure)
    return gains, sequences_of_moves(rows, weights, labels, gains, least, structure)


@seeds
@pytest.mark.parametrize("form", ["full", "diag"])
@pytest.mark.parametrize("weighted", [False, True])
def test_gains_are_those_of_the_likelihood_of_the_partition(form, weighted, seed):
    rng = np.random.default_rng(seed)
    rows, labels = rng.standard_t(1.5, size=(200, 3)) * [1, 10, 0.1] + 5, rng.integers(0, 3, 200)
    weights = rng.uniform(0.5, 2, 200) if weighted else np.ones(200)
    _, found = all_sequences(rows, weights, labels, form)
    before = classification_likelihood(rows, labels, weights, diagonal=form == "diag")
    assert found
    assert [one.gain for one in found] == sorted((one.gain for one in found), reverse=True)
    for one in found:
        moved = labels.copy()
        moved[one.rows] = one.to
        after = classification_likelihood(rows, moved, weights, diagonal=form == "diag")
        assert one.gain == pytest.approx(after - before, rel=1e-7, abs=1e-7)
        assert len(np.unique(labels[one.rows])) == 1


@seeds
@pytest.mark.parametrize("form", ["full", "diag"])
def test_rows_move_together_where_each_alone_loses(form, seed):
    # six far rows make the first component wide in one column; without one of them, it is hardly less wide
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [300, 60])
    rows = rng.normal(size=(360, 2)) + [[12.0, 0.0]] * labels[:, None]
    rows[:6] = np.column_stack([np.zeros(6), 4.2 + 0.01 * rng.normal(size=6)])
    second = rng.normal(size=(60, 2))
    six, gained = np.arange(6), []
    for width in np.geomspace(3.0, 300.0, 80):
        rows[labels == 1] = second * [8.0, width]
        gains, found = all_sequences(rows, np.ones(360), labels, form)
        if gains[:6, 1].max() < 0:
            gained += [one.gain for one in found if one.to == 1 and np.isin(six, one.rows).all()]
    assert max(gained) > 0.5


@seeds
def test_components_keep_their_least_weight(seed):
    rng = np.random.default_rng(seed)
    rows, labels = rng.standard_t(1, size=(40, 2)), np.repeat([0, 1], [33, 7])
    _, found = all_sequences(rows, np.ones(40), labels, "full", least=5.0)
    assert all(len(one.rows) <= 2 for one in found if one.to == 0)


@pytest.mark.parametrize(
    ("form", "expected"), [("full", True), ("diag", True), ("VVI", True), ("tied", False), ("spherical", False)]
)
def test_each_component_needs_its_own_variance_of_each_column(form, expected):
    assert can_move_in_sequence(covariance_class(form), 3) is expected


@pytest.mark.parametrize("seed", range(3))
def test_default_fits_of_cauchy_columns_agree(seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(900) % 3
    rows = np.column_stack([rng.normal(size=(900, 2)) + 9.0 * np.eye(3, 2)[labels], 20 * rng.standard_t(1, (900, 2))])
    values = [GaussianMixture(3, random_state=at).fit(rows).score(rows) * 900 for at in range(4)]
    assert np.ptp(values) < 0.01
