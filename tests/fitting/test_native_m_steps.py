"""The compiled M-steps of the fourteen structures find SciPy's optimum, agree with Python's, and fail loudly."""

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize

from gaussmix.core import _native
from gaussmix.core.covariance import MODELS, covariance_class
from gaussmix.core.covariance.triangular import lower_root
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.batch import BatchSettings, fit_em_batch
from gaussmix.fitting.m_step import MaximumLikelihood

SIZES = {"2 in 2": (2, 2), "3 in 3": (3, 3), "5 in 1": (5, 1), "1 in 3": (1, 3), "4 in 6": (4, 6)}


def free_covariances(k, d, seed=0):
    """Counts and covariances that differ in volume, shape and orientation."""
    rng = np.random.default_rng(seed)
    tall = rng.standard_normal((k, d + 3, d)) * rng.uniform(0.3, 3.0, (k, 1, d))
    return rng.uniform(5, 50, k), np.einsum("kni,knj->kij", tall, tall)


def rows_with(counts, covariances):
    """Rows, their weights and one table of responsibilities: components of these counts and covariances, means zero."""
    k, d, _ = covariances.shape
    variances, axes = np.linalg.eigh(covariances)
    half = (axes * np.sqrt(d * np.maximum(variances, 0.0))[:, None, :]).transpose(0, 2, 1).reshape(k * d, d)
    rows = np.stack([half, -half], axis=1).reshape(2 * k * d, d)
    return rows, np.repeat(counts / (2 * d), 2 * d), np.repeat(np.eye(k), 2 * d, axis=0)[None]


def m_step(letters, counts, covariances):
    """(k, d, d) covariances of the compiled M-step for free ones; None if the run failed."""
    rows, row_weights, table = rows_with(counts, covariances)
    found = fit_em_batch(
        WeightedRows(rows, row_weights), MODELS[letters], table, MaximumLikelihood(), BatchSettings(1, 1.0)
    )
    if found.objectives[0] == -np.inf:
        return None
    np.testing.assert_allclose(found.weights[0], counts / counts.sum(), rtol=1e-12)
    np.testing.assert_array_equal(found.roots, np.tril(found.roots))
    return found.roots[0] @ found.roots[0].transpose(0, 2, 1)


def objective(counts, free, covariances):
    log_dets = np.linalg.slogdet(covariances)[1]
    traces = np.trace(np.linalg.solve(covariances, free), axis1=1, axis2=2)
    return -0.5 * counts @ (log_dets + traces)


