"""Run scikit-learn's own tests of its GaussianMixture against gaussmix.GaussianMixture.

The installed test files are imported unchanged; then the name ``GaussianMixture`` in them, and the instances that they
parametrize with, are replaced by ours. Every test must pass, except those that the two tables below name with a
reason: NOT_APPLICABLE tests are left out, DIFFERENT tests are run and must fail in the way that is stated.

The suite runs twice: with our class, whose defaults are a search, and with scikit-learn's defaults.

Prints what passed, what is not applicable and why, what differs and why, and what failed. The exit status is 0 only
when nothing failed, no DIFFERENT test passed, and every name in the tables still exists.
"""

import contextlib
import io
import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.mixture import GaussianMixture as TheirGaussianMixture

from gaussmix import GaussianMixture


class WithTheirDefaults(GaussianMixture):
    """Our class with scikit-learn's defaults instead of "auto"."""

    def __init__(
        self,
        n_components=1,
        *,
        covariance_type="full",
        tol=1e-3,
        reg_covar=1e-6,
        max_iter=100,
        n_init=1,
        init_params="kmeans",
        weights_init=None,
        means_init=None,
        precisions_init=None,
        random_state=None,
        warm_start=False,
        verbose=0,
        verbose_interval=10,
        callback=None,
        acceleration="none",
        time_budget=None,
    ):
        super().__init__(**{name: value for name, value in locals().items() if name not in ("self", "__class__")})


WithTheirDefaults.__name__ = GaussianMixture.__name__  # error messages say it

_ONLY_PRIVATE = "Tests private functions of scikit-learn and never constructs a GaussianMixture."
_ARRAY_API = "Tests scikit-learn's array API dispatch, an experimental setting that we do not offer."

NOT_APPLICABLE = {
    "test_suffstat_sk_full": _ONLY_PRIVATE,
    "test_suffstat_sk_tied": _ONLY_PRIVATE,
    "test_suffstat_sk_diag": _ONLY_PRIVATE,
    "test_gaussian_suffstat_sk_spherical": _ONLY_PRIVATE,
    "test_compute_log_det_cholesky": _ONLY_PRIVATE,
    "test_gaussian_mixture_log_probabilities": _ONLY_PRIVATE,
    "test_gaussian_mixture_n_parameters": (
        "Calls the private _n_parameters(); tests/test_sklearn_contract.py compares mixture_.n_parameters with it."
    ),
    "test_gaussian_mixture_aic_bic": (
        "Calls the private _n_parameters(); tests/test_sklearn_contract.py compares aic and bic with scikit-learn's."
    ),
    "test_gaussian_mixture_precisions_init": "Calls the private _set_parameters() and _initialize().",
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": (
        "Counts the calls of a private function of scikit-learn through a mock."
    ),
    "test_gaussian_mixture_array_api_compliance": _ARRAY_API,
    "test_gaussian_mixture_raises_where_array_api_not_implemented": _ARRAY_API,
}


@dataclass(frozen=True)
class Difference:
    """Reason why a test of scikit-learn fails with our class, and a text that its failure must contain."""

    reason: str
    evidence: str


DIFFERENT = {
    "test_regularisation": Difference(
        "With reg_covar=0 on collapsed data scikit-learn raises ValueError; we return a repaired model and a "
        "DegenerateComponentWarning that names the component.",
        "DID NOT RAISE",
    ),
    "test_check_weights": Difference(
        "Asserts a message in which scikit-learn swaps the least and the greatest weight; ours is correct.",
        "but got max value 1.56843, min value 1.45615",
    ),
}

DIFFERENT_BY_DEFAULT = DIFFERENT | {
    "test_gaussian_mixture_precisions_init_diag": Difference(
        "Given precisions replace the search, so the two fits have different starts.",
        "gm_without_init.n_iter_ == gm_with_init.n_iter_",
    ),
    "test_init": Difference(
        "Compares fits of one iteration, after which the leading start is not the final one.",
        "gmm2.lower_bound_ >= gmm1.lower_bound_",
    ),
    "test_multiple_init": Difference("Takes n_init=5 for more than the default, which is 8.", "train2 >= train1"),
    "test_warm_start": Difference(
        "Compares fits of one and two iterations, after which different starts lead.",
        "g.weights_, h.weights_",
    ),
}


@dataclass
class Outcome:
    """Results of the test functions; a parametrized function is only in the list of its worst result."""

    passed: set[str] = field(default_factory=set)
    cases: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)  # by case, not by function
    collected: set[str] = field(default_factory=set)
    different: dict[str, Difference] = field(default_factory=lambda: DIFFERENT)
    not_applicable: dict[str, str] = field(default_factory=lambda: NOT_APPLICABLE)

    def problems(self) -> list[str]:
        """Return one sentence for each problem."""
        found = [f"{name} failed." for name in sorted(self.failed.keys() - self.different.keys())]
        gone = sorted((self.not_applicable.keys() | self.different.keys()) - self.collected)
        found += [f"{name} is in the tables but scikit-learn {sklearn.__version__} has no such test." for name in gone]
        for name in sorted(self.different.keys() & self.collected):
            if name not in self.failed:
                found.append(f"{name} is listed as a difference but did not fail.")
            elif self.different[name].evidence not in self.failed[name]:
                found.append(f"{name} failed, but not in the way that is stated.")
        if not self.passed:
            found.append("No test passed.")
        return found


