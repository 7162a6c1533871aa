"""Rows of Dask, in threads of this process: fits and results have the bits of those in memory."""

from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from gaussmix import BayesianGaussianMixture, DegenerateDataWarning, GaussianMixture, GaussianMixtureIC, StudentMixture
from gaussmix.core.engines.pass_sums import SEGMENT_ROWS

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")


@pytest.fixture(autouse=True)
def _in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def rows_of_blobs(n_rows, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_rows, d)) + 6 * rng.integers(0, 3, n_rows)[:, None]


def same_fit(one, other):
    for name in ("weights_", "means_", "covariances_", "lower_bound_", "start_log_likelihoods_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


MANY = rows_of_blobs(2 * SEGMENT_ROWS + 5000)
FEW = rows_of_blobs(900, 3)
NAMES = ["a", "b", "c"]
FRAME = pd.DataFrame(FEW, columns=NAMES)
SETTINGS = [
    GaussianMixture(3, random_state=0),
    GaussianMixture(3, covariance_type="diag", init_params="kmeans", random_state=1),
    GaussianMixture(2, means_init=[[0.0, 0.0], [9.0, 9.0]], covariance_type="tied", random_state=1),
    StudentMixture(3, covariance_type="spherical", random_state=2),
]


@pytest.mark.slow
@pytest.mark.parametrize("model", SETTINGS)
@pytest.mark.parametrize("chunks", [(30_000, 1), ((100, len(MANY) - 100), 2), (len(MANY), 2)])
def test_arrays_are_fitted_with_the_bits_of_rows_in_memory(model, chunks):
    same_fit(clone(model).fit(da.from_array(MANY, chunks=chunks)), clone(model).fit(MANY))


@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "uint8", "bool"])
def test_types_of_arrays_are_those_of_rows_in_memory(dtype):
    rows = (FEW > 2) if dtype == "bool" else np.abs(20 * FEW).astype(dtype)
    model = GaussianMixture(2, covariance_type="spherical", random_state=0, init_params="k-means++")
    same_fit(clone(model).fit(da.from_array(rows, chunks=(400, 3))), clone(model).fit(rows))


def test_data_frames_are_fitted_with_their_names():
    frame = dd.from_pandas(FRAME, npartitions=3)
    ours, theirs = GaussianMixture(3, random_state=0).fit(frame), GaussianMixture(3, random_state=0).fit(FRAME)
    same_fit(ours, theirs)
    assert ours.mixture_.names == tuple(NAMES)
    np.testing.assert_array_equal(ours.feature_names_in_, NAMES)
    with pytest.raises(ValueError, match="feature names"):
        ours.predict(frame[["b", "a", "c"]])


@pytest.mark.parametrize("change", [{"a": "float32", "b": "float32", "c": "float32"}, {"a": "int64"}, {"b": "Float64"}])
def test_types_of_columns_are_those_of_rows_in_memory(change):
    frame = FRAME.round().astype(change)
    model = GaussianMixture(2, covariance_type="spherical", random_state=0)
    same_fit(clone(model).fit(dd.from_pandas(frame, npartitions=2)), clone(model).fit(frame))


def test_unknown_sizes_of_chunks_are_computed():
    array = da.from_array(FEW, chunks=(300, 3))
    kept = array[array[:, 0] > 0]
    assert np.isnan(kept.shape[0])
    same_fit(GaussianMixture(2, random_state=0).fit(kept), GaussianMixture(2, random_state=0).fit(FEW[FEW[:, 0] > 0]))
    assert np.isnan(kept.shape[0]), "X has been changed"


