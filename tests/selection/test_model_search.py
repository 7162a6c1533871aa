"""The search over models: neighbors help each other, and no richer model ends below a special case."""

import itertools
import math

import numpy as np
import pytest
from sklearn.datasets import load_iris

from gaussmix.core.covariance import MODELS, covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.datasets import load_old_faithful
from gaussmix.selection.model_names import ModelSpec
from gaussmix.selection.model_search import STEPS, search_models
from gaussmix.selection.nesting import is_submodel
from gaussmix.testing import random_mixture

IRIS = load_iris().data
IRIS_ROWS = WeightedRows(IRIS)
FAITHFUL = load_old_faithful()[0]


def all_cells(sizes, models=tuple(MODELS)):
    return {ModelSpec(size, name) for size in sizes for name in models}


@pytest.mark.slow
@pytest.mark.parametrize("rows", [IRIS, FAITHFUL], ids=["iris", "old faithful"])
def test_richer_models_and_more_components_end_no_lower(rows):
    cells = search_models(WeightedRows(rows), all_cells(range(1, 7)), random_state=0)
    assert len(cells) == 6 * 14
    for (size, name), cell in cells.items():
        assert cell.fit is not None, cell.failure
        for (other_size, other), simpler in cells.items():
            fewer = other_size == size - 1 and other == name
            special = other_size == size and is_submodel(covariance_class(other), covariance_class(name))
            if fewer or special:
                assert cell.log_likelihood > simpler.log_likelihood - 1e-3, (size, name, other_size, other)


# Scrucca, Fop, Murphy and Raftery, mclust 5, The R Journal 8 (2016), 289-317, and the package's own help: BIC with the
# sign of this package.
PUBLISHED = {
    "old faithful": (FAITHFUL, 3, "EEE", 2314.316),
    "iris": (IRIS, 2, "VEV", 561.7285),
}


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "size", "name", "published"), PUBLISHED.values(), ids=PUBLISHED)
@pytest.mark.parametrize("seed", [0, 1])
def test_published_choices(rows, size, name, published, seed):
    cells = search_models(WeightedRows(rows), all_cells(range(1, 6)), random_state=seed)
    bic = {key: -2 * cell.log_likelihood + cell.n_parameters * np.log(len(rows)) for key, cell in cells.items()}
    sound = {key: value for key, value in bic.items() if not cells[key].doubts()}
    assert min(sound, key=sound.get) == (size, name)
    assert sound[size, name] < published + 1e-3


def test_known_cells_help_and_stay_as_they_are():
    first = search_models(IRIS_ROWS, all_cells([2], ["EEE", "VEV"]), random_state=0)
    more = search_models(IRIS_ROWS, all_cells([3], ["VVV"]), random_state=0, known=first)
    assert set(more) == {(3, "VVV")}
    assert more[3, "VVV"].log_likelihood > first[2, "VEV"].log_likelihood


@pytest.mark.slow
def test_weights_are_repeated_rows():
    weights = np.random.default_rng(0).integers(0, 4, len(FAITHFUL)).astype(float)
    repeated = np.repeat(FAITHFUL, weights.astype(int), axis=0)
    wanted = all_cells([1, 2], ["EII", "VVI", "EEE", "VVV"])
    weighted = search_models(WeightedRows(FAITHFUL, weights), wanted, random_state=0)
    plain = search_models(WeightedRows(repeated), wanted, random_state=0)
    for key in wanted:
        assert weighted[key].log_likelihood == pytest.approx(plain[key].log_likelihood, abs=1e-3)


def test_many_rows_are_searched_in_part_and_fitted_in_full(monkeypatch):
    monkeypatch.setattr("gaussmix.selection.model_search.SEARCHED_ROWS", 200)
    mixture = random_mixture(covariance_class("VVV"), 3, 2, np.random.default_rng(3))
    rows, _ = mixture.sample(3000, 0)
    cells = search_models(WeightedRows(rows), all_cells([1, 2, 3], ["EII", "EEE", "VVV"]), random_state=0)
    assert cells[3, "VVV"].log_likelihood > NativeEngine(rows).accumulate(mixture.whitened()).log_likelihood
    for size, (simple, rich) in itertools.product([1, 2, 3], itertools.pairwise(["EII", "EEE", "VVV"])):
        assert cells[size, rich].log_likelihood > cells[size, simple].log_likelihood - 1e-3


def test_same_seed_same_cells_whatever_the_threads():
    wanted = all_cells([1, 2, 3], ["EEI", "VEV"])
    one = search_models(IRIS_ROWS, wanted, random_state=7, n_jobs=1)
    two = search_models(IRIS_ROWS, wanted, random_state=7, n_jobs=2)
    for key in wanted:
        np.testing.assert_array_equal(one[key].mixture.means, two[key].mixture.means)


