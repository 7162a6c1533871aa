"""The compiled search: its steps are those of the Python loop, and it ends when it is told to."""

import itertools
import math
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest
from helpers.datasets import TABLES, read_only
from threadpoolctl import threadpool_limits

from gaussmix import GaussianMixture
from gaussmix.core.covariance import MODELS, structure_of
from gaussmix.core.engines import NativeEngine
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.compiled_rows import CompiledRows, Limits
from gaussmix.fitting.compiled_search import CompiledSearch
from gaussmix.fitting.degeneracy import examine, find_lost
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.merge_losses import losses_in, losses_of, merge_losses
from gaussmix.fitting.multistart import Multistart, SearchSettings
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.search import MOST_PAIRS
from gaussmix.fitting.split_merge import compiled_moves
from gaussmix.fitting.starts import draw_starts, reference_start, start_from_labels, start_from_responsibilities
from gaussmix.fitting.stopping import RemainingGain, Stop

NAMES = ("iris", "blobs", "line", "overlapping")
every_table = pytest.mark.parametrize("name", NAMES)
every_model = pytest.mark.parametrize("letters", MODELS)


def streams(seed):
    return (np.random.default_rng([seed, at]) for at in itertools.count())


def searches(rows, letters, k, weights=None, *, accelerate=True):
    """The search in Python and the compiled one, of the same rows."""
    structure = MODELS[letters]
    data = Sample.of(WeightedRows(rows, weights), structure.form)
    root = data.root_within(k, structure.form, np.random.default_rng(0))
    update = MaximumLikelihood(prior=Prior.chen_tan(1e-10, root))
    settings = SearchSettings(8, RemainingGain(), 2000, accelerate)
    shared = NativeEngine.of(data.rows), data, update, root, settings, RemainingGain(1e-3)
    compiled = CompiledRows.of(data, structure, k, update, root)
    return Multistart(*shared), CompiledSearch(*shared, rows=compiled)


@every_model
@every_table
@pytest.mark.parametrize("weighted", [False, True])
def test_starts_are_those_of_python(name, letters, weighted):
    rows, k = TABLES[name]
    weights = np.random.default_rng(1).uniform(0.2, 1, len(rows)) if weighted else None
    structure = MODELS[letters]
    data = Sample.of(WeightedRows(rows, weights), structure.form)
    labels = np.random.default_rng(0).integers(k, size=len(rows))
    ours, reference = (make(data, labels, structure, k) for make in (start_from_labels, reference_start))
    np.testing.assert_allclose(ours.weights, reference.weights, rtol=1e-13)
    np.testing.assert_allclose(ours.means, reference.means, rtol=0, atol=1e-12 * np.abs(rows).max())
    dense = reference.covariance.dense()  # iterations end at slightly different places
    np.testing.assert_allclose(ours.covariance.dense(), dense, rtol=0, atol=1e-5 * np.abs(dense).max())


@every_model
@every_table
def test_runs_end_at_the_optimum_of_python(name, letters):
    rows, k = TABLES[name]
    reference, compiled = searches(rows, letters, k, accelerate=False)  # no two accelerations take the same path
    starts = list(draw_starts(reference.data, MODELS[letters], k, range(1, 5), streams(0)))
    for mine, its in zip(compiled.short_runs(starts), reference.short_runs(starts), strict=True):
        assert mine.objective == pytest.approx(its.objective, abs=1e-5 * abs(its.objective))
        assert (mine.n_iter, mine.fit.n_passes) == (its.n_iter, its.fit.n_passes) == (4, 5)
        np.testing.assert_allclose(mine.fit.trace, its.fit.trace, rtol=1e-4)
        mine, its = (search.finish(search.go_on(run, 500)) for search, run in ((compiled, mine), (reference, its)))
        assert mine.objective == pytest.approx(its.objective, abs=1e-3)
        assert mine.soundness.n_unsound == its.soundness.n_unsound
        assert mine.stop in (Stop.AT_OPTIMUM, Stop.ROUNDING, Stop.LIMIT)


