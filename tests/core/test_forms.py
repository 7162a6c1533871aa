"""Each form against dense matrices, and that only `core` asks for it."""

import ast
from pathlib import Path

import numpy as np
import pytest

import gaussmix
from gaussmix.core.covariance import structure_of
from gaussmix.core.engines import ReferenceEngine
from gaussmix.core.forms import FORMS
from gaussmix.core.moments import Moments
from gaussmix.testing import random_mixture

K, D = 3, 4
forms = pytest.mark.parametrize("name", [name for name in FORMS if name != "factor"])  # that of factors is tested apart


def seen(name, matrices):
    """(k, d, d) sums of products, as a scatter of the form."""
    return {
        "full": matrices,
        "tied": matrices.sum(axis=0),
        "diagonal": np.diagonal(matrices, axis1=1, axis2=2),
        "spherical": np.trace(matrices, axis1=1, axis2=2),
    }[name]


def some_sums(name, seed=0):
    """A mixture, rows, and responsibilities that are not the mixture's."""
    rng = np.random.default_rng(seed)
    mixture = random_mixture(structure_of(name), K, D, rng)
    rows = mixture.sample(200, rng)[0]
    return mixture, rows, rng.dirichlet(np.ones(K), len(rows)), rng


def sums_by_hand(rows, shares, mixture):
    """Counts, shifts, and (k, d, d) sums of products, from dense inverses of roots."""
    inverses = np.linalg.inv(np.linalg.cholesky(mixture.covariance.dense()))
    white = np.einsum("kij,nkj->nki", inverses, rows[:, None] - mixture.means)
    products = np.einsum("nk,nki,nkj->kij", shares, white, white)
    return shares.sum(axis=0), np.einsum("nk,nki->ki", shares, white), products


def moments_of(name, rows, shares, mixture):
    scores = ReferenceEngine(rows).score_rows(mixture.whitened(), "scores")
    return ReferenceEngine(rows).accumulate(mixture.whitened(), np.log(shares) - scores)


@forms
def test_sums_are_those_of_dense_matrices(name):
    mixture, rows, shares, _ = some_sums(name)
    moments = moments_of(name, rows, shares, mixture)
    counts, shifts, products = sums_by_hand(rows, shares, mixture)
    np.testing.assert_allclose(moments.counts, counts, rtol=1e-12)
    np.testing.assert_allclose(moments.shifts, shifts, rtol=1e-9, atol=1e-9)
    assert moments.scatter.shape == FORMS[name].shape(K, D)
    np.testing.assert_allclose(moments.scatter, seen(name, products), rtol=1e-9, atol=1e-9)
    assert moments.scatter_trace == pytest.approx(np.trace(products, axis1=1, axis2=2).sum(), rel=1e-12)
    centers = shifts / counts[:, None]
    about = products - counts[:, None, None] * centers[:, :, None] * centers[:, None, :]
    np.testing.assert_allclose(moments.scatter_about(centers), seen(name, about), rtol=1e-9, atol=1e-9)


@forms
def test_sums_in_other_units_are_those_of_the_same_rows(name):
    mixture, rows, shares, rng = some_sums(name)
    other = random_mixture(structure_of(name), K, D, rng)
    centers = other.covariance.whiten_each(mixture.means - other.means)
    moments = moments_of(name, rows, shares, mixture)
    moved = moments.in_other_units(mixture.covariance.roots, other.covariance.factors(), centers)
    counts, shifts, products = sums_by_hand(rows, shares, other)
    np.testing.assert_allclose(moved.counts, counts, rtol=1e-12)
    np.testing.assert_allclose(moved.shifts, shifts, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moved.scatter, seen(name, products), rtol=1e-9, atol=1e-8)
    assert (moved.log_likelihood, moved.weight) == (moments.log_likelihood, moments.weight)


@forms
def test_flat_sums_lead_back(name):
    mixture, rows, shares, _ = some_sums(name)
    moments = moments_of(name, rows, shares, mixture)
    flat = moments.flat()
    counts, shifts, products = sums_by_hand(rows, shares, mixture)
    excess = seen(name, products - counts[:, None, None] * np.eye(D))
    np.testing.assert_allclose(flat, np.concatenate([counts, shifts.ravel(), excess.ravel()]), rtol=1e-9, atol=1e-9)
    again = Moments.from_flat(flat, name, K, D)
    for part in ("counts", "shifts", "scatter"):
        np.testing.assert_allclose(getattr(again, part), getattr(moments, part), rtol=1e-14, atol=1e-13)
    assert again.weight == pytest.approx(200)


@forms
def test_fisher_scales_are_one_over_the_deviations_of_the_sums_of_normal_rows(name):
    # the sum of k squares of standard normal numbers varies by 2 k, of k products of two by k: half for each triangle
    rng, counts, draws = np.random.default_rng(1), np.array([30, 50, 20]), 4000
    noise = [rng.standard_normal((draws, count, D)) for count in counts]
    products = np.stack([np.einsum("rni,rnj->rij", rows, rows) for rows in noise], axis=1)
    scatter = np.stack([seen(name, draw).ravel() for draw in products])
    scales = FORMS[name].fisher_scales(counts.astype(float), D)
    lengths = ((scatter - scatter.mean(axis=0)) * scales).var(axis=0)
    square = FORMS[name].shape(K, D)[-2:] == (D, D)
    expected = np.where(np.eye(D, dtype=bool), 1.0, 0.5).ravel() if square else np.ones(1)
    np.testing.assert_allclose(lengths, np.resize(expected, lengths.shape), rtol=0.12)


