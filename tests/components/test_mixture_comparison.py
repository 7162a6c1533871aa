"""MixtureComparison of two fits: what was changed on purpose is found, and what was not is not."""

import json

import numpy as np
import pytest
from rich.console import Console

from gaussmix import GaussianMixture, Mixture, compare_mixtures
from gaussmix.components.distances import mixture_jeffreys
from gaussmix.core.covariance import MODELS, covariance_class
from gaussmix.testing import random_mixture

NAMES = ("height", "width")
OLD = Mixture.from_parameters(
    [0.5, 0.3, 0.2],
    [[0.0, 0.0], [10.0, 0.0], [0.0, 20.0]],
    [[1.0, 4.0]] * 3,
    covariance_type="diag",
    feature_names=NAMES,
)


def changed(weights=(0.5, 0.3, 0.2), moves=((0, 0), (0, 0), (0, 0)), growth=(1.0, 1.0, 1.0)):
    covariances = np.array(growth)[:, None] * OLD.covariance.covariances
    return Mixture.from_parameters(weights, OLD.means + moves, covariances, covariance_type="diag", feature_names=NAMES)


def matched(comparison):
    return [(match.old, match.new) for match in comparison.matches]


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", MODELS)
def test_the_same_mixture_in_another_order_has_not_changed(covariance_type):
    mixture = random_mixture(covariance_class(covariance_type), 5, 3, np.random.default_rng(0))
    order = [3, 1, 4, 0, 2]
    comparison = compare_mixtures(mixture, mixture.reordered(order))
    assert matched(comparison) == [(old, order.index(old)) for old in range(5)]
    assert comparison.vanished == comparison.appeared == ()
    for match in comparison.matches:
        assert match.weights[0] == match.weights[1]
        assert (match.shift, match.log_volume_ratio) == pytest.approx((0, 0), abs=1e-12)
        assert match.overlap == pytest.approx(1, rel=1e-12)
    assert comparison.divergence.value == pytest.approx(0, abs=1e-9)
    assert comparison.has_changed is None


def test_what_was_changed_is_found():
    new = changed((0.4, 0.35, 0.25), [(0, 0), (0.5, -1.0), (0, 0)], (1.0, 1.0, 4.0)).reordered([2, 0, 1])
    first, second, third = compare_mixtures(OLD, new).matches
    assert [(match.old, match.new) for match in (first, second, third)] == [(0, 1), (1, 2), (2, 0)]
    assert first.weights == pytest.approx((0.5, 0.4))
    np.testing.assert_allclose(second.feature_shifts, [0.5, -0.5])
    assert second.shift == pytest.approx(np.sqrt(0.5))
    assert third.log_volume_ratio == pytest.approx(np.log(4))
    assert third.shift == 0


def test_shifts_are_in_deviations_of_the_old_component():
    covariances = np.array([[[4.0, 1.9], [1.9, 1.0]]])
    old = Mixture.from_parameters([1.0], [[0.0, 0.0]], covariances)
    new = Mixture.from_parameters([1.0], [[0.2, -0.1]], 9 * covariances)
    (match,) = compare_mixtures(old, new).matches
    move = np.array([0.2, -0.1])
    assert match.shift == pytest.approx(np.sqrt(move @ np.linalg.inv(covariances[0]) @ move))
    np.testing.assert_allclose(match.feature_shifts, [0.1, -0.1])
    assert match.log_volume_ratio == pytest.approx(2 * np.log(3))


def test_components_vanish_and_appear():
    new = Mixture.from_parameters(
        [0.5, 0.2, 0.2, 0.1], [[0, 0], [0, 20], [90, 0], [0, -50]], [[1.0, 4.0]] * 4, covariance_type="diag"
    )
    comparison = compare_mixtures(OLD, new)
    assert matched(comparison) == [(0, 0), (2, 1)]
    assert (comparison.vanished, comparison.appeared) == ((1,), (2, 3))
    back = compare_mixtures(new, OLD)
    assert (back.vanished, back.appeared) == ((2, 3), (1,))
    assert "vanished" in str(comparison)
    assert comparison.facts["appeared"] == [{"new": at, "weight": new.weights[at]} for at in (2, 3)]


@pytest.mark.parametrize(("apart", "same"), [(4.89, True), (4.9, False)])
def test_a_component_that_overlaps_too_little_is_another_one(apart, same):
    one, other = (Mixture.from_parameters([1.0], [[at]], [1.0], covariance_type="spherical") for at in (0.0, apart))
    comparison = compare_mixtures(one, other)  # exp(-apart^2 / 8) = 0.05 at 4.8955
    assert matched(comparison) == ([(0, 0)] if same else [])


def test_a_pair_out_of_reach_does_not_disturb_the_others():
    # one for one by the least sum alone would pair 0 with 1 and 1 with 0
    old = Mixture.from_parameters([0.5, 0.5], [[0.0], [3.0]], [1.0, 1.0], covariance_type="spherical")
    new = Mixture.from_parameters([0.5, 0.5], [[3.0], [300.0]], [1.0, 1.0], covariance_type="spherical")
    assert matched(compare_mixtures(old, new)) == [(1, 0)]


