"""The picture of a path: its lines are the numbers of the trace, step by step."""

import numpy as np
import pytest
import sklearn.mixture
from matplotlib import pyplot as plt
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError

from gaussmix import BayesianGaussianMixture, GaussianMixture, GaussianMixtureIC, Mixture, trace_em
from gaussmix.datasets import load_old_faithful
from gaussmix.plots import TraceDisplay

ROWS = load_old_faithful()[0]


@pytest.fixture
def axes():
    return Figure().subplots()


@pytest.fixture(scope="module")
def trace():
    means, covariances = [[2.0, 60.0], [3.0, 75.0]], np.tile(np.cov(ROWS.T), (2, 1, 1))
    return trace_em(ROWS, Mixture.from_parameters([0.5, 0.5], means, covariances), 12)


def test_steps_are_where_they_happen(trace, axes):
    edges, log_likelihood, bound = TraceDisplay.from_trace(trace, ax=axes).steps()
    assert len(edges) == len(bound) + 1 == len(log_likelihood) + 1 == 2 * trace.n_iter + 2
    assert (edges[0], edges[-1]) == (0, trace.n_iter)
    for at in range(trace.n_iter):
        before, after, lifted = 2 * at, 2 * at + 1, 2 * at + 2
        assert at < edges[after] < edges[lifted] < at + 1
        assert tuple(bound[[before, after, lifted]]) == tuple(trace.bound[at])
        assert tuple(log_likelihood[[before, after, lifted]]) == tuple(trace.log_likelihood[[at, at, at + 1]])
    np.testing.assert_allclose(log_likelihood[1::2], bound[1::2], rtol=0, atol=1e-10)


@pytest.mark.parametrize("distance", [False, True])
@pytest.mark.parametrize("passes", [None, 1, 5, 12])
def test_lines_and_the_gap_between_them_are_the_numbers(trace, axes, distance, passes):
    display = TraceDisplay.from_trace(trace, ax=axes, distance=distance, passes=passes)
    upper, lower = axes.lines
    _, log_likelihood, bound = display.steps()
    n_shown = round(axes.get_xlim()[1])
    assert n_shown == passes if passes else n_shown <= trace.n_iter
    for line, values in ((upper, log_likelihood), (lower, bound)):
        shown = np.repeat(values, 2)[: len(line.get_ydata())]
        expected = trace.log_likelihood.max() - shown if distance else shown
        drawn = np.isfinite(line.get_ydata())
        assert drawn.all() or distance
        np.testing.assert_array_equal(line.get_ydata()[drawn], expected[drawn])
        assert (expected[~drawn] < 1e-12).all()
        assert (line.get_xdata()[0], line.get_xdata()[-1]) == (0, n_shown)
    (gap,) = axes.collections
    corners = gap.get_paths()[0].vertices
    assert corners[:, 0].max() <= n_shown
    assert axes.get_yscale() == ("log" if distance else "linear")
    assert {text.get_text() for text in axes.texts} >= {"log-likelihood", "bound"}


def test_up_is_better_however_often_it_is_drawn(trace, axes):
    display = TraceDisplay.from_trace(trace, ax=axes, distance=True)
    display.plot(axes, distance=True)
    assert axes.yaxis_inverted()


def test_few_passes_have_letters_and_many_have_numbers(trace, axes):
    TraceDisplay.from_trace(trace, ax=axes, passes=4)
    assert [label.get_text() for label in axes.get_xticklabels(minor=True)] == ["E"] * 4 + ["M"] * 4
    assert [label.get_text().strip() for label in axes.get_xticklabels()] == ["1", "2", "3", "4"]
    other = Figure().subplots()
    longer = trace_em(ROWS, trace.mixtures[0], 30)
    TraceDisplay.from_trace(longer, ax=other, passes=30)
    assert not other.get_xticklabels(minor=True)


def test_iterations_of_a_fit_are_its_history(axes):
    gm = GaussianMixture(3, random_state=0).fit(ROWS)
    display = TraceDisplay.from_estimator(gm, ax=axes, distance=False)
    history = gm.history_
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), history["log_likelihood"])
    np.testing.assert_array_equal(display.accelerated, np.isfinite(history["gain"][:-1]))
    assert {text.get_text() for text in axes.texts} == {"plain EM", "accelerated"}
    plain, accelerated = axes.lines[1:]
    np.testing.assert_array_equal(accelerated.get_xdata(), 1 + np.flatnonzero(display.accelerated))
    assert len(plain.get_xdata()) + len(accelerated.get_xdata()) == gm.n_iter_ + 1


def test_distance_is_to_the_highest(axes):
    gm = GaussianMixture(3, random_state=0).fit(ROWS)
    TraceDisplay.from_estimator(gm, ax=axes)
    values = gm.history_["log_likelihood"]
    drawn = axes.lines[0].get_xydata()
    np.testing.assert_array_equal(drawn[:, 1], (values.max() - values)[drawn[:, 0].astype(int)])
    assert (drawn[:, 1] > 0).all()
    assert axes.get_yscale() == "log"


def test_plain_em_is_not_called_accelerated(axes):
    gm = GaussianMixture(2, acceleration="none", random_state=0).fit(ROWS)
    assert not TraceDisplay.from_estimator(gm, ax=axes).accelerated.any()
    assert not axes.texts


def test_scikit_learns_fits_have_a_path_too(axes):
    fitted = sklearn.mixture.GaussianMixture(2, random_state=0).fit(ROWS)
    display = TraceDisplay.from_estimator(fitted, ax=axes)
    np.testing.assert_array_equal(display.log_likelihood, fitted.lower_bounds_)


@pytest.mark.slow
def test_a_search_shows_its_best_model(axes):
    search = GaussianMixtureIC([1, 2], random_state=0).fit(ROWS)
    display = TraceDisplay.from_estimator(search, ax=axes)
    np.testing.assert_array_equal(display.log_likelihood, search.best_estimator_.history_["log_likelihood"])


@pytest.mark.parametrize("distance", [False, True])
def test_one_component_is_at_the_top_at_once(distance):
    one = GaussianMixture(1).fit(ROWS)
    TraceDisplay.from_estimator(one, ax=Figure().subplots(), distance=distance)
    top = trace_em(ROWS, one.mixture_, 3)
    display = TraceDisplay.from_trace(top, ax=Figure().subplots(), distance=distance)
    display.figure_.canvas.draw()


def test_dark_axes_have_light_words(trace, axes):
    axes.set_facecolor("black")
    TraceDisplay.from_trace(trace, ax=axes)
    assert not any(same_color(text.get_color(), "#0072B2") for text in axes.texts)


def test_without_axes_pyplot_has_a_figure(trace):
    display = TraceDisplay.from_trace(trace)
    assert display.figure_.number in plt.get_fignums()
    assert display.ax_.figure is display.figure_
    plt.close(display.figure_)


def test_what_has_no_path_is_refused(trace):
    with pytest.raises(NotFittedError):
        TraceDisplay.from_estimator(GaussianMixture(2))
    with pytest.raises(TypeError, match="model must be a fitted estimator; got Mixture: use trace_em"):
        TraceDisplay.from_estimator(trace.mixtures[0])
    for bayesian in (sklearn.mixture.BayesianGaussianMixture, BayesianGaussianMixture):
        with pytest.raises(TypeError, match="BayesianGaussianMixture keeps no log-likelihoods"):
            TraceDisplay.from_estimator(bayesian(n_components=2, random_state=0).fit(ROWS))
