"""Fits and results of rows in files: the same bits as of rows in memory."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.stored import LIMIT, WRITERS, clusters, names_of, write_npy, write_parquet

from gaussmix import BayesianGaussianMixture, GaussianMixture, StudentMixture, open_rows
from gaussmix.core.engines.far_rows import assign_rows
from gaussmix.core.file_pages import FilePages

ROWS = {kind: clusters(kind) for kind in ("float64", "float32")}


def fitted(rows, kind=GaussianMixture, **options):
    return kind(n_components=3, random_state=0, **options).fit(rows)


@pytest.fixture(scope="module")
def in_memory():
    return {kind: fitted(rows) for kind, rows in ROWS.items()}


def assert_same(found, expected):
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.lower_bound_ == expected.lower_bound_
    assert found.n_iter_ == expected.n_iter_


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, "float64") for name in WRITERS] + [(name, "float32") for name in ("npy", "parquet", "hdf5", "pattern")],
)
def test_a_default_fit_has_the_same_bits(name, kind, tmp_path, in_memory):
    rows, expected = ROWS[kind], in_memory[kind]
    stored = open_rows(WRITERS[name](rows, tmp_path), memory_limit=LIMIT)
    assert not stored.in_memory
    found = fitted(stored)
    assert_same(found, expected)
    np.testing.assert_array_equal(found.predict(stored), expected.predict(rows))
    np.testing.assert_array_equal(found.predict_proba(stored), expected.predict_proba(rows))
    np.testing.assert_array_equal(found.score_samples(stored), expected.score_samples(rows))
    assert found.score(stored) == expected.score(rows)
    assert found.bic(stored) == expected.bic(rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (GaussianMixture, {"covariance_type": "diag"}),
        (GaussianMixture, {"covariance_type": "tied"}),
        (GaussianMixture, {"noise": "uniform"}),
        (GaussianMixture, {"init_params": "k-means++"}),
        (StudentMixture, {"covariance_type": "diag"}),
        (BayesianGaussianMixture, {}),
    ],
)
def test_other_fits_have_the_same_bits(kind, options, tmp_path):
    rows = ROWS["float32"]
    mapped = np.load(write_npy(rows, tmp_path), mmap_mode="r")
    found, expected = fitted(mapped, kind, **options), fitted(rows, kind, **options)
    assert_same(found, expected)
    np.testing.assert_array_equal(found.predict(mapped), expected.predict(rows))


@pytest.mark.slow
def test_weights_have_the_same_bits(tmp_path):
    rows = ROWS["float64"]
    weights = np.random.default_rng(0).exponential(size=len(rows))
    mapped = np.load(write_npy(rows, tmp_path), mmap_mode="r")
    found = GaussianMixture(3, random_state=0).fit(mapped, sample_weight=weights)
    assert_same(found, GaussianMixture(3, random_state=0).fit(rows, sample_weight=weights))


@pytest.mark.slow
def test_redundant_columns_are_found_in_files(tmp_path):
    rows = np.array(ROWS["float64"])
    rows[:, 7], rows[:, 6] = 3.0, rows[:, 0] - 2 * rows[:, 1]
    mapped = np.load(write_npy(rows, tmp_path), mmap_mode="r")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found, expected = fitted(mapped), fitted(rows)
    assert_same(found, expected)
    assert len({str(warning.message) for warning in caught}) == 1


def read_back(path):
    if path.suffix == ".npy":
        return np.load(path)
    table = (
        pd.read_parquet(path)
        if path.suffix == ".parquet"
        else pd.DataFrame(np.loadtxt(path, delimiter=",", skiprows=1))
    )
    values = table.to_numpy()
    return values[:, 0] if values.shape[1] == 1 else values


@pytest.mark.parametrize("suffix", [".npy", ".parquet", ".csv"])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "score_samples"])
def test_results_are_written_as_they_come(method, suffix, tmp_path, in_memory):
    rows, model = ROWS["float32"], in_memory["float32"]
    stored = open_rows(write_npy(rows, tmp_path), memory_limit=LIMIT)
    path = getattr(model, method)(stored, to=tmp_path / f"result{suffix}")
    assert path == tmp_path / f"result{suffix}"
    np.testing.assert_array_equal(read_back(path), getattr(model, method)(rows))


def test_columns_of_results_have_names(tmp_path, in_memory):
    model, rows = in_memory["float64"], ROWS["float64"][:10]
    assert list(pd.read_parquet(model.predict(rows, to=tmp_path / "a.parquet"))) == ["label"]
    assert list(pd.read_parquet(model.predict_proba(rows, to=tmp_path / "b.parquet"))) == ["p0", "p1", "p2"]
    assert list(pd.read_csv(model.score_samples(rows, to=tmp_path / "c.csv"))) == ["log_density"]


def test_probabilities_of_noise_have_a_column(tmp_path):
    rows = ROWS["float64"][:2000, :2]
    model = GaussianMixture(2, noise="uniform", random_state=0).fit(rows)
    written = pd.read_parquet(model.predict_proba(rows, to=tmp_path / "p.parquet"))
    assert list(written) == ["p0", "p1", "p_noise"]
    np.testing.assert_array_equal(written.to_numpy(), model.predict_proba(rows))


@pytest.mark.parametrize("suffix", [".npy", ".parquet", ".csv"])
def test_a_failure_leaves_no_file(suffix, tmp_path, in_memory, monkeypatch):
    calls = []

    def fails_in_the_end(engine, mixture, want):
        calls.append(want)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return assign_rows(engine, mixture, want)

    monkeypatch.setattr("gaussmix.estimators.fitted_mixture.assign_rows", fails_in_the_end)
    with pytest.raises(KeyboardInterrupt):
        in_memory["float32"].predict(ROWS["float32"], to=tmp_path / f"result{suffix}")
    assert len(calls) == 2
    assert not list(tmp_path.iterdir())


def test_a_bad_name_of_a_result_is_refused(tmp_path, in_memory):
    with pytest.raises(ValueError, match=r"must end in .csv, .parquet or .npy"):
        in_memory["float64"].predict(ROWS["float64"], to=tmp_path / "labels.txt")


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score_samples"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none/x.npy", "to='none/x.npy' cannot be written: the folder none does not exist; make it first"),
        ("none/further/x.csv", "the folder none/further does not exist"),
        ("folder.npy", "to='folder.npy' is a folder; give a file name"),
        ("rows.csv/x.npy", "to='rows.csv/x.npy' cannot be written: Not a directory"),
        (3, "to must be the path of a .npy, .parquet or .csv file; got 3"),
    ],
)
def test_a_result_that_cannot_be_written_is_refused_before_the_work(
    method, name, message, tmp_path, in_memory, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "rows.csv").touch()
    rows = np.full((3, 3), np.inf)  # which would be refused, too
    with pytest.raises(ValueError, match=re.escape(message)):
        getattr(in_memory["float64"], method)(rows, to=name)


def test_missing_values_in_files_are_labeled_but_not_fitted(tmp_path, in_memory):
    rows = np.array(ROWS["float64"])
    rows[100_000, 2], rows[7, :] = np.nan, np.nan
    stored = open_rows(write_parquet(rows, tmp_path), memory_limit=LIMIT)
    model = in_memory["float64"]
    path = model.predict(stored.values, to=tmp_path / "labels.npy")
    np.testing.assert_array_equal(np.load(path), model.predict(rows))
    with pytest.raises(
        ValueError, match=r"X has a missing value at row 7, column 0 \('c0'\); a fit to rows that do not"
    ):
        fitted(stored)
    small = open_rows(write_parquet(rows[:1000], tmp_path))
    assert_same(fitted(small), fitted(rows[:1000]))


def test_infinity_in_a_file_is_named(tmp_path):
    rows = np.array(ROWS["float64"])
    rows[100_000, 2] = np.inf
    with pytest.raises(ValueError, match=r"X has infinity at row 100000, column 2 \('c2'\)"):
        fitted(open_rows(write_parquet(rows, tmp_path), memory_limit=LIMIT))


def test_names_of_columns_are_those_of_the_model(tmp_path):
    rows = ROWS["float64"]
    stored = open_rows(write_parquet(rows, tmp_path), ["c1", "c0"], memory_limit="1 GB")
    model = GaussianMixture(1).fit(stored)
    assert list(model.feature_names_in_) == ["c1", "c0"]
    assert model.mixture_.feature_names == ("c1", "c0")
    np.testing.assert_array_equal(model.mixture_.log_density(stored), model.score_samples(stored))
    other = open_rows(write_parquet(rows[:10], tmp_path))
    for call in (model.predict, model.mixture_.labels):
        with pytest.raises(ValueError, match=r"the rows have the columns .*'c7'\], the model has \['c1', 'c0'\]: open"):
            call(other)


def test_changes_of_a_private_map_are_not_lost(tmp_path):
    rows = ROWS["float64"]
    private = np.load(write_npy(rows, tmp_path), mmap_mode="c")
    private[:] = private + 1.0
    assert FilePages.of(private) is None
    changed = np.array(private)
    GaussianMixture(1).fit(private)
    np.testing.assert_array_equal(private, changed)


def test_views_of_maps_are_recognized(tmp_path):
    path = write_npy(ROWS["float64"], tmp_path)
    mapped = np.load(path, mmap_mode="r")
    frame = pd.DataFrame(mapped, columns=names_of(mapped), copy=False)
    for view in (mapped, mapped[5:], mapped[:, 2:4], mapped[::-1], np.asarray(mapped), frame.to_numpy()):
        pages = FilePages.of(view)
        pages.read_ahead(view)
        pages.release(view)
    assert FilePages.of(np.array(mapped)) is None
    np.testing.assert_array_equal(mapped, ROWS["float64"])
