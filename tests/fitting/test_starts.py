"""Starts: they follow affine maps of the data, and are what their definitions say."""

import itertools

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, TABLES, blobs

from gaussmix.core.covariance import covariance_class
from gaussmix.core.covariance.deviations import dense_root
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting import agglomeration, starts
from gaussmix.fitting.agglomeration import merge_cells
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.starts import draw_starts, start_from_labels, start_from_responsibilities

FOLLOWING = {  # which of the eight kinds follow the maps of the structure; the others are in units of the data
    "full": {1, 3, 4, 5, 6, 7},
    "tied": {1, 3, 4, 5, 6, 7},
    "diag": {1, 2, 3, 4, 5, 6, 7},
    "spherical": {0, 1, 3, 4, 5, 6, 7},
}
FORMS = {"full": "full", "tied": "tied", "diag": "diagonal", "spherical": "spherical"}
types = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
weights = pytest.mark.parametrize("weighted", [False, True])


def weights_of(rows, weighted):
    return np.random.default_rng(1).uniform(0.2, 3.0, len(rows)) if weighted else None


def map_for(covariance_type, d, seed):
    """A map that components of the structure can follow."""
    rng = np.random.default_rng(seed)
    match covariance_type:
        case "full" | "tied":
            return rng.standard_normal((d, d)) * 10.0 ** rng.uniform(-3, 3, d)
        case "diag":
            return np.diag(10.0 ** rng.uniform(-6, 6, d))
        case "spherical":
            return 1e5 * np.linalg.qr(rng.standard_normal((d, d)))[0]


def streams(seed):
    return (np.random.default_rng([seed, at]) for at in itertools.count())


@types
@weights
def test_starts_follow_an_affine_map(covariance_type, weighted, monkeypatch):
    rows, k, structure = blobs(600, 3, 4, seed=2), 4, covariance_class(covariance_type)
    labels = []
    kept = starts.start_from_labels

    def keep(data, given, *rest):
        labels.append(given)
        return kept(data, given, *rest)

    monkeypatch.setattr(starts, "start_from_labels", keep)
    matrix = map_for(covariance_type, 3, 5)
    moved = rows @ matrix + 100 * rows.std()
    drawn = [
        list(
            draw_starts(
                Sample.of(WeightedRows(table, weights_of(rows, weighted)), structure.form),
                structure,
                k,
                range(16),
                streams(0),
            )
        )
        for table in (rows, moved)
    ]
    assert len(labels) == 32
    assert len({tuple(each) for each in labels[:16]}) > 8, "starts of different kinds must differ"
    following = [start for start in range(16) if {start % 8, start} & (FOLLOWING[covariance_type] | {9, 10, 13})]
    for start in following:
        one, other = labels[start], labels[16 + start]
        if covariance_type in ("full", "tied"):
            np.testing.assert_array_equal(one, other, err_msg=f"start {start}")
        else:  # cuts along the axes of the data: whichever sign they have, the parts are the same
            assert len(set(zip(one, other, strict=True))) == len(set(one)), f"start {start}"
    for start in following:
        one, other = drawn[0][start], drawn[1][start]
        order = [np.abs((one.means @ matrix + 100 * rows.std()) - mean).sum(axis=1).argmin() for mean in other.means]
        assert sorted(order) == list(range(k))
        dense = matrix.T @ one.covariance.dense() @ matrix
        back = np.linalg.inv(np.linalg.cholesky(dense[order if covariance_type != "tied" else slice(None)]))
        unit = back @ other.covariance.dense() @ np.swapaxes(back, 1, 2)
        np.testing.assert_allclose(unit, np.broadcast_to(np.eye(3), unit.shape), atol=1e-7)