def test_results_for_rows_are_lazy_arrays_with_the_chunks_of_the_input():
    model = GaussianMixture(3, random_state=0).fit(FEW)
    array = da.from_array(FEW, chunks=((100, 500, 300), (2, 1)))
    for name in ("predict", "predict_proba", "score_samples", "transform"):
        ours, theirs = getattr(model, name)(array), getattr(model, name)(FEW)
        assert isinstance(ours, da.Array)
        assert ours.chunks[0] == array.chunks[0]
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        np.testing.assert_array_equal(ours.compute(), theirs)
    named = GaussianMixture(3, random_state=0).fit(FRAME)
    frame = dd.from_pandas(FRAME, npartitions=4)
    for name in ("predict", "predict_proba", "score_samples"):
        np.testing.assert_array_equal(getattr(named, name)(frame).compute(), getattr(named, name)(FRAME))


def test_results_compute_nothing_before_they_are_asked_for():
    def fail(block):
        raise RuntimeError("computed")

    array = da.from_array(FEW, chunks=(300, 3)).map_blocks(fail, dtype=float, meta=np.empty((0, 0)))
    model = GaussianMixture(3, random_state=0).fit(FEW)
    labels = model.predict(array)
    with pytest.raises(RuntimeError, match="computed"):
        labels.compute()


@pytest.mark.parametrize("name", ["score", "bic", "aic", "icl", "entropy", "aicc"])
def test_criteria_have_the_bits_of_rows_in_memory(name):
    model = StudentMixture(2, random_state=0).fit(FEW)
    assert getattr(model, name)(da.from_array(FEW, chunks=(250, 3))) == getattr(model, name)(FEW)


def test_fit_predict_and_the_report_take_rows_of_dask():
    array = da.from_array(FEW, chunks=(300, 3))
    ours, theirs = GaussianMixture(3, random_state=0), GaussianMixture(3, random_state=0)
    np.testing.assert_array_equal(ours.fit_predict(array).compute(), theirs.fit_predict(FEW))
    found, expected = (
        [line for line in str(report).splitlines() if "seconds" not in line]
        for report in (ours.report(array), theirs.report(FEW))
    )
    assert found == expected


def test_fits_go_on_from_blocks_of_dask():
    first, second = FEW[:500], FEW[500:]
    ours, theirs = GaussianMixture(3, random_state=0), GaussianMixture(3, random_state=0)
    ours.partial_fit(da.from_array(first, chunks=(200, 3))).partial_fit(da.from_array(second, chunks=(200, 3)))
    same_fit(ours, theirs.partial_fit(first).partial_fit(second))


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
@pytest.mark.parametrize("column", [np.full(len(FEW), 7.0), FEW[:, 0], 3 - 10 * FEW[:, 1], FEW.sum(axis=1)])
def test_redundant_columns_are_left_out(covariance_type, column):
    rows = np.c_[FEW, column]
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    with pytest.warns(DegenerateDataWarning) if covariance_type != "diag" or column[0] == column[1] else nullcontext():
        theirs = clone(model).fit(rows)
    with pytest.warns(DegenerateDataWarning) if covariance_type != "diag" or column[0] == column[1] else nullcontext():
        ours = clone(model).fit(da.from_array(rows, chunks=(300, 4)))
    np.testing.assert_allclose(ours.means_, theirs.means_, rtol=1e-9)
    np.testing.assert_allclose(ours.covariances_, theirs.covariances_, rtol=1e-7, atol=1e-9)
    assert ours.lower_bound_ == pytest.approx(theirs.lower_bound_, rel=1e-9)


def test_column_that_varies_outside_the_sample_is_kept():
    rows = np.c_[rows_of_blobs(150_000), np.zeros(150_000)]
    sampled = da.from_array(rows, chunks=(50_000, 3))
    with pytest.warns(DegenerateDataWarning, match="x2 is constant"):
        GaussianMixture(2, random_state=0, max_iter=2, init_params="k-means++", tol=10.0).fit(sampled)
    rng = np.random.default_rng(0)
    rows[rng.permutation(150_000)[:50], 2] = 1.0
    few = GaussianMixture(1, random_state=0).fit(da.from_array(rows, chunks=(50_000, 3)))
    assert few.covariances_[0, 2, 2] == pytest.approx(rows[:, 2].var(), rel=1e-6)


