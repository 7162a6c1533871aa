"""Columns that tell nothing the others do not are found, and a mixture of the others is lifted exactly."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, TABLES, read_only
from helpers.hard_data import CASES, what_is_wrong
from scipy.stats import Covariance, multivariate_normal
from sklearn.exceptions import ConvergenceWarning

from gaussmix import DegenerateComponentWarning, DegenerateDataWarning, GaussianMixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import KEPT_TYPES, WeightedRows
from gaussmix.fitting.incomplete_columns import find_redundant
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.testing import random_mixture

RNG = np.random.default_rng(7)
A, B, C = RNG.standard_normal((3, 200))
WHOLE = RNG.integers(0, 9, (200, 3))
HOT = np.eye(5)[RNG.integers(0, 5, 200)]
SCALES = (1e-8, 3e-3, 1.0, 7e5, 1e8)

# name -> (rows, kept columns for full and tied, kept columns for diag); None: nothing is left out
RANGES = {
    "regular": (np.c_[A, B, C], None, None),
    "column of zeros": (np.c_[A, np.zeros(200), B], [0, 2], [0, 2]),
    "column of 1e8": (np.c_[np.full(200, 1e8), A, B], [1, 2], [1, 2]),
    "column of 0.1": (np.c_[A, np.full(200, 0.1)], [0], [0]),
    "two constants": (np.c_[np.full(200, 3.0), A, np.zeros(200)], [1], [1]),
    "last digit of 1e8": (np.c_[A, 1e8 + 1.5e-8 * (B > 0)], [0], [0]),
    "hundred last digits of 1e8": (np.c_[A, 1e8 + 1.5e-6 * B], None, None),
    "column twice": (np.c_[A, B, A], [0, 1], None),
    "column three times": (np.c_[A, A, B, A], [0, 2], None),
    "column twice, other units": (np.c_[A, B, 1e-8 * A + 5], [0, 1], None),
    "sum": (np.c_[A, B, C, A + B - 2 * C], [0, 1, 2], None),
    "sum first": (np.c_[A + B, A, B], [0, 1], None),
    "two sums": (np.c_[A, B, A + B, A - B], [0, 1], None),
    "percentages": (np.c_[WHOLE, 100 - WHOLE.sum(axis=1)], [0, 1, 2], None),
    "whole numbers": (WHOLE, None, None),
    "one of five": (HOT, [0, 1, 2, 3], None),
    "one of five, bytes": (HOT.astype(np.uint8), [0, 1, 2, 3], None),
    "residual 1e-6": (np.c_[A, A + 1e-6 * B], None, None),
    "residual 1e-9": (np.c_[A, A + 1e-9 * B], None, None),
    "residual 2e-13": (np.c_[WHOLE, WHOLE.sum(axis=1) + 2.0**-39 * (B > 0)], None, None),
    "residual 1e-6 at 1e6": (np.c_[A, A + 1e-6 * B] + 1e6, None, None),
    "residual of rounding": (np.c_[A, B, (A + B) + 1e6], [0, 1], None),
    "singles, residual of rounding": (np.c_[A, B, 0.3 * A + B].astype(np.float32), [0, 1], None),
    "singles, residual 1e-5": (np.c_[A, A + 1e-5 * B].astype(np.float32), None, None),
    "singles, last digit of 1e7": (np.c_[A, 1e7 + (B > 0)].astype(np.float32), [0], [0]),
    "singles, ten last digits of 1e7": (np.c_[A, 1e7 + np.arange(200) % 10].astype(np.float32), None, None),
    "nearly one column, and their difference": (np.c_[A, A + 1e-7 * B, B], [0, 2], None),
    "line": (np.outer(A, [1.0, 2.0, 3.0]), [0], None),
    "all rows equal": (np.tile([4.0, 0.0, 1e8], (50, 1)), [0], [0]),
    "all zero": (np.zeros((50, 2)), [0], [0]),
    "two rows": (RNG.standard_normal((2, 3)), [0], None),
    "more columns than rows": (RNG.standard_normal((6, 20)), [0, 1, 2, 3, 4], None),
    "as many columns as rows": (RNG.standard_normal((6, 6)), [0, 1, 2, 3, 4], None),
    "outlier": (np.r_[np.c_[A, B], [[1e12, 0.0]]], None, None),
    "column with one other value": (np.c_[A, np.arange(200) == 150].astype(float), None, None),
    "offset 1e12": (np.c_[A, B, C] + 1e12, None, None),
    "denormals": (np.c_[A, B * 1e-310], [0], [0]),
    "1e-150": (np.c_[A, B] * 1e-150, None, None),
    "1e140": (np.c_[A, B, A] * 1e140, [0, 1], None),
    "one large among 1e-200": (np.c_[A, np.where(np.arange(200) == 150, 1e140, 1e-200 * B)], None, None),
}


def kept(rows, covariance_type, row_weights=None):
    found = ColumnReduction.of(WeightedRows(read_only(rows), row_weights), covariance_type)
    return None if found is None else found.kept.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("name", RANGES)
def test_range(name):
    rows, correlated, separate = RANGES[name]
    assert kept(rows, "full") == kept(rows, "tied") == correlated
    assert kept(rows, "diag") == separate
    assert kept(rows, "spherical") == ([0] if np.ptp(rows, axis=0).max() == 0 else None)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_regular_tables_are_left_as_they_are(name, covariance_type):
    assert ColumnReduction.of(WeightedRows(TABLES[name][0]), covariance_type) is None


@pytest.mark.parametrize(
    "name", ["sum", "sum first", "column twice", "column of 1e8", "line", "percentages", "regular"]
)
@pytest.mark.parametrize("order", [SCALES, SCALES[::-1]])
@pytest.mark.parametrize("offset", [0.0, 3.0, -1e4])
def test_units_and_offsets_do_not_matter(name, order, offset):
    rows, correlated, separate = RANGES[name]
    moved = (rows + offset) * np.resize(order, rows.shape[1])
    assert kept(moved, "full") == correlated
    assert kept(moved, "diag") == separate


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.error])
def test_fits_of_the_kept_columns_lift_to_sound_models(name):
    case = CASES[name]
    rows = case.rows if case.rows.dtype.type in KEPT_TYPES else case.rows.astype(np.float64)
    for covariance_type in COVARIANCE_TYPES:
        found = find_redundant(WeightedRows(rows, case.weights), covariance_type)
        if found is None:
            continue
        gm = GaussianMixture(case.n_components, covariance_type=covariance_type, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DegenerateComponentWarning)
            warnings.simplefilter("ignore", DegenerateDataWarning)  # an optimum on equal rows was passed over
            warnings.simplefilter("ignore", ConvergenceWarning)
            gm.fit(found.reduce(rows), sample_weight=case.weights)
        gm.fit_result_ = replace(gm.fit_result_, mixture=found.lift(gm.mixture_))
        gm.n_features_in_ = rows.shape[1]
        assert what_is_wrong(gm, case.rows) == []


def test_many_rows_are_factorized_in_blocks():
    rows = np.random.default_rng(1).standard_normal((150_000, 3))
    found = ColumnReduction.of(WeightedRows(np.c_[rows, rows @ [1.0, -2.0, 0.5]]), "full")
    assert found.kept.tolist() == [0, 1, 2]
    mixture = random_mixture(covariance_class("full"), 2, 3, RNG)
    np.testing.assert_allclose(
        found.lift(mixture).means[:, 3], mixture.means @ [1.0, -2.0, 0.5], rtol=1e-10, atol=1e-10
    )
    assert ColumnReduction.of(WeightedRows(np.c_[rows, rows @ [1.0, -2.0, 0.5] + 1e-8 * rows[::-1, 0]]), "full") is None


@pytest.mark.parametrize("scale", [1.0, 1e300, 1e-300])
def test_rows_without_weight_do_not_count(scale):
    rows = np.r_[np.c_[A, A], np.c_[B, C]]
    weights = np.repeat([1.0, 0.0], 200)
    assert kept(rows, "full", scale * weights) == [0]
    assert kept(rows, "full", scale * (weights + 1e-6)) is None
    assert kept(np.r_[np.ones((9, 2)), [[1e9, 3.0]]], "diag", scale * np.r_[np.ones(9), 0.0]) == [0]


@pytest.mark.parametrize("weight", [1e12, 1e20])
def test_light_rows_count(weight):
    rows = np.r_[np.c_[A, A], [[0.0, 1.0]]]
    assert kept(rows, "full", np.r_[np.full(200, weight), 1.0]) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, (_, correlated, _) in RANGES.items() if correlated])
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_lifted_mixture_is_the_mixture_of_the_kept_columns(name, covariance_type):
    rows = np.array(RANGES[name][0], dtype=float)
    found = ColumnReduction.of(WeightedRows(RANGES[name][0]), covariance_type)
    if found is None:
        assert covariance_type in ("diag", "spherical")
        return
    few = found.reduce(rows)
    assert few.flags.c_contiguous
    assert few.shape == (len(rows), len(found.kept))
    spread = np.maximum(few.std(axis=0), 1e-140)
    mixture = _mixture_of(few, spread, covariance_type)
    lifted = found.lift(mixture)
    assert (lifted.n_features, lifted.covariance_type) == (rows.shape[1], covariance_type)
    np.testing.assert_array_equal(lifted.weights, mixture.weights)
    np.testing.assert_array_equal(lifted.means[:, found.kept], mixture.means)
    if name == "denormals":
        return
    densities = lifted.log_density(rows)
    assert np.isfinite(densities).all()
    if covariance_type == "spherical":  # one variance for more columns: another mixture
        np.testing.assert_array_equal(lifted.covariance.roots, mixture.covariance.roots)
        return
    np.testing.assert_allclose(lifted.responsibilities(rows), mixture.responsibilities(few), atol=1e-7)
    constant = -np.log(np.sqrt(2 * np.pi) * found.deviations).sum()
    np.testing.assert_allclose(densities - mixture.log_density(few), constant, rtol=1e-7, atol=1e-6)
    marginal = lifted.marginal(found.kept.tolist()).covariance.dense()
    np.testing.assert_allclose(marginal, mixture.covariance.dense(), rtol=1e-9, atol=1e-12 * marginal.max())


def _mixture_of(rows, spread, covariance_type):
    """Components a spread wide at some of the rows."""
    base = random_mixture(covariance_class(covariance_type), 2, rows.shape[1], np.random.default_rng(0))
    roots = base.covariance.roots
    if covariance_type == "spherical":
        roots = roots * spread.mean()
    else:
        roots = roots * (spread if covariance_type == "diag" else spread[:, None])
    return Mixture(base.weights, rows[[0, -1]], type(base.covariance)(roots, 2, rows.shape[1]))


@pytest.mark.parametrize("name", ["sum", "sum first", "column twice", "two constants", "one of five", "two sums"])
@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_lifted_covariance_by_plain_algebra(name, covariance_type):
    """SciPy's density of N(M mean + b, M covariance M' + noise), with M by least squares."""
    rows = np.array(RANGES[name][0], dtype=float)
    found = ColumnReduction.of(WeightedRows(rows), covariance_type)
    mixture = _mixture_of(found.reduce(rows), np.ones(len(found.kept)), covariance_type)
    lifted = found.lift(mixture)
    known = np.c_[np.ones(len(rows)), rows[:, found.kept]]
    solved = np.linalg.lstsq(known, rows, rcond=None)[0]
    noise = np.zeros(rows.shape[1])
    noise[found.dropped] = found.deviations**2
    dense = mixture.covariance.dense()
    for component in range(2):
        mean = solved[0] + mixture.means[component] @ solved[1:]
        covariance = solved[1:].T @ dense[component] @ solved[1:] + np.diag(noise)
        np.testing.assert_allclose(lifted.means[component], mean, atol=1e-12)
        np.testing.assert_allclose(lifted.covariance.dense()[component], covariance, rtol=1e-12, atol=1e-12)
        single = lifted.reordered([component, 1 - component])
        factored = Covariance.from_cholesky(np.linalg.cholesky(covariance))
        density = multivariate_normal(mean, factored).logpdf(rows[:20])
        alone = Mixture([1.0, 0.0], single.means, single.covariance).log_density(rows[:20])
        np.testing.assert_allclose(alone, density, rtol=1e-6)


def test_dropped_directions_hold_a_billionth_of_the_variance():
    found = ColumnReduction.of(
        WeightedRows(np.c_[A, 5 * A, np.full(200, 1e8), np.full(200, -3.0), np.zeros(200)]), "full"
    )
    expected = [1e-9 * (5 * A).var(), 1e7, 9e-9, 1e-9]
    np.testing.assert_allclose(found.deviations**2, expected, rtol=1e-10)


def test_columns_are_named():
    rows = np.c_[A, B, C, np.full(200, 2.0), A, 2 * A + 1, A - 3 * C]
    assert ColumnReduction.of(WeightedRows(rows), "full").describe() == [
        "x3 is constant",
        "x4 repeats x0",
        "x5 is a linear function of x0",
        "x6 is a linear function of x0 and x2",
    ]
    assert ColumnReduction.of(WeightedRows(rows), "diag").describe() == ["x3 is constant"]


def test_reduced_rows_keep_their_type():
    rows = HOT.astype(np.uint8)
    few = ColumnReduction.of(WeightedRows(rows), "full").reduce(rows)
    assert few.dtype == np.uint8
    assert few.flags.c_contiguous
