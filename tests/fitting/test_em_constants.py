"""The two implementations of EM have the same constants, but for the differences that are listed here."""

import pytest

import gaussmix.core.covariance.constrained as constrained
from gaussmix.core import _native
from gaussmix.fitting import acceleration, batch, em, m_step, stopping

# Constants of compiled EM with the same value in Python: module and name there.
TWINS = {
    "empty": (m_step, "EMPTY"),
    "singular": (m_step, "_SINGULAR"),
    "rounding": (stopping, "ROUNDING"),
    "still": (stopping, "STILL"),
    "most_features": (batch, "MOST_FEATURES"),
    "least_curvature": (acceleration, "_LEAST_CURVATURE"),
    "stiffer": (acceleration, "_STIFFER"),
    "radius": (acceleration, "_RADIUS"),
    "widest": (acceleration, "_WIDEST"),
    "narrowest": (acceleration, "_NARROWEST"),
    "wider": (acceleration, "_WIDER"),
    "narrower": (acceleration, "_NARROWER"),
    "refused": (acceleration, "_REFUSED"),
    "good": (acceleration, "_GOOD"),
    "bad": (acceleration, "_BAD"),
    "bent_history": (acceleration, "_BENT_HISTORY"),
    "refused_history": (acceleration, "_REFUSED_HISTORY"),
    "digits": (acceleration, "_DIGITS"),
    "across": (acceleration, "_ACROSS"),
    "least_share": (acceleration, "_LEAST_SHARE"),
    "longest": (acceleration, "_LONGEST"),
    "longest_growth": (acceleration, "_LONGEST_GROWTH"),
    "far_scale": (acceleration, "_FAR_SCALE"),
    "far_shift": (acceleration, "_FAR_SHIFT"),
}

# Constants with another value in Python: module and name there, both values, and the reason.
DIFFERENT = {
    "memory": (
        acceleration,
        "MEMORY",
        5,
        12,
        "With 12 moves the runs of benchmarks/em_batch.py take as many passes (477 and 476) and 5 % more time: a pass "
        "over few rows costs little beside the products of moves.",
    ),
    "independent": (
        acceleration,
        "_INDEPENDENT",
        1e-9,
        1e-10,
        "Compiled EM measures the squared length that is left of a unit move, from a Gram matrix that rounds it by "
        "1e-16 or more: 1e-9 is well above. Python measures the length itself, by an orthogonal factorization.",
    ),
    "inner": (
        constrained,
        "SETTLED",
        1e-10,
        1e-12,
        "Runs of a batch begin their inner iterations where those of the last M-step ended, so that they settle over "
        "the run; fit_em takes over the models that are returned.",
    ),
    "most_iterations": (
        constrained,
        "MOST_TURNS",
        500,
        200,
        "A bound on the cost of one M-step. Only the first M-step of a run may come near it: the next ones begin where "
        "it ended.",
    ),
}

# Constants without a twin in Python, and the reason.
COMPILED_ONLY = {
    "angle": "Common axes are compiled code for both: Python always searches to the last digit.",
    "sweeps": "As angle.",
    "most_sweeps": "As angle.",
    "far_ahead": "Saves M-steps, which cost as much as passes over few rows. In Python the pass is most of the time.",
    "no_share": "Saves work for rows that a start does not assign to a component. In Python all rows are summed.",
    "lap": "Of runs that are given up when another optimum is out of their reach.",
    "patience": "As lap. In Python the estimated remaining gain decides, with a margin in nats.",
    "plain": "Begins to extrapolate late, because most runs of a batch end after few passes. Python begins at once.",
    "few_steps_left": "As plain.",
    "fading": "Stands for the moves that the longer memory of Python still has.",
}

# Constants of Python without a compiled twin, and the reason.
PYTHON_ONLY = {
    (acceleration, "_LARGEST_SUM"): "Of t distributions, which have rows far away.",
    (acceleration, "_LARGEST_HISTORY"): "Bounds the memory of large models: a batch has at most 96 features.",
    (em, "_ROUGH_GAIN"): "A batch has no rough passes.",
    (stopping, "MARGIN"): "Of races between long runs: a compiled search passes it on; those of a batch do not race.",
    (m_step, "_LEAST"): "Avoids a division by the count zero: a batch ends a run with an empty component.",
    (m_step, "_LOSS"): "A batch ends a run that falls, and the final fit of a search is Python's.",
    (m_step, "_FLOOR"): "Repairs a collapsed component: a batch ends the run.",
    (
        m_step,
        "_RESOLUTION",
    ): "The Python M-step works in whitened units. A batch forms covariances, so a run ends earlier.",
    (m_step, "_EPSILON"): "The rounding of double precision.",
    (m_step, "_INITIAL_DEGREES"): "Batches and compiled searches have no t distributions.",
}


@pytest.fixture(scope="module")
def compiled():
    return _native.em_constants()


@pytest.mark.parametrize("name", TWINS)
def test_the_python_loop_has_the_same_value(name, compiled):
    module, theirs = TWINS[name]
    assert compiled[name] == vars(module)[theirs]


@pytest.mark.parametrize("name", DIFFERENT)
def test_intended_differences_are_as_listed(name, compiled):
    module, theirs, value, their_value, reason = DIFFERENT[name]
    assert (compiled[name], vars(module)[theirs]) == (value, their_value)
    assert reason.endswith(".")


def test_the_range_of_gains_that_keeps_the_history_is_the_same(compiled):
    assert (compiled["straight_from"], compiled["straight_to"]) == vars(acceleration)["_STRAIGHT"]


def test_every_compiled_constant_is_listed(compiled):
    assert {"straight_from", "straight_to", *TWINS, *DIFFERENT, *COMPILED_ONLY} == set(compiled)


def test_every_constant_of_the_python_loop_is_listed():
    found = {
        name
        for module in (acceleration, em, m_step, stopping)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, int | float | tuple)
    }
    listed = [name for _, name in TWINS.values()] + [name for _, name, *_ in DIFFERENT.values()]
    listed += ["_STRAIGHT", *(name for _, name in PYTHON_ONLY)]
    assert found - set(listed) == set()
    for module, name in PYTHON_ONLY:
        assert name in vars(module)