@every_model
@every_table
def test_what_is_read_from_a_state_is_the_pass_at_its_mixture(name, letters):
    rows, k = TABLES[name]
    weights = np.random.default_rng(2).uniform(0.5, 1.5, len(rows))
    reference, compiled = searches(rows, letters, k, weights)
    start = next(draw_starts(reference.data, MODELS[letters], k, range(1), streams(0)))
    run = compiled.short_runs([start])[0]
    moments = reference.engine.accumulate(run.mixture.whitened())
    assert run.fit.moments.log_likelihood == pytest.approx(moments.log_likelihood, rel=1e-11)
    assert run.objective == pytest.approx(moments.log_likelihood + reference.update.log_prior(run.mixture), rel=1e-11)
    assert run.fit.moments.entropy == pytest.approx(moments.entropy, rel=1e-7, abs=1e-9)
    np.testing.assert_allclose(run.counts, moments.counts, rtol=1e-8)
    np.testing.assert_allclose(run.fit.moments.shifts, moments.shifts, rtol=0, atol=1e-6 * len(rows))
    np.testing.assert_allclose(run.fit.moments.scatter, moments.scatter, rtol=0, atol=1e-6 * len(rows))


@every_model
@every_table
def test_what_bounds_call_sound_is_sound(name, letters):
    rows, k = TABLES[name]
    _, compiled = searches(rows, letters, k)
    n_clear = 0
    for seed in range(3):
        starts = list(draw_starts(compiled.data, MODELS[letters], k, range(8), streams(seed)))
        for run in compiled.short_runs(starts):
            if run.outcome.is_clearly_sound:
                n_clear += 1
                assert examine(run.mixture, run.counts, len(rows), compiled.target_root).n_unsound == 0
                assert run.outcome.may_repeat or not find_lost(run.mixture, run.counts).any()
    assert n_clear


@every_model
@every_table
def test_components_overlap_as_in_python(name, letters):
    rows, k = TABLES[name]
    for weights in (None, np.random.default_rng(0).uniform(0.5, 2.0, len(rows))):
        _, compiled = searches(rows, letters, k, weights)
        start = next(draw_starts(compiled.data, MODELS[letters], k, range(1), streams(0)))
        (run,) = compiled.short_runs([start])
        counts, unknown, log_density = compiled.rows.overlap(run.outcome.state)
        losses = merge_losses(run.mixture, run.mixture.responsibilities(rows), compiled.data.rows.weights)
        np.testing.assert_allclose(losses_of(run.mixture, counts, unknown), losses, rtol=1e-8, atol=1e-8 * len(rows))
        expected = run.mixture.log_density(rows)
        np.testing.assert_allclose(log_density - log_density.max(), expected - expected.max(), rtol=1e-8, atol=1e-7)


@every_model
@every_table
def test_halves_have_the_mean_of_the_component_and_gain(name, letters):
    rows, k = TABLES[name]
    if k < 2:
        return
    _, compiled = searches(rows, letters, k)
    start = next(draw_starts(compiled.data, MODELS[letters], k, range(1), streams(0)))
    run = compiled.go_on(compiled.short_runs([start])[0], 500)
    gains, halves = compiled.rows.split(run.outcome.state)
    d, split = rows.shape[1], np.flatnonzero(np.isfinite(gains))
    assert split.size
    assert (gains[split] > -2).all()  # a few iterations may end below one component
    shares, means = halves[split, :1], halves[split, 1 : 1 + 2 * d].reshape(-1, 2, d)
    both = np.ldexp(shares * means[:, 0] + (1 - shares) * means[:, 1], compiled.rows.exponent) + compiled.rows.center
    np.testing.assert_allclose(both, run.mixture.means[split], atol=0.05 * rows.std())
    for moved in itertools.islice(compiled.moves(run), 3):
        weights = compiled.rows.mixture_of(moved).weights
        assert weights.sum() == pytest.approx(1)


def test_a_swap_moves_one_component_to_a_row():
    rows, k = TABLES["blobs"]
    _, compiled = searches(rows, "VVV", k)
    run = compiled.short_runs([next(draw_starts(compiled.data, MODELS["VVV"], k, range(1), streams(0)))])[0]
    for swapped in itertools.islice(compiled.swaps(run, np.random.default_rng(0)), 5):
        means = compiled.rows.mixture_of(swapped).means
        moved = np.abs(means - run.mixture.means).max(axis=1) > 1e-9
        assert moved.sum() == 1
        assert np.abs(rows - means[moved]).max(axis=1).min() < 1e-9