@types
@weights
def test_a_start_from_labels_is_the_statistics_of_the_clusters(covariance_type, weighted):
    rows, k = TABLES["blobs"][0], 3
    structure, given = covariance_class(covariance_type), weights_of(TABLES["blobs"][0], weighted)
    data = Sample.of(WeightedRows(rows, given), structure.form)
    labels = np.random.default_rng(0).integers(0, k, len(rows))
    start = start_from_labels(data, labels, structure, k)
    w = np.ones(len(rows)) if given is None else given / given.mean()
    d = rows.shape[1]
    pseudo = k ** (-2 / d) * dense_root(data.root) @ dense_root(data.root).T  # one pseudo-row of it
    counts = np.bincount(labels, w)
    means = np.array([np.average(rows[labels == c], axis=0, weights=w[labels == c]) for c in range(k)])
    scatter = np.array([(w[labels == c, None] * (rows[labels == c] - means[c])).T @ (rows[labels == c] - means[c])
                        for c in range(k)])  # fmt: skip
    wanted = {
        "full": lambda: (scatter + pseudo) / (counts + 1)[:, None, None],
        "tied": lambda: (scatter.sum(axis=0) + pseudo) / (counts.sum() + 1),
        "diag": lambda: np.diagonal(scatter + pseudo, axis1=1, axis2=2) / (counts + 1)[:, None],
        "spherical": lambda: np.trace(scatter + pseudo, axis1=1, axis2=2) / (d * (counts + 1)),
    }[covariance_type]()
    np.testing.assert_allclose(start.weights, counts / counts.sum(), rtol=1e-12)
    np.testing.assert_allclose(start.means, means, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(start.covariance.covariances, wanted, rtol=1e-9, atol=1e-12)
    shares = np.eye(k)[labels]
    soft = start_from_responsibilities(data, shares, structure)
    np.testing.assert_allclose(soft.means, start.means, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(soft.covariance.roots, start.covariance.roots, rtol=1e-12, atol=1e-13)


@weights
def test_invariant_coordinates_are_the_same_but_for_signs(weighted):
    rows = blobs(800, 3, 3, seed=7)
    given = weights_of(rows, weighted)
    first = Sample.of(WeightedRows(rows, given), "full").invariant
    for seed in range(3):
        matrix = map_for("full", 3, seed)
        other = Sample.of(WeightedRows(rows @ matrix + rows.std(), given), "full").invariant
        signs = np.sign((first * other).sum(axis=0))
        np.testing.assert_allclose(other * signs, first, atol=1e-6)
    w = np.ones(len(rows)) if given is None else given
    np.testing.assert_allclose((first * w[:, None]).T @ first / w.sum(), np.eye(3), atol=1e-10)
    kurtosis = (w[:, None] * (first**2).sum(axis=1)[:, None] * first**2).sum(axis=0)
    assert (np.diff(kurtosis) > 0).all()


def test_the_first_invariant_coordinate_shows_two_clusters():
    rng = np.random.default_rng(0)
    side = np.arange(400) < 200
    rows = rng.standard_normal((400, 3)) * [100.0, 1.0, 1.0]
    rows[:, 2] += np.where(side, 5.0, -5.0)
    first = Sample.of(WeightedRows(rows @ map_for("full", 3, 1)), "full").invariant[:, 0]
    assert abs(np.mean((first > 0) == side) - 0.5) == 0.5


def classification_energy(rows, w, form, pseudo):
    """Half of n log|S| of one cell, with its pseudo-row; the scatter for tied ones."""
    n, d = w.sum(), rows.shape[1]
    away = rows - np.average(rows, axis=0, weights=w)
    scatter = (w[:, None] * away).T @ away
    match form:
        case "tied":
            return np.trace(scatter)
        case "full":
            return 0.5 * (n + 1) * np.linalg.slogdet((scatter + pseudo * np.eye(d)) / (n + 1))[1]
        case "diagonal":
            return 0.5 * (n + 1) * np.log((np.diagonal(scatter) + pseudo) / (n + 1)).sum()
        case "spherical":
            return 0.5 * (n + 1) * d * np.log((np.trace(scatter) + d * pseudo) / (d * (n + 1)))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS.values())
@weights
def test_cells_are_merged_as_the_definition_says(form, weighted, monkeypatch):
    cells = []
    kept = agglomeration.seed_labels
    monkeypatch.setattr(agglomeration, "seed_labels", lambda *given: (cells.append(kept(*given)), cells[-1].copy())[1])
    for seed in range(4):
        rows = np.random.default_rng(seed).standard_normal((36, 2))
        given, k = weights_of(rows, weighted), 2
        ours = merge_cells(WeightedRows(rows, given), form, k, np.random.default_rng(seed))
        w = np.ones(len(rows)) if given is None else given
        groups = [np.flatnonzero(cells[-1] == cell) for cell in np.unique(cells[-1])]
        assert len(groups) > 4

        def energy(group, rows=rows, w=w):
            return classification_energy(rows[group], w[group], form, 2 ** (-2 / 2))

        while len(groups) > k:
            i, j = min(
                itertools.combinations(range(len(groups)), 2),
                key=lambda pair: (
                    energy(np.concatenate([groups[pair[0]], groups[pair[1]]]))
                    - energy(groups[pair[0]])
                    - energy(groups[pair[1]])
                ),
            )
            merged = np.concatenate([groups[i], groups[j]])
            groups = [group for at, group in enumerate(groups) if at not in (i, j)] + [merged]
        expected = np.empty(len(rows), dtype=int)
        for label, group in enumerate(groups):
            expected[group] = label
        assert len(set(zip(ours, expected, strict=True))) == k == len(set(ours))


@types
@pytest.mark.parametrize("shape", [(12, 3), (7, 1), (5, 8)])
def test_few_rows_can_be_started_from(covariance_type, shape):
    structure = covariance_class(covariance_type)
    rows = np.random.default_rng(0).standard_normal(shape)
    for k in (2, 5):
        for start in draw_starts(Sample.of(WeightedRows(rows), structure.form), structure, k, range(16), streams(0)):
            assert start.weights.sum() == pytest.approx(1)
            assert (start.covariance.pivots() > 0).all()


@pytest.mark.parametrize(("n", "d", "n_values", "k"), [(300, 3, 4, 7), (2000, 2, 3, 8), (500, 1, 9, 9), (400, 4, 2, 6)])
def test_no_cluster_is_empty_where_values_repeat(n, d, n_values, k):
    rows = np.random.default_rng(n).integers(n_values, size=(n, d)).astype(float)
    structure = covariance_class("full")
    for start in draw_starts(Sample.of(WeightedRows(rows), "full"), structure, k, range(12), streams(3)):
        assert (start.weights > 0).all()
