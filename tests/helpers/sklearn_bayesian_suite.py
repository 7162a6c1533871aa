"""Run scikit-learn's own tests of its BayesianGaussianMixture against gaussmix.BayesianGaussianMixture.

As in sklearn_suite.py: every test must pass, except those that the tables name with a reason; and the suite runs twice,
with our class, whose defaults are a search, and with scikit-learn's defaults.
"""

import sys

import sklearn
from sklearn.mixture import BayesianGaussianMixture as TheirBayesianGaussianMixture

from gaussmix import BayesianGaussianMixture
from helpers.sklearn_suite import Difference, Exchange, print_table, run_suite


class WithTheirDefaults(BayesianGaussianMixture):
    """Our class with scikit-learn's defaults instead of "auto"."""

    def __init__(
        self,
        *,
        n_components=1,
        covariance_type="full",
        tol=1e-3,
        reg_covar=1e-6,
        max_iter=100,
        n_init=1,
        init_params="kmeans",
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=None,
        mean_precision_prior=None,
        mean_prior=None,
        degrees_of_freedom_prior=None,
        covariance_prior=None,
        random_state=None,
        warm_start=False,
        verbose=0,
        verbose_interval=10,
        callback=None,
        acceleration="none",
        time_budget=None,
        prune="auto",
    ):
        super().__init__(**{name: value for name, value in locals().items() if name not in ("self", "__class__")})


WithTheirDefaults.__name__ = BayesianGaussianMixture.__name__  # error messages say it


NOT_APPLICABLE = {
    "test_log_dirichlet_norm": "Tests a private function of scikit-learn.",
    "test_log_wishart_norm": "Tests a private function of scikit-learn.",
    "test_compare_covar_type": "Calls the private _check_parameters() and _initialize_parameters().",
}


class BayesianExchange(Exchange):
    """Exchange of the Bayesian class."""

    theirs = TheirBayesianGaussianMixture
    modules = ("sklearn.mixture.tests.test_bayesian_mixture", "sklearn.mixture.tests.test_mixture")
    not_applicable = NOT_APPLICABLE


DIFFERENT = {
    "test_monotonic_likelihood": Difference(
        "With acceleration='none' and reg_covar=1e-6 our bound, which has all constants, may fall in the last digits: "
        "scikit-learn's step does not maximize it exactly.",
        "assert current_lower_bound >= prev_lower_bound",
    ),
}

DIFFERENT_BY_DEFAULT = {
    "test_check_covariance_precision": Difference(
        "Expects n_components covariances; a search removes components without rows.", "mismatch"
    ),
}


def main() -> int:
    print(f"scikit-learn {sklearn.__version__}: its tests of BayesianGaussianMixture, run on ours")
    problems = []
    for said, ours, different in (
        ("with its own defaults", BayesianGaussianMixture, DIFFERENT_BY_DEFAULT),
        ("with scikit-learn's defaults", WithTheirDefaults, DIFFERENT),
    ):
        print(f"\n{said}")
        outcome = run_suite(BayesianExchange(ours, different))
        print_table(outcome)
        problems += outcome.problems()
    for problem in problems:
        print(f"PROBLEM: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