@every_table
@pytest.mark.parametrize("letters", ["VVV", "EEE", "VVI", "VII", "VEV"])
@pytest.mark.parametrize("seed", range(2))
def test_a_race_ends_where_that_in_python_does_and_moves_only_improve_it(name, letters, seed):
    rows, k = TABLES[name]
    ends = []
    for search in searches(rows, letters, k, accelerate=False):
        raced = search.race(draw_starts(search.data, MODELS[letters], k, range(8), streams(seed)))
        best = search.refine(raced[0], np.random.default_rng(seed))
        ends.append(raced[0].objective)
        assert best.objective >= raced[0].objective  # later swaps follow the last digits of the runs before
    np.testing.assert_allclose(*ends, rtol=0, atol=2e-3)


@every_table
@pytest.mark.parametrize("letters", ["VVV", "EEE", "VVI", "VII", "VEV"])
def test_the_default_fit_ends_at_an_optimum(name, letters):
    rows, k = TABLES[name]
    gm = GaussianMixture(k, covariance_type=letters, random_state=0).fit(rows)
    assert gm.converged_
    assert gm.lower_bound_ == pytest.approx(gm.score(rows), rel=1e-13)
    after = GaussianMixture(
        k,
        covariance_type=letters,
        weights_init=gm.weights_,
        means_init=gm.means_,
        precisions_init=gm.precisions_,
    ).fit(rows)
    assert after.lower_bound_ * len(rows) == pytest.approx(gm.lower_bound_ * len(rows), abs=1e-3)


@pytest.mark.parametrize("letters", ["VVV", "EEE", "VVI", "VII", "EVE"])
def test_same_bits_for_any_number_of_threads(letters):
    rows = read_only(np.random.default_rng(0).normal(size=(3000, 4)) + 4 * np.eye(4)[np.arange(3000) % 4])
    means = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="openmp"):
            means.append(GaussianMixture(5, covariance_type=letters, random_state=0).fit(rows).means_)
    np.testing.assert_array_equal(*means)


@pytest.mark.parametrize("letters", ["VVV", "EEE", "VVI", "VII"])
@pytest.mark.parametrize("weighted", [False, True])
def test_threads_that_share_passes_change_no_bit(letters, weighted):
    rows = read_only(np.random.default_rng(0).normal(size=(9000, 6)))
    weights = np.random.default_rng(1).uniform(0.2, 1, len(rows)) if weighted else None
    compiled = searches(rows, letters, 8, weights)[1].rows
    labels = np.arange(len(rows)) % 8
    ends = []
    for n_threads in (1, 2, 5):
        with threadpool_limits(n_threads, user_api="openmp"):
            state = compiled.run([compiled.start(labels)], Limits(20, 1e-3, True))[0].state
        moments = compiled.moments_of(state)
        ends.append((compiled.mixture_of(state).means, moments.shifts, moments.scatter, moments.log_likelihood))
    for end in ends[1:]:
        for array, of_one_thread in zip(end, ends[0], strict=True):
            np.testing.assert_array_equal(array, of_one_thread)