class Exchange:
    """Pytest plugin that replaces their class by ours and records the results."""

    theirs: type[BaseEstimator] = TheirGaussianMixture
    modules = ("sklearn.mixture.tests.test_gaussian_mixture", "sklearn.mixture.tests.test_mixture")
    not_applicable = NOT_APPLICABLE

    def __init__(self, ours: type[BaseEstimator], different: dict[str, Difference]) -> None:
        self.ours = ours
        self.outcome = Outcome(different=different, not_applicable=self.not_applicable)

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        kept, left_out = [], []
        for item in items:
            assert isinstance(item, pytest.Function)
            if self._is_theirs_alone(item):
                left_out.append(item)
                continue
            name = item.originalname
            self.outcome.collected.add(name)
            (left_out if name in self.not_applicable else kept).append(item)
            self._exchange(item)
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.location[2].partition("[")[0]
        if report.failed:
            self.outcome.failed[name] = report.longreprtext
            self.outcome.passed.discard(name)
        elif report.skipped:
            self.outcome.skipped[report.location[2]] = str(report.longrepr[2] if report.longrepr else "")  # type: ignore[index]
        elif report.when == "call":
            self.outcome.cases += 1
            if name not in self.outcome.failed:
                self.outcome.passed.add(name)

    def _is_theirs_alone(self, item: pytest.Function) -> bool:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        estimator = parameters.get("estimator")
        return isinstance(estimator, BaseEstimator) and type(estimator).__name__ != self.theirs.__name__

    def _exchange(self, item: pytest.Function) -> None:
        name = self.theirs.__name__
        assert getattr(item.module, name).__name__ == name
        setattr(item.module, name, self.ours)
        if hasattr(item, "callspec"):
            for parameter, value in item.callspec.params.items():
                if isinstance(value, BaseEstimator):
                    params = value.get_params()
                    if "WithTheirDefaults" not in self.ours.__qualname__:  # defaults are ours
                        defaults = type(value)().get_params()
                        params = {key: given for key, given in params.items() if given is not defaults[key]}
                    item.callspec.params[parameter] = self.ours(**params)


def run_suite(exchange: Exchange) -> Outcome:
    """Run the tests of the installed scikit-learn in this process, with its default seed, in float64, without output.

    Our results are float64 for all rows; scikit-learn's own default also omits its float32 cases.
    """
    os.environ["SKLEARN_RUN_FLOAT32_TESTS"] = "0"
    package = Path(sklearn.__file__).parent
    arguments = [*_files(exchange.modules), "-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={package}"]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = pytest.main(arguments, plugins=[exchange])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest could not run the tests of scikit-learn ({status!r}):\n{said.getvalue()}")
    return exchange.outcome


def _files(modules: Iterable[str]) -> list[str]:
    files = []
    for module in modules:
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            raise FileNotFoundError(f"scikit-learn {sklearn.__version__} was installed without its tests ({module})")
        files.append(spec.origin)
    return files


def print_table(outcome: Outcome) -> None:
    print(f"\npassed: {len(outcome.passed)} tests ({outcome.cases} cases)")
    for name in sorted(outcome.passed):
        print(f"  {name}")
    print(f"\nnot applicable: {len(outcome.not_applicable)} tests")
    for name, reason in outcome.not_applicable.items():
        print(f"  {name}: {reason}")
    print(f"\ndifferent on purpose: {len(outcome.different)} tests")
    for name, difference in outcome.different.items():
        print(f"  {name}: {difference.reason}")
    print(f"\nskipped by scikit-learn itself: {len(outcome.skipped)} cases")
    for reason, count in Counter(outcome.skipped.values()).items():
        print(f"  {count} cases: {reason.removeprefix('Skipped: ')}")
    failed = sorted(outcome.failed.keys() - outcome.different.keys())
    print(f"\nfailed: {len(failed)} tests")
    for name in failed:
        print(f"  {name}\n{outcome.failed[name]}\n")


def main() -> int:
    print(f"scikit-learn {sklearn.__version__}: its tests of GaussianMixture, run on gaussmix.GaussianMixture")
    problems = []
    for said, ours, different in (
        ("with its own defaults", GaussianMixture, DIFFERENT_BY_DEFAULT),
        ("with scikit-learn's defaults", WithTheirDefaults, DIFFERENT),
    ):
        print(f"\n{said}")
        outcome = run_suite(Exchange(ours, different))
        print_table(outcome)
        problems += outcome.problems()
    for problem in problems:
        print(f"PROBLEM: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
