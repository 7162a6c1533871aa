"""The default fit: it finds the best optimum known, from any seed, and stops when it is told to."""

import itertools
import math
import time
import zlib
from dataclasses import replace

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, TABLES, blobs, read_only
from numpy.testing import assert_allclose
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from gaussmix import GaussianMixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import Multistart, SearchSettings
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.search import MOST_PAIRS
from gaussmix.fitting.starts import draw_starts, start_from_labels
from gaussmix.fitting.stopping import RemainingGain


def clusters(means, shapes, counts, seed):
    """Rows of normal clusters with the given lower roots."""
    rng = np.random.default_rng(seed)
    parts = [
        mean + rng.standard_normal((count, len(mean))) @ np.asarray(shape).T
        for mean, shape, count in zip(means, shapes, counts, strict=True)
    ]
    return read_only(np.concatenate(parts))


# k-means cuts these across: the clusters are longer than they are apart
STRETCHED = clusters([[0.0, y] for y in (0, 4, 8, 12)], [np.diag([25.0, 0.6])] * 4, [150] * 4, 0)
UNBALANCED = clusters(
    [[0, 0], [12, 0], [0, 12], [8, 8]],
    [2 * np.eye(2), 0.4 * np.eye(2), np.eye(2), 0.5 * np.eye(2)],
    [600, 30, 60, 25],
    1,
)
GRID = clusters([[6.0 * x, 6.0 * y] for x in range(3) for y in range(3)], [np.eye(2)] * 9, [60] * 9, 2)

# name -> (rows, components, structure, log-likelihood of the best optimum known)
# The recipe is `best_of_scikit_learn` below: the best of 400 starts and of one from the true clusters, which alone
# finds the two of stretched clusters (`python tests/test_search.py` prints the numbers).
OPTIMA = {
    "iris full": (TABLES["iris"][0], 3, "full", -180.18547713),
    "iris tied": (TABLES["iris"][0], 3, "tied", -256.35404313),
    "iris diag": (TABLES["iris"][0], 3, "diag", -306.86046051),
    "stretched": (STRETCHED, 4, "full", -4120.98595165),
    "stretched tied": (STRETCHED, 4, "tied", -4125.18511186),
    "unbalanced": (UNBALANCED, 4, "full", -3205.69534300),
    "grid": (GRID, 9, "spherical", -2719.23178624),
    "grid full": (GRID, 9, "full", -2711.42632735),
}
TRUE_COUNTS = {
    "stretched": [150] * 4, "stretched tied": [150] * 4, "unbalanced": [600, 30, 60, 25], "grid": [60] * 9,
    "grid full": [60] * 9,
}  # fmt: skip
every_optimum = pytest.mark.parametrize("name", OPTIMA)


def best_of_scikit_learn(rows, k, covariance_type, true_counts, n_starts=400):
    """The greatest log-likelihood that scikit-learn reaches from many starts, optima on few rows left out."""
    import warnings

    from sklearn.mixture import GaussianMixture as Theirs

    warnings.simplefilter("ignore")
    settings = {"covariance_type": covariance_type, "reg_covar": 0, "max_iter": 1000, "tol": 1e-4}
    methods = ("kmeans", "random_from_data", "k-means++", "random")
    starts = [{"init_params": methods[seed % 4], "random_state": seed} for seed in range(n_starts)]
    if true_counts:
        labels = np.repeat(np.arange(k), true_counts)
        covariances = np.array([np.cov(rows[labels == component].T) for component in range(k)])
        precisions = {
            "full": lambda: np.linalg.inv(covariances),
            "tied": lambda: np.linalg.inv(covariances.mean(axis=0)),
            "spherical": lambda: rows.shape[1] / np.trace(covariances, axis1=1, axis2=2),
        }[covariance_type]()
        means = [rows[labels == component].mean(axis=0) for component in range(k)]
        weights = np.array(true_counts) / len(rows)
        starts.append({"weights_init": weights, "means_init": means, "precisions_init": precisions})
    best = -np.inf
    volume = math.exp(np.linalg.slogdet(np.cov(rows.T))[1] / rows.shape[1])
    for start in starts:
        gm = Theirs(k, **settings, **start)
        try:
            gm.fit(rows)
        except ValueError:  # collapsed
            continue
        dense = np.linalg.eigvalsh(gm.covariances_) if covariance_type in ("full", "tied") else gm.covariances_
        score = gm.score(rows) * len(rows)
        if score > best and dense.min() > 1e-4 * volume and (gm.weights_ * len(rows)).min() > 5:
            gm.set_params(warm_start=True, tol=1e-13, max_iter=20_000).fit(rows)
            best = max(best, gm.score(rows) * len(rows))
    return best