@forms
def test_a_floor_raises_what_lies_below_it_but_not_above_what_was(name):
    mixture, *_ = some_sums(name)
    covariance, counts = mixture.covariance, np.array([10.0, 20.0, 30.0])
    thin = np.tile(np.diag([1.0, *np.full(D - 1, 0.0)]), (K, 1, 1)) * counts[:, None, None]
    scatter = seen(name, thin)
    for size, expected in ((1e-6, 1e-6), (1e6, 1.0)):  # of the floor beside the covariance; what variances shrink by
        root = np.sqrt(size) * mixture.covariance.dense_roots()[0]
        whitened = covariance.take([0]).whitened_scatter(root)
        least = whitened if name == "tied" else np.repeat(whitened, K, axis=0)
        which = np.array([True, False, True])
        raised = FORMS[name].raised(scatter, counts, least, which, D)
        sizes = [counts.sum()] if name == "tied" else counts
        matrices = [raised] if name == "tied" else raised
        for component, (matrix, count) in enumerate(zip(matrices, sizes, strict=True)):
            if name == "spherical":
                found = [matrix / (count * D)]
                wanted = [max(1 / D, expected)] if which[component] else [1 / D]
            else:
                found = np.sort(np.linalg.eigvalsh(matrix) if matrix.ndim == 2 else matrix) / count
                wanted = [*np.full(D - 1, expected if name == "tied" or which[component] else 0.0), 1.0]
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-15)


@forms
def test_layouts_lead_back_from_triangles(name):
    mixture, rows, *_ = some_sums(name)
    form, roots = FORMS[name], mixture.covariance.roots
    triangles = form.dense(roots, K, D)
    np.testing.assert_allclose(triangles @ triangles.transpose(0, 2, 1), mixture.covariance.dense(), rtol=1e-12)
    np.testing.assert_array_equal(form.from_dense(triangles), roots)
    np.testing.assert_array_equal(form.dense(form.take(roots, np.array([2, 0])), 2, D), triangles[[2, 0]])
    factors = mixture.covariance.factors()
    for component in range(K):
        expected = rows @ form.dense(factors, K, D)[component]
        np.testing.assert_allclose(form.whiten(rows, factors, component), expected, rtol=1e-12, atol=1e-13)


@forms
def test_lengths_per_row_are_the_greatest_of_a_component(name):
    rng = np.random.default_rng(2)
    lengths, counts = rng.random(K), np.array([2.0, 1.0, 4.0])
    squares = rng.random(FORMS[name].shape(K, D))
    found = FORMS[name].greatest_length(lengths, squares.ravel(), counts)
    if name == "tied":
        expected = max(*(lengths / counts), squares.sum() / 7.0)
    else:
        expected = max((lengths[k] + squares[k].sum()) / counts[k] for k in range(K))
    assert found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("name", ["full", "diagonal", "spherical"])
def test_classification_loss_is_that_of_the_dense_covariances(name):
    rng = np.random.default_rng(3)
    cells = [rng.standard_normal((n, D)) for n in (5, 9, 14)]
    pseudo, counts = 0.3, np.array([5.0, 9.0, 14.0])
    scatter = np.stack([FORMS[name].squares(cell - cell.mean(axis=0)).sum(axis=0) for cell in cells])
    found = FORMS[name].classification_loss(counts, scatter, pseudo, D)
    for cell, loss in zip(cells, found, strict=True):
        n = len(cell) + 1
        matrix = (np.cov(cell.T, ddof=0) * len(cell) + pseudo * np.eye(D)) / n
        if name == "diagonal":
            matrix = np.diag(np.diagonal(matrix))
        if name == "spherical":
            matrix = np.trace(matrix) / D * np.eye(D)
        assert loss == pytest.approx(0.5 * n * np.linalg.slogdet(matrix)[1], rel=1e-12)


def asks_for_a_form(node):
    """Whether a statement or an expression depends on which form something has."""
    match node:
        case ast.Match(subject=subject):
            parts = [subject]
        case ast.Compare(left=left, comparators=comparators):
            parts = [left, *comparators]
        case ast.Subscript(value=ast.Dict(), slice=key):
            parts = [key]
        case _:
            return False
    return any(
        (isinstance(part, ast.Name) and part.id == "form") or (isinstance(part, ast.Attribute) and part.attr == "form")
        for part in parts
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('x = covariance.form == "tied"', True),
        ('x = "full" if form in ("full", "tied") else 1', True),
        ("match structure.form:\n    case 'full': pass", True),
        ('x = {"full": 1}[form]', True),
        ("x = FORMS[covariance.form].take(array, some)", False),
        ('for form in ("full", "tied"): pass', False),
    ],
)
def test_questions_for_a_form_are_found(line, expected):
    assert any(asks_for_a_form(node) for node in ast.walk(ast.parse(line))) is expected


def test_only_core_asks_for_a_form():
    package = Path(gaussmix.__file__).parent
    outside = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in ("core", "testing")]
    assert len(outside) > 100
    found = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in outside
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if asks_for_a_form(node)
    ]
    assert not found, f"use a verb of the covariance, or of its form: {found}"
