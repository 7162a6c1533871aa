"""The caller's handling of floating-point errors changes no result, and is not changed."""

import subprocess
import sys
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from gaussmix import (
    GaussianMixture,
    GaussianMixtureIC,
    GaussianMixtureOutlierDetector,
    Mixture,
    align,
    bootstrap,
    choose_n_components,
    compare_mixtures,
    cross_validated_log_likelihood,
    likelihood_ratio_test,
    load,
    match_components,
    merge_components,
    order_components,
    stability,
    standard_errors,
    trace_em,
)
from gaussmix.components import distances
from gaussmix.diagnostics import inspect_rows
from gaussmix.html_report import write_report
from gaussmix.imaging import (
    GaussianMixtureSegmenter,
    Picture,
    compare,
    metrics,
    segment_image,
    segment_picture,
    write_segmentation,
)
from gaussmix.plots import (
    CriterionDisplay,
    EMAnimation,
    HistogramDisplay,
    MixtureDisplay,
    PairsDisplay,
    ResponsibilityDisplay,
    TraceDisplay,
    UncertaintyDisplay,
    model_figure,
    write_figure,
)
from gaussmix.plots.geometry import marginal_densities, mass_levels
from gaussmix.plots.level_curves import decision_boundaries, density_contours
from gaussmix.selection.criteria import entropy
from gaussmix.tables import read_table, write_table


@pytest.fixture(autouse=True)
def _figures_are_closed():
    yield
    plt.close("all")


RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(240, 2)) * [1.0, 1e-3] + np.repeat([[0.0, 0.0], [60.0, 0.2], [90.0, 0.3]], 80, axis=0)
MODEL = GaussianMixture(3, random_state=0).fit(ROWS)
OTHER = GaussianMixture(2, random_state=0).fit(ROWS)
SEARCH = GaussianMixtureIC(range(1, 4), covariance_types=["VVV", "EEI"], random_state=0).fit(ROWS)
LABELS = np.repeat([0, 1], [12, 12])[None].repeat(20, axis=0)
IMAGE = (np.where(LABELS == 1, 200, 20) + RNG.normal(0, 3, LABELS.shape)).clip(0, 255).astype(np.uint8)
PICTURE, SEGMENTER = Picture(IMAGE[..., None]), GaussianMixtureSegmenter(2, random_state=0)
KNOWN = np.where(np.arange(24) % 6 == 0, LABELS, -1)
GRID = np.linspace(-100, 200, 50)