def log_likelihood(gm, rows):
    return gm.lower_bound_ * len(rows)


@pytest.mark.slow
@every_optimum
def test_the_best_optimum_known_is_found_from_any_seed(name):
    rows, k, covariance_type, best = OPTIMA[name]
    fits = [GaussianMixture(k, covariance_type=covariance_type, random_state=seed).fit(rows) for seed in range(4)]
    for gm in fits:
        assert log_likelihood(gm, rows) == pytest.approx(best, abs=2e-5)
        assert (np.diff(gm.weights_) <= 0).all(), "components come by descending weight"
        assert gm.converged_
        np.testing.assert_allclose(gm.weights_, fits[0].weights_, rtol=0, atol=1e-8)
        np.testing.assert_allclose(gm.means_, fits[0].means_, rtol=0, atol=1e-8 * rows.std())
        np.testing.assert_allclose(gm.covariances_, fits[0].covariances_, rtol=0, atol=1e-8 * rows.var())
        assert gm.start_log_likelihoods_[0] == gm.start_log_likelihoods_.max()


@pytest.mark.parametrize(("table", "seed"), [(1, 6), (1, 1), (0, 0), (2, 2)])
def test_no_fit_of_heavy_tails_is_below_that_of_scikit_learn(table, seed):
    from sklearn.mixture import GaussianMixture as Theirs

    rng = np.random.default_rng([zlib.crc32(b"t columns beside"), table])
    centers = 9 * rng.uniform(-1, 1, size=(3, 2))
    rows = np.c_[np.repeat(centers, 500, axis=0) + rng.normal(size=(1500, 2)), 5 * rng.standard_t(3, size=(1500, 4))]
    peer = Theirs(3, random_state=seed).fit(rows)
    start = {"weights_init": peer.weights_, "means_init": peer.means_, "precisions_init": peer.precisions_}
    reached = GaussianMixture(3, **start, acceleration="none").fit(rows)
    found = GaussianMixture(3, random_state=seed).fit(rows)
    assert len(rows) * found.score(rows) >= len(rows) * reached.score(rows) - 1e-3


def in_one_column(n, d, k, distance, seed=0):
    """Clusters that differ in the first of many columns, and their labels."""
    labels = np.arange(n) % k
    rows = np.random.default_rng(seed).normal(size=(n, d))
    rows[:, 0] += distance * labels
    return rows, labels


def along_the_diagonal(n, d, k, distance, seed=0):
    """Clusters that differ by the same amount in every column, and their labels."""
    labels = np.arange(n) % k
    return np.random.default_rng(seed).normal(size=(n, d)) + distance * labels[:, None], labels


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
@pytest.mark.parametrize(("rows", "labels"), [
    along_the_diagonal(1000, 12, 5, 5),
    in_one_column(1000, 12, 5, 8),
    in_one_column(600, 60, 2, 8),
    in_one_column(300, 20, 3, 10),
    in_one_column(1000, 50, 3, 10),
    make_blobs(300, n_features=30, centers=4, random_state=0),
    make_blobs(500, n_features=50, centers=5, random_state=0),
])  # fmt: skip
def test_clusters_apart_in_a_few_directions_are_found(rows, labels, covariance_type):
    for seed in range(3):
        gm = GaussianMixture(len(set(labels)), covariance_type=covariance_type, random_state=seed).fit(rows)
        assert adjusted_rand_score(labels, gm.predict(rows)) > 0.99


def test_clusters_in_columns_of_small_units_are_found():
    rows, labels = in_one_column(300, 15, 3, 10)
    for units in (np.ones(15), np.geomspace(1e-4, 1e4, 15), np.geomspace(1e4, 1e-4, 15)):
        gm = GaussianMixture(3, random_state=0).fit(rows * units)
        assert adjusted_rand_score(labels, gm.predict(rows * units)) > 0.99


@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
def test_one_start_of_k_means_is_not_enough_there():
    rows, k, _, best = OPTIMA["stretched"]
    gm = GaussianMixture(k, init_params="kmeans", random_state=0).fit(rows)
    assert log_likelihood(gm, rows) < best - 5