@every_model
def test_first_iterations_on_some_rows_are_those_of_python(letters):
    rows, k = TABLES["blobs"]
    reference, compiled = searches(rows, letters, k, accelerate=False)
    data, structure = reference.data, MODELS[letters]
    some = draw_rows(data.rows, len(rows) // 2, np.random.default_rng(0))
    some = replace(some, weights=some.explicit_weights * (data.rows.total / some.total))
    part = replace(Sample.of(some, structure.form), rows=some)
    reference.few = compiled.few = NativeEngine.of(some)
    compiled.few_rows = CompiledRows.of(part, structure, k, reference.update, reference.target_root)
    starts = list(draw_starts(data, structure, k, range(1, 5), streams(0)))
    short = [search.short_runs(starts) for search in (reference, compiled)]
    longer = [search.longer_runs(runs, 5) for search, runs in zip((reference, compiled), short, strict=True)]
    for runs in (short, longer):
        its, mine = ([run.objective for run in each] for each in runs)
        np.testing.assert_allclose(mine, its, rtol=1e-5)
    assert compiled.best is None
    assert compiled.early.objective == pytest.approx(reference.early.objective, rel=1e-5)
    ended = [search.go_on(runs[0], 500) for search, runs in zip((reference, compiled), longer, strict=True)]
    assert ended[1].objective == pytest.approx(ended[0].objective, abs=1e-2)
    assert compiled.best is ended[1]
    assert ended[1].log_likelihood == pytest.approx(ended[1].mixture.log_density(rows).sum(), rel=1e-12)


@every_table
def test_a_callback_changes_nothing_and_hears_of_all_runs(name):
    rows, k = TABLES[name]
    seen = []
    silent, watched = (
        GaussianMixture(k, random_state=0, callback=callback).fit(rows) for callback in (None, seen.append)
    )
    np.testing.assert_array_equal(silent.means_, watched.means_)
    np.testing.assert_array_equal(silent.covariances_, watched.covariances_)
    assert watched.n_iter_ == silent.n_iter_
    starts = [progress.start for progress in seen if progress.n_iter == 0]
    assert starts == list(range(len(starts)))
    assert len(starts) >= 4
    assert seen[-1].log_likelihood == pytest.approx(watched.lower_bound_, rel=1e-9)
    for before, progress in itertools.pairwise(seen):
        if progress.n_iter == before.n_iter + 1 and progress.start == before.start:
            assert progress.gain == pytest.approx(progress.log_likelihood - before.log_likelihood, abs=1e-9)


def with_equal_rows(seed):
    rng = np.random.default_rng(seed)
    return read_only(np.concatenate([rng.normal(size=(60, 2)), np.repeat([[3.0, 3.0], [9.0, 1.0]], 15, axis=0)]))


@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning", "ignore::gaussmix.DegenerateDataWarning")
@pytest.mark.parametrize("reg_covar", ["auto", 0.0])
@pytest.mark.parametrize("seed", range(3))
def test_singular_runs_are_repeated_in_python(reg_covar, seed, monkeypatch):
    rows = with_equal_rows(seed)
    fits = []
    for most_pairs in (MOST_PAIRS, 0):
        monkeypatch.setattr("gaussmix.fitting.search.MOST_PAIRS", most_pairs)
        fits.append(GaussianMixture(3, reg_covar=reg_covar, random_state=0).fit(rows))
    ours, reference = (gm.lower_bound_ * len(rows) for gm in fits)
    assert ours == pytest.approx(reference, abs=1e-3) or ours > reference


@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning", "ignore::gaussmix.DegenerateDataWarning")
@pytest.mark.parametrize(("n", "weight"), [(400, 1.0), (400, 3.0), (400, 20.0), (6000, 1.0)])
def test_compiled_runs_have_the_weights_of_the_rows(n, weight, monkeypatch):
    rows = np.random.default_rng(n).integers(5, size=(n, 2)).astype(float)  # the 6000 rows are merged
    totals, run = [], CompiledRows.run

    def keep(self, states, limits):
        totals.append(self.weight)
        return run(self, states, limits)

    monkeypatch.setattr(CompiledRows, "run", keep)
    GaussianMixture(3, random_state=0).fit(rows, sample_weight=np.full(n, weight))
    np.testing.assert_allclose(totals, weight * n, rtol=1e-12)


# deadlines and interrupts


class InterruptAt:
    """Ctrl-C at a certain call of the compiled code; before it, the best objective."""

    def __init__(self, call, run):
        self.call, self.calls, self.run, self.best = call, 0, run, -math.inf

    def __call__(self, rows, states, limits):
        self.calls += 1
        if self.calls == self.call:
            raise KeyboardInterrupt
        outcomes = self.run(rows, states, limits)
        self.best = max([self.best, *(rows.objective_of(outcome.state) for outcome in outcomes)])
        return outcomes


@pytest.mark.parametrize("call", [2, 3, 5, 8])
def test_an_interrupt_keeps_the_best_so_far(call, monkeypatch):
    rows, k = TABLES["overlapping"]
    stop = InterruptAt(call, CompiledRows.run)
    monkeypatch.setattr(CompiledRows, "run", lambda self, states, limits: stop(self, states, limits))
    gm = GaussianMixture(k, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        gm.fit(rows)
    assert gm.stop_reason_.startswith("Interrupted")
    assert gm.lower_bound_ == pytest.approx(gm.score(rows), rel=1e-13)
    assert gm.lower_bound_ * len(rows) >= stop.best - 1e-6


def test_an_interrupt_before_there_is_a_run_leaves_no_model(monkeypatch):
    rows, k = TABLES["overlapping"]
    stop = InterruptAt(1, CompiledRows.run)
    monkeypatch.setattr(CompiledRows, "run", lambda self, states, limits: stop(self, states, limits))
    gm = GaussianMixture(k, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        gm.fit(rows)
    assert not hasattr(gm, "fit_result_")


def endless(k=6):
    """A compiled search and a state from which a run takes hours."""
    rows = read_only(np.random.default_rng(0).normal(size=(4000, 4)))
    _, compiled = searches(rows, "VVV", k)
    start = next(draw_starts(compiled.data, MODELS["VVV"], k, range(1), streams(0)))
    return compiled.rows, compiled.rows.state_of(start)


@pytest.fixture
def _interrupts_raise():
    """The handler of Python, also in a process that began with the signal ignored, as in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupts_raise")
def test_a_signal_ends_compiled_runs():
    rows, state = endless()
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        rows.run([state, state], Limits(1_000_000))
    timer.join()


def test_a_deadline_ends_compiled_runs():
    rows, state = endless()
    outcomes = rows.run([state, state], Limits(1_000_000, seconds=0.2))
    assert [outcome.end for outcome in outcomes] == ["stopped", "stopped"]
    assert all(np.isfinite(rows.objective_of(outcome.state)) for outcome in outcomes)


@pytest.mark.parametrize("form", ["full", "tied", "diagonal", "spherical"])
def test_wide_rows_and_priors_on_means_are_left_to_python(form):
    structure = structure_of(form)
    means = MaximumLikelihood(prior=Prior.inverse_wishart(form, np.eye(3), np.zeros(3), 2))
    assert CompiledRows.can_hold(structure, 96, MaximumLikelihood())
    assert not CompiledRows.can_hold(structure, 97, MaximumLikelihood())
    assert not CompiledRows.can_hold(structure, 3, means)


@every_model
@pytest.mark.parametrize("name", ["blobs", "iris"])
def test_compiled_splits_serve_a_search_in_python(name, letters):
    rows, k = TABLES[name]
    reference, compiled = searches(rows, letters, k)
    start = next(draw_starts(reference.data, MODELS[letters], k, range(1), streams(0)))
    run, splitter = reference.run(start, 500), compiled.rows
    state, losses = splitter.state_of(run.mixture, run.counts), losses_in(reference.data, run.mixture)
    states = itertools.islice(compiled_moves(splitter, state, losses, run.soundness.unsound), 8)
    moves = [list(itertools.islice(reference.moves(run), 8)), [*map(splitter.mixture_of, states)]]
    assert len(moves[0]) == len(moves[1]) > 0
    ends = [max(one.objective for one in reference.short_runs(some, 10)) for some in moves]
    assert ends[1] == pytest.approx(ends[0], abs=5.0)


@pytest.mark.parametrize("letters", ["VVI", "EEE", "VVE", "VVV"])
def test_moves_of_large_tables_are_those_that_promise_a_gain(letters):
    rows, k = TABLES["blobs"]
    reference, compiled = searches(rows, letters, k)
    run = reference.run(next(draw_starts(reference.data, MODELS[letters], k, range(1), streams(0))), 500)
    split = replace(reference, splitter=compiled.rows)
    assert not list(split.moves(run))  # from the optimum
    joined = np.array(run.mixture.responsibilities(rows))
    joined[:, 0] += joined[:, 1]
    third = np.arange(len(rows)) % 2 == 0
    joined[:, 1] = joined[:, 2] * third
    joined[:, 2] *= ~third  # one component for two clusters, and two for one
    bad = reference.run(start_from_responsibilities(reference.data, joined, MODELS[letters]), 1)
    ends = [one.objective for one in reference.short_runs(itertools.islice(split.moves(bad), 2), 200)]
    assert max(ends) == pytest.approx(run.objective, abs=1e-3)
