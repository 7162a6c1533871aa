"""The native pass gives what the readable one gives, whatever the layout, type, threads and blocks."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, blobs

from gaussmix.core import _native
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine, ReferenceEngine
from gaussmix.testing import check_engine, random_mixture

MOMENTS = ("counts", "shifts", "scatter", "log_likelihood", "entropy")


@pytest.mark.slow
def test_reference_engine_conforms():
    check_engine(ReferenceEngine)


@pytest.mark.slow
@pytest.mark.parametrize("any_instruction_set", _native.instruction_sets(), indirect=True)
def test_native_engine_conforms(any_instruction_set):
    assert _native.selected_instruction_set() == any_instruction_set
    check_engine(NativeEngine)


def test_conformance_suite_finds_a_wrong_engine():
    class Wrong(ReferenceEngine):
        def accumulate(self, mixture, log_prior=None):
            return super().accumulate(mixture, None)

    with pytest.raises(AssertionError, match="counts"):
        check_engine(Wrong)


def test_engine_for_tensors_names_the_extra_where_torch_is_missing():
    code = "import sys; sys.modules['torch'] = None; import gaussmix.core.engines.torch"
    refused = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'needs torch: pip install "gaussmix[torch]"' in refused.stderr


def test_baseline_is_always_compiled_in():
    assert "baseline" in _native.instruction_sets()


def test_unknown_instruction_set_is_refused():
    with pytest.raises(ValueError, match="'quantum' is not available"):
        _native.select_instruction_set("quantum")


def import_with_instruction_set(name):
    code = "import gaussmix.core._native as native; print(native.selected_instruction_set())"
    environment = os.environ | {"GAUSSMIX_ISA": name}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize("name", _native.instruction_sets())
def test_environment_chooses_the_instruction_set(name):
    assert import_with_instruction_set(name).stdout.strip() == name


@pytest.mark.slow
def test_without_a_name_the_best_instruction_set_is_chosen():
    assert import_with_instruction_set("").stdout.strip() == _native.instruction_sets()[0]


def test_instruction_set_that_is_not_there_stops_the_import_and_lists_those_that_are():
    refused = import_with_instruction_set("quantum")
    assert refused.returncode != 0
    last_line = refused.stderr.strip().splitlines()[-1]
    assert last_line.startswith("ImportError: GAUSSMIX_ISA=quantum is not an instruction set")
    assert ", ".join(_native.instruction_sets()) in last_line


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_same_bits_for_any_split_into_blocks(covariance_type, monkeypatch):
    rng = np.random.default_rng(8)
    mixture = random_mixture(covariance_class(covariance_type), 3, 5, rng)
    rows = mixture.sample(9000, rng)[0]
    whole = NativeEngine(rows).accumulate(mixture.whitened())
    passed = []

    def accumulate(rows, *rest, **options):
        passed.append(len(rows))
        untouched(rows, *rest, **options)

    untouched = _native.accumulate
    monkeypatch.setattr(_native, "accumulate", accumulate)
    monkeypatch.setattr("gaussmix.core.engines.native.QUICK_CALL", 0.0)  # pieces do not grow
    block = _native.block_rows(mixture.covariance.form, 3, 5)
    blocks_per_call = set()
    for flops_per_call in (1.0, 3e6, 5e6):
        monkeypatch.setattr("gaussmix.core.engines.native.FLOPS_PER_CALL", flops_per_call)
        passed.clear()
        split = NativeEngine(rows).accumulate(mixture.whitened())
        blocks_per_call.update(n_rows / block for n_rows in passed[:-1])
        for name in MOMENTS:
            np.testing.assert_array_equal(getattr(split, name), getattr(whole, name))
    assert blocks_per_call == {1, 2}


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8", "uint16", "int64", ">f8", "float16"])
@pytest.mark.parametrize("layout", ["C", "F", "every second row", "reversed columns", "unaligned"])
def test_every_type_and_layout_gives_the_same_bits(dtype, layout):
    rng = np.random.default_rng(9)
    rows = rng.integers(0, 200, (3000, 4)).astype(dtype)
    expected = rows.astype(float)
    if layout == "F":
        rows = np.asfortranarray(rows)
    elif layout == "every second row":
        rows = np.repeat(rows, 2, axis=0)[::2]
    elif layout == "reversed columns":
        rows = np.ascontiguousarray(rows[:, ::-1])[:, ::-1]
    elif layout == "unaligned":
        packed = np.zeros(len(rows), dtype=[("pad", "u1"), ("row", rows.dtype, 4)])
        packed["row"] = rows
        rows = packed["row"]
    rows.flags.writeable = False
    mixture = random_mixture(covariance_class("full"), 3, 4, rng)
    stretched = type(mixture)(
        mixture.weights, 40 * mixture.means + 100, mixture.covariance.inflated(np.full((3, 4), 900.0))
    )
    ours, plain = (NativeEngine(table).accumulate(stretched.whitened()) for table in (rows, expected))
    for name in MOMENTS:
        np.testing.assert_array_equal(getattr(ours, name), getattr(plain, name))


def test_rows_of_weight_zero_leave_no_trace_even_when_infinitely_far():
    rows = np.vstack([blobs(), np.full((5, 3), 1e200)])
    weights = np.r_[np.ones(len(rows) - 5), np.zeros(5)]
    for covariance_type in COVARIANCE_TYPES:
        mixture = random_mixture(covariance_class(covariance_type), 3, 3, np.random.default_rng(0))
        ours = NativeEngine(rows, weights).accumulate(mixture.whitened())
        plain = NativeEngine(rows[:-5]).accumulate(mixture.whitened())
        for name in MOMENTS:
            np.testing.assert_array_equal(getattr(ours, name), getattr(plain, name))


def test_component_without_weight_gets_nothing():
    rng = np.random.default_rng(3)
    mixture = random_mixture(covariance_class("full"), 3, 2, rng)
    rows = mixture.sample(100, rng)[0]
    without = type(mixture)([0.5, 0.0, 0.5], mixture.means, mixture.covariance)
    assert NativeEngine(rows).accumulate(without.whitened()).counts[1] == 0
    assert not (NativeEngine(rows).score_rows(without.whitened(), "labels") == 1).any()


def test_scores_equal_the_moments_they_come_with():
    rng = np.random.default_rng(4)
    mixture = random_mixture(covariance_class("tied"), 3, 4, rng)
    rows = mixture.sample(5000, rng)[0]
    engine = NativeEngine(rows)
    moments = engine.accumulate(mixture.whitened())
    responsibilities = engine.score_rows(mixture.whitened(), "responsibilities")
    assert moments.log_likelihood == pytest.approx(
        engine.score_rows(mixture.whitened(), "log_density").sum(), rel=1e-13
    )
    np.testing.assert_allclose(moments.counts, responsibilities.sum(axis=0), rtol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("any_instruction_set", _native.instruction_sets(), indirect=True)
@pytest.mark.parametrize(("n_components", "n_features"), [(3, 5), (9, 17), (6, 50), (530, 6)])
@pytest.mark.parametrize("spread", [1.0, 7.9, 8.1, 1e4])
def test_pooled_scatter_is_right_for_near_and_far_means(any_instruction_set, n_components, n_features, spread):
    # every second mean is close to the one before, so that rows have several shares wherever the means are
    rng = np.random.default_rng(12)
    base = random_mixture(covariance_class("tied"), n_components, n_features, rng)
    means = rng.uniform(-1.0, 1.0, base.means.shape)
    means -= means.mean(axis=0)
    means[1::2] = means[: len(means[1::2]) * 2 : 2] + 1 / spread
    means *= spread / np.abs(means - means.mean(axis=0)).max()
    mixture = type(base)(base.weights, means, covariance_class("tied").identity(n_components, n_features))
    rows = mixture.sample(700, rng)[0]
    weights = rng.random(700)
    ours, theirs = (engine(rows, weights).accumulate(mixture.whitened()) for engine in (NativeEngine, ReferenceEngine))
    for name in MOMENTS:
        np.testing.assert_allclose(
            getattr(ours, name), getattr(theirs, name), rtol=0, atol=1e-11 * 700 * max(1, spread / 1e2)
        )


@pytest.mark.parametrize("any_instruction_set", _native.instruction_sets(), indirect=True)
@pytest.mark.parametrize(("n_components", "n_features"), [(3, 3), (5, 8), (9, 37)])
@pytest.mark.parametrize("spread", [0.5, 3.0, 1e4])
def test_spheres_of_any_spread_agree_with_the_reference(any_instruction_set, n_components, n_features, spread):
    rng = np.random.default_rng(13)
    base = random_mixture(covariance_class("spherical"), n_components, n_features, rng)
    mixture = type(base)(base.weights, base.means * spread, base.covariance)
    rows = mixture.sample(700, rng)[0]
    weights = rng.random(700)
    ours, theirs = (engine(rows, weights).accumulate(mixture.whitened()) for engine in (NativeEngine, ReferenceEngine))
    for name in MOMENTS:
        np.testing.assert_allclose(
            getattr(ours, name), getattr(theirs, name), rtol=0, atol=1e-11 * 700 * max(1, spread / 1e2)
        )


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_spheres_of_any_size_give_the_same_sums(scale):
    rng = np.random.default_rng(14)
    whitened = random_mixture(covariance_class("spherical"), 5, 8, rng).whitened()
    rows = rng.standard_normal((700, 8))
    scaled = replace(whitened, means=whitened.means * scale, factors=whitened.factors / scale)
    ours, theirs = NativeEngine(rows * scale).accumulate(scaled), NativeEngine(rows).accumulate(whitened)
    for name in MOMENTS:
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_rows_are_not_copied():
    tracked = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_MEMORY)], capture_output=True, text=True, check=True, env=os.environ
    )
    grown, size = map(int, tracked.stdout.split())
    assert grown < 0.2 * size


_MEMORY = """
    import resource
    import numpy as np
    from gaussmix.core.covariance import covariance_class
    from gaussmix.core.engines import NativeEngine
    from gaussmix.core.mixture import Mixture
    rows = np.random.default_rng(0).random((4_000_000, 8), dtype=np.float32)
    unit = Mixture(np.full(4, 0.25), np.eye(4, 8), covariance_class("diag").identity(4, 8))
    NativeEngine(rows[:5000]).accumulate(unit.whitened())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    NativeEngine(rows).accumulate(unit.whitened())
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, rows.nbytes)
"""


def run_program(code):
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_interrupt_stops_a_long_pass():
    # the pass would take hours; the limit is there for a test that fails to end
    program = run_program(_LONG_PASS)
    assert program.stdout.readline() == "started\n"
    program.send_signal(signal.SIGINT)
    output, _ = program.communicate(timeout=600)
    assert output == "interrupted\n"


_LONG_PASS = """
    import signal
    import numpy as np
    from gaussmix.core.covariance import covariance_class
    from gaussmix.core.engines import NativeEngine
    from gaussmix.core.mixture import Mixture
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background starts children deaf to it
    k, d = 200, 60
    rows = np.broadcast_to(np.random.default_rng(0).random((1, d)), (2_000_000_000, d))
    unit = Mixture(np.full(k, 1 / k), np.random.default_rng(1).random((k, d)), covariance_class("full").identity(k, d))
    try:
        print("started", flush=True)
        NativeEngine(rows).accumulate(unit.whitened())
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_other_threads_run_during_a_pass():
    output, _ = run_program(_PASS_OF_ANOTHER_THREAD).communicate()
    assert output == "the main thread ran during the pass\n"