def built(letters, numbers, k, d):
    """Covariances of a model from as many numbers as it has parameters."""
    numbers = iter(numbers)

    def parts(letter, equal, size, make):
        how_many = {"V": k, "E": 1, "I": 0}[letter]
        made = [make(np.array([next(numbers) for _ in range(size)])) for _ in range(how_many)]
        return {"V": made, "E": k * made, "I": [equal] * k}[letter]

    def orientation(angles):
        skew = np.zeros((d, d))
        skew[np.triu_indices(d, 1)] = angles
        return scipy.linalg.expm(skew - skew.T)

    volumes = parts(letters[0], 0.0, 1, lambda number: number[0])
    shapes = parts(letters[1], np.zeros(d), d - 1, lambda numbers: np.append(numbers, -numbers.sum()))
    axes = parts(letters[2], np.eye(d), d * (d - 1) // 2, orientation)
    variances = [np.exp(np.clip(volume + shape, -20, 20)) for volume, shape in zip(volumes, shapes, strict=True)]
    return np.stack([q * variance @ q.T for q, variance in zip(axes, variances, strict=True)])


@pytest.mark.slow
@pytest.mark.parametrize(("k", "d"), [(3, 2), (2, 3)])
@pytest.mark.parametrize("letters", MODELS)
def test_no_other_covariances_of_the_model_are_nearer(letters, k, d):
    counts, free = free_covariances(k, d)
    ours = objective(counts, free, m_step(letters, counts, free))
    rng = np.random.default_rng(1)

    def loss(numbers):
        return -objective(counts, free, built(letters, numbers, k, d)) / counts.sum()

    size = MODELS[letters].count_parameters(k, d)
    theirs = [scipy.optimize.minimize(loss, 0.5 * rng.standard_normal(size)).fun for _ in range(2)]
    assert ours == pytest.approx(-min(theirs) * counts.sum(), rel=1e-7)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("letters", MODELS)
def test_same_as_the_structures(letters, size):
    """Those in Python start common axes elsewhere: they may end in another optimum, but not in a better one."""
    k, d = SIZES[size]
    counts, free = free_covariances(k, d)
    ours = m_step(letters, counts, free)
    roots = {
        "full": lambda: lower_root(free),
        "tied": lambda: lower_root(np.tensordot(counts / counts.sum(), free, 1)[None])[0],
        "diagonal": lambda: np.sqrt(free.diagonal(axis1=1, axis2=2)),
        "spherical": lambda: np.sqrt(np.trace(free, axis1=1, axis2=2) / d),
    }[MODELS[letters].form]()
    theirs = MODELS[letters](roots, k, d)
    if hasattr(theirs, "nearest"):
        theirs = theirs.nearest(counts, roots)
    if letters in ("EVE", "VVE"):
        assert objective(counts, free, ours) >= objective(counts, free, theirs.dense()) - 1e-9
    else:
        np.testing.assert_allclose(ours, theirs.dense(), rtol=1e-9, atol=1e-9 * free.max())


@pytest.mark.parametrize("letters", MODELS)
def test_the_m_step_is_a_projection(letters):
    counts, free = free_covariances(4, 3)
    once = m_step(letters, counts, free)
    np.testing.assert_allclose(m_step(letters, counts, once), once, rtol=0, atol=1e-9 * free.max())


@pytest.mark.parametrize("letters", MODELS)
def test_covariances_are_those_of_the_model(letters):
    """`from_covariances` refuses others."""
    counts, free = free_covariances(3, 4)
    found = m_step(letters, counts, free)
    shape = MODELS[letters].root_shape(3, 4)
    own = {"full": found, "tied": found[0], "diagonal": found.diagonal(axis1=1, axis2=2), "spherical": found[:, 0, 0]}
    MODELS[letters].from_covariances(own[MODELS[letters].form].reshape(shape), 3, 4)


@pytest.mark.parametrize("scale", [1e-100, 1e100])
@pytest.mark.parametrize("letters", MODELS)
def test_units_do_not_matter(letters, scale):
    counts, free = free_covariances(3, 3)
    expected = scale * m_step(letters, counts, free)
    np.testing.assert_allclose(m_step(letters, counts, scale * free), expected, rtol=1e-7, atol=1e-7 * scale)


@pytest.mark.parametrize("letters", ["EVI", "VEI", "EVE", "VVE", "EVV"])
def test_a_missing_maximum_fails_the_run(letters):
    counts, free = free_covariances(3, 3)
    free[1] = 0.0
    assert m_step(letters, counts, free) is None


@pytest.mark.parametrize("letters", ["EII", "EEI", "EEE", "EEV", "VEE", "VEV", "VEI"])
def test_a_singular_covariance_is_repaired_by_what_is_shared(letters):
    counts, free = free_covariances(3, 3)
    free[1] = np.diag([1.0, 0.0, 0.0])
    found = m_step(letters, counts, free)
    assert (np.linalg.eigvalsh(found) > 0).all()


def test_a_component_of_hardly_any_rows_does_not_affect_the_others():
    for letters in MODELS:
        counts, free = free_covariances(3, 3)
        counts[2] = 1e-12
        alone = m_step(letters, counts[:2].copy(), free[:2].copy())
        np.testing.assert_allclose(m_step(letters, counts, free)[:2], alone, rtol=1e-6, atol=1e-6 * alone.max())


def test_a_component_without_rows_is_refused():
    counts, free = free_covariances(3, 3)
    counts[2] = 1e-30
    for letters in MODELS:
        assert m_step(letters, counts, free) is None


@pytest.mark.parametrize("equal_volume", [False, True])
def test_axes_that_are_common_are_found(equal_volume):
    rng = np.random.default_rng(3)
    axes = np.linalg.qr(rng.standard_normal((7, 7)))[0]
    covariances = np.einsum("ij,kj,lj->kil", axes, rng.uniform(0.1, 10, (4, 7)), axes)
    found = np.eye(7)
    assert _native.common_axes(np.ones(4), np.linalg.cholesky(covariances), found, equal_volume)
    turned = np.einsum("ij,kil,lm->kjm", found, covariances, found)
    off_diagonal = turned - np.einsum("kii->ki", turned)[:, :, None] * np.eye(7)
    np.testing.assert_allclose(off_diagonal, 0, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("equal_volume", [False, True])
def test_no_small_rotation_improves_common_axes(equal_volume):
    counts, free = free_covariances(3, 4, seed=2)
    axes = np.eye(4)
    assert _native.common_axes(counts, np.linalg.cholesky(free), axes, equal_volume)

    def loss(q):
        logs = np.log(np.einsum("ij,kil,lj->kj", q, free, q))
        return np.log(counts @ np.exp(logs.mean(axis=1))) if equal_volume else counts @ logs.sum(axis=1)

    np.testing.assert_allclose(axes.T @ axes, np.eye(4), atol=1e-13)
    rng = np.random.default_rng(0)
    for _ in range(50):
        skew = np.triu(rng.standard_normal((4, 4)), 1)
        assert loss(axes) <= loss(axes @ scipy.linalg.expm(1e-4 * (skew - skew.T))) + 1e-13


def test_the_search_for_common_axes_begins_at_the_given_ones():
    counts, free = free_covariances(3, 5)
    once = np.eye(5)
    assert _native.common_axes(counts, np.linalg.cholesky(free), once, False)
    again = once.copy()
    assert _native.common_axes(counts, np.linalg.cholesky(free), again, False)
    np.testing.assert_allclose(again, once, atol=1e-9)
    assert not _native.common_axes(counts, np.linalg.cholesky(free), np.zeros((5, 5)), False)


@pytest.mark.parametrize("equal_volume", [False, True])
@pytest.mark.parametrize(
    ("d", "k", "few", "decades"), [(13, 4, 7, 1.5), (6, 3, 4, 1.0), (10, 2, 5, 0.0), (20, 5, 12, 1.0)]
)
def test_the_search_for_common_axes_never_makes_them_worse(d, k, few, decades, equal_volume):
    """One component has fewer rows than columns, so that its covariance is nearly singular."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        units = 10 ** rng.uniform(-decades, decades, d)
        shapes = np.eye(d) + 0.3 * rng.standard_normal((k, d, d))
        counts = np.r_[few, np.full(k - 1, 60)] / (few + 60 * (k - 1))
        free = np.stack(
            [
                np.cov(rng.standard_normal((few if c == 0 else 60, d)) @ shapes[c], rowvar=False) + 1e-9 * np.eye(d)
                for c in range(k)
            ]
        )
        roots = np.linalg.cholesky(free * np.outer(units, units))

        def objective(axes, counts=counts, roots=roots):
            logs = np.log(((axes.T @ roots) ** 2).sum(axis=2))
            return np.log(counts @ np.exp(logs.mean(axis=1))) if equal_volume else counts @ logs.sum(axis=1)

        axes = np.linalg.qr(rng.standard_normal((d, d)))[0]
        for _ in range(4):
            before = objective(axes)
            assert _native.common_axes(counts, roots, axes, equal_volume)
            assert objective(axes) <= before + 1e-11


def test_wrong_names_and_sizes_are_refused():
    counts, free = free_covariances(3, 3)
    rows, row_weights, table = rows_with(counts, free)

    def run(model, row_weights, means):
        outputs = np.zeros((1, 3)), means, np.zeros((1, 3, 3, 3)), np.zeros(1), np.zeros(1), np.zeros(1, np.int64)
        _native.em_batch(rows, row_weights, model, table, np.zeros((3, 3)), 0.0, 0.0, 1, 1.0, True, *outputs)

    run("VEE", row_weights, np.zeros((1, 3, 3)))
    with pytest.raises(ValueError, match="there is no model 'XXX'"):
        run("XXX", row_weights, np.zeros((1, 3, 3)))
    with pytest.raises(ValueError, match="row_weights has the wrong size"):
        run("VEE", row_weights[:2].copy(), np.zeros((1, 3, 3)))
    with pytest.raises(ValueError, match="means has the wrong size"):
        run("VEE", row_weights, np.zeros((1, 3, 2)))
    with pytest.raises(ValueError, match="axes has the wrong size"):
        _native.common_axes(counts, np.linalg.cholesky(free), np.eye(2), False)
    assert covariance_class("VEE") is MODELS["VEE"]