BAD = [
    (np.nan, "X has NaN at row 700, column 1"),
    (np.inf, "X has infinity at row 700, column 1"),
    (1e200, r"X has 1e\+200 at row 700, column 1.*its square overflows"),
]


@pytest.mark.parametrize(("value", "message"), BAD)
def test_values_that_cannot_be_used_are_named_with_row_and_column(value, message):
    rows = FEW.copy()
    rows[700, 1] = value
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2).fit(da.from_array(rows, chunks=(300, 3)))
    model = GaussianMixture(2, random_state=0).fit(FEW)
    with pytest.raises(ValueError, match=message):
        model.predict(da.from_array(rows, chunks=(300, 3))).compute()
    frame = dd.from_pandas(pd.DataFrame(rows, columns=NAMES), npartitions=3)
    with pytest.raises(ValueError, match=message.replace("column 1", r"column 1 \('b'\)")):
        GaussianMixture(2).fit(frame)
    named = GaussianMixture(2, random_state=0).fit(FRAME)
    with pytest.raises(ValueError, match=r"in partition 2: X has .* at row 100, column 1"):
        named.score_samples(frame).compute()


@pytest.mark.parametrize(
    "column", [["x"] * 900, pd.date_range("2020", periods=900), [1j] * 900, pd.Categorical(["u"] * 900)]
)
def test_columns_without_numbers_are_named(column):
    frame = dd.from_pandas(FRAME.assign(city=column), npartitions=2)
    with pytest.raises(ValueError, match=r"column 'city' of X does not hold numbers"):
        GaussianMixture(2).fit(frame)


def test_integers_that_floats_do_not_hold_are_refused():
    rows = np.abs(FEW).astype(np.int64)
    rows[5, 2] = 2**53 + 1
    with pytest.raises(ValueError, match=str(2**53 + 1)):
        GaussianMixture(2).fit(da.from_array(rows, chunks=(300, 3)))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (da.zeros(5), ValueError, "shape"),
        (da.zeros((5, 2, 2)), ValueError, "shape"),
        (da.zeros((5, 2), dtype="datetime64[s]"), ValueError, "does not hold numbers"),
        (dd.from_pandas(FRAME, npartitions=2)["a"], TypeError, "Series of Dask"),
        (da.zeros((1, 2)), ValueError, "X has 1 rows"),
    ],
)
def test_other_collections_and_shapes_are_refused(X, error, message):
    with pytest.raises(error, match=message):
        GaussianMixture(1).fit(X)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (
            GaussianMixture(2, trim=0.1),
            {},
            "trim needs rows in memory, .* Dask: pass X.compute",
        ),
        (GaussianMixture(2, noise="uniform"), {}, "noise needs rows in memory"),
        (GaussianMixture(2, init_params=np.zeros(900, int)), {}, "init_params with labels needs rows in memory"),
        (GaussianMixture(2), {"sample_weight": np.ones(900)}, "sample_weight needs rows in memory"),
        (GaussianMixture(2), {"noise_covariance": np.ones(3)}, "noise_covariance needs rows in memory"),
        (BayesianGaussianMixture(n_components=2), {}, "BayesianGaussianMixture needs rows in memory"),
        (GaussianMixtureIC(), {}, "GaussianMixtureIC needs rows in memory"),
    ],
)
def test_what_needs_rows_in_memory_says_so(model, options, message):
    with pytest.raises(ValueError, match=message):
        model.fit(da.from_array(FEW, chunks=(300, 3)), **options)


@pytest.mark.parametrize("method", ["score", "bic", "aic", "icl", "entropy", "factor_scores"])
def test_sums_of_factor_covariances_need_rows_in_memory(method):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 1)) + rng.normal(size=(500, 4))
    model = GaussianMixture(1, covariance_type="factor", n_factors=1, random_state=0).fit(rows)
    with pytest.raises(ValueError, match=r"needs rows in memory, and X is a collection of Dask: pass X.compute\(\)"):
        getattr(model, method)(da.from_array(rows, chunks=(100, 4)))