# One call of minutes. The interpreter changes hands only where a thread gives it up, so the main thread sees
# the call under way only if the compiled code has given it up; it does not wait for the end of the call.
_PASS_OF_ANOTHER_THREAD = """
    import os, sys, threading, time
    import numpy as np
    from gaussmix.core import _native
    from gaussmix.core.covariance import covariance_class
    from gaussmix.core.engines import NativeEngine, native
    from gaussmix.core.mixture import Mixture

    def accumulate(*arguments, **options):
        under_way.append(True)
        untouched(*arguments, **options)
        under_way.clear()

    native.FLOPS_PER_CALL = 1e30
    _native.select_instruction_set("baseline")
    untouched, _native.accumulate, under_way = _native.accumulate, accumulate, []
    k, d = 64, 12
    unit = Mixture(np.full(k, 1 / k), np.random.default_rng(1).random((k, d)), covariance_class("full").identity(k, d))
    engine = NativeEngine(np.zeros((100_000_000, d), dtype=np.uint8))  # pages that are not touched take no memory
    sys.setswitchinterval(1e4)
    thread = threading.Thread(target=engine.accumulate, args=(unit.whitened(),))
    thread.start()
    while thread.is_alive() and not under_way:
        time.sleep(0)
    print(f"the main thread {'ran during' if under_way else 'waited for'} the pass", flush=True)
    os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_can_pass_too():
    rng = np.random.default_rng(2)
    mixture = random_mixture(covariance_class("full"), 4, 6, rng)
    engine = NativeEngine(mixture.sample(20_000, rng)[0])
    expected = engine.accumulate(mixture.whitened()).log_likelihood
    child = os.fork()
    if child == 0:
        signal.alarm(600)  # ends a child that hangs
        os._exit(0 if engine.accumulate(mixture.whitened()).log_likelihood == expected else 1)
    assert os.waitpid(child, 0) == (child, 0), "the child hung or got another result"


def test_sample_rows_takes_different_rows_of_positive_weight():
    rows = np.arange(200.0)[:, None]
    weights = (np.arange(200) % 2).astype(float)
    few = NativeEngine(rows, weights).sample_rows(60, np.random.default_rng(0))
    assert len(np.unique(few.values)) == 60
    assert (few.values[:, 0] % 2 == 1).all()
    assert (few.weights == 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offsets": np.zeros(2)}, "offsets has the wrong size"),
        ({"rows": np.zeros((4, 3))}, "wrong number of columns"),
        ({"form": "round"}, "form must be"),
        ({"row_weights": np.ones(3)}, "row_weights has the wrong size"),
        ({"counts": np.zeros(4)}, "counts has the wrong size"),
        ({"overlap": np.zeros((3, 3))}, "overlap is required"),
        ({"basis": np.eye(2)}, "scatter has the wrong size"),
        ({"basis": np.eye(3), "scatter": np.zeros((3, 2, 2))}, "basis has the wrong size"),
        ({"basis": np.eye(2), "form": "full", "factors": np.ones((3, 2, 2))}, "basis requires"),
    ],
)
def test_compiled_code_refuses_arrays_of_the_wrong_size(change, message):
    arguments = {
        "rows": np.zeros((4, 2)), "row_weights": None, "log_prior": None, "form": "diagonal", "offsets": np.zeros(3),
        "means": np.zeros((3, 2)), "factors": np.ones((3, 2)), "basis": None, "counts": np.zeros(3),
        "shifts": np.zeros((3, 2)), "scatter": np.zeros((3, 2)), "overlap": None, "totals": np.zeros(3), "rough": False,
    }  # fmt: skip
    _native.accumulate(**arguments)
    with pytest.raises(ValueError, match=message):
        _native.accumulate(**(arguments | change))