@pytest.mark.slow
def test_rows_of_the_same_world_are_no_drift():
    changes = []
    for seed in range(60):
        rows = OLD.sample(300, seed)[0]
        before, after = rows[:150], rows[150:]
        fit = GaussianMixture(3, means_init=OLD.means, random_state=0).fit(before).mixture_
        comparison = compare_mixtures(fit, fit, rows_old=before, rows_new=after)
        assert not comparison.has_changed
        changes.append(comparison.density_change.value / comparison.density_change.standard_error)
    # without Akaike's correction the mean is -1
    assert abs(np.mean(changes)) < 0.45
    assert 0.6 < np.std(changes) < 1.3


def test_held_out_rows_are_compared_as_they_are():
    rows = OLD.sample(400, 0)[0]
    comparison = compare_mixtures(OLD, OLD, rows_old=rows, rows_new=rows, held_out=True)
    assert comparison.density_change.value == 0
    assert comparison.density_levels == (comparison.density_levels[1],) * 2
    fitted = compare_mixtures(OLD, OLD, rows_old=rows, rows_new=rows)
    assert fitted.density_change.value == pytest.approx(OLD.n_parameters / 400)
    log_density = OLD.log_density(rows)
    assert comparison.density_change.standard_error == pytest.approx(np.sqrt(2 * log_density.var(ddof=1) / 400))


def test_rows_of_another_world_are_drift():
    before, after = OLD.sample(300, 0)[0], changed(moves=[(0, 0), (1.5, 0), (0, 0)]).sample(300, 1)[0]
    comparison = compare_mixtures(OLD, changed(), rows_old=before, rows_new=after)
    assert comparison.has_changed
    assert comparison.density_change.value < 0
    assert "nats, more than chance" in str(comparison)


@pytest.mark.slow
def test_two_fits_of_one_world_diverge_as_much_as_chance_says():
    found, by_chance = [], []
    for seed in range(15):
        rows = OLD.sample(1200, seed)[0]
        parts = rows[:800], rows[800:]
        settings = {"means_init": OLD.means, "random_state": 0, "covariance_type": "diag"}
        fits = [GaussianMixture(3, **settings).fit(part).mixture_ for part in parts]
        comparison = compare_mixtures(*fits, rows_old=parts[0], rows_new=parts[1])
        found.append(comparison.divergence.value)
        by_chance.append(comparison.chance_divergence)
    assert np.mean(found) / by_chance[0] == pytest.approx(1, abs=0.35)
    assert by_chance[0] == pytest.approx(14 / 800 + 14 / 400)


def test_facts_are_numbers_and_words_name_the_features():
    new = changed(moves=[(0, 1.0), (0, 0), (0, 0)])
    rows = OLD.sample(50, 0)[0]
    comparison = compare_mixtures(OLD, new, rows_old=rows, rows_new=rows + np.array([0, 9]))
    facts = json.loads(json.dumps(comparison.facts))
    assert facts["matches"][0]["feature_shifts"] == {"height": 0.0, "width": 0.5}
    assert facts["density"]["has_changed"] is True
    divergence = mixture_jeffreys(OLD, new)
    assert facts["divergence"]["value"] == divergence.value
    assert facts["divergence"]["standard_error"] == divergence.standard_error
    assert json.loads(json.dumps(compare_mixtures(OLD, new).facts))["density"] is None
    assert "width +0.50 sd" in str(comparison)
    assert "depth +0.50 sd" in str(compare_mixtures(OLD, new, names=["length", "depth"]))
    unnamed = [Mixture(m.weights, m.means, m.covariance) for m in (OLD, new)]
    assert "x1 +0.50 sd" in str(compare_mixtures(*unnamed))


def test_a_terminal_shows_the_same_words():
    rows = OLD.sample(50, 0)[0]
    comparison = compare_mixtures(OLD, changed((0.1, 0.2, 0.7)), rows_old=rows, rows_new=rows + 1)
    console = Console(width=100, highlight=False)
    with console.capture() as capture:
        console.print(comparison)
    assert capture.get().split() == str(comparison).split()


@pytest.mark.slow
def test_enormous_volumes_are_shown():
    d = 100
    old, new = (
        Mixture.from_parameters([1.0], np.zeros((1, d)), [variance], covariance_type="spherical")
        for variance in (1.0, 1.02)
    )
    assert "x 2.69" in str(compare_mixtures(old, new))
    comparison = compare_mixtures(old, Mixture(new.weights, new.means, type(new.covariance)([1e-3], 1, d)))
    assert comparison.matches == ()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rows_old": [[0.0, 0.0]] * 2}, "rows_old and rows_new go together"),
        ({"rows_old": [[0.0, 0.0]], "rows_new": [[0.0, 0.0]]}, "at least two rows"),
        ({"rows_old": [[0.0]] * 2, "rows_new": [[0.0]] * 2}, r"X must have the shape \(n, 2\)"),
        ({"names": ["a"]}, "names must name 2 features, got 1"),
    ],
)
def test_errors_name_the_argument(arguments, words):
    with pytest.raises(ValueError, match=words):
        compare_mixtures(OLD, OLD, **arguments)


def test_only_mixtures_are_compared():
    with pytest.raises(TypeError, match="pass its mixture_"):
        compare_mixtures(OLD, GaussianMixture())