WORKFLOWS = {
    "fit": lambda at: GaussianMixture(3, random_state=0).fit(ROWS).predict_proba(ROWS),
    "fit like scikit-learn": lambda at: GaussianMixture(
        3, tol=1e-3, reg_covar=1e-6, init_params="random", random_state=0
    ).fit(ROWS),
    "fit of a table": lambda at: (
        GaussianMixture(2, random_state=0).fit(pd.DataFrame(ROWS, columns=["a", "b"])).report()
    ),
    "weights": lambda at: GaussianMixture(2, random_state=0).fit(ROWS, sample_weight=np.repeat([1e-300, 1.0], 120)),
    "tiny units": lambda at: GaussianMixture(2, random_state=0).fit(1e-140 * ROWS[:, :1]).covariances_,
    "scores": lambda at: [MODEL.bic(ROWS), MODEL.entropy(ROWS), MODEL.score(ROWS), MODEL.sample(50), MODEL.precisions_],
    "search": lambda at: print(GaussianMixtureIC(range(1, 4), random_state=0).fit(ROWS).why()),
    "cross-validation": lambda at: GaussianMixtureIC([1, 2], covariance_types=["VVV"], criterion="cv").fit(ROWS),
    "report": lambda at: print(MODEL.report(ROWS), inspect_rows(ROWS, n_components=3)),
    "trace": lambda at: trace_em(ROWS, OTHER.mixture_, 3),
    "model file": lambda at: (MODEL.mixture_.save(at / "m.json"), load(at / "m.json").sample(9)),
    "marginal": lambda at: MODEL.mixture_.marginal([0]).log_density(ROWS[:, :1]),
    "distribution": lambda at: [
        MODEL.mixture_.cdf(ROWS[:9], return_error=True),
        MODEL.mixture_.marginal([0]).quantile([0, 1e-300, 0.5, 1]),
        MODEL.mixture_.modes(),
        MODEL.mixture_.entropy(),
        MODEL.mixture_.density_level(0.9),
        MODEL.mixture_.log_density_distribution().cdf([-1e300, -1e3]),
        MODEL.mixture_.log_density_distribution().cdf_error([-1e300, -1e3]),
    ],
    "outliers": lambda at: (
        GaussianMixtureOutlierDetector(contamination=0.1, random_state=0)
        .fit(ROWS)
        .p_values(1e9 * ROWS, return_error=True),
        print(GaussianMixtureOutlierDetector(2, calibration=0.2, random_state=0).fit(ROWS).explain(1e9 * ROWS)),
    ),
    "bootstrap": lambda at: print(bootstrap(MODEL, ROWS, n_draws=5, random_state=0)),
    "parametric bootstrap": lambda at: bootstrap(MODEL, ROWS, kind="parametric", n_draws=3, random_state=0).interval(),
    "standard errors": lambda at: print(standard_errors(MODEL, ROWS)),
    "likelihood ratio": lambda at: print(likelihood_ratio_test(ROWS, 1, n_draws=3, random_state=0)),
    "number of components": lambda at: print(choose_n_components(ROWS, n_draws=19, up_to=2, random_state=0)),
    "stability": lambda at: print(stability(MODEL, ROWS, n_draws=3, random_state=0)),
    "held out": lambda at: print(cross_validated_log_likelihood(MODEL, ROWS, n_folds=3)),
    "matching": lambda at: (match_components(MODEL.mixture_, MODEL.mixture_), align(MODEL.mixture_, MODEL.mixture_)),
    "order": lambda at: order_components(MODEL.mixture_, "principal"),
    "comparison": lambda at: print(compare_mixtures(MODEL.mixture_, OTHER.mixture_)),
    "criteria": lambda at: entropy(MODEL.predict_proba(ROWS)),
    "html": lambda at: write_report(at / "r.html", MODEL, ROWS, n_components=[2, 3]),
    "figure": lambda at: write_figure(at / "f.png", model_figure(MODEL.mixture_, ROWS)),
    "animation": lambda at: EMAnimation(trace_em(ROWS, OTHER.mixture_, 2), ROWS).save(at / "a.html"),
    "criterion": lambda at: CriterionDisplay.from_estimator(SEARCH),
    "curve of a trace": lambda at: TraceDisplay.from_estimator(MODEL),
    "curves": lambda at: (
        density_contours(MODEL.mixture_, GRID, GRID / 100, [1e-3, 1e-9]),
        decision_boundaries(MODEL.mixture_, GRID, GRID / 100),
        mass_levels(MODEL.mixture_, [0.5, 0.9], n_points=4096),
        marginal_densities(MODEL.mixture_, 0, GRID),
    ),
    "table": lambda at: (write_table(at / "t.csv", {"a": ROWS[:, 0]}), read_table(at / "t.csv")),
    "image": lambda at: segment_image(IMAGE, 2, random_state=0),
    "picture": lambda at: write_segmentation(at / "out", segment_picture(PICTURE, SEGMENTER), fractions=True),
    "known pixels": lambda at: segment_image(IMAGE, 2, labels=KNOWN, random_state=0),
    "number of classes": lambda at: segment_image(IMAGE, "auto", smoothing=0, random_state=0),
    "ways to segment": lambda at: compare(IMAGE, 2, n_seeds=2, random_state=0).figure(),
    "metrics": lambda at: [measure(LABELS, 1 - LABELS) for measure in (metrics.dice, metrics.covering)],
}
WORKFLOWS |= {
    f"merging by {method}": partial(
        lambda at, method: print(merge_components(MODEL.mixture_, ROWS, method=method).text()), method=method
    )
    for method in ("entropy", "ridgeline-ratio", "ridgeline-unimodal", "high-density", "bhattacharyya", "demp")
}
WORKFLOWS |= {
    name: partial(lambda at, distance: distance(MODEL.mixture_, OTHER.mixture_), distance=getattr(distances, name))
    for name in ("kullback_leibler", "jeffreys", "bhattacharyya", "overlap", "squared_wasserstein", "total_variation")
}
WORKFLOWS |= {
    display.__name__: partial(lambda at, display: display.from_estimator(MODEL, ROWS), display=display)
    for display in (MixtureDisplay, PairsDisplay, ResponsibilityDisplay, UncertaintyDisplay)
}
WORKFLOWS["HistogramDisplay"] = lambda at: HistogramDisplay.from_estimator(MODEL.mixture_.marginal([0]), ROWS[:, :1])


@pytest.mark.slow
@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_area_works_where_all_floating_point_errors_raise(name, tmp_path):
    with np.errstate(all="raise"):
        before = np.geterr()
        WORKFLOWS[name](tmp_path)
        assert np.geterr() == before


def test_results_are_the_same_where_underflow_raises():
    with np.errstate(under="raise"):
        strict = GaussianMixture(3, random_state=0).fit(ROWS)
    np.testing.assert_array_equal(strict.means_, MODEL.means_)
    np.testing.assert_array_equal(strict.predict_proba(ROWS), MODEL.predict_proba(ROWS))


def test_a_failed_fit_leaves_the_handling_as_it_was():
    with np.errstate(all="raise"):
        before = np.geterr()
        for wrong, message in (
            (np.full((5, 2), np.inf), "infinity"),
            (np.ones((1, 2)), "minimum of 2"),
            ("rows", "a path"),
        ):
            with pytest.raises(ValueError, match=message):
                GaussianMixture(2).fit(wrong)
        with pytest.raises(ValueError, match="means must be finite"):
            Mixture.from_parameters([1.0], [[np.inf]], [[[1.0]]])
        assert np.geterr() == before


@pytest.mark.parametrize("handling", ["raise", "warn", "ignore"])
def test_the_package_is_imported_whatever_the_handling(handling):
    script = f"""
import numpy as np
np.seterr(all={handling!r})
before = np.geterr()
import importlib, pkgutil
import gaussmix
for module in pkgutil.walk_packages(gaussmix.__path__, "gaussmix."):
    if not module.name.endswith("main__"):
        try:
            importlib.import_module(module.name)
        except gaussmix.MissingDependencyError:
            pass
rows = np.random.default_rng(0).normal(size=(300, 2)) + np.repeat([[0.0], [60.0]], 150, axis=0)
gaussmix.GaussianMixture(2, random_state=0).fit(rows).predict_proba(rows)
gaussmix.GaussianMixtureIC(range(1, 4), covariance_types=["EII", "VVV"], random_state=0).fit(rows).why()
assert np.geterr() == before
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=300)
    assert done.stderr == ""
    assert done.returncode == 0