def test_time_budget_leaves_out_what_was_not_reached():
    cells = search_models(IRIS_ROWS, all_cells([1, 2], ["EII"]), random_state=0, deadline=-math.inf)
    assert {cell.failure for cell in cells.values()} == {"time_budget ended before it was fitted"}


def test_an_interrupted_search_hands_over_what_it_has():
    seen, steps = [], []

    def step(spec):
        steps.append(spec)
        if len(steps) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search_models(IRIS_ROWS, all_cells([1, 2], ["EII", "VVV"]), random_state=0, step=step, done=seen.append)
    assert [cell.fit is not None for cell in seen] == [True, True, False, False]
    assert seen[-1].failure == "interrupted before it was fitted"


def test_every_cell_has_its_steps():
    steps = []
    search_models(IRIS_ROWS, all_cells([1, 2], ["EII"]), random_state=0, step=steps.append)
    assert sorted(steps) == sorted(STEPS * [(1, "EII"), (2, "EII")])


def of_hundred(seed, exceptions):
    """Percentages in steps of 0.1 that sum to a hundred, but in some rows."""
    rng = np.random.default_rng(seed)
    shares = (rng.dirichlet([4, 3, 2], 150) * 100).round(1)
    shares[:, 2] = (100 - shares[:, 0] - shares[:, 1]).round(1)
    shares[exceptions, 2] += 0.1
    return shares


@pytest.mark.parametrize(("seed", "exceptions"), [(0, [5]), (1, [0, 7]), (2, [3, 4, 90])])
def test_a_thin_direction_of_all_rows_is_no_collapse(seed, exceptions):
    rows = of_hundred(seed, exceptions)
    models = ("EEI", "EEE", "EVE", "VVE", "EVV", "VVV")
    cells = search_models(WeightedRows(rows), all_cells(range(1, 4), models), random_state=0)
    assert not cells[1, "EEE"].doubts()
    covariance = np.cov(rows.T, bias=True)
    closed_form = -0.5 * len(rows) * (3 * math.log(2 * math.pi) + np.linalg.slogdet(covariance)[1] + 3)
    for (_, name), cell in cells.items():
        assert cell.fit is not None, name
        if name != "EEI":
            assert cell.log_likelihood > closed_form - 1e-3, name
    sound = {
        spec: -2 * cell.log_likelihood + cell.n_parameters * math.log(150)
        for spec, cell in cells.items()
        if not cell.doubts()
    }
    assert min(sound.values()) <= sound[ModelSpec(1, "EEE")]
    assert min(sound, key=sound.get).covariance_type != "EEI"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("digits", [None, 3])
def test_two_measurements_of_one_thing_on_few_rows(seed, digits):
    rng = np.random.default_rng(seed)
    first = rng.normal(50, 10, 12)
    rows = np.c_[first, first + rng.normal(0, 0.02, 12)]
    rows = rows if digits is None else rows.round(digits)
    cells = search_models(WeightedRows(rows), all_cells([1, 2], ("EEI", "EEE", "VVV")), random_state=0)
    assert not cells[1, "VVV"].doubts()
    assert cells[1, "VVV"].log_likelihood > cells[2, "EEI"].log_likelihood + 20


def test_a_model_that_becomes_singular_from_every_start_is_that_of_a_special_case():
    cells = search_models(WeightedRows(of_hundred(0, [5])), all_cells([1, 2], ("EEE", "VVV")), random_state=0)
    assert cells[2, "VVV"].doubts()[0].startswith("no sound fit better than")
    assert cells[2, "VVV"].log_likelihood >= cells[1, "EEE"].log_likelihood - 1e-3


@pytest.mark.parametrize("noise", [1e-6, 1e-8, 3e-9, 1e-9])
def test_one_component_has_its_closed_form_however_thin(noise):
    rng = np.random.default_rng(0)
    plane, difference = rng.normal(size=(200, 2)), rng.normal(size=200)
    rows = np.column_stack([plane, plane.sum(axis=1) + noise * difference])
    exact = np.column_stack([plane, (rows[:, 2] - plane.sum(axis=1)) / noise])
    covariance = np.cov(exact.T, bias=True)
    closed_form = -100 * (3 * math.log(2 * math.pi) + np.linalg.slogdet(covariance)[1] + 3) - 200 * math.log(noise)
    cells = search_models(WeightedRows(rows), all_cells([1], ("EEI", "EEE", "VVV")), random_state=0)
    for name in ("EEE", "VVV"):
        assert not cells[1, name].doubts()
        assert cells[1, name].log_likelihood == pytest.approx(closed_form, abs=1e-4)