def streams(seed):
    return (np.random.default_rng([seed, at]) for at in itertools.count())


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_more_starts_do_not_change_the_others(covariance_type):
    rows, k = TABLES["blobs"]
    structure = covariance_class(covariance_type)
    data = Sample.of(WeightedRows(rows), structure.form)
    few, more = (list(draw_starts(data, structure, k, range(n), streams(7))) for n in (3, 19))
    assert (len(few), len(more)) == (3, 19)
    for one, other in zip(few, more, strict=False):
        np.testing.assert_array_equal(one.means, other.means)
        np.testing.assert_array_equal(one.covariance.roots, other.covariance.roots)
    assert len({start.means.tobytes() for start in more}) > 10


def search_for(rows, structure):
    data = Sample.of(WeightedRows(rows), structure.form)
    root = data.root_within(3, structure.form, np.random.default_rng(0))
    update = MaximumLikelihood(prior=Prior.chen_tan(1e-10, root))
    settings = SearchSettings(8, RemainingGain(), 1000)
    return Multistart(NativeEngine(rows), data, update, root, settings, RemainingGain(1e-3))


def test_each_round_of_starts_is_refined_once(monkeypatch):
    rng = np.random.default_rng(0)
    angles = 5 + 16 * np.sqrt(rng.uniform(size=1200))
    spiral = angles[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    rows = spiral + 0.4 * rng.normal(size=spiral.shape)
    begun, ended = [], []

    def refine(search, best, rng):
        begun.append(best.objective)
        better = compiled_refine(search, best, rng)
        ended.append(better.log_likelihood)
        return better

    compiled_refine = Multistart.refine
    monkeypatch.setattr(Multistart, "refine", refine)
    fitted = GaussianMixture(12, n_init=40, random_state=0).fit(rows)
    assert 2 < len(begun) == len(np.unique(np.round(begun, 6))) <= 5
    assert fitted.lower_bound_ * len(rows) == pytest.approx(max(ended), abs=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_race_and_refinement_end_no_lower_than_where_they_were(covariance_type):
    rows, k = TABLES["overlapping"]
    structure = covariance_class(covariance_type)
    for seed in range(3):
        search = search_for(rows, structure)
        starts = list(draw_starts(search.data, structure, k, range(8), streams(seed)))
        short = search.short_runs(starts)
        runs = search.race(starts)
        assert [run.rank for run in runs] == sorted(run.rank for run in runs)
        assert runs[0].rank <= min(run.rank for run in short)
        refined = search.refine(runs[0], np.random.default_rng(seed))
        assert refined.rank <= runs[0].rank
        polished = search.polish(refined)
        assert polished.fit.objective >= refined.fit.objective - 1e-9 * abs(refined.fit.objective)


def test_a_bad_optimum_is_left_by_refinement():
    # two components on one cluster, one over two: EM alone stays there
    rows, k, covariance_type, best = OPTIMA["grid"]
    structure = covariance_class(covariance_type)
    search = search_for(rows, structure)
    centers = np.array([[6.0 * x, 6.0 * y] for x in range(3) for y in range(3)])
    centers[0], centers[1] = [0.0, 3.0], [12.0, 12.5]
    labels = ((rows[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
    stuck = search.run(start_from_labels(search.data, labels, structure, k), 1000)
    assert stuck.fit.objective < best - 50
    refined = search.refine(stuck, np.random.default_rng(0))
    assert search.polish(refined).fit.moments.log_likelihood == pytest.approx(best, abs=1e-3)


# deadlines and interrupts


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("k", [2, 3, 5])  # one component starts at the optimum
def test_no_time_at_all_gives_a_valid_model_that_says_so(covariance_type, k):
    rows = TABLES["blobs"][0]
    gm = GaussianMixture(k, covariance_type=covariance_type, time_budget=0, random_state=0)
    with pytest.warns(ConvergenceWarning, match="time_budget"):
        gm.fit(rows)
    assert not gm.converged_
    assert gm.stop_reason_.startswith("Stopped by time_budget")
    assert gm.weights_.sum() == pytest.approx(1)
    assert gm.lower_bound_ == pytest.approx(gm.score(rows), rel=1e-13)
    assert np.isfinite(gm.score_samples(rows)).all()


@pytest.mark.parametrize(("most_pairs", "ticks"), [(MOST_PAIRS, (3, 8, 12, 16)), (0, (3, 30, 60, 100))])
def test_time_runs_out_during_the_search(most_pairs, ticks, monkeypatch):
    rows, k, covariance_type, _ = OPTIMA["grid full"]
    monkeypatch.setattr("gaussmix.fitting.search.MOST_PAIRS", most_pairs)
    reached = []
    for budget in ticks:
        clock = itertools.count()
        gm = GaussianMixture(k, covariance_type=covariance_type, time_budget=budget, random_state=0)
        with monkeypatch.context() as patched:
            patched.setattr("time.perf_counter", lambda clock=clock: float(next(clock)))
            with pytest.warns(ConvergenceWarning, match="time_budget"):
                gm.fit(rows)
        assert gm.stop_reason_.startswith("Stopped by time_budget")
        reached.append(log_likelihood(gm, rows))
        assert reached[-1] == pytest.approx(gm.score(rows) * len(rows), rel=1e-12)
    assert reached == sorted(reached)
    assert reached[-1] > reached[0] + 0.5


def test_enough_time_changes_nothing():
    rows, k = TABLES["blobs"]
    hurried, patient = (GaussianMixture(k, time_budget=budget, random_state=0).fit(rows) for budget in (3600, None))
    np.testing.assert_array_equal(hurried.means_, patient.means_)


class InterruptAt:
    """Ctrl-C at a certain call of the callback; before it, what the best was."""

    def __init__(self, call):
        self.call, self.calls, self.best = call, 0, -np.inf

    def __call__(self, progress):
        self.calls += 1
        if self.calls == self.call:
            raise KeyboardInterrupt
        if progress.n_iter:
            self.best = max(self.best, progress.log_likelihood)


def n_calls(rows, k, **settings):
    counted = InterruptAt(-1)
    GaussianMixture(k, random_state=0, callback=counted, **settings).fit(rows)
    return counted.calls


@pytest.mark.parametrize("fitted_before", [False, True])
def test_an_interrupt_before_there_is_a_model_changes_nothing(fitted_before):
    rows, k = TABLES["blobs"]
    gm = GaussianMixture(k, random_state=0)
    if fitted_before:
        gm.fit(rows[:, :2])
    gm.set_params(callback=InterruptAt(1))
    before = vars(gm).copy()
    with pytest.raises(KeyboardInterrupt):
        gm.fit(rows)
    assert vars(gm) == before


@pytest.mark.parametrize("settings", [{}, {"init_params": "kmeans", "n_init": 3}], ids=["search", "starts"])
@pytest.mark.parametrize("when", [0.1, 0.5, 0.9, 1.0])
def test_an_interrupt_keeps_the_best_so_far(settings, when):
    rows, k = TABLES["blobs"]
    stop = InterruptAt(max(8, int(when * n_calls(rows, k, **settings))))
    gm = GaussianMixture(k, random_state=0, callback=stop, **settings)
    with pytest.raises(KeyboardInterrupt):
        gm.fit(rows)
    assert stop.calls == stop.call
    assert gm.stop_reason_.startswith("Interrupted")
    assert not gm.converged_
    assert gm.lower_bound_ == pytest.approx(gm.score(rows), rel=1e-13)
    if when > 0.2:
        assert gm.lower_bound_ >= stop.best - 1e-9
    assert (gm.predict(rows) < k).all()
    assert not any(np.isnan(gm.history_["log_likelihood"]))


# samples


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_a_search_of_a_part_ends_at_the_same_optimum(covariance_type, monkeypatch):
    rows = blobs(6000, 3, 4, seed=5)
    whole = GaussianMixture(4, covariance_type=covariance_type, random_state=0).fit(rows)
    monkeypatch.setattr("gaussmix.fitting.search.ALL_ROWS", 1500)
    monkeypatch.setattr("gaussmix.fitting.coreset.LEAST_ROWS", 800)
    seen = []
    gm = GaussianMixture(4, covariance_type=covariance_type, random_state=0, callback=seen.append).fit(rows)
    assert gm.converged_
    assert log_likelihood(gm, rows) == pytest.approx(log_likelihood(whole, rows), abs=1e-3)
    assert (np.diff(gm.weights_) <= 0).all()
    np.testing.assert_allclose(gm.means_, whole.means_, atol=1e-3)
    assert gm.start_log_likelihoods_[0] > 0.5 * log_likelihood(whole, rows), "those of the part that was searched"


@pytest.mark.parametrize("call", [20, 200])
def test_an_interrupt_while_a_part_is_searched_keeps_a_model_of_all_rows(call, monkeypatch):
    monkeypatch.setattr("gaussmix.fitting.search.ALL_ROWS", 1500)
    monkeypatch.setattr("gaussmix.fitting.coreset.LEAST_ROWS", 800)
    rows = blobs(6000, 3, 4, seed=5)
    total = n_calls(rows, 4)
    gm = GaussianMixture(4, random_state=0, callback=InterruptAt(min(call, total)))
    with pytest.raises(KeyboardInterrupt):
        gm.fit(rows)
    assert gm.lower_bound_ == pytest.approx(gm.score(rows), rel=1e-13)


# history


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("settings", [{}, {"init_params": "kmeans"}, {"init_params": "kmeans", "acceleration": "none"}])
def test_history_is_that_of_the_run_that_was_kept(covariance_type, settings):
    rows, k = TABLES["overlapping"]
    began = time.perf_counter()
    gm = GaussianMixture(k, covariance_type=covariance_type, random_state=0, **settings).fit(rows)
    took = time.perf_counter() - began
    history = gm.history_
    assert {len(values) for values in history.values()} == {gm.n_iter_ + 1}
    assert (np.diff(history["log_likelihood"]) >= -1e-12 * abs(gm.lower_bound_)).all()
    assert (np.diff(history["seconds"]) >= 0).all()
    assert 0 < history["seconds"][-1] < took
    assert history["log_likelihood"][-1] == gm.lower_bound_
    assert gm.lower_bounds_ == list(history["log_likelihood"][1:])


if __name__ == "__main__":
    for name, (rows, k, covariance_type, _) in OPTIMA.items():
        print(name, f"{best_of_scikit_learn(rows, k, covariance_type, TRUE_COUNTS.get(name)):.8f}", flush=True)


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [3_000, 30_000])
@pytest.mark.parametrize("calls", [2, 12])
def test_interrupted_search_leaves_a_model_with_its_own_likelihood(n_rows, calls):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 2)) + 4 * rng.integers(0, 3, (n_rows, 1))

    seen = []

    def press(progress):
        seen.append(progress)
        if len(seen) == calls:
            raise KeyboardInterrupt

    gm = GaussianMixture(3, random_state=0, callback=press)
    with pytest.raises(KeyboardInterrupt):
        gm.fit(X)
    assert gm.stop_reason_.startswith("Interrupted after ")
    assert not gm.converged_
    assert gm.score(X) == pytest.approx(gm.lower_bound_, rel=1e-12)


def search_of(rows, **settings):
    data = Sample.of(WeightedRows(rows), "full")
    engine, root = NativeEngine(rows), data.root_within(3, "full", np.random.default_rng(0))
    limits = SearchSettings(8, RemainingGain(), 500)
    return Multistart(engine, data, MaximumLikelihood(), root, limits, RemainingGain(0.1), **settings)


def three_clusters(n_each, seed):
    roots = [np.eye(2), 0.5 * np.eye(2), np.diag([1.5, 0.4])]
    return clusters([[0, 0], [6, 0], [0, 7]], roots, [n_each] * 3, seed)


@pytest.mark.parametrize("seed", range(3))
def test_moves_repair_a_component_that_has_collapsed(seed):
    rows = three_clusters(400, seed)
    labels = (rows[:, 0] > 3).astype(np.int64)
    labels[:2] = 2  # two rows
    search = search_of(rows)
    bad = search.run(start_from_labels(search.data, labels, covariance_class("full"), 3), 0)
    collapsed = replace(bad, soundness=replace(bad.soundness, few=np.array([False, False, True])))
    best = search.repair(collapsed)
    assert best.soundness.n_unsound == 0
    assert_allclose(np.sort(best.counts), 400, atol=5)


@pytest.mark.parametrize("seed", range(3))
def test_first_iterations_on_some_rows_lead_to_the_same_optimum(seed):
    rows = three_clusters(4000, seed)
    some = NativeEngine(np.ascontiguousarray(rows[::4]), np.full(3000, 4.0))
    optima = []
    for few in (None, some):
        search = search_of(rows, few=few, same=1.0)
        streams = (np.random.default_rng(at) for at in itertools.count())
        starts = draw_starts(search.data, covariance_class("full"), 3, range(8), streams)
        optima.append(search.race(starts)[0].objective)
    assert abs(optima[0] - optima[1]) < 0.1
